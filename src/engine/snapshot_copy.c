/* Bytes out of the person's files into ours, and nothing the other way. */
#include "engine/snapshot_internal.h"

#include "base/check.h"
#include "base/encode.h"
#include "base/units.h"

#include <stdio.h>
#include <string.h>

static const char *const role_names[AKS_SNAPSHOT_ROLES] = { "main", "wal" };

bool
aks_snapshot_stopped(const struct aks_snapshot_take *take)
{
    return take->options->stopped != NULL && take->options->stopped(take->options->ctx);
}

static enum aks_status
cancelled(struct aks_error *err)
{
    return aks_error_set(err, AKS_CANCELLED, "the snapshot is not wanted any more");
}

enum aks_status
aks_snapshot_busy(const struct aks_snapshot_take *take, struct aks_error *err, const char *why)
{
    (void)aks_error_set(err, AKS_SOURCE_BUSY, "source %s: %s", take->snapshot->source, why);
    aks_error_hint(err, "it is kept in the queue; the next run takes it up");
    return AKS_SOURCE_BUSY;
}

static enum aks_status
changed(const struct aks_snapshot_take *take, struct aks_error *err, const char *why)
{
    return aks_error_set(err, AKS_SOURCE_CHANGED, "source %s: %s", take->snapshot->source, why);
}

/* --- the source's files ----------------------------------------------------------------------- */

/* The path of a source has no links in it: what it leads to now is what was inspected, or somebody
 * has put a link in its way. */
static enum aks_status
check_way(struct aks_snapshot_take *take, const struct aks_file_info *info, struct aks_error *err)
{
    const struct aks_files *files = take->files;
    const char *path = take->snapshot->source;
    struct aks_file_info named;
    char *resolved = NULL;
    bool straight;

    if (files->resolve(files->ctx, path, take->snapshot->alloc, &resolved, NULL) != AKS_OK)
        return changed(take, err, "was replaced while it was opened");
    straight = strcmp(resolved, path) == 0;
    aks_mem_free(take->snapshot->alloc, resolved);
    if (!straight)
        return changed(take, err, "was replaced by a link after it was looked at");
    if (files->stat(files->ctx, path, false, &named, NULL) != AKS_OK ||
        named.device != info->device || named.inode != info->inode)
        return changed(take, err, "was replaced while it was opened");
    return AKS_OK;
}

enum aks_status
aks_snapshot_source(struct aks_snapshot_take *take, struct aks_snapshot_open *ret_open,
    struct aks_error *err)
{
    const struct aks_files *files = take->files;
    const char *path = take->snapshot->source;
    struct aks_snapshot_open opened = { .file = NULL };
    enum aks_status status = files->open(files->ctx, path, AKS_FILE_READ, &opened.file, err);

    ret_open->file = NULL;
    if (status == AKS_NOT_FOUND)
        return aks_error_set(err, AKS_SOURCE_MISSING, "source %s: no such file", path);
    if (status != AKS_OK)
        return aks_error_set(err, AKS_SOURCE_UNREADABLE, "source %s: cannot be opened for reading",
            path);
    status = files->info(opened.file, &opened.info, err);
    if (status == AKS_OK && opened.info.type != AKS_FILE_REGULAR)
        status = aks_error_set(err, AKS_SOURCE_UNREADABLE, "source %s: is no regular file any more",
            path);
    if (status == AKS_OK)
        status = check_way(take, &opened.info, err);
    if (status != AKS_OK) {
        files->close(opened.file);
        return status;
    }
    *ret_open = opened;
    return AKS_OK;
}

bool
aks_snapshot_source_same(const struct aks_snapshot_take *take,
    const struct aks_snapshot_open *opened)
{
    const struct aks_files *files = take->files;
    struct aks_file_info now;
    struct aks_file_info named;

    return files->info(opened->file, &now, NULL) == AKS_OK &&
        files->stat(files->ctx, take->snapshot->source, false, &named, NULL) == AKS_OK &&
        aks_source_same(&now, &opened->info) && aks_source_same(&named, &opened->info);
}

enum aks_status
aks_snapshot_companion(const struct aks_files *files, const char *path, bool *ret_there,
    struct aks_file_info *ret_info, struct aks_error *err)
{
    struct aks_error why;
    enum aks_status status = files->stat(files->ctx, path, false, ret_info, &why);

