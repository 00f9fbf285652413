#include "engine/target_conformance.h"

#include "base/units.h"
#include "support/failing_alloc.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_BYTES 512
/* Far more than any test takes: a done that never comes fails the test instead of hanging it. */
#define WAIT_MS_MAX (100 * AKS_MS_PER_S)
#define SETTLE_MS 30
#define PARTS_AT_ONCE_MAX 16
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
never_done(void *ctx, const struct aks_outcome *outcome)
{
    fail_msg("done was called after it was cancelled: %s", outcome->error.message);
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
    bool settled = false;

    assert_int_equal(aks_loop_set(drive->at->options->loop, &timer, SETTLE_MS, fire_flag, &settled,
        NULL), AKS_OK);
    while (!settled)
        turn(drive);
}

/* At most ${count} turns; the timer is for the case that there is nothing to wait for any more. */
static void
turn_some(const struct target_drive *drive, int count)
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

static enum aks_status
wait_for(struct target_call *call, struct aks_outcome *ret_outcome)
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
    return wait_for(&call, ret_outcome);
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
    return wait_for(&call, ret_outcome);
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
    return wait_for(&call, ret_outcome);
}

/* What is uploaded */

unsigned char
target_drive_byte(int64_t offset)
{
    uint64_t mixed = ((uint64_t)offset / 8 + 1) * UINT64_C(0x9e3779b97f4a7c15);

    return (unsigned char)(mixed >> (offset % 8 * 8));
}

/* Reads of a range of it, in pieces of all sizes. */
struct seeded {
    int64_t offset;
    int64_t bytes;
};

static enum aks_status
read_seeded(void *ctx, int64_t offset, void *data, size_t len, size_t *ret_len,
    struct aks_error *err)
{
    const struct seeded *seeded = ctx;
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

struct buffer {
    unsigned char *data;
    int64_t bytes;
};

static enum aks_status
read_buffer(void *ctx, int64_t offset, void *data, size_t len, size_t *ret_len,
    struct aks_error *err)
{
    const struct buffer *buffer = ctx;

    assert_true(offset >= 0 && offset < buffer->bytes && len > 0);
    if ((int64_t)len > buffer->bytes - offset)
        len = (size_t)(buffer->bytes - offset);
    memcpy(data, buffer->data + offset, len);
    *ret_len = len;
    return AKS_OK;
}

/* An object that is being sent. */
struct upload {
    struct target_drive *drive;
    struct aks_target_object *object;
    int64_t bytes;
    bool in_memory;
    uint32_t count;                 /* of parts */
    struct aks_part *parts;
    struct seeded *seeded;
    struct buffer *buffers;
    struct target_call *calls;
    struct seeded whole;
};

static void
digest_part(struct upload *upload, struct aks_part *part)
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
make_part(struct upload *upload, uint32_t i)
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

static enum aks_status
upload_begin(struct upload *upload, struct target_drive *drive, const char *key, int64_t bytes,
    bool in_memory, struct aks_error *err)
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

static void
upload_open(struct upload *upload, struct target_drive *drive, const char *key, int64_t bytes,
    bool in_memory)
{
    struct aks_error err;

    if (upload_begin(upload, drive, key, bytes, in_memory, &err) != AKS_OK)
        fail_msg("open: %s", err.message);
}

/* The object first; what was borrowed goes at once: the sanitizer sees whoever still reads it. */
static void
upload_end(struct upload *upload)
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

static void
upload_send(struct upload *upload, uint32_t i, aks_done *done)
{
    upload->calls[i].drive = upload->drive;
    upload->drive->inside = true;
    upload->drive->at->class->send(upload->object, &upload->parts[i], done, &upload->calls[i]);
    upload->drive->inside = false;
}

static enum aks_status
upload_finish(struct upload *upload, struct aks_outcome *ret_outcome)
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
    return wait_for(&call, ret_outcome);
}

