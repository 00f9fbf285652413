/* Values that nobody may see: passwords, tokens, keys. A secret is owned by whoever made it and is
 * moved by its pointer, as there is no way to copy one. It has no text form: only a function that
 * sends it asks for its bytes, by a name that can be searched for (aks_secret_reveal).
 *
 * Its bytes lie in pages of their own, which are kept out of swap and of core dumps as far as this
 * process may, are zeros in a process that is forked off, and are overwritten before they are given
 * back. As long as it lives its value is looked for in everything that leaves (base/redact.h). */
#ifndef AKS_BASE_SECRET_H
#define AKS_BASE_SECRET_H

#include "base/alloc.h"

#include <stdbool.h>
#include <stddef.h>

#define AKS_SECRET_SHOWN_BYTES 16

struct aks_secret;

/** The ${len} bytes of ${data}, behind ${prefix} (a public text such as "Bearer ", or ""). Data
 * with NULs in it is a row of texts, of which those that are NAME=VALUE have a value to be looked
 * for. ${data} stays the caller's to wipe. NULL without memory. */
struct aks_secret *aks_secret_new(const struct aks_alloc *alloc, const char *prefix,
    const void *data, size_t len);
/** Overwrites it first. NULL is fine. */
void aks_secret_free(struct aks_secret *secret);
/** The bytes with a NUL behind them, as long as ${secret} lives: to be sent and put nowhere. */
const char *aks_secret_reveal(const struct aks_secret *secret);
/** Without the NUL. */
size_t aks_secret_len(const struct aks_secret *secret);
/** The same bytes? Takes as long whatever they are; two lengths may be told apart. NULL equals NULL
 * alone. */
bool aks_secret_equal(const struct aks_secret *a, const struct aks_secret *b);

/** Does ${text}, somebody else's words, repeat it (without its prefix)? So much of it counts as
 * AKS_SECRET_SHOWN_BYTES, as a text may be cut. */
bool aks_secret_shows(const struct aks_secret *secret, const char *text);

/* An allocator whose blocks are overwritten before they are given back: for buffers that secrets
 * pass through on their way. */
struct aks_secret_wipe {
    struct aks_alloc alloc;             /* hand this out; it points into the struct */
    const struct aks_alloc *inner;
};

/** Takes memory from ${inner}, which is borrowed. ${wipe} must stay where it is. */
void aks_secret_wipe_init(struct aks_secret_wipe *wipe, const struct aks_alloc *inner);

#endif
