#include "base/redact_value.h"

#include "base/redact.h"

#include <stdint.h>
#include <string.h>

/* So much of a value is enough in these forms, where chance repeats nothing. */
#define HEX_BYTES_MIN 8
#define BASE64_CHARS_MIN 12
/* And so much where the end of a text cuts it off. */
#define CUT_MIN 4
/* So often encoded, one time upon another: as percents, and as JSON of which each time doubles the
 * backslashes and adds one. */
#define ENCODED_MAX 4
#define BACKSLASHES_MAX 15

static int
hex_value(unsigned char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int
hex_pair(const unsigned char *at)
{
    int high = hex_value(at[0]);
    int low = hex_value(at[1]);

    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

/* --- as it is, percent-encoded, escaped ------------------------------------------------------- */

static size_t
take_entity(const unsigned char *at, size_t left, unsigned char byte)
{
    static const struct {
        const char *text;
        unsigned char byte;
    } entities[] = { { "&amp;", '&' }, { "&lt;", '<' }, { "&gt;", '>' }, { "&quot;", '"' },
        { "&#34;", '"' }, { "&apos;", '\'' }, { "&#39;", '\'' } };

    for (size_t i = 0; i < sizeof(entities) / sizeof(entities[0]); i++) {
        size_t len = strlen(entities[i].text);

        if (entities[i].byte == byte && left >= len && memcmp(at, entities[i].text, len) == 0)
            return len;
    }
    return 0;
}

/* "%2F", and encoded again "%252F", as an address within an address is. */
static size_t
take_percent(const unsigned char *at, size_t left, unsigned char byte)
{
    size_t len = 1;

    for (int i = 0; at[0] == '%' && i < ENCODED_MAX && left >= len + 2; i++) {
        if (hex_pair(at + len) == byte)
            return len + 2;
        if (at[len] != '2' || at[len + 1] != '5')
            return 0;
        len += 2;
    }
    return 0;
}

/* A quote, a slash or a "\\u0026" behind a backslash, or behind several: JSON within JSON. */
static size_t
take_escaped(const unsigned char *at, size_t left, unsigned char byte)
{
    size_t len = 0;

    while (len < left && len < BACKSLASHES_MAX && at[len] == '\\')
        len++;
    if (len == 0)
        return 0;
    if (byte == '\\')
        return len >= 2 ? 2 : 0;
    if (len < left && at[len] == byte && (byte == '"' || byte == '/'))
        return len + 1;
    return left >= len + 5 && memcmp(at + len, "u00", 3) == 0 && hex_pair(at + len + 3) == byte
        ? len + 5 : 0;
}

/* The bytes of the text at ${at} that stand for ${byte}; 0 if others do. */
static size_t
take_byte(const unsigned char *at, size_t left, unsigned char byte)
{
    size_t len = 0;

    if (left == 0)
        return 0;
    if ((len = take_escaped(at, left, byte)) > 0)
        return len;
    if (at[0] == '&' && (len = take_entity(at, left, byte)) > 0)
        return len;
    if (at[0] == byte)
        return 1;
    if ((len = take_percent(at, left, byte)) > 0)
        return len;
    return byte == ' ' && at[0] == '+' ? 1 : 0;
}

static size_t
find_plain(const struct aks_secret_live *live, const unsigned char *text, size_t left, bool cut)
{
    size_t enough = live->len < AKS_REDACT_PREFIX_BYTES ? live->len : AKS_REDACT_PREFIX_BYTES;
    size_t at = 0;
    size_t known = 0;
    size_t same = 0;

    /* Byte by byte first: what looks like an escape may be the value itself. */
    while (same < live->len && same < left && text[same] == live->bytes[same])
        same++;
    while (known < live->len) {
        size_t len = take_byte(text + at, left - at, live->bytes[known]);

        if (len == 0)
            break;
        at += len;
        known++;
    }
    if (known < enough && !(cut && at == left && known >= CUT_MIN))
        at = 0;
    if (same < enough && !(cut && same == left && same >= CUT_MIN))
        same = 0;
    return at > same ? at : same;
}

/* Its last bytes alone: of a value with a slash in it, what is taken for a file's name. */
static size_t
find_end(const struct aks_secret_live *live, const unsigned char *text, size_t left)
{
    const struct aks_secret_live end = { live->bytes + live->len - AKS_REDACT_PREFIX_BYTES,
        AKS_REDACT_PREFIX_BYTES, NULL, NULL };

    return find_plain(&end, text, left, false);
}

static size_t
find_hex(const struct aks_secret_live *live, const unsigned char *text, size_t left, bool cut)
{
    size_t known = 0;

    while (known < live->len && 2 * known + 2 <= left &&
        hex_pair(text + 2 * known) == live->bytes[known])
        known++;
    return known >= HEX_BYTES_MIN || (cut && left - 2 * known < 2 && known >= CUT_MIN)
        ? 2 * known : 0;
}

/* --- base64 ----------------------------------------------------------------------------------- */

static int
sextet_of(unsigned char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+' || c == '-')
        return 62;
    return c == '/' || c == '_' ? 63 : -1;
}

/* Six bits of the value, from bit ${bit} on; what is behind its end is zero. */
static int
sextet_at(const struct aks_secret_live *live, size_t bit)
{
    size_t byte = bit / 8;
    unsigned two = (unsigned)live->bytes[byte] << 8;

    if (byte + 1 < live->len)
        two |= live->bytes[byte + 1];
    return (int)(two >> (10 - bit % 8) & 63);
}

/* ${skip}: the value's first bits that share a character with whatever stands before it. Line ends
 * within are passed over, as base64 is wrapped. */
static size_t
find_base64(const struct aks_secret_live *live, size_t skip, const unsigned char *text,
    size_t left, bool cut)
{
    size_t total = (8 * live->len - skip) / 6;
    size_t enough = total < BASE64_CHARS_MIN ? total : BASE64_CHARS_MIN;
    size_t at = 0;
    size_t known = 0;

    while (known < total && at < left) {
        if (known > 0 && (text[at] == '\n' || text[at] == '\r')) {
            at++;
            continue;
        }
        if (sextet_of(text[at]) != sextet_at(live, skip + 6 * known))
            break;
        at++;
        known++;
    }
    if (known < enough && !(cut && at == left && known > CUT_MIN))
        return 0;
    /* The character that its last bits share with what follows, and padding. */
    if (known == total && at < left && sextet_of(text[at]) >= 0)
        at++;
    while (known == total && at < left && text[at] == '=')
        at++;
    return at;
}

/* --- all of them ------------------------------------------------------------------------------ */

size_t
aks_redact_value(const struct aks_secret_live *live, const char *text, size_t left, bool cut,
    bool *ret_back)
{
    const unsigned char *bytes = (const unsigned char *)text;
    size_t best = 0;

    *ret_back = false;
    for (; live != NULL; live = live->next) {
        size_t skip = 0;
        size_t len;

        /* In a process that was forked off a secret is zeros, which are found in many a digest. */
        if (live->bytes[0] == 0)
            continue;
        len = find_plain(live, bytes, left, cut);
        if (len == 0 && live->len >= 2 * AKS_REDACT_PREFIX_BYTES)
            len = find_end(live, bytes, left);
        if (len == 0)
            len = find_hex(live, bytes, left, cut);
        for (; len == 0 && skip <= 4; skip += 2)
            len = find_base64(live, skip, bytes, left, cut);
        if (len <= best)
            continue;
        best = len;
        /* One step too far, where it was base64. */
        *ret_back = skip > 2;
    }
    return best;
}