    *ret_there = false;
    if (status == AKS_NOT_FOUND)
        return AKS_OK;
    if (status != AKS_OK)
        return aks_error_set(err, AKS_SOURCE_UNREADABLE, "%s", why.message);
    if (ret_info->type != AKS_FILE_REGULAR)
        return aks_error_set(err, AKS_SOURCE_UNREADABLE,
            "%s: belongs to a source, and is no regular file", path);
    *ret_there = ret_info->bytes > 0;
    return AKS_OK;
}

char *
aks_snapshot_wal_path(const struct aks_alloc *alloc, enum aks_source_kind kind, const char *source)
{
    AKS_CHECK(kind != AKS_SOURCE_FILE);
    return aks_mem_printf(alloc, "%s%s", source, kind == AKS_SOURCE_DUCKDB ? ".wal" : "-wal");
}

void
aks_snapshot_note(struct aks_snapshot_take *take, const struct aks_file_info *main, bool wal_there,
    const struct aks_file_info *wal)
{
    const struct aks_clock *clock = &take->options->port->clock;
    struct aks_snapshot *snapshot = take->snapshot;
    int64_t youngest_ns = main->mtime_ns;

    snapshot->taken_at_ms = clock->wall_ms(clock->ctx);
    snapshot->sources[AKS_SNAPSHOT_MAIN].there = true;
    snapshot->sources[AKS_SNAPSHOT_MAIN].info = *main;
    memset(&snapshot->sources[AKS_SNAPSHOT_WAL], 0, sizeof(snapshot->sources[AKS_SNAPSHOT_WAL]));
    if (wal_there) {
        snapshot->sources[AKS_SNAPSHOT_WAL].there = true;
        snapshot->sources[AKS_SNAPSHOT_WAL].info = *wal;
        if (wal->mtime_ns > youngest_ns)
            youngest_ns = wal->mtime_ns;
    }
    snapshot->racy = snapshot->taken_at_ms - youngest_ns / AKS_NS_PER_MS < AKS_VIEW_RACY_MS;
}

/* --- copying ---------------------------------------------------------------------------------- */

void
aks_snapshot_drop(struct aks_snapshot_take *take, enum aks_snapshot_role role)
{
    struct aks_snapshot *snapshot = take->snapshot;

    if (snapshot->files[role].path != NULL && !snapshot->in_place)
        (void)take->files->unlink(take->files->ctx, snapshot->files[role].path, NULL);
    aks_mem_free(snapshot->alloc, snapshot->files[role].path);
    memset(&snapshot->files[role], 0, sizeof(snapshot->files[role]));
}

static enum aks_status
no_room(const struct aks_snapshot_take *take, int64_t bytes, struct aks_error *err)
{
    (void)aks_error_set(err, AKS_NO_SPACE, "source %s: no room for a copy of %lld bytes in %s",
        take->snapshot->source, (long long)bytes, take->folder);
    aks_error_hint(err, "free some space there; --state DIR names another place");
    return AKS_NO_SPACE;
}

static enum aks_status
copy_bytes(struct aks_snapshot_take *take, struct aks_file *from, struct aks_file *to,
    int64_t bytes, int64_t *ret_bytes, struct aks_error *err)
{
    const struct aks_files *files = take->files;
    enum aks_status status;
    int64_t offset = 0;

    while (offset < bytes) {
        size_t len = AKS_SNAPSHOT_BUFFER_BYTES;
        size_t got = 0;

        if (aks_snapshot_stopped(take))
            return cancelled(err);
        if ((int64_t)len > bytes - offset)
            len = (size_t)(bytes - offset);
        if (files->read(from, offset, take->buffer, len, &got, NULL) != AKS_OK)
            return aks_error_set(err, AKS_SOURCE_UNREADABLE,
                "source %s: reading failed at byte %lld", take->snapshot->source,
                (long long)offset);
        if (got == 0)
            break;              /* it has become shorter: whoever accepts the copy looks at that */
        status = files->write(to, offset, take->buffer, got, err);
        if (status != AKS_OK)
            return status == AKS_NO_SPACE ? no_room(take, bytes, err) : aks_error_set(err,
                AKS_STATE, "source %s: cannot write a copy in %s", take->snapshot->source,
                take->folder);
        offset += (int64_t)got;
    }
    *ret_bytes = offset;
    return AKS_OK;
}

