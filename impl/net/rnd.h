/* rnd.h - random bytes from the kernel, for cookies and payloads. */
#pragma once
#include "impl/wire/err.h"

#include <stddef.h>

/* Fill out. SPEC_OK or SPEC_E_SYSTEM. */
enum spec_err rnd_bytes(void *out, size_t len);
