#include "wire/json_texts.h"

#include <string.h>

struct reader {
    const char *at;
    const char *end;
    const char *why;                    /* what is wrong; NULL: nothing yet */
    bool too_long;                      /* the last string did not fit and is "" */
    char name[AKS_JSON_TEXTS_NAME_BYTES];
    char value[AKS_JSON_TEXTS_VALUE_BYTES];
};

static bool
wrong(struct reader *reader, const char *why)
{
    if (reader->why == NULL)
        reader->why = why;
    return false;
}

static void
skip_blanks(struct reader *reader)
{
    while (reader->at < reader->end && *reader->at != '\0' &&
        strchr(" \t\r\n", *reader->at) != NULL)
        reader->at++;
}

/* Takes ${c} if it comes next. */
static bool
take(struct reader *reader, char c)
{
    skip_blanks(reader);
    if (reader->at == reader->end || *reader->at != c)
        return false;
    reader->at++;
    return true;
}

/* --- strings ---------------------------------------------------------------------------------- */

static bool
read_hex(struct reader *reader, unsigned *ret_code)
{
    *ret_code = 0;
    if (reader->end - reader->at < 4)
        return wrong(reader, "it ends inside of an escape");
    for (int i = 0; i < 4; i++) {
        char c = *reader->at++;
        unsigned digit;

        if (c >= '0' && c <= '9')
            digit = (unsigned)(c - '0');
        else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
            digit = (unsigned)((c | 0x20) - 'a' + 10);
        else
            return wrong(reader, "it has a broken escape");
        *ret_code = *ret_code * 16 + digit;
    }
    return *ret_code != 0 || wrong(reader, "it holds a NUL");
}

/* The character of an escape; 0: it is broken. Halves of pairs are '?': no key has them. */
static unsigned
read_escape(struct reader *reader)
{
    static const char from[] = "\"\\/bfnrt";
    static const char to[] = "\"\\/\b\f\n\r\t";
    const char *place;
    unsigned code;
    char c;

    if (reader->at == reader->end) {
        (void)wrong(reader, "it ends inside of an escape");
        return 0;
    }
    c = *reader->at++;
    if (c == 'u') {
        if (!read_hex(reader, &code))
            return 0;
        return code >= 0xD800 && code < 0xE000 ? '?' : code;
    }
    place = c != '\0' ? strchr(from, c) : NULL;
    if (place == NULL) {
        (void)wrong(reader, "it has a broken escape");
        return 0;
    }
    return (unsigned char)to[place - from];
}

