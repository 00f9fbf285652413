#include "engine/target_drive.h"

#include "base/units.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Far more than any test takes: a done that never comes fails the test instead of hanging it. */
#define WAIT_MS_MAX (100 * AKS_MS_PER_S)
#define SETTLE_MS 30
/* Of the largest object here, with room to see one that has become too long. */
#define OBJECT_BYTES_MAX(at) ((size_t)(8 * (at)->part_bytes) + 4096)

/* Driving */

void
target_drive_done(void *ctx, const struct aks_outcome *outcome)
{
    struct target_call *call = ctx;

    assert_false(call->drive->inside);
    assert_int_equal(call->calls, 0);
    call->calls++;
    call->outcome = *outcome;
    if (outcome->status == AKS_OK)
        return;
    assert_int_equal(outcome->error.status, outcome->status);
    assert_true(outcome->error.message[0] != '\0');
}

static void
fire_flag(void *ctx)
{
    bool *flag = ctx;

    *flag = true;
}

static void
turn(const struct target_drive *drive)
{
    struct aks_error err;

    if (aks_loop_turn(drive->at->options->loop, &err) != AKS_OK)
        fail_msg("the loop failed: %s", err.message);
}

void
target_drive_begin(struct target_drive *drive, const struct target_case *at)
{
    struct aks_error err;

    memset(drive, 0, sizeof(*drive));
    drive->at = at;
    if (at->class->create(at->options, &drive->target, &err) != AKS_OK)
        fail_msg("create: %s", err.message);
    assert_ptr_equal(drive->target->class, at->class);
    assert_ptr_equal(drive->target->settings, at->options->settings);
}

void
target_drive_settle(const struct target_drive *drive)
{
    struct aks_timer timer = { 0 };
    const unsigned *lingering = drive->at->options->lingering;
    bool settled = false;

    assert_int_equal(aks_loop_set(drive->at->options->loop, &timer, SETTLE_MS, fire_flag, &settled,
        NULL), AKS_OK);
    /* Work that was left takes the time it takes. */
    while (!settled || (lingering != NULL && *lingering > 0))
        turn(drive);
}

/* At most ${count} turns; the timer is for the case that there is nothing to wait for any more. */
void
target_drive_turn(const struct target_drive *drive, int count)
{
    struct aks_timer timer = { 0 };
    bool settled = false;

    assert_int_equal(aks_loop_set(drive->at->options->loop, &timer, SETTLE_MS, fire_flag, &settled,
        NULL), AKS_OK);
    for (int i = 0; i < count && !settled; i++)
        turn(drive);
    aks_loop_clear(drive->at->options->loop, &timer);
}

void
target_drive_end(struct target_drive *drive)
{
    drive->at->class->free(drive->target);
    drive->target = NULL;
    target_drive_settle(drive);
}

enum aks_status
target_drive_wait(struct target_call *call)
{
    struct aks_loop *loop = call->drive->at->options->loop;
    struct aks_timer timer = { 0 };
    bool late = false;

    assert_int_equal(aks_loop_set(loop, &timer, WAIT_MS_MAX, fire_flag, &late, NULL), AKS_OK);
    while (call->calls == 0 && !late)
        turn(call->drive);
    aks_loop_clear(loop, &timer);
    assert_int_equal(call->calls, 1);
    return call->outcome.status;
}

enum aks_status
target_drive_outcome(struct target_call *call, struct aks_outcome *ret_outcome)
{
    enum aks_status status = target_drive_wait(call);

    if (ret_outcome != NULL)
        *ret_outcome = call->outcome;
    return status;
}

enum aks_status
target_drive_available(struct target_drive *drive, struct aks_outcome *ret_outcome)
{
    struct target_call call = { .drive = drive };

    drive->inside = true;
    drive->at->class->available(drive->target, target_drive_done, &call);
    drive->inside = false;
    return target_drive_outcome(&call, ret_outcome);
}

enum aks_status
target_drive_put(struct target_drive *drive, const char *key, const char *text, bool create_only,
    struct aks_outcome *ret_outcome)
{
    struct target_call call = { .drive = drive };

    drive->inside = true;
    drive->at->class->put(drive->target, key, "text/plain", text, strlen(text), create_only,
        target_drive_done, &call);
    drive->inside = false;
    return target_drive_outcome(&call, ret_outcome);
}

enum aks_status
target_drive_get(struct target_drive *drive, const char *key, struct aks_buf *ret_data,
    struct aks_outcome *ret_outcome)
{
    struct target_call call = { .drive = drive };

