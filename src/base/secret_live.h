/* The values of the secrets that live in this process, as the redactor looks for them: one list for
 * the whole process, behind one lock. For base/secret.c, which keeps it, and base/redact_value.c
 * alone. */
#ifndef AKS_BASE_SECRET_LIVE_H
#define AKS_BASE_SECRET_LIVE_H

#include "base/secret.h"

#include <stdbool.h>
#include <stddef.h>

/* Shorter values are not looked for: they would be found in ordinary words. */
#define AKS_SECRET_LIVE_BYTES_MIN 8

struct aks_secret_live {
    const unsigned char *bytes;         /* within the secret's own pages */
    size_t len;                         /* at least AKS_SECRET_LIVE_BYTES_MIN */
    struct aks_secret_live *next;
    struct aks_secret_live *prev;
};

/** Takes the lock and returns the first of the values, or NULL; until aks_secret_live_end none
 * comes or goes. Nothing that makes or frees a secret may be called in between. */
const struct aks_secret_live *aks_secret_live_begin(void);
void aks_secret_live_end(void);
/** Between the two: can ${c} be the first byte of a value in any form that it is looked for? */
bool aks_secret_live_starts(unsigned char c);

#endif