static size_t
encode(unsigned code, char utf8[3])
{
    if (code < 0x80) {
        utf8[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        utf8[0] = (char)(0xC0 | code >> 6);
        utf8[1] = (char)(0x80 | (code & 0x3F));
        return 2;
    }
    utf8[0] = (char)(0xE0 | code >> 12);
    utf8[1] = (char)(0x80 | (code >> 6 & 0x3F));
    utf8[2] = (char)(0x80 | (code & 0x3F));
    return 3;
}

/* A string whose first quote comes next, into ${out}. */
static bool
read_string(struct reader *reader, char *out, size_t bytes)
{
    size_t len = 0;

    out[0] = '\0';
    reader->too_long = false;
    if (!take(reader, '"'))
        return wrong(reader, "it is no JSON object");
    while (reader->at < reader->end && *reader->at != '"') {
        char utf8[3] = { *reader->at++ };
        size_t take_len = 1;

        if ((unsigned char)utf8[0] < 0x20)
            return wrong(reader, "a text in it has a control character");
        if (utf8[0] == '\\') {
            unsigned code = read_escape(reader);

            if (code == 0)
                return false;
            take_len = encode(code, utf8);
        }
        if (len + take_len >= bytes)
            reader->too_long = true;
        else
            memcpy(out + len, utf8, take_len);
        len += reader->too_long ? 0 : take_len;
    }
    if (reader->at == reader->end)
        return wrong(reader, "it ends inside of a text");
    reader->at++;
    out[reader->too_long ? 0 : len] = '\0';
    return true;
}

/* --- values ----------------------------------------------------------------------------------- */

static bool
is_number(const char *text)
{
    size_t digits;

    text += *text == '-';
    digits = strspn(text, "0123456789");
    if (digits == 0 || (digits > 1 && text[0] == '0'))
        return false;
    text += digits;
    if (*text == '.') {
        digits = strspn(text + 1, "0123456789");
        if (digits == 0)
            return false;
        text += 1 + digits;
    }
    if ((*text | 0x20) == 'e') {
        text += text[1] == '+' || text[1] == '-' ? 2 : 1;
        digits = strspn(text, "0123456789");
        text += digits;
        if (digits == 0)
            return false;
    }
    return *text == '\0';
}

/* A number, true, false or null into the reader's value. */
static bool
read_word(struct reader *reader)
{
    static const char letters[] = "+-.0123456789Eaeflnrstu";
    size_t len = 0;

    skip_blanks(reader);
    while (reader->at < reader->end && *reader->at != '\0' &&
        strchr(letters, *reader->at) != NULL && len + 1 < AKS_JSON_TEXTS_NAME_BYTES)
        reader->value[len++] = *reader->at++;
    reader->value[len] = '\0';
    if (strcmp(reader->value, "true") == 0 || strcmp(reader->value, "false") == 0 ||
        strcmp(reader->value, "null") == 0 || is_number(reader->value))
        return true;
    return wrong(reader, "it is no JSON");
}

/* Reads over a value: lists and objects without recursion, with their brackets on a stack. */
static bool
skip_value(struct reader *reader)
{
    char open[AKS_JSON_TEXTS_DEPTH_MAX];
    size_t depth = 0;

    for (;;) {
        skip_blanks(reader);
        if (reader->at == reader->end)
            return wrong(reader, "it is cut");
        if (*reader->at == '{' || *reader->at == '[') {
            if (depth == AKS_JSON_TEXTS_DEPTH_MAX)
                return wrong(reader, "it is nested too deeply");
            open[depth++] = *reader->at++;
            if (!take(reader, open[depth - 1] == '{' ? '}' : ']')) {
                if (open[depth - 1] == '{' &&
                    (!read_string(reader, reader->value, sizeof(reader->value)) ||
                        !take(reader, ':')))
                    return wrong(reader, "it is no JSON");
                continue;
            }
            depth--;
        } else if (*reader->at == '"') {
            if (!read_string(reader, reader->value, sizeof(reader->value)))
                return false;
        } else if (!read_word(reader)) {
            return false;
        }
        /* A value has ended: what holds it goes on, or ends as well. */
        while (depth > 0 && !take(reader, ',')) {
            if (!take(reader, open[depth - 1] == '{' ? '}' : ']'))
                return wrong(reader, "it is no JSON");
            depth--;
        }
        if (depth == 0)
            return true;
        if (open[depth - 1] == '{' && (!read_string(reader, reader->value,
                sizeof(reader->value)) || !take(reader, ':')))
            return wrong(reader, "it is no JSON");
    }
}

static enum aks_status
read_member(struct reader *reader, aks_json_text *each, void *ctx, struct aks_error *err)
{
    bool quoted;

    if (!read_string(reader, reader->name, sizeof(reader->name)) || !take(reader, ':')) {
        (void)wrong(reader, "it is no JSON");
        return AKS_OK;
    }
    skip_blanks(reader);
    if (reader->at < reader->end && (*reader->at == '{' || *reader->at == '[')) {
        (void)skip_value(reader);
        return AKS_OK;
    }
    quoted = reader->at < reader->end && *reader->at == '"';
    if (!(quoted ? read_string(reader, reader->value, sizeof(reader->value)) : read_word(reader)))
        return AKS_OK;
    if (quoted && reader->too_long) {
        (void)wrong(reader, "a text in it is too long");
        return AKS_OK;
    }
    if (!quoted && strcmp(reader->value, "null") == 0)
        return AKS_OK;
    return each(ctx, reader->name, reader->value, quoted, err);
}

static enum aks_status
read_object(struct reader *reader, aks_json_text *each, void *ctx, struct aks_error *err)
{
    enum aks_status status = AKS_OK;

    if (!take(reader, '{')) {
        (void)wrong(reader, "it is no JSON object");
        return AKS_OK;
    }
    if (!take(reader, '}')) {
        do {
            status = read_member(reader, each, ctx, err);
        } while (status == AKS_OK && reader->why == NULL && take(reader, ','));
        if (status == AKS_OK && reader->why == NULL && !take(reader, '}'))
            (void)wrong(reader, "it is cut");
    }
    skip_blanks(reader);
    if (status == AKS_OK && reader->why == NULL && reader->at != reader->end)
        (void)wrong(reader, "something stands behind it");
    return status;
}

enum aks_status
aks_json_texts(const char *json, size_t len, aks_json_text *each, void *ctx, struct aks_error *err)
{
    struct reader reader = { .at = json, .end = json + len };
    enum aks_status status = AKS_OK;

    if (len > AKS_JSON_TEXTS_BYTES_MAX)
        return aks_error_set(err, AKS_BAD_REPLY, "the answer is longer than %d bytes",
            AKS_JSON_TEXTS_BYTES_MAX);
    status = read_object(&reader, each, ctx, err);
    if (status == AKS_OK && reader.why != NULL)
        status = aks_error_set(err, AKS_BAD_REPLY, "the answer cannot be read: %s", reader.why);
    explicit_bzero(&reader, sizeof(reader));
    return status;
}
