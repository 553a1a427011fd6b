#include "harness/fuzz/seeds.h"

#include "impl/wire/bytes.h"

#include <string.h>

#define TCP "\"tcp\":true,\"omit\":0,\"time\":1,\"num\":0,\"blockcount\":0,"

/* What one correct session has of its own; the rest is as in any. */
static const struct seed {
    const char *subject; /* options of the client that is judged; NULL: a server is */
    const char *means;   /* header `params` */
    const char *params;  /* ours, if we are the client */
    const char *opening; /* of the streams */
    const char *data;
    const char *ids; /* of the streams, a digit each; NULL: `end` in place of results */
    const char *end;
} seeds[] = {
    {.means = "\"len\": 8192",
     .params = TCP "\"parallel\":1,\"len\":8192,\"pacing_timer\":1000,\"client_version\":\"3.18\"",
     .opening = "stream 1 open\n",
     .data = "stream 1 send data 8192\n",
     .ids = "1"                                                                                                 },
    {.means = "\"reverse\": true, \"len\": 1000",
     .params = TCP "\"parallel\":1,\"reverse\":true,\"len\":1000,\"title\":\"t\","
                   "\"extra_data\":\"e\",\"client_version\":\"3.18\"",                              .opening = "stream 1 open\n",
     .data = "expect stream 1 data at least 1000 bytes\n",
     .ids = "1"                                                                                                 },
    {.means = "\"parallel\": 2, \"len\": 4096",
     .params = TCP "\"parallel\":2,\"len\":4096,\"MSS\":1000,\"nodelay\":true,\"window\":65536,"
                   "\"TOS\":16,\"congestion\":\"cubic\",\"get_server_output\":1",                   .opening = "stream 1 open\nstream 3 open\n",
     .data = "stream 1 send data 4096\nstream 3 send data 4096\n",
     .ids = "13"                                                                                                },
    {.means = "\"udp\": true, \"len\": 1000, \"udp_counters_64bit\": 1",
     .params = "\"udp\":true,\"omit\":0,\"time\":1,\"num\":0,\"blockcount\":0,\"parallel\":1,"
               "\"len\":1000,\"bandwidth\":1000000,\"udp_counters_64bit\":1,"
               "\"repeating_payload\":1",                                                           .opening = "stream 1 open\n",
     .data = "stream 1 send datagrams 1..8\n",
     .ids = "1"                                                                                                 },
    {.means = "\"bidirectional\": true, \"len\": 2000",
     .params = TCP "\"parallel\":1,\"bidirectional\":true,\"len\":2000,\"bandwidth\":1000000,"
                   "\"burst\":2,\"zerocopy\":1",                                                    .opening = "stream 1 open\nstream 3 open\n",
     .data = "stream 1 send data 2000\n",
     .ids = "13"                                                                                                },
    {.means = "\"len\": 1000",
     .params = TCP "\"parallel\":1,\"len\":1000",
     .opening = "stream 1 open\n",
     .data = "open b\nb send cookie \"another0cookie0than0that0of0the0test\\x00\"\n"
             "b expect state ACCESS_DENIED\n",                     .end = "send state CLIENT_TERMINATE\nclose\n"},
    {.subject = "-k 2 -l 1000",
     .means = "\"len\": 1000",
     .opening = "expect stream 1\n",
     .data = "expect stream 1 data at least 2000 bytes\n",
     .ids = "1"                                                                                                 },
    {.subject = "-R -n 2000 -l 1000",
     .means = "\"reverse\": true, \"len\": 1000",
     .opening = "expect stream 1\n",
     .data = "stream 1 send data 3000\n",
     .ids = "1"                                                                                                 },
    {.subject = "-u -k 2 -l 1000 -b 10M",
     .means = "\"udp\": true, \"len\": 1000",
     .opening = "expect stream 1\n",
     .data = "",
     .ids = "1"                                                                                                 },
    {.subject = "-P 2 -k 2 -l 1000 -J",
     .means = "\"parallel\": 2, \"len\": 1000",
     .opening = "expect stream 1\nexpect stream 3\n",
     .data = "",
     .ids = "13"                                                                                                },
    {.subject = "-k 2 -l 1000",
     .means = "\"len\": 1000",
     .opening = "expect stream 1\n",
     .data = "",
     .end = "send server-error IESTREAMWRITE errno 32\nclose\n"                                                 },
};

static void add_results(struct text *out, const char *ids)
{
    text_adds(out, "send json '{\"cpu_util_total\":0.5,\"cpu_util_user\":0.25,"
                   "\"cpu_util_system\":0.25,\"sender_has_retransmits\":0,\"streams\":[");
    for (const char *id = ids; *id; id++)
        text_addf(out,
                  "%s{\"id\":%c,\"bytes\":8192,\"retransmits\":0,\"jitter\":0,\"errors\":0,"
                  "\"packets\":1,\"start_time\":0,\"end_time\":0.01}",
                  id == ids ? "" : ",", *id);
    text_adds(out, "]}'\n");
}

static void add_client(const struct seed *s, struct text *out)
{
    text_addf(out,
              "open\nsend cookie \"iperfspec0fuzz0abcdefghijklmnopqrstu\\x00\"\n"
              "expect state PARAM_EXCHANGE\nsend json '{%s}'\nexpect state CREATE_STREAMS\n%s"
              "expect state TEST_START\nexpect state TEST_RUNNING\n%s",
              s->params, s->opening, s->data);
    if (!s->ids)
        return;
    text_adds(out, "send state TEST_END\nexpect state EXCHANGE_RESULTS\n");
    add_results(out, s->ids);
    text_adds(out, "expect results\nexpect state DISPLAY_RESULTS\nsend state IPERF_DONE\n"
                   "half-close\nexpect end\n");
}

static void add_server(const struct seed *s, struct text *out)
{
    text_addf(out,
              "open\nsend state PARAM_EXCHANGE\nexpect params\nsend state CREATE_STREAMS\n%s"
              "send state TEST_START\nsend state TEST_RUNNING\n%s",
              s->opening, s->data);
    if (!s->ids)
        return;
    text_adds(out, "expect state TEST_END\nsend state EXCHANGE_RESULTS\nexpect results\n");
    add_results(out, s->ids);
    text_adds(out, "send state DISPLAY_RESULTS\nexpect state IPERF_DONE\nclose\n");
}

bool fuzz_seed(size_t i, struct text *out)
{
    if (i >= ARRAY_LEN(seeds))
        return false;
    const struct seed *s = &seeds[i];
    text_addf(out, "case     seed\nclause   FLOW-1\nplays    %s\n",
              s->subject ? "server" : "client");
    if (s->subject)
        text_addf(out, "subject  %s\n", s->subject);
    text_addf(out, "params   { %s }\n\n", s->means);
    (s->subject ? add_server : add_client)(s, out);
    text_adds(out, s->end ? s->end : "");
    return true;
}
