/* The hook's entry in an agent's settings (Claude Code's settings.json): added and taken away as
 * text, so that all that others wrote stays as it is, byte for byte. Foreign bytes. */
#ifndef AKS_CLI_INIT_HOOK_H
#define AKS_CLI_INIT_HOOK_H

#include "base/buf.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

#define AKS_INIT_HOOK_BYTES_MAX ((size_t)1024 * 1024)
#define AKS_INIT_HOOK_BLANK_BYTES 64

/* What of it was not there before: all of them, from here on. */
enum aks_init_hook_level {
    AKS_INIT_HOOK_NONE,                 /* the hook was there; nothing was added, */
    AKS_INIT_HOOK_MOVED,                /* or only its path changed */
    AKS_INIT_HOOK_FILE,                 /* there was no file, or nothing in it */
    AKS_INIT_HOOK_HOOKS,                /* "hooks" */
    AKS_INIT_HOOK_EVENT,                /* "SessionEnd" in it */
    AKS_INIT_HOOK_GROUP                 /* one more element of that */
};

struct aks_init_hook_added {
    enum aks_init_hook_level level;
    char blank[AKS_INIT_HOOK_BLANK_BYTES];  /* what stood in the brackets that were empty */
};

/** Appends to ${out} the settings ${text} with ${command} called at a session's end. AKS_SETTINGS,
 * in words for a person, where that cannot be done without changing something else: no JSON, with
 * comments, names that come twice, another shape. */
enum aks_status aks_init_hook_add(const char *text, size_t len, const char *command,
    struct aks_buf *out, struct aks_init_hook_added *ret_added, struct aks_error *err);
/** Appends the settings without any hook of ours. What ${added} says was made for it goes too, if
 * nobody has put anything else there; NULL: nothing more is known, and empty brackets stay. Nothing
 * at all is appended where the file would be as it was made. *ret_removed: so many. */
enum aks_status aks_init_hook_remove(const char *text, size_t len,
    const struct aks_init_hook_added *added, struct aks_buf *out, size_t *ret_removed,
    struct aks_error *err);
/** Does this command call our hook, wherever the program lies? */
bool aks_init_hook_is_ours(const char *command);

#endif
