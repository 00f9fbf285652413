/* Single values of rows. They are known to be JSON (engine/rows.h), so only what counts is looked
 * at: an embedding is most of a row's bytes. */
#include "engine/memories_internal.h"

#include "base/units.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Longer numbers than any that a float or a double is written as. */
#define NUMBER_BYTES 64
/* Numbers with as many digits in front of the point are in reach of a float for certain. */
#define FLOAT_DIGITS 38

bool
aks_memories_value_is_null(const struct aks_rows_value *value)
{
    return value->len == 4 && memcmp(value->data, "null", 4) == 0;
}

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool
aks_memories_value_inner(const struct aks_rows_value *value, struct aks_rows_value *ret_inner)
{
    *ret_inner = *value;
    if (value->len >= 2 && value->data[0] == '"') {
        ret_inner->data++;
        ret_inner->len -= 2;
        return true;
    }
    return value->len > 0 && (value->data[0] == '-' || is_digit(value->data[0]));
}

/* --- embeddings ------------------------------------------------------------------------------- */

/* Of a number, by its text: can a float hold it? */
static bool
fits_float(const char *at, size_t len)
{
    char text[NUMBER_BYTES];
    size_t digits = 0;

    while (digits < len && (at[digits] == '-' || is_digit(at[digits])))
        digits++;
    if (digits <= FLOAT_DIGITS && memchr(at, 'e', len) == NULL && memchr(at, 'E', len) == NULL)
        return true;
    if (len >= sizeof(text))
        return false;
    memcpy(text, at, len);
    text[len] = '\0';
    return isfinite((float)strtod(text, NULL));
}

enum aks_memories_skip
aks_memories_value_embedding(const struct aks_rows_value *value)
{
    const char *at = value->data + 1;
    const char *end = value->data + value->len - 1;
    size_t count = 0;

    if (value->len < 2 || value->data[0] != '[')
        return AKS_MEMORIES_EMBEDDING_NUMBER;
    while (at < end) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        const char *stop = comma != NULL ? comma : end;

        while (at < stop && at[0] == ' ')
            at++;
        if (at == stop || (at[0] != '-' && !is_digit(at[0])) ||
            !fits_float(at, (size_t)(stop - at)))
            return at == end && count == 0 ? AKS_MEMORIES_EMBEDDING_LENGTH
                : AKS_MEMORIES_EMBEDDING_NUMBER;
        if (++count > AKS_MEMORIES_EMBEDDING)
            break;
        at = stop + 1;
    }
    return count == AKS_MEMORIES_EMBEDDING ? AKS_MEMORIES_SKIPS : AKS_MEMORIES_EMBEDDING_LENGTH;
}

/* --- time stamps ------------------------------------------------------------------------------ */

/* A text that is read from its left. */
struct cursor {
    const char *at;
    const char *end;
};

static bool
takes(struct cursor *cursor, char c)
{
    if (cursor->at == cursor->end || cursor->at[0] != c)
        return false;
    cursor->at++;
    return true;
}

/* Exactly ${count} digits, copied to *${out}. */
static bool
digits(struct cursor *cursor, size_t count, char **out)
{
    if ((size_t)(cursor->end - cursor->at) < count)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!is_digit(cursor->at[i]))
            return false;
    }
    memcpy(*out, cursor->at, count);
    *out += count;
    cursor->at += count;
    return true;
}

static bool
date(struct cursor *cursor, char **out)
{
    if (!digits(cursor, 4, out) || !takes(cursor, '-'))
        return false;
    *(*out)++ = '-';
    if (!digits(cursor, 2, out) || !takes(cursor, '-'))
        return false;
    *(*out)++ = '-';
    return digits(cursor, 2, out);
}

/* Six digits, whatever there are. */
static bool
fraction(struct cursor *cursor, char **out)
{
    size_t count = 0;

    *(*out)++ = '.';
    for (; cursor->at < cursor->end && is_digit(cursor->at[0]); cursor->at++) {
        if (count++ < 6)
            *(*out)++ = cursor->at[0];
    }
    for (size_t i = count; i < 6; i++)
        *(*out)++ = '0';
    return count >= 1 && count <= 9;
}

