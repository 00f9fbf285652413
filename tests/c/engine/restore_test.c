/* Restores into real folders from a dir target, on which one allocation or one call of a file
 * fails; drills; and reading an upload. Work runs on the loop's thread here, so that the n-th is
 * the same one each time. */
#include "engine/restore.h"

#include "base/check.h"
#include "base/encode.h"
#include "data/digest.h"
#include "engine/drill.h"
#include "engine/state_proofs.h"
#include "engine/verify.h"
#include "os/os.h"
#include "support/failing_alloc.h"
#include "support/faulty_files.h"
#include "support/temp_folder.h"
#include "wire/manifest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#define SYSTEM "test-1"
#define UPLOAD "20260101T000000Z-00000a"
#define LONG_BYTES ((size_t)2500000)
#define JOBS_MAX 16
#define ROUNDS_MAX 5000

struct calm_jobs {
    struct {
        aks_work_fn *fn;
        aks_work_done *done;
        void *arg;
    } jobs[JOBS_MAX];
    size_t count;
    const struct aks_events *events;
};

struct place {
    struct temp_folder *folder;
    struct aks_os *os;
    struct aks_port port;
    struct calm_jobs calm;
    struct faulty_files faulty;
    struct aks_settings settings;
    struct aks_target_settings target;
    struct aks_policy policy;
    char *data;                         /* of the long file */
    struct aks_engine *engine;
};

static enum aks_status
calm_submit(void *ctx, aks_work_fn *fn, aks_work_done *done, void *arg, struct aks_error *err)
{
    struct calm_jobs *calm = ctx;

    AKS_CHECK(calm->count < JOBS_MAX);
    calm->jobs[calm->count].fn = fn;
    calm->jobs[calm->count].done = done;
    calm->jobs[calm->count++].arg = arg;
    return AKS_OK;
}

static unsigned
calm_width(void *ctx)
{
    return 2;
}

static enum aks_status
calm_wait(void *ctx, int64_t timeout_ns, struct aks_error *err)
{
    struct calm_jobs *calm = ctx;
    aks_work_done *done;
    void *arg;

    if (calm->count == 0)
        return calm->events->wait(calm->events->ctx, timeout_ns, err);
    done = calm->jobs[0].done;
    arg = calm->jobs[0].arg;
    calm->jobs[0].fn(arg);
    calm->count--;
    memmove(&calm->jobs[0], &calm->jobs[1], calm->count * sizeof(calm->jobs[0]));
    done(arg);
    return AKS_OK;
}

static void
calm_wake(void *ctx)
{
}

static enum aks_status
give_up(void *ctx, const struct aks_failure_facts *facts, struct aks_retry_answer *ret,
    struct aks_error *err)
{
    ret->verdict = AKS_GIVE_UP;
    ret->wait_ms = 0;
    return AKS_OK;
}

static void
open_engine(struct place *place)
{
    struct aks_engine_options options = { .port = &place->port };
    struct aks_error err;

    options.state_folder = temp_folder_join(place->folder, "state");
    if (aks_engine_open(&options, &place->engine, &err) != AKS_OK)
        fail_msg("%s", err.message);
}

/* The upload */

static char *
text(const char *s)
{
    return (char *)(uintptr_t)s;
}

