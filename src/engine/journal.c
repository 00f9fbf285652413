#include "engine/journal.h"

#include "base/check.h"
#include "base/encode.h"

#include <stdio.h>
#include <string.h>

enum aks_status
aks_journal_init(struct aks_journal *journal, const struct aks_alloc *alloc,
    const struct aks_log *log, struct aks_state *state, const struct aks_journal_upload *upload,
    struct aks_error *err)
{
    memset(journal, 0, sizeof(*journal));
    journal->alloc = alloc;
    journal->log = log;
    journal->state = state;
    journal->upload = *upload;
    if (upload->id == 0)
        return AKS_OK;
    return aks_state_journal_objects(state, upload->id, &journal->objects, &journal->count, err);
}

void
aks_journal_fini(struct aks_journal *journal)
{
    for (size_t i = 0; i < journal->count; i++)
        aks_journal_object_fini(journal->alloc, &journal->objects[i]);
    if (journal->objects != NULL)
        aks_mem_free(journal->alloc, journal->objects);
    memset(journal, 0, sizeof(*journal));
}

const struct aks_journal_object *
aks_journal_object(const struct aks_journal *journal, const char *source,
    enum aks_snapshot_role role)
{
    for (size_t i = 0; i < journal->count; i++) {
        const struct aks_journal_object *object = &journal->objects[i];

        if (object->source != NULL && object->role == (int)role &&
            strcmp(object->source, source) == 0)
            return object;
    }
    return NULL;
}

bool
aks_journal_object_of(const struct aks_journal_object *object, const struct aks_snapshot *snapshot)
{
    const char *sha256 = snapshot->in_place ? "" : snapshot->files[object->role].sha256;

    if (!snapshot->files[object->role].there)
        return false;
    if (object->snapshot_sha256[0] != '\0' || sha256[0] != '\0')
        return strcmp(object->snapshot_sha256, sha256) == 0;
    /* What was so fresh that its stamps prove nothing is told by its parts. */
    return aks_source_same(&object->info, &snapshot->sources[object->role].info);
}

bool
aks_journal_elsewhere(const char *upload_id, const char *key)
{
    const char *name = strrchr(key, '/');
    size_t len = strlen(upload_id);

    if (name == NULL || (size_t)(name - key) < len)
        return true;
    return memcmp(name - len, upload_id, len) != 0;
}

static enum aks_status
fill_row(struct aks_journal_entry *entry, const struct aks_journal_shape *shape,
    struct aks_error *err)
{
    const struct aks_alloc *alloc = entry->journal->alloc;
    const struct aks_snapshot *snapshot = shape->snapshot;
    struct aks_journal_object *row = &entry->row;

    row->source = aks_mem_strdup(alloc, shape->source->path);
    row->role = (int)shape->role;
    row->key = aks_mem_strdup(alloc, shape->key);
    row->codec = aks_mem_strdup(alloc, aks_codec_name(shape->codec));
    row->level = shape->codec == AKS_CODEC_NONE ? 0 : shape->level;
    row->codec_version = aks_mem_strdup(alloc, aks_codec_version(shape->codec, shape->level));
    row->encryption = shape->encryption;
    row->part_bytes = shape->part_bytes;
    row->check = (int64_t)shape->check;
    row->snapshot = aks_mem_strdup(alloc, snapshot->in_place || snapshot->id == NULL ? ""
        : snapshot->id);
    if (!snapshot->in_place)
        (void)snprintf(row->snapshot_sha256, sizeof(row->snapshot_sha256), "%s",
            snapshot->files[shape->role].sha256);
    row->info = snapshot->sources[shape->role].info;
    row->info_racy = snapshot->racy;
    row->taken_at_ms = snapshot->taken_at_ms;
    if (row->source == NULL || row->key == NULL || row->codec == NULL ||
        row->codec_version == NULL || row->snapshot == NULL)
        return aks_error_memory(err, "beginning an object");
    return AKS_OK;
}

/* Why the object, if it was made as ${now} says, would not be the one that was begun; NULL: it
 * would. */
