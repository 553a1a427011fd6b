/* options.c - reads the command line by the table in option_table.c, and checks what belongs
 * together. */
#include "impl/options.h"

#include "impl/net/sock.h"
#include "impl/option_table.h"
#include "impl/report/report.h"
#include "impl/version.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <termios.h>
#include <unistd.h>

#define UDP_BANDWIDTH 1048576 /* PARAM-20 */
#define SCTP_LEN      65536   /* PARAM-19 */
#define UDP_LEN       1460    /* PARAM-31 */
#define GSO_BUFFER    65507   /* PARAM-26 */
#define GSO_DATAGRAMS 128     /* PARAM-26 (3.22) */

/* --- help and version ---------------------------------------------------------------------------
 */

/* The column of the words; two blanks before it at least, which the manual page is cut by. */
#define HELP_AT 28

/* One option: its forms, and its help beside or below them. */
static void print_row(FILE *out, const struct option_row *row)
{
    char left[80];
    const char *arg = row->arg != NULL ? row->arg : "", *line = row->help;
    const char *gap = arg[0] != '\0' && strncmp(arg, "[=", 2) != 0 ? " " : "";

    if (row->id < 256)
        snprintf(left, sizeof left, "-%c, --%s%s%s", row->id, row->name, gap, arg);
    else
        snprintf(left, sizeof left, "--%s%s%s", row->name, gap, arg);
    if (strlen(left) > HELP_AT - 4)
        fprintf(out, "  %s\n%*s", left, HELP_AT, "");
    else
        fprintf(out, "  %-*s", HELP_AT - 2, left);
    for (size_t len; line[len = strcspn(line, "\n")] != '\0'; line += len + 1)
        fprintf(out, "%.*s\n%*s", (int)len, line, HELP_AT, "");
    fprintf(out, "%s\n", line);
}

void options_usage(FILE *out)
{
    static const char *const titles[] = {
        [OPTION_BOTH] = "Server or client", [OPTION_SERVER] = "Server", [OPTION_CLIENT] = "Client"};

    fputs("Usage: " VERSION_PROGRAM " [-s|-c host] [options]\n"
          "       " VERSION_PROGRAM " [-h|--help] [-v|--version]\n",
          out);
    for (unsigned role = 0; role < ARRAY_LEN(titles); role++) {
        fprintf(out, "\n%s:\n", titles[role]);
        for (size_t i = 0; i < option_n_rows; i++)
            if (option_rows[i].role == role)
                print_row(out, &option_rows[i]);
    }
    fputs(
        "\n[KMGT] stands for kilo, mega, giga, tera: powers of 1000 for bit rates, else of 1024.\n",
        out);
}

static void print_version(FILE *out)
{
    struct utsname u;

    fprintf(out, "%s\n", VERSION_BANNER);
    if (uname(&u) == 0)
        fprintf(out, "%s %s %s %s %s\n", u.sysname, u.nodename, u.release, u.version, u.machine);
    fprintf(out,
            "Optional features available: CPU affinity setting, IPv6 flow label, %s"
            "TCP congestion algorithm setting, sendfile / zerocopy, socket pacing, authentication, "
            "bind to device, support IPv4 don't fragment, POSIX threads\n",
            sock_has_sctp() ? "SCTP, " : "");
}

static void print_hint(FILE *err)
{
    fputs("\nUsage: " VERSION_PROGRAM " [-s|-c host] [options]\n"
          "Try `" VERSION_PROGRAM " --help' for more information.\n",
          err);
}

/* --- reading ------------------------------------------------------------------------------------
 */

/* The table in getopt's form. A name that is in the table twice (its alias) has two entries. */
struct getopt_form {
    char letters[2 + 2 * 64];
    struct option names[2 * 96];
};

