/* artefact.h - inputs of the fuzz targets whose peer is scripted (fuzz/script.h,
 * fuzz/libiperf/peer.h) as sessions for a running build, and back: so a crash in process becomes a
 * script for everybody.
 *
 * What the shell of our own machine does in process (answers, failures, signals) has no counterpart
 * on a wire and is left out. */
#pragma once
#include "harness/fuzz/play.h"

/* A target by its name, with or without "libiperf_" in front: who is played is the other one. */
struct artefact_target {
    bool we_serve;   /* the target is a client */
    bool of_library; /* iperf3's own: its flags are options of the subject */
};
/* False: no such target. A name may go on behind a '-', as those of crash files do. */
bool artefact_target(const char *name, struct artefact_target *out);

/* The input as a session; *c is overwritten, the caller's to fuzz_case_fini(). In between our
 * messages stand those that a correct subject answers with, as long as ours are those of a correct
 * session; behind our last one there are none. */
void artefact_read(const struct artefact_target *target, struct bytes input, struct fuzz_case *c);

/* Append the input that plays the session; what the subject says is left out. */
void artefact_write(const struct artefact_target *target, const struct fuzz_case *c,
                    struct text *out);
