/* The text in front of a payload (age.md, "Header"). One form of everything is right, so that
 * nothing can be changed without being noticed: line ends are LF, base64 has no padding and no
 * spare bits, a body ends in a line that is not full. */
#include "data/age_internal.h"

#include "base/encode.h"
#include "data/digest.h"

#include <string.h>

#define COLUMNS 64                      /* of a full line of a body */
#define STANZA "-> "
#define END "---"
#define MAC_DIGITS 43

static int
value_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+')
        return 62;
    return c == '/' ? 63 : -1;
}

bool
aks_age_header_raw64(const char *text, size_t len, uint8_t *ret_data, size_t data_max,
    size_t *ret_len)
{
    uint32_t held = 0;
    unsigned bits = 0;
    size_t written = 0;

    for (size_t i = 0; i < len; i++) {
        int value = value_of(text[i]);

        if (value < 0)
            return false;
        held = (held << 6 | (uint32_t)value) & 0x3fff;
        bits += 6;
        if (bits < 8)
            continue;
        bits -= 8;
        if (written < data_max)
            ret_data[written] = (uint8_t)(held >> bits);
        written++;
    }
    *ret_len = written;
    return len % 4 != 1 && (held & ((1u << bits) - 1)) == 0;
}

void
aks_age_header_put_raw64(struct aks_buf *out, const void *data, size_t len)
{
    aks_base64_encode(data, len, out);
    while (out->failed == AKS_OK && out->len > 0 && out->data[out->len - 1] == '=')
        out->data[--out->len] = '\0';
}

/* The line at *${at}, without its end; false if it has none. */
static bool
next_line(const char *text, size_t len, size_t *at, const char **ret_line, size_t *ret_len)
{
    const char *stop = *at < len ? memchr(text + *at, '\n', len - *at) : NULL;

    if (stop == NULL)
        return false;
    *ret_line = text + *at;
    *ret_len = (size_t)(stop - *ret_line);
    *at += *ret_len + 1;
    return true;
}

/* Arguments of visible characters, with one blank between two. */
static bool
read_arguments(const char *line, size_t len, struct aks_age_stanza *ret_stanza)
{
    ret_stanza->argument_count = 0;
    for (size_t at = 0; at <= len;) {
        size_t start = at;

        while (at < len && line[at] > ' ' && line[at] < 0x7f)
            at++;
        if (at == start || (at < len && line[at] != ' '))
            return false;
        if (ret_stanza->argument_count < AKS_AGE_ARGUMENTS_MAX) {
            ret_stanza->arguments[ret_stanza->argument_count].text = line + start;
            ret_stanza->arguments[ret_stanza->argument_count].len = at - start;
        }
        ret_stanza->argument_count++;
        at++;
    }
    return true;
}

static const char *
read_stanza(const char *text, size_t len, size_t *at, struct aks_age_stanza *ret_stanza)
{
    const char *line;
    size_t line_len;

    if (!next_line(text, len, at, &line, &line_len) || line_len < sizeof(STANZA) - 1 ||
        memcmp(line, STANZA, sizeof(STANZA) - 1) != 0)
        return "a stanza does not begin with \"-> \"";
    if (!read_arguments(line + sizeof(STANZA) - 1, line_len - (sizeof(STANZA) - 1), ret_stanza))
        return "the arguments of a stanza are malformed";
    ret_stanza->body_len = 0;
    do {
        size_t room = sizeof(ret_stanza->body) - (ret_stanza->body_len < sizeof(ret_stanza->body)
            ? ret_stanza->body_len : sizeof(ret_stanza->body));
        size_t decoded = 0;

        if (!next_line(text, len, at, &line, &line_len))
            return "the body of a stanza does not end";
        if (line_len > COLUMNS)
            return "a line of a stanza's body is too long";
        if (!aks_age_header_raw64(line, line_len,
                ret_stanza->body + sizeof(ret_stanza->body) - room, room, &decoded))
            return "the body of a stanza is malformed";
        ret_stanza->body_len += decoded;
    } while (line_len == COLUMNS);
    return NULL;
}

static bool
is_end(const char *text, size_t len, size_t at)
{
    return len - at >= sizeof(END) - 1 && memcmp(text + at, END, sizeof(END) - 1) == 0;
}

static const char *
read_end(const char *text, size_t len, size_t at, struct aks_age_header *ret_header)
{
    const char *line;
    size_t line_len;
    size_t mac_len = 0;

    ret_header->mac_at = at + sizeof(END) - 1;
    if (!next_line(text, len, &at, &line, &line_len) || at != len)
        return "its last line does not end it";
    if (line_len != sizeof(END) + MAC_DIGITS || line[sizeof(END) - 1] != ' ' ||
        !aks_age_header_raw64(line + sizeof(END), MAC_DIGITS, ret_header->mac,
            sizeof(ret_header->mac), &mac_len) || mac_len != sizeof(ret_header->mac))
        return "its MAC is malformed";
    return NULL;
}

bool
aks_age_header_read(const char *text, size_t len, struct aks_age_header *ret_header,
    const char **ret_why)
{
    size_t at = sizeof(AKS_AGE_VERSION_LINE) - 1;
    struct aks_age_stanza stanza;

    ret_header->text = text;
    ret_header->stanza_count = 0;
    *ret_why = NULL;
    if (len < at || memcmp(text, AKS_AGE_VERSION_LINE, at) != 0) {
        *ret_why = "it is no file of age, or of another version";
        return false;
    }
    while (*ret_why == NULL && at < len && !is_end(text, len, at)) {
        *ret_why = read_stanza(text, len, &at, &stanza);
        ret_header->stanza_count++;
    }
    if (*ret_why == NULL && ret_header->stanza_count == 0)
        *ret_why = "it is for nobody";
    if (*ret_why == NULL)
        *ret_why = at < len ? read_end(text, len, at, ret_header) : "its header does not end";
    return *ret_why == NULL;
}

bool
aks_age_header_next(const struct aks_age_header *header, size_t *at,
    struct aks_age_stanza *ret_stanza)
{
    if (*at == 0)
        *at = sizeof(AKS_AGE_VERSION_LINE) - 1;
    return !is_end(header->text, header->mac_at, *at) &&
        read_stanza(header->text, header->mac_at, at, ret_stanza) == NULL;
}

bool
aks_age_header_is_type(const struct aks_age_stanza *stanza, const char *type)
{
    return stanza->arguments[0].len == strlen(type) &&
        memcmp(stanza->arguments[0].text, type, strlen(type)) == 0;
}

void
aks_age_header_mac(const uint8_t file_key[AKS_AGE_FILE_KEY_BYTES], const char *text, size_t len,
    uint8_t ret_mac[AKS_AGE_KEY_BYTES])
{
    uint8_t key[AKS_AGE_KEY_BYTES];

    aks_age_wrap_hkdf(file_key, AKS_AGE_FILE_KEY_BYTES, NULL, 0, "header", key);
    aks_hmac_sha256(key, sizeof(key), text, len, ret_mac);
    explicit_bzero(key, sizeof(key));
}
