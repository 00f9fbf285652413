#include "engine/source.h"

#include "base/check.h"
#include "base/encode.h"
#include "data/digest.h"
#include "data/duckdb_file.h"
#include "wire/manifest.h"

#include <stdio.h>
#include <string.h>

#define KIND_BYTES 16                   /* enough of a file to know its kind */

const char *
aks_source_kind_name(enum aks_source_kind kind)
{
    static const char *const names[] = { "file", "duckdb", "sqlite" };

    AKS_CHECK((unsigned)kind < sizeof(names) / sizeof(names[0]));
    return names[kind];
}

const char *
aks_source_wal_suffix(enum aks_source_kind kind)
{
    return aks_manifest_wal_suffix(aks_source_kind_name(kind));
}

static bool
harmless(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
        c == '_' || c == '-';
}

/* The file's own name with everything outside [A-Za-z0-9._-] turned to '-', and every dot behind a
 * dot: readers refuse names with "..". */
char *
aks_source_harmless_name(const struct aks_alloc *alloc, const char *path)
{
    const char *slash = strrchr(path, '/');
    char *name = aks_mem_strdup(alloc, slash != NULL ? slash + 1 : path);
    size_t len;

    if (name == NULL)
        return NULL;
    len = strlen(name);
    if (len > AKS_SOURCE_NAME_BYTES) {
        memmove(name, name + len - AKS_SOURCE_NAME_BYTES, AKS_SOURCE_NAME_BYTES + 1);
        len = AKS_SOURCE_NAME_BYTES;
    }
    for (size_t i = 0; i < len; i++) {
        if (!harmless(name[i]) || (i > 0 && name[i] == '.' && name[i - 1] == '.'))
            name[i] = '-';
    }
    /* The ending of a codec begins with a dot too. */
    if (len > 0 && name[len - 1] == '.')
        name[len - 1] = '-';
    return name;
}

static enum aks_source_kind
kind_of(const uint8_t *head, size_t len)
{
    if (aks_duckdb_file_is(head, len))
        return AKS_SOURCE_DUCKDB;
    if (len >= 16 && memcmp(head, "SQLite format 3", 16) == 0)
        return AKS_SOURCE_SQLITE;
    return AKS_SOURCE_FILE;
}

/* What a files failure means for a source. */
static enum aks_status
source_error(struct aks_error *err, enum aks_status status, const char *path)
{
    char why[AKS_ERROR_MESSAGE_BYTES];

    (void)snprintf(why, sizeof(why), "%s", err->message);
    if (status == AKS_NOT_FOUND)
        return aks_error_set(err, AKS_SOURCE_MISSING, "source %s: no such file", path);
    return aks_error_set(err, AKS_SOURCE_UNREADABLE, "source %s: %s", path, why);
}

static enum aks_status
inspect_open(const struct aks_port *port, struct aks_source *source, struct aks_error *err)
{
    const struct aks_files *files = &port->files;
    struct aks_file *file = NULL;
    uint8_t head[KIND_BYTES];
    size_t len = 0;
    enum aks_status status;

    status = files->stat(files->ctx, source->path, true, &source->info, err);
    if (status != AKS_OK)
        return source_error(err, status, source->path);
    if (source->info.type == AKS_FILE_FOLDER) {
        (void)aks_error_set(err, AKS_SOURCE_UNREADABLE, "source %s: is a folder", source->path);
        aks_error_hint(err, "name the files in it");
        return AKS_SOURCE_UNREADABLE;
    }
    if (source->info.type != AKS_FILE_REGULAR)
        return aks_error_set(err, AKS_SOURCE_UNREADABLE, "source %s: is no regular file",
            source->path);
    status = files->open(files->ctx, source->path, AKS_FILE_READ, &file, err);
    if (status != AKS_OK)
        return source_error(err, status, source->path);
    status = files->info(file, &source->info, err);
    if (status == AKS_OK && source->info.bytes > 0)
        status = files->read(file, 0, head, sizeof(head), &len, err);
    files->close(file);
    if (status != AKS_OK)
        return source_error(err, AKS_SOURCE_UNREADABLE, source->path);
    source->kind = kind_of(head, len);
    return AKS_OK;
}

enum aks_status
aks_source_inspect(const struct aks_port *port, const char *path, struct aks_source *ret_source,
    struct aks_error *err)
{
    const struct aks_files *files = &port->files;
    enum aks_status status;
    struct aks_error own;

