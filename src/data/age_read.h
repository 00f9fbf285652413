/* A file of age made plain again, in pieces of any size, in order. Input is hostile: plain bytes
 * are given only after the tag of their chunk was checked, and nothing before the header's MAC was;
 * what was given until a failure is not taken back. */
#ifndef AKS_DATA_AGE_READ_H
#define AKS_DATA_AGE_READ_H

#include "base/alloc.h"
#include "base/error.h"
#include "base/secret.h"
#include "data/age_key.h"
#include "data/decoder.h"

#include <stdbool.h>
#include <stddef.h>

/* What opens files: one of them has to fit. Borrowed. */
struct aks_age_keys {
    const struct aks_age_identities *identities;    /* or NULL */
    const struct aks_secret *passphrase;            /* or NULL */
    bool asked;         /* by a person who waits for it: scrypt's work may be up to
                         * AKS_AGE_SCRYPT_WORK_MAX, else up to AKS_AGE_SCRYPT_WORK_UNASKED */
};

/* What was wrong, more closely than a status tells. */
enum aks_age_failure {
    AKS_AGE_FINE, AKS_AGE_NO_MATCH, AKS_AGE_BAD_ARMOR, AKS_AGE_BAD_HEADER, AKS_AGE_BAD_MAC,
    AKS_AGE_BAD_PAYLOAD, AKS_AGE_NO_MEMORY, AKS_AGE_TOO_MUCH_WORK
};

struct aks_age_reader;

/** ${armored}: what is read is text (ASCII armor). Borrows ${keys}. */
enum aks_status aks_age_reader_new(const struct aks_alloc *alloc, const struct aks_age_keys *keys,
    bool armored, struct aks_age_reader **ret_reader, struct aks_error *err);
/** Wipes. NULL is fine. */
void aks_age_reader_free(struct aks_age_reader *reader);
/** The next ${len} bytes, all of which are taken. With a passphrase the call that ends the header
 * takes as long as scrypt does. AKS_CORRUPT: it is not what age writes, or was changed;
 * AKS_AUTH_MISSING: nothing that could open it was given; AKS_AUTH_INVALID: nothing of it does;
 * AKS_LIMIT without memory, where a passphrase takes more work than is done unasked, or where more
 * than AKS_AGE_TRIES_MAX identities would have to be tried on stanzas; or what ${each} said.
 * Nothing is fed after a failure. */
enum aks_status aks_age_reader_feed(struct aks_age_reader *reader, const void *data, size_t len,
    aks_decoded *each, void *ctx, struct aks_error *err);
/** There is no more: gives the last chunk, if it is the last one. Failures as of feed. */
enum aks_status aks_age_reader_end(struct aks_age_reader *reader, aks_decoded *each, void *ctx,
    struct aks_error *err);
enum aks_age_failure aks_age_reader_failure(const struct aks_age_reader *reader);

#endif
