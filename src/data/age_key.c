#include "data/age_key.h"

#include "data/age_internal.h"
#include "data/bech32.h"

#include <string.h>
#include <strings.h>

#define RECIPIENT "age"
#define IDENTITY "AGE-SECRET-KEY-"

_Static_assert(AKS_BECH32_BYTES(sizeof(RECIPIENT) - 1, AKS_AGE_POINT_BYTES) ==
    AKS_AGE_RECIPIENT_TEXT_BYTES, "the text of a recipient");

/* Kinds of keys that age knows and this program does not. */
static const struct {
    const char *begins;
    const char *what;
} others[] = {
    { "age1pq1", "a hybrid (post-quantum) key" },
    { "age1tagpq1", "a key of a hardware token" },
    { "age1tag1", "a key of a hardware token" },
    { "AGE-SECRET-KEY-PQ-1", "a hybrid (post-quantum) key" },
    { "AGE-PLUGIN-", "a plugin's key" },
    { "ssh-", "an SSH key" },
    { "ecdsa-", "an SSH key" },
    { "sk-", "an SSH key" },
    { "-----BEGIN OPENSSH", "an SSH key" },
    { "-----BEGIN AGE", "an encrypted identity file (decrypt it first: age -d)" },
    { "age-encryption.org/", "an encrypted identity file (decrypt it first: age -d)" },
};

static bool
begins(const char *text, size_t len, const char *with, bool any_case)
{
    size_t with_len = strlen(with);

    return len >= with_len &&
        (any_case ? strncasecmp(text, with, with_len) : memcmp(text, with, with_len)) == 0;
}

static enum aks_status
refuse(const char *wanted, const char *text, size_t len, struct aks_error *err)
{
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        if (begins(text, len, others[i].begins, false))
            return aks_error_set(err, AKS_SETTINGS, "it is %s, and only X25519 keys (%s...) are "
                "known here", others[i].what, wanted);
    }
    if (begins(text, len, "AGE-SECRET-KEY-", true))
        return aks_error_set(err, AKS_SETTINGS, "it is %s", strcmp(wanted, "age1") == 0
            ? "an identity, which is secret: a recipient is what age-keygen -y makes of it"
            : "an identity that was mistyped or cut");
    /* "age1NAME1...": what stands between is the name of a plugin. */
    if (begins(text, len, "age1", false) && memchr(text + 4, '1', len - 4) != NULL)
        return aks_error_set(err, AKS_SETTINGS, "it is a plugin's key, and only X25519 keys "
            "(%s...) are known here", wanted);
    if (begins(text, len, "age1", true))
        return aks_error_set(err, AKS_SETTINGS, "it is %s", strcmp(wanted, "age1") == 0
            ? "a recipient that was mistyped or cut" : "a recipient, which opens nothing");
    return aks_error_set(err, AKS_SETTINGS, "it is no key of age (%s...)", wanted);
}

/* --- recipients ------------------------------------------------------------------------------- */

enum aks_status
aks_age_recipients_add(struct aks_age_recipients *recipients, const char *text, size_t len,
    struct aks_error *err)
{
    uint8_t point[AKS_AGE_POINT_BYTES];

    if (!aks_bech32_decode(RECIPIENT, text, len, point, sizeof(point)))
        return refuse("age1", text, len, err);
    for (size_t i = 0; i < recipients->count; i++) {
        if (memcmp(recipients->points[i], point, sizeof(point)) == 0)
            return AKS_OK;
    }
    if (recipients->count == AKS_AGE_RECIPIENTS_MAX)
        return aks_error_set(err, AKS_LIMIT, "there are over %d recipients",
            AKS_AGE_RECIPIENTS_MAX);
    memcpy(recipients->points[recipients->count++], point, sizeof(point));
    return AKS_OK;
}

void
aks_age_recipient_text(const uint8_t point[AKS_AGE_POINT_BYTES],
    char ret_text[AKS_AGE_RECIPIENT_TEXT_BYTES])
{
    aks_bech32_encode(RECIPIENT, point, AKS_AGE_POINT_BYTES, ret_text);
}

/* --- lines ------------------------------------------------------------------------------------ */

/* Hands each line that says something to ${add}. */
static enum aks_status
each_line(const char *text, size_t len,
    enum aks_status (*add)(void *ctx, const char *line, size_t line_len, struct aks_error *err),
    void *ctx, struct aks_error *err)
{
    const char *end = text + len;
    size_t number = 0;
    bool any = false;

    while (text < end) {
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        size_t line_len = (size_t)((stop != NULL ? stop : end) - text);
        const char *line = text;
        enum aks_status status;

        number++;
        text += line_len + 1;
        while (line_len > 0 && (line[line_len - 1] == '\r' || line[line_len - 1] == ' '))
            line_len--;
        if (line_len == 0 || line[0] == '#')
            continue;
        any = true;
        status = add(ctx, line, line_len, err);
        if (status != AKS_OK) {
            (void)aks_error_wrap(err, "line %zu", number);
            return status;
        }
    }
    return any ? AKS_OK : aks_error_set(err, AKS_SETTINGS, "there is no key in it");
}

static enum aks_status
add_recipient(void *ctx, const char *line, size_t len, struct aks_error *err)
{
    return aks_age_recipients_add(ctx, line, len, err);
}

enum aks_status
aks_age_recipients_read(struct aks_age_recipients *recipients, const char *text, size_t len,
    struct aks_error *err)
{
    return each_line(text, len, add_recipient, recipients, err);
}

/* --- identities ------------------------------------------------------------------------------- */

void
aks_age_identities_init(struct aks_age_identities *identities, const struct aks_alloc *alloc)
{
    memset(identities, 0, sizeof(*identities));
    identities->alloc = alloc;
}

void
aks_age_identities_fini(struct aks_age_identities *identities)
{
    for (size_t i = 0; i < identities->count; i++)
        aks_secret_free(identities->each[i].secret);
    memset(identities, 0, sizeof(*identities));
}

enum aks_status
aks_age_identities_add(struct aks_age_identities *identities, const char *text, size_t len,
    struct aks_error *err)
{
    uint8_t secret[AKS_AGE_POINT_BYTES];
    size_t at = identities->count;
    enum aks_status status = AKS_OK;

    if (!aks_bech32_decode(IDENTITY, text, len, secret, sizeof(secret)))
        return refuse(IDENTITY "1", text, len, err);
    if (at == AKS_AGE_IDENTITIES_MAX)
        status = aks_error_set(err, AKS_LIMIT, "there are over %d identities",
            AKS_AGE_IDENTITIES_MAX);
    if (status == AKS_OK)
        status = aks_age_wrap_point(secret, identities->each[at].point, err);
    if (status == AKS_OK) {
        identities->each[at].secret = aks_secret_new(identities->alloc, "", secret,
            sizeof(secret));
        if (identities->each[at].secret == NULL)
            status = aks_error_memory(err, "reading an identity");
        else
            identities->count++;
    }
    explicit_bzero(secret, sizeof(secret));
    return status;
}

static enum aks_status
add_identity(void *ctx, const char *line, size_t len, struct aks_error *err)
{
    return aks_age_identities_add(ctx, line, len, err);
}

enum aks_status
aks_age_identities_read(struct aks_age_identities *identities, const char *text, size_t len,
    struct aks_error *err)
{
    return each_line(text, len, add_identity, identities, err);
}
