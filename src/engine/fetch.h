/* One object of a target read from its first byte to its last: several ranges ahead of each other,
 * in order, its digest as stored, decrypted, unpacked, its digest as plain bytes. Bounded:
 * AKS_FETCH_RANGES * AKS_FETCH_RANGE_BYTES of buffers (the target's ports take as much again while
 * a range arrives), whatever the object's size. */
#ifndef AKS_ENGINE_FETCH_H
#define AKS_ENGINE_FETCH_H

#include "data/age_read.h"
#include "data/codec.h"
#include "data/digest.h"
#include "engine/loop.h"
#include "engine/target.h"

#include <stdbool.h>
#include <stdint.h>

#define AKS_FETCH_RANGES 4
#define AKS_FETCH_RANGE_BYTES ((size_t)1024 * 1024)

struct aks_fetch;

/* What an object should be: words of a manifest, or of the index. Borrowed until the fetch is
 * freed. */
struct aks_fetch_object {
    const char *key;
    enum aks_codec codec;
    enum aks_encryption encryption;
    int64_t bytes;
    const char *sha256;                 /* 64 hex digits */
    int64_t stored_bytes;
    const char *stored_sha256;
};

struct aks_fetch_options {
    struct aks_loop *loop;
    struct aks_target *target;
    const struct aks_fetch_object *object;
    const struct aks_age_keys *keys;    /* what opens it, if it is encrypted; NULL: nothing.
                                         * Borrowed until the fetch is freed */
    /* Takes plain bytes, on a worker, one call at a time. NULL: nobody wants them. */
    enum aks_status (*write)(void *ctx, int64_t offset, const void *data, size_t len,
        struct aks_error *err);
    /* Told on the loop after some of it was taken; may be NULL. A failure ends the fetch. */
    enum aks_status (*moved)(void *ctx, const struct aks_fetch *fetch, struct aks_error *err);
    void *ctx;
    bool stored_only;                   /* the digest as stored is all that is wanted: nothing is
                                         * decrypted, unpacked or written */
    /* To go on where another process stopped: a boundary of the decoder, and a digest that has
     * taken the plain bytes before it (owned by the fetch from now on); the digest as stored is
     * then not known. 0, 0 and NULL: from the beginning, as of all that is encrypted. */
    int64_t from_stored;
    int64_t from_plain;
    struct aks_sha256 *sha;
    /* The object's version then; "" or NULL: any. */
    const char *etag;
    /* Counts work that was left behind when the fetch was freed, and still runs out. NULL: freeing
     * waits for it. Not with write, whose ctx may be gone by then. */
    unsigned *lingering;
};

/** Sets up; nothing happens before a later turn of the loop. ${done} is called once, from the
 * loop: AKS_OK means that sizes and digests are those of the object. AKS_CORRUPT: they are not;
 * AKS_AUTH_MISSING or AKS_AUTH_INVALID: it is encrypted, and no key opens it; AKS_CONFLICT: it was
 * replaced meanwhile; else what the target, write or moved said. */
enum aks_status aks_fetch_begin(const struct aks_fetch_options *options, aks_done *done, void *ctx,
    struct aks_fetch **ret_fetch, struct aks_error *err);
/** After done (or from inside it), or once the target was freed. Where nobody counts what lingers,
 * turns the loop until what is on a worker has come back. NULL is fine. */
void aks_fetch_free(struct aks_fetch *fetch);

/** Plain bytes so far, with those before from_plain; of stored_only bytes as stored. */
int64_t aks_fetch_bytes(const struct aks_fetch *fetch);
/** Where another process could go on: 0 and 0 until there is such a place, and always of what is
 * encrypted. */
void aks_fetch_boundary(const struct aks_fetch *fetch, int64_t *ret_stored, int64_t *ret_plain);
/** The version that is read; "" if the target tells none. */
const char *aks_fetch_etag(const struct aks_fetch *fetch);

#endif