static bool
time_of_day(struct cursor *cursor, char **out)
{
    if (!digits(cursor, 2, out) || !takes(cursor, ':'))
        return false;
    *(*out)++ = ':';
    if (!digits(cursor, 2, out))
        return false;
    *(*out)++ = ':';
    if (!takes(cursor, ':')) {
        memcpy(*out, "00", 2);
        *out += 2;
        return true;
    }
    if (!digits(cursor, 2, out))
        return false;
    return takes(cursor, '.') || takes(cursor, ',') ? fraction(cursor, out) : true;
}

/* "Z", "+02", "+0200", "+02:00", or nothing. */
static bool
zone(struct cursor *cursor, char **out)
{
    char *from = *out;

    if (cursor->at == cursor->end || takes(cursor, 'Z') || takes(cursor, 'z'))
        return true;
    *(*out)++ = cursor->at[0];
    if ((!takes(cursor, '+') && !takes(cursor, '-')) || !digits(cursor, 2, out))
        return false;
    *(*out)++ = ':';
    (void)takes(cursor, ':');
    if (cursor->at == cursor->end) {
        memcpy(*out, "00", 2);
        *out += 2;
    } else if (!digits(cursor, 2, out)) {
        return false;
    }
    if (memcmp(from + 1, "00:00", 5) == 0)
        *out = from;
    return true;
}

static bool
stamp_of_text(const struct aks_rows_value *inner, char ret_stamp[AKS_MEMORIES_STAMP_BYTES],
    int64_t *ret_ms)
{
    struct cursor cursor = { inner->data, inner->data + inner->len };
    char utc[AKS_MEMORIES_STAMP_BYTES + 1];
    char *out = ret_stamp;
    bool whole = date(&cursor, &out);
    const char *day = out;

    *out++ = 'T';
    if (whole && cursor.at == cursor.end) {
        memcpy(out, "00:00:00", 8);
        out += 8;
    } else {
        whole = whole && (takes(&cursor, 'T') || takes(&cursor, 't') || takes(&cursor, ' ')) &&
            time_of_day(&cursor, &out) && zone(&cursor, &out);
    }
    *out = '\0';
    if (!whole || cursor.at != cursor.end || memcmp(ret_stamp, "0000", 4) == 0)
        return false;
    /* Whether there is such a day and hour is known there, if it has a zone. */
    memcpy(utc, ret_stamp, (size_t)(out - ret_stamp) + 1);
    if (strpbrk(utc + (day - ret_stamp), "+-") == NULL)
        memcpy(utc + (out - ret_stamp), "Z", 2);
    return aks_date_parse_iso(utc, strlen(utc), ret_ms);
}

static bool
stamp_of_number(const struct aks_rows_value *inner, char ret_stamp[AKS_MEMORIES_STAMP_BYTES],
    int64_t *ret_ms)
{
    char text[NUMBER_BYTES];
    double number;

    if (inner->len >= sizeof(text))
        return false;
    memcpy(text, inner->data, inner->len);
    text[inner->len] = '\0';
    number = strtod(text, NULL);
    if (!(number >= 0) || number >= 1e17)
        return false;
    /* In seconds 1e11 is the year 5138, in milliseconds 1973; the next step is as wide. */
    *ret_ms = (int64_t)(number < 1e11 ? number * 1e3 : number < 1e14 ? number : number / 1e3);
    (void)aks_date_iso(*ret_ms, ret_stamp);
    /* "....123Z": without the zone, with six digits. */
    memcpy(ret_stamp + strlen(ret_stamp) - 1, "000", 4);
    return true;
}

bool
aks_memories_value_stamp(const struct aks_rows_value *value,
    char ret_stamp[AKS_MEMORIES_STAMP_BYTES], int64_t *ret_ms)
{
    struct aks_rows_value inner;
    bool is_stamp = aks_memories_value_inner(value, &inner);

    if (is_stamp)
        is_stamp = value->data[0] == '"' ? stamp_of_text(&inner, ret_stamp, ret_ms)
            : stamp_of_number(&inner, ret_stamp, ret_ms);
    if (!is_stamp)
        ret_stamp[0] = '\0';
    return is_stamp;
}
