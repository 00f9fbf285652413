/* A policy that is written for a person, by `init` out of what they answer and by `migrate` out of
 * the settings they had. */
#ifndef AKS_CLI_INIT_DRAFT_H
#define AKS_CLI_INIT_DRAFT_H

#include "base/buf.h"

#include <stddef.h>

#define AKS_INIT_DRAFT_SOURCES_MAX 64
#define AKS_INIT_DRAFT_BYTES_MAX ((size_t)256 * 1024)

/* Borrowed. NULL and 0 mean: not said, which is what the engine does by itself. */
struct aks_init_draft {
    const char *title;                  /* the comment that it begins with; several lines */
    const char *sources[AKS_INIT_DRAFT_SOURCES_MAX];
    size_t source_count;                /* 0: the two that session-buddy keeps */
    const char *bucket;
    const char *endpoint;
    const char *region;
    const char *prefix;
    const char *credentials;
    const char *mcp;                    /* Akosha's address */
    const char *http;
    const char *dir;
    const char *route;                  /* the only target, or all */
    const char *system_id;
    const char *compress;
    const char *dedup;
    int part_mib;
    int tries;
    double first_s;                     /* with tries: the first wait, which doubles */
};

/** Appends the policy. Whatever a text holds, it is a text in the policy. */
void aks_init_draft_write(const struct aks_init_draft *draft, struct aks_buf *out);

#endif
