/* option_table.h - the one table of options: options.c reads the command line and prints the help
 * by it. */
#pragma once
#include "impl/options.h"
#include "impl/wire/ierr.h"

/* Options without a letter get a number of their own. */
enum option_id {
    OPTION_BIND_DEV = 256,
    OPTION_CPORT,
    OPTION_JSON_STREAM,
    OPTION_JSON_STREAM_FULL,
    OPTION_LOGFILE,
    OPTION_FORCEFLUSH,
    OPTION_TIMESTAMPS,
    OPTION_RCV_TIMEOUT,
    OPTION_SND_TIMEOUT,
    OPTION_CNTL_KA,
    OPTION_PKCS1,
    OPTION_TRANSCRIPT,
    OPTION_BITRATE_LIMIT,
    OPTION_IDLE_TIMEOUT,
    OPTION_MAX_DURATION,
    OPTION_MAX_TESTS,
    OPTION_PRIVATE_KEY,
    OPTION_USERS,
    OPTION_TIME_SKEW,
    OPTION_SCTP,
    OPTION_NSTREAMS,
    OPTION_CONNECT_TIMEOUT,
    OPTION_PACING_TIMER,
    OPTION_FQ_RATE,
    OPTION_NO_FQ,
    OPTION_BIDIR,
    OPTION_DSCP,
    OPTION_SKIP_RX_COPY,
    OPTION_EXTRA_DATA,
    OPTION_SERVER_OUTPUT,
    OPTION_64BIT,
    OPTION_GSRO,
    OPTION_REPEATING,
    OPTION_DONT_FRAGMENT,
    OPTION_USERNAME,
    OPTION_PUBLIC_KEY,
    OPTION_END
};

/* The command line while it is read. */
struct option_draft {
    struct options *opt;
    bool client; /* -c was given */
    bool seen[OPTION_END];
    bool server_cpu; /* -A n,m */
    bool gsro;
    char message[300]; /* a better text than that of the returned number; or "" */
    bool no_memory;
};

enum option_role { OPTION_BOTH, OPTION_SERVER, OPTION_CLIENT };

struct option_row {
    int id;            /* a letter, or enum option_id */
    const char *name;  /* the long form */
    const char *alias; /* another long form, not in the help; or NULL */
    const char
        *arg; /* what stands for the argument in the help; NULL: takes none; "[=...]": optional */
    enum option_role role;
    const char *help; /* lines separated by \n */

    /* Take the option; arg is NULL where there is none. 0, or the number of what is wrong with it.
     */
    int (*take)(struct option_draft *draft, const struct option_row *row, const char *arg);
    size_t at;        /* of the member in struct options that most of them set */
    int key;          /* enum param_key to mark when it is set to a value that is not 0; or -1 */
    int64_t min, max; /* of numbers */
    int error;        /* the number if they are out of range */
};

extern const struct option_row option_rows[];
extern const size_t option_n_rows;