static void fill_getopt(struct getopt_form *form)
{
    char *letter = form->letters;
    struct option *name = form->names;

    *letter++ = ':';
    for (size_t i = 0; i < option_n_rows; i++) {
        const struct option_row *row = &option_rows[i];
        bool optional = row->arg != NULL && strncmp(row->arg, "[=", 2) == 0;
        int has_arg = row->arg == NULL ? no_argument
                      : optional       ? optional_argument
                                       : required_argument;

        if (row->id < 256) {
            *letter++ = (char)row->id;
            if (has_arg == required_argument)
                *letter++ = ':';
        }
        *name++ = (struct option){row->name, has_arg, NULL, row->id};
        if (row->alias != NULL)
            *name++ = (struct option){row->alias, has_arg, NULL, row->id};
    }
    *letter = '\0';
    *name = (struct option){0};
}

static const struct option_row *find_row(int id)
{
    for (size_t i = 0; i < option_n_rows; i++)
        if (option_rows[i].id == id)
            return &option_rows[i];
    return NULL;
}

/* What getopt could not read, in getopt's words. */
static void print_unread(FILE *err, int result, char **argv)
{
    const char *word = argv[optind - 1];

    if (result == ':' && optopt < 256)
        fprintf(err, "%s: option requires an argument -- '%c'\n", VERSION_PROGRAM, optopt);
    else if (result == ':')
        fprintf(err, "%s: option '%s' requires an argument\n", VERSION_PROGRAM, word);
    else if (optopt > 0 && optopt < 256 && find_row(optopt) == NULL)
        fprintf(err, "%s: invalid option -- '%c'\n", VERSION_PROGRAM, optopt);
    else if (optopt > 0)
        fprintf(err, "%s: option '%s' doesn't allow an argument\n", VERSION_PROGRAM, word);
    else
        fprintf(err, "%s: unrecognized or ambiguous option '%s'\n", VERSION_PROGRAM, word);
}

/* Read all words. Returns as options_parse(); *error is the number of what is wrong with an
 * argument. */
static int read_words(struct option_draft *d, int argc, char **argv, FILE *out, FILE *err,
                      int *error)
{
    struct getopt_form form;
    int id;

    fill_getopt(&form);
    optind = 0; /* glibc: start anew */
    opterr = 0;
    while ((id = getopt_long(argc, argv, form.letters, form.names, NULL)) != -1) {
        const struct option_row *row = id == '?' || id == ':' ? NULL : find_row(id);

        if (row == NULL) {
            print_unread(err, id, argv);
            print_hint(err);
            return 1;
        }
        if (row->take == NULL) {
            id == 'h' ? options_usage(out) : print_version(out);
            return 0;
        }
        d->seen[id] = true;
        *error = row->take(d, row, optarg);
        if (*error != 0)
            return -1;
    }
    for (int i = optind; i < argc; i++)
        fprintf(err, "%s: warning: '%s' is no option, ignored\n", VERSION_PROGRAM, argv[i]);
    return -1;
}

/* --- what belongs together ----------------------------------------------------------------------
 */

static int complain(struct option_draft *d, int error, const char *text)
{
    snprintf(d->message, sizeof d->message, "%s", text);
    return error;
}

static int check_roles(const struct option_draft *d)
{
    enum option_role other = d->opt->server ? OPTION_CLIENT : OPTION_SERVER;

    if (!d->opt->server && !d->client)
        return IENOROLE;
    for (size_t i = 0; i < option_n_rows; i++)
        if (option_rows[i].role == other && d->seen[option_rows[i].id])
            return d->opt->server ? IECLIENTONLY : IESERVERONLY;
    return d->opt->server && d->server_cpu ? IECLIENTONLY : 0;
}

static bool is_readable(const char *path)
{
    return access(path, R_OK) == 0;
}

