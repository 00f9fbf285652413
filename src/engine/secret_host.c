/* Where a secret may be sent. */
#include "engine/secret_list.h"

#include <stdio.h>
#include <string.h>

#define PORT_HTTPS 443
#define PORT_HTTP 80

/* With the parser that reads the targets' addresses, so that both see the same host. */
static bool
take_apart(const char *text, struct aks_url *ret_url)
{
    char address[sizeof("https://") + AKS_SECRET_HOST_BYTES];

    return strpbrk(text, "/?#@*\\") == NULL &&
        snprintf(address, sizeof(address), "https://%s", text) < (int)sizeof(address) &&
        aks_url_parse(address, ret_url, NULL) == AKS_OK && ret_url->path[0] == '\0';
}

/* What was given may be an address with a password in it: it is not repeated. */
enum aks_status
aks_secret_host_normal(const char *text, char ret_host[AKS_SECRET_HOST_BYTES],
    struct aks_error *err)
{
    struct aks_url url;
    char port[8] = "";

    if (!take_apart(text, &url)) {
        (void)aks_error_set(err, AKS_SETTINGS, "a host is HOST or HOST:PORT, such as "
            "akosha.internal:8682, without https://, path, user and wildcards");
        return AKS_SETTINGS;
    }
    if (url.port != 0)
        (void)snprintf(port, sizeof(port), ":%d", url.port);
    (void)snprintf(ret_host, AKS_SECRET_HOST_BYTES, "%s%s%s%s", url.ipv6 ? "[" : "", url.host,
        url.ipv6 ? "]" : "", port);
    return AKS_OK;
}

bool
aks_secret_host_allows(const struct aks_secret_entry *entry, const struct aks_url *url)
{
    int usual = url->tls ? PORT_HTTPS : PORT_HTTP;
    int port = url->port != 0 ? url->port : usual;

    for (size_t i = 0; i < entry->host_count; i++) {
        struct aks_url host;

        if (take_apart(entry->hosts[i], &host) && host.ipv6 == url->ipv6 &&
            strcmp(host.host, url->host) == 0 && port == (host.port != 0 ? host.port : usual))
            return true;
    }
    return false;
}