static void
add(struct place *place, struct aks_manifest *manifest, const char *kind, const char *name,
    const char *suffix, enum aks_codec codec, const void *data, size_t len)
{
    struct aks_manifest_object object = { .role = text("main"), .kind = text(kind),
        .snapshot_method = text("identity"), .parts = 1, .part_bytes = 5000000,
        .bytes = (int64_t)len };
    char key[200];
    char path[300];
    uint8_t digest[AKS_SHA256_BYTES];
    size_t bound = codec == AKS_CODEC_NONE ? len : (len / AKS_CODEC_BLOCK_BYTES + 1) *
        aks_encoder_bound(codec, AKS_CODEC_BLOCK_BYTES);
    char *stored = malloc(bound + 1);
    struct aks_encoder *encoder = NULL;
    size_t stored_len = 0;

    assert_non_null(stored);
    if (codec != AKS_CODEC_NONE)
        assert_int_equal(aks_encoder_new(aks_alloc_system(), codec, AKS_CODEC_LEVEL_DEFAULT,
            &encoder, NULL), AKS_OK);
    for (size_t at = 0; at < len || (at == 0 && codec != AKS_CODEC_NONE);) {
        size_t take = len - at < AKS_CODEC_BLOCK_BYTES ? len - at : AKS_CODEC_BLOCK_BYTES;
        size_t wrote = take;

        if (codec == AKS_CODEC_NONE)
            memcpy(stored + stored_len, (const char *)data + at, take);
        else
            assert_int_equal(aks_encoder_block(encoder, (const char *)data + at, take,
                stored + stored_len, aks_encoder_bound(codec, take), &wrote, NULL), AKS_OK);
        stored_len += wrote;
        at += take;
        if (at == len)
            break;
    }
    aks_encoder_free(encoder);
    (void)snprintf(key, sizeof(key), "systems/" SYSTEM "/" UPLOAD "/%s%s", name, suffix);
    (void)snprintf(path, sizeof(path), "target/%s", key);
    temp_folder_write(place->folder, path, stored, stored_len);
    aks_sha256(data, len, digest);
    aks_hex_encode(digest, sizeof(digest), object.sha256);
    aks_sha256(stored, stored_len, digest);
    aks_hex_encode(digest, sizeof(digest), object.stored_sha256);
    object.name = text(name);
    object.key = key;
    (void)snprintf(path, sizeof(path), "/home/someone/%s", name);
    object.source_name = path;
    object.codec = text(aks_codec_name(codec));
    object.stored_bytes = (int64_t)stored_len;
    assert_int_equal(aks_manifest_add(manifest, &object, NULL), AKS_OK);
    free(stored);
}

static void
manifest_begin(struct aks_manifest *manifest)
{
    aks_manifest_init(manifest, aks_alloc_system());
    manifest->system_id = strdup(SYSTEM);
    manifest->upload_id = strdup(UPLOAD);
    manifest->uploader_version = strdup("1.0");
}

static void
manifest_end(struct place *place, struct aks_manifest *manifest)
{
    struct aks_buf out;
    struct aks_error err;

    aks_buf_init(&out, aks_alloc_system(), 100000);
    if (aks_manifest_write(manifest, &out, &err) != AKS_OK)
        fail_msg("%s", err.message);
    temp_folder_write(place->folder, "target/systems/" SYSTEM "/" UPLOAD "/manifest.json",
        out.data, out.len);
    aks_buf_fini(&out);
    aks_manifest_fini(manifest);
}

static void
make_upload(struct place *place)
{
    static const char *const folders[] = { "target", "target/systems", "target/systems/" SYSTEM,
        "target/systems/" SYSTEM "/" UPLOAD };
    struct aks_manifest manifest;

    for (size_t i = 0; i < 4; i++)
        assert_int_equal(mkdir(temp_folder_join(place->folder, folders[i]), 0700), 0);
    manifest_begin(&manifest);
    add(place, &manifest, "file", "long.bin", ".zst", AKS_CODEC_ZSTD, place->data, LONG_BYTES);
    add(place, &manifest, "file", "short.txt", "", AKS_CODEC_NONE, "some words", 10);
    manifest_end(place, &manifest);
}

static int
set_up(void **state)
{
    struct place *place = calloc(1, sizeof(*place));

    assert_non_null(place);
    place->folder = temp_folder_new();
    assert_int_equal(aks_os_open(aks_alloc_system(), &place->os, NULL), AKS_OK);
    place->port = *aks_os_port(place->os);
    place->calm.events = &aks_os_port(place->os)->events;
    place->port.work = (struct aks_work) { calm_submit, calm_width, &place->calm };
    place->port.events = (struct aks_events) { calm_wait, calm_wake, &place->calm };
    aks_settings_init(&place->settings, aks_alloc_system());
    place->target.name = text("place");
    place->target.kind = AKS_TARGET_DIR;
    place->target.path = text(temp_folder_join(place->folder, "target"));
    place->settings.targets = &place->target;
    place->settings.target_count = 1;
    place->settings.system_id = text(SYSTEM);
    place->policy.settings = &place->settings;
    place->policy.decide.retry = give_up;
    place->data = malloc(LONG_BYTES);
    assert_non_null(place->data);
    for (size_t i = 0; i < LONG_BYTES; i++)
        place->data[i] = (char)(i * i / 7 % 251);
    make_upload(place);
    *state = place;
    return 0;
}

static int
tear_down(void **state)
{
    struct place *place = *state;

    aks_engine_close(place->engine);
    aks_os_close(place->os);
    temp_folder_free(place->folder);
    free(place->data);
    free(place);
    return 0;
}

