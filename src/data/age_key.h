/* Keys of age: recipients, which anybody may see, and identities, which open what was encrypted for
 * them. X25519 only: keys of plugins, hybrid and SSH keys are refused by name. */
#ifndef AKS_DATA_AGE_KEY_H
#define AKS_DATA_AGE_KEY_H

#include "base/alloc.h"
#include "base/error.h"
#include "base/secret.h"
#include "data/age.h"

#include <stddef.h>
#include <stdint.h>

/* "age1..." and a NUL. */
#define AKS_AGE_RECIPIENT_TEXT_BYTES 63

struct aks_age_recipients {
    uint8_t points[AKS_AGE_RECIPIENTS_MAX][AKS_AGE_POINT_BYTES];
    size_t count;
};

/** Adds "age1...", unless it is there already. AKS_SETTINGS: it is no such key, or of a kind that
 * is not known here; the words do not repeat it. AKS_LIMIT over AKS_AGE_RECIPIENTS_MAX. */
enum aks_status aks_age_recipients_add(struct aks_age_recipients *recipients, const char *text,
    size_t len, struct aks_error *err);
/** The same for each line of a file that is not empty and does not begin with '#'; AKS_SETTINGS
 * tells the line, and where there is none at all. */
enum aks_status aks_age_recipients_read(struct aks_age_recipients *recipients, const char *text,
    size_t len, struct aks_error *err);
void aks_age_recipient_text(const uint8_t point[AKS_AGE_POINT_BYTES],
    char ret_text[AKS_AGE_RECIPIENT_TEXT_BYTES]);

struct aks_age_identities {
    const struct aks_alloc *alloc;
    struct {
        struct aks_secret *secret;      /* 32 bytes */
        uint8_t point[AKS_AGE_POINT_BYTES];     /* its recipient */
    } each[AKS_AGE_IDENTITIES_MAX];
    size_t count;
};

void aks_age_identities_init(struct aks_age_identities *identities, const struct aks_alloc *alloc);
/** Wipes. Fine on a zeroed struct. */
void aks_age_identities_fini(struct aks_age_identities *identities);
/** Adds "AGE-SECRET-KEY-1...". Failures as of recipients; ${text} is the caller's to wipe. */
enum aks_status aks_age_identities_add(struct aks_age_identities *identities, const char *text,
    size_t len, struct aks_error *err);
/** age's identity file: a key on each line that is not empty and does not begin with '#'. */
enum aks_status aks_age_identities_read(struct aks_age_identities *identities, const char *text,
    size_t len, struct aks_error *err);

#endif
