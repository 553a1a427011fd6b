/* test_grammar.c - sentences made from the grammar in docs/peer-language.md are of the language. */
#include "harness/tests/document.h"

#include "harness/script/script.h"

#include <ctype.h>

#define DEEP     14  /* from here on what can be left out is left out */
#define RULES    200 /* at most */
#define SENTENCE 400 /* characters; longer ones are cut short at their next choice */

static struct text doc;

/* A rule's right-hand side is kept as it stands. */
static struct rule {
    char name[16];
    const char *at; /* behind the = */
} rules[RULES];
static size_t n_rules;

/* What the grammar gives no rule for. */
static const struct terminal {
    const char *name, *examples[4];
} terminals[] = {
    {"NEWLINE",   {"\n"}                                              },
    {"WORD",      {"a", "x/y-1", "4.5"}                               },
    {"NAME",      {"b", "second", "c_3"}                              },
    {"INT",       {"1", "2"}                                          },
    {"NUMBER",    {"1", "2.5", "0.001"}                               },
    {"STRING",    {"\"a\"", "'b c'", "\"\\x41\\n\\\"\"", "\"[a-z]+\""}},
    {"HEX",       {"00", "fe00", "Ff"}                                },
    {"JSON",      {"5", "{\"a\": [1]}", "\"x y\"", "null"}            },
    {"OBJECT",    {"{ \"len\": 8192 }", "{}"}                         },
    {"OFFSETS",   {"1 5 37", "2"}                                     },
    {"STATE",     {"TEST_END", "0x11", "SERVER_ERROR"}                },
    {"ERROR",     {"IERECVPARAMS", "114"}                             },
    {"SIGNAL",    {"INT", "KILL", "STOP"}                             },
    {"CLAUSE",    {"ST-1", "CTL-8"}                                   },
    {"NEED",      {"udp", "slow", "--cport"}                          },
    {"ADDRESS",   {"127.0.0.2"}                                       },
    {"FLAGKEY",   {"udp", "reverse"}                                  },
    {"NUMBERKEY", {"len", "parallel"}                                 },
    {"TEXTKEY",   {"title"}                                           },
    {"JSONTEXT",  {"\"a b\"", "\"\\u0041\""}                          },
};

/* What the rules leave open, by the words of its errors. */
static const char *const open_questions[] = {"another moment", "a later end", "a sequence number",
                                             "FIRST..LAST, upwards", "a greater number of parts"};

static uint64_t seed = 1;

static size_t pick(size_t n)
{
    seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (size_t)(seed >> 33) % n;
}

/* --- reading the grammar --------------------------------------------------------------------- */

static void skip_blanks(const char **at)
{
    *at += strspn(*at, " \n");
}

