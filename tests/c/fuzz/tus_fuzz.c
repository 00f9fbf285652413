/* What a server of tus says of itself, and of where an upload is. The first line is a Location; the
 * others are Tus-Version, Tus-Extension, Tus-Checksum-Algorithm, Tus-Max-Size. Whatever it says, no
 * request goes to another host. */
#include "base/check.h"
#include "wire/tus.h"

#include <stdint.h>
#include <string.h>

#define TEXT_MAX 4096
#define LINES 5
#define HOME "https://files.example/up/"
#define ORIGIN "https://files.example"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
check_location(const char *location)
{
    char url[AKS_TUS_URL_BYTES];
    char again[AKS_TUS_URL_BYTES];
    struct aks_error err;

    if (aks_tus_location(HOME, location, url, &err) != AKS_OK) {
        AKS_CHECK(err.status == AKS_BAD_REPLY && url[0] == '\0');
        return;
    }
    AKS_CHECK(strncmp(url + strlen("https:"), "//", 2) == 0);
    AKS_CHECK(strlen(url) > strlen(ORIGIN) || strchr(location, '/') != NULL);
    for (const char *at = url; *at != '\0'; at++)
        AKS_CHECK(*at > ' ' && *at < 0x7f && strchr("\"<>\\#", *at) == NULL);
    /* As it is kept, it means the same. */
    AKS_CHECK(aks_tus_location(HOME, url, again, NULL) == AKS_OK && strcmp(url, again) == 0);
    AKS_CHECK(aks_tus_same_path(url, again));
}

static void
check_server(char *const lines[LINES])
{
    char text[AKS_TUS_SERVER_BYTES];
    struct aks_tus_server server;
    struct aks_tus_server again;

    (void)aks_tus_read_server(lines[1], lines[2], lines[3], lines[4], &server);
    AKS_CHECK(server.bytes_max >= -1);
    AKS_CHECK(aks_tus_server_parse(aks_tus_server_text(&server, text), &again));
    AKS_CHECK(again.terminates == server.terminates && again.sha256 == server.sha256);
    AKS_CHECK(again.bytes_max == server.bytes_max);
    (void)aks_tus_server_parse(lines[0], &again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static char nothing[1];
    char *lines[LINES] = { nothing, nothing, nothing, nothing, nothing };
    char text[TEXT_MAX + 1];
    char *rest = text;

    if (len > TEXT_MAX)
        len = TEXT_MAX;
    memcpy(text, data, len);
    text[len] = '\0';
    for (int i = 0; i < LINES && rest != NULL; i++) {
        lines[i] = rest;
        rest = strchr(rest, '\n');
        if (rest != NULL)
            *rest++ = '\0';
    }
    check_location(lines[0]);
    check_server(lines);
    return 0;
}
