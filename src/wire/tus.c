#include "wire/tus.h"

#include "base/encode.h"
#include "wire/url.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Is ${word} one of the comma-separated ${list}? */
static bool
has_word(const char *list, const char *word)
{
    size_t word_len = strlen(word);

    while (list != NULL && *list != '\0') {
        size_t len;

        list += strspn(list, " \t,");
        len = strcspn(list, ",");
        while (len > 0 && (list[len - 1] == ' ' || list[len - 1] == '\t'))
            len--;
        if (len == word_len && strncasecmp(list, word, len) == 0)
            return true;
        list += strcspn(list, ",");
    }
    return false;
}

/* -1 if it is no number. */
static int64_t
read_number(const char *text)
{
    int64_t number = 0;

    if (text == NULL || text[0] == '\0')
        return -1;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9' || number > (INT64_MAX - 9) / 10)
            return -1;
        number = number * 10 + (*text - '0');
    }
    return number;
}

bool
aks_tus_read_server(const char *tus_version, const char *tus_extension,
    const char *tus_checksum_algorithm, const char *tus_max_size,
    struct aks_tus_server *ret_server)
{
    memset(ret_server, 0, sizeof(*ret_server));
    ret_server->bytes_max = read_number(tus_max_size);
    ret_server->terminates = has_word(tus_extension, "termination");
    ret_server->sha256 = has_word(tus_extension, "checksum") &&
        has_word(tus_checksum_algorithm, "sha256");
    return has_word(tus_version, AKS_TUS_VERSION) && has_word(tus_extension, "creation");
}

#define TEXT_FORMAT AKS_TUS_VERSION " terminates=%d sha256=%d max=%" PRId64

const char *
aks_tus_server_text(const struct aks_tus_server *server, char ret_text[AKS_TUS_SERVER_BYTES])
{
    (void)snprintf(ret_text, AKS_TUS_SERVER_BYTES, TEXT_FORMAT, server->terminates ? 1 : 0,
        server->sha256 ? 1 : 0, server->bytes_max);
    return ret_text;
}

bool
aks_tus_server_parse(const char *text, struct aks_tus_server *ret_server)
{
    char again[AKS_TUS_SERVER_BYTES];

    memset(ret_server, 0, sizeof(*ret_server));
    ret_server->terminates = strstr(text, " terminates=1 ") != NULL;
    ret_server->sha256 = strstr(text, " sha256=1 ") != NULL;
    ret_server->bytes_max = read_number(strrchr(text, '=') != NULL ? strrchr(text, '=') + 1 : "");
    return strcmp(aks_tus_server_text(ret_server, again), text) == 0;
}

/* --- addresses -------------------------------------------------------------------------------- */

/* Only what may stand in a query of RFC 3986. */
static bool
is_query(const char *text)
{
    return text[strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
        "-._~!$&'()*+,;=:@/?%")] == '\0';
}

/* The parts of an address whose query may be anything that is one. */
static bool
parse(const char *text, struct aks_url *ret_url)
{
    char plain[AKS_TUS_URL_BYTES];
    size_t len = strcspn(text, "?");

    if (len >= sizeof(plain) || !is_query(text + len))
        return false;
    memcpy(plain, text, len);
    plain[len] = '\0';
    return aks_url_parse(plain, ret_url, NULL) == AKS_OK;
}

/* Where the path begins: behind the host and the port. */
static size_t
origin_len(const char *url)
{
    const char *host = strstr(url, "://");

    return host != NULL ? (size_t)(host + 3 - url) + strcspn(host + 3, "/?") : 0;
}

/* RFC 3986, 5.2, as far as it is needed: a whole address, one without a scheme, a whole path, or a
 * name beside the last '/' of the base. False if it is too long. */
static bool
join(const char *base, const char *location, char ret_url[AKS_TUS_URL_BYTES])
{
    size_t scheme = strcspn(location, ":/?#");
    const char *last = strrchr(base, '/');
    size_t kept;
    int len;

    if (location[scheme] == ':')
        kept = 0;
    else if (strncmp(location, "//", 2) == 0)
        kept = strcspn(base, "/");
    else if (location[0] == '/')
        kept = origin_len(base);
    else
        kept = last != NULL ? (size_t)(last + 1 - base) : 0;
    len = snprintf(ret_url, AKS_TUS_URL_BYTES, "%.*s%s", (int)kept, base, location);
    return len > 0 && len < AKS_TUS_URL_BYTES;
}

enum aks_status
aks_tus_location(const char *base, const char *location, char ret_url[AKS_TUS_URL_BYTES],
    struct aks_error *err)
{
    struct aks_url from;
    struct aks_url to;

    ret_url[0] = '\0';
    if (location == NULL || location[0] == '\0')
        return aks_error_set(err, AKS_BAD_REPLY, "the server does not say where the upload is");
    if (!parse(base, &from) || !join(base, location, ret_url) || !parse(ret_url, &to)) {
        ret_url[0] = '\0';
        return aks_error_set(err, AKS_BAD_REPLY, "the server says that the upload is at an address "
            "that is none, or not safe");
    }
    if (from.tls != to.tls || strcmp(from.authority, to.authority) != 0) {
        ret_url[0] = '\0';
        return aks_error_set(err, AKS_BAD_REPLY, "the server says that the upload is at %s://%s, "
            "which is another place: nothing is sent there", to.tls ? "https" : "http",
            to.authority);
    }
    return AKS_OK;
}

/* The next byte of a path, percent encoding undone. */
static int
next_byte(const char **at)
{
    char hex[3];
    uint8_t byte;

    (void)snprintf(hex, sizeof(hex), "%.2s", **at != '\0' ? *at + 1 : "");
    if (**at == '%' && aks_hex_decode(hex, &byte, 1)) {
        *at += 3;
        return byte;
    }
    return **at != '\0' ? (unsigned char)*(*at)++ : -1;
}

bool
aks_tus_same_path(const char *url, const char *other)
{
    const char *a = url + origin_len(url);
    const char *b = other + origin_len(other);
    int byte;

    do {
        byte = next_byte(&a);
        if (byte != next_byte(&b))
            return false;
    } while (byte >= 0);
    return true;
}

void
aks_tus_metadata(struct aks_buf *out, const char *name, const char *value)
{
    aks_buf_printf(out, "%s%s ", out->len > 0 ? "," : "", name);
    aks_base64_encode(value, strlen(value), out);
}
