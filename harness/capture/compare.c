#include "harness/capture/compare.h"

#include "harness/capture/convert.h"
#include "impl/wire/json.h"
#include "impl/wire/state.h"

#include <stdlib.h>
#include <string.h>

#define MESSAGES_MAX 256 /* of one side; what comes behind is not compared */
#define DEPTH_MAX    16  /* of a JSON text */

/* Members whose values are a matter of the run, the machine or the build. */
static const char *const volatile_keys[] = {
    "authtoken",       "bytes",          "client_version",     "congestion_used",
    "cpu_util_system", "cpu_util_total", "cpu_util_user",      "end_time",
    "errors",          "jitter",         "omitted_errors",     "omitted_packets",
    "packets",         "retransmits",    "server_output_json", "server_output_text",
    "start_time",
};

/* What one subject said: its control messages and stream openings. */
struct said {
    const struct session_message *at[MESSAGES_MAX];
    size_t n;
    size_t n_heard; /* those before our own end, if we left early: behind it nobody listens */
    size_t n_asked; /* those before our IPERF_DONE */
    size_t n_going; /* those before that or our CLIENT_TERMINATE */
};

struct comparison {
    struct compare *out;
    unsigned width; /* of a column */
    bool is_unheard;
};

/* --- the table -------------------------------------------------------------------------------- */

static void add_cell(const struct comparison *c, const struct text *cell, bool is_last)
{
    struct text *out = &c->out->table;
    size_t len = cell->len, width = c->width;

    text_add(out, text_string(cell), len > width ? width - 3 : len);
    text_adds(out, len > width ? "..." : "");
    for (size_t i = MIN(len, width); !is_last && i < width; i++)
        text_adds(out, " ");
}

/* A line; either side may be empty. Takes both texts. */
static void add_row(const struct comparison *c, char mark, struct text *left, struct text *right)
{
    if (mark == '!' && c->is_unheard)
        mark = '~';
    text_addf(&c->out->table, "%c ", mark);
    add_cell(c, left, false);
    text_adds(&c->out->table, right->len > 0 ? " | " : " |");
    add_cell(c, right, true);
    text_adds(&c->out->table, "\n");
    c->out->n_different += mark == '!';
    c->out->n_volatile += mark == '~';
    text_fini(left);
    text_fini(right);
}

static struct text describe(const struct session_message *m)
{
    struct text text = {0};

    if (m != NULL && m->kind == SESSION_JSON)
        text_addf(&text, "< JSON, %zu byte%s", m->body.len, text_plural(m->body.len));
    else if (m != NULL)
        session_describe(m, &text);
    return text;
}

/* --- JSON ------------------------------------------------------------------------------------- */

static bool is_volatile(const char *key)
{
    for (size_t i = 0; i < ARRAY_LEN(volatile_keys); i++)
        if (key != NULL && strcmp(key, volatile_keys[i]) == 0)
            return true;
    return false;
}

static struct text member(const char *path, const json_value *value)
{
    struct text text = {0};
    char *printed = value != NULL ? json_print(value) : NULL;

    if (value != NULL)
        text_addf(&text, "    %s %s", path, printed != NULL ? printed : "?");
    free(printed);
    return text;
}

static void add_member(const struct comparison *c, char mark, const char *path,
                       const json_value *left, const json_value *right)
{
    struct text cells[2] = {member(path, left), member(path, right)};

    add_row(c, mark, &cells[0], &cells[1]);
}

static bool is_same(const json_value *left, const json_value *right)
{
    char *texts[2] = {json_print(left), json_print(right)};
    bool same = texts[0] != NULL && texts[1] != NULL && strcmp(texts[0], texts[1]) == 0;

    free(texts[0]);
    free(texts[1]);
    return same;
}

/* -1 says that there is no such count: whether there is one is no matter of the run. */
static bool means_the_same(const json_value *left, const json_value *right)
{
    return json_type_of(left) != JSON_NUMBER || (json_double(left) < 0) == (json_double(right) < 0);
}

static void compare_values(const struct comparison *c, const char *path, const char *key,
                           const json_value *left, const json_value *right, unsigned depth);

static void compare_elements(const struct comparison *c, const char *path, const json_value *left,
                             const json_value *right, unsigned depth)
{
    const json_value *a = json_next(left, NULL), *b = json_next(right, NULL);
    struct text name = {0};

    for (unsigned i = 0; a != NULL || b != NULL; i++) {
        text_addf(&name, "%s[%u]", path, i);
        compare_values(c, text_string(&name), NULL, a, b, depth);
        text_fini(&name);
        a = a != NULL ? json_next(left, a) : NULL;
        b = b != NULL ? json_next(right, b) : NULL;
    }
}

