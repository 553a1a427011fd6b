/* test_peer_language.c - every example of docs/peer-language.md can be read, and has nothing wrong.
 */
#include "harness/script/script.h"
#include "harness/tests/document.h"

#include <stdlib.h>

#define DOC  "docs/peer-language.md"
#define HEAD "case example\nclause FLOW-1\nplays client\n\n"

static struct text doc;

static int read_doc(void **state)
{
    (void)state;
    doc = document_read(DOC);
    return doc.len > 0 ? 0 : 1;
}

static int free_doc(void **state)
{
    (void)state;
    text_fini(&doc);
    return 0;
}

/* Steps alone need neither be able to fail nor be of use. */
static void problem(void *context, const struct script_error *e)
{
    const char *example = context;

    if (strncmp(example, HEAD, strlen(HEAD)) == 0 &&
        (strncmp(e->expected, "an expect", 9) == 0 ||
         strncmp(e->expected, "a step that uses", 16) == 0 ||
         strncmp(e->expected, "a step behind it", 16) == 0))
        return;
    fail_msg("%s\nline %u: expected %s, found %s", example, e->line, e->expected, e->found);
}

/* A whole case, or steps alone. */
static void check(const char *example)
{
    struct script_list list = {0};
    struct script_error e;
    struct text source = {0}, printed = {0};

    text_addf(&source, "%s%s", strncmp(example, "case", 4) == 0 ? "" : HEAD, example);
    if (!script_read(&list, DOC, text_string(&source), &e))
        fail_msg("%s\nline %u: expected %s, found %s", text_string(&source), e.line, e.expected,
                 e.found);
    for (size_t i = 0; i < list.n; i++)
        script_check(list.at[i], problem, source.at);
    script_print(list.at[0], &printed);
    struct script_list again = {0};
    assert_true(script_read(&again, DOC, text_string(&printed), &e));
    script_list_fini(&again);
    script_list_fini(&list);
    text_fini(&source);
    text_fini(&printed);
}

static void test_every_example_of_the_language_can_be_read(void **state)
{
    const char *at = text_string(&doc), *end;
    unsigned n = 0;

    (void)state;
    while ((at = strstr(at, "```peer\n"))) {
        at += strlen("```peer\n");
        end = strstr(at, "```");
        assert_non_null(end);
        char *example = strndup(at, (size_t)(end - at));
        check(example);
        free(example);
        at = end + 3;
        n++;
    }
    assert_true(n >= 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_example_of_the_language_can_be_read),
    };
    return cmocka_run_group_tests(tests, read_doc, free_doc);
}
