/* Ladder diagrams: well-formed whatever the peers say, and with what was captured in them. */
#include "harness/report/ladder.h"
#include "harness/tests/capfile.h"
#include "impl/tests/unit.h"
#include "impl/wire/state.h"

#include <ctype.h>

/* --- a reader of just so much XML as there is ---------------------------------------------------
 */

struct reader {
    const char *at;
    char open[32][16]; /* names of the elements around */
    size_t depth;
    bool is_html; /* some elements have no end */
};

static bool read_tag(struct reader *r)
{
    char name[16] = "";
    size_t n = 0, len = strcspn(r->at, ">");
    bool is_end = r->at[1] == '/', is_alone = r->at[len - 1] == '/';

    for (const char *at = r->at + 1 + is_end; isalnum((unsigned char)*at) && n < 15; at++)
        name[n++] = *at;
    if (r->at[len] == '\0' || (memchr(r->at + 1, '<', len - 1) != NULL))
        return false;
    r->at += len + 1;
    if (is_end)
        return r->depth > 0 && strcmp(r->open[--r->depth], name) == 0;
    if (is_alone || name[0] == '\0' || (r->is_html && strcmp(name, "meta") == 0))
        return true;
    if (r->depth == 32)
        return false;
    memcpy(r->open[r->depth++], name, sizeof name);
    return true;
}

static bool read_entity(struct reader *r)
{
    static const char *const entities[] = {"&lt;", "&gt;", "&amp;", "&quot;"};

    for (size_t i = 0; i < ARRAY_LEN(entities); i++) {
        if (strncmp(r->at, entities[i], strlen(entities[i])) == 0) {
            r->at += strlen(entities[i]);
            return true;
        }
    }
    return false;
}

static void expect_well_formed(const struct text *text, bool is_html)
{
    struct reader r = {.at = text_string(text), .is_html = is_html};
    bool is_good = strlen(r.at) == text->len;

    while (is_good && *r.at != '\0') {
        const char *here = r.at;
        if (*r.at == '<')
            is_good = read_tag(&r);
        else if (*r.at == '&')
            is_good = read_entity(&r);
        else
            is_good = *r.at++ != '>' && ((unsigned char)*here >= ' ' || strchr("\n\t", *here));
        if (!is_good)
            fail_msg("not well-formed at '%.60s'", here);
    }
    if (r.depth > 0)
        fail_msg("<%s> is not closed", r.open[r.depth - 1]);
}

/* --- tests ------------------------------------------------------------------------------------ */

static const char *const hostile[] = {
    "<script>alert(1)</script>",
    "]]>",
    "&amp;&",
    "\"' onload=\"x",
    "\x01\x02\x7f\x1b[31m",
    "\xff\xfe",
    "\xc3(",
    "\xed\xa0\x80",
    "\xef\xbf\xbf",
    "\xc0\xaf",
    "\xf4\x90\x80\x80",
    "\xe2\x82\xac is three bytes",
    "\xe2\x82",
    "",
    "</text></svg>",
};

static void test_ladder_is_well_formed_whatever_is_in_it(void **state)
{
    struct ladder l;
    struct text svg = {0}, html = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(hostile); i++) {
        ladder_init(&l, hostile[i], hostile[i], hostile[i]);
        for (int kind = 0; kind < LADDER_N_KINDS; kind++)
            ladder_add(&l, (enum ladder_kind)kind, (uint64_t)kind << 28, kind % 2 == 0, hostile[i],
                       kind < 4 ? hostile[i] : NULL);
        ladder_svg(&l, 1, &svg);
        ladder_html(&l, 1, hostile[i], &html);
        expect_well_formed(&svg, false);
        expect_well_formed(&html, true);
        assert_null(strstr(text_string(&html), "<script"));
        text_fini(&svg);
        text_fini(&html);
        ladder_fini(&l);
    }
}

