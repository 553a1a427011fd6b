/* main.c - iperfref: reads the command line, arranges the process, and runs one role. */
#include "impl/client.h"
#include "impl/options.h"
#include "impl/server.h"
#include "impl/version.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int complain(const char *what)
{
    fprintf(stderr, VERSION_PROGRAM ": error - %s: %s\n", what, strerror(errno));
    return 1;
}

static int write_pid(const char *path)
{
    FILE *f = fopen(path, "w");

    if (!f)
        return complain(path);
    fprintf(f, "%d", (int)getpid());
    return fclose(f) == 0 ? 0 : complain(path);
}

static int run(struct options *opt)
{
    FILE *out = stdout, *err = stderr;
    int status;

    if (opt->logfile && !(out = err = fopen(opt->logfile, "a")))
        return complain(opt->logfile);
    if (opt->params.sctp || opt->xbind || opt->nstreams) {
        fprintf(err,
                VERSION_PROGRAM ": error - --sctp, -X and --nstreams: no SCTP in this build\n");
        return 1;
    }
    setvbuf(out, NULL, _IOLBF, 0);
    if (opt->daemon && daemon(0, 0) != 0)
        return complain("cannot become a daemon");
    if (opt->pidfile && write_pid(opt->pidfile) != 0)
        return 1;
    status = opt->server ? server_run(opt, out, err) : client_run(opt, out, err);
    if (opt->pidfile)
        (void)unlink(opt->pidfile);
    /* A result that could not be written is a failure: full disk, closed pipe. */
    if (fflush(out) != 0 || ferror(out))
        status = complain(opt->logfile ? opt->logfile : "standard output");
    if (opt->logfile)
        (void)fclose(out);
    return status;
}

int main(int argc, char **argv)
{
    struct options opt;
    int status = options_parse(&opt, argc, argv, stdout, stderr);

    if (status < 0)
        status = run(&opt);
    options_fini(&opt);
    return status;
}
