/* Both tables as data: complete, in tune with the clause registry, and equal to the committed text.
 *
 *     build/tests/test_table --write    writes docs/matrix/ anew, after an edit of the table */
#include "impl/wire/table.h"

#include "impl/tests/unit.h"
#include "impl/wire/clause.h"
#include "impl/wire/ierr.h"
#include "impl/wire/profile.h"

#define FOR_EACH_CELL(state, event)                                                                \
    for (enum machine_state state = SRV_COOKIE; state < MACHINE_OVER; state++)                     \
        for (unsigned event = 0; event < table_n_events(table_role(state)); event++)

static void test_every_cell_is_filled(void **unused)
{
    (void)unused;
    FOR_EACH_CELL(state, event)
    {
        const struct table_cell *cell = table_cell(state, event);
        assert_true(cell->allowed != 0);
        assert_true((cell->allowed & cell->ours) != 0);
        assert_non_null(cell->builds);
        assert_true((cell->evidence == TABLE_WITNESSED) == (cell->builds[0] != '\0'));
    }
}

static void test_every_clause_is_in_the_registry(void **unused)
{
    (void)unused;
    FOR_EACH_CELL(state, event)
    {
        const struct table_cell *cell = table_cell(state, event);
        if (clause_find(cell->clause) == NULL)
            fail_msg("%s: no clause", cell->clause);
        if (clause_find(table_event_row(table_role(state), event)) == NULL)
            fail_msg("%s: no clause", table_event_row(table_role(state), event));
        if (cell->forbidden == NULL)
            continue;
        const struct clause *rule = clause_find(cell->forbidden);
        if (rule == NULL || rule->level > CLAUSE_SHOULD_NOT)
            fail_msg("%s forbids nothing to anyone", cell->forbidden);
    }
}

/* What a MUST demands of everybody leaves no choice. */
static void test_an_event_that_cannot_occur_has_no_reaction(void **unused)
{
    (void)unused;
    FOR_EACH_CELL(state, event)
    {
        const struct table_cell *cell = table_cell(state, event);
        if (cell->allowed & TABLE_NONE)
            assert_int_equal(cell->allowed, TABLE_NONE);
        assert_int_equal(cell->allowed & (TABLE_CRASH | TABLE_HANG), 0);
    }
}

static bool ends_session(enum table_reaction reaction)
{
    return reaction & (TABLE_CLOSE | TABLE_ERROR | TABLE_ERROR_ONE | TABLE_END_OK | TABLE_FAIL |
                       TABLE_FAIL_DONE | TABLE_TERMINATE);
}

static void test_next_state_fits_the_reaction(void **unused)
{
    (void)unused;
    FOR_EACH_CELL(state, event)
    {
        const struct table_cell *cell = table_cell(state, event);
        if (ends_session(cell->ours))
            assert_int_equal(cell->next, MACHINE_OVER);
        else if (cell->ours != TABLE_ADVANCE)
            assert_int_equal(cell->next, state);
        else
            assert_true(cell->next == MACHINE_OVER || table_role(cell->next) == table_role(state));
        assert_true(cell->ierr == 0 || ierr_name(cell->ierr) != NULL);
    }
}

/* ERR-8: both integers for every failure but a lost connection, and never after DISPLAY_RESULTS. */
static void test_our_server_says_why_except_in_display(void **unused)
{
    (void)unused;
    FOR_EACH_CELL(state, event)
    {
        const struct table_cell *cell = table_cell(state, event);
        if (table_role(state) != MACHINE_SERVER)
            continue;
        assert_int_not_equal(cell->ours, TABLE_ERROR_ONE);
        if (state == SRV_DISPLAY)
            assert_int_not_equal(cell->ours, TABLE_ERROR);
        else if (cell->ours == TABLE_CLOSE)
            assert_true(event == SEV_EOF || event == SEV_RESET);
    }
}

/* ST-2: the five numbers that nobody sends, and all that are no states, are unknown to both roles.
 */
