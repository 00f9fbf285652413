/* Plain bytes into one file of age: binary, header first. In pieces of any size, in order; memory
 * does not depend on how many there are. */
#ifndef AKS_DATA_AGE_WRITE_H
#define AKS_DATA_AGE_WRITE_H

#include "base/alloc.h"
#include "base/error.h"
#include "base/secret.h"
#include "data/age_key.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct aks_age_writer;

/* For whom: recipients (at least one), or a passphrase, alone. All borrowed for the call. */
struct aks_age_writer_options {
    const struct aks_alloc *alloc;
    const struct aks_age_recipients *recipients;    /* NULL with a passphrase */
    const struct aks_secret *passphrase;
    unsigned work;                      /* of scrypt, 1 to AKS_AGE_SCRYPT_WORK_MAX */
    /* Randomness that nobody can guess: file key, nonce, salt, one key for each recipient. */
    enum aks_status (*fill)(void *ctx, void *data, size_t len, struct aks_error *err);
    void *ctx;
};

/** Draws a file key, which is this writer's alone, and makes the header. Takes as long as scrypt
 * does, with a passphrase. AKS_LIMIT without memory, AKS_SETTINGS for a recipient that is none, or
 * what fill said. */
enum aks_status aks_age_writer_new(const struct aks_age_writer_options *options,
    struct aks_age_writer **ret_writer, struct aks_error *err);
/** Wipes. NULL is fine. */
void aks_age_writer_free(struct aks_age_writer *writer);
/** The most bytes that a write of ${len} bytes gives now. */
size_t aks_age_writer_bound(const struct aks_age_writer *writer, size_t len);
/** Takes ${len} bytes and writes what that makes to ${out}, which has the bound of room; up to a
 * chunk is held back. With ${last} the file is whole: nothing is written after it. */
void aks_age_writer_write(struct aks_age_writer *writer, const void *data, size_t len, bool last,
    uint8_t *out, size_t *ret_len);
/** What ${bytes} plain bytes come to behind a header of ${header_bytes}. */
int64_t aks_age_writer_size(int64_t header_bytes, int64_t bytes);

#endif
