/* Globs over paths: pure text. In a component of a path '*' stands for any characters, also for
 * none, '?' for one, "[a-z]" for one of these and "[!a-z]" for one that is none of them; a ']' in
 * the first place is one of them. A '/' stands for itself. Characters are those of UTF-8; a byte
 * that is none is a character of its own. Nothing is escaped with '\': "[*]" is a star.
 *
 * What begins with '.' is found only where the pattern's component does so, too. */
#ifndef AKS_ENGINE_GLOB_H
#define AKS_ENGINE_GLOB_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

/* Components with wildcards in one pattern: each may mean to list a folder for each match of the
 * one before it. */
#define AKS_GLOB_WILD_MAX 8
/* Of one component: no name is longer. */
#define AKS_GLOB_COMPONENT_BYTES_MAX 255

/** Has ${text} any of "*?["? */
bool aks_glob_wild(const char *text, size_t len);
/** AKS_SETTINGS for "**", a '[' without its ']', a range that goes backwards, more than
 * AKS_GLOB_WILD_MAX components with wildcards, one that is longer than
 * AKS_GLOB_COMPONENT_BYTES_MAX, no wildcard at all, and a '/' at the end. */
enum aks_status aks_glob_check(const char *pattern, struct aks_error *err);
/** Does the component ${pattern} of ${len} bytes, which was checked, match all of ${name}? Takes
 * at most the product of their lengths in steps. */
bool aks_glob_match(const char *pattern, size_t len, const char *name);
/** The same of a whole path, component by component. */
bool aks_glob_match_path(const char *pattern, const char *path);

#endif