static void compare_members(const struct comparison *c, const char *path, const json_value *left,
                            const json_value *right, unsigned depth)
{
    const json_value *at = NULL;
    struct text name = {0};

    while ((at = json_next(left, at)) != NULL) {
        text_addf(&name, "%s.%s", path, json_key(at));
        compare_values(c, text_string(&name), json_key(at), at, json_member(right, json_key(at)),
                       depth);
        text_fini(&name);
    }
    while ((at = json_next(right, at)) != NULL) {
        if (json_member(left, json_key(at)) != NULL)
            continue;
        text_addf(&name, "%s.%s", path, json_key(at));
        compare_values(c, text_string(&name), json_key(at), NULL, at, depth);
        text_fini(&name);
    }
}

/* A word of the captured client's command line that a script cannot hold: this one was started
 * without it. */
static bool was_left_out(const char *key, const json_value *left, const json_value *right)
{
    static const char *const words[] = {"congestion", "extra_data", "title"};

    if (key == NULL || right != NULL || json_type_of(left) != JSON_STRING)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strcmp(key, words[i]) == 0)
            return !convert_holds_word(json_text(left));
    return false;
}

static void compare_values(const struct comparison *c, const char *path, const char *key,
                           const json_value *left, const json_value *right, unsigned depth)
{
    enum json_type type = json_type_of(left);
    bool is_container = (type == JSON_OBJECT || type == JSON_ARRAY) && depth < DEPTH_MAX;
    /* A token is a matter of how the subject was started: it may be missing as well. */
    bool is_token = key != NULL && strcmp(key, "authtoken") == 0;
    bool has_both = type == json_type_of(right);

    if (has_both && is_same(left, right))
        return;
    if (has_both && is_container && !is_volatile(key))
        (type == JSON_OBJECT ? compare_members : compare_elements)(c, path, left, right, depth + 1);
    else if (is_token || was_left_out(key, left, right) ||
             (has_both && is_volatile(key) && means_the_same(left, right)))
        add_member(c, '~', path, left, right);
    else
        add_member(c, '!', path, left, right);
}

static void compare_texts(const struct comparison *c, const struct session_message *left,
                          const struct session_message *right)
{
    json_value *roots[2] = {NULL, NULL};
    struct text cells[2] = {describe(left), describe(right)};
    bool good[2] = {json_parse(left->body, &roots[0]) == SPEC_OK,
                    json_parse(right->body, &roots[1]) == SPEC_OK};
    bool is_equal =
        left->body.len == right->body.len &&
        (left->body.len == 0 || memcmp(left->body.at, right->body.at, left->body.len) == 0);

    add_row(c, is_equal || (good[0] && good[1]) ? ' ' : '!', &cells[0], &cells[1]);
    if (good[0] && good[1])
        compare_values(c, "", NULL, roots[0], roots[1], 0);
    json_free(roots[0]);
    json_free(roots[1]);
}

/* --- messages --------------------------------------------------------------------------------- */

static bool is_end(const struct session_message *m)
{
    return m->kind == SESSION_END || m->kind == SESSION_CLOSE || m->kind == SESSION_RESET;
}

static bool is_told(const struct session_message *m)
{
    switch (m->kind) {
    case SESSION_OPEN:
    case SESSION_DATA:
    case SESSION_DATAGRAM:
    case SESSION_PAUSE:
    case SESSION_NOTE:
        return false;
    default:
        return m->who[0] == '\0' && (m->stream == 0 || m->kind == SESSION_STREAM);
    }
}

static void listen_to(const struct session *s, struct said *out)
{
    *out = (struct said){.n_heard = SIZE_MAX, .n_asked = SIZE_MAX, .n_going = SIZE_MAX};
    for (size_t i = 0; i < s->n && out->n < MESSAGES_MAX; i++) {
        const struct session_message *m = &s->messages[i];
        if (m->from == SESSION_SUBJECT && is_told(m))
            out->at[out->n++] = m;
        else if (is_end(m) && is_told(m) && out->n_asked == SIZE_MAX)
            out->n_heard = MIN(out->n_heard, out->n);
        if (m->kind != SESSION_STATE || m->from == SESSION_SUBJECT || !is_told(m))
            continue;
        if (m->state == IPERF_DONE)
            out->n_asked = MIN(out->n_asked, out->n);
        if (m->state == IPERF_DONE || m->state == CLIENT_TERMINATE)
            out->n_going = MIN(out->n_going, out->n);
    }
}

/* Whether they are the same message, whatever they say. */
static bool match(const struct session_message *a, const struct session_message *b)
{
    if (is_end(a) || is_end(b))
        return is_end(a) && is_end(b);
    return a->kind == b->kind && (a->kind != SESSION_STATE || a->state == b->state) &&
           (a->kind != SESSION_STREAM || a->stream == b->stream);
}

/* is_going: behind the word with which we leave. The number that the server tells then may be that
 * of a thread of its own, whose stream our end has closed (ST-SRV-7.c). */
