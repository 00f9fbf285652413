/* What is no secret and still nobody else's business: names of buckets, hosts, people and homes.
 * For what leaves this machine; after base/redact.h, which knows secrets. */
#ifndef AKS_BASE_REDACT_NAMES_H
#define AKS_BASE_REDACT_NAMES_H

#include "base/buf.h"

#include <stddef.h>

#define AKS_REDACT_NAMES_MAX 128
/* Shorter ones are in too many words. */
#define AKS_REDACT_NAMES_BYTES_MIN 3
#define AKS_REDACT_NAMES_BYTES_MAX 1024

struct aks_redact_names {
    const struct aks_alloc *alloc;
    struct aks_redact_name {
        char *text;
        size_t len;
        const char *mark;
    } names[AKS_REDACT_NAMES_MAX];
    size_t count;
};

void aks_redact_names_init(struct aks_redact_names *names, const struct aks_alloc *alloc);
void aks_redact_names_fini(struct aks_redact_names *names);
/** From now on ${mark} (static) stands for the ${len} bytes of ${text} where they are a word of
 * their own, in upper or lower case. Too short or too long a name, one that is there, and one too
 * many are left out, as is this machine itself (localhost, 127.0.0.1). */
void aks_redact_names_add(struct aks_redact_names *names, const char *text, size_t len,
    const char *mark);
/** The host in an address, without its port; nothing where ${url} is none. */
void aks_redact_names_add_host(struct aks_redact_names *names, const char *url, const char *mark);
/** Appends ${text} to ${out} without those names, and without hosts of addresses, IPv4 addresses,
 * and whose home a path is in, whether they were added or not. */
void aks_redact_names_text(const struct aks_redact_names *names, const char *text,
    struct aks_buf *out);

#endif