    memset(ret_source, 0, sizeof(*ret_source));
    if (err == NULL)
        err = &own;
    status = files->resolve(files->ctx, path, port->alloc, &ret_source->path, err);
    if (status != AKS_OK) {
        (void)source_error(err, status, path);
        ret_source->path = aks_mem_strdup(port->alloc, path);
    }
    if (ret_source->path != NULL)
        ret_source->name = aks_source_harmless_name(port->alloc, path);
    if (ret_source->name == NULL)
        return aks_error_memory(err, "inspecting a source");
    if (status != AKS_OK)
        return err->status;
    return inspect_open(port, ret_source, err);
}

void
aks_source_fini(const struct aks_alloc *alloc, struct aks_source *source)
{
    aks_mem_free(alloc, source->path);
    aks_mem_free(alloc, source->name);
    memset(source, 0, sizeof(*source));
}

char *
aks_source_name_with_digest(const struct aks_alloc *alloc, const char *name, const char *path)
{
    uint8_t digest[AKS_SHA256_BYTES];
    char hex[9];
    const char *dot = strrchr(name, '.');
    size_t stem = dot != NULL && dot != name ? (size_t)(dot - name) : strlen(name);

    aks_sha256(path, strlen(path), digest);
    aks_hex_encode(digest, 4, hex);
    return aks_mem_printf(alloc, "%.*s-%s%s", (int)stem, name, hex, name + stem);
}

/* How much of ${name} is left without the endings that codec and encryption give: "x.db" that is
 * compressed and "x.db.zst" that is sent as it is would share a key. */
static size_t
stem_len(const char *name)
{
    static const char *const endings[] = { ".gz", ".zst", ".age" };
    size_t len = strlen(name);

    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
        size_t ending = strlen(endings[i]);

        if (len <= ending || memcmp(name + len - ending, endings[i], ending) != 0)
            continue;
        len -= ending;
        i = (size_t)-1;         /* again: there may be several, in any order */
    }
    return len;
}

bool
aks_source_names_collide(const char *a, const char *b)
{
    size_t len = stem_len(a);

    return len == stem_len(b) && memcmp(a, b, len) == 0;
}

/* These stand beside the sources' objects. */
bool
aks_source_name_taken(const char *name)
{
    return aks_source_names_collide(name, "manifest.json") ||
        aks_source_names_collide(name, "memories.json");
}

/* Is ${name} that of the log of ${database} in a target, whatever codec is chosen for each? */
static bool
is_log_of(const char *name, const struct aks_source *database)
{
    const char *suffix = aks_source_wal_suffix(database->kind);
    size_t len = strlen(database->name);
    size_t suffix_len = suffix != NULL ? strlen(suffix) : 0;

    return suffix != NULL && strncmp(name, database->name, len) == 0 &&
        strncmp(name + len, suffix, suffix_len) == 0 && stem_len(name) <= len + suffix_len;
}

static void
collide(struct aks_source *const *sources, size_t a, size_t b, bool *collides)
{
    bool given_a = sources[a]->name_given;
    bool given_b = sources[b]->name_given;
    bool same = aks_source_names_collide(sources[a]->name, sources[b]->name);
    bool a_is_log = is_log_of(sources[a]->name, sources[b]);
    bool b_is_log = is_log_of(sources[b]->name, sources[a]);

    if (same || a_is_log)
        collides[a] = collides[a] || !given_a || given_b;
    if (same || b_is_log)
        collides[b] = collides[b] || !given_b || given_a;
    /* The log of one that the policy has not named makes way with it for a name that it gave. */
    if (a_is_log && given_a)
        collides[b] = collides[b] || !given_b;
    if (b_is_log && given_b)
        collides[a] = collides[a] || !given_a;
}

enum aks_status
aks_source_make_names_unique(const struct aks_alloc *alloc, struct aks_source **sources,
    size_t count, struct aks_error *err)
{
    bool *collides = aks_mem_array(alloc, count, sizeof(*collides));
    enum aks_status status = AKS_OK;

    if (collides == NULL)
        return aks_error_memory(err, "naming sources");
    for (size_t i = 0; i < count; i++) {
        if (aks_source_name_taken(sources[i]->name))
            collides[i] = true;
        for (size_t j = i + 1; j < count; j++)
            collide(sources, i, j, collides);
    }
    for (size_t i = 0; i < count && status == AKS_OK; i++) {
        char *name;

        if (!collides[i])
            continue;
        name = aks_source_name_with_digest(alloc, sources[i]->name, sources[i]->path);
        if (name == NULL) {
            status = aks_error_memory(err, "naming sources");
            continue;
        }
        aks_mem_free(alloc, sources[i]->name);
        sources[i]->name = name;
    }
    aks_mem_free(alloc, collides);
    return status;
}

bool
aks_source_same(const struct aks_file_info *a, const struct aks_file_info *b)
{
    return a->device == b->device && a->inode == b->inode && a->bytes == b->bytes &&
        a->mtime_ns == b->mtime_ns && a->ctime_ns == b->ctime_ns;
}