    aks_buf_reset(ret_data);
    drive->inside = true;
    drive->at->class->get(drive->target, key, ret_data, target_drive_done, &call);
    drive->inside = false;
    return target_drive_outcome(&call, ret_outcome);
}

/* What is uploaded */

unsigned char
target_drive_byte(int64_t offset)
{
    uint64_t mixed = ((uint64_t)offset / 8 + 1) * UINT64_C(0x9e3779b97f4a7c15);

    return (unsigned char)(mixed >> (offset % 8 * 8));
}

/* In pieces of all sizes. */
static enum aks_status
read_seeded(void *ctx, int64_t offset, void *data, size_t len, size_t *ret_len,
    struct aks_error *err)
{
    const struct target_seeded *seeded = ctx;
    unsigned char *bytes = data;

    assert_true(offset >= 0 && offset < seeded->bytes && len > 0);
    if ((int64_t)len > seeded->bytes - offset)
        len = (size_t)(seeded->bytes - offset);
    if (len > 1)
        len -= (size_t)(offset % 3) % len;
    for (size_t i = 0; i < len; i++)
        bytes[i] = target_drive_byte(seeded->offset + offset + (int64_t)i);
    *ret_len = len;
    return AKS_OK;
}

static enum aks_status
read_buffer(void *ctx, int64_t offset, void *data, size_t len, size_t *ret_len,
    struct aks_error *err)
{
    const struct target_buffer *buffer = ctx;

    assert_true(offset >= 0 && offset < buffer->bytes && len > 0);
    if ((int64_t)len > buffer->bytes - offset)
        len = (size_t)(buffer->bytes - offset);
    memcpy(data, buffer->data + offset, len);
    *ret_len = len;
    return AKS_OK;
}

static void
digest_part(struct target_upload *upload, struct aks_part *part)
{
    const struct aks_target_class *class = upload->drive->at->class;
    enum aks_part_check check = class->part_check(upload->drive->target);
    unsigned char *data = malloc((size_t)part->body.bytes + 1);

    assert_non_null(data);
    for (int64_t i = 0; i < part->body.bytes; i++)
        data[i] = target_drive_byte(part->offset + i);
    if (check == AKS_PART_SHA256)
        aks_sha256(data, (size_t)part->body.bytes, part->sha256);
    if (check == AKS_PART_CRC64NVME)
        part->crc64nvme = aks_crc64nvme(0, data, (size_t)part->body.bytes);
    if (!upload->in_memory) {
        free(data);
        return;
    }
    upload->buffers[part->number - 1].data = data;
    upload->buffers[part->number - 1].bytes = part->body.bytes;
}

static void
make_part(struct target_upload *upload, uint32_t i)
{
    int64_t part_bytes = upload->drive->at->part_bytes;
    struct aks_part *part = &upload->parts[i];

    part->number = i + 1;
    part->last = i + 1 == upload->count;
    part->offset = (int64_t)i * part_bytes;
    part->body.bytes = part->last ? upload->bytes - part->offset : part_bytes;
    part->in_memory = upload->in_memory;
    upload->seeded[i].offset = part->offset;
    upload->seeded[i].bytes = part->body.bytes;
    digest_part(upload, part);
    part->body.read = upload->in_memory ? read_buffer : read_seeded;
    part->body.ctx = upload->in_memory ? (void *)&upload->buffers[i] : (void *)&upload->seeded[i];
}

enum aks_status
target_upload_begin(struct target_upload *upload, struct target_drive *drive, const char *key,
    int64_t bytes, bool in_memory, struct aks_error *err)
{
    int64_t part_bytes = drive->at->part_bytes;
    struct aks_object_spec spec = { 0 };
    enum aks_status status;

    memset(upload, 0, sizeof(*upload));
    upload->drive = drive;
    upload->bytes = bytes;
    upload->in_memory = in_memory;
    upload->count = bytes > 0 ? (uint32_t)((bytes + part_bytes - 1) / part_bytes) : 1;
    upload->whole.bytes = bytes;
    spec.key = key;
    spec.content_type = "application/octet-stream";
    spec.source = "seeded";
    spec.bytes = in_memory ? -1 : bytes;
    spec.part_bytes = part_bytes;
    status = drive->at->class->open(drive->target, &spec, &upload->object, err);
    if (status != AKS_OK)
        return status;
    assert_ptr_equal(upload->object->class, drive->at->class);
    upload->parts = calloc(upload->count, sizeof(*upload->parts));
    upload->seeded = calloc(upload->count, sizeof(*upload->seeded));
    upload->buffers = calloc(upload->count, sizeof(*upload->buffers));
    upload->calls = calloc(upload->count, sizeof(*upload->calls));
    assert_true(upload->parts != NULL && upload->seeded != NULL && upload->buffers != NULL &&
        upload->calls != NULL);
    for (uint32_t i = 0; i < upload->count; i++)
        make_part(upload, i);
    return AKS_OK;
}

