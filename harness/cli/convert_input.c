/* convert_input.c - iperfspec convert --target: inputs of fuzz targets as scripts, and back. */
#include "harness/cli/cli.h"

#include "harness/fuzz/artefact.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ENDING         ".peer"
#define SIZE_MAX_INPUT (1u << 20)

void cli_make_id(char *id)
{
    for (; *id != '\0'; id++)
        if (!isalnum((unsigned char)*id) && strchr("/-._", *id) == NULL)
            *id = '-';
}

static bool is_script(const char *path)
{
    size_t len = strlen(path);

    return len > strlen(ENDING) && strcmp(path + len - strlen(ENDING), ENDING) == 0;
}

static int to_input(const struct artefact_target *target, const char *path, const struct text *file)
{
    struct fuzz_case c;
    struct text why = {0}, input = {0};
    bool ok = fuzz_case_read(path, text_string(file), &c, &why);

    if (!ok)
        fprintf(stderr, "iperfspec convert: %s\n", text_string(&why));
    else if (c.session.we_serve != target->we_serve)
        fprintf(stderr, "iperfspec convert: %s: it plays the %s, as the target does\n", path,
                c.session.we_serve ? "server" : "client");
    ok = ok && c.session.we_serve == target->we_serve;
    if (ok) {
        artefact_write(target, &c, &input);
        fwrite(input.at, 1, input.len, stdout);
    }
    fuzz_case_fini(&c);
    text_fini(&why);
    text_fini(&input);
    return ok ? CLI_OK : CLI_UNEXPECTED;
}

static int to_script(const struct artefact_target *target, const char *path,
                     const struct text *file, const char *id)
{
    struct fuzz_case c;
    struct text script = {0};
    const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    char made[128];

    snprintf(made, sizeof made, "finding/%.100s", name);
    cli_make_id(made);
    artefact_read(target, (struct bytes){(const uint8_t *)file->at, file->len}, &c);
    fuzz_case_write(&c, id ? id : made, NULL, fuzz_clause(target->we_serve), NULL, &script);
    if (!target->we_serve)
        text_adds(&script, "expect alive\n");
    fputs(text_string(&script), stdout);
    fuzz_case_fini(&c);
    text_fini(&script);
    return CLI_OK;
}

int cli_convert_input(const char *target_name, const char *path, const char *id)
{
    struct artefact_target target;
    struct text file = {0};
    int status = CLI_TROUBLE;

    if (!artefact_target(target_name, &target)) {
        fprintf(stderr,
                "iperfspec convert: --target %s: expected server, client, libiperf_server or "
                "libiperf_client\n",
                target_name);
        return CLI_USAGE;
    }
    if (!text_read_file(&file, path))
        fprintf(stderr, "iperfspec convert: %s: %s\n", path, strerror(errno));
    else if (file.len > SIZE_MAX_INPUT)
        fprintf(stderr, "iperfspec convert: %s: it has %zu bytes; an input has %u at the most\n",
                path, file.len, SIZE_MAX_INPUT);
    else
        status =
            is_script(path) ? to_input(&target, path, &file) : to_script(&target, path, &file, id);
    text_fini(&file);
    return status;
}
