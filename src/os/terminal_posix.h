/* The terminal that a person sits at, for what nobody else should see. */
#ifndef AKS_OS_TERMINAL_POSIX_H
#define AKS_OS_TERMINAL_POSIX_H

#include "base/alloc.h"
#include "base/error.h"
#include "base/secret.h"

/* Of a passphrase that is typed; terminals take no longer lines. */
#define AKS_TERMINAL_BYTES_MAX 1024

/** Writes ${prompt} to the controlling terminal and reads a line from it, which is not shown.
 * AKS_AUTH_MISSING if there is no terminal, or nothing was typed; AKS_CANCELLED for Ctrl-C. */
enum aks_status aks_terminal_posix_ask(const struct aks_alloc *alloc, const char *prompt,
    struct aks_secret **ret_secret, struct aks_error *err);
/** The same of a line that is shown, without its end; "" if nothing was typed. AKS_NOT_FOUND if
 * there is no terminal. */
enum aks_status aks_terminal_posix_line(const char *prompt, char ret_line[AKS_TERMINAL_BYTES_MAX],
    struct aks_error *err);

#endif