static void
expect_file(struct place *place, const char *name, const void *data, size_t len)
{
    size_t found_len;
    char *found = temp_folder_read(place->folder, name, &found_len);

    assert_int_equal(found_len, len);
    assert_memory_equal(found, data, len);
    free(found);
}

static bool
there(struct place *place, const char *name)
{
    return access(temp_folder_join(place->folder, name), F_OK) == 0;
}

/* Each file is whole, or has no name. Both are there if ${all}. */
static void
expect_whole(struct place *place, bool all)
{
    if (all || there(place, "back/long.bin"))
        expect_file(place, "back/long.bin", place->data, LONG_BYTES);
    if (all || there(place, "back/short.txt"))
        expect_file(place, "back/short.txt", "some words", 10);
}

/* The exit code; -1: there was no memory for a report. */
static int
restore(struct place *place)
{
    struct aks_restore_options options = { .policy = &place->policy };
    struct aks_error err;
    json_t *report = NULL;
    int code = -1;

    options.to = temp_folder_join(place->folder, "back");
    if (aks_restore(place->engine, &options, &report, &err) == AKS_OK)
        code = (int)json_integer_value(json_object_get(report, "exit_code"));
    else
        assert_int_equal(err.status, AKS_LIMIT);
    json_decref(report);
    return code;
}

static void
remove_back(struct place *place)
{
    static const char *const names[] = { "back/long.bin", "back/short.txt" };

    for (size_t i = 0; i < 2; i++)
        (void)unlink(temp_folder_join(place->folder, names[i]));
}

static void
what_was_stored_comes_back_and_nothing_else_is_left(void **state)
{
    struct place *place = *state;

    open_engine(place);
    assert_int_equal(restore(place), 0);
    expect_whole(place, true);
    remove_back(place);
    assert_int_equal(rmdir(temp_folder_join(place->folder, "back")), 0);
}

/* An engine whose memory fails at one place after the other. */
static int
restore_with(void *ctx, const struct aks_alloc *alloc)
{
    struct place *place = ctx;
    struct aks_engine_options options = { .port = &place->port };
    struct aks_error err;
    int code;

    place->port.alloc = alloc;
    options.state_folder = temp_folder_join(place->folder, "state");
    if (aks_engine_open(&options, &place->engine, &err) != AKS_OK) {
        place->port.alloc = aks_alloc_system();
        return 0;
    }
    code = restore(place);
    /* What cannot be recorded for want of memory, or freed space that cannot be told, is no more
     * than that: nothing is believed that is not so. */
    expect_whole(place, code == 0);
    aks_engine_close(place->engine);
    place->engine = NULL;
    place->port.alloc = aks_alloc_system();
    remove_back(place);
    return 0;
}

static void
any_allocation_may_fail(void **state)
{
    failing_alloc_loop(restore_with, *state, ROUNDS_MAX);
}

static void
any_call_of_a_file_may_fail_and_the_next_restore_brings_all(void **state)
{
    struct place *place = *state;
    const struct aks_files real = place->port.files;
    bool failed = true;

    open_engine(place);
    faulty_files_init(&place->faulty, &real, AKS_STATE);
    for (int64_t at = 0; failed; at++) {
        int code;

        assert_true(at < ROUNDS_MAX);
        place->port.files = place->faulty.files;
        faulty_files_arm(&place->faulty, at, at % 2 == 1);
        code = restore(place);
        failed = place->faulty.seen > at;
        expect_whole(place, code == 0);
        place->port.files = real;
        assert_int_equal(restore(place), 0);
        expect_whole(place, true);
        remove_back(place);
    }
    place->port.files = real;
}

static void
what_is_not_what_was_stored_gets_no_name(void **state)
{
    static const char key[] = "target/systems/" SYSTEM "/" UPLOAD "/short.txt";
    struct aks_verify_options options = { 0 };
    struct place *place = *state;
    struct aks_proof proof;
    json_t *report;

    open_engine(place);
    options.policy = &place->policy;
    assert_int_equal(aks_verify(place->engine, &options, &report, NULL), AKS_OK);
    assert_int_equal(json_integer_value(json_object_get(report, "exit_code")), 0);
    json_decref(report);
    assert_int_equal(aks_state_proof_last(place->engine->state, NULL, UPLOAD, AKS_PROOF_READ,
        &proof, NULL), AKS_OK);
    assert_int_equal(proof.objects, 2);
    temp_folder_write(place->folder, key, "some w0rds", 10);
    assert_int_equal(restore(place), 5);
    assert_false(there(place, "back/short.txt"));
    assert_int_equal(aks_verify(place->engine, &options, &report, NULL), AKS_OK);
    assert_int_equal(json_integer_value(json_object_get(report, "exit_code")), 5);
    json_decref(report);
    options.quick = true;
    assert_int_equal(aks_verify(place->engine, &options, &report, NULL), AKS_OK);
    assert_int_equal(json_integer_value(json_object_get(report, "exit_code")), 0);
    json_decref(report);
    temp_folder_write(place->folder, key, "some words", 10);
    assert_int_equal(restore(place), 0);
    expect_whole(place, true);
}

