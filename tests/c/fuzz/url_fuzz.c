/* Addresses of targets. What is taken must be taken again in the form in which it is used. */
#include "base/check.h"
#include "wire/url.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define TEXT_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
check_taken(const struct aks_url *url)
{
    char text[2 * AKS_URL_BYTES_MAX];
    struct aks_url again;

    AKS_CHECK(url->host[0] != '\0');
    AKS_CHECK(url->tls || aks_url_loopback(url->host));
    AKS_CHECK(url->port >= 0 && url->port <= 65535);
    AKS_CHECK(url->path[0] == '\0' || url->path[0] == '/');
    AKS_CHECK(url->path[0] == '\0' || url->path[strlen(url->path) - 1] != '/');
    AKS_CHECK(strpbrk(url->authority, "@/?# \\\r\n") == NULL);
    (void)snprintf(text, sizeof(text), "%s://%s%s", url->tls ? "https" : "http", url->authority,
        url->path);
    AKS_CHECK(aks_url_parse(text, &again, NULL) == AKS_OK);
    AKS_CHECK(strcmp(again.host, url->host) == 0);
    AKS_CHECK(strcmp(again.authority, url->authority) == 0);
    AKS_CHECK(strcmp(again.path, url->path) == 0);
    AKS_CHECK(again.tls == url->tls);
}

static void
check_refused(const char *text, const struct aks_url *url, const struct aks_error *err)
{
    const char *at = strchr(text, '@');

    AKS_CHECK(url->host[0] == '\0');
    AKS_CHECK(err->status == AKS_SETTINGS);
    for (const char *p = err->message; *p != '\0'; p++)
        AKS_CHECK(*p >= 0x20 && *p < 0x7f);
    AKS_CHECK(at == NULL || strstr(err->message, "(not shown") != NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char text[TEXT_MAX + 1];
    struct aks_error err;
    struct aks_url url;

    if (len > TEXT_MAX)
        len = TEXT_MAX;
    memcpy(text, data, len);
    text[len] = '\0';
    aks_error_clear(&err);
    if (aks_url_parse(text, &url, &err) == AKS_OK)
        check_taken(&url);
    else
        check_refused(text, &url, &err);
    (void)aks_url_loopback(text);
    return 0;
}
