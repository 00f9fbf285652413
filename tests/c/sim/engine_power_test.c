/* What the engine promises about power cuts, on the simulated disk: the state opens and has what
 * was put, a job is whole or not there, the audit log goes on. The power goes at every step. */
#include "base/rng.h"
#include "engine/audit.h"
#include "engine/queue.h"
#include "engine/state_journal.h"
#include "sim/disk.h"
#include "sim/vfs_sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SEEDS 6
#define STEPS_MAX 1000              /* more than any of these lives takes */
#define FOLDER "/home/state"
#define QUEUE FOLDER "/queue"
#define JOB "20261123T084512Z-3f9a2c"
#define TARGET "s3:bucket"

struct world {
    struct disk disk;
    struct aks_vfs_sim *vfs;
    struct aks_port port;
    struct aks_rng rng;
    struct aks_error err;
    int done;                       /* how many things were said to be done */
};

static enum aks_status
fill(void *ctx, void *data, size_t len, struct aks_error *err)
{
    uint8_t *at = data;

    for (size_t i = 0; i < len; i++)
        at[i] = (uint8_t)aks_rng_next(ctx);
    return AKS_OK;
}

static void
begin(struct world *world, uint64_t seed)
{
    const struct aks_alloc *alloc = aks_alloc_system();

    memset(world, 0, sizeof(*world));
    disk_init(&world->disk, alloc, seed);
    aks_rng_init(&world->rng, seed);
    assert_int_equal(aks_files_sim_make_folders(world->disk.sim, FOLDER, &world->err), AKS_OK);
    assert_int_equal(aks_vfs_sim_new(alloc, world->disk.files, &world->disk.clock, seed,
        &world->vfs, &world->err), AKS_OK);
    world->port.alloc = alloc;
    world->port.clock = world->disk.clock;
    world->port.files = *world->disk.files;
    world->port.entropy = (struct aks_entropy){ fill, &world->rng };
}

static void
end(struct world *world)
{
    assert_int_equal(aks_files_sim_open_count(world->disk.sim), 0);
    aks_vfs_sim_free(world->vfs);
    disk_fini(&world->disk);
}

/* Lives until the power goes at each step in turn, and judges what is left; ends when a whole life
 * is over before that. */
static void
cut_power_at_every_step(void (*live)(struct world *world), void (*judge)(struct world *world))
{
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        static struct world world;
        int64_t cut = 0;
        bool died;

        do {
            begin(&world, seed * STEPS_MAX + (uint64_t)cut);
            disk_die(&world.disk, cut, (int64_t)(aks_rng_next(&world.rng) % 5000));
            live(&world);
            died = world.disk.fault_in < 0;
            world.disk.fault_in = -1;
            aks_files_sim_crash(world.disk.sim, true);
            judge(&world);
            end(&world);
        } while (died && ++cut < STEPS_MAX);
        assert_true(cut > 10 && cut < STEPS_MAX);
    }
}

static void
row_of(struct aks_stored *row, int number)
{
    static char texts[5][32];

    (void)snprintf(texts[0], sizeof(texts[0]), "/home/a/%d.duckdb", number);
    (void)snprintf(texts[1], sizeof(texts[1]), "reflection.duckdb");
    (void)snprintf(texts[2], sizeof(texts[2]), "duckdb");
    (void)snprintf(texts[3], sizeof(texts[3]), "systems/a/b");
    (void)snprintf(texts[4], sizeof(texts[4]), JOB);
    *row = (struct aks_stored){ .source = texts[0], .name = texts[1], .kind = texts[2],
        .key = texts[3], .upload_id = texts[4], .codec = texts[2], .bytes = number,
        .stored_bytes = 2, .part_bytes = 3, .parts = 4 };
    memset(row->sha256, 'a', 64);
    memset(row->stored_sha256, 'b', 64);
}

static void
live_with_state(struct world *world)
{
    for (int session = 0; session < 2; session++) {
        struct aks_state *state = NULL;
        struct aks_stored row;
        enum aks_status status = aks_state_open(world->port.alloc, &world->port.files, FOLDER,
            &state, &world->err);

        for (int i = 0; i < 3 && status == AKS_OK; i++) {
            row_of(&row, world->done);
            status = aks_state_stored_put(state, TARGET, &row, 1, &world->err);
            if (status == AKS_OK)
                world->done++;
        }
        aks_state_close(state);
        if (status != AKS_OK)
            return;
    }
}

static void
judge_state(struct world *world)
{
    struct aks_state *state = NULL;
    struct aks_stored row;

    if (aks_state_open(world->port.alloc, &world->port.files, FOLDER, &state, &world->err) !=
        AKS_OK)
        fail_msg("%s", world->err.message);
    for (int i = 0; i < world->done; i++) {
        struct aks_stored wanted;

        row_of(&wanted, i);
        if (aks_state_stored_get(state, TARGET, wanted.source, &row, &world->err) != AKS_OK)
            fail_msg("row %d of %d: %s", i, world->done, world->err.message);
        assert_int_equal(row.bytes, i);
        aks_stored_fini(world->port.alloc, &row);
    }
    row_of(&row, 7);
    assert_int_equal(aks_state_stored_put(state, TARGET, &row, 1, &world->err), AKS_OK);
    aks_state_close(state);
}

