#include "wire/sigv4.h"

#include "base/check.h"
#include "base/encode.h"
#include "data/digest.h"
#include "wire/dates.h"

#include <stdbool.h>
#include <string.h>

#define ALGORITHM "AWS4-HMAC-SHA256"
#define TERMINATOR "aws4_request"
#define DATE_BYTES 17
#define DAY_BYTES 8         /* of the date: "20130524" */

/* Indices into the request's headers, in the order of signing. */
struct header_order {
    size_t at[AKS_SIGV4_HEADERS_MAX];
    size_t count;
};

void
aks_sigv4_date(int64_t wall_ms, char ret_date[17])
{
    char text[AKS_DATE_BYTES];

    memcpy(ret_date, aks_date_compact(wall_ms, text), DATE_BYTES);
}

static char
lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool
is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z');
}

/* A token of RFC 9110, 5.6.2: method and header names. */
static bool
is_token(const char *text)
{
    if (*text == '\0')
        return false;
    for (; *text != '\0'; text++) {
        if (!is_alnum(*text) && strchr("!#$%&'*+-.^_`|~", *text) == NULL)
            return false;
    }
    return true;
}

/* What may be part of a scope: it goes into a header and is cut at '/' by the server. */
static bool
is_scope_part(const char *text)
{
    if (*text == '\0')
        return false;
    for (; *text != '\0'; text++) {
        if (!is_alnum(*text) && strchr("-._", *text) == NULL)
            return false;
    }
    return true;
}

/* Printable ASCII but for what ends the credential inside of the header. */
static bool
is_access_key(const char *text)
{
    if (*text == '\0')
        return false;
    for (; *text != '\0'; text++) {
        if (*text <= 0x20 || *text > 0x7e || *text == ',' || *text == '/')
            return false;
    }
    return true;
}

static bool
is_header_value(const char *text)
{
    for (; *text != '\0'; text++) {
        if (((unsigned char)*text < 0x20 && *text != '\t') || *text == 0x7f)
            return false;
    }
    return true;
}

static int
compare_names(const char *a, const char *b)
{
    while (*a != '\0' && lower(*a) == lower(*b)) {
        a++;
        b++;
    }
    return (int)(unsigned char)lower(*a) - (int)(unsigned char)lower(*b);
}

/* Sorts by name and keeps those of one name in the order given, since they are joined. */
static enum aks_status
order_headers(const struct aks_sigv4_request *request, struct header_order *ret_order,
    struct aks_error *err)
{
    if (request->header_count > AKS_SIGV4_HEADERS_MAX)
        return aks_error_set(err, AKS_LIMIT, "sign a request: over %d headers",
            AKS_SIGV4_HEADERS_MAX);
    ret_order->count = request->header_count;
    for (size_t i = 0; i < request->header_count; i++) {
        const struct aks_sigv4_pair *header = &request->headers[i];
        size_t at = i;

        if (!is_token(header->name))
            return aks_error_set(err, AKS_SETTINGS, "sign a request: header %zu has a name that no"
                " header can have", i + 1);
        if (!is_header_value(header->value))
            return aks_error_set(err, AKS_SETTINGS, "sign a request, header %s: its value has"
                " control characters", header->name);
        for (; at > 0; at--) {
            const char *before = request->headers[ret_order->at[at - 1]].name;

            if (compare_names(before, header->name) <= 0)
                break;
            ret_order->at[at] = ret_order->at[at - 1];
        }
        ret_order->at[at] = i;
    }
    return AKS_OK;
}

static void
append_lower(const char *text, struct aks_buf *out)
{
    for (; *text != '\0'; text++)
        aks_buf_putc(out, lower(*text));
}

static bool
is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Without blanks at the ends, and with each run of blanks as one. */
static void
append_trimmed(const char *text, struct aks_buf *out)
{
    bool first = true;

    for (;;) {
        size_t len = 0;

        while (is_blank(*text))
            text++;
        if (*text == '\0')
            return;
        while (text[len] != '\0' && !is_blank(text[len]))
            len++;
        if (!first)
            aks_buf_putc(out, ' ');
        aks_buf_append(out, text, len);
        text += len;
        first = false;
    }
}

/* Does the header at ${i} continue the one before it? */
static bool
repeats(const struct aks_sigv4_request *request, const struct header_order *order, size_t i)
{
    return i > 0 && compare_names(request->headers[order->at[i - 1]].name,
        request->headers[order->at[i]].name) == 0;
}

static void
append_headers(const struct aks_sigv4_request *request, const struct header_order *order,
    struct aks_buf *out)
{
    for (size_t i = 0; i < order->count; i++) {
        const struct aks_sigv4_pair *header = &request->headers[order->at[i]];

        if (repeats(request, order, i)) {
            aks_buf_putc(out, ',');
        } else {
            if (i > 0)
                aks_buf_putc(out, '\n');
            append_lower(header->name, out);
            aks_buf_putc(out, ':');
        }
        append_trimmed(header->value, out);
    }
    if (order->count > 0)
        aks_buf_putc(out, '\n');
}

