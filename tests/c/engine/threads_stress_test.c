/* Pipelines and transfers on real worker threads, many at once, stopped at any moment: work that
 * runs inline, as in a simulated world, cannot see what this looks for. Seeded as far as threads
 * let it be; under ThreadSanitizer it is worth most. */
#include "engine/dir_place.h"
#include "engine/transfer.h"
#include "support/sample_bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ROUNDS 12
#define STEPS 300
#define LINES 6
#define SOURCES 5
#define PART_BYTES (INT64_C(150) * 1000)
#define TURNS_MAX 1000000
/* A worker may be held up by so many turns of an empty loop before it begins. */
#define SPIN_MAX 3000

struct line {
    struct stress *stress;
    struct aks_pool pool;
    size_t source;
    struct aks_pipeline *pipeline;
    struct aks_sha256 *sha;             /* of what the pipeline gave */
    struct aks_part *held[AKS_PIPELINE_PARTS_MAX];
    size_t held_count;
    struct aks_transfer *transfer;
    bool cancelled;
    char folder[128];
};

struct stress {
    struct target_world *world;
    struct aks_rng rng;
    struct aks_work work;               /* the threads' */
    unsigned under_way;                 /* jobs whose completions have not come */
    atomic_uint begun;
    struct aks_target *target;
    struct aks_target_facts facts;
    struct aks_source sources[SOURCES];
    struct aks_snapshot snapshots[SOURCES];     /* of them, read in place */
    uint8_t digests[SOURCES][AKS_SHA256_BYTES];
    struct line lines[LINES];
    struct aks_timer poke;
    unsigned transfers;                 /* begun */
    unsigned ended;                     /* came to their end in one piece */
    unsigned stopped;
    unsigned late;                      /* stopped while a worker was at it */
};

/* --- work that is counted, and comes when it likes --- */

struct job {
    struct stress *stress;
    aks_work_fn *fn;
    aks_work_done *done;
    void *arg;
};

static void
job_run(void *arg)
{
    struct job *job = arg;
    unsigned turns = atomic_fetch_add(&job->stress->begun, 1) * 2654435761u % SPIN_MAX;
    atomic_uint spun = 0;

    while (atomic_fetch_add(&spun, 1) < turns)
        continue;
    job->fn(job->arg);
}

static void
job_done(void *arg)
{
    struct job *job = arg;
    struct job own = *job;

    free(job);
    own.stress->under_way--;
    own.done(own.arg);
}

static enum aks_status
submit(void *ctx, aks_work_fn *fn, aks_work_done *done, void *arg, struct aks_error *err)
{
    struct stress *stress = ctx;
    struct job *job = malloc(sizeof(*job));
    enum aks_status status;

    assert_non_null(job);
    *job = (struct job) { stress, fn, done, arg };
    status = stress->work.submit(stress->work.ctx, job_run, job_done, job, err);
    if (status == AKS_OK)
        stress->under_way++;
    else
        free(job);
    return status;
}

static unsigned
width(void *ctx)
{
    struct stress *stress = ctx;

    return stress->work.width(stress->work.ctx);
}

/* --- turning the loop --- */

static bool
chance(struct stress *stress, size_t of)
{
    return sample_below(&stress->rng, of - 1) == 0;
}

static void
nothing(void *ctx)
{
}

/* One turn: half of them wait for somebody, where there is somebody. */
static void
turn(struct stress *stress)
{
    struct aks_loop *loop = &stress->world->loop;

    if ((stress->under_way == 0 || chance(stress, 2)) && stress->poke.node.place == 0)
        assert_int_equal(aks_loop_set(loop, &stress->poke, 0, nothing, NULL, NULL), AKS_OK);
    assert_int_equal(aks_loop_turn(loop, NULL), AKS_OK);
}

/* Until every job's completion has come. */
static void
settle(struct stress *stress)
{
    for (unsigned turns = 0; stress->under_way > 0; turns++) {
        assert_in_range(turns, 0, TURNS_MAX);
        assert_int_equal(aks_loop_turn(&stress->world->loop, NULL), AKS_OK);
    }
    aks_loop_clear(&stress->world->loop, &stress->poke);
}

/* --- a bare pipeline --- */

