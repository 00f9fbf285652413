/* The program is two. People start the front one, which is linked to next to nothing and does by
 * itself what has to be quick; for all else, and as the worker, the full one takes its place. */
#ifndef AKS_OS_PROGRAM_H
#define AKS_OS_PROGRAM_H

#include "base/error.h"

#include <limits.h>
#include <stdbool.h>

/** Where the full program lies that belongs to the front one that is running. AKS_SETTINGS. */
enum aks_status aks_program_full(char ret_path[PATH_MAX], struct aks_error *err);
/** Where it lies that belongs to the shared library that this code is part of. AKS_SETTINGS. */
enum aks_status aks_program_of_library(char ret_path[PATH_MAX], struct aks_error *err);
/** The full program takes this one's place, with ${argv} as it is. Returns only if it cannot:
 * AKS_SETTINGS. */
enum aks_status aks_program_become_full(char *const *argv, struct aks_error *err);
/** Does this process have rights that its caller has not (setuid, setgid, file capabilities)? What
 * a caller may say (a policy, a folder, an environment) is not made for that. */
bool aks_program_has_more_rights(void);

#endif
