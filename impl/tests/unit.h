/* unit.h - what every unit test includes: cmocka with the headers that it wants, and WIRE(). */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "impl/wire/bytes.h"

#define UNIT_PATH_MAX 512

/* A template for mkstemp() or mkdtemp() in path, below the folder for temporary files. Run by
 * scripts/run-units, that is a folder which goes away with it, whatever becomes of the test. */
static inline char *unit_temporary(char path[UNIT_PATH_MAX], const char *name)
{
    const char *dir = getenv("TMPDIR");
    int len = snprintf(path, UNIT_PATH_MAX, "%s/%s.XXXXXX", dir && *dir ? dir : "/tmp", name);

    assert_in_range(len, 1, UNIT_PATH_MAX - 1);
    return path;
}

/* The bytes of a string literal, without its closing NUL: both an expression and an initialiser of
 * a static table. Split the literal where a digit would run into an escape: WIRE("\x0a" "12"). */
#define WIRE(literal)                                                                              \
    (struct bytes)                                                                                 \
    {                                                                                              \
        (const uint8_t *)("" literal), sizeof(literal) - 1                                         \
    }
