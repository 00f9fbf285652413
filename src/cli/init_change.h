/* Files that are about to be written or taken away: all of them known before the first is touched,
 * so that they can be shown. */
#ifndef AKS_CLI_INIT_CHANGE_H
#define AKS_CLI_INIT_CHANGE_H

#include "base/alloc.h"
#include "base/buf.h"
#include "base/error.h"
#include "os/replace_posix.h"
#include "port/files.h"
#include "port/port.h"

#include <stdbool.h>

/* What init.json may hold, and that itself. */
#define AKS_INIT_CHANGES_MAX 64
#define AKS_INIT_CHANGE_BYTES_MAX ((size_t)1024 * 1024)

enum aks_init_action {
    AKS_INIT_KEPT,                      /* there is another one, which stays */
    AKS_INIT_UNCHANGED,                 /* it is that already */
    AKS_INIT_WRITTEN,
    AKS_INIT_REMOVED,
    AKS_INIT_ABSENT                     /* there is none to take away */
};

struct aks_init_change {
    const char *what;                   /* "policy", "hook", "unit", "record" */
    char *path;
    enum aks_init_action action;
    bool backup;                        /* what was there is kept beside it */
    bool hidden;                        /* nothing for people */
    bool last;                          /* done after all others */
    bool left;                          /* it is KEPT as it could not be looked at */
    struct aks_replace_posix seen;
    char *after;                        /* of WRITTEN */
    size_t after_len;
};

struct aks_init_changes {
    const struct aks_alloc *alloc;
    struct aks_init_change list[AKS_INIT_CHANGES_MAX];
    size_t count;
};

void aks_init_change_init(struct aks_init_changes *changes, const struct aks_alloc *alloc);
void aks_init_change_fini(struct aks_init_changes *changes);
/** Reads ${path} and makes a change of it that does nothing yet; AKS_SETTINGS where it cannot be
 * changed. ${path} is copied. */
enum aks_status aks_init_change_open(struct aks_init_changes *changes, const char *what,
    const char *path, struct aks_init_change **ret_change, struct aks_error *err);
/** It is to be ${text}, which is copied; UNCHANGED where it is. */
enum aks_status aks_init_change_write(struct aks_init_changes *changes,
    struct aks_init_change *change, const char *text, size_t len, struct aks_error *err);
/** Will any be written or taken away that people are told of? */
bool aks_init_change_any(const struct aks_init_changes *changes);
/** "written" and so on. */
const char *aks_init_change_name(enum aks_init_action action);
/** Appends what it would change; nothing where it changes nothing. */
void aks_init_change_diff(const struct aks_init_change *change, struct aks_buf *out);
/** Makes the folders of ${path} that are missing. */
enum aks_status aks_init_change_folders(const struct aks_files *files, const char *path,
    struct aks_error *err);
/** Does the policy ${text} pass `check` beside ${path}, where it is tried under another name?
 * AKS_SETTINGS says what is wrong with it. The folder has to be there. */
enum aks_status aks_init_change_check(const struct aks_port *port, const char *path,
    const char *text, size_t len, struct aks_error *err);
/** Where apply keeps what is at ${path}: "<path>.<stamp>.bak". Owned; NULL without memory. */
char *aks_init_change_kept(const struct aks_alloc *alloc, const char *path, const char *stamp);
/** Does all of it, in order; missing folders are made. */
enum aks_status aks_init_change_apply(const struct aks_init_changes *changes,
    const struct aks_files *files, const char *stamp, struct aks_error *err);

#endif
