/* Just enough of RFC 3986 to check a target's address before anything is sent there. */
#ifndef AKS_WIRE_URL_H
#define AKS_WIRE_URL_H

#include "base/error.h"

#include <stdbool.h>

#define AKS_URL_BYTES_MAX 2048
#define AKS_URL_HOST_BYTES 256

struct aks_url {
    bool tls;                           /* https */
    char host[AKS_URL_HOST_BYTES];      /* lower case; IPv6 without brackets */
    bool ipv6;
    int port;                           /* 0: none was given */
    char authority[AKS_URL_HOST_BYTES + 16];    /* host[:port] as in Host, without a default port */
    char path[AKS_URL_BYTES_MAX];       /* "" or "/...", without the final '/' */
};

/** http or https, a host, perhaps a port and a path. Refused with AKS_SETTINGS are user info,
 * query, fragment, control characters, blanks, backslashes, bytes outside of ASCII, "." and ".."
 * in the path, numbers as hosts that are no dotted IPv4 address, and http to anything but
 * loopback (see aks_url_loopback). The message names what is wrong, never the user info. Zeroed
 * on failure. */
enum aks_status aks_url_parse(const char *text, struct aks_url *ret_url, struct aks_error *err);
/** 127.0.0.0/8 in dotted form, ::1, localhost. */
bool aks_url_loopback(const char *host);

#endif
