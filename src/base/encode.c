#include "base/encode.h"

#include <string.h>

static const char hex_digits[] = "0123456789abcdef";

void
aks_hex_encode(const void *data, size_t len, char *ret_hex)
{
    const uint8_t *bytes = data;

    for (size_t i = 0; i < len; i++) {
        ret_hex[2 * i] = hex_digits[bytes[i] >> 4];
        ret_hex[2 * i + 1] = hex_digits[bytes[i] & 15];
    }
    ret_hex[2 * len] = '\0';
}

static int
hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool
aks_hex_decode(const char *hex, void *ret_data, size_t len)
{
    uint8_t *bytes = ret_data;

    for (size_t i = 0; i < len; i++) {
        int high = hex_value(hex[2 * i]);
        int low = high < 0 ? -1 : hex_value(hex[2 * i + 1]);

        if (low < 0)
            return false;
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    return hex[2 * len] == '\0';
}

void
aks_base64_encode(const void *data, size_t len, struct aks_buf *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const uint8_t *in = data;

    for (size_t i = 0; i < len; i += 3) {
        size_t left = len - i;
        uint32_t word = (uint32_t)in[i] << 16;
        char quad[4];

        if (left > 1)
            word |= (uint32_t)in[i + 1] << 8;
        if (left > 2)
            word |= in[i + 2];
        quad[0] = digits[word >> 18];
        quad[1] = digits[word >> 12 & 63];
        quad[2] = left > 1 ? digits[word >> 6 & 63] : '=';
        quad[3] = left > 2 ? digits[word & 63] : '=';
        aks_buf_append(out, quad, sizeof(quad));
    }
}

static bool
unreserved(unsigned char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
        c == '-' || c == '.' || c == '_' || c == '~';
}

void
aks_percent_encode(const char *text, size_t len, bool keep_slash, struct aks_buf *out)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];

        if (unreserved(c) || (keep_slash && c == '/'))
            aks_buf_putc(out, (char)c);
        else
            aks_buf_printf(out, "%%%02X", c);
    }
}