/* A reflink shows the file as it is at one moment, and takes no room. */
static enum aks_status
fill(struct aks_snapshot_take *take, struct aks_file *from, struct aks_file *to, int64_t bytes,
    int64_t *ret_bytes, struct aks_error *err)
{
    const struct aks_files *files = take->files;
    struct aks_file_info info;
    int64_t room;

    take->cloned = files->clone(from, to);
    if (take->cloned) {
        enum aks_status status = files->info(to, &info, err);

        *ret_bytes = info.bytes;
        return status;
    }
    if (files->free_bytes(files->ctx, take->folder, &room, NULL) == AKS_OK &&
        room < bytes + AKS_SNAPSHOT_MARGIN_BYTES)
        return no_room(take, bytes, err);
    return copy_bytes(take, from, to, bytes, ret_bytes, err);
}

enum aks_status
aks_snapshot_copy(struct aks_snapshot_take *take, struct aks_file *from,
    enum aks_snapshot_role role, int64_t bytes, struct aks_error *err)
{
    const struct aks_files *files = take->files;
    struct aks_snapshot *snapshot = take->snapshot;
    struct aks_file *to = NULL;
    int64_t copied = 0;
    enum aks_status status;

    AKS_CHECK(take->folder != NULL);
    aks_snapshot_drop(take, role);
    snapshot->files[role].path = aks_mem_printf(snapshot->alloc, "%s/%s", take->folder,
        role_names[role]);
    if (snapshot->files[role].path == NULL)
        return aks_error_memory(err, "copying a source");
    status = files->open(files->ctx, snapshot->files[role].path, AKS_FILE_CREATE, &to, err);
    if (status == AKS_NO_SPACE)
        return no_room(take, bytes, err);
    if (status != AKS_OK)
        return aks_error_set(err, AKS_STATE, "source %s: cannot write a copy in %s",
            snapshot->source, take->folder);
    status = fill(take, from, to, bytes, &copied, err);
    files->close(to);
    if (status != AKS_OK)
        return status;
    snapshot->files[role].there = true;
    snapshot->files[role].bytes = copied;
    return AKS_OK;
}

/* --- digests ---------------------------------------------------------------------------------- */

enum aks_status
aks_snapshot_digest_of(const struct aks_port *port, struct aks_file *file, int64_t bytes,
    uint8_t *buffer, char ret_hex[AKS_SHA256_HEX_BYTES], struct aks_error *err)
{
    const struct aks_files *files = &port->files;
    struct aks_sha256 *sha = aks_sha256_new(port->alloc);
    uint8_t digest[AKS_SHA256_BYTES];
    enum aks_status status = AKS_OK;
    int64_t offset = 0;

    if (sha == NULL)
        return aks_error_memory(err, "reading a snapshot");
    while (offset < bytes && status == AKS_OK) {
        size_t len = AKS_SNAPSHOT_BUFFER_BYTES;
        size_t got = 0;

        if ((int64_t)len > bytes - offset)
            len = (size_t)(bytes - offset);
        status = files->read(file, offset, buffer, len, &got, err);
        if (status == AKS_OK && got == 0)
            status = aks_error_set(err, AKS_CORRUPT, "a snapshot has become shorter");
        if (status == AKS_OK)
            aks_sha256_update(sha, buffer, got);
        offset += (int64_t)got;
    }
    aks_sha256_final(sha, digest);
    aks_sha256_free(sha);
    aks_hex_encode(digest, sizeof(digest), ret_hex);
    return status;
}

/* After the copy, not within it: the moment that a writer must leave alone is shorter so, and a try
 * that is thrown away has cost no digest. */
