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

/* The bytes of a string literal, without its closing NUL: both an expression and an initialiser of
 * a static table. Split the literal where a digit would run into an escape: WIRE("\x0a" "12"). */
#define WIRE(literal)                                                                              \
    (struct bytes)                                                                                 \
    {                                                                                              \
        (const uint8_t *)("" literal), sizeof(literal) - 1                                         \
    }