/* A target that names what an engine would take for a part of a database beside it. */
static void
nothing_is_put_beside_a_database_that_its_engine_would_read(void **state)
{
    static const struct {
        const char *kind;
        const char *database;
        const char *beside;
    } pairs[] = {
        { "sqlite", "a.db", "a.db-wal" }, { "sqlite", "a.db", "a.db-journal" },
        { "sqlite", "a.db", "a.db-shm" }, { "duckdb", "a.duckdb", "a.duckdb.wal" },
        { "duckdb", "a.duckdb", "a.duckdb.wal.recovery" },
    };
    struct place *place = *state;

    open_engine(place);
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        struct aks_manifest manifest;
        char path[100];

        manifest_begin(&manifest);
        add(place, &manifest, pairs[i].kind, pairs[i].database, "", AKS_CODEC_NONE, "", 0);
        add(place, &manifest, "file", pairs[i].beside, "", AKS_CODEC_NONE, "some words", 10);
        manifest_end(place, &manifest);
        assert_int_equal(restore(place), 1);
        (void)snprintf(path, sizeof(path), "back/%s", pairs[i].database);
        assert_false(there(place, path));
        (void)snprintf(path, sizeof(path), "back/%s", pairs[i].beside);
        assert_false(there(place, path));
    }
}

static void
a_drill_proves_and_leaves_nothing(void **state)
{
    struct place *place = *state;
    struct aks_drill_state drill;
    struct aks_proof proof;

    open_engine(place);
    assert_int_equal(aks_drill_look(place->engine, &place->settings, &drill, NULL), AKS_OK);
    assert_false(drill.wanted || drill.due || drill.late);
    assert_int_equal(drill.proven_at_ms, -1);
    place->settings.drill_ms = 7 * AKS_MS_PER_DAY;
    assert_int_equal(aks_drill_look(place->engine, &place->settings, &drill, NULL), AKS_OK);
    assert_true(drill.wanted && drill.due && !drill.late);
    assert_true(aks_drill_when_due(place->engine, &place->policy));
    assert_false(there(place, "state/drill"));
    assert_int_equal(aks_state_proof_last(place->engine->state, NULL, UPLOAD, AKS_PROOF_DRILL,
        &proof, NULL), AKS_OK);
    assert_int_equal(proof.how, AKS_PROOF_DRILL);
    assert_int_equal(aks_drill_look(place->engine, &place->settings, &drill, NULL), AKS_OK);
    assert_true(drill.wanted && !drill.due && !drill.late);
    assert_int_equal(drill.proven_at_ms, proof.at_ms);
    assert_false(aks_drill_when_due(place->engine, &place->policy));
}

static void
a_drill_that_finds_damage_proves_nothing_and_is_not_tried_at_once_again(void **state)
{
    struct place *place = *state;
    struct aks_drill_state drill;

    open_engine(place);
    place->settings.drill_ms = 7 * AKS_MS_PER_DAY;
    temp_folder_write(place->folder, "target/systems/" SYSTEM "/" UPLOAD "/short.txt",
        "some w0rds", 10);
    assert_true(aks_drill_when_due(place->engine, &place->policy));
    assert_false(there(place, "state/drill"));
    assert_int_equal(aks_drill_look(place->engine, &place->settings, &drill, NULL), AKS_OK);
    assert_int_equal(drill.proven_at_ms, -1);
    assert_false(drill.due);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_was_stored_comes_back_and_nothing_else_is_left),
        TEST(any_allocation_may_fail),
        TEST(any_call_of_a_file_may_fail_and_the_next_restore_brings_all),
        TEST(what_is_not_what_was_stored_gets_no_name),
        TEST(nothing_is_put_beside_a_database_that_its_engine_would_read),
        TEST(a_drill_proves_and_leaves_nothing),
        TEST(a_drill_that_finds_damage_proves_nothing_and_is_not_tried_at_once_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