static void test_every_byte_has_an_event(void **unused)
{
    (void)unused;
    for (int byte = -128; byte <= 127; byte++) {
        bool to_server = byte == 1 || byte == 4 || byte == 12 || byte == 16;
        bool to_client = byte == 1 || byte == 2 || byte == 9 || byte == 10 || byte == 11 ||
                         byte == 13 || byte == 14 || byte == 16 || byte == -1 || byte == -2;
        enum table_client_event event = table_client_byte((int8_t)byte);
        assert_int_equal(table_server_byte((int8_t)byte) != SEV_OTHER_BYTE, to_server);
        assert_int_equal(event != CEV_POSITIVE_BYTE && event != CEV_NEGATIVE_BYTE, to_client);
        if (!to_client)
            assert_int_equal(event == CEV_POSITIVE_BYTE, byte > 0);
    }
}

static void test_names_of_events_and_reactions(void **unused)
{
    char text[128];

    (void)unused;
    assert_string_equal(table_event_name(MACHINE_SERVER, SEV_TEST_END), "SEV_TEST_END");
    assert_string_equal(table_event_name(MACHINE_CLIENT, CEV_EOF), "CEV_EOF");
    assert_string_equal(table_event_text(MACHINE_CLIENT, CEV_ACCESS_DENIED), "ff ACCESS_DENIED");
    assert_int_equal(table_event_actor(MACHINE_SERVER, SEV_DATAGRAM), TABLE_THIRD);
    assert_string_equal(table_reactions_text(TABLE_CLOSE | TABLE_ERROR, text, sizeof text),
                        "close|error");
    assert_string_equal(table_reactions_text(0, text, sizeof text), "");
    assert_string_equal(table_reactions_text(TABLE_CLOSE | TABLE_ERROR, text, 4), "clo");
    assert_string_equal(table_reaction_name(TABLE_FAIL_DONE), "fail+10");
    assert_string_equal(table_reaction_name((enum table_reaction)3), "?");
    assert_string_equal(machine_state_name(SRV_RUN), "RUN");
    assert_string_equal(machine_state_name(MACHINE_N_STATES), "?");
}

/* --- the committed text -------------------------------------------------------------------------
 */

static char *matrix_text(const struct profile *profile, size_t *len)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, len);

    if (out == NULL)
        return NULL;
    table_print(out, profile);
    fclose(out);
    return text;
}

static FILE *open_matrix(const struct profile *profile, const char *mode)
{
    char path[128];

    snprintf(path, sizeof path, "docs/matrix/%s.txt", profile->name);
    return fopen(path, mode);
}

static void check_matrix(const struct profile *profile)
{
    FILE *file = open_matrix(profile, "r");
    char want[512], *text, *at;
    size_t len, line = 0;

    if (file == NULL)
        fail_msg("docs/matrix/%s.txt is missing", profile->name);
    at = text = matrix_text(profile, &len);
    assert_non_null(text);
    while (fgets(want, sizeof want, file) != NULL) {
        size_t n = strlen(want);
        line++;
        if (strncmp(at, want, n) != 0)
            fail_msg("docs/matrix/%s.txt line %zu says: %s", profile->name, line, want);
        at += n;
    }
    assert_string_equal(at, "");
    free(text);
    fclose(file);
}

static void test_the_matrices_are_those_in_docs(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < n_profiles; i++)
        check_matrix(&profiles[i]);
}

static void test_a_matrix_says_what_is_not_known(void **unused)
{
    struct profile oldest = {"3.0.1", "3.0.1", NULL};
    size_t len;
    char *text = matrix_text(&oldest, &len);

    (void)unused;
    assert_non_null(text);
    assert_non_null(strstr(text, "not known"));
    free(text);
}

static int write_matrices(void)
{
    for (size_t i = 0; i < n_profiles; i++) {
        FILE *file = open_matrix(&profiles[i], "w");
        if (file == NULL)
            return 1;
        table_print(file, &profiles[i]);
        fclose(file);
    }
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_cell_is_filled),
        cmocka_unit_test(test_every_clause_is_in_the_registry),
        cmocka_unit_test(test_an_event_that_cannot_occur_has_no_reaction),
        cmocka_unit_test(test_next_state_fits_the_reaction),
        cmocka_unit_test(test_our_server_says_why_except_in_display),
        cmocka_unit_test(test_every_byte_has_an_event),
        cmocka_unit_test(test_names_of_events_and_reactions),
        cmocka_unit_test(test_the_matrices_are_those_in_docs),
        cmocka_unit_test(test_a_matrix_says_what_is_not_known),
    };

    if (argc > 1 && strcmp(argv[1], "--write") == 0)
        return write_matrices();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
