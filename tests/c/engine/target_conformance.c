#include "engine/target_conformance.h"

#include "support/failing_alloc.h"

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_BYTES 512
#define PARTS_AT_ONCE_MAX 16

static void
never_done(void *ctx, const struct aks_outcome *outcome)
{
    fail_msg("done was called after it was cancelled: %s", outcome->error.message);
}

static void
check_text(struct target_drive *drive, const char *key, const char *text)
{
    struct aks_buf data;

    assert_int_equal(target_drive_read(drive, key, &data), AKS_OK);
    assert_string_equal(data.data, text);
    assert_int_equal(data.len, strlen(text));
    aks_buf_fini(&data);
}

static void
check_absent(struct target_drive *drive, const char *key)
{
    struct aks_buf data;

    assert_int_equal(target_drive_read(drive, key, &data), AKS_NOT_FOUND);
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
    struct target_upload upload;
    uint32_t sent;
    char key[KEY_BYTES];
    unsigned at_once;

    target_drive_begin(&drive, at);
    require_ok(target_drive_available(&drive, &outcome), &outcome);
    at_once = at->class->parts_in_flight(drive.target);
    assert_in_range(at_once, 1, PARTS_AT_ONCE_MAX);
    target_upload_open(&upload, &drive, key_of(at, "backwards", key), 5 * at->part_bytes + 7, true);
    sent = upload.count;
    while (sent > 0) {
        uint32_t first = sent > at_once ? sent - at_once : 0;

        for (uint32_t i = sent; i > first; i--)
            target_upload_send(&upload, i - 1, target_drive_done);
        for (uint32_t i = sent; i > first; i--)
            require_ok(target_drive_wait(&upload.calls[i - 1]), &upload.calls[i - 1].outcome);
        sent = first;
        at_once = at->class->parts_in_flight(drive.target);
    }
    require_ok(target_upload_finish(&upload, &outcome), &outcome);
    target_upload_end(&upload);
    target_drive_check(&drive, key, 5 * at->part_bytes + 7);
    target_drive_end(&drive);
}

void
target_shows_an_object_only_when_it_is_finished(void **state)
{
    const struct target_case *at = *state;
    struct target_drive drive;
    struct aks_outcome outcome;
    struct target_upload upload;
    char key[KEY_BYTES];

    target_drive_begin(&drive, at);
    require_ok(target_drive_available(&drive, &outcome), &outcome);
    target_upload_open(&upload, &drive, key_of(at, "later", key), at->part_bytes + 1, true);
    check_absent(&drive, key);
    for (uint32_t i = 0; i < upload.count; i++) {
        target_upload_send(&upload, i, target_drive_done);
        require_ok(target_drive_wait(&upload.calls[i]), &upload.calls[i].outcome);
        check_absent(&drive, key);
    }
    require_ok(target_upload_finish(&upload, &outcome), &outcome);
    target_drive_check(&drive, key, at->part_bytes + 1);
    target_upload_end(&upload);
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
    return target_drive_outcome(&call, ret_outcome);
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
        struct target_upload upload;

        target_upload_open(&upload, &drive, key_of(at, "aborted", key), 2 * at->part_bytes, true);
        if (stage >= 1) {
            target_upload_send(&upload, 0, target_drive_done);
            require_ok(target_drive_wait(&upload.calls[0]), &upload.calls[0].outcome);
        }
        if (stage == 2) {
            target_upload_send(&upload, 1, never_done);
            target_drive_turn(&drive, 1);
        }
        assert_int_equal(target_upload_abort(&upload), AKS_OK);
        target_upload_end(&upload);
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
        struct target_upload upload;
        unsigned at_once = at->class->parts_in_flight(drive.target);

        target_upload_open(&upload, &drive, key_of(at, "freed", key), 3 * at->part_bytes, true);
        for (uint32_t i = 0; i < upload.count && i < at_once; i++)
            target_upload_send(&upload, i, turns < 2 ? never_done : target_drive_done);
        target_drive_turn(&drive, turns);
        target_upload_end(&upload);
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
        target_drive_turn(&drive, turns);
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

/* An allocator must be thread-safe, which the failing one is not: targets have work on threads. */
struct locked_alloc {
    struct aks_alloc alloc;
    const struct aks_alloc *inner;
    pthread_mutex_t lock;
};

static void *
locked_resize(void *ctx, void *p, size_t bytes)
{
    struct locked_alloc *locked = ctx;
    void *result;

    (void)pthread_mutex_lock(&locked->lock);
    result = locked->inner->resize(locked->inner->ctx, p, bytes);
    (void)pthread_mutex_unlock(&locked->lock);
    return result;
}

static int
create_and_open(void *ctx, const struct aks_alloc *alloc)
{
    const struct target_case *at = ctx;
    struct locked_alloc locked = { { locked_resize, &locked }, alloc, PTHREAD_MUTEX_INITIALIZER };
    struct aks_port port = *at->options->port;
    struct aks_target_options options = *at->options;
    struct target_drive drive = { .at = at };
    struct aks_target_object *object = NULL;
    struct aks_object_spec spec = { 0 };
    struct aks_error err;
    enum aks_status status;
    char key[KEY_BYTES];

    port.alloc = &locked.alloc;
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