static const char *
other_shape(const struct aks_journal_object *before, const struct aks_journal_object *now,
    const struct aks_snapshot *snapshot)
{
    if (before->encryption != AKS_ENCRYPTION_NONE)
        return "it is encrypted, and its file key is gone";
    if (before->encryption != now->encryption)
        return "it was not encrypted then";
    if (!aks_journal_object_of(before, snapshot))
        return "the source is not what it was then";
    if (before->codec == NULL || strcmp(before->codec, now->codec) != 0 ||
        before->level != now->level)
        return "it was compressed in another way then";
    if (before->codec_version == NULL || strcmp(before->codec_version, now->codec_version) != 0)
        return "another version of the codec's library compressed it then";
    if (before->part_bytes != now->part_bytes)
        return "its parts had another size then";
    if (before->check != now->check)
        return "its parts were checked in another way then";
    if (before->key == NULL || strcmp(before->key, now->key) != 0)
        return "it had another name then";
    return NULL;
}

static enum aks_status
differs(struct aks_journal_entry *entry, const char *why, struct aks_error *err)
{
    entry->differs = true;
    return aks_error_set(err, AKS_CONFLICT, "%s cannot be gone on with in upload %s: %s",
        entry->row.source, entry->journal->upload.upload_id, why);
}

static enum aks_status
begun(void *ctx, const char *token, struct aks_error *err)
{
    struct aks_journal_entry *entry = ctx;
    const struct aks_alloc *alloc = entry->journal->alloc;
    char *copy = aks_mem_strdup(alloc, token);
    enum aks_status status;

    if (copy == NULL)
        return aks_error_memory(err, "beginning an object");
    aks_mem_free(alloc, entry->row.token);
    entry->row.token = copy;
    /* Before the first part it goes down with that, in one. */
    if (entry->row.id == 0)
        return AKS_OK;
    status = aks_state_journal_token(entry->journal->state, entry->row.id, token, err);
    entry->unknown = status != AKS_OK;
    return status;
}

/* What is not known of the answer is asked the next time. */
static void
stored(void *ctx, uint32_t number, const char *tag)
{
    struct aks_journal_entry *entry = ctx;
    struct aks_error err;

    if (entry->row.id != 0 && aks_state_journal_part_stored(entry->journal->state, entry->row.id,
            number, tag, &err) != AKS_OK)
        aks_log_write(entry->journal->log, AKS_LOG_DEBUG, "%s", err.message);
}

static enum aks_status
take_before(struct aks_journal_entry *entry, const struct aks_journal_object *before,
    struct aks_error *err)
{
    enum aks_status status;

    if (before->token == NULL)
        return AKS_OK;
    entry->row.token = aks_mem_strdup(entry->journal->alloc, before->token);
    if (entry->row.token == NULL)
        return aks_error_memory(err, "going on with an object");
    status = aks_state_journal_known(entry->journal->state, before->id, &entry->known,
        &entry->known_count, err);
    if (status != AKS_OK)
        return status;
    entry->row.id = before->id;
    entry->resume.token = entry->row.token;
    entry->resume.keep_whole = before->key != NULL &&
        aks_journal_elsewhere(entry->journal->upload.upload_id, before->key);
    entry->resume.parts = entry->known;
    entry->resume.count = entry->known_count;
    return AKS_OK;
}

enum aks_status
aks_journal_entry_begin(struct aks_journal_entry *entry, struct aks_journal *journal,
    const struct aks_journal_shape *shape, struct aks_error *err)
{
    const struct aks_journal_object *before;
    enum aks_status status;
    const char *why;

    AKS_CHECK(entry->journal == NULL);
    entry->journal = journal;
    entry->calls.begun = begun;
    entry->calls.stored = stored;
    entry->calls.ctx = entry;
    status = fill_row(entry, shape, err);
    before = aks_journal_object(journal, shape->source->path, shape->role);
    if (status == AKS_OK && before != NULL) {
        why = other_shape(before, &entry->row, shape->snapshot);
        status = why != NULL ? differs(entry, why, err) : take_before(entry, before, err);
    }
    return status;
}