/* Past one token; "quoted" or name or mark. */
static struct bytes token(const char **at)
{
    skip_blanks(at);
    const char *from = *at;
    if (*from == '"')
        *at = strchr(from + 1, '"') + 1;
    else if (isalpha((unsigned char)*from))
        *at += strspn(from, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_");
    else
        ++*at;
    return (struct bytes){(const uint8_t *)from, (size_t)(*at - from)};
}

static bool is(struct bytes word, const char *mark)
{
    return word.len == strlen(mark) && memcmp(word.at, mark, word.len) == 0;
}

static void read_rules(void)
{
    const char *at = strstr(text_string(&doc), "```ebnf\n"), *end;

    assert_non_null(at);
    at += strlen("```ebnf\n");
    end = strstr(at, "```");
    for (skip_blanks(&at); at < end; skip_blanks(&at)) {
        struct bytes name = token(&at), t;
        assert_true(n_rules < RULES && name.len < sizeof rules[0].name);
        memcpy(rules[n_rules].name, name.at, name.len);
        assert_true(is(token(&at), "="));
        rules[n_rules++].at = at;
        while (t = token(&at), !is(t, ";"))
            assert_true(at < end);
    }
}

static const struct rule *find_rule(struct bytes name)
{
    for (size_t i = 0; i < n_rules; i++)
        if (is(name, rules[i].name))
            return &rules[i];
    return NULL;
}

/* --- making sentences ------------------------------------------------------------------------ */

static void choose(const char **at, const char *close, bool glued, unsigned depth,
                   struct text *out);

/* A word behind what is there: with a blank, unless it stands side by side with it. */
static void put(struct text *out, const char *word, size_t len, bool *glued_on)
{
    bool starts = out->len == 0 || out->at[out->len - 1] == '\n' || word[0] == '\n';

    if (!starts && !*glued_on)
        text_adds(out, " ");
    text_add(out, word, len);
    *glued_on = false;
}

static bool is_lexical(struct bytes name)
{
    return isupper((unsigned char)name.at[0]);
}

static void make(struct bytes name, unsigned depth, struct text *out)
{
    const struct rule *rule = find_rule(name);

    if (rule) {
        const char *at = rule->at;
        choose(&at, ";", is_lexical(name), depth + 1, out);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(terminals); i++) {
        size_t n = 0;
        if (!is(name, terminals[i].name))
            continue;
        while (n < ARRAY_LEN(terminals[i].examples) && terminals[i].examples[n])
            n++;
        const char *word = terminals[i].examples[pick(n)];
        bool on = true;
        put(out, word, strlen(word), &on);
        return;
    }
    fail_msg("nothing says what %.*s is", (int)name.len, name.at);
}

/* Past a bracket that was opened, and what is in it. */
static void skip_to(const char **at, const char *close)
{
    for (struct bytes t = token(at); !is(t, close); t = token(at)) {
        if (is(t, "("))
            skip_to(at, ")");
        else if (is(t, "["))
            skip_to(at, "]");
        else if (is(t, "{"))
            skip_to(at, "}");
    }
}

/* The alternatives from here to close; at is moved behind it. */
static size_t alternatives(const char *at, const char *close, const char *starts[])
{
    size_t n = 0;

    starts[n++] = at;
    for (struct bytes t = token(&at); !is(t, close); t = token(&at)) {
        if (is(t, "|"))
            starts[n++] = at;
        else if (is(t, "("))
            skip_to(&at, ")");
        else if (is(t, "["))
            skip_to(&at, "]");
        else if (is(t, "{"))
            skip_to(&at, "}");
        assert_true(n < 40);
    }
    return n;
}

/* One element, with a blank in front unless glued. */
static void element(struct bytes t, const char **at, bool glued, unsigned depth, struct text *out)
{
    bool is_quoted = *t.at == '"', is_group = is(t, "(") || is(t, "[") || is(t, "{");
    size_t before = out->len;
    size_t times = is(t, "(")                            ? 1
                   : depth > DEEP || out->len > SENTENCE ? 0
                                                         : pick(is(t, "[") ? 2 : 3);
    const char *close = is(t, "(") ? ")" : is(t, "[") ? "]" : "}", *inner = *at;
    struct text made = {0};

    if (is_group) {
        skip_to(at, close);
        for (size_t i = 0; i < times; i++) {
            const char *again = inner;
            bool on = glued;
            struct text one = {0};
            choose(&again, close, glued, depth + 1, &one);
            if (one.len > 0)
                put(&made, one.at, one.len, &on);
            text_fini(&one);
        }
    } else if (is_quoted) {
        text_add(&made, t.at + 1, t.len - 2);
    } else {
        make(t, depth, &made);
    }
    bool on = glued || before == 0;
    if (made.len > 0)
        put(out, made.at, made.len, &on);
    text_fini(&made);
}

/* One of the alternatives; deep down the first. */
static void choose(const char **at, const char *close, bool glued, unsigned depth, struct text *out)
{
    const char *starts[40];
    size_t n = alternatives(*at, close, starts);
    const char *here = starts[depth > DEEP ? 0 : pick(n)];

    for (struct bytes t = token(&here); !is(t, close) && !is(t, "|"); t = token(&here))
        element(t, &here, glued, depth, out);
    skip_to(at, close);
}

/* --- the test -------------------------------------------------------------------------------- */

static bool is_open(const struct script_error *e)
{
    for (size_t i = 0; i < ARRAY_LEN(open_questions); i++)
        if (strncmp(e->expected, open_questions[i], strlen(open_questions[i])) == 0)
            return true;
    return false;
}

/* Printed, and read and printed again. */
static bool prints_the_same(const struct script *script)
{
    struct text once = {0}, twice = {0};
    struct script_list list = {0};
    struct script_error e;

    script_print(script, &once);
    bool ok = script_read(&list, "t.peer", text_string(&once), &e);
    if (ok)
        script_print(list.at[0], &twice);
    ok = ok && strcmp(text_string(&once), text_string(&twice)) == 0;
    if (!ok)
        print_error("%s\nbecame\n%s\n%s\n", text_string(&once), text_string(&twice), e.expected);
    script_list_fini(&list);
    text_fini(&once);
    text_fini(&twice);
    return ok;
}

/* A file around the sentence; what stands once in a header is left to a sentence that says it. */
static void add_file(struct text *file, const char *sentence, bool is_header)
{
    static const char *const head[] = {"case x", "clause ST-1", "plays client"};

    for (size_t i = 0; i < ARRAY_LEN(head); i++)
        if (!is_header || strncmp(head[i], sentence, strcspn(head[i], " ") + 1) != 0)
            text_addf(file, "%s\n", head[i]);
    text_addf(file, "%s%s\n", is_header ? "" : "\n", sentence);
}

static bool read_sentence(const char *start, bool is_header)
{
    struct text sentence = {0}, file = {0};
    struct script_list list = {0};
    struct script_error e;

    make((struct bytes){(const uint8_t *)start, strlen(start)}, 0, &sentence);
    add_file(&file, text_string(&sentence), is_header);
    bool ok = script_read(&list, "t.peer", text_string(&file), &e) || is_open(&e);
    if (!ok)
        print_error("%s\nline %u:%u: expected %s, found %s\n", text_string(&sentence), e.line,
                    e.column, e.expected, e.found);
    ok = ok && (list.n == 0 || prints_the_same(list.at[0]));
    script_list_fini(&list);
    text_fini(&sentence);
    text_fini(&file);
    return ok;
}

static void test_every_sentence_of_the_grammar_can_be_read(void **state)
{
    static const struct {
        const char *rule;
        bool is_header;
        unsigned times;
    } starts[] = {
        {"header",    true,  500 },
        {"deviation", false, 0   },
        {"step",      false, 8000},
        {"line",      false, 2000},
    };
    unsigned wrong = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(starts); i++)
        for (unsigned n = 0; n < starts[i].times && wrong < 10; n++)
            wrong += !read_sentence(starts[i].rule, starts[i].is_header);
    assert_int_equal(wrong, 0);
}

/* The rules give a connection to `act` and `stream` alone. */
static void test_a_name_in_front_is_refused_where_the_grammar_has_none(void **state)
{
    static const char *const starts[] = {"outside", "block", "making"};
    unsigned wrong = 0;

    (void)state;
    for (unsigned n = 0; n < 300; n++) {
        const char *start = starts[n % ARRAY_LEN(starts)];
        struct text sentence = {0}, file = {0};
        struct script_list list = {0};
        struct script_error e;
        text_adds(&sentence, "b ");
        make((struct bytes){(const uint8_t *)start, strlen(start)}, 0, &sentence);
        add_file(&file, text_string(&sentence), false);
        if (script_read(&list, "t.peer", text_string(&file), &e) || e.line != 5 || e.column != 1)
            wrong++, print_error("%s\n", text_string(&sentence));
        script_list_fini(&list);
        text_fini(&sentence);
        text_fini(&file);
    }
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_sentence_of_the_grammar_can_be_read),
        cmocka_unit_test(test_a_name_in_front_is_refused_where_the_grammar_has_none),
    };
    doc = document_read("docs/peer-language.md");
    if (doc.len > 0)
        read_rules();
    int failed = doc.len > 0 ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
    text_fini(&doc);
    return failed;
}
