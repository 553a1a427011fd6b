/* test_soak.c - a server that keeps something of each session is found out by what it keeps, one
 * that ends is, and one that does neither is left alone. */
#include "harness/suite/soak.h"
#include "harness/tests/honest_server.h"
#include "impl/tests/unit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEPT       65536
#define SESSIONS   32  /* correct ones */
#define PATIENCE_S 100 /* 2 suffice where nothing else runs */
#define ENDS_AFTER 9

/* --- the server ------------------------------------------------------------------------------ */

static unsigned served;

static void keep_nothing(void)
{
}

static void keep_memory(void)
{
    static void *all;
    void **one = malloc(KEPT);

    memset(one, 1, KEPT);
    *one = all; /* it can be reached: no leak to a sanitizer */
    all = one;
}

static void keep_descriptor(void)
{
    (void)!open("/dev/null", O_RDONLY);
}

static void end(void)
{
    if (++served == ENDS_AFTER)
        _exit(0);
}

static const struct row {
    const char *name;
    void (*after_each)(void);
    int grows; /* enum soak_quantity, -1: none */
    bool ends;
} rows[] = {
    {"nothing",    keep_nothing,    -1,               false},
    {"memory",     keep_memory,     SOAK_MEMORY,      false},
    {"descriptor", keep_descriptor, SOAK_DESCRIPTORS, false},
    {"end",        end,             -1,               true },
};

/* --- the test -------------------------------------------------------------------------------- */

static void check(const struct row *row, const char *self)
{
    static struct soak soak;
    struct text why = {0}, reason = {0};
    struct script_error error;
    struct suite suite = {
        .settings = {.timeout_scale = 1, .jobs = 1, .share_network = true},
    };

    snprintf(suite.settings.build.server_cmd, sizeof suite.settings.build.server_cmd,
             "%s --be %s {port}", self, row->name);
    /* What ASAN holds back of freed memory looks like a leak. */
    suite.settings.build.env[0] =
        "ASAN_OPTIONS=quarantine_size_mb=0:thread_local_quarantine_size_kb=0:detect_leaks=0";
    assert_true(script_read(&suite.cases, "t",
                            "case x/short\nclause FLOW-1\nplays client\n\nadvance PARAM_EXCHANGE\n",
                            &error));
    if (!row->ends && suite_probe(&suite.settings, &suite.cases, &why) < SUITE_REFUSES)
        fail_msg("%s cannot be judged: %s", row->name, text_string(&why));
    struct soak_limits limits = {.seconds = PATIENCE_S, .correct = row->ends ? 12 : SESSIONS};
    if (!soak_run(&suite, limits, &soak, NULL, NULL, &why))
        fail_msg("%s: %s", row->name, text_string(&why));
    int status = soak_exit_status(&soak, &reason);
    for (int q = 0; q < SOAK_SERVICE; q++)
        if (soak.grows[q] != (q == row->grows))
            fail_msg("%s: %s is said to %s: %f to %f", row->name, soak_word((enum soak_quantity)q),
                     soak.grows[q] ? "grow" : "stay", soak.slopes[q].low, soak.slopes[q].high);
    if ((soak.restarts > 0) != row->ends)
        fail_msg("%s: %u restarts", row->name, soak.restarts);
    if (!soak.grows[SOAK_SERVICE] && status != (row->ends || row->grows >= 0))
        fail_msg("%s: status %d: %s", row->name, status, text_string(&reason));
    text_fini(&why);
    text_fini(&reason);
    suite_fini(&suite);
}

static void test_soak_run_tells_what_grows(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        check(&rows[i], *state);
}

int main(int argc, char **argv)
{
    char self[1024];
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(test_soak_run_tells_what_grows, self),
    };

    for (size_t i = 0; argc >= 4 && strcmp(argv[1], "--be") == 0 && i < ARRAY_LEN(rows); i++)
        if (strcmp(argv[2], rows[i].name) == 0)
            return serve_honestly((unsigned)strtoul(argv[3], NULL, 10), rows[i].after_each);
    self[MAX(len, 0)] = '\0';
    subject_adopt_orphans();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
