/* The judge between two machines whose messages cross: whatever ends the session, no false alarm.
 */
#include "impl/wire/observer.h"

#include "impl/tests/end.h"
#include "impl/tests/judge.h"
#include "impl/wire/ierr.h"

static uint64_t random_state;

/* Times that messages of both were under way, by the states of client and server behind them. */
static unsigned crossed[MACHINE_N_STATES][MACHINE_N_STATES];

static unsigned draw(unsigned n)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(random_state >> 33) % n;
}

/* One hop: bytes on their way, then perhaps an end. */
struct hop {
    uint8_t bytes[4096];
    size_t len;
    bool ends, has_ended;
};

enum deed { NOTHING, STOP, FAIL, VANISH, RUN_LATE, N_DEEDS };

/* Client and server machines, an observer half-way, and a scheduler that decides who is served
 * next. */
struct crossing {
    struct end client, server;
    struct hop out[2], in[2]; /* before and behind the observer, by side of the sender */
    struct judge judge;
    enum deed deeds[2];
    unsigned when[2]; /* the round in which it is done */
    unsigned n_up[2];
    bool gone[2]; /* the process is dead: it reads and sends nothing more */
};

static void collect(struct end *e, struct hop *hop)
{
    assert_true(hop->len + e->out_len <= sizeof hop->bytes);
    memcpy(hop->bytes + hop->len, e->out, e->out_len);
    hop->len += e->out_len;
    e->out_len = 0;
    if (e->n_ends > 0)
        hop->ends = true;
}

static size_t take(struct hop *hop, uint8_t *into, size_t most)
{
    size_t n = MIN(most, hop->len);

    memcpy(into, hop->bytes, n);
    memmove(hop->bytes, hop->bytes + n, hop->len - n);
    hop->len -= n;
    return n;
}

/* From the sender's machine to the observer, who passes it on. */
static void pass_observer(struct crossing *x, int side)
{
    uint8_t piece[4096];
    struct hop *from = &x->out[side], *to = &x->in[side];
    size_t n = take(from, piece, 1 + draw(400));

    see(&x->judge, side == OBSERVER_CLIENT ? 'C' : 'S', (struct bytes){piece, n}, 0);
    memcpy(to->bytes + to->len, piece, n);
    to->len += n;
    if (from->len == 0 && from->ends && !from->has_ended) {
        from->has_ended = to->ends = true;
        observer_end(x->judge.o, (enum observer_side)side, 1, false);
    }
}

static void arrive(struct crossing *x, int side)
{
    uint8_t piece[4096];
    struct end *to = side == OBSERVER_CLIENT ? &x->server : &x->client;
    struct hop *hop = &x->in[side];
    size_t n = take(hop, piece, 1 + draw(400));

    if (x->gone[1 - side])
        return;
    end_feed(to, (struct bytes){piece, n}, 0);
    if (hop->len == 0 && hop->ends && !hop->has_ended) {
        hop->has_ended = true;
        machine_eof(to->m, to->now_ns);
        end_drain(to);
    }
}

static void come_up(struct end *e, unsigned *n_up)
{
    if (*n_up < e->n_streams) {
        ++*n_up;
        machine_stream_up(e->m, e->now_ns);
        end_drain(e);
    }
}

static void do_deed(struct crossing *x, int side)
{
    struct end *e = side == OBSERVER_CLIENT ? &x->client : &x->server;

    switch (x->deeds[side]) {
    case STOP:
        machine_terminate(e->m, e->now_ns);
        break;
    case FAIL:
        machine_failed(e->m, e->now_ns, IESTREAMREAD, 5);
        break;
    case VANISH: /* killed: the kernel closes */
        x->gone[side] = x->out[side].ends = true;
        break;
    case RUN_LATE:
        if (machine_deadline(e->m) != UINT64_MAX) {
            e->now_ns = machine_deadline(e->m);
            machine_tick(e->m, e->now_ns);
        }
        break;
    default:
        break;
    }
    end_drain(e);
}