static void
hash_part(struct line *line, const struct aks_part *part)
{
    static uint8_t data[PART_BYTES];
    int64_t at = 0;

    while (at < part->body.bytes) {
        size_t len = 0;

        assert_int_equal(part->body.read(part->body.ctx, at, data, sizeof(data), &len, NULL),
            AKS_OK);
        aks_sha256_update(line->sha, data, len);
        at += (int64_t)len;
    }
}

static void
give_one(struct line *line)
{
    size_t i = sample_below(&line->stress->rng, line->held_count - 1);
    struct aks_part *part = line->held[i];

    line->held[i] = line->held[--line->held_count];
    aks_pipeline_give(line->pipeline, part);
}

static void
take_some(void *ctx)
{
    struct line *line = ctx;
    struct aks_part *part;

    while (!chance(line->stress, 4) && (part = aks_pipeline_take(line->pipeline)) != NULL) {
        hash_part(line, part);
        line->held[line->held_count++] = part;
    }
}

static void
begin_pipeline(struct line *line)
{
    struct stress *stress = line->stress;
    struct aks_pipeline_options options = { 0 };
    struct aks_view view;

    options.port = &stress->world->port;
    options.loop = &stress->world->loop;
    options.pool = &line->pool;
    options.codec = (enum aks_codec)sample_below(&stress->rng, AKS_CODEC_ZSTD);
    options.level = AKS_CODEC_LEVEL_DEFAULT;
    options.part_bytes = PART_BYTES;
    options.check = (enum aks_part_check)sample_below(&stress->rng, AKS_PART_CRC64NVME);
    options.changed = take_some;
    options.ctx = line;
    assert_int_equal(aks_view_take(options.port, &stress->sources[line->source], &view,
            NULL), AKS_OK);
    line->sha = aks_sha256_new(aks_alloc_system());
    assert_non_null(line->sha);
    assert_int_equal(aks_pipeline_new(&options, &view, &line->pipeline, NULL), AKS_OK);
}

static void
end_pipeline(struct line *line)
{
    struct stress *stress = line->stress;
    unsigned lingering = line->pool.lingering;

    while (line->held_count > 0)
        give_one(line);
    aks_pipeline_free(line->pipeline);
    line->pipeline = NULL;
    aks_sha256_free(line->sha);
    stress->late += line->pool.lingering - lingering;
}

/* Everything came out: is it what went in? */
static void
check_pipeline(struct line *line)
{
    const struct aks_pipeline_result *result = aks_pipeline_result(line->pipeline);
    uint8_t digest[AKS_SHA256_BYTES];

    aks_sha256_final(line->sha, digest);
    assert_memory_equal(result->stored_sha256, digest, sizeof(digest));
    assert_memory_equal(result->plain_sha256, line->stress->digests[line->source], sizeof(digest));
    line->stress->ended++;
    end_pipeline(line);
}

static void
step_pipeline(struct line *line)
{
    bool over = aks_pipeline_state(line->pipeline, NULL) == AKS_PIPELINE_ENDED;
    struct aks_part *part;

    assert_int_not_equal(aks_pipeline_state(line->pipeline, NULL), AKS_PIPELINE_FAILED);
    if (line->held_count > 0 && chance(line->stress, 2))
        give_one(line);
    if (line->held_count < AKS_PIPELINE_PARTS_MAX &&
        (part = aks_pipeline_take(line->pipeline)) != NULL) {
        hash_part(line, part);
        line->held[line->held_count++] = part;
        return;
    }
    if (over && line->held_count == 0) {
        check_pipeline(line);
    } else if (chance(line->stress, 20)) {
        line->stress->stopped++;
        end_pipeline(line);
    }
}

/* --- a transfer to a folder --- */

static void
told_read(void *ctx)
{
}

static void
told_left(void *ctx, const struct aks_error *err)
{
    fail_msg("%s", err->message);
}

static void
check_object(const struct line *line, const struct aks_transfer_result *result)
{
    struct stress *stress = line->stress;
    struct aks_buf data;
    uint8_t digest[AKS_SHA256_BYTES];

    aks_buf_init(&data, aks_alloc_system(), (size_t)8 * AKS_MIB);
    assert_int_equal(dir_place_read(stress->world, result->key, &data, NULL), AKS_OK);
    aks_sha256(data.data, data.len, digest);
    assert_memory_equal(result->bytes.stored_sha256, digest, sizeof(digest));
    assert_memory_equal(result->bytes.plain_sha256, stress->digests[line->source], sizeof(digest));
    aks_buf_fini(&data);
}