static enum aks_status
upload_abort(struct upload *upload)
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
    struct upload upload;
    struct aks_error err;

    status = upload_begin(&upload, drive, key, bytes, in_memory, &err);
    if (status != AKS_OK) {
        if (ret_outcome != NULL)
            aks_outcome_failed(ret_outcome, &err);
        return status;
    }
    for (uint32_t i = 0; i < upload.count && status == AKS_OK; i++) {
        upload_send(&upload, i, target_drive_done);
        status = wait_for(&upload.calls[i], ret_outcome);
    }
    if (status == AKS_OK)
        status = upload_finish(&upload, ret_outcome);
    upload_end(&upload);
    return status;
}

static enum aks_status
read_back(struct target_drive *drive, const char *key, struct aks_buf *ret_data)
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

    assert_int_equal(read_back(drive, key, &data), AKS_OK);
    assert_int_equal(data.len, bytes);
    while (wrong < bytes && (unsigned char)data.data[wrong] == target_drive_byte(wrong))
        wrong++;
    assert_int_equal(wrong, bytes);
    aks_buf_fini(&data);
}

static void
check_text(struct target_drive *drive, const char *key, const char *text)
{
    struct aks_buf data;

    assert_int_equal(read_back(drive, key, &data), AKS_OK);
    assert_string_equal(data.data, text);
    assert_int_equal(data.len, strlen(text));
    aks_buf_fini(&data);
}

static void
check_absent(struct target_drive *drive, const char *key)
{
    struct aks_buf data;

    assert_int_equal(read_back(drive, key, &data), AKS_NOT_FOUND);
    aks_buf_fini(&data);
}

static const char *
key_of(const struct target_case *at, const char *name, char key[KEY_BYTES])
{
    int len = snprintf(key, KEY_BYTES, "%s%s", at->folder, name);

    assert_true(len > 0 && len < KEY_BYTES);
    return key;
}

static void
require_ok(enum aks_status status, const struct aks_outcome *outcome)
{
    if (status != AKS_OK)
        fail_msg("%s: %s", aks_status_name(status), outcome->error.message);
}

/* Objects */

static void
every_size(const struct target_case *at, bool in_memory)
{
    const int64_t sizes[] = { 0, 1, at->part_bytes - 1, at->part_bytes, at->part_bytes + 1,
        3 * at->part_bytes };
    struct target_drive drive;
    struct aks_outcome outcome;

    target_drive_begin(&drive, at);
    require_ok(target_drive_available(&drive, &outcome), &outcome);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        char name[64];
        char key[KEY_BYTES];

        (void)snprintf(name, sizeof(name), "object-%zu", i);
        key_of(at, name, key);
        require_ok(target_drive_upload(&drive, key, sizes[i], in_memory, &outcome), &outcome);
        target_drive_check(&drive, key, sizes[i]);
    }
    target_drive_end(&drive);
}

void
target_takes_objects_of_every_size(void **state)
{
    every_size(*state, false);
}

void
target_takes_buffers_of_every_size(void **state)
{
    every_size(*state, true);
}

/* As many as the target allows, the last first. */
void
target_takes_parts_in_any_order_and_several_at_once(void **state)
{
    const struct target_case *at = *state;
    struct target_drive drive;
    struct aks_outcome outcome;
    struct upload upload;
    uint32_t sent;
    char key[KEY_BYTES];
    unsigned at_once;

    target_drive_begin(&drive, at);
    require_ok(target_drive_available(&drive, &outcome), &outcome);
    at_once = at->class->parts_in_flight(drive.target);
    assert_in_range(at_once, 1, PARTS_AT_ONCE_MAX);
    upload_open(&upload, &drive, key_of(at, "backwards", key), 5 * at->part_bytes + 7, true);
    sent = upload.count;
    while (sent > 0) {
        uint32_t first = sent > at_once ? sent - at_once : 0;

        for (uint32_t i = sent; i > first; i--)
            upload_send(&upload, i - 1, target_drive_done);
        for (uint32_t i = sent; i > first; i--)
            require_ok(target_drive_wait(&upload.calls[i - 1]), &upload.calls[i - 1].outcome);
        sent = first;
        at_once = at->class->parts_in_flight(drive.target);
    }
    require_ok(upload_finish(&upload, &outcome), &outcome);
    upload_end(&upload);
    target_drive_check(&drive, key, 5 * at->part_bytes + 7);
    target_drive_end(&drive);
}

