/* Captured sessions as scripts: they parse, say what was sent, and what cannot be played is refused
 * with its reason. */
#include "harness/capture/convert.h"
#include "harness/script/script.h"
#include "harness/subject/subject.h"
#include "harness/tests/doctor.h"
#include "impl/net/auth.h"

#include <glob.h>

struct conversion_test {
    struct convert_request request;
    uint64_t wanted;      /* session */
    uint64_t n_datagrams; /* its client's first stream is to have sent; 0: as captured */
    struct text script, why;
    bool is_found, is_good;
    struct session list;
};

static void on_event(void *context, struct track_session *s, const struct track_event *event)
{
    if (s->number == ((struct conversion_test *)context)->wanted)
        timeline_collect(s, event);
}

static void on_done(void *context, struct track_session *s)
{
    struct conversion_test *t = context;

    if (s->number == t->wanted) {
        if (t->n_datagrams > 0) {
            struct stream_udp *first = &s->streams[0]->udp[OBSERVER_CLIENT];
            first->n = first->account.packets = t->n_datagrams;
        }
        t->is_found = true;
        t->is_good = convert_script(&t->request, s->user, s, &t->script, &t->why);
        convert_list(s->user, s, t->request.us, &t->list);
    }
    timeline_discard(s);
}

static const struct conversion_test usual = {
    .request = {OBSERVER_CLIENT, "x.pcap", "captured/x", 1, NULL, NULL, NULL},
      .wanted = 1
};

/* Convert a session of the first n packets. */
static struct conversion_test convert(const struct capfile *f, size_t n, enum observer_side us,
                                      uint64_t wanted)
{
    struct conversion_test t = usual;
    struct track_user user = {on_event, on_done, &t};

    t.request.us = us;
    t.wanted = wanted;
    capfile_feed(f, n, &user);
    return t;
}

static void fini(struct conversion_test *t)
{
    text_fini(&t->script);
    text_fini(&t->why);
    session_fini(&t->list);
}

static void on_problem(void *context, const struct script_error *problem)
{
    struct text words = {0};

    script_error_format(problem, &words);
    fail_msg("%s: %s", (const char *)context, text_string(&words));
}

/* The script is one that the parser takes, and lint has nothing against it. */
static void expect_script(const struct conversion_test *t, const char *name)
{
    struct script_list list = {0};
    struct script_error error;
    struct text words = {0};

    if (!t->is_good)
        fail_msg("%s: %s", name, text_string(&t->why));
    if (!script_read(&list, name, text_string(&t->script), &error)) {
        script_error_format(&error, &words);
        fail_msg("%s: %s\n%s", name, text_string(&words), text_string(&t->script));
    }
    assert_int_equal(list.n, 1);
    script_check(list.at[0], on_problem, (void *)(uintptr_t)name);
    script_list_fini(&list);
}

