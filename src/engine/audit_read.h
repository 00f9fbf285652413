/* A log read from its oldest file to its end, as it is at one moment: nothing is locked, made or
 * changed, and others may append meanwhile. */
#ifndef AKS_ENGINE_AUDIT_READ_H
#define AKS_ENGINE_AUDIT_READ_H

#include "engine/audit.h"

#include <stdatomic.h>
#include <stdbool.h>

/* One line; ${text} is borrowed, and NULL for one that is longer than a record may be. Ends the
 * reading with another status than AKS_OK. */
typedef enum aks_status aks_audit_read_line(void *ctx, const char *file, int64_t number,
    const char *text, size_t len, bool ended, struct aks_error *err);

struct aks_audit_read {
    const struct aks_port *port;
    const char *folder;                 /* of the state */
    aks_audit_read_line *line;
    void *ctx;
    const atomic_int *interrupted;      /* NULL, or: not 0 ends it with AKS_CANCELLED */
    int64_t files;                      /* that were read */
    int64_t bytes;
};

/** A log that is not there has no lines. AKS_STATE where a file cannot be read; AKS_CONFLICT where
 * files went away meanwhile. */
enum aks_status aks_audit_read(struct aks_audit_read *read, struct aks_error *err);

#endif