void
target_shows_an_object_only_when_it_is_finished(void **state)
{
    const struct target_case *at = *state;
    struct target_drive drive;
    struct aks_outcome outcome;
    struct upload upload;
    char key[KEY_BYTES];

    target_drive_begin(&drive, at);
    require_ok(target_drive_available(&drive, &outcome), &outcome);
    upload_open(&upload, &drive, key_of(at, "later", key), at->part_bytes + 1, true);
    check_absent(&drive, key);
    for (uint32_t i = 0; i < upload.count; i++) {
        upload_send(&upload, i, target_drive_done);
        require_ok(target_drive_wait(&upload.calls[i]), &upload.calls[i].outcome);
        check_absent(&drive, key);
    }
    require_ok(upload_finish(&upload, &outcome), &outcome);
    target_drive_check(&drive, key, at->part_bytes + 1);
    upload_end(&upload);
    target_drive_check(&drive, key, at->part_bytes + 1);
    target_drive_end(&drive);
}

/* Names found by list */

struct listed {
    char text[1024];
    unsigned count;
    enum aks_status stop;           /* what each answers */
};

static enum aks_status
list_each(void *ctx, const char *name, bool is_folder, int64_t bytes, struct aks_error *err)
{
    struct listed *listed = ctx;
    size_t len = strlen(listed->text);

    if (is_folder)
        (void)snprintf(listed->text + len, sizeof(listed->text) - len, "%s/ ", name);
    else
        (void)snprintf(listed->text + len, sizeof(listed->text) - len, "%s=%lld ", name,
            (long long)bytes);
    listed->count++;
    if (listed->stop != AKS_OK)
        return aks_error_set(err, listed->stop, "seen enough");
    return AKS_OK;
}

static enum aks_status
list(struct target_drive *drive, const char *folder, struct listed *listed,
    struct aks_outcome *ret_outcome)
{
    struct target_call call = { .drive = drive };

    listed->text[0] = '\0';
    listed->count = 0;
    drive->inside = true;
    drive->at->class->list(drive->target, folder, list_each, listed, target_drive_done, &call);
    drive->inside = false;
    return wait_for(&call, ret_outcome);
}

static void
check_nothing_listed(struct target_drive *drive)
{
    struct listed listed = { .stop = AKS_OK };
    struct aks_outcome outcome;

    if (!drive->at->class->can_list)
        return;
    require_ok(list(drive, drive->at->folder, &listed, &outcome), &outcome);
    assert_string_equal(listed.text, "");
}

void
target_leaves_nothing_visible_after_an_abort(void **state)
{
    const struct target_case *at = *state;
    struct target_drive drive;
    struct aks_outcome outcome;
    char key[KEY_BYTES];

    target_drive_begin(&drive, at);
    require_ok(target_drive_available(&drive, &outcome), &outcome);
    /* Before anything is sent; after one part; with one under way. */
    for (int stage = 0; stage < 3; stage++) {
        struct upload upload;

        upload_open(&upload, &drive, key_of(at, "aborted", key), 2 * at->part_bytes, true);
        if (stage >= 1) {
            upload_send(&upload, 0, target_drive_done);
            require_ok(target_drive_wait(&upload.calls[0]), &upload.calls[0].outcome);
        }
        if (stage == 2) {
            upload_send(&upload, 1, never_done);
            turn_some(&drive, 1);
        }
        assert_int_equal(upload_abort(&upload), AKS_OK);
        upload_end(&upload);
        check_absent(&drive, key);
        check_nothing_listed(&drive);
    }
    target_drive_end(&drive);
}

void
target_calls_nothing_after_an_object_is_freed(void **state)
{
    const struct target_case *at = *state;
    struct target_drive drive;
    struct aks_outcome outcome;
    char key[KEY_BYTES];

    target_drive_begin(&drive, at);
    require_ok(target_drive_available(&drive, &outcome), &outcome);
    for (int turns = 0; turns < 4; turns++) {
        struct upload upload;
        unsigned at_once = at->class->parts_in_flight(drive.target);

        upload_open(&upload, &drive, key_of(at, "freed", key), 3 * at->part_bytes, true);
        for (uint32_t i = 0; i < upload.count && i < at_once; i++)
            upload_send(&upload, i, turns < 2 ? never_done : target_drive_done);
        turn_some(&drive, turns);
        upload_end(&upload);
        target_drive_settle(&drive);
        check_absent(&drive, key);
    }
    target_drive_end(&drive);
}

