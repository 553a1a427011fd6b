#include "harness/interop/numbers.h"

#include "impl/wire/account.h"

#include <inttypes.h>

/* Of what was sent: a receiver that waits for a processor as the test ends leaves unread what came
 * meanwhile, and buffers grow by that beyond what was reported at the start. */
#define LATE_SHARE 4

bool numbers_stream_agrees(int64_t sent, int64_t received, uint64_t missing, uint64_t excess,
                           struct text *why)
{
    uint64_t most = MAX(missing, (uint64_t)MAX(sent, 0) / LATE_SHARE);

    if (received <= 0)
        text_addf(why, "%" PRId64 " bytes received of %" PRId64, received, sent);
    else if (received > sent && (uint64_t)(received - sent) > excess)
        text_addf(why, "%" PRId64 " bytes received, only %" PRId64 " sent", received, sent);
    else if (sent > received && (uint64_t)(sent - received) > most)
        text_addf(why,
                  "%" PRId64 " bytes sent, %" PRId64 " received: %" PRId64
                  " missing, no more than %" PRIu64 " can be on the way",
                  sent, received, sent - received, most);
    else
        return true;
    return false;
}

/* UDP-7, of the counted period. A receiver before 3.14 does not tell what it omitted (RES-15):
 * there what it lacks may have come then. */
static bool is_highest(const struct results_stream *receiver, int64_t arrived, bool omits)
{
    int64_t left = receiver->packets - receiver->omitted_packets -
                   (receiver->errors - receiver->omitted_errors) - arrived;

    return omits && !receiver->has_omitted ? left >= 0 : left == 0;
}

static bool datagrams_agree(const struct numbers_test *t, const struct results_stream *sender,
                            const struct results_stream *receiver, struct text *why)
{
    int64_t len = t->params->len, arrived = len > 0 ? receiver->bytes / len : 0;

    if (arrived < (t->may_idle ? 0 : 1) || receiver->bytes % len != 0)
        text_addf(why, "%" PRId64 " bytes received are no number of %" PRId64 "-byte datagrams",
                  receiver->bytes, len);
    else if (receiver->errors < 0 || !is_highest(receiver, arrived, t->omits))
        text_addf(why,
                  "%" PRId64 " datagrams received + %" PRId64
                  " lost are not the highest number %" PRId64 "; of these omitted: %" PRId64
                  " lost, highest number %" PRId64,
                  arrived, receiver->errors, receiver->packets, receiver->omitted_errors,
                  receiver->omitted_packets);
    else if (receiver->packets > sender->packets)
        text_addf(why, "datagram %" PRId64 " received, only %" PRId64 " sent", receiver->packets,
                  sender->packets);
    else
        return true;
    return false;
}

static bool bytes_agree(const struct numbers_test *t, const struct results_stream *sender,
                        const struct results_stream *receiver, bool client_sends, struct text *why)
{
    bool counts_all = client_sends ? t->server_counts_all : t->client_counts_all;
    bool cuts = client_sends ? t->client_cuts : t->server_cuts;
    uint64_t block = (uint64_t)t->params->len, missing = t->in_flight + block;
    uint64_t excess = t->omits ? missing : cuts ? block : 0;

    if (counts_all && t->whole > 0 && sender->bytes == t->whole && receiver->bytes != t->whole) {
        text_addf(why, "%" PRId64 " bytes sent, and %" PRId64 " counted (INT-7)", sender->bytes,
                  receiver->bytes);
        return false;
    }
    if (t->may_idle && receiver->bytes == 0 && (uint64_t)sender->bytes <= missing)
        return true;
    return numbers_stream_agrees(sender->bytes, receiver->bytes, missing, excess, why);
}

static bool stream_agrees(const struct numbers_test *t, int64_t id, bool client_sends,
                          struct text *why)
{
    const struct results_stream *at_client = results_find(t->client, id);
    const struct results_stream *at_server = results_find(t->server, id);
    const struct results_stream *sender = client_sends ? at_client : at_server;
    const struct results_stream *receiver = client_sends ? at_server : at_client;

    if (!sender || !receiver) {
        text_addf(why, "not in the %s's results", at_client ? "server" : "client");
        return false;
    }
    return params_protocol(t->params) == PARAMS_UDP
               ? datagrams_agree(t, sender, receiver, why)
               : bytes_agree(t, sender, receiver, client_sends, why);
}

bool numbers_agree(const struct numbers_test *t, struct text *why)
{
    size_t n = (size_t)params_n_streams(t->params);

    if (t->client->n_streams != n || t->server->n_streams != n) {
        text_addf(why, "%zu streams, but %zu in the client's results and %zu in the server's", n,
                  t->client->n_streams, t->server->n_streams);
        return false;
    }
    for (unsigned i = 0; i < n; i++) {
        int64_t id = account_stream_id(i);
        bool client_sends = params_client_sends(t->params, i);
        struct text found = {0};

        bool ok = stream_agrees(t, id, client_sends, &found);
        if (!ok)
            text_addf(why, "stream %" PRId64 " (%s): %s", id,
                      client_sends ? "to the server" : "to the client", text_string(&found));
        text_fini(&found);
        if (!ok)
            return false;
    }
    return true;
}
