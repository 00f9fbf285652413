/* What the files of the laws share: laws.c (what a report promises, what is left over),
 * laws_mirror.c (what it promises of copies) and laws_manifest.c (what readers see). */
#ifndef AKS_TESTKIT_LAWS_INTERNAL_H
#define AKS_TESTKIT_LAWS_INTERNAL_H

#include "testkit/laws.h"
#include "testkit/world_internal.h"
#include "wire/manifest.h"

struct json_t;

#define AKS_LAWS_PLAIN_BYTES_MAX ((size_t)256 * 1024 * 1024)

/** For what checking takes: a world that is short of memory breaks no law by it. */
const struct aks_alloc *aks_laws_alloc(void);
/** AKS_INTERNAL with "<law>: ..." in ${err}. */
enum aks_status aks_laws_broken(struct aks_error *err, const char *law, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/** Nothing half-seen: this manifest, and everything that it names. */
enum aks_status aks_laws_manifest(struct aks_world *world, const struct aks_world_target *target,
    const char *key, const void *data, size_t len, struct aks_error *err);
/** The same of every manifest in every target. */
enum aks_status aks_laws_manifests(struct aks_world *world, struct aks_error *err);
/** Nothing lost, of a mirror: the copies of ${file}, an entry of a report, are there, and as many
 * as its outcome needs. AKS_OK where its route is no mirror. */
enum aks_status aks_laws_mirror(struct aks_world *world, const struct json_t *file,
    struct aks_error *err);
/** Does a manifest of ${target} name an object of this key and plain digest? */
bool aks_laws_manifest_names(struct aks_world *world, const struct aks_world_target *target,
    const char *key, const char *sha256);

#endif
