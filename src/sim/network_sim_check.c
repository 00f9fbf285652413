/* What the real port refuses before anything is sent is refused here as well, with the same status:
 * else a world would bring what a real machine cannot. */
#include "sim/network_sim_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PORT_MAX 65535

/* Where the host of an authority ends: at a port, or at its end. */
static size_t
host_len(const char *authority)
{
    const char *bracket = strchr(authority, ']');

    return bracket != NULL ? (size_t)(bracket + 1 - authority) : strcspn(authority, ":");
}

bool
aks_network_sim_check_loopback(const char *authority)
{
    char host[AKS_SIM_HOST_BYTES];

    (void)snprintf(host, sizeof(host), "%.*s", (int)host_len(authority), authority);
    return aks_http_loopback(host);
}

static bool
is_authority(const char *authority)
{
    const char *port = authority + host_len(authority);
    char *end;

    if (port == authority || strchr(authority, '@') != NULL)
        return false;
    if (port[0] == '\0')
        return true;
    return port[0] == ':' && strspn(port + 1, "0123456789") == strlen(port + 1) &&
        strtol(port + 1, &end, 10) <= PORT_MAX;
}

static bool
is_metadata(const char *authority)
{
    char host[AKS_SIM_HOST_BYTES];

    (void)snprintf(host, sizeof(host), "%.*s", (int)host_len(authority), authority);
    return aks_http_metadata(host);
}

static enum aks_status
check_url(const char *url, bool metadata, struct aks_error *err)
{
    const char *authority = strstr(url, "://");
    char text[AKS_SIM_HOST_BYTES];
    bool tls = strncasecmp(url, "https://", 8) == 0;
    size_t len;

    if (!tls && strncasecmp(url, "http://", 7) != 0)
        return aks_error_set(err, AKS_SETTINGS, "cannot use the URL of a request: only https:// "
            "can be used, and http:// to this machine");
    authority += 3;
    len = strcspn(authority, "/?");
    if (len >= sizeof(text))
        return aks_error_set(err, AKS_SETTINGS, "cannot use the URL of a request: its host has "
            "more than %d bytes", AKS_SIM_HOST_BYTES - 1);
    (void)snprintf(text, sizeof(text), "%.*s", (int)len, authority);
    if (!is_authority(text))
        return aks_error_set(err, AKS_SETTINGS, "cannot use the URL of a request: it names no "
            "host, a user, or no port that there is");
    if (!tls && !aks_network_sim_check_loopback(text) && !(metadata && is_metadata(text)))
        return aks_error_set(err, AKS_SETTINGS, "cannot send to http://%s: plain http is for this "
            "machine only (127.0.0.1, [::1], localhost)", text);
    return AKS_OK;
}

enum aks_status
aks_network_sim_check(const struct aks_http_request *request, struct aks_error *err)
{
    enum aks_status status;

    if (request->body != NULL && request->body->bytes > (int64_t)AKS_NETWORK_SIM_BODY_BYTES_MAX)
        return aks_error_set(err, AKS_LIMIT, "a simulated request takes %zu bytes at most",
            AKS_NETWORK_SIM_BODY_BYTES_MAX);
    status = aks_http_request_check(request, err);
    return status == AKS_OK ? check_url(request->url, request->metadata, err) : status;
}