static void
append_signed_names(const struct aks_sigv4_request *request, const struct header_order *order,
    struct aks_buf *out)
{
    for (size_t i = 0; i < order->count; i++) {
        if (repeats(request, order, i))
            continue;
        if (i > 0)
            aks_buf_putc(out, ';');
        append_lower(request->headers[order->at[i]].name, out);
    }
}

/* An encoded pair inside of one buffer: name, NUL, value, NUL. */
struct encoded_pair {
    size_t name;
    size_t value;
};

static bool
pair_precedes(const char *base, struct encoded_pair a, struct encoded_pair b)
{
    int order = strcmp(base + a.name, base + b.name);

    return order != 0 ? order < 0 : strcmp(base + a.value, base + b.value) < 0;
}

static void
append_pair(const char *base, struct encoded_pair pair, bool first, struct aks_buf *out)
{
    if (!first)
        aks_buf_putc(out, '&');
    aks_buf_puts(out, base + pair.name);
    aks_buf_putc(out, '=');
    aks_buf_puts(out, base + pair.value);
}

/* The encoded bytes are what is sorted: '~' stands behind every letter, but an encoded byte,
 * which begins with '%', stands before them all. Name and value are compared apart: '-' sorts
 * before '='. */
enum aks_status
aks_sigv4_query(const struct aks_sigv4_pair *query, size_t count, struct aks_buf *out,
    struct aks_error *err)
{
    struct encoded_pair pairs[AKS_SIGV4_QUERY_MAX];
    struct aks_buf encoded;
    enum aks_status status;

    if (count > AKS_SIGV4_QUERY_MAX)
        return aks_error_set(err, AKS_LIMIT, "sign a request: over %d query parameters",
            AKS_SIGV4_QUERY_MAX);
    aks_buf_init(&encoded, out->alloc, AKS_SIGV4_CANONICAL_BYTES_MAX);
    for (size_t i = 0; i < count; i++) {
        pairs[i].name = encoded.len;
        aks_percent_encode(query[i].name, strlen(query[i].name), false, &encoded);
        aks_buf_putc(&encoded, '\0');
        pairs[i].value = encoded.len;
        aks_percent_encode(query[i].value, strlen(query[i].value), false, &encoded);
        aks_buf_putc(&encoded, '\0');
    }
    status = aks_buf_status(&encoded, "query of a request to sign", err);
    if (status != AKS_OK)
        goto out;
    for (size_t i = 1; i < count; i++) {
        struct encoded_pair pair = pairs[i];
        size_t at = i;

        for (; at > 0 && pair_precedes(encoded.data, pair, pairs[at - 1]); at--)
            pairs[at] = pairs[at - 1];
        pairs[at] = pair;
    }
    for (size_t i = 0; i < count; i++)
        append_pair(encoded.data, pairs[i], i == 0, out);
    status = aks_buf_status(out, "query of a request to sign", err);

out:
    aks_buf_fini(&encoded);
    return status;
}

enum aks_status
aks_sigv4_canonical(const struct aks_sigv4_request *request, struct aks_buf *out,
    struct aks_error *err)
{
    struct header_order order = { { 0 }, 0 };
    enum aks_status status;

    AKS_CHECK(request->path[0] == '/');
    if (!is_token(request->method))
        return aks_error_set(err, AKS_SETTINGS, "sign a request: its method is no token");
    status = order_headers(request, &order, err);
    if (status != AKS_OK)
        return status;
    aks_buf_puts(out, request->method);
    aks_buf_putc(out, '\n');
    aks_percent_encode(request->path, strlen(request->path), true, out);
    aks_buf_putc(out, '\n');
    status = aks_sigv4_query(request->query, request->query_count, out, err);
    if (status != AKS_OK)
        return status;
    aks_buf_putc(out, '\n');
    append_headers(request, &order, out);
    aks_buf_putc(out, '\n');
    append_signed_names(request, &order, out);
    aks_buf_putc(out, '\n');
    aks_buf_puts(out, request->payload_hash);
    return aks_buf_status(out, "canonical request", err);
}

static enum aks_status
check_key(const struct aks_sigv4_key *key, struct aks_error *err)
{
    size_t secret_len = strlen(key->secret_key);

    if (!is_access_key(key->access_key))
        return aks_error_set(err, AKS_AUTH_INVALID, "sign a request: the access key id is empty or"
            " has characters that no header can carry");
    if (secret_len == 0 || secret_len > AKS_SIGV4_SECRET_BYTES_MAX)
        return aks_error_set(err, AKS_AUTH_INVALID, "sign a request: the secret access key is empty"
            " or over %d bytes long", AKS_SIGV4_SECRET_BYTES_MAX);
    if (!is_scope_part(key->region) || !is_scope_part(key->service))
        return aks_error_set(err, AKS_SETTINGS, "sign a request: the region or service is empty or"
            " has other characters than letters, digits, '-', '.' and '_'");
    return AKS_OK;
}

