/* print.c - a load's result, for people and as JSON. */
#include "harness/load/load.h"

#include <inttypes.h>

static const struct quantile {
    const char *name;
    double part;
} quantiles[] = {
    {"p50", 0.5 },
    {"p90", 0.9 },
    {"p99", 0.99},
    {"max", 1   },
};

static double per_second(const struct load_result *r)
{
    return r->seconds > 0 ? (double)r->good / r->seconds : 0;
}

static double percent_lost(const struct load_result *r)
{
    return r->datagrams > 0 ? 100 * (double)r->lost / (double)r->datagrams : 0;
}

/* --- for people ------------------------------------------------------------------------------ */

static void print_times(FILE *out, const char *what, const struct load_times *times)
{
    fprintf(out, "%-10s", what);
    for (size_t i = 0; i < ARRAY_LEN(quantiles); i++)
        fprintf(out, "  %s %.2f ms", quantiles[i].name,
                1e3 * load_times_at(times, quantiles[i].part));
    fputc('\n', out);
}

static void print_server(FILE *out, const struct load_result *r)
{
    const struct subject_sample *all[] = {&r->before, &r->most, &r->after};
    static const char *const when[] = {"before", "at most", "after"};

    if (!r->has_samples)
        return;
    fputs("server    ", out);
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        fprintf(out, "  %s: %" PRIu64 " KiB, %u descriptors, %u threads%s", when[i],
                all[i]->memory / 1024, all[i]->descriptors, all[i]->threads, i < 2 ? ";" : "\n");
    if (!load_server_is_back(r))
        fputs("FAIL       the server keeps descriptors or threads of tests that are over\n", out);
}

static void print_failures(FILE *out, const struct load_result *r)
{
    for (size_t i = 0; i < r->n_causes; i++) {
        const struct load_cause *cause = &r->causes[i];
        fprintf(out, "FAIL       %" PRIu64 " x %s\n", cause->n, cause->text);
        if (cause->detail.len > 0)
            fprintf(out, "           the first: %s\n", text_string(&cause->detail));
    }
}

void load_print(FILE *out, const struct load_request *request, const struct load_result *r)
{
    fprintf(out, "tests      %" PRIu64 " in %.2f s, %.1f/s, %u at once (%u of them with data)\n",
            r->good + r->failed, r->seconds, per_second(r), request->at_once, r->gauge.most);
    print_times(out, "set-up", &r->set_up);
    print_times(out, "whole", &r->whole);
    fprintf(out, "data       %.1f MB to the server, %.1f MB from it", (double)r->sent / 1e6,
            (double)r->received / 1e6);
    if (r->datagrams > 0)
        fprintf(out, "; %" PRIu64 " datagrams, %" PRIu64 " lost (%.3g %%)", r->datagrams, r->lost,
                percent_lost(r));
    fprintf(out,
            "\ntried again  %" PRIu64 " x busy, %" PRIu64 " x not listening, %" PRIu64
            " x no port here\n",
            r->busy, r->away, r->no_room);
    print_server(out, r);
    print_failures(out, r);
    if (r->trouble.len > 0)
        fprintf(out, "STOPPED    %s; %" PRIu64 " tests were not played\n", text_string(&r->trouble),
                r->unplayed);
    fprintf(out, "%" PRIu64 " passed, %" PRIu64 " failed\n", r->good, r->failed + r->unplayed);
}

/* --- JSON ------------------------------------------------------------------------------------ */

static void put_times(struct jwrite *w, const char *key, const struct load_times *times)
{
    jwrite_object(w, key);
    for (size_t i = 0; i < ARRAY_LEN(quantiles); i++)
        jwrite_double(w, quantiles[i].name, load_times_at(times, quantiles[i].part));
    jwrite_end(w);
}

static void put_sample(struct jwrite *w, const char *key, const struct subject_sample *s)
{
    jwrite_object(w, key);
    jwrite_uint(w, "memory_bytes", s->memory);
    jwrite_uint(w, "descriptors", s->descriptors);
    jwrite_uint(w, "threads", s->threads);
    jwrite_end(w);
}

static void put_request(struct jwrite *w, const struct load_request *request)
{
    jwrite_uint(w, "wanted", request->n_tests);
    jwrite_uint(w, "at_once", request->at_once);
    jwrite_array(w, "modes");
    for (size_t i = 0; i < request->modes.n; i++) {
        jwrite_object(w, NULL);
        jwrite_string(w, "options", request->modes.at[i].text);
        jwrite_uint(w, "weight", request->modes.at[i].weight);
        jwrite_end(w);
    }
    jwrite_end(w);
}

static void put_failures(struct jwrite *w, const struct load_result *r)
{
    jwrite_array(w, "failures");
    for (size_t i = 0; i < r->n_causes; i++) {
        jwrite_object(w, NULL);
        jwrite_string(w, "cause", r->causes[i].text);
        jwrite_uint(w, "tests", r->causes[i].n);
        jwrite_string(w, "first", text_string(&r->causes[i].detail));
        jwrite_end(w);
    }
    jwrite_end(w);
}

static void put_result(struct jwrite *w, const struct load_result *r)
{
    jwrite_uint(w, "good", r->good);
    jwrite_uint(w, "failed", r->failed);
    jwrite_uint(w, "not_played", r->unplayed);
    jwrite_double(w, "seconds", r->seconds);
    jwrite_double(w, "tests_per_second", per_second(r));
    jwrite_uint(w, "most_at_once", r->gauge.most);
    jwrite_double(w, "own_cpu_seconds", r->cpu_s);
    put_times(w, "set_up_seconds", &r->set_up);
    put_times(w, "whole_seconds", &r->whole);
    jwrite_uint(w, "bytes_to_server", r->sent);
    jwrite_uint(w, "bytes_from_server", r->received);
    jwrite_uint(w, "datagrams", r->datagrams);
    jwrite_uint(w, "datagrams_lost", r->lost);
    jwrite_object(w, "tried_again");
    jwrite_uint(w, "busy", r->busy);
    jwrite_uint(w, "not_listening", r->away);
    jwrite_uint(w, "no_port_here", r->no_room);
    jwrite_end(w);
    put_failures(w, r);
    jwrite_string(w, "stopped", text_string(&r->trouble));
    if (!r->has_samples)
        return;
    jwrite_object(w, "server");
    put_sample(w, "before", &r->before);
    put_sample(w, "most", &r->most);
    put_sample(w, "after", &r->after);
    jwrite_end(w);
}

void load_put_json(struct jwrite *w, const struct load_request *request,
                   const struct load_result *result)
{
    jwrite_object(w, NULL);
    jwrite_uint(w, "schema", 1);
    put_request(w, request);
    put_result(w, result);
    jwrite_uint(w, "exit", (uint64_t)load_exit_status(request, result));
    jwrite_end(w);
}