static void
state_opens_and_has_what_was_put_whenever_the_power_goes(void **state)
{
    cut_power_at_every_step(live_with_state, judge_state);
}

/* An upload that is begun, two times a part that is about to be sent, and another token. */
static void
live_with_journal(struct world *world)
{
    struct aks_journal_upload upload = { .target = TARGET, .upload_id = JOB, .job_id = JOB };
    struct aks_journal_part parts[2] = { { .number = 1, .bytes = 1 }, { .number = 2, .bytes = 2 } };
    char path[] = "/home/a/reflection.duckdb";
    char text[] = "text";
    struct aks_journal_object object = { .source = path, .key = text, .token = text, .codec = text,
        .codec_version = text, .snapshot = text };
    struct aks_state *state = NULL;

    if (aks_state_open(world->port.alloc, &world->port.files, FOLDER, &state, &world->err) !=
        AKS_OK)
        return;
    if (aks_state_journal_begin(state, &upload, &object, &parts[0], 1, &world->err) == AKS_OK) {
        world->done = 1;
        if (aks_state_journal_part_stored(state, object.id, 1, "tag", &world->err) == AKS_OK &&
            aks_state_journal_parts(state, object.id, &parts[1], 1, &world->err) == AKS_OK) {
            world->done = 2;
            if (aks_state_journal_token(state, object.id, "id", &world->err) == AKS_OK)
                world->done = 3;
        }
    }
    aks_state_close(state);
}

static void
judge_object(struct world *world, struct aks_state *state,
    const struct aks_journal_object *object)
{
    struct aks_journal_part *parts = NULL;
    size_t count = 0;

    assert_int_equal(aks_state_journal_known(state, object->id, &parts, &count, &world->err),
        AKS_OK);
    assert_true(count >= (world->done >= 2 ? 2u : 1u));
    for (size_t i = 0; i < count; i++)
        assert_int_equal(parts[i].bytes, i + 1);
    if (world->done >= 3) {
        assert_string_equal(object->token, "id");
        assert_null(parts[0].tag);
    } else if (count == 2 && strcmp(object->token, "text") == 0) {
        assert_string_equal(parts[0].tag, "tag");   /* written before what was synced */
    }
    aks_journal_parts_free(world->port.alloc, parts, count);
}

static void
judge_journal(struct world *world)
{
    struct aks_journal_upload *uploads = NULL;
    struct aks_journal_object *objects = NULL;
    struct aks_state *state = NULL;
    size_t count = 0;

    if (aks_state_open(world->port.alloc, &world->port.files, FOLDER, &state, &world->err) !=
        AKS_OK)
        fail_msg("%s", world->err.message);
    assert_int_equal(aks_state_journal_uploads(state, TARGET, &uploads, &count, &world->err),
        AKS_OK);
    assert_true(count >= (world->done > 0 ? 1u : 0u));
    for (size_t i = 0; i < count; i++) {
        size_t object_count = 0;

        assert_int_equal(aks_state_journal_objects(state, uploads[i].id, &objects, &object_count,
            &world->err), AKS_OK);
        assert_int_equal(object_count, 1);
        judge_object(world, state, &objects[0]);
        aks_journal_object_fini(world->port.alloc, &objects[0]);
        aks_mem_free(world->port.alloc, objects);
        assert_int_equal(aks_state_journal_forget(state, uploads[i].id, &world->err), AKS_OK);
    }
    aks_mem_free(world->port.alloc, uploads);
    aks_state_close(state);
}

static void
journal_has_what_was_about_to_be_sent_whenever_the_power_goes(void **state)
{
    cut_power_at_every_step(live_with_journal, judge_journal);
}

static void
job_of(struct world *world, struct aks_job *job)
{
    const struct aks_alloc *alloc = world->port.alloc;

    aks_job_init(job, alloc);
    (void)snprintf(job->id, sizeof(job->id), "%s", JOB);
    job->enqueued_at_ms = DISK_WALL_MS;
    job->sources = aks_mem_array(alloc, 1, sizeof(*job->sources));
    assert_non_null(job->sources);
    job->sources[0] = aks_mem_strdup(alloc, "/home/a/reflection.duckdb");
    job->source_count = 1;
    job->policy.path = aks_mem_strdup(alloc, "/home/a/policy.lua");
    job->policy.text_len = 3000;    /* over several sectors */
    job->policy.text = aks_mem_new(alloc, job->policy.text_len + 1);
    assert_non_null(job->policy.text);
    memset(job->policy.text, '-', job->policy.text_len);
}