static void
transfer_done(void *ctx)
{
    struct line *line = ctx;
    const struct aks_outcome *outcome = aks_transfer_outcome(line->transfer);

    if (outcome->status == AKS_OK) {
        check_object(line, aks_transfer_result(line->transfer));
        line->stress->ended++;
    } else {
        assert_int_equal(outcome->status, AKS_CANCELLED);
        assert_true(line->cancelled);
        line->stress->stopped++;
    }
    aks_transfer_free(line->transfer);
    line->transfer = NULL;
}

static void
begin_transfer(struct line *line)
{
    struct stress *stress = line->stress;
    struct aks_compress_settings *compress = &stress->world->settings.compress;
    struct aks_transfer_options options = { 0 };

    /* Whoever is choosing a codec just now gets another one: all are welcome. */
    compress->codec = (enum aks_codec)sample_below(&stress->rng, AKS_CODEC_ZSTD);
    compress->always = chance(stress, 2);
    (void)snprintf(line->folder, sizeof(line->folder), "%s%u/", TARGET_WORLD_FOLDER,
        stress->transfers++);
    line->cancelled = false;
    options.port = &stress->world->port;
    options.loop = &stress->world->loop;
    options.ask = &stress->world->ask;
    options.pool = &line->pool;
    options.target = stress->target;
    options.target_facts = &stress->facts;
    options.source = &stress->sources[line->source];
    options.snapshot = &stress->snapshots[line->source];
    options.folder = line->folder;
    options.scratch_folder = temp_folder_path(stress->world->folder);
    options.read = told_read;
    options.left = told_left;
    options.done = transfer_done;
    options.ctx = line;
    assert_int_equal(aks_transfer_new(&options, &line->transfer, NULL), AKS_OK);
}

static void
drop_transfer(struct line *line)
{
    unsigned lingering = line->pool.lingering + line->stress->world->lingering;

    aks_transfer_free(line->transfer);
    line->transfer = NULL;
    line->stress->stopped++;
    line->stress->late += line->pool.lingering + line->stress->world->lingering > lingering;
}

static void
step_transfer(struct line *line)
{
    if (chance(line->stress, 40)) {
        drop_transfer(line);
    } else if (chance(line->stress, 30)) {
        line->cancelled = true;
        aks_transfer_cancel(line->transfer);
    }
}

/* --- a round --- */

static void
step(struct line *line)
{
    struct stress *stress = line->stress;

    if (line->pipeline != NULL) {
        step_pipeline(line);
    } else if (line->transfer != NULL) {
        step_transfer(line);
    } else if (line->pool.lingering == 0) {
        line->source = sample_below(&stress->rng, SOURCES - 1);
        if (chance(stress, 2))
            begin_pipeline(line);
        else
            begin_transfer(line);
    }
}

/* Everything that is under way ends here: one after the other in peace, or all at once. */
static void
end_lines(struct stress *stress, bool peace)
{
    for (size_t i = 0; i < LINES; i++) {
        struct line *line = &stress->lines[i];

        if (line->pipeline != NULL)
            end_pipeline(line);
        for (unsigned turns = 0; peace && line->transfer != NULL; turns++) {
            assert_in_range(turns, 0, TURNS_MAX);
            turn(stress);
        }
        if (line->transfer != NULL)
            drop_transfer(line);
    }
    stress->target->class->free(stress->target);
    settle(stress);
    assert_int_equal(stress->world->lingering, 0);
    for (size_t i = 0; i < LINES; i++) {
        assert_int_equal(stress->lines[i].pool.lingering, 0);
        assert_int_equal(stress->lines[i].pool.taken, 0);
    }
}

static void
play(struct stress *stress, uint64_t seed)
{
    struct target_world *world = stress->world;

    aks_rng_init(&stress->rng, seed);
    assert_int_equal(world->at.class->create(&world->options, &stress->target, NULL), AKS_OK);
    for (unsigned i = 0; i < STEPS; i++) {
        step(&stress->lines[sample_below(&stress->rng, LINES - 1)]);
        if (chance(stress, 2))
            turn(stress);
    }
    end_lines(stress, seed % 2 == 0);
}

