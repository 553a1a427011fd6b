/* files.c - libiperf's files: what it prints goes nowhere, its randomness is the same in every run,
 * its temporary files are in memory. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>

FILE *libiperf_stdout, *libiperf_stderr;
static FILE *randomness;

FILE *libiperf_fopen(const char *path, const char *mode);
int libiperf_fclose(FILE *file);
int libiperf_mkstemp(char *template);
int libiperf_unlink(const char *path);

int libiperf_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));
int libiperf_printf_chk(int flag, const char *format, ...) __attribute__((format(printf, 2, 3)));
int libiperf_puts(const char *text);
int libiperf_putchar(int c);
void libiperf_perror(const char *text);

static ssize_t swallow(void *cookie, const char *bytes, size_t len)
{
    (void)cookie;
    (void)bytes;
    return (ssize_t)len;
}

static ssize_t make_up(void *cookie, char *bytes, size_t len)
{
    (void)cookie;
    memset(bytes, '5', len);
    return (ssize_t)len;
}

__attribute__((constructor)) static void open_streams(void)
{
    const cookie_io_functions_t nowhere = {.write = swallow}, anywhere = {.read = make_up};

    libiperf_stdout = fopencookie(NULL, "w", nowhere);
    libiperf_stderr = fopencookie(NULL, "w", nowhere);
    randomness = fopencookie(NULL, "r", anywhere);
}

/* There is one stream of random bytes: up to 3.21 it is never closed, but forgotten when the
 * variables are reset. */
FILE *libiperf_fopen(const char *path, const char *mode)
{
    return strcmp(path, "/dev/urandom") == 0 ? randomness : fopen(path, mode);
}

int libiperf_fclose(FILE *file)
{
    return file == randomness ? 0 : fclose(file);
}

int libiperf_mkstemp(char *template)
{
    (void)template;
    return memfd_create("libiperf", 0);
}

int libiperf_unlink(const char *path)
{
    (void)path;
    return 0;
}

/* The text is made all the same: that is where formats go wrong. */
__attribute__((format(printf, 1, 0))) static int print(const char *format, va_list args)
{
    return vfprintf(libiperf_stdout, format, args);
}

int libiperf_printf(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    int n = print(format, args);
    va_end(args);
    return n;
}

int libiperf_printf_chk(int flag, const char *format, ...)
{
    va_list args;

    (void)flag;
    va_start(args, format);
    int n = print(format, args);
    va_end(args);
    return n;
}

int libiperf_puts(const char *text)
{
    return fputs(text, libiperf_stdout);
}

int libiperf_putchar(int c)
{
    return fputc(c, libiperf_stdout);
}

void libiperf_perror(const char *text)
{
    fputs(text ? text : "", libiperf_stdout);
}
