/* document.h - a file of the source tree, found from where a test program stands. */
#pragma once
#include "harness/session/text.h"

#include "impl/tests/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* From the top of the tree, or from build/tests, build/VARIANT/tests. For free(); NULL if it is not
 * there. */
static inline char *document_path(const char *name)
{
    static const char *const places[] = {"", "/../../", "/../../../"};
    char self[1024], path[1200];
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);

    self[MAX(len, 0)] = '\0';
    *strrchr(self, '/') = '\0';
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        snprintf(path, sizeof path, "%s%s%s", i ? self : "", places[i], name);
        if (access(path, R_OK) == 0)
            return text_dup(path);
    }
    return NULL;
}

/* Its bytes; empty if it is not there. */
static inline struct text document_read(const char *name)
{
    char *path = document_path(name), piece[4096];
    FILE *f = path ? fopen(path, "r") : NULL;
    struct text text = {0};
    size_t got;

    while (f && (got = fread(piece, 1, sizeof piece, f)) > 0)
        text_add(&text, piece, got);
    if (f)
        fclose(f);
    free(path);
    return text;
}
