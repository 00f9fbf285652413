#include "port/http.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>

#define METHOD_BYTES_MAX 16

const char *
aks_http_reply_header(const struct aks_http_reply *reply, const char *name)
{
    for (size_t i = 0; i < reply->header_count; i++) {
        if (strcasecmp(reply->headers[i].name, name) == 0)
            return reply->headers[i].value;
    }
    return NULL;
}

static bool
is_token(const char *text)
{
    if (text[0] == '\0')
        return false;
    for (const char *at = text; *at != '\0'; at++) {
        bool alnum = (*at >= '0' && *at <= '9') || (*at >= 'A' && *at <= 'Z')
            || (*at >= 'a' && *at <= 'z');

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

/* Values are never shown: they may be secrets. */
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
        for (const char *at = header->value; *at != '\0'; at++) {
            if (((unsigned char)*at < ' ' && *at != '\t') || *at == 0x7f)
                return aks_error_set(err, AKS_SETTINGS, "cannot send the header %s: its value has "
                    "a line end or another control character", header->name);
        }
    }
    return AKS_OK;
}

enum aks_status
aks_http_request_check(const struct aks_http_request *request, struct aks_error *err)
{
    if (!is_token(request->method) || strlen(request->method) > METHOD_BYTES_MAX)
        return aks_error_set(err, AKS_SETTINGS, "cannot send a request: bad method");
    for (const char *at = request->url; *at != '\0'; at++) {
        if ((unsigned char)*at <= ' ' || (unsigned char)*at >= 0x7f || *at == '#')
            return aks_error_set(err, AKS_SETTINGS, "cannot use the URL of a request: byte %zu of "
                "it must be percent-encoded", (size_t)(at - request->url) + 1);
    }
    if (request->pins != NULL && !aks_http_pins_valid(request->pins))
        return aks_error_set(err, AKS_SETTINGS, "cannot use the pin of a request: it is none of a "
            "public key");
    if (request->pins != NULL && strncasecmp(request->url, "https://", 8) != 0)
        return aks_error_set(err, AKS_SETTINGS, "cannot check the pin of a server that speaks no "
            "TLS");
    return check_headers(request, err);
}

bool
aks_http_loopback(const char *host)
{
    struct in_addr v4;

    if (strcasecmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0)
        return true;
    return inet_pton(AF_INET, host, &v4) == 1 && (ntohl(v4.s_addr) >> 24) == IN_LOOPBACKNET;
}

bool
aks_http_metadata(const char *host)
{
    static const char *const hosts[] = { "169.254.169.254", "169.254.170.2", "169.254.170.23",
        "[fd00:ec2::254]", "[fd00:ec2::23]" };

    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        if (strcasecmp(host, hosts[i]) == 0)
            return true;
    }
    return false;
}
