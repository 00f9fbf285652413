#include "base/redact.h"

#include "base/redact_shape.h"
#include "base/redact_value.h"

#include <stdbool.h>
#include <string.h>

#define MARK_BYTES (sizeof(AKS_REDACT_MARK) - 1)

/* Is what is written the escape's first half, a backslash that no other one escapes? */
static bool
ends_in_backslash(const char *text, size_t len)
{
    size_t count = 0;

    while (count < len && text[len - count - 1] == '\\')
        count++;
    return count % 2 == 1;
}

/* Where what is taken out really ends: never within a character or an escape. */
static size_t
round_up(const char *text, size_t from, size_t to, size_t len)
{
    if (ends_in_backslash(text + from, to - from) && to < len && text[to] != '\0' &&
        strchr("\"\\/bfnrtu", text[to]) != NULL)
        to++;
    while (to < len && ((unsigned char)text[to] & 0xc0) == 0x80)
        to++;
    return to;
}

/* Puts the mark in place of ${bytes} that were taken out. */
static size_t
put_mark(char *text, size_t out, size_t bytes)
{
    if (bytes >= MARK_BYTES) {
        memcpy(text + out, AKS_REDACT_MARK, MARK_BYTES);
        return out + MARK_BYTES;
    }
    bytes = bytes < 3 ? bytes : 3;
    memset(text + out, '*', bytes);
    return out + bytes;
}

static bool
is_mark(const char *text, size_t left)
{
    return left >= MARK_BYTES && memcmp(text, AKS_REDACT_MARK, MARK_BYTES) == 0;
}

/* A shape ends at signs that a value may have in it: one that begins in the shape ends it. */
static size_t
reach(const struct aks_secret_live *live, const char *text, size_t from, size_t to, size_t len,
    bool cut)
{
    for (size_t at = from; live != NULL && at < to; at++) {
        bool back;

        if (aks_secret_live_starts((unsigned char)text[at])) {
            size_t end = at + aks_redact_value(live, text + at, len - at, cut, &back);

            to = end > to ? end : to;
        }
    }
    return round_up(text, from, to, len);
}

/* Takes out the ${bytes} at *in, from which a value was found. */
static void
take_out(char *text, size_t len, size_t bytes, bool back, size_t *in, size_t *out)
{
    size_t end = round_up(text, *in, *in + bytes, len);

    if (back && *out > 0 && aks_redact_shape_is_base64(text[*out - 1]))
        (*out)--;
    /* A letter that was escaped does not leave its backslash behind. */
    if (ends_in_backslash(text, *out))
        (*out)--;
    *out = put_mark(text, *out, end - *in);
    *in = end;
}

/* A redaction under way: what was read and what was written of the same bytes. */
struct walk {
    const struct aks_secret_live *live;
    char *text;
    size_t len;
    size_t in;
    size_t out;
    bool cut;
    bool inside;                /* an odd number of double quotes on this line */
};

/* ${bytes} that stay. */
static void
keep(struct walk *walk, size_t bytes)
{
    for (; bytes > 0; bytes--) {
        char c = walk->text[walk->in++];

        if (c == '\n')
            walk->inside = false;
        else if (c == '"' && !ends_in_backslash(walk->text, walk->out))
            walk->inside = !walk->inside;
        walk->text[walk->out++] = c;
    }
}

/* A live value that begins here? */
static bool
drop_value(struct walk *walk)
{
    bool back = false;
    const char *at = walk->text + walk->in;
    size_t bytes = walk->live != NULL && aks_secret_live_starts((unsigned char)*at)
        ? aks_redact_value(walk->live, at, walk->len - walk->in, walk->cut, &back) : 0;

    if (bytes > 0)
        take_out(walk->text, walk->len, bytes, back, &walk->in, &walk->out);
    return bytes > 0;
}

static void
step(struct walk *walk, bool shapes)
{
    const char *at = walk->text + walk->in;
    struct aks_redact_shape shape = { 1, 0 };
    size_t end;

    if (is_mark(at, walk->len - walk->in)) {
        keep(walk, MARK_BYTES);
        return;
    }
    if (shapes)
        shape = aks_redact_shape(walk->text, walk->out, at, walk->len - walk->in, walk->cut,
            walk->inside);
    if (shape.bytes == 0) {
        keep(walk, 1);
        return;
    }
    keep(walk, shape.keep);
    end = reach(walk->live, walk->text, walk->in, walk->in + shape.bytes, walk->len, walk->cut);
    walk->out = put_mark(walk->text, walk->out, end - walk->in);
    walk->in = end;
}

size_t
aks_redact(char *text, size_t len, unsigned flags)
{
    struct walk walk = { .live = aks_secret_live_begin(), .text = text, .len = len,
        .cut = (flags & AKS_REDACT_CUT) != 0 };

    while (walk.in < len) {
        if (!drop_value(&walk))
            step(&walk, (flags & AKS_REDACT_VALUES) == 0);
    }
    aks_secret_live_end();
    if (walk.out < len)
        text[walk.out] = '\0';
    return walk.out;
}

char *
aks_redact_text(char *text, unsigned flags)
{
    (void)aks_redact(text, strlen(text), flags);
    return text;
}

bool
aks_redact_finds(const char *text)
{
    const struct aks_secret_live *live = aks_secret_live_begin();
    size_t left = live != NULL ? strlen(text) : 0;
    bool found = false;
    bool back;

    for (; left > 0 && !found; text++, left--)
        found = aks_secret_live_starts((unsigned char)*text) &&
            aks_redact_value(live, text, left, false, &back) > 0;
    aks_secret_live_end();
    return found;
}