/* A line from the terminal, unseen; NULL if there is no terminal. */
static char *ask_password(void)
{
    struct termios seen, unseen;
    char *line = NULL;
    size_t cap = 0;
    ssize_t len;

    if (tcgetattr(STDIN_FILENO, &seen) != 0)
        return NULL;
    unseen = seen;
    unseen.c_lflag &= (tcflag_t)~ECHO;
    fputs("Password: ", stderr);
    fflush(stderr);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &unseen);
    len = getline(&line, &cap, stdin);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &seen);
    fputc('\n', stderr);
    if (len < 0) {
        free(line);
        return NULL;
    }
    line[strcspn(line, "\r\n")] = '\0';
    return line;
}

static int check_client_auth(struct options *opt)
{
    const char *given = getenv("IPERF3_PASSWORD");

    if (opt->username == NULL && opt->public_key == NULL)
        return 0;
    if (opt->username == NULL || opt->public_key == NULL || !is_readable(opt->public_key))
        return IESETCLIENTAUTH;
    opt->password = given != NULL ? strdup(given) : ask_password();
    return opt->password != NULL ? 0 : IESETCLIENTAUTH;
}

static int check_server_auth(const struct options *opt)
{
    if (opt->private_key == NULL && opt->users == NULL)
        return 0;
    if (opt->private_key == NULL || opt->users == NULL)
        return IESETSERVERAUTH;
    if (!is_readable(opt->users))
        return IESERVERAUTHUSERS;
    return is_readable(opt->private_key) ? 0 : IESETSERVERAUTH;
}

/* END-1, OPT-5, OPT-33: at most one condition; with -F alone it is the size of the file. */
static int set_end(struct option_draft *d)
{
    struct params *p = &d->opt->params;
    struct stat st;
    int conditions = d->seen['t'] + (p->num > 0) + (p->blockcount > 0);

    if (conditions > 1)
        return IEENDCONDITIONS;
    if (conditions == 0 && d->opt->file != NULL && stat(d->opt->file, &st) == 0 && st.st_size > 0)
        p->num = st.st_size;
    if (p->num > 0 || p->blockcount > 0)
        p->time = 0;
    return 0;
}

/* Defaults and limits that depend on the protocol. */
static int set_protocol_values(struct option_draft *d)
{
    struct params *p = &d->opt->params;
    enum params_protocol protocol = params_protocol(p);

    if (p->mptcp && protocol != PARAMS_TCP)
        return complain(d, IEUNIMP, "--mptcp works with TCP only");
    if (protocol == PARAMS_UDP) {
        if (d->opt->file != NULL)
            return IEUDPFILETRANSFER;
        if (p->len != 0 && params_has(p, PARAM_len) && (p->len < 16 || p->len > 65507))
            return IEUDPBLOCKSIZE;
        if (!d->seen['b']) {
            p->bandwidth = UDP_BANDWIDTH;
            params_mark(p, PARAM_bandwidth);
        }
        options_set_mss(d->opt, -1);
        return 0;
    }
    if (!params_has(p, PARAM_len)) {
        p->len = protocol == PARAMS_SCTP ? SCTP_LEN : 131072;
        params_mark(p, PARAM_len);
    }
    return 0;
}

static int check_client(struct option_draft *d)
{
    struct options *opt = d->opt;
    struct params *p = &opt->params;
    int error;

    if (p->reverse && p->bidirectional)
        return IEREVERSEBIDIR;
    if (d->seen[OPTION_RCV_TIMEOUT] && !p->reverse && !p->bidirectional)
        return IERVRSONLYRCVTIMEOUT;
    if ((error = set_end(d)) != 0 || (error = set_protocol_values(d)) != 0)
        return error;
    if (opt->file != NULL && !p->reverse && !is_readable(opt->file))
        return IEFILE;
    return check_client_auth(opt);
}

static int check(struct option_draft *d)
{
    int error = check_roles(d);

    if (error != 0)
        return error;
    return d->opt->server ? check_server_auth(d->opt) : check_client(d);
}

/* --- public -------------------------------------------------------------------------------------
 */