void
target_calls_nothing_after_it_is_freed(void **state)
{
    const struct target_case *at = *state;
    char *data = strdup("some bytes");
    struct target_drive drive;
    struct aks_buf buf;
    char key[KEY_BYTES];
    char *owned;

    assert_non_null(data);
    owned = strdup(key_of(at, "small", key));
    assert_non_null(owned);
    for (int turns = 0; turns < 2; turns++) {
        aks_buf_init(&buf, aks_alloc_system(), 100);
        target_drive_begin(&drive, at);
        at->class->available(drive.target, never_done, NULL);
        at->class->get(drive.target, owned, &buf, never_done, NULL);
        at->class->put(drive.target, owned, "text/plain", data, strlen(data), false, never_done,
            NULL);
        turn_some(&drive, turns);
        at->class->free(drive.target);
        drive.target = NULL;
        aks_buf_fini(&buf);
        target_drive_settle(&drive);
    }
    free(owned);
    free(data);
    at->class->free(NULL);
}

/* Small objects */

void
target_puts_and_gets_small_objects(void **state)
{
    const struct target_case *at = *state;
    struct target_drive drive;
    struct aks_outcome outcome;
    struct aks_buf data;
    char key[KEY_BYTES];

    target_drive_begin(&drive, at);
    require_ok(target_drive_available(&drive, &outcome), &outcome);
    aks_buf_init(&data, aks_alloc_system(), 20);
    key_of(at, "manifest.json", key);
    require_ok(target_drive_put(&drive, key, "twenty bytes exactly", false, &outcome), &outcome);
    check_text(&drive, key, "twenty bytes exactly");
    require_ok(target_drive_get(&drive, key, &data, &outcome), &outcome);
    assert_string_equal(data.data, "twenty bytes exactly");
    /* Replaced; and nothing of the last answer stays. */
    require_ok(target_drive_put(&drive, key, "other", false, &outcome), &outcome);
    check_text(&drive, key, "other");
    require_ok(target_drive_get(&drive, key, &data, &outcome), &outcome);
    assert_string_equal(data.data, "other");
    require_ok(target_drive_put(&drive, key, "", false, &outcome), &outcome);
    require_ok(target_drive_get(&drive, key, &data, &outcome), &outcome);
    assert_int_equal(data.len, 0);
    require_ok(target_drive_put(&drive, key, "twenty-one bytes here", false, &outcome), &outcome);
    assert_int_equal(target_drive_get(&drive, key, &data, &outcome), AKS_TOO_LARGE);
    aks_buf_fini(&data);
    target_drive_end(&drive);
}

void
target_does_not_replace_what_is_only_to_be_created(void **state)
{
    const struct target_case *at = *state;
    struct target_drive drive;
    struct aks_outcome outcome;
    char key[KEY_BYTES];

    target_drive_begin(&drive, at);
    require_ok(target_drive_available(&drive, &outcome), &outcome);
    key_of(at, "manifest.json", key);
    require_ok(target_drive_put(&drive, key, "first", true, &outcome), &outcome);
    check_text(&drive, key, "first");
    if (at->create_only_holds) {
        assert_int_equal(target_drive_put(&drive, key, "second", true, &outcome), AKS_CONFLICT);
        assert_int_not_equal(outcome.verdict, AKS_NO_OPINION);
        assert_int_not_equal(outcome.verdict, AKS_WAIT);
        check_text(&drive, key, "first");
    }
    require_ok(target_drive_put(&drive, key, "third", false, &outcome), &outcome);
    check_text(&drive, key, "third");
    target_drive_end(&drive);
}