static void play_round(struct crossing *x, unsigned round)
{
    for (int side = 0; side < 2; side++)
        if (round == x->when[side])
            do_deed(x, side);
    switch (draw(7)) {
    case 0:
        pass_observer(x, OBSERVER_CLIENT);
        break;
    case 1:
        pass_observer(x, OBSERVER_SERVER);
        break;
    case 2:
        arrive(x, OBSERVER_CLIENT);
        break;
    case 3:
        arrive(x, OBSERVER_SERVER);
        break;
    case 4:
        come_up(&x->client, &x->n_up[OBSERVER_CLIENT]);
        break;
    case 5:
        if (x->n_up[OBSERVER_SERVER] < x->n_up[OBSERVER_CLIENT])
            come_up(&x->server, &x->n_up[OBSERVER_SERVER]);
        break;
    default:
        if (machine_state(x->client.m) == CLI_RUN && !x->gone[OBSERVER_CLIENT]) {
            machine_test_over(x->client.m, x->client.now_ns);
            end_drain(&x->client);
        }
        break;
    }
    if (!x->gone[OBSERVER_CLIENT])
        collect(&x->client, &x->out[OBSERVER_CLIENT]);
    if (!x->gone[OBSERVER_SERVER])
        collect(&x->server, &x->out[OBSERVER_SERVER]);
    if (x->out[OBSERVER_CLIENT].len + x->in[OBSERVER_CLIENT].len > 0 &&
        x->out[OBSERVER_SERVER].len + x->in[OBSERVER_SERVER].len > 0)
        crossed[machine_state(x->client.m)][machine_state(x->server.m)]++;
}

static void play(enum deed client_deed, enum deed server_deed, unsigned seed)
{
    static struct crossing x;
    static const uint8_t cookie[COOKIE_LEN] = "mpczabcdefghijklmnopqrstuvwxyz234567";
    struct machine_config config;
    struct params p;

    memset(&x, 0, sizeof x);
    random_state = seed * 4u + client_deed;
    params_init(&p);
    p.tcp = true;
    params_mark(&p, PARAM_tcp);
    p.parallel = 2;
    params_mark(&p, PARAM_parallel);
    p.reverse = seed % 2 == 0;
    if (p.reverse)
        params_mark(&p, PARAM_reverse);
    machine_config_init(&config, MACHINE_SERVER);
    end_init(&x.server, &config);
    machine_config_init(&config, MACHINE_CLIENT);
    memcpy(config.cookie, cookie, COOKIE_LEN);
    config.params = &p;
    end_init(&x.client, &config);
    judge_init_new(&x.judge, true);
    x.deeds[OBSERVER_CLIENT] = client_deed;
    x.deeds[OBSERVER_SERVER] = server_deed;
    x.when[OBSERVER_CLIENT] = draw(120);
    x.when[OBSERVER_SERVER] = draw(120);
    machine_start(x.server.m, x.server.now_ns);
    machine_start(x.client.m, x.client.now_ns);
    end_drain(&x.client);
    for (unsigned round = 0; round < 400; round++)
        play_round(&x, round);
    observer_finish(x.judge.o);
    if (x.judge.n_violations > 0)
        fail_msg("deeds %d and %d, seed %u: %s by %d, expected %s, found %s; %s", client_deed,
                 server_deed, seed, x.judge.first.clause, x.judge.first.by, x.judge.first.expected,
                 x.judge.first.found, x.judge.seen);
    if (client_deed == NOTHING && server_deed == NOTHING)
        assert_true(observer_completed(x.judge.o));
    judge_fini(&x.judge);
    end_fini(&x.client);
    end_fini(&x.server);
    params_fini(&p);
}

/* All pairs that there are. The protocol takes turns, so one of the two ends the session: the
 * server while a cookie, parameters, 04 or results are on their way, the client while what the
 * server said last is, or each of them. */
static const enum machine_state pairs[][2] = {
    {CLI_START,    MACHINE_OVER},
    {CLI_PARAM,    MACHINE_OVER},
    {CLI_END,      MACHINE_OVER},
    {CLI_RESULTS,  MACHINE_OVER},
    {MACHINE_OVER, SRV_PARAMS  },
    {MACHINE_OVER, SRV_CREATE  },
    {MACHINE_OVER, SRV_RUN     },
    {MACHINE_OVER, SRV_RESULTS },
    {MACHINE_OVER, SRV_DISPLAY },
    {MACHINE_OVER, MACHINE_OVER},
};

static void check_pairs(void)
{
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        unsigned *n = &crossed[pairs[i][0]][pairs[i][1]];
        if (*n == 0)
            fail_msg("%s and %s never crossed", machine_state_name(pairs[i][0]),
                     machine_state_name(pairs[i][1]));
        *n = 0;
    }
    for (int c = 0; c < MACHINE_N_STATES; c++)
        for (int s = 0; s < MACHINE_N_STATES; s++)
            if (crossed[c][s] > 0)
                fail_msg("%s and %s crossed, too", machine_state_name((enum machine_state)c),
                         machine_state_name((enum machine_state)s));
}

/* Whatever one side does to end the session, wherever the other one's messages are at that time. */
static void test_observer_raises_no_false_alarm_when_messages_cross(void **unused)
{
    (void)unused;
    for (enum deed c = NOTHING; c < N_DEEDS; c++)
        for (enum deed s = NOTHING; s < N_DEEDS; s++)
            for (unsigned seed = 0; seed < 400; seed++)
                play(c, s, seed);
    check_pairs();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_observer_raises_no_false_alarm_when_messages_cross),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