static void compare_messages(const struct comparison *c, const struct session_message *left,
                             const struct session_message *right, bool is_going)
{
    if (left->kind == SESSION_JSON) {
        compare_texts(c, left, right);
        return;
    }
    bool differs = left->kind == SESSION_ERROR &&
                   (left->n_ints != right->n_ints || (left->ierr != right->ierr && !is_going));
    struct text cells[2] = {describe(left), describe(right)};
    bool same = strcmp(text_string(&cells[0]), text_string(&cells[1])) == 0;
    add_row(c, differs ? '!' : same ? ' ' : '~', &cells[0], &cells[1]);
}

/* Whether it matters that the side has said it. An end that was not awaited does not, nor an error
 * behind IPERF_DONE, which is the server's with itself: in a reverse test without a limit some
 * builds tell it or not by how their threads are scheduled (ERR-7). */
static bool matters(const struct said *said, size_t i)
{
    if (i >= said->n || is_end(said->at[i]))
        return false;
    return said->at[i]->kind != SESSION_ERROR || i < said->n_asked;
}

/* What one side alone has, or each instead of the other's; i or j may be none. */
static void add_alone(const struct comparison *c, const struct said *left, size_t i,
                      const struct said *right, size_t j)
{
    struct text cells[2] = {describe(i < left->n ? left->at[i] : NULL),
                            describe(j < right->n ? right->at[j] : NULL)};
    bool counts = matters(left, i) || matters(right, j);

    add_row(c, counts ? '!' : '~', &cells[0], &cells[1]);
}

static void compare_pair(const struct comparison *c, const struct said *left, size_t i,
                         const struct said *right, size_t j)
{
    compare_messages(c, left->at[i], right->at[j], i >= left->n_going && j >= right->n_going);
}

/* Line up both by their longest common subsequence. common[i][j]: of left from i and right from j
 * on. */
static void line_up(struct comparison *c, const struct said *left, const struct said *right)
{
    uint16_t(*common)[MESSAGES_MAX + 1] = text_realloc(NULL, (left->n + 1) * sizeof *common);
    size_t i, j;

    memset(common, 0, (left->n + 1) * sizeof *common);
    for (i = left->n; i-- > 0;)
        for (j = right->n; j-- > 0;)
            common[i][j] = match(left->at[i], right->at[j])
                               ? (uint16_t)(common[i + 1][j + 1] + 1)
                               : MAX(common[i + 1][j], common[i][j + 1]);
    for (i = j = 0; i < left->n || j < right->n;) {
        bool has_both = i < left->n && j < right->n;
        c->is_unheard = i >= left->n_heard || j >= right->n_heard;
        if (has_both && match(left->at[i], right->at[j]))
            compare_pair(c, left, i++, right, j++);
        else if (has_both && common[i + 1][j + 1] == common[i][j])
            add_alone(c, left, i++, right, j++); /* one in place of the other */
        else if (i < left->n && (j == right->n || common[i + 1][j] == common[i][j]))
            add_alone(c, left, i++, right, SIZE_MAX);
        else
            add_alone(c, left, SIZE_MAX, right, j++);
    }
    c->is_unheard = false;
    free(common);
}

/* --- data ------------------------------------------------------------------------------------- */

static uint64_t volume(const struct session *s, int64_t stream)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < s->n; i++) {
        const struct session_message *m = &s->messages[i];
        if (m->from == SESSION_SUBJECT && m->stream == stream && m->who[0] == '\0' &&
            (m->kind == SESSION_DATA || m->kind == SESSION_DATAGRAM))
            sum += m->len;
    }
    return sum;
}

static void compare_volumes(const struct comparison *c, const struct session *captured,
                            const struct session *now)
{
    for (size_t i = 0; i < captured->n; i++) {
        const struct session_message *m = &captured->messages[i];
        if (m->kind != SESSION_STREAM)
            continue;
        uint64_t bytes[2] = {volume(captured, m->stream), volume(now, m->stream)};
        struct text cells[2] = {{0}, {0}};
        for (int k = 0; k < 2; k++)
            text_addf(&cells[k], "< stream %lld: %llu byte%s in all", (long long)m->stream,
                      (unsigned long long)bytes[k], text_plural(bytes[k]));
        add_row(c, bytes[0] == bytes[1] ? ' ' : '~', &cells[0], &cells[1]);
    }
}

void compare_peers(const struct session *captured, const struct session *now, unsigned columns,
                   struct compare *out)
{
    struct comparison c = {.out = out, .width = (MAX(columns, 40u) - 5) / 2};
    struct said left, right;

    *out = (struct compare){0};
    listen_to(captured, &left);
    listen_to(now, &right);
    line_up(&c, &left, &right);
    compare_volumes(&c, captured, now);
}

void compare_fini(struct compare *c)
{
    text_fini(&c->table);
    *c = (struct compare){0};
}