void
target_says_not_found_of_what_is_absent(void **state)
{
    const struct target_case *at = *state;
    struct target_drive drive;
    struct aks_outcome outcome;
    struct aks_buf data;
    char key[KEY_BYTES];

    target_drive_begin(&drive, at);
    require_ok(target_drive_available(&drive, &outcome), &outcome);
    aks_buf_init(&data, aks_alloc_system(), 100);
    assert_int_equal(target_drive_get(&drive, key_of(at, "absent", key), &data, &outcome),
        AKS_NOT_FOUND);
    assert_int_not_equal(outcome.verdict, AKS_NO_OPINION);
    assert_int_not_equal(outcome.verdict, AKS_WAIT);
    aks_buf_fini(&data);
    target_drive_end(&drive);
}

void
target_takes_every_byte_that_keys_may_have(void **state)
{
    static const char name[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZ/abcdefghijklmnopqrstuvwxyz/.0123456789-_..--__.z";
    const struct target_case *at = *state;
    struct target_drive drive;
    struct aks_outcome outcome;
    char key[KEY_BYTES];

    target_drive_begin(&drive, at);
    require_ok(target_drive_available(&drive, &outcome), &outcome);
    key_of(at, name, key);
    require_ok(target_drive_upload(&drive, key, 100, false, &outcome), &outcome);
    target_drive_check(&drive, key, 100);
    require_ok(target_drive_put(&drive, key, "put", false, &outcome), &outcome);
    check_text(&drive, key, "put");
    target_drive_end(&drive);
}

void
target_lists_one_level_or_says_that_it_cannot(void **state)
{
    static const char *const names[] = { "b.zst", "B", "sub/deeper/y", "sub/x", "a-1", "a" };
    const struct target_case *at = *state;
    struct listed listed = { .stop = AKS_OK };
    struct target_drive drive;
    struct aks_outcome outcome;
    char key[KEY_BYTES];

    target_drive_begin(&drive, at);
    require_ok(target_drive_available(&drive, &outcome), &outcome);
    if (!at->class->can_list) {
        assert_int_equal(list(&drive, at->folder, &listed, &outcome), AKS_SETTINGS);
        assert_int_equal(listed.count, 0);
        target_drive_end(&drive);
        return;
    }
    require_ok(list(&drive, at->folder, &listed, &outcome), &outcome);
    assert_string_equal(listed.text, "");
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        require_ok(target_drive_put(&drive, key_of(at, names[i], key), names[i], false, &outcome),
            &outcome);
    require_ok(list(&drive, at->folder, &listed, &outcome), &outcome);
    assert_string_equal(listed.text, "B=1 a=1 a-1=3 b.zst=5 sub/ ");
    require_ok(list(&drive, key_of(at, "sub/", key), &listed, &outcome), &outcome);
    assert_string_equal(listed.text, "deeper/ x=5 ");
    listed.stop = AKS_LIMIT;
    assert_int_equal(list(&drive, at->folder, &listed, &outcome), AKS_LIMIT);
    assert_int_equal(listed.count, 1);
    target_drive_end(&drive);
}

/* Memory */

static int
create_and_open(void *ctx, const struct aks_alloc *alloc)
{
    const struct target_case *at = ctx;
    struct aks_port port = *at->options->port;
    struct aks_target_options options = *at->options;
    struct target_drive drive = { .at = at };
    struct aks_target_object *object = NULL;
    struct aks_object_spec spec = { 0 };
    struct aks_error err;
    enum aks_status status;
    char key[KEY_BYTES];

    port.alloc = alloc;
    options.port = &port;
    spec.key = key_of(at, "object", key);
    spec.content_type = "application/octet-stream";
    spec.source = "source";
    spec.bytes = 1;
    spec.part_bytes = at->part_bytes;
    status = at->class->create(&options, &drive.target, &err);
    if (status == AKS_OK)
        status = at->class->open(drive.target, &spec, &object, &err);
    assert_true(status == AKS_OK || status == AKS_LIMIT);
    if (object != NULL)
        at->class->object_free(object);
    at->class->free(drive.target);
    target_drive_settle(&drive);
    return 0;
}

void
target_survives_any_allocation_that_fails(void **state)
{
    struct target_case *at = *state;

    at->class->object_free(NULL);
    failing_alloc_loop(create_and_open, at, 500);
}
