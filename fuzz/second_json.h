/* second_json.h - what jansson, a strict parser of other authors, says of a text, beside our
 * scanner. */
#pragma once
#include "impl/wire/scan.h"

/* Claim that jansson takes the text if and only if the scanner finds no flaw in it that jansson
 * refuses, too (the table of second_json.c). flaws: of struct scan_report. */
void second_json_check(struct bytes text, uint32_t flaws);
