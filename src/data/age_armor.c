/* A file as text (age.md, "ASCII armor"; RFC 7468, strict): lines of 64 columns, only the last one
 * shorter, between two lines of dashes; blanks around it, and CR LF for LF, are let pass. */
#include "data/age_internal.h"

#include <string.h>

#define BEGIN_LINE "-----BEGIN AGE ENCRYPTED FILE-----"
#define END_LINE "-----END AGE ENCRYPTED FILE-----"
#define BLANKS_MAX 1024
#define FULL_LINE_BYTES 48

static enum aks_status
malformed(const char *why, bool *ret_malformed, struct aks_error *err)
{
    *ret_malformed = true;
    return aks_error_set(err, AKS_CORRUPT, "it is no armored file of age: %s", why);
}

static bool
is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\v' || c == '\f';
}

static bool
line_is(const struct aks_age_armor *armor, const char *text)
{
    return armor->line_len == strlen(text) && memcmp(armor->line, text, armor->line_len) == 0;
}

static enum aks_status
decode_line(struct aks_age_armor *armor, aks_age_armor_out *out, void *ctx, bool *ret_malformed,
    struct aks_error *err)
{
    uint8_t bytes[FULL_LINE_BYTES];
    size_t digits = armor->line_len;
    size_t len = 0;

    while (digits > 0 && armor->line_len - digits < 2 && armor->line[digits - 1] == '=')
        digits--;
    if (armor->line_len == 0 || armor->line_len % 4 != 0 ||
        !aks_age_header_raw64(armor->line, digits, bytes, sizeof(bytes), &len))
        return malformed("a line is no base64", ret_malformed, err);
    if (len < FULL_LINE_BYTES)
        armor->state = AKS_AGE_ARMOR_SHORT;
    return out(ctx, bytes, len, err);
}

static enum aks_status
take_line(struct aks_age_armor *armor, aks_age_armor_out *out, void *ctx, bool *ret_malformed,
    struct aks_error *err)
{
    enum aks_status status = AKS_OK;

    if (armor->line_len > 0 && armor->line[armor->line_len - 1] == '\r')
        armor->line_len--;
    if (armor->state == AKS_AGE_ARMOR_BEFORE && line_is(armor, BEGIN_LINE))
        armor->state = AKS_AGE_ARMOR_INSIDE;
    else if (armor->state == AKS_AGE_ARMOR_BEFORE)
        status = malformed("its first line is another", ret_malformed, err);
    else if (line_is(armor, END_LINE))
        armor->state = AKS_AGE_ARMOR_AFTER;
    else if (armor->state == AKS_AGE_ARMOR_SHORT)
        status = malformed("something follows its last line", ret_malformed, err);
    else
        status = decode_line(armor, out, ctx, ret_malformed, err);
    armor->line_len = 0;
    armor->blanks = 0;
    return status;
}

enum aks_status
aks_age_armor_feed(struct aks_age_armor *armor, const char *text, size_t len,
    aks_age_armor_out *out, void *ctx, bool *ret_malformed, struct aks_error *err)
{
    enum aks_status status = AKS_OK;

    for (size_t i = 0; i < len && status == AKS_OK; i++) {
        bool outside = armor->state == AKS_AGE_ARMOR_AFTER ||
            (armor->state == AKS_AGE_ARMOR_BEFORE && armor->line_len == 0);

        if (outside && is_blank(text[i])) {
            if (++armor->blanks > BLANKS_MAX)
                status = malformed("there are too many blanks", ret_malformed, err);
        } else if (armor->state == AKS_AGE_ARMOR_AFTER) {
            status = malformed("something follows it", ret_malformed, err);
        } else if (text[i] == '\n') {
            status = take_line(armor, out, ctx, ret_malformed, err);
        } else if (armor->line_len >= AKS_AGE_ARMOR_COLUMNS + (size_t)(text[i] == '\r')) {
            status = malformed("a line is too long", ret_malformed, err);
        } else {
            armor->line[armor->line_len++] = text[i];
        }
    }
    return status;
}

static enum aks_status
nothing(void *ctx, const void *data, size_t len, struct aks_error *err)
{
    return AKS_OK;
}

enum aks_status
aks_age_armor_end(struct aks_age_armor *armor, bool *ret_malformed, struct aks_error *err)
{
    enum aks_status status = AKS_OK;

    /* Its last line may have no end. */
    if (armor->line_len > 0)
        status = take_line(armor, nothing, NULL, ret_malformed, err);
    if (status == AKS_OK && armor->state != AKS_AGE_ARMOR_AFTER)
        status = malformed("it does not end", ret_malformed, err);
    return status;
}
