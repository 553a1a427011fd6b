/* version.h - what this program calls itself. */
#pragma once

#define VERSION_PROGRAM "iperfref"
#define VERSION_NUMBER  "0.1"
/* First line of --version and -V, and start.version of -J. Begins as stock's does ("iperf 3.22"):
 * tools take the number behind "iperf " for the protocol's version. */
#define VERSION_BANNER "iperf 3.22 (" VERSION_PROGRAM " " VERSION_NUMBER ")"
/* client_version (PARAM-45); no server reads it. */
#define VERSION_CLIENT "3.22-" VERSION_PROGRAM
