/* write_header.c - the header of a script, and what its peer means by its parameters. */
#include "harness/session/writer.h"

#include "impl/wire/params.h"

#include <inttypes.h>

static const struct session_message *params_of(const struct session *s)
{
    enum session_from client = s->we_serve ? SESSION_SUBJECT : SESSION_US;

    for (size_t i = 0; i < s->n; i++)
        if (s->messages[i].kind == SESSION_JSON && s->messages[i].from == client)
            return &s->messages[i];
    return NULL;
}

static bool has_datagram(const struct session *s)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->messages[i].kind == SESSION_DATAGRAM && s->messages[i].stream)
            return true;
    return false;
}

/* What the client's parameters mean; nothing is present if there are none that can be read. */
static void read_params(const struct session *s, struct params *p)
{
    const struct session_message *m = params_of(s);

    if (!m || params_decode(m->body, p, NULL) != SPEC_OK)
        params_init(p);
}

bool session_is_udp(const struct session *s)
{
    struct params p;

    read_params(s, &p);
    bool udp = params_protocol(&p) == PARAMS_UDP || has_datagram(s);
    params_fini(&p);
    return udp;
}

/* What the simulator must know to play the streams: it does not look into a text that it sends. */
static void write_meaning(struct writer *w, const char *otherwise)
{
    struct text members = {0};
    struct params p;

    read_params(w->session, &p);
    const struct {
        enum param_key key;
        int64_t value;
    } numbers[] = {
        {PARAM_parallel,           p.parallel          },
        {PARAM_len,                p.len               },
        {PARAM_udp_counters_64bit, p.udp_counters_64bit},
    };
    if (w->udp)
        text_adds(&members, ", \"udp\": true");
    if (p.reverse)
        text_adds(&members, ", \"reverse\": true");
    if (p.bidirectional)
        text_adds(&members, ", \"bidirectional\": true");
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        if (params_has(&p, numbers[i].key) && numbers[i].value > 0)
            text_addf(&members, ", \"%s\": %" PRId64, params_key_name(numbers[i].key),
                      numbers[i].value);
    if (members.len > 0)
        text_addf(w->out, "params   {%s }\n", members.at + 1);
    else if (otherwise && otherwise[0])
        text_addf(w->out, "params   %s\n", otherwise);
    params_fini(&p);
    text_fini(&members);
}

static void write_word(struct writer *w, const char *word, const char *value)
{
    if (value && value[0])
        text_addf(w->out, "%-8s %s\n", word, value);
}

void write_header(struct writer *w, const struct session_about *about)
{
    write_word(w, "case", about->id);
    write_word(w, "title", about->title);
    write_word(w, "clause", about->clauses);
    write_word(w, "plays", w->session->we_serve ? "server" : "client");
    write_word(w, "needs", about->needs);
    write_word(w, "tag", about->tags);
    write_word(w, "subject", about->subject);
    write_meaning(w, about->params);
    text_adds(w->out, "\n");
}
