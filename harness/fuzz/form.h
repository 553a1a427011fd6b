/* form.h - the inputs of the machine and session targets as sessions, and back: what stands between
 * them and the mutator of harness/fuzz.
 *
 * FORM_RECORDS is script.h: records of the peer are messages, those of the shell are notes.
 * FORM_STEPS is session_fuzzer.c's: a message that is put on the channel is one, with the end that
 * it seems to come from as its connection's name; any other step is a note. */
#pragma once
#include "harness/session/session.h"

enum form { FORM_RECORDS, FORM_STEPS };

/* A target with this mutator says which form its input has. */
extern const enum form fuzz_form;

/* Characters that are notes of the form, for struct mutator. */
const char *form_notes(enum form form);

/* Take an input apart: *s is overwritten, *head gets the bytes of its set-up. */
void form_read(enum form form, struct bytes input, struct text *head, struct session *s);
/* Put it together again; what the form has no room for is left out. At most cap bytes; returns how
 * many. */
size_t form_write(enum form form, const struct text *head, const struct session *s, uint8_t *out,
                  size_t cap);

/* One input of size bytes changed in place, cap at most; the new size. bytes: as in mutate.h. */
size_t form_mutate(enum form form, uint8_t *data, size_t size, size_t cap, unsigned seed,
                   size_t (*bytes)(uint8_t *, size_t, size_t));
/* Two made one, then changed. */
size_t form_cross(enum form form, struct bytes a, struct bytes b, uint8_t *out, size_t cap,
                  unsigned seed);
