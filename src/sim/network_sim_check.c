/* What the real port refuses before anything is sent is refused here as well, with the same status:
 * else a world would bring what a real machine cannot. */
#include "sim/network_sim_internal.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define METHOD_BYTES_MAX 16
#define PORT_MAX 65535

static bool
is_token(const char *text)
{
    if (text[0] == '\0')
        return false;
    for (const char *at = text; *at != '\0'; at++) {
        bool alnum = (*at >= '0' && *at <= '9') || (*at >= 'A' && *at <= 'Z') ||
            (*at >= 'a' && *at <= 'z');

        if (!alnum && strchr("!#$%&'*+-.^_`|~", *at) == NULL)
            return false;
    }
    return true;
}

static bool
is_port_header(const char *name)
{
    static const char *const names[] = { "Host", "Content-Length", "User-Agent", "Expect",
        "Transfer-Encoding", "Connection" };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcasecmp(name, names[i]) == 0)
            return true;
    }
    return false;
}

static bool
is_value(const char *text)
{
    for (; *text != '\0'; text++) {
        if (((unsigned char)*text < ' ' && *text != '\t') || *text == 0x7f)
            return false;
    }
    return true;
}

static enum aks_status
check_headers(const struct aks_http_request *request, struct aks_error *err)
{
    if (request->header_count > AKS_HTTP_HEADERS_MAX)
        return aks_error_set(err, AKS_LIMIT, "cannot send %zu headers: at most %d",
            request->header_count, AKS_HTTP_HEADERS_MAX);
    for (size_t i = 0; i < request->header_count; i++) {
        const struct aks_http_header *header = &request->headers[i];

        if (!is_token(header->name))
            return aks_error_set(err, AKS_SETTINGS, "cannot send header number %zu: its name has "
                "bytes that no name may have", i + 1);
        if (is_port_header(header->name))
            return aks_error_set(err, AKS_SETTINGS, "cannot send the header %s: the transport sets "
                "it itself", header->name);
        if (!is_value(header->value))
            return aks_error_set(err, AKS_SETTINGS, "cannot send the header %s: its value has a "
                "line end or another control character", header->name);
    }
    return AKS_OK;
}

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
    struct in_addr v4;

    (void)snprintf(host, sizeof(host), "%.*s", (int)host_len(authority), authority);
    if (strcasecmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0)
        return true;
    return inet_pton(AF_INET, host, &v4) == 1 && (ntohl(v4.s_addr) >> 24) == IN_LOOPBACKNET;
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

static enum aks_status
check_url(const char *url, struct aks_error *err)
{
    const char *authority = strstr(url, "://");
    char text[AKS_SIM_HOST_BYTES];
    bool tls = strncasecmp(url, "https://", 8) == 0;
    size_t len;

    for (const char *at = url; *at != '\0'; at++) {
        if ((unsigned char)*at <= ' ' || (unsigned char)*at >= 0x7f || *at == '#')
            return aks_error_set(err, AKS_SETTINGS, "cannot use the URL of a request: byte %zu of "
                "it must be percent-encoded", (size_t)(at - url) + 1);
    }
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
    if (!tls && !aks_network_sim_check_loopback(text))
        return aks_error_set(err, AKS_SETTINGS, "cannot send to http://%s: plain http is for this "
            "machine only (127.0.0.1, [::1], localhost)", text);
    return AKS_OK;
}

enum aks_status
aks_network_sim_check(const struct aks_http_request *request, struct aks_error *err)
{
    enum aks_status status;

    if (!is_token(request->method) || strlen(request->method) > METHOD_BYTES_MAX)
        return aks_error_set(err, AKS_SETTINGS, "cannot send a request: bad method");
    if (request->body != NULL && request->body->bytes > (int64_t)AKS_NETWORK_SIM_BODY_BYTES_MAX)
        return aks_error_set(err, AKS_LIMIT, "a simulated request takes %zu bytes at most",
            AKS_NETWORK_SIM_BODY_BYTES_MAX);
    status = check_url(request->url, err);
    return status == AKS_OK ? check_headers(request, err) : status;
}
