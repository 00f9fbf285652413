/* One line of JSON (RFC 8259) as a reader writes it. Each byte is looked at once and nothing is
 * made of it: rows are long, and there are many. */
#include "engine/rows_internal.h"

#include "base/encode.h"
#include "base/utf8.h"

#include <string.h>

/* Of arrays and objects in each other, in a column of type JSON. */
#define DEPTH_MAX 200
#define KEY_BYTES (4 * AKS_ROWS_NAME_BYTES_MAX)

struct scan {
    const char *at;
    const char *end;                    /* one byte may be read there */
    bool plain;                         /* nothing but JSON so far */
};

static void
spaces(struct scan *scan)
{
    while (scan->at < scan->end && (scan->at[0] == ' ' || scan->at[0] == '\t' ||
        scan->at[0] == '\r' || scan->at[0] == '\n'))
        scan->at++;
}

static bool
word(struct scan *scan, const char *text)
{
    size_t len = strlen(text);

    if ((size_t)(scan->end - scan->at) < len || memcmp(scan->at, text, len) != 0)
        return false;
    scan->at += len;
    return true;
}

static bool
digits(struct scan *scan)
{
    const char *from = scan->at;

    while (scan->at < scan->end && scan->at[0] >= '0' && scan->at[0] <= '9')
        scan->at++;
    return scan->at > from;
}

static bool
number(struct scan *scan)
{
    if (scan->at < scan->end && scan->at[0] == '-')
        scan->at++;
    if (word(scan, "Infinity")) {
        scan->plain = false;
        return true;
    }
    if (scan->at < scan->end && scan->at[0] == '0')
        scan->at++;
    else if (!digits(scan))
        return false;
    if (scan->at < scan->end && scan->at[0] == '.') {
        scan->at++;
        if (!digits(scan))
            return false;
    }
    if (scan->at < scan->end && (scan->at[0] | 0x20) == 'e') {
        scan->at++;
        if (scan->at < scan->end && (scan->at[0] == '+' || scan->at[0] == '-'))
            scan->at++;
        return digits(scan);
    }
    return true;
}

/* Four hex digits behind "\u". */
static bool
unit(struct scan *scan, uint32_t *ret_unit)
{
    uint8_t bytes[2];
    char text[5] = "";

    if (scan->end - scan->at < 6 || scan->at[0] != '\\' || scan->at[1] != 'u')
        return false;
    memcpy(text, scan->at + 2, 4);
    if (!aks_hex_decode(text, bytes, sizeof(bytes)))
        return false;
    *ret_unit = (uint32_t)bytes[0] << 8 | bytes[1];
    scan->at += 6;
    return true;
}

/* What stands behind a backslash; *ret_code is the character that is meant. */
static bool
escape(struct scan *scan, uint32_t *ret_code)
{
    static const char letters[] = "\"\\/bfnrt";
    static const char meant[] = "\"\\/\b\f\n\r\t";
    const char *letter;
    uint32_t low;

    if (scan->end - scan->at < 2)
        return false;
    letter = scan->at[1] == '\0' ? NULL : strchr(letters, scan->at[1]);
    if (letter != NULL) {
        *ret_code = (uint32_t)meant[letter - letters];
        scan->at += 2;
        return true;
    }
    if (!unit(scan, ret_code))
        return false;
    if (*ret_code < 0xd800 || *ret_code > 0xdfff)
        return true;
    if (*ret_code > 0xdbff || !unit(scan, &low) || low < 0xdc00 || low > 0xdfff)
        return false;
    *ret_code = 0x10000 + ((*ret_code - 0xd800) << 10) + (low - 0xdc00);
    return true;
}

static void
put_code(struct aks_buf *out, uint32_t code)
{
    if (code < 0x80) {
        aks_buf_putc(out, (char)code);
    } else if (code < 0x800) {
        aks_buf_putc(out, (char)(0xc0 | code >> 6));
        aks_buf_putc(out, (char)(0x80 | (code & 0x3f)));
    } else if (code < 0x10000) {
        aks_buf_putc(out, (char)(0xe0 | code >> 12));
        aks_buf_putc(out, (char)(0x80 | (code >> 6 & 0x3f)));
        aks_buf_putc(out, (char)(0x80 | (code & 0x3f)));
    } else {
        aks_buf_putc(out, (char)(0xf0 | code >> 18));
        aks_buf_putc(out, (char)(0x80 | (code >> 12 & 0x3f)));
        aks_buf_putc(out, (char)(0x80 | (code >> 6 & 0x3f)));
        aks_buf_putc(out, (char)(0x80 | (code & 0x3f)));
    }
}