static void test_every_capture_becomes_a_script_of_either_side(void **state)
{
    glob_t found;

    (void)state;
    assert_int_equal(glob("pcaps/*.pcap.gz", 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        struct capfile f;
        assert_true(capfile_read(&f, found.gl_pathv[i]));
        for (int us = OBSERVER_CLIENT; us <= OBSERVER_SERVER; us++) {
            for (uint64_t n = 1; n <= 2; n++) {
                struct conversion_test t = convert(&f, f.n, (enum observer_side)us, n);
                if (n == 1 || t.is_found)
                    expect_script(&t, found.gl_pathv[i]);
                fini(&t);
            }
        }
        capfile_fini(&f);
    }
    globfree(&found);
}

static void expect_line(const struct conversion_test *t, const char *line)
{
    if (strstr(text_string(&t->script), line) == NULL)
        fail_msg("'%s' is not in\n%s", line, text_string(&t->script));
}

/* What a client was asked for is asked of the subject. */
static void test_convert_script_rebuilds_every_option(void **state)
{
    static const struct {
        const char *member, *option;
    } rows[] = {
        {"\"dont_fragment\":1",         " --dont-fragment"     },
        {"\"skip_rx_copy\":1",          " --skip-rx-copy"      },
        {"\"gso\":1",                   " --gsro"              },
        {"\"server_affinity\":3",       " -A 0,3"              },
        {"\"flowlabel\":7",             " -L 7"                },
        {"\"title\":\"two words\"",     " -T 'two words'\n"    },
        {"\"title\":\"it's\"",          " -T \"it's\"\n"       },
        {"\"title\":\"\"",              " -T ''\n"             },
        {"\"title\":\"Z\xc3\xbcrich\"", " -T Z\xc3\xbcrich\n"  },
        {"\"title\":\"{a}\"",           "\n# left out: -T "    },
        {"\"extra_data\":\"a#b\"",      " --extra-data 'a#b'\n"},
        {"\"extra_data\":\"{keys}\"",
         " -l 1000 -b 400000 --repeating-payload\n"            }, /* cannot be given */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct capfile f;
        char with[128];
        size_t at = 0;
        assert_true(capfile_read(&f, "pcaps/3.22-3.22-udp.pcap.gz"));
        struct doctor doc = doctor_connection(&f, 0);
        size_t packet = doctor_find(&doc, OBSERVER_CLIENT, WIRE("\"gso\":0,"), 0, &at);
        snprintf(with, sizeof with, "%s,", rows[i].member);
        doctor_splice(&doc, OBSERVER_CLIENT, packet, at, 0,
                      (struct bytes){(uint8_t *)with, strlen(with)});
        doctor_fix_length(&doc, OBSERVER_CLIENT, packet, (int32_t)strlen(with));
        struct conversion_test t = convert(&f, f.n, OBSERVER_SERVER, 1);
        expect_script(&t, rows[i].member);
        expect_line(&t, rows[i].option);
        fini(&t);
        capfile_fini(&f);
    }
}

static void test_convert_script_says_what_was_sent(void **state)
{
    static const struct {
        const char *capture, *line;
        enum observer_side us;
    } rows[] = {
        {"3.22-3.22-tcp",              "stream 1 send data 131072\n",                                      OBSERVER_CLIENT},
        {"3.22-3.22-udp",              "stream 1 send datagrams 1..50 until 1002ms after TEST_RUNNING\n#",
         OBSERVER_CLIENT                                                                                                  },
        {"3.22-3.22-udp",              "subject  -u -t 1 -l 1000 -b 400000",                               OBSERVER_SERVER},
        {"3.22-3.22-udp-unlimited",    "subject  -u -n 307200 -l 1000 -b 0",                               OBSERVER_SERVER},
        {"3.22-3.22-bidir",            "stream 3 send data ",                                              OBSERVER_SERVER},
        {"3.22-3.22-server-error",     "expect   server-error IESETBUF2 or end\n",                         OBSERVER_CLIENT},
        {"3.22-3.22-server-error",     "send     server-error 141 errno 0\n",                              OBSERVER_SERVER},
        {"3.12-3.12-client-terminate", "send     state CLIENT_TERMINATE\n",                                OBSERVER_CLIENT},
        {"3.12-3.12-client-terminate", "expect   state CLIENT_TERMINATE\n",                                OBSERVER_SERVER},
        {"3.18-3.18-server-killed",    "subject  signal KILL\n",                                           OBSERVER_CLIENT},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char path[128];
        struct capfile f;
        snprintf(path, sizeof path, "pcaps/%s.pcap.gz", rows[i].capture);
        assert_true(capfile_read(&f, path));
        struct conversion_test t = convert(&f, f.n, rows[i].us, 1);
        expect_line(&t, rows[i].line);
        fini(&t);
        capfile_fini(&f);
    }
}

/* Of fifty datagrams every third was captured. */
static void test_convert_script_plays_as_many_datagrams_as_came(void **state)
{
    struct capfile f;
    unsigned n = 0;

    (void)state;
    assert_true(capfile_read(&f, "pcaps/3.22-3.22-udp.pcap.gz"));
    for (size_t i = 0; i < f.n; i++)
        f.packets[i].is_dropped = f.packets[i].wire_len > 1000 && n++ % 3 != 1;
    struct conversion_test t = convert(&f, f.n, OBSERVER_CLIENT, 1);
    expect_line(&t, "stream 1 send datagrams 1..16 ");
    expect_line(&t, "stream 1 send datagrams 50..50\n");
    expect_script(&t, "every third datagram");
    fini(&t);
    capfile_fini(&f);
}

/* More than the language has in one step, as at 10 Gbit/s in a second. */
static void test_convert_script_plays_millions_of_datagrams(void **state)
{
    struct conversion_test t = usual;
    struct track_user user = {on_event, on_done, &t};
    struct capfile f;

    (void)state;
    t.n_datagrams = 2500000;
    assert_true(capfile_read(&f, "pcaps/3.22-3.22-udp.pcap.gz"));
    capfile_feed(&f, f.n, &user);
    expect_line(&t, "stream 1 send datagrams 1..1000000 until 400ms after TEST_RUNNING\n"
                    "stream 1 send datagrams 1000001..2000000 until 801ms after TEST_RUNNING\n"
                    "stream 1 send datagrams 2000001..");
    expect_script(&t, "millions of datagrams");
    fini(&t);
    capfile_fini(&f);
}

/* The list holds every byte that the side sent on its control connection. */
static void test_convert_list_holds_what_was_sent(void **state)
{
    struct capfile f;
    struct text sent = {0};

    (void)state;
    assert_true(capfile_read(&f, "pcaps/3.22-3.22-tcp.pcap.gz"));
    struct conversion_test t = convert(&f, f.n, OBSERVER_SERVER, 1);
    for (size_t i = 0; i < t.list.n; i++)
        if (t.list.messages[i].from == SESSION_US)
            session_encode(&t.list.messages[i], &sent);
    assert_int_equal(sent.len, 6 + 4 + 304);
    assert_memory_equal(sent.at, "\x09\x0a\x01\x02\x0d\0\0\x01\x30{", 10);
    assert_int_equal(sent.at[sent.len - 1], 14);
    text_fini(&sent);
    fini(&t);
    capfile_fini(&f);
}

static void expect_refusal(const struct capfile *f, size_t n, const char *words)
{
    struct conversion_test t = convert(f, n, OBSERVER_CLIENT, 1);

    if (t.is_good || strstr(text_string(&t.why), words) == NULL)
        fail_msg("'%s', not '%s'", text_string(&t.why), words);
    fini(&t);
}

static void test_convert_script_refuses_what_is_cut(void **state)
{
    struct capfile f;
    size_t at = 0;

    (void)state;
    assert_true(capfile_read(&f, "pcaps/3.12-3.12-parallel.pcap.gz"));
    struct doctor doc = doctor_connection(&f, 0);
    size_t i = doctor_find(&doc, OBSERVER_CLIENT, WIRE("\"parallel\":"), 0, &at);
    doctor_splice(&doc, OBSERVER_CLIENT, i, at + 11, 1, WIRE("1"));
    expect_refusal(&f, f.n, "more streams");
    capfile_fini(&f);
    assert_true(capfile_read(&f, "pcaps/3.12-3.12-time.pcap.gz"));
    expect_refusal(&f, 30, "not over when the capture ended");
    f.packets[8].snap = 100; /* the parameters' text */
    expect_refusal(&f, f.n, "not captured");
    for (i = 0; i < 20; i++)
        f.packets[i].is_dropped = true;
    expect_refusal(&f, f.n, "began before the capture");
    capfile_fini(&f);
}

/* AUTH-8: without the key it can only be refused; that it was made with another key is said. */
static void test_convert_script_tells_what_becomes_of_a_token(void **state)
{
    struct subject_keys keys;
    struct capfile f;
    struct text why = {0};
    char path[320];

    (void)state;
    assert_true(capfile_read(&f, "pcaps/3.22-3.22-auth.pcap.gz"));
    struct conversion_test t = convert(&f, f.n, OBSERVER_CLIENT, 1);
    expect_line(&t, "needs    auth\n");
    expect_line(&t, "expect   server-error IEAUTHTEST or end\n");
    fini(&t);
    assert_true(subject_keys_make(&keys, &why));
    snprintf(path, sizeof path, "%s/private.pem", keys.dir);
    struct auth_key *key = auth_load_private(path, (char[256]){0}, 256);
    struct conversion_test other = {
        .request = {OBSERVER_CLIENT, "x.pcap", "captured/x", 1, key, path, NULL},
          .wanted = 1
    };
    capfile_feed(&f, f.n, &(struct track_user){on_event, on_done, &other});
    assert_false(other.is_good);
    assert_string_equal(text_string(&other.why), "its token does not open with the key");
    fini(&other);
    auth_key_free(key);
    subject_keys_remove(&keys);
    capfile_fini(&f);
}

/* Of a client's token, the text that stands between quotes is replaced. */
static void replace_token(struct capfile *f, const char *token)
{
    struct bytes key = WIRE("\"authtoken\":\"");
    struct doctor doc = doctor_connection(f, 0);
    struct dissected d;
    size_t at = 0;
    size_t i = doctor_find(&doc, OBSERVER_CLIENT, key, 0, &at);

    doctor_look(f, i, &d);
    at += key.len;
    const uint8_t *end = memchr(d.payload.at + at, '"', d.payload.len - at);
    assert_non_null(end);
    size_t len = (size_t)(end - d.payload.at) - at;
    doctor_splice(&doc, OBSERVER_CLIENT, i, at, len,
                  (struct bytes){(const uint8_t *)token, strlen(token)});
    doctor_fix_length(&doc, OBSERVER_CLIENT, i, (int32_t)(strlen(token) - len));
}

/* AUTH-7: a server takes one padding only, so that it matters with which the token came. */
static void test_convert_signs_a_token_with_the_padding_it_had(void **state)
{
    struct token_claim claim = {.user = "mario", .password = "rossi", .time_s = 1000000000};
    char path[320], token[TOKEN_TEXT_MAX];
    struct subject_keys keys;
    struct text why = {0};

    (void)state;
    assert_true(subject_keys_make(&keys, &why));
    snprintf(path, sizeof path, "%s/private.pem", keys.dir);
    struct auth_key *key = auth_load_private(path, (char[256]){0}, 256);
    for (int pkcs1 = 0; pkcs1 < 2; pkcs1++) {
        struct capfile f;
        assert_true(capfile_read(&f, "pcaps/3.22-3.22-auth.pcap.gz"));
        assert_int_equal(auth_seal(key, pkcs1, &claim, token, sizeof token), SPEC_OK);
        replace_token(&f, token);
        struct conversion_test t = {
            .request = {OBSERVER_CLIENT, "x.pcap", "captured/x", 1, key, path, NULL},
              .wanted = 1
        };
        capfile_feed(&f, f.n, &(struct track_user){on_event, on_done, &t});
        expect_script(&t, "a token");
        expect_line(&t, pkcs1 ? " at now padding pkcs1 key " : " at now padding oaep key ");
        fini(&t);
        capfile_fini(&f);
    }
    auth_key_free(key);
    subject_keys_remove(&keys);
}

/* One that was interrupted says 10 now instead of 0c. */
static void test_convert_plays_a_client_that_leaves_before_its_time(void **state)
{
    struct capfile f;

    (void)state;
    assert_true(capfile_read(&f, "pcaps/3.22-3.22-client-terminate.pcap.gz"));
    assert_string_equal(capfile_judge(&f, f.n).ending, "ended by the client");
    struct doctor doc = doctor_connection(&f, 0);
    size_t i = doctor_packet(&doc, OBSERVER_CLIENT, 3, false);
    doctor_splice(&doc, OBSERVER_CLIENT, i, 0, 1, WIRE("\x10"));
    assert_string_equal(capfile_judge(&f, f.n).ending,
                        "ended by the client with IPERF_DONE in TEST_RUNNING");
    struct conversion_test t = convert(&f, f.n, OBSERVER_CLIENT, 1);
    expect_script(&t, "10 for 0c");
    expect_line(&t, "send     state IPERF_DONE\nexpect   server-error or end\n");
    fini(&t);
    t = convert(&f, f.n, OBSERVER_SERVER, 1);
    assert_false(t.is_good);
    assert_non_null(strstr(text_string(&t.why), "left before its time"));
    fini(&t);
    capfile_fini(&f);
}

/* A line feed would end the comment that tells the name. */
static void test_convert_script_bears_any_file_name(void **state)
{
    struct conversion_test t = usual;
    struct capfile f;

    (void)state;
    t.request.file = "x\nclose\x7f.pcap";
    assert_true(capfile_read(&f, "pcaps/3.22-3.22-tcp.pcap.gz"));
    capfile_feed(&f, f.n, &(struct track_user){on_event, on_done, &t});
    expect_script(&t, "a line feed in the name");
    expect_line(&t, "# Session 1 of x?close?.pcap: ");
    fini(&t);
    capfile_fini(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_capture_becomes_a_script_of_either_side),
        cmocka_unit_test(test_convert_script_rebuilds_every_option),
        cmocka_unit_test(test_convert_script_says_what_was_sent),
        cmocka_unit_test(test_convert_script_plays_as_many_datagrams_as_came),
        cmocka_unit_test(test_convert_script_plays_millions_of_datagrams),
        cmocka_unit_test(test_convert_list_holds_what_was_sent),
        cmocka_unit_test(test_convert_script_refuses_what_is_cut),
        cmocka_unit_test(test_convert_script_tells_what_becomes_of_a_token),
        cmocka_unit_test(test_convert_signs_a_token_with_the_padding_it_had),
        cmocka_unit_test(test_convert_plays_a_client_that_leaves_before_its_time),
        cmocka_unit_test(test_convert_script_bears_any_file_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