static void
live_with_queue(struct world *world)
{
    struct aks_job job;
    enum aks_status status;

    job_of(world, &job);
    status = aks_queue_put(&world->port, QUEUE, &job, &world->err);
    if (status == AKS_OK) {
        world->done = 1;
        job.tries = 1;              /* replaced by what became of it */
        if (aks_queue_put(&world->port, QUEUE, &job, &world->err) == AKS_OK)
            world->done = 2;
    }
    aks_job_fini(&job);
}

static void
judge_queue(struct world *world)
{
    struct aks_job job;
    enum aks_status status = aks_queue_get(&world->port, QUEUE, JOB, &job, &world->err);

    if (status != AKS_OK && (status != AKS_NOT_FOUND || world->done > 0))
        fail_msg("%d done: %s", world->done, world->err.message);
    if (status == AKS_OK && world->done == 2)
        assert_int_equal(job.tries, 1);
    aks_job_fini(&job);
    job_of(world, &job);
    assert_int_equal(aks_queue_put(&world->port, QUEUE, &job, &world->err), AKS_OK);
    aks_job_fini(&job);
}

static void
job_is_whole_or_not_there_whenever_the_power_goes(void **state)
{
    cut_power_at_every_step(live_with_queue, judge_queue);
}

/* Another process made the folder, and was killed before it saw to it that its name lasts. */
static void
live_with_a_folder_of_somebody_else(struct world *world)
{
    const struct aks_files *files = &world->port.files;

    if (files->make_folder(files->ctx, QUEUE, &world->err) != AKS_OK)
        return;
    live_with_queue(world);
}

static void
job_lasts_in_a_folder_that_somebody_else_made(void **state)
{
    cut_power_at_every_step(live_with_a_folder_of_somebody_else, judge_queue);
}

static void
live_with_audit(struct world *world)
{
    struct aks_audit *audit = NULL;
    char event[32];

    if (aks_audit_open(&world->port, FOLDER, &audit, &world->err) != AKS_OK)
        return;
    for (int i = 0; i < 4; i++) {
        (void)snprintf(event, sizeof(event), "event %d", i);
        if (aks_audit_append(audit, event, NULL, &world->err) != AKS_OK)
            break;
        world->done = i + 1;
    }
    aks_audit_close(audit);
}

/* A record is a line that begins with a brace; whatever a torn one left must be told. */
static void
judge_audit(struct world *world)
{
    struct aks_audit *audit = NULL;
    const char *log;
    char event[32];
    size_t len;

    assert_int_equal(aks_audit_open(&world->port, FOLDER, &audit, &world->err), AKS_OK);
    if (aks_audit_append(audit, "after", NULL, &world->err) != AKS_OK)
        fail_msg("%d done: %s", world->done, world->err.message);
    aks_audit_close(audit);
    log = aks_files_sim_look(world->disk.sim, FOLDER "/audit.jsonl", &len);
    assert_non_null(log);
    for (int i = 0; i < world->done; i++) {
        (void)snprintf(event, sizeof(event), "\"event %d\"", i);
        assert_non_null(memmem(log, len, event, strlen(event)));
    }
    assert_int_equal(log[len - 1], '\n');
}

static void
audit_log_has_what_was_appended_and_goes_on_whenever_the_power_goes(void **state)
{
    cut_power_at_every_step(live_with_audit, judge_audit);
}

static void
full_disk_is_told_as_such_by_all_three(void **state)
{
    static struct world world;
    struct aks_state *opened = NULL;
    struct aks_audit *audit = NULL;
    struct aks_job job;

    begin(&world, 1);
    aks_files_sim_set_room(world.disk.sim, 0);
    assert_int_equal(aks_state_open(world.port.alloc, &world.port.files, FOLDER, &opened,
        &world.err), AKS_NO_SPACE);
    job_of(&world, &job);
    assert_int_equal(aks_queue_put(&world.port, QUEUE, &job, &world.err), AKS_NO_SPACE);
    aks_job_fini(&job);
    assert_int_equal(aks_audit_open(&world.port, FOLDER, &audit, &world.err), AKS_OK);
    assert_int_equal(aks_audit_append(audit, "event", NULL, &world.err), AKS_NO_SPACE);
    aks_audit_close(audit);
    end(&world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(state_opens_and_has_what_was_put_whenever_the_power_goes),
        cmocka_unit_test(journal_has_what_was_about_to_be_sent_whenever_the_power_goes),
        cmocka_unit_test(job_is_whole_or_not_there_whenever_the_power_goes),
        cmocka_unit_test(job_lasts_in_a_folder_that_somebody_else_made),
        cmocka_unit_test(audit_log_has_what_was_appended_and_goes_on_whenever_the_power_goes),
        cmocka_unit_test(full_disk_is_told_as_such_by_all_three),
    };

    return cmocka_run_group_tests_name("engine and power", tests, NULL, NULL);
}
