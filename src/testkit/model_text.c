#include "testkit/model_text.h"

#include "base/encode.h"
#include "base/units.h"
#include "wire/dates.h"

#include <stdio.h>
#include <string.h>

#define DAYS 7
#define FIRST_DAY 4         /* 1970 began on a Thursday */

bool
aks_model_text_percent_decode(const char *text, size_t len, char *ret_text)
{
    size_t out = 0;

    for (size_t i = 0; i < len; i++) {
        char c = text[i];

        if (c == '%') {
            char hex[3] = { 0 };

            if (len - i < 3)
                return false;
            memcpy(hex, text + i + 1, 2);
            if (!aks_hex_decode(hex, &c, 1) || c == '\0')
                return false;
            i += 2;
        }
        ret_text[out++] = c;
    }
    ret_text[out] = '\0';
    return true;
}

static int
base64_value(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c != '\0' ? strchr(digits, c) : NULL;

    return at != NULL ? (int)(at - digits) : -1;
}

bool
aks_model_text_base64_decode(const char *text, uint8_t *ret_data, size_t len)
{
    size_t text_len = AKS_BASE64_BYTES(len) - 1;
    size_t padding = (3 - len % 3) % 3;
    uint32_t bits = 0;
    size_t out = 0;

    if (strlen(text) != text_len)
        return false;
    for (size_t i = 0; i < text_len; i++) {
        int value = i >= text_len - padding ? (text[i] == '=' ? 0 : -1) : base64_value(text[i]);

        if (value < 0)
            return false;
        bits = bits << 6 | (uint32_t)value;
        if (i % 4 != 3)
            continue;
        for (int shift = 16; shift >= 0 && out < len; shift -= 8)
            ret_data[out++] = (uint8_t)(bits >> shift);
    }
    return true;
}

void
aks_model_text_xml(const char *text, struct aks_buf *out)
{
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '&':
            aks_buf_puts(out, "&amp;");
            break;
        case '<':
            aks_buf_puts(out, "&lt;");
            break;
        case '>':
            aks_buf_puts(out, "&gt;");
            break;
        case '"':
            aks_buf_puts(out, "&#34;");
            break;
        default:
            aks_buf_putc(out, *text);
        }
    }
}

const char *
aks_model_text_http_date(int64_t wall_ms, char ret_text[AKS_MODEL_DATE_BYTES])
{
    static const char days[DAYS][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
    static const char months[][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep",
        "Oct", "Nov", "Dec" };
    char iso[AKS_DATE_BYTES];       /* 2026-11-25T22:27:47.000Z */
    int64_t day = wall_ms / AKS_MS_PER_DAY + FIRST_DAY;
    size_t month;

    aks_date_iso(wall_ms, iso);
    month = (size_t)(10 * (iso[5] - '0') + iso[6] - '0') - 1;
    (void)snprintf(ret_text, AKS_MODEL_DATE_BYTES, "%s, %.2s %s %.4s %.8s GMT",
        days[day >= 0 ? day % DAYS : FIRST_DAY], iso + 8, months[month], iso, iso + 11);
    return ret_text;
}

bool
aks_model_text_number(const char *text, int64_t max, int64_t *ret_number)
{
    int64_t number = 0;

    if (*text == '\0')
        return false;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9' || number > (INT64_MAX - 9) / 10)
            return false;
        number = 10 * number + (*text - '0');
        if (number > max)
            return false;
    }
    *ret_number = number;
    return true;
}

static size_t
bare(const char **etag)
{
    size_t len = strlen(*etag);

    if (len >= 2 && **etag == '"' && (*etag)[len - 1] == '"') {
        (*etag)++;
        len -= 2;
    }
    return len;
}

bool
aks_model_text_same_etag(const char *a, const char *b)
{
    size_t len = bare(&a);

    return len == bare(&b) && memcmp(a, b, len) == 0;
}

bool
aks_model_text_lists(const char *list, const char *name)
{
    size_t len = strlen(name);

    while (list != NULL && *list != '\0') {
        size_t item = strcspn(list, ", ");

        if (item == len && memcmp(list, name, len) == 0)
            return true;
        list += item;
        list += strspn(list, ", ");
    }
    return false;
}

enum aks_model_range
aks_model_text_range(const char *text, size_t size, size_t *ret_first, size_t *ret_len)
{
    int64_t first = 0;
    int64_t last = (int64_t)size - 1;
    char number[24];
    size_t len;

    *ret_first = 0;
    *ret_len = size;
    if (text == NULL || strncmp(text, "bytes=", 6) != 0)
        return AKS_MODEL_RANGE_NONE;
    text += 6;
    len = strcspn(text, "-");
    if (text[len] != '-' || len >= sizeof(number) || strlen(text + len + 1) >= sizeof(number))
        return AKS_MODEL_RANGE_NONE;
    memcpy(number, text, len);
    number[len] = '\0';
    text += len + 1;
    if (len == 0) {
        int64_t count;

        if (!aks_model_text_number(text, INT64_MAX, &count))
            return AKS_MODEL_RANGE_NONE;
        if (count == 0 || size == 0)
            return AKS_MODEL_RANGE_OUTSIDE;
        first = count < (int64_t)size ? (int64_t)size - count : 0;
    } else if (!aks_model_text_number(number, INT64_MAX, &first) ||
        (*text != '\0' && (!aks_model_text_number(text, INT64_MAX, &last) || last < first))) {
        return AKS_MODEL_RANGE_NONE;
    }
    if (first >= (int64_t)size)
        return AKS_MODEL_RANGE_OUTSIDE;
    if (last >= (int64_t)size)
        last = (int64_t)size - 1;
    *ret_first = (size_t)first;
    *ret_len = (size_t)(last - first) + 1;
    return AKS_MODEL_RANGE_PART;
}