static void
take_snapshot(struct stress *stress, size_t i)
{
    struct aks_snapshot_options options = { .port = &stress->world->port,
        .source = &stress->sources[i], .folder = temp_folder_path(stress->world->folder),
        .id = "snapshot", .wait_ms = 1000 };

    assert_int_equal(aks_snapshot_plan(&options, &stress->snapshots[i], NULL), AKS_OK);
    assert_int_equal(aks_snapshot_take(&options, &stress->snapshots[i], NULL), AKS_OK);
}

static void
make_sources(struct stress *stress)
{
    static const size_t sizes[SOURCES] = { 0, 1, 150000, 1048577, 2500000 };

    for (size_t i = 0; i < SOURCES; i++) {
        uint8_t *data = malloc(sizes[i] + 1);
        char name[16];

        assert_non_null(data);
        sample_fill((enum sample_kind)(i % SAMPLE_KINDS), &stress->rng, data, sizes[i]);
        (void)snprintf(name, sizeof(name), "source%zu", i);
        aks_sha256(data, sizes[i], stress->digests[i]);
        assert_int_equal(aks_source_inspect(&stress->world->port,
                temp_folder_write(stress->world->folder, name, data, sizes[i]),
                &stress->sources[i], NULL), AKS_OK);
        take_snapshot(stress, i);
        free(data);
    }
}

static struct stress *
stress_new(struct target_world *world)
{
    struct stress *stress = calloc(1, sizeof(*stress));

    assert_non_null(stress);
    stress->world = world;
    stress->work = world->port.work;
    world->port.work = (struct aks_work) { submit, width, stress };
    world->settings.part_bytes = PART_BYTES;
    stress->facts.name = "place";
    stress->facts.kind = "dir";
    make_sources(stress);
    for (size_t i = 0; i < LINES; i++) {
        stress->lines[i].stress = stress;
        aks_pool_init(&stress->lines[i].pool, aks_alloc_system(), PART_BYTES);
    }
    return stress;
}

static void
stress_free(struct stress *stress)
{
    for (size_t i = 0; i < LINES; i++)
        aks_pool_fini(&stress->lines[i].pool);
    for (size_t i = 0; i < SOURCES; i++) {
        aks_snapshot_fini(&stress->snapshots[i]);
        aks_source_fini(aks_alloc_system(), &stress->sources[i]);
    }
    stress->world->port.work = stress->work;
    free(stress);
}

static void
what_is_stopped_at_any_moment_leaves_nothing_and_what_ends_is_whole(void **state)
{
    struct stress *stress = stress_new(dir_place_world(state));

    for (uint64_t seed = 1; seed <= ROUNDS; seed++)
        play(stress, seed);
    /* All of it was met. */
    assert_true(stress->ended > ROUNDS / 4);
    assert_true(stress->stopped > ROUNDS / 4);
    assert_true(stress->late > ROUNDS / 4);
    stress_free(stress);
}

/* Found by the test above: a transfer was dropped while a worker looked at its sample, and the
 * target freed behind it. When the sample came back, the transfer let go of itself by way of the
 * target's class. */
static void
a_transfer_that_was_dropped_with_its_sample_out_may_outlive_the_target(void **state)
{
    struct stress *stress = stress_new(dir_place_world(state));
    struct target_world *world = stress->world;
    struct line *line = &stress->lines[0];

    assert_int_equal(world->at.class->create(&world->options, &stress->target, NULL), AKS_OK);
    line->source = SOURCES - 1;
    begin_transfer(line);
    world->settings.compress.codec = AKS_CODEC_ZSTD;
    world->settings.compress.always = false;
    while (stress->under_way == 0)
        turn(stress);
    aks_transfer_free(line->transfer);
    world->at.class->free(stress->target);
    settle(stress);
    stress_free(stress);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            what_is_stopped_at_any_moment_leaves_nothing_and_what_ends_is_whole, dir_place_set_up,
            dir_place_tear_down),
        cmocka_unit_test_setup_teardown(
            a_transfer_that_was_dropped_with_its_sample_out_may_outlive_the_target,
            dir_place_set_up, dir_place_tear_down),
    };

    return cmocka_run_group_tests_name("threads_stress", tests, NULL, NULL);
}