void
aks_journal_entry_fini(struct aks_journal_entry *entry)
{
    if (entry->journal != NULL) {
        aks_journal_object_fini(entry->journal->alloc, &entry->row);
        aks_journal_parts_free(entry->journal->alloc, entry->known, entry->known_count);
    }
    memset(entry, 0, sizeof(*entry));
}

static const struct aks_journal_part *
known_part(const struct aks_journal_entry *entry, uint32_t number)
{
    for (size_t i = number - 1 < entry->known_count ? number - 1 : 0; i < entry->known_count; i++) {
        if (entry->known[i].number == number)
            return &entry->known[i];
    }
    return NULL;
}

enum aks_status
aks_journal_entry_sending(struct aks_journal_entry *entry, struct aks_part *const *parts,
    size_t count, struct aks_error *err)
{
    struct aks_journal *journal = entry->journal;
    struct aks_journal_part rows[AKS_PIPELINE_PARTS_MAX];
    size_t row_count = 0;
    enum aks_status status = AKS_OK;
    char why[64];

    AKS_CHECK(count > 0 && count <= AKS_PIPELINE_PARTS_MAX);
    for (size_t i = 0; i < count; i++) {
        const struct aks_part *part = parts[i];
        const struct aks_journal_part *known = known_part(entry, part->number);
        struct aks_journal_part *row = &rows[row_count];

        memset(row, 0, sizeof(*row));
        row->number = part->number;
        row->bytes = part->body.bytes;
        memcpy(row->sha256, part->sha256, sizeof(row->sha256));
        row->crc64nvme = part->crc64nvme;
        if (known == NULL) {
            row_count++;
        } else if (known->bytes != row->bytes || known->crc64nvme != row->crc64nvme ||
            memcmp(known->sha256, row->sha256, sizeof(row->sha256)) != 0) {
            (void)snprintf(why, sizeof(why), "part %u comes out different",
                (unsigned)part->number);
            return differs(entry, why, err);
        }
    }
    if (entry->row.id == 0)
        status = aks_state_journal_begin(journal->state, &journal->upload, &entry->row, rows,
            row_count, err);
    else if (row_count > 0)
        status = aks_state_journal_parts(journal->state, entry->row.id, rows, row_count, err);
    if (status == AKS_OK)
        entry->written = parts[count - 1]->number;
    return status;
}

void
aks_journal_entry_stored(struct aks_journal_entry *entry, const struct aks_pipeline_result *result)
{
    struct aks_journal_object *row = &entry->row;
    struct aks_error err;

    if (row->id == 0)
        return;
    row->stored = true;
    row->bytes = result->plain_bytes;
    aks_hex_encode(result->plain_sha256, AKS_SHA256_BYTES, row->sha256);
    row->stored_bytes = result->stored_bytes;
    aks_hex_encode(result->stored_sha256, AKS_SHA256_BYTES, row->stored_sha256);
    row->parts = result->parts;
    if (aks_state_journal_stored(entry->journal->state, row, &err) != AKS_OK)
        aks_log_write(entry->journal->log, AKS_LOG_DEBUG, "%s", err.message);
}

void
aks_journal_entry_dropped(struct aks_journal_entry *entry, bool clean)
{
    struct aks_journal *journal = entry->journal;
    struct aks_error err;
    enum aks_status status;

    if (entry->row.id == 0)
        return;
    status = clean ? aks_state_journal_forget_object(journal->state, entry->row.id, &err)
        : aks_state_journal_leave(journal->state, entry->row.id, &err);
    if (status != AKS_OK) {
        aks_log_write(journal->log, AKS_LOG_WARNING, "%s", err.message);
        journal->holds_left = journal->holds_left || !clean;
    }
    /* The next try begins without it. */
    for (size_t i = 0; i < journal->count; i++) {
        if (journal->objects[i].id == entry->row.id) {
            aks_mem_free(journal->alloc, journal->objects[i].source);
            journal->objects[i].source = NULL;
        }
    }
    entry->row.id = 0;
}
