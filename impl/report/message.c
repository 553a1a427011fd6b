/* message.c - iperf3's messages for its error numbers. */
#include "impl/report/report.h"

#include "impl/wire/bytes.h"
#include "impl/wire/ierr.h"

#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* The wording of 3.22, seen from its library. */
/* clang-format off */
static const struct row {
    enum ierr number;
    bool os; /* a colon follows, and the system's text if there is one */
    const char *text;
} rows[] = {
    {IENONE, false, "no error"},
    {IESERVCLIENT, false, "cannot be both server and client"},
    {IENOROLE, false, "must either be a client (-c) or server (-s)"},
    {IESERVERONLY, false, "some option you are trying to set is server only"},
    {IECLIENTONLY, false, "some option you are trying to set is client only"},
    {IEDURATION, false, "test duration valid values are 0 to 86400 seconds"},
    {IENUMSTREAMS, false, "invalid number of parallel streams (min = 1, max = 128)"},
    {IEBLOCKSIZE, false, "block size too large (maximum = 1048576 bytes)"},
    {IEBUFSIZE, false, "socket buffer size too large (maximum = 536870912 bytes)"},
    {IEINTERVAL, false, "invalid report interval (min = 0.1, max = 60 seconds)"},
    {IEMSS, false, "TCP MSS too large (maximum = 32767 bytes)"},
    {IENOSENDFILE, false, "this OS does not support sendfile"},
    {IEOMIT, false, "bogus value for --omit (maximum = 600 seconds)"},
    {IEUNIMP, false, "an option you are trying to set is not implemented yet"},
    {IEFILE, true, "unable to open -F file"},
    {IEBURST, false, "invalid burst count (maximum = 1000)"},
    {IEENDCONDITIONS, false, "only one test end condition (-t, -n, -k) may be specified"},
    {IELOGFILE, true, "unable to open log file"},
    {IENOSCTP, false, "no SCTP support available"},
    {IEBIND, false, "--bind must be specified to use --cport"},
    {IEUDPBLOCKSIZE, false, "block size invalid (minimum = 16 bytes, maximum = 65507 bytes)"},
    {IEBADTOS, false, "bad TOS value (must be between 0 and 255 inclusive)"},
    {IESETCLIENTAUTH, false,
        "you must specify a username, password, and path to a valid RSA public key"},
    {IESETSERVERAUTH, false,
        "you must specify a path to a valid RSA private key and a user credential file"},
    {IEBADFORMAT, false, "bad format specifier (valid formats are in the set [kmgtKMGT])"},
    {IEREVERSEBIDIR, false, "cannot be both reverse and bidirectional"},
    {IEBADPORT, false, "port number must be between 1 and 65535 inclusive"},
    {IETOTALRATE, false, "total required bandwidth is larger than server limit"},
    {IETOTALINTERVAL, false, "invalid time interval for calculating average data rate"},
    {IESKEWTHRESHOLD, false, "skew threshold must be a positive number"},
    {IEIDLETIMEOUT, false, "idle timeout parameter is not positive or larger than allowed limit"},
    {IERCVTIMEOUT, true, "receive timeout value is incorrect or not in range"},
    {IERVRSONLYRCVTIMEOUT, true, "client receive timeout is valid only in receiving mode"},
    {IESNDTIMEOUT, true, "send timeout value is incorrect or not in range"},
    {IEUDPFILETRANSFER, false, "cannot transfer file using UDP"},
    {IESERVERAUTHUSERS, false, "cannot access authorized users file"},
    {IECNTLKA, true,
        "control connection Keepalive period should be larger than the full retry period "
        "(interval * count)"},
    {IEMAXSERVERTESTDURATIONEXCEEDED, false,
        "client's requested duration exceeds the server's maximum permitted limit"},
    {IEUNITVAL, false, "invalid unit value or suffix"},
    {IERVRSONLYSKIPRXCOPY, false, "this OS does not support --skip-rx-copy"},
    {IEBADDSCP, false,
        "bad DSCP value (numeric: 0-63 inclusive, symbolic: one of [af11-13, af21-23, af31-33, "
        "af41-43, cs1-7, ef, va, lowdelay, throughput, reliability])"},
    {IENEWTEST, true, "unable to create a new test"},
    {IEINITTEST, true, "test initialization failed"},
    {IELISTEN, true, "unable to start listener for connections"},
    {IECONNECT, true,
        "unable to connect to server - server may have stopped running or use a different "
        "port, firewall issue, etc."},
    {IEACCEPT, true, "unable to accept connection from client"},
    {IESENDCOOKIE, true, "unable to send cookie to server"},
    {IERECVCOOKIE, true, "unable to receive cookie at server"},
    {IECTRLWRITE, true, "unable to write to the control socket"},
    {IECTRLREAD, true, "unable to read from the control socket"},
    {IECTRLCLOSE, false, "control socket has closed unexpectedly"},
    {IEMESSAGE, false,
        "received an unknown control message (ensure other side is iperf3 and not iperf)"},
    {IESENDMESSAGE, true,
        "unable to send control message - port may not be available, the other side may have "
        "stopped running, etc."},
    {IERECVMESSAGE, true,
        "unable to receive control message - port may not be available, the other side may "
        "have stopped running, etc."},
    {IESENDPARAMS, true, "unable to send parameters to server"},
    {IERECVPARAMS, true, "unable to receive parameters from client"},
    {IEPACKAGERESULTS, true, "unable to package results"},
    {IESENDRESULTS, true, "unable to send results"},
    {IERECVRESULTS, true, "unable to receive results"},
    {IESELECT, true, "select failed"},
    {IECLIENTTERM, false, "the client has terminated"},
    {IESERVERTERM, false, "the server has terminated"},
    {IEACCESSDENIED, false, "the server is busy running a test. try again later"},
    {IESETNODELAY, true, "unable to set TCP/SCTP NODELAY"},
    {IESETMSS, true, "unable to set TCP/SCTP MSS"},
    {IESETBUF, true, "unable to set socket buffer size"},
    {IESETTOS, true, "unable to set IP TOS"},
    {IESETCOS, true, "unable to set IPv6 traffic class"},
    {IESETFLOW, false, "unable to set IPv6 flow label"},
    {IEREUSEADDR, true, "unable to reuse address on socket"},
    {IENONBLOCKING, true, "unable to set socket to non-blocking"},
    {IESETWINDOWSIZE, true, "unable to set socket window size"},
    {IEPROTOCOL, false, "protocol does not exist"},
    {IEAFFINITY, true, "unable to set CPU affinity"},
    {IEDAEMON, true, "unable to become a daemon"},
    {IESETCONGESTION, false,
        "unable to set TCP_CONGESTION: Supplied congestion control algorithm not supported on "
        "this host"},
    {IEPIDFILE, true, "unable to write PID file"},
    {IEV6ONLY, true, "Unable to set/reset IPV6_V6ONLY"},
    {IESETSCTPDISABLEFRAG, true, "unable to set SCTP_DISABLE_FRAGMENTS"},
    {IESETSCTPNSTREAM, true, "unable to set SCTP_INIT num of SCTP streams"},
    {IESETSCTPBINDX, true, "unable to set sctp_bindx addresses"},
    {IESETPACING, true, "unable to set socket pacing"},
    {IESETBUF2, false, "socket buffer size not set correctly"},
    {IEAUTHTEST, false, "test authorization failed"},
    {IEBINDDEV, false, "Unable to bind-to-device (check perror, maybe permissions?)"},
    {IENOMSG, false, "idle timeout for receiving data"},
    {IESETDONTFRAGMENT, false, "unable to set IP Do-Not-Fragment flag"},
    {IEBINDDEVNOSUPPORT, false,
        "`<ip>%<dev>` is not supported as system does not support bind to device"},
    {IEHOSTDEV, false,
        "host device name (ip%<dev>) is supported (and required) only for IPv6 link-local "
        "address"},
    {IESETUSERTIMEOUT, true, "unable to set TCP USER_TIMEOUT"},
    {IEPTHREADCREATE, true, "unable to create thread"},
    {IEPTHREADCANCEL, true, "unable to cancel thread"},
    {IEPTHREADJOIN, true, "unable to join thread"},
    {IEPTHREADATTRINIT, true, "unable to create thread attributes"},
    {IEPTHREADATTRDESTROY, false, "unable to destroy thread attributes"},
    {IESETCNTLKA, true, "unable to set socket keepalive (SO_KEEPALIVE) option"},
    {IESETCNTLKAKEEPIDLE, true, "unable to set socket keepalive TCP period (TCP_KEEPIDLE) option"},
    {IESETCNTLKAINTERVAL, true,
        "unable to set/get socket keepalive TCP retry interval (TCP_KEEPINTVL) option"},
    {IESETCNTLKACOUNT, true,
        "unable to set/get socket keepalive TCP number of retries (TCP_KEEPCNT) option"},
    {IEPTHREADSIGMASK, false, "unable to change mask of blocked signals"},
    {IESERVERTESTDURATIONEXPIRED, true, "server test duration expired"},
    {IECREATESTREAM, true, "unable to create a new stream"},
    {IEINITSTREAM, true, "unable to initialize stream"},
    {IESTREAMLISTEN, true, "unable to start stream listener"},
    {IESTREAMCONNECT, true, "unable to connect stream"},
    {IESTREAMACCEPT, true, "unable to accept stream connection"},
    {IESTREAMWRITE, true, "unable to write to stream socket"},
    {IESTREAMREAD, true, "unable to read from stream socket"},
    {IESTREAMCLOSE, false, "stream socket has closed unexpectedly"},
    {IESTREAMID, false, "stream has an invalid id"},
    {IENEWTIMER, true, "unable to create new timer"},
    {IEUPDATETIMER, true, "unable to update timer"},
};
/* clang-format on */

/* Names that cannot be looked up have negative numbers (sock_resolve()). */
static const char *system_text(int os_errno)
{
    return os_errno < 0 ? gai_strerror(os_errno) : strerror(os_errno);
}

void report_error_format(char *buf, size_t cap, int ierr, int os_errno)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if ((int)rows[i].number != ierr)
            continue;
        if (rows[i].os) /* the colon also where nothing follows */
            snprintf(buf, cap, "%s: %s", rows[i].text, os_errno != 0 ? system_text(os_errno) : "");
        else
            snprintf(buf, cap, "%s", rows[i].text);
        return;
    }
    snprintf(buf, cap, "int_errno=%d", ierr);
}