enum aks_status
aks_snapshot_digest(struct aks_snapshot_take *take, struct aks_error *err)
{
    const struct aks_files *files = take->files;
    struct aks_snapshot *snapshot = take->snapshot;
    enum aks_status status = AKS_OK;

    for (size_t role = 0; role < AKS_SNAPSHOT_ROLES && status == AKS_OK; role++) {
        struct aks_file *file = NULL;

        if (!snapshot->files[role].there)
            continue;
        status = files->open(files->ctx, snapshot->files[role].path, AKS_FILE_READ, &file, err);
        if (status == AKS_OK)
            status = aks_snapshot_digest_of(take->options->port, file,
                snapshot->files[role].bytes, take->buffer, snapshot->files[role].sha256, err);
        files->close(file);
    }
    if (status != AKS_OK && status != AKS_LIMIT)
        status = aks_error_set(err, AKS_STATE, "source %s: its copy in %s cannot be read",
            snapshot->source, take->folder);
    return status;
}

/* --- tries ------------------------------------------------------------------------------------ */

bool
aks_snapshot_again(struct aks_snapshot_take *take, enum aks_status *status, struct aks_error *err)
{
    const struct aks_clock *clock = &take->options->port->clock;
    int64_t left_ms = take->options->wait_ms -
        (clock->now_ns(clock->ctx) - take->started_ns) / AKS_NS_PER_MS;
    int64_t pause_ms = AKS_SNAPSHOT_PAUSE_FIRST_MS;

    if (*status != AKS_SOURCE_BUSY && *status != AKS_SOURCE_CHANGED)
        return false;
    if (aks_snapshot_stopped(take)) {
        *status = cancelled(err);
        return false;
    }
    if (left_ms <= 0 || ++take->tries >= AKS_SNAPSHOT_TRIES_MAX)
        return false;
    for (unsigned i = 1; i < take->tries && pause_ms < AKS_SNAPSHOT_PAUSE_MAX_MS; i++)
        pause_ms *= 2;
    if (pause_ms > AKS_SNAPSHOT_PAUSE_MAX_MS)
        pause_ms = AKS_SNAPSHOT_PAUSE_MAX_MS;
    clock->pause_ms(clock->ctx, pause_ms < left_ms ? pause_ms : left_ms);
    take->waited_ns = clock->now_ns(clock->ctx) - take->started_ns;
    return true;
}

/* Stamps of this very tick of the file system's clock would not tell another write from the last
 * one. */
bool
aks_snapshot_settled(const struct aks_snapshot_take *take, const struct aks_file_info *info)
{
    const struct aks_clock *clock = &take->options->port->clock;
    int64_t stamp_ns = info->mtime_ns > info->ctime_ns ? info->mtime_ns : info->ctime_ns;
    int64_t age_ms = clock->wall_ms(clock->ctx) - stamp_ns / AKS_NS_PER_MS;

    /* A stamp far from this clock is another machine's, or a person's: it says nothing of now. */
    return age_ms >= AKS_VIEW_TICK_MS || age_ms < -AKS_VIEW_TICK_MS;
}

/* --- in place --------------------------------------------------------------------------------- */

enum aks_status
aks_snapshot_in_place(struct aks_snapshot_take *take, const struct aks_snapshot_open *main,
    bool wal_there, const struct aks_file_info *wal, struct aks_error *err)
{
    struct aks_snapshot *snapshot = take->snapshot;

    for (size_t role = 0; role < AKS_SNAPSHOT_ROLES; role++)
        aks_snapshot_drop(take, (enum aks_snapshot_role)role);
    snapshot->in_place = true;
    snapshot->method = "identity";
    aks_snapshot_note(take, &main->info, wal_there, wal);
    snapshot->files[AKS_SNAPSHOT_MAIN].path = aks_mem_strdup(snapshot->alloc, snapshot->source);
    if (snapshot->files[AKS_SNAPSHOT_MAIN].path == NULL)
        return aks_error_memory(err, "taking a snapshot");
    snapshot->files[AKS_SNAPSHOT_MAIN].there = true;
    snapshot->files[AKS_SNAPSHOT_MAIN].bytes = main->info.bytes;
    if (!wal_there)
        return AKS_OK;
    snapshot->files[AKS_SNAPSHOT_WAL].path = aks_snapshot_wal_path(snapshot->alloc, snapshot->kind,
        snapshot->source);
    if (snapshot->files[AKS_SNAPSHOT_WAL].path == NULL)
        return aks_error_memory(err, "taking a snapshot");
    snapshot->files[AKS_SNAPSHOT_WAL].there = true;
    snapshot->files[AKS_SNAPSHOT_WAL].bytes = wal->bytes;
    return AKS_OK;
}