void
target_upload_open(struct target_upload *upload, struct target_drive *drive, const char *key,
    int64_t bytes, bool in_memory)
{
    struct aks_error err;

    if (target_upload_begin(upload, drive, key, bytes, in_memory, &err) != AKS_OK)
        fail_msg("open: %s", err.message);
}

/* The object first; what was borrowed goes at once: the sanitizer sees whoever still reads it. */
void
target_upload_end(struct target_upload *upload)
{
    if (upload->object != NULL)
        upload->drive->at->class->object_free(upload->object);
    for (uint32_t i = 0; upload->buffers != NULL && i < upload->count; i++)
        free(upload->buffers[i].data);
    free(upload->buffers);
    free(upload->seeded);
    free(upload->parts);
    free(upload->calls);
    memset(upload, 0, sizeof(*upload));
}

void
target_upload_send(struct target_upload *upload, uint32_t i, aks_done *done)
{
    upload->calls[i].drive = upload->drive;
    upload->drive->inside = true;
    upload->drive->at->class->send(upload->object, &upload->parts[i], done, &upload->calls[i]);
    upload->drive->inside = false;
}

enum aks_status
target_upload_finish(struct target_upload *upload, struct aks_outcome *ret_outcome)
{
    struct target_call call = { .drive = upload->drive };
    struct aks_object_digest digest = { 0 };
    unsigned char *data = malloc((size_t)upload->bytes + 1);

    assert_non_null(data);
    for (int64_t i = 0; i < upload->bytes; i++)
        data[i] = target_drive_byte(i);
    aks_sha256(data, (size_t)upload->bytes, digest.sha256);
    free(data);
    digest.bytes = upload->bytes;
    digest.whole = (struct aks_body) { -1, NULL, NULL };
    if (!upload->in_memory)
        digest.whole = (struct aks_body) { upload->bytes, read_seeded, &upload->whole };
    upload->drive->inside = true;
    upload->drive->at->class->finish(upload->object, &digest, target_drive_done, &call);
    upload->drive->inside = false;
    return target_drive_outcome(&call, ret_outcome);
}

enum aks_status
target_upload_abort(struct target_upload *upload)
{
    struct target_call call = { .drive = upload->drive };

    upload->drive->inside = true;
    upload->drive->at->class->abort(upload->object, target_drive_done, &call);
    upload->drive->inside = false;
    return target_drive_wait(&call);
}

enum aks_status
target_drive_upload(struct target_drive *drive, const char *key, int64_t bytes, bool in_memory,
    struct aks_outcome *ret_outcome)
{
    enum aks_status status = AKS_OK;
    struct target_upload upload;
    struct aks_error err;

    status = target_upload_begin(&upload, drive, key, bytes, in_memory, &err);
    if (status != AKS_OK) {
        if (ret_outcome != NULL)
            aks_outcome_failed(ret_outcome, &err);
        return status;
    }
    for (uint32_t i = 0; i < upload.count && status == AKS_OK; i++) {
        target_upload_send(&upload, i, target_drive_done);
        status = target_drive_outcome(&upload.calls[i], ret_outcome);
    }
    if (status == AKS_OK)
        status = target_upload_finish(&upload, ret_outcome);
    target_upload_end(&upload);
    return status;
}

enum aks_status
target_drive_read(struct target_drive *drive, const char *key, struct aks_buf *ret_data)
{
    struct aks_error err;
    enum aks_status status;

    aks_buf_init(ret_data, aks_alloc_system(), OBJECT_BYTES_MAX(drive->at));
    status = drive->at->read(drive->at->ctx, key, ret_data, &err);
    if (status != AKS_OK && status != AKS_NOT_FOUND)
        fail_msg("reading %s: %s", key, err.message);
    return status;
}

void
target_drive_check(struct target_drive *drive, const char *key, int64_t bytes)
{
    struct aks_buf data;
    int64_t wrong = 0;

    assert_int_equal(target_drive_read(drive, key, &data), AKS_OK);
    assert_int_equal(data.len, bytes);
    while (wrong < bytes && (unsigned char)data.data[wrong] == target_drive_byte(wrong))
        wrong++;
    assert_int_equal(wrong, bytes);
    aks_buf_fini(&data);
}