/* Sizes that follow from the length of the datagrams (PARAM-25, PARAM-26). */
static void set_gso(struct params *p)
{
    int64_t n = MIN(GSO_BUFFER / p->len, GSO_DATAGRAMS);

    if (!p->gso)
        return;
    p->gso_dg_size = p->len;
    p->gso_bf_size = n * p->len;
    params_mark(p, PARAM_gso_dg_size);
    params_mark(p, PARAM_gso_bf_size);
}

void options_set_mss(struct options *opt, int mss)
{
    struct params *p = &opt->params;

    if (params_protocol(p) != PARAMS_UDP)
        return;
    if (!params_has(p, PARAM_len)) {
        if (mss < 0)
            return;
        p->len = mss >= 16 && mss <= 65507 ? mss : UDP_LEN;
        params_mark(p, PARAM_len);
    }
    set_gso(p);
}

static enum spec_err init(struct options *opt)
{
    *opt = (struct options){.port = OPTIONS_PORT,
                            .family = AF_UNSPEC,
                            .interval_ns = 1000000000,
                            .cpu = -1,
                            .rcv_timeout_ns = UINT64_C(120000000000),
                            .max_bitrate_window_ns = UINT64_C(5000000000),
                            .max_tests = OPTIONS_MAX_TESTS,
                            .time_skew_s = 10,
                            .format = 'a'};
    params_init(&opt->params);
    /* INT-1: these are always sent; what follows is marked as it is set. */
    opt->params.tcp = true;
    static const enum param_key always[] = {PARAM_tcp,         PARAM_omit,     PARAM_time,
                                            PARAM_num,         PARAM_parallel, PARAM_blockcount,
                                            PARAM_pacing_timer};
    for (size_t i = 0; i < ARRAY_LEN(always); i++)
        params_mark(&opt->params, always[i]);
    return params_set_text(&opt->params, PARAM_client_version, VERSION_CLIENT);
}

/* After the words were read: what they mean together, for a client. */
static void set_offload(struct option_draft *d)
{
    struct params *p = &d->opt->params;

    if (!d->gsro || params_protocol(p) != PARAMS_UDP)
        return;
    p->gso = p->gro = 1;
    p->gro_bf_size = GSO_BUFFER;
    params_mark(p, PARAM_gso);
    params_mark(p, PARAM_gro);
    params_mark(p, PARAM_gro_bf_size);
}

int options_parse(struct options *opt, int argc, char **argv, FILE *out, FILE *err)
{
    struct option_draft d = {.opt = opt};
    char text[300];
    int error = 0, result;

    d.no_memory = init(opt) != SPEC_OK;
    result = read_words(&d, argc, argv, out, err, &error);
    if (result >= 0)
        return result;
    set_offload(&d);
    if (error == 0)
        error = check(&d);
    if (error == 0 && !d.no_memory) {
        if (opt->output != OPTIONS_TEXT && d.seen['f'])
            fputs("warning: Report format (-f) flag ignored with JSON output (-J)\n", err);
        return -1;
    }
    report_error_format(text, sizeof text, error, error == IEFILE ? errno : 0);
    fprintf(err, "%s: parameter error - %s\n", VERSION_PROGRAM,
            d.no_memory            ? "out of memory"
            : d.message[0] != '\0' ? d.message
                                   : text);
    print_hint(err);
    return 1;
}

void options_fini(struct options *opt)
{
    char **texts[] = {&opt->host,     &opt->bind_address, &opt->bind_dev,   &opt->file,
                      &opt->xbind,    &opt->private_key,  &opt->users,      &opt->username,
                      &opt->password, &opt->public_key,   &opt->timestamps, &opt->logfile,
                      &opt->pidfile,  &opt->transcript};

    if (opt->password != NULL)
        explicit_bzero(opt->password, strlen(opt->password));
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        free(*texts[i]);
        *texts[i] = NULL;
    }
    params_fini(&opt->params);
}
