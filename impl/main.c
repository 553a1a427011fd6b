/* main.c - iperfref: reads the command line, arranges the process, and runs one role. */
#include "impl/client.h"
#include "impl/net/sock.h"
#include "impl/options.h"
#include "impl/outbox.h"
#include "impl/server.h"
#include "impl/version.h"

#include "impl/report/report.h"
#include "impl/wire/ierr.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATIENCE_NS UINT64_C(1000000000)

/* In iperf3's words, for what has a number. */
static int fail(int ierr)
{
    char why[256];

    report_error_format(why, sizeof why, ierr, errno);
    fprintf(stderr, VERSION_PROGRAM ": error - %s\n", why);
    return 1;
}

static int write_pid(const char *path)
{
    FILE *f = fopen(path, "w");

    if (!f)
        return fail(IEPIDFILE);
    fprintf(f, "%d", (int)getpid());
    return fclose(f) == 0 ? 0 : fail(IEPIDFILE);
}

/* Who starts us with a closed standard descriptor must not have our output in a socket of ours. */
static bool open_standard_descriptors(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
            return false;
    return true;
}

/* A result that could not be written is a failure: full disk, closed pipe. */
static int finish_output(FILE *out, const char *name, int status)
{
    errno = 0;
    if (fflush(out) == 0 && !ferror(out))
        return status;
    fprintf(stderr, VERSION_PROGRAM ": error - %s: %s\n", name,
            errno ? strerror(errno) : "cannot be written"); /* an earlier line was lost */
    return 1;
}

/* A server of one session may wait for who reads what it prints, as stock does. One of many tests
 * must not: it does so for PATIENCE_NS, once, and at its end. */
static int serve(const struct options *opt, FILE *out, FILE *err)
{
    struct outbox *box;
    FILE *lines, *errors;
    struct pollfd where = {.fd = STDERR_FILENO, .events = POLLOUT};
    int status, os_errno;
    bool is_whole;

    if (opt->one_off)
        return server_run(opt, out, err);
    box = outbox_new(fileno(err), PATIENCE_NS);
    lines = box ? outbox_file(box, fileno(out)) : NULL;
    errors = lines && err != out ? outbox_file(box, fileno(err)) : lines;
    if (!errors) {
        outbox_free(box);
        return fail(IENEWTEST);
    }
    status = server_run(opt, lines, errors);
    is_whole = outbox_drain(box, PATIENCE_NS);
    os_errno = outbox_free(box);
    if (is_whole && !os_errno)
        return status;
    if (poll(&where, 1, 0) == 1) /* who does not read the one may not read the other */
        fprintf(stderr, VERSION_PROGRAM ": error - output is not whole: %s\n",
                os_errno ? strerror(os_errno) : "nobody read it");
    return 1;
}

/* -X and --nstreams mean nothing without SCTP, and SCTP is the kernel's to have. */
static bool sctp_is_fine(const struct options *opt, FILE *err)
{
    bool wanted = opt->params.sctp || opt->xbind || opt->nstreams;
    const char *why = NULL;

    if (wanted && !sock_has_sctp())
        why = "--sctp, -X and --nstreams: this kernel has no SCTP";
    else if (wanted && !opt->server && !opt->params.sctp)
        why = "-X and --nstreams are for --sctp";
    if (why)
        fprintf(err, VERSION_PROGRAM ": error - %s\n", why);
    return why == NULL;
}

static int run(struct options *opt)
{
    FILE *out = stdout, *err = stderr;
    int status;

    if (opt->logfile && !(out = err = fopen(opt->logfile, "a")))
        return fail(IELOGFILE);
    if (!sctp_is_fine(opt, err))
        return 1;
    setvbuf(out, NULL, _IOLBF, 0);
    if (opt->daemon && daemon(1, 0) != 0) /* stays here: other paths may be relative */
        return fail(IEDAEMON);
    if (opt->pidfile && write_pid(opt->pidfile) != 0)
        return 1;
    status = opt->server ? serve(opt, out, err) : client_run(opt, out, err);
    if (opt->pidfile)
        (void)unlink(opt->pidfile);
    status = finish_output(out, opt->logfile ? opt->logfile : "standard output", status);
    if (opt->logfile)
        (void)fclose(out);
    return status;
}

int main(int argc, char **argv)
{
    struct options opt;
    int status;

    if (!open_standard_descriptors())
        return 1;
    (void)signal(SIGPIPE, SIG_IGN); /* a closed pipe is an error of write(), here and in options */
    status = options_parse(&opt, argc, argv, stdout, stderr);
    if (status < 0)
        status = run(&opt);
    options_fini(&opt);
    return status;
}