static void test_ladder_is_bounded(void **state)
{
    struct ladder l;
    struct text svg = {0};
    char *label = text_realloc(NULL, 100001);

    (void)state;
    memset(label, 'x', 100000);
    label[100000] = '\0';
    ladder_init(&l, label, label, label);
    for (int i = 0; i < LADDER_ROWS_MAX + 7; i++)
        ladder_add(&l, LADDER_MESSAGE, 0, true, i == 0 ? label : "x", NULL);
    ladder_svg(&l, 1, &svg);
    expect_well_formed(&svg, false);
    assert_non_null(strstr(text_string(&svg), "and 7 more"));
    assert_true(svg.len < 1000 * 1000);
    text_fini(&svg);
    ladder_fini(&l);
    free(label);
}

static void on_event(void *context, struct track_session *s, const struct track_event *event)
{
    (void)context;
    timeline_collect(s, event);
}

static void on_done(void *context, struct track_session *s)
{
    if (s->number == 1)
        ladder_of_capture(context, s->user, s);
    timeline_discard(s);
}

static void expect_rows(const char *path, const char *const *labels)
{
    struct capfile f;
    struct ladder l;
    struct text svg = {0};

    assert_true(capfile_read(&f, path));
    capfile_feed(&f, f.n, &(struct track_user){on_event, on_done, &l});
    ladder_svg(&l, 1, &svg);
    expect_well_formed(&svg, false);
    const char *at = text_string(&svg);
    for (; *labels != NULL; labels++) {
        const char *found = strstr(at, *labels);
        if (found == NULL)
            fail_msg("%s: '%s' is missing, or stands too early", path, *labels);
        at = found;
    }
    text_fini(&svg);
    ladder_fini(&l);
    capfile_fini(&f);
}

static void test_ladder_of_capture_has_every_message_in_order(void **state)
{
    static const char *const tcp[] = {
        "completed. Verdict: pass", ">client 127.0.0.1:", "cookie ",       "09 PARAM_EXCHANGE",
        "JSON, 149 bytes",          "0a CREATE_STREAMS",  "stream 1 from", "01 TEST_START",
        "02 TEST_RUNNING",          "data: 131072 bytes", "04 TEST_END",   "0d EXCHANGE_RESULTS",
        "0e DISPLAY_RESULTS",       "10 IPERF_DONE",      ">end<",         NULL};
    static const char *const error[] = {"server error 141 IESETBUF2", "class=\"arrow error\"",
                                        "fe SERVER_ERROR 141 IESETBUF2, errno 0", NULL};

    static const char *const ended[] = {"data: ", "s later", "0b SERVER_TERMINATE", NULL};

    (void)state;
    expect_rows("pcaps/3.22-3.22-server-terminate.pcap.gz", ended);
    expect_rows("pcaps/3.22-3.22-tcp.pcap.gz", tcp);
    expect_rows("pcaps/3.22-3.22-server-error.pcap.gz", error);
}

static void test_ladder_of_session_puts_us_at_the_left(void **state)
{
    struct session s = {0};
    struct ladder l;

    (void)state;
    session_add(&s, &(struct session_message){
                        .kind = SESSION_STATE, .from = SESSION_US, .state = TEST_END});
    session_add(&s, &(struct session_message){
                        .kind = SESSION_STATE, .from = SESSION_SUBJECT, .state = SERVER_TERMINATE});
    ladder_of_session(&l, "x", &s);
    assert_int_equal(l.n, 2);
    assert_true(l.rows[0].from_left && l.rows[0].kind == LADDER_MESSAGE);
    assert_string_equal(l.rows[0].label, "04 TEST_END");
    assert_true(!l.rows[1].from_left && l.rows[1].kind == LADDER_ERROR);
    ladder_fini(&l);
    session_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ladder_is_well_formed_whatever_is_in_it),
        cmocka_unit_test(test_ladder_is_bounded),
        cmocka_unit_test(test_ladder_of_capture_has_every_message_in_order),
        cmocka_unit_test(test_ladder_of_session_puts_us_at_the_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
