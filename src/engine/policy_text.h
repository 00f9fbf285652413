/* A policy as bytes: its file, the modules beside it, and the variables that it may read. All of
 * it is what a job carries, so that work that is owed runs under the policy that it was given. */
#ifndef AKS_ENGINE_POLICY_TEXT_H
#define AKS_ENGINE_POLICY_TEXT_H

#include "base/alloc.h"
#include "base/error.h"
#include "engine/policy.h"
#include "port/port.h"

#include <stdbool.h>
#include <stddef.h>

#define AKS_POLICY_VARIABLES_MAX 256
#define AKS_POLICY_VARIABLE_BYTES_MAX (32 * 1024)   /* name, '=' and value */

/** Reads the policy at ${path} (absolute, or relative to the working folder) and the *.lua files
 * beside it, in order of their names. A file beside it that cannot be read, is no regular file,
 * or whose name is hidden or too long for a module is left out: requiring it will fail. After a
 * failure ${ret} is empty. Failures: AKS_POLICY; AKS_LIMIT if the modules are over the bounds of
 * policy.h, or there is no memory. */
enum aks_status aks_policy_text_read(const struct aks_port *port, const char *path,
    struct aks_policy_text *ret, struct aks_error *err);
/** A deep copy, owned by the caller. After a failure (AKS_LIMIT) ${ret} is empty. */
enum aks_status aks_policy_text_copy(const struct aks_alloc *alloc,
    const struct aks_policy_text *text, struct aks_policy_text *ret, struct aks_error *err);
/** Frees what it holds and leaves it empty. */
void aks_policy_text_fini(const struct aks_alloc *alloc, struct aks_policy_text *text);

/** The variables of this process that a policy may read, sorted by name: AKOSHA_*,
 * SESSION_BUDDY_AKOSHA_*, XDG_*, HOME, USER, HOSTNAME, TZ, LANG, and those named in ${allow};
 * never one whose name looks like a secret's. AKS_SETTINGS if ${allow} names such a one, one that a
 * secret of secrets.json is kept in, or something that is no name (and what reading secrets.json
 * says, where ${allow} names any); AKS_LIMIT over the bounds above. */
enum aks_status aks_policy_environment_collect(const struct aks_port *port,
    const char *const *allow,
    size_t allow_count, struct aks_policy_environment *ret, struct aks_error *err);
enum aks_status aks_policy_environment_copy(const struct aks_alloc *alloc,
    const struct aks_policy_environment *environment, struct aks_policy_environment *ret,
    struct aks_error *err);
void aks_policy_environment_fini(const struct aks_alloc *alloc,
    struct aks_policy_environment *environment);
/** Borrowed; NULL if there is none of that name. */
const char *aks_policy_environment_get(const struct aks_policy_environment *environment,
    const char *name);
/** May every policy read the variable of that name, whatever --allow-env says? */
bool aks_policy_environment_open(const char *name, size_t len);
/** Does a name of ${len} bytes look like a secret's (SECRET, TOKEN, PASS, KEY, CREDENTIAL in it,
 * of either case)? */
bool aks_policy_environment_secret(const char *name, size_t len);

#endif
