/* Sources: local files to sync, what kind they are, and what they are called in a target. */
#ifndef AKS_ENGINE_SOURCE_H
#define AKS_ENGINE_SOURCE_H

#include "base/alloc.h"
#include "base/error.h"
#include "engine/settings.h"
#include "port/port.h"

#include <stdbool.h>

struct aks_source {
    char *path;                         /* absolute, links resolved where the file exists; owned */
    char *name;                         /* as in a target; unique in its set; owned */
    bool name_given;                    /* by the policy: others make way for it */
    enum aks_source_kind kind;
    struct aks_file_info info;          /* as it was inspected */
};

/** "file", "duckdb", "sqlite". */
const char *aks_source_kind_name(enum aks_source_kind kind);
/** What comes behind the path of a database of ${kind}, and behind its name in a target, where its
 * write-ahead log is meant: ".wal", "-wal"; NULL where it has none. */
const char *aks_source_wal_suffix(enum aks_source_kind kind);

/** ${written} made absolute: "~/" is the home, anything else that does not begin with '/' lies in
 * ${folder}. Owned by the caller. AKS_SETTINGS if it is empty or too long, or there is no home. */
enum aks_status aks_source_absolute(const struct aks_port *port, const char *written,
    const char *folder, char **ret_path, struct aks_error *err);

/** The name of the file at ${path}, made harmless, owned by the caller; NULL if there is no
 * memory. */
char *aks_source_harmless_name(const struct aks_alloc *alloc, const char *path);

/** Looks at the file at ${path} (absolute) and fills ${ret_source}, whose name is the file's own,
 * made harmless. Also after a failure ${ret_source} has its path and name and must be given to
 * fini. AKS_SOURCE_MISSING; AKS_SOURCE_UNREADABLE for a folder, a pipe, a loop of links, or where
 * reading is not allowed. */
enum aks_status aks_source_inspect(const struct aks_port *port, const char *path,
    struct aks_source *ret_source, struct aks_error *err);
void aks_source_fini(const struct aks_alloc *alloc, struct aks_source *source);

/** Would two sources of these names, or one and what stands beside the sources there, share a key
 * in a target, whatever codec is chosen for each? */
bool aks_source_names_collide(const char *a, const char *b);
bool aks_source_name_taken(const char *name);
/** Makes names unique: where two of ${sources} collide, or one collides with a name of ours, '-'
 * and eight hex digits of the SHA-256 of the path go before the extension of each; but a name that
 * the policy gave stays where the other one can make way. The name that a database's log has in a
 * target is the database's: another source of that name makes way. */
enum aks_status aks_source_make_names_unique(const struct aks_alloc *alloc,
    struct aks_source **sources, size_t count, struct aks_error *err);

/** "x.db" of ${path} as "x-1f2e3d4c.db", owned; NULL if there is no memory. */
char *aks_source_name_with_digest(const struct aks_alloc *alloc, const char *name,
    const char *path);

/** Same file, as far as stat can tell: device, inode, size, both times. */
bool aks_source_same(const struct aks_file_info *a, const struct aks_file_info *b);

#endif