enum aks_status
aks_sigv4_signing_key(const struct aks_sigv4_key *key, const char *date,
    uint8_t ret_key[AKS_SIGV4_KEY_BYTES], struct aks_error *err)
{
    char first[4 + AKS_SIGV4_SECRET_BYTES_MAX];
    uint8_t by_date[AKS_SHA256_BYTES];
    uint8_t by_region[AKS_SHA256_BYTES];
    size_t secret_len = strlen(key->secret_key);
    enum aks_status status = check_key(key, err);

    AKS_CHECK(strlen(date) == DATE_BYTES - 1);
    if (status != AKS_OK)
        return status;
    memcpy(first, "AWS4", 4);
    memcpy(first + 4, key->secret_key, secret_len);
    aks_hmac_sha256(first, 4 + secret_len, date, DAY_BYTES, by_date);
    aks_hmac_sha256(by_date, sizeof(by_date), key->region, strlen(key->region), by_region);
    aks_hmac_sha256(by_region, sizeof(by_region), key->service, strlen(key->service), by_date);
    aks_hmac_sha256(by_date, sizeof(by_date), TERMINATOR, strlen(TERMINATOR), ret_key);
    explicit_bzero(first, sizeof(first));
    explicit_bzero(by_date, sizeof(by_date));
    explicit_bzero(by_region, sizeof(by_region));
    return AKS_OK;
}

static void
append_scope(const struct aks_sigv4_key *key, const char *date, struct aks_buf *out)
{
    aks_buf_append(out, date, DAY_BYTES);
    aks_buf_printf(out, "/%s/%s/" TERMINATOR, key->region, key->service);
}

/* Appends the string to sign for the canonical request in ${canonical}. */
static void
append_string_to_sign(const struct aks_buf *canonical, const struct aks_sigv4_key *key,
    const char *date, struct aks_buf *out)
{
    uint8_t digest[AKS_SHA256_BYTES];
    char hex[AKS_SHA256_HEX_BYTES];

    aks_sha256(canonical->data, canonical->len, digest);
    aks_hex_encode(digest, sizeof(digest), hex);
    aks_buf_printf(out, ALGORITHM "\n%s\n", date);
    append_scope(key, date, out);
    aks_buf_printf(out, "\n%s", hex);
}

enum aks_status
aks_sigv4_signature(const struct aks_alloc *alloc, const struct aks_sigv4_request *request,
    const struct aks_sigv4_key *key, const char *date, char ret_hex[AKS_SIGV4_HEX_BYTES],
    struct aks_error *err)
{
    uint8_t signing_key[AKS_SIGV4_KEY_BYTES];
    uint8_t mac[AKS_SHA256_BYTES];
    struct aks_buf canonical;
    struct aks_buf string;
    enum aks_status status;

    aks_buf_init(&canonical, alloc, AKS_SIGV4_CANONICAL_BYTES_MAX);
    aks_buf_init(&string, alloc, AKS_SIGV4_CANONICAL_BYTES_MAX);
    status = aks_sigv4_signing_key(key, date, signing_key, err);
    if (status != AKS_OK)
        goto out;
    status = aks_sigv4_canonical(request, &canonical, err);
    if (status != AKS_OK)
        goto out;
    append_string_to_sign(&canonical, key, date, &string);
    status = aks_buf_status(&string, "string to sign", err);
    if (status != AKS_OK)
        goto out;
    aks_hmac_sha256(signing_key, sizeof(signing_key), string.data, string.len, mac);
    aks_hex_encode(mac, sizeof(mac), ret_hex);

out:
    explicit_bzero(signing_key, sizeof(signing_key));
    if (canonical.len > 0)      /* it holds the session token */
        explicit_bzero(canonical.data, canonical.len);
    aks_buf_fini(&canonical);
    aks_buf_fini(&string);
    return status;
}

enum aks_status
aks_sigv4_authorization(const struct aks_sigv4_request *request, const struct aks_sigv4_key *key,
    const char *date, struct aks_buf *out, struct aks_error *err)
{
    struct header_order order = { { 0 }, 0 };
    char signature[AKS_SIGV4_HEX_BYTES];
    enum aks_status status;

    status = aks_sigv4_signature(out->alloc, request, key, date, signature, err);
    if (status != AKS_OK)
        return status;
    status = order_headers(request, &order, err);
    if (status != AKS_OK)
        return status;
    aks_buf_printf(out, ALGORITHM " Credential=%s/", key->access_key);
    append_scope(key, date, out);
    aks_buf_puts(out, ", SignedHeaders=");
    append_signed_names(request, &order, out);
    aks_buf_printf(out, ", Signature=%s", signature);
    return aks_buf_status(out, "Authorization header", err);
}
