/* stock-launcher.c - run a stock build with its own loader and libraries, and without this
 * machine's OpenSSL settings.
 *
 * scripts/stock-builds makes it the file `iperf3` beside a build's root/. A shell script would do,
 * but to load a shell takes half as long as to load iperf3, thousands of times in a run of the
 * suite. It is linked with musl, statically: glibc asks the processor about its caches before
 * main(), which alone costs a millisecond where a hypervisor answers.
 *
 * Set by the compiler's command line, paths from root/ on:
 *   LOADER      the build's ld.so
 *   LIBRARIES   folders, with colons between them
 *   RUNNER      a program that runs another processor's; "" for none */
#define _GNU_SOURCE
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void *checked(void *memory)
{
    if (!memory)
        _exit(127);
    return memory;
}

/* The folder of this program, whatever it is called by. */
static const char *own_folder(void)
{
    static char path[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", path, sizeof path - 1);

    path[len > 0 ? len : 0] = '\0';
    char *slash = strrchr(path, '/');
    if (slash)
        *slash = '\0';
    return path;
}

/* "FOLDER/root/A:FOLDER/root/B" of "A:B"; the caller's. */
static char *below_root(const char *folder, const char *paths)
{
    char *list = checked(strdup(paths)), *all = NULL;
    size_t len = 0;
    FILE *out = checked(open_memstream(&all, &len));

    for (char *path = strtok(list, ":"); path; path = strtok(NULL, ":"))
        fprintf(out, "%s%s/root/%s", path == list ? "" : ":", folder, path);
    fclose(out);
    free(list);
    return checked(all);
}

int main(int argc, char **argv)
{
    const char *folder = own_folder();
    char **args = checked(calloc((size_t)argc + 6, sizeof *args));
    int n = 0;

    if (*RUNNER)
        args[n++] = RUNNER;
    args[n++] = below_root(folder, LOADER);
    args[n++] = "--inhibit-cache";
    args[n++] = "--library-path";
    args[n++] = below_root(folder, LIBRARIES);
    args[n++] = below_root(folder, "usr/bin/iperf3");
    for (int i = 1; i < argc; i++)
        args[n++] = argv[i];
    setenv("OPENSSL_CONF", "/dev/null", 1);
    execv(args[0], args);
    perror(args[0]);
    return 127;
}