/* ${out}, if it is not NULL, gets the characters. */
static bool
string(struct scan *scan, struct aks_buf *out)
{
    if (scan->at >= scan->end || *scan->at++ != '"')
        return false;
    while (scan->at < scan->end && scan->at[0] != '"') {
        const char *from = scan->at;
        unsigned char c = (unsigned char)from[0];
        uint32_t code;
        size_t len = 1;

        if (c < 0x20)
            return false;
        if (c == '\\') {
            if (!escape(scan, &code))
                return false;
            if (out != NULL)
                put_code(out, code);
            continue;
        }
        if (c >= 0x80)
            len = aks_utf8_length(from);
        if (len == 0 || len > (size_t)(scan->end - from))
            return false;
        scan->at += len;
        if (out != NULL)
            aks_buf_append(out, from, len);
    }
    return scan->at < scan->end && *scan->at++ == '"';
}

static bool value(struct scan *scan, unsigned depth);

/* From behind '[' or '{' to behind its other half. */
static bool
members(struct scan *scan, bool object, unsigned depth)
{
    char close = object ? '}' : ']';

    spaces(scan);
    if (scan->at < scan->end && scan->at[0] == close) {
        scan->at++;
        return true;
    }
    while (scan->at < scan->end) {
        spaces(scan);
        if (object) {
            if (!string(scan, NULL))
                return false;
            spaces(scan);
            if (!word(scan, ":"))
                return false;
        }
        if (!value(scan, depth + 1))
            return false;
        spaces(scan);
        if (scan->at < scan->end && scan->at[0] == close) {
            scan->at++;
            return true;
        }
        if (!word(scan, ","))
            return false;
    }
    return false;
}

static bool
value(struct scan *scan, unsigned depth)
{
    spaces(scan);
    if (scan->at >= scan->end || depth > DEPTH_MAX)
        return false;
    switch (scan->at[0]) {
    case '"':
        return string(scan, NULL);
    case '[':
    case '{':
        scan->at++;
        return members(scan, scan->at[-1] == '{', depth);
    case 't':
        return word(scan, "true");
    case 'f':
        return word(scan, "false");
    case 'n':
        return word(scan, "null");
    case 'N':
        scan->plain = false;
        return word(scan, "NaN");
    default:
        return number(scan);
    }
}

/* Is the key that stands there ${name}? */
static bool
key(struct scan *scan, const char *name)
{
    size_t len = strlen(name);
    struct aks_buf text;
    bool same;

    if ((size_t)(scan->end - scan->at) > len + 1 && scan->at[0] == '"' &&
        strcspn(name, "\"\\") == len && memcmp(scan->at + 1, name, len) == 0 &&
        scan->at[len + 1] == '"') {
        scan->at += len + 2;
        return true;
    }
    aks_buf_init(&text, aks_alloc_system(), KEY_BYTES);
    same = string(scan, &text) && text.failed == AKS_OK && text.len == len &&
        memcmp(text.data, name, len) == 0;
    aks_buf_fini(&text);
    return same;
}

bool
aks_rows_line_split(const char *line, size_t len, const char *const *names, size_t count,
    struct aks_rows_value *ret_values, bool *ret_plain)
{
    struct scan scan = { line, line + len, true };

    *ret_plain = true;
    if (!word(&scan, "{"))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && !word(&scan, ","))
            return false;
        if (!key(&scan, names[i]) || !word(&scan, ":"))
            return false;
        spaces(&scan);
        ret_values[i].data = scan.at;
        if (!value(&scan, 1))
            return false;
        ret_values[i].len = (size_t)(scan.at - ret_values[i].data);
    }
    *ret_plain = scan.plain;
    return word(&scan, "}") && scan.at == scan.end;
}

void
aks_rows_line_mend(const char *line, size_t len, struct aks_buf *out)
{
    struct scan scan = { line, line + len, true };

    while (scan.at < scan.end) {
        const char *from = scan.at;

        /* Outside of strings no other word has these letters. */
        if (from[0] == '"' ? !string(&scan, NULL) : false)
            break;
        if (from[0] == 'N' || from[0] == 'I' ||
            (from[0] == '-' && scan.end - from > 1 && from[1] == 'I')) {
            scan.at += from[0] == 'N' ? strlen("NaN") : strlen("Infinity") + (from[0] == '-');
            aks_buf_puts(out, "null");
        } else {
            if (scan.at == from)
                scan.at++;
            aks_buf_append(out, from, (size_t)(scan.at - from));
        }
    }
}

bool
aks_rows_line_text(const struct aks_rows_value *value, struct aks_buf *out)
{
    struct scan scan = { value->data, value->data + value->len, true };

    return string(&scan, out) && scan.at == scan.end && out->failed == AKS_OK;
}
