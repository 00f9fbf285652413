/* Reading back and taking away: of the contract of every kind of target. */
#include "engine/target_conformance.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_BYTES 512

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

static enum aks_status
range_of(struct target_drive *drive, const char *key, const char *etag, int64_t offset, size_t len,
    unsigned char *ret_data)
{
    struct target_call call = { .drive = drive };

    memset(ret_data, 0xee, len);
    drive->inside = true;
    drive->at->class->get_range(drive->target, key, etag, offset, ret_data, len, target_drive_done,
        &call);
    drive->inside = false;
    return target_drive_outcome(&call, NULL);
}

static enum aks_status
stat_of(struct target_drive *drive, const char *key, struct aks_target_stat *ret_stat)
{
    struct target_call call = { .drive = drive };

    drive->inside = true;
    drive->at->class->stat(drive->target, key, ret_stat, target_drive_done, &call);
    drive->inside = false;
    return target_drive_outcome(&call, NULL);
}

static enum aks_status
remove_of(struct target_drive *drive, const char *key)
{
    struct target_call call = { .drive = drive };

    drive->inside = true;
    drive->at->class->remove(drive->target, key, target_drive_done, &call);
    drive->inside = false;
    return target_drive_outcome(&call, NULL);
}

void
target_gives_ranges_of_an_object(void **state)
{
    const struct target_case *at = *state;
    const int64_t bytes = 2 * at->part_bytes + 3;
    const struct {
        int64_t offset;
        size_t len;
    } ranges[] = { { 0, 1 }, { 0, 100 }, { at->part_bytes - 1, 2 }, { bytes - 1, 1 },
        { bytes - 100, 100 }, { 7, 1000 } };
    struct target_drive drive;
    struct aks_outcome outcome;
    struct aks_target_stat stat;
    unsigned char data[1000];
    char key[KEY_BYTES];

    target_drive_begin(&drive, at);
    require_ok(target_drive_available(&drive, &outcome), &outcome);
    require_ok(target_drive_upload(&drive, key_of(at, "ranges", key), bytes, false, &outcome),
        &outcome);
    assert_int_equal(stat_of(&drive, key, &stat), AKS_OK);
    assert_int_equal(stat.bytes, bytes);
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        assert_int_equal(range_of(&drive, key, i % 2 == 0 ? stat.etag : NULL, ranges[i].offset,
            ranges[i].len, data), AKS_OK);
        for (size_t j = 0; j < ranges[i].len; j++)
            assert_int_equal(data[j], target_drive_byte(ranges[i].offset + (int64_t)j));
    }
    assert_int_equal(range_of(&drive, key, NULL, bytes - 5, 6, data), AKS_CORRUPT);
    assert_int_equal(range_of(&drive, key, NULL, bytes + 5, 6, data), AKS_CORRUPT);
    assert_int_equal(range_of(&drive, key_of(at, "absent", key), NULL, 0, 1, data), AKS_NOT_FOUND);
    assert_int_equal(stat_of(&drive, key, &stat), AKS_NOT_FOUND);
    target_drive_end(&drive);
}

void
target_notices_that_an_object_was_replaced_while_it_is_read(void **state)
{
    const struct target_case *at = *state;
    struct target_drive drive;
    struct aks_outcome outcome;
    struct aks_target_stat stat;
    unsigned char data[8];
    char key[KEY_BYTES];

    target_drive_begin(&drive, at);
    require_ok(target_drive_available(&drive, &outcome), &outcome);
    require_ok(target_drive_put(&drive, key_of(at, "replaced", key), "the first", false, &outcome),
        &outcome);
    assert_int_equal(stat_of(&drive, key, &stat), AKS_OK);
    assert_int_equal(stat.bytes, 9);
    assert_int_equal(range_of(&drive, key, stat.etag, 0, 4, data), AKS_OK);
    require_ok(target_drive_put(&drive, key, "the second", false, &outcome), &outcome);
    if (stat.etag[0] != '\0')
        assert_int_equal(range_of(&drive, key, stat.etag, 4, 4, data), AKS_CONFLICT);
    assert_int_equal(range_of(&drive, key, NULL, 4, 6, data), AKS_OK);
    assert_memory_equal(data, "second", 6);
    target_drive_end(&drive);
}

void
target_removes_objects(void **state)
{
    const struct target_case *at = *state;
    struct target_drive drive;
    struct aks_outcome outcome;
    char key[KEY_BYTES];

    target_drive_begin(&drive, at);
    require_ok(target_drive_available(&drive, &outcome), &outcome);
    require_ok(target_drive_put(&drive, key_of(at, "gone", key), "x", false, &outcome), &outcome);
    require_ok(target_drive_put(&drive, key_of(at, "kept", key), "y", false, &outcome), &outcome);
    assert_int_equal(remove_of(&drive, key_of(at, "gone", key)), AKS_OK);
    check_absent(&drive, key);
    /* What is not there is no failure, and neither is a folder in which something is left. */
    assert_int_equal(remove_of(&drive, key), AKS_OK);
    assert_int_equal(remove_of(&drive, at->folder), AKS_OK);
    check_text(&drive, key_of(at, "kept", key), "y");
    assert_int_equal(remove_of(&drive, key), AKS_OK);
    assert_int_equal(remove_of(&drive, at->folder), AKS_OK);
    require_ok(target_drive_put(&drive, key, "again", false, &outcome), &outcome);
    check_text(&drive, key, "again");
    target_drive_end(&drive);
}

void
target_reads_nothing_after_it_is_freed(void **state)
{
    const struct target_case *at = *state;
    struct target_drive drive;
    struct aks_target_stat stat;
    char *data = malloc(100);
    char key[KEY_BYTES];

    assert_non_null(data);
    key_of(at, "small", key);
    for (int turns = 0; turns < 2; turns++) {
        target_drive_begin(&drive, at);
        at->class->stat(drive.target, key, &stat, never_done, NULL);
        at->class->get_range(drive.target, key, NULL, 0, data, 100, never_done, NULL);
        at->class->remove(drive.target, key, never_done, NULL);
        target_drive_turn(&drive, turns);
        at->class->free(drive.target);
        drive.target = NULL;
        if (turns == 1) {
            free(data);
            data = NULL;
        }
        target_drive_settle(&drive);
    }
}
