/* Strict on purpose: what two programs read differently (backslashes, "127.1", user info, "..")
 * is how a check of an address is fooled, so it is refused instead of being understood. */
#include "wire/url.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define HOST_LABEL_BYTES_MAX 63     /* RFC 1035, 2.3.4 */
#define HOST_BYTES_MAX 253          /* the same, without the final dot */
#define PORT_DIGITS_MAX 5
#define PORT_MAX 65535
#define PORT_HTTP 80
#define PORT_HTTPS 443
/* So much of a bad address is shown, that the message stays one line. */
#define SHOWN_BYTES_MAX 120

/* A part of the text that is being parsed. */
struct span {
    const char *at;
    size_t len;
};

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool
is_alnum(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static char
lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static int
hex_digit(char c)
{
    if (is_digit(c))
        return c - '0';
    if (lower(c) >= 'a' && lower(c) <= 'f')
        return lower(c) - 'a' + 10;
    return -1;
}

/* What a message may show of the address. A password can stand before an '@', plain or encoded,
 * and a token behind '?' or '#': with the one nothing is shown, with the others nothing from
 * there on. */
static const char *
shown(const char *text, char ret_shown[SHOWN_BYTES_MAX + 4])
{
    size_t len = strcspn(text, "?#");
    bool cut = len > SHOWN_BYTES_MAX;

    if (strchr(text, '@') != NULL || strstr(text, "%40") != NULL)
        return "(not shown, it has user information)";
    if (cut)
        len = SHOWN_BYTES_MAX;
    for (size_t i = 0; i < len; i++)
        ret_shown[i] = text[i] < 0x20 || text[i] > 0x7e ? '?' : text[i];
    memcpy(ret_shown + len, cut ? "..." : "", cut ? 4 : 1);
    return len == 0 ? "(empty)" : ret_shown;
}

static enum aks_status
refuse(const char *text, const char *why, const char *hint, struct aks_error *err)
{
    char buf[SHOWN_BYTES_MAX + 4];

    (void)aks_error_set(err, AKS_SETTINGS, "address %s: %s", shown(text, buf), why);
    if (hint != NULL)
        aks_error_hint(err, "%s", hint);
    return AKS_SETTINGS;
}

/* Returns why the whole text is refused, or NULL. */
static const char *
check_text(const char *text)
{
    if (text[0] == '\0')
        return "is empty";
    if (strlen(text) >= AKS_URL_BYTES_MAX)
        return "is over 2047 bytes long";
    for (const char *p = text; *p != '\0'; p++) {
        if (*p == ' ' || *p == '\t')
            return "has a blank in it";
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            return "has a control character in it";
        if ((unsigned char)*p > 0x7f)
            return "has characters outside of ASCII";
        if (*p == '\\')
            return "has a backslash in it";
    }
    return NULL;
}

static bool
starts_with(const char *text, const char *prefix)
{
    for (; *prefix != '\0'; text++, prefix++) {
        if (lower(*text) != *prefix)
            return false;
    }
    return true;
}

/* Dotted decimal as inet_pton takes it: four numbers without leading zeros (octal to some). */
static bool
ipv4_valid(const char *host, struct in_addr *ret_address)
{
    return inet_pton(AF_INET, host, ret_address) == 1;
}

/* "127.1", "2130706433" and "0x7f.1" are addresses to some resolvers and names to others. */
static bool
looks_like_ipv4(const char *host)
{
    const char *dot = strrchr(host, '.');
    const char *last = dot != NULL ? dot + 1 : host;

    return last[0] != '\0' &&
        (last[strspn(last, "0123456789")] == '\0' || starts_with(last, "0x"));
}

static const char *
check_name(const char *host)
{
    const char *label = host;

    if (strlen(host) > HOST_BYTES_MAX)
        return "its host is over 253 bytes long";
    for (;;) {
        size_t len = strcspn(label, ".");

        if (len == 0)
            return "its host has an empty label (two dots, or a dot at an end)";
        if (len > HOST_LABEL_BYTES_MAX)
            return "a label of its host is over 63 bytes long";
        if (label[0] == '-' || label[len - 1] == '-')
            return "a label of its host begins or ends with '-'";
        for (size_t i = 0; i < len; i++) {
            if (!is_alnum(label[i]) && label[i] != '-' && label[i] != '_')
                return "its host has characters that no host name has";
        }
        if (label[len] == '\0')
            return NULL;
        label += len + 1;
    }
}

/* Between the brackets. Written anew in the one canonical form (RFC 5952). */
static const char *
parse_ipv6(struct span text, struct aks_url *url)
{
    struct in6_addr address;
    char copy[INET6_ADDRSTRLEN];

    if (text.len == 0 || text.len >= sizeof(copy))
        return "its host is no IPv6 address";
    memcpy(copy, text.at, text.len);
    copy[text.len] = '\0';
    if (inet_pton(AF_INET6, copy, &address) != 1)
        return "its host is no IPv6 address (zones such as %eth0 are not taken)";
    if (inet_ntop(AF_INET6, &address, url->host, sizeof(url->host)) == NULL)
        return "its host is no IPv6 address";
    url->ipv6 = true;
    return NULL;
}

static const char *
parse_host(struct span text, struct aks_url *url)
{
    struct in_addr address;

    if (text.len == 0)
        return "has no host";
    if (text.len >= sizeof(url->host))
        return "its host is over 253 bytes long";
    for (size_t i = 0; i < text.len; i++)
        url->host[i] = lower(text.at[i]);
    url->host[text.len] = '\0';
    if (looks_like_ipv4(url->host)) {
        return ipv4_valid(url->host, &address)
            ? NULL : "its host is a number, but not four numbers from 0 to 255";
    }
    return check_name(url->host);
}

/* Behind the ':'. */
static const char *
parse_port(struct span text, int *ret_port)
{
    int port = 0;

    if (text.len == 0 || text.len > PORT_DIGITS_MAX || text.at[0] == '0')
        return "its port is no number from 1 to 65535";
    for (size_t i = 0; i < text.len; i++) {
        if (!is_digit(text.at[i]))
            return "its port is no number from 1 to 65535";
        port = port * 10 + (text.at[i] - '0');
    }
    if (port > PORT_MAX)
        return "its port is no number from 1 to 65535";
    *ret_port = port;
    return NULL;
}

static const char *
parse_authority(struct span text, struct aks_url *url)
{
    const char *colon;
    const char *why;
    size_t host_len;

    if (memchr(text.at, '@', text.len) != NULL)
        return "has user information (name or password before '@')";
    if (text.len > 0 && text.at[0] == '[') {
        const char *bracket = memchr(text.at, ']', text.len);

        if (bracket == NULL)
            return "its host begins with '[' and has no ']'";
        why = parse_ipv6((struct span){ text.at + 1, (size_t)(bracket - text.at) - 1 }, url);
        host_len = (size_t)(bracket - text.at) + 1;
        if (why == NULL && host_len < text.len && text.at[host_len] != ':')
            return "something stands between ']' and the port";
    } else {
        colon = memchr(text.at, ':', text.len);
        host_len = colon != NULL ? (size_t)(colon - text.at) : text.len;
        why = parse_host((struct span){ text.at, host_len }, url);
    }
    if (why != NULL || host_len == text.len)
        return why;
    return parse_port((struct span){ text.at + host_len + 1, text.len - host_len - 1 }, &url->port);
}

/* pchar of RFC 3986, 3.3, but for '%' and '/'. */
static bool
is_path_char(char c)
{
    return is_alnum(c) || strchr("-._~!$&'()*+,;=:@", c) != NULL;
}

/* "." or "..", also with encoded dots. */
static bool
is_dot_segment(struct span segment)
{
    int dots = 0;

    while (segment.len > 0) {
        size_t step = segment.at[0] == '.' ? 1 : 3;

        if (step == 3 && (segment.len < 3 || !starts_with(segment.at, "%2e")))
            return false;
        segment.at += step;
        segment.len -= step;
        dots++;
    }
    return dots == 1 || dots == 2;
}

static const char *
check_segment(struct span segment)
{
    for (size_t i = 0; i < segment.len; i++) {
        int high;
        int low;

        if (segment.at[i] != '%') {
            if (!is_path_char(segment.at[i]))
                return "its path has a character that must be percent-encoded";
            continue;
        }
        high = i + 2 < segment.len ? hex_digit(segment.at[i + 1]) : -1;
        low = i + 2 < segment.len ? hex_digit(segment.at[i + 2]) : -1;
        if (high < 0 || low < 0)
            return "its path has a '%' without two hex digits";
        if (high < 2 || (high == 7 && low == 15))
            return "its path has an encoded control character";
        i += 2;
    }
    return is_dot_segment(segment) ? "its path has a segment '.' or '..'" : NULL;
}

static const char *
parse_path(struct span text, struct aks_url *url)
{
    struct span segment = { text.at, 0 };

    while (text.len > 0 && text.at[text.len - 1] == '/')
        text.len--;
    for (size_t i = 0; i <= text.len; i++) {
        const char *why;

        if (i < text.len && text.at[i] != '/')
            continue;
        segment.len = (size_t)(text.at + i - segment.at);
        why = check_segment(segment);
        if (why != NULL)
            return why;
        segment.at = text.at + i + 1;
    }
    memcpy(url->path, text.at, text.len);
    url->path[text.len] = '\0';
    return NULL;
}

static void
write_authority(struct aks_url *url)
{
    const char *open = url->ipv6 ? "[" : "";
    const char *close = url->ipv6 ? "]" : "";

    if (url->port == 0 || url->port == (url->tls ? PORT_HTTPS : PORT_HTTP))
        (void)snprintf(url->authority, sizeof(url->authority), "%s%s%s", open, url->host, close);
    else
        (void)snprintf(url->authority, sizeof(url->authority), "%s%s%s:%d", open, url->host, close,
            url->port);
}

static enum aks_status
parse(const char *text, struct aks_url *ret_url, struct aks_error *err)
{
    const char *why = check_text(text);
    struct span authority;
    struct span path;

    if (why != NULL)
        return refuse(text, why, NULL, err);
    ret_url->tls = starts_with(text, "https://");
    if (!ret_url->tls && !starts_with(text, "http://"))
        return refuse(text, "does not begin with https:// or http://",
            "write the whole address, such as https://host:8443/path", err);
    authority.at = text + (ret_url->tls ? strlen("https://") : strlen("http://"));
    authority.len = strcspn(authority.at, "/?#");
    path.at = authority.at + authority.len;
    path.len = strcspn(path.at, "?#");

    why = parse_authority(authority, ret_url);
    if (why != NULL)
        return refuse(text, why, memchr(authority.at, '@', authority.len) == NULL ? NULL :
            "give name and password as credentials or as a secret, not in the address", err);
    if (path.at[path.len] != '\0')
        return refuse(text, path.at[path.len] == '?' ? "has a query ('?')" : "has a fragment ('#')",
            NULL, err);
    why = parse_path(path, ret_url);
    if (why != NULL)
        return refuse(text, why, NULL, err);
    if (!ret_url->tls && !aks_url_loopback(ret_url->host))
        return refuse(text, "is plain http to another machine",
            "use https://, plain http is for this machine alone", err);
    write_authority(ret_url);
    return AKS_OK;
}

enum aks_status
aks_url_parse(const char *text, struct aks_url *ret_url, struct aks_error *err)
{
    enum aks_status status;

    memset(ret_url, 0, sizeof(*ret_url));
    status = parse(text, ret_url, err);
    if (status != AKS_OK)
        memset(ret_url, 0, sizeof(*ret_url));   /* no host that was refused is left to be used */
    return status;
}

bool
aks_url_loopback(const char *host)
{
    struct in_addr address;
    struct in6_addr address6;

    if (strcmp(host, "localhost") == 0)
        return true;
    if (ipv4_valid(host, &address))
        return ntohl(address.s_addr) >> 24 == 127;
    return inet_pton(AF_INET6, host, &address6) == 1 && IN6_IS_ADDR_LOOPBACK(&address6);
}
