/* second_json.c - where jansson and our scanner differ by design, each with a text that shows it.
 *
 * In a file of its own: jansson's header has names that are ours, too. */
#include "fuzz/second_json.h"

#include "fuzz/fuzz.h"

#include <jansson.h>

enum verdict {
    REFUSED,
    TAKEN, /* jansson leaves it to who reads the value */
    EITHER /* its limit is another one */
};

#define T(literal)                                                                                 \
    {                                                                                              \
        (const uint8_t *)("" literal), sizeof(literal) - 1                                         \
    }

static const struct row {
    enum scan_flaw flaw;
    enum verdict verdict;
    struct bytes text, other; /* that have the flaw; EITHER: one is taken, the other refused */
} rows[] = {
    {SCAN_SYNTAX,       REFUSED, T("{\"a\":}"),                 T("[1 2]")                      },
    {SCAN_EMPTY,        REFUSED, T(""),                         T(" ")                          },
    {SCAN_NOT_OBJECT,   TAKEN,   T("1"),                        T("[]")                         },
    {SCAN_TRAILING,     EITHER,  T("{} "),                      T("{} 1")                       },
    {SCAN_BOM,          REFUSED, T("\xef\xbb\xbf{}"),           T("\xef\xbb\xbf[]")             },
    {SCAN_NUL,          EITHER,  T("1.5\0"),                    T("{\"a\":\"\\u0000\"}")        }, /* behind a number it is lost */
    {SCAN_CONTROL,      REFUSED, T("{\"a\":\"\n\"}"),           T("{\"\t\":1}")                 },
    {SCAN_UTF8,         REFUSED, T("{\"a\":\"\xff\"}"),         T("{\"\xc0\x80\":1}")           },
    {SCAN_SURROGATE,    REFUSED, T("{\"a\":\"\\ud800\"}"),      T("{\"a\":\"\\udc00x\"}")       },
    {SCAN_SPACE,        REFUSED, T("{\v}"),                     T("[1,\f2]")                    },
    {SCAN_LEADING_ZERO, REFUSED, T("{\"a\":01}"),               T("{\"a\":-00}")                },
    {SCAN_NUMBER_FORM,  REFUSED, T("{\"a\":1.}"),               T("{\"a\":-.5}")                },
    {SCAN_BIG_NUMBER,   EITHER,  T("{\"a\":9007199254740993}"), T("{\"a\":9223372036854775808}")},
    {SCAN_HUGE_NUMBER,  REFUSED, T("{\"a\":1e999}"),            T("{\"a\":-1e400}")             },
    {SCAN_DUPLICATE,    TAKEN,   T("{\"a\":1,\"a\":2}"),        T("{\"a\":1,\"\\u0061\":2}")    },
    {SCAN_CASE,         TAKEN,   T("{\"TCP\":true}"),           T("{\"Tcp\":1}")                },
    {SCAN_DEPTH,        EITHER,  T(""),                         T("")                           }, /* 2048 levels */
};

static bool takes(struct bytes text)
{
    json_error_t error;
    json_t *root =
        json_loadb(text.at ? (const char *)text.at : "", text.len, JSON_DECODE_ANY, &error);
    bool ok = root != NULL;

    json_decref(root);
    return ok;
}

static void check_example(enum scan_flaw flaw, struct bytes text, bool is_taken)
{
    static const char *const known[] = {"tcp"};
    struct scan_report report;

    scan_json(text, known, 1, &report);
    FUZZ_CHECK(report.flaws >> flaw & 1, "%s: %.*s", scan_flaw_text(flaw), (int)text.len,
               (const char *)text.at);
    FUZZ_CHECK(takes(text) == is_taken, "%s: %.*s", scan_flaw_text(flaw), (int)text.len,
               (const char *)text.at);
}

/* Each row holds for its texts; the last has none. */
static void check_rows(void)
{
    FUZZ_CHECK(ARRAY_LEN(rows) == SCAN_N_FLAWS, "a row for each flaw");
    for (const struct row *r = rows; r->flaw != SCAN_DEPTH; r++) {
        check_example(r->flaw, r->text, r->verdict != REFUSED);
        check_example(r->flaw, r->other, r->verdict == TAKEN);
    }
}

void second_json_check(struct bytes text, uint32_t flaws)
{
    static bool is_checked;
    bool may_refuse = false, must_refuse = false;

    if (!is_checked)
        check_rows();
    is_checked = true;
    for (const struct row *r = rows; r < rows + ARRAY_LEN(rows); r++) {
        bool is_there = flaws >> r->flaw & 1;
        must_refuse |= is_there && r->verdict == REFUSED;
        may_refuse |= is_there && r->verdict != TAKEN;
    }
    bool is_taken = takes(text);
    FUZZ_CHECK(!is_taken || !must_refuse, "flaws %x, but jansson takes it", flaws);
    FUZZ_CHECK(is_taken || may_refuse, "flaws %x, but jansson refuses it", flaws);
}
