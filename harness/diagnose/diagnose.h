/* diagnose.h - why a client cannot work with a server: a few short sessions, and one sentence. */
#pragma once
#include "harness/diagnose/talk.h"

#include <stdio.h>

/* X(name, word, what is the matter, what to do) */
#define DIAGNOSES(X)                                                                               \
    X(DIAGNOSE_NONE, "none", "nothing is the matter: tests over TCP and UDP go well, both ways",   \
      "if your client fails, compare its options and its version with these tests")                \
    X(DIAGNOSE_NAME, "name", "the name cannot be resolved", "check it, or use the address")        \
    X(DIAGNOSE_SCOPE, "scope", "a link-local address leads nowhere without an interface",          \
      "name the interface behind it: fe80::1%eth0, for clients too")                               \
    X(DIAGNOSE_FAMILY, "family", "the name's first address does not work, another one does",       \
      "stock clients try the first one alone: give them -4 or -6, or the address; or let the "     \
      "server listen on both")                                                                     \
    X(DIAGNOSE_REFUSED, "refused", "the machine is there, but nothing listens on that port",       \
      "start `iperf3 -s` there, or look whether it uses another port (-p)")                        \
    X(DIAGNOSE_UNREACHABLE, "unreachable", "the machine cannot be reached on that port",           \
      "a firewall drops the connection, or there is no route: open TCP and UDP on the port")       \
    X(DIAGNOSE_BUSY, "busy", "the server is busy with another test",                               \
      "stock servers run one test at a time: wait, or start a second one on another port; if "     \
      "nobody "                                                                                    \
      "tests, its last client was lost: restart it, and use --idle-timeout")                       \
    X(DIAGNOSE_IPERF2, "iperf2", "that is an iperf 2 server, and iperf3 cannot talk to it",        \
      "use `iperf -c` against it, or start `iperf3 -s` there")                                     \
    X(DIAGNOSE_FOREIGN, "foreign", "that is no iperf3 server, but another service",                \
      "check the port: iperf3's own is 5201")                                                      \
    X(DIAGNOSE_MUTE, "mute", "something accepts the connection and says nothing",                  \
      "an old iperf 2, a proxy, or an iperf3 that hangs in an earlier test: restart it")           \
    X(DIAGNOSE_CLOSES, "closes", "the connection is closed as soon as a client introduces itself", \
      "a proxy or load balancer without a server behind it, or another service")                   \
    X(DIAGNOSE_AUTH, "auth", "the server wants a user name and a password",                        \
      "give --username and --rsa-public-key-path to your client, and here for a closer look")      \
    X(DIAGNOSE_DROPS, "drops",                                                                     \
      "the server wants a user name and a password, or it breaks over a client's parameters",      \
      "from 3.21 on servers ask for a password so: look at what it prints then; if it is about "   \
      "authentication, give --username and --rsa-public-key-path to your client, and here for a "  \
      "closer look")                                                                               \
    X(DIAGNOSE_GONE, "gone", "the server was there for a moment, and is gone",                     \
      "it crashed, was ended meanwhile, or serves one test only (-1): look at what it prints")     \
    X(DIAGNOSE_DURATION, "duration", "the server takes only tests that end within a time",         \
      "give a -t to your client that is at most the server's --server-max-duration")               \
    X(DIAGNOSE_RATE, "rate", "the server ends tests above a bit rate of its own",                  \
      "give a -b to your client that, for all streams together, is below the server's "            \
      "--server-bitrate-limit")                                                                    \
    X(DIAGNOSE_PADDING, "padding",                                                                 \
      "the server wants PKCS#1 padding: clients up to 3.16 work, later ones fail unless told",     \
      "give --use-pkcs1-padding to clients of 3.17 and later, or update the server")               \
    X(DIAGNOSE_CLOCK, "clock", "the clocks differ by more than the server allows",                 \
      "set both by NTP, or give --time-skew-threshold to the server")                              \
    X(DIAGNOSE_CREDENTIALS, "credentials",                                                         \
      "the server does not take the name, the password or the key, or its clock is far off",       \
      "check the line in its --authorized-users-path, that the public key belongs to its private " \
      "one, and that `date -u` is the same on both sides")                                         \
    X(DIAGNOSE_MTU, "mtu",                                                                         \
      "short messages arrive, long ones do not: large packets are lost on the way",                \
      "the path's MTU is smaller than both ends think, and ICMP is filtered: let it pass, lower "  \
      "the "                                                                                       \
      "MTU, or clamp the MSS")                                                                     \
    X(DIAGNOSE_UDP, "udp",                                                                         \
      "TCP works, UDP does not: no datagram comes through, to the server or back from it",         \
      "open UDP on the same port, for both directions, in each firewall between")                  \
    X(DIAGNOSE_FRAGMENTS, "fragments",                                                             \
      "datagrams of one packet arrive, larger ones do not: their fragments are lost",              \
      "give clients a -l below the path's MTU, such as 1200, or let fragments pass on the way")    \
    X(DIAGNOSE_STREAM, "stream",                                                                   \
      "the control connection works, a second connection to the same port does not",               \
      "a load balancer sends it to another server, or a firewall allows one connection")           \
    X(DIAGNOSE_REVERSE, "reverse", "data arrives in one direction alone",                          \
      "look at the packets at both ends: `iperfspec capture`")                                     \
    X(DIAGNOSE_IDLE, "idle", "the control connection is cut while nothing is said on it",          \
      "a NAT or load balancer forgets idle connections: give --cntl-ka to the client, or raise "   \
      "its "                                                                                       \
      "timer")                                                                                     \
    X(DIAGNOSE_OLD, "old", "all works, but the server is from before 3.12",                        \
      "newer clients fall back to it; expect no fixes since 2022, and 32-bit counters: update it") \
    X(DIAGNOSE_BROKEN, "broken", "a session breaks",                                               \
      "see above where; `iperfspec test --server` names the clause")

enum diagnosis {
#define X(name, word, what, advice) name,
    DIAGNOSES(X)
#undef X
};
const char *diagnosis_word(enum diagnosis d);
const char *diagnosis_text(enum diagnosis d);
const char *diagnosis_advice(enum diagnosis d);

struct diagnose_request {
    const char *host, *port;
    unsigned timeout_ms;               /* for each step */
    const char *user, *password, *key; /* NULL: none; key is the path of a public key */
    unsigned idle_s; /* how long the control connection is left idle; 0: not tried */
};

/* What an error means that a server says of its own limits; DIAGNOSE_BROKEN for any other. */
enum diagnosis diagnosis_of_error(int32_t ierr);

/* Try it. A line for each probe goes to out. */
enum diagnosis diagnose(const struct diagnose_request *request, FILE *out);
