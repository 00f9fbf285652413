/* What the files of the laws share: laws.c (what a report promises, what is left over),
 * laws_mirror.c (what it promises of copies), laws_manifest.c (what readers see), laws_audit.c (the
 * audit log) and laws_writer.c (databases that are written meanwhile). */
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
bool aks_laws_is_manifest(const char *key);
/** One committed state: what ${manifest} holds of each database that a writer of the world has. */
enum aks_status aks_laws_writer_manifest(struct aks_world *world,
    const struct aks_world_target *target, const struct aks_manifest *manifest,
    struct aks_error *err);
/** Which state of ${source} a manifest of ${target} that names ${key} holds; 0: none does, or
 * nobody writes it. */
uint64_t aks_laws_writer_held(struct aks_world *world, const struct aks_world_target *target,
    const char *source, const char *key);
/** The same of every manifest in every target. */
enum aks_status aks_laws_manifests(struct aks_world *world, struct aks_error *err);
/** Nothing lost, of a mirror: the copies of ${file}, an entry of a report, are there, and as many
 * as its outcome needs. AKS_OK where its route is no mirror. */
enum aks_status aks_laws_mirror(struct aks_world *world, const struct json_t *file,
    struct aks_error *err);
/** One chain, which the heads in all targets fit. */
enum aks_status aks_laws_audit(struct aks_world *world, struct aks_error *err);
/** Does a manifest of ${target} name an object of this key and plain digest? */
bool aks_laws_manifest_names(struct aks_world *world, const struct aks_world_target *target,
    const char *key, const char *sha256);

#endif
