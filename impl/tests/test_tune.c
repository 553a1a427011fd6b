#include "impl/tune.h"

#include "impl/net/sock.h"
#include "impl/tests/loopback.h"
#include "impl/tests/unit.h"
#include "impl/wire/ierr.h"

#include <netinet/tcp.h>

/* The kernel's answer for one option. */
static int option(int fd, int level, int name)
{
    int value = 0;
    socklen_t len = sizeof value;

    assert_int_equal(getsockopt(fd, level, name, &value, &len), 0);
    return value;
}

static struct params params_of(const char *text)
{
    struct params p;

    assert_int_equal(params_decode((struct bytes){(const uint8_t *)text, strlen(text)}, &p, NULL),
                     SPEC_OK);
    return p;
}

static const struct granted {
    const char *name, *params;
    int type, level, option, value;
} granted[] = {
    {"OPT-13 nodelay",        "{\"nodelay\":true}",                 SOCK_STREAM, IPPROTO_TCP, TCP_NODELAY,        1             },
    {"OPT-18 TOS",            "{\"TOS\":16}",                       SOCK_STREAM, IPPROTO_IP,  IP_TOS,             16            },
    {"OPT-18 TOS, UDP",       "{\"udp\":true,\"TOS\":16}",          SOCK_DGRAM,  IPPROTO_IP,  IP_TOS,             16            },
    {"OPT-11 window",         "{\"window\":20000}",                 SOCK_STREAM, SOL_SOCKET,  SO_RCVBUF,          40000         },
    {"OPT-11 window, UDP",    "{\"udp\":true,\"window\":20000}",    SOCK_DGRAM,  SOL_SOCKET,  SO_SNDBUF,
     40000                                                                                                                      },
    {"OPT-15 fqrate",         "{\"fqrate\":8000000}",               SOCK_STREAM, SOL_SOCKET,  SO_MAX_PACING_RATE, 1000000       },
    {"OPT-28 dont_fragment",  "{\"udp\":true,\"dont_fragment\":1}", SOCK_DGRAM,  IPPROTO_IP,
     IP_MTU_DISCOVER,                                                                                             IP_PMTUDISC_DO},
    {"CONN-10 user time-out", "{}",                                 SOCK_STREAM, IPPROTO_TCP, TCP_USER_TIMEOUT,   1234          },
};

static void test_tune_stream_sets_what_was_asked_for(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(granted); i++) {
        struct params p = params_of(granted[i].params);
        int fd = socket(AF_INET, granted[i].type, 0), got;

        assert_int_equal(tune_stream(fd, &p, 1234), 0);
        got = option(fd, granted[i].level, granted[i].option);
        if (got != granted[i].value)
            fail_msg("%s: %d, not %d", granted[i].name, got, granted[i].value);
        close(fd);
        params_fini(&p);
    }
}

static const struct refused {
    const char *name, *params;
    int ierr;
} refused[] = {
    {"PARAM-12 MSS",         "{\"MSS\":1}",                         IESETMSS },
    {"PARAM-18 window",      "{\"window\":536870912}",              IESETBUF2},
    {"PARAM-18 window, UDP", "{\"udp\":true,\"window\":536870912}", IESETBUF2},
};

static void test_tune_tells_what_the_kernel_refuses(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        struct params p = params_of(refused[i].params);
        int fd = socket(AF_INET, p.udp ? SOCK_DGRAM : SOCK_STREAM, 0);

        if (tune_stream(fd, &p, 0) != refused[i].ierr || tune_try(&p) != refused[i].ierr)
            fail_msg("%s: not %d", refused[i].name, refused[i].ierr);
        close(fd);
        params_fini(&p);
    }
}

static void test_tune_try_leaves_no_descriptor(void **state)
{
    struct params p = params_of("{\"TOS\":16,\"nodelay\":true}");
    int before = dup(0), after;

    (void)state;
    close(before);
    assert_int_equal(tune_try(&p), 0);
    after = dup(0);
    close(after);
    assert_int_equal(after, before);
    params_fini(&p);
}

static void test_tune_congestion_is_a_matter_of_tcp(void **state)
{
    struct params known = params_of("{\"congestion\":\"reno\"}"),
                  unknown = params_of("{\"congestion\":\"none such\"}"),
                  udp = params_of("{\"udp\":true,\"congestion\":\"none such\"}");
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    (void)state;
    assert_int_equal(tune_congestion(fd, &known), 0);
    assert_int_equal(tune_congestion(fd, &unknown), IESETCONGESTION);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(tune_congestion(fd, &udp), 0);
    assert_int_equal(tune_stream(fd, &unknown, 0), 0); /* PARAM-36: a server goes on */
    close(fd);
    params_fini(&known);
    params_fini(&unknown);
    params_fini(&udp);
}

/* On loopback, where a segment is half of the 64 KiB that the accepting end offered. */
static const struct accepted {
    const char *name, *params;
    int rcvbuf; /* 0: the system's own */
} accepted[] = {
    {"smaller than a segment", "{\"window\":4096}",               65534},
    {"somewhat smaller",       "{\"window\":32766}",              65534},
    {"larger",                 "{\"window\":40000}",              80000},
    {"segments are shorter",   "{\"window\":4096,\"MSS\":1000}",  8192 },
    {"shorter, and more",      "{\"window\":4096,\"MSS\":10000}", 20000},
    {"MSS alone",              "{\"MSS\":1000}",                  0    },
};

static void test_tune_accepted_leaves_room_for_a_segment(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(accepted); i++) {
        struct params p = params_of(accepted[i].params);
        int fd[2], untouched;

        tcp_pair(fd);
        untouched = option(fd[1], SOL_SOCKET, SO_RCVBUF);
        assert_int_equal(tune_stream(fd[1], &p, 0), 0);
        assert_int_equal(tune_accepted(fd[1], &p), 0);
        if (option(fd[1], SOL_SOCKET, SO_RCVBUF) !=
            (accepted[i].rcvbuf ? accepted[i].rcvbuf : untouched))
            fail_msg("%s: %d", accepted[i].name, option(fd[1], SOL_SOCKET, SO_RCVBUF));
        close(fd[0]);
        close(fd[1]);
        params_fini(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tune_stream_sets_what_was_asked_for),
        cmocka_unit_test(test_tune_tells_what_the_kernel_refuses),
        cmocka_unit_test(test_tune_try_leaves_no_descriptor),
        cmocka_unit_test(test_tune_congestion_is_a_matter_of_tcp),
        cmocka_unit_test(test_tune_accepted_leaves_room_for_a_segment),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
