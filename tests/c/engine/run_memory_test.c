/* Whole runs in which one allocation fails: nothing leaks, nothing is lost, and the next run
 * delivers. Work runs on the loop's thread here, so that allocation n is the same one each time. */
#include "engine/run.h"

#include "base/check.h"
#include "engine/listing.h"
#include "engine/put_server.h"
#include "engine/queue.h"
#include "engine/s3_server.h"
#include "os/os.h"
#include "support/failing_alloc.h"
#include "support/temp_folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>
#include <jansson.h>

#define ROUNDS_MAX 5000
#define SOURCES 2
#define SOURCE_BYTES 3000
#define HTTP_BASE "https://host/up"
#define JOB_ID "20260101T000000Z-000001"
#define JOBS_MAX 8

/* What work was submitted and has not been done, oldest first. */
struct calm_jobs {
    struct {
        aks_work_fn *fn;
        aks_work_done *done;
        void *arg;
    } jobs[JOBS_MAX];
    size_t count;
    const struct aks_events *events;
    bool (*deliver)(void *server);      /* an answer of a server, or NULL */
    void *server;
};

struct world {
    struct temp_folder *folder;
    char state_folder[256];
    const char *sources[SOURCES];
    struct aks_settings settings;
    struct aks_target_settings target;
    struct aks_target_settings both[2];     /* it, and a folder beside it */
    struct aks_policy policy;
    struct aks_policy_text text;
    struct aks_policy_environment environment;
    enum aks_verdict verdict;
    bool takes_up;                      /* the run takes up a job of the queue */
    bool lists;                         /* and then what the target holds is listed */
    bool afresh;                        /* each round in a state folder of its own */
    bool mirrors;                       /* to both of them */
    struct put_server http;
    struct s3_server s3;
};

/* Of one run. */
struct outcome {
    enum aks_status status;
    struct aks_error err;
    int code;
    char text[32];
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
    bool delivered = calm->count > 0;

    if (delivered) {
        aks_work_done *done = calm->jobs[0].done;
        void *arg = calm->jobs[0].arg;

        calm->jobs[0].fn(arg);
        calm->count--;
        memmove(&calm->jobs[0], &calm->jobs[1], calm->count * sizeof(calm->jobs[0]));
        done(arg);
    }
    if (calm->deliver != NULL && calm->deliver(calm->server))
        delivered = true;
    return calm->events->wait(calm->events->ctx, delivered ? 0 : timeout_ns, err);
}

static void
calm_wake(void *ctx)
{
    struct calm_jobs *calm = ctx;

    calm->events->wake(calm->events->ctx);
}

static enum aks_status
no_loader(void *ctx, const struct aks_policy_text *text,
    const struct aks_policy_environment *environment, struct aks_policy **ret_policy,
    struct aks_error *err)
{
    return aks_error_set(err, AKS_POLICY, "this policy cannot be loaded any more");
}

static enum aks_status
answer_retry(void *ctx, const struct aks_failure_facts *facts, struct aks_retry_answer *ret,
    struct aks_error *err)
{
    const struct world *world = ctx;

    /* Waiting is bounded here: what lacks memory for ever would be tried a hundred times. */
    ret->verdict = world->verdict == AKS_WAIT && facts->attempt > 2 ? AKS_GIVE_UP : world->verdict;
    ret->wait_ms = 0;
    return AKS_OK;
}

static int
set_up(void **state)
{
    static char bucket[] = S3_SERVER_BUCKET;
    static char region[] = "auto";
    static char endpoint[] = "https://s3.example";
    static char credentials[] = "environment";
    static char name[] = "place";
    static char system_id[] = "test-1";
    static char path[] = "/test.lua";
    static char text[] = "return 1";
    struct world *world = calloc(1, sizeof(*world));

    assert_non_null(world);
    world->folder = temp_folder_new();
    world->sources[0] = temp_folder_join(world->folder, "a.txt");
    world->sources[1] = temp_folder_join(world->folder, "b.txt");
    aks_settings_init(&world->settings, aks_alloc_system());
    world->target.bucket = bucket;
    world->target.region = region;
    world->target.endpoint = endpoint;
    world->target.credentials = credentials;
    world->target.path_style = -1;
    world->target.name = name;
    world->settings.targets = &world->target;
    world->settings.target_count = 1;
    world->settings.route.count = 1;
    world->verdict = AKS_GIVE_UP;
    world->settings.system_id = system_id;
    world->settings.policy_path = path;
    memset(world->settings.policy_sha256, 'a', 64);
    world->policy.settings = &world->settings;
    world->policy.decide.retry = answer_retry;
    world->policy.decide.ctx = world;
    world->text.path = path;
    world->text.text = text;
    world->text.text_len = strlen(text);
    *state = world;
    return 0;
}

static int
tear_down(void **state)
{
    struct world *world = *state;

    free(world->target.path);
    free(world->target.url);
    free(world->target.prefix);
    free(world->both[1].path);
    temp_folder_free(world->folder);
    free(world);
    return 0;
}

static const char *
variable(void *ctx, const char *name)
{
    if (strcmp(name, "AWS_ACCESS_KEY_ID") == 0 || strcmp(name, "AWS_SECRET_ACCESS_KEY") == 0)
        return "example";
    return NULL;
}

static void
write_sources(struct world *world, int64_t round)
{
    char data[SOURCE_BYTES];

    memset(data, 'x', sizeof(data));
    (void)snprintf(data, sizeof(data), "a %lld", (long long)round);
    temp_folder_write(world->folder, "a.txt", data, sizeof(data));
    data[0] = 'b';
    temp_folder_write(world->folder, "b.txt", data, sizeof(data));
}

static void
begin_mirror(struct world *world, int64_t round)
{
    static char name[] = "beside";
    char path[64];

    (void)snprintf(path, sizeof(path), "beside-%lld", (long long)round);
    free(world->both[1].path);
    world->both[0] = world->target;
    memset(&world->both[1], 0, sizeof(world->both[1]));
    world->both[1].kind = AKS_TARGET_DIR;
    world->both[1].name = name;
    world->both[1].path = strdup(temp_folder_join(world->folder, path));
    world->settings.targets = world->both;
    world->settings.target_count = 2;
    world->settings.route = (struct aks_route) { { 1, 0 }, 2, true, 2 };
}

/* New bytes and an empty target, so that every run has the same to do. */
static void
begin_round(struct world *world, int64_t round)
{
    char target[64];

    write_sources(world, round);
    if (round == 0 || world->afresh)
        (void)snprintf(world->state_folder, sizeof(world->state_folder), "%s/state-%lld",
            temp_folder_path(world->folder), (long long)round);
    (void)mkdir(world->state_folder, 0700);
    (void)snprintf(target, sizeof(target), "target-%lld", (long long)round);
    free(world->target.path);
    world->target.path = strdup(temp_folder_join(world->folder, target));
    (void)snprintf(target, sizeof(target), "%s/%lld", HTTP_BASE, (long long)round);
    free(world->target.url);
    world->target.url = strdup(target);
    (void)snprintf(target, sizeof(target), "%lld/", (long long)round);
    free(world->target.prefix);
    world->target.prefix = strdup(target);
    put_server_init(&world->http, HTTP_BASE);
    s3_server_init(&world->s3);
    if (world->mirrors)
        begin_mirror(world, round);
}

static void
end_round(struct world *world)
{
    put_server_fini(&world->http);
    s3_server_fini(&world->s3);
}

static size_t
count_jobs(const struct world *world)
{
    char folder[sizeof(world->state_folder) + 16];
    struct aks_os *os = NULL;
    char **ids = NULL;
    size_t count = 0;

    (void)snprintf(folder, sizeof(folder), "%s/queue", world->state_folder);
    assert_int_equal(aks_os_open(aks_alloc_system(), &os, NULL), AKS_OK);
    assert_int_equal(aks_queue_list(aks_os_port(os), folder, &ids, &count, NULL), AKS_OK);
    for (size_t i = 0; i < count; i++)
        free(ids[i]);
    free(ids);
    aks_os_close(os);
    return count;
}

static void
note_report(struct outcome *outcome, json_t *report)
{
    const char *text = json_string_value(json_object_get(report, "outcome"));

    outcome->code = (int)json_integer_value(json_object_get(report, "exit_code"));
    (void)snprintf(outcome->text, sizeof(outcome->text), "%s", text != NULL ? text : "");
    json_decref(report);
}

static void
list_target(struct world *world, struct aks_engine *engine)
{
    struct aks_listing_options options = { 0 };
    struct aks_error err = { 0 };
    json_t *listing = NULL;

    options.policy = &world->policy;
    if (aks_listing(engine, &options, &listing, &err) != AKS_OK)
        assert_true(err.message[0] != '\0');
    else
        assert_non_null(json_object_get(listing, "error"));
    json_decref(listing);
}

/* As in the queue: the run was given this before. */
static void
init_job(const struct aks_alloc *alloc, struct aks_job *job)
{
    aks_job_init(job, alloc);
    (void)snprintf(job->id, sizeof(job->id), "%s", JOB_ID);
    job->enqueued_at_ms = 1;
    job->tries = 1;
}

static void
run_engine(struct world *world, const struct aks_port *port, bool takes_up,
    struct outcome *outcome)
{
    struct aks_engine_options options = { 0 };
    struct aks_run_options run = { 0 };
    struct aks_engine *engine = NULL;
    struct aks_job job;
    json_t *report = NULL;

    options.port = port;
    options.state_folder = world->state_folder;
    options.loader.load = no_loader;
    outcome->status = aks_engine_open(&options, &engine, &outcome->err);
    if (outcome->status != AKS_OK)
        return;
    init_job(port->alloc, &job);
    run.policy = &world->policy;
    run.policy_text = &world->text;
    run.environment = &world->environment;
    run.sources = world->sources;
    run.source_count = SOURCES;
    run.source_folder = temp_folder_path(world->folder);
    run.job = takes_up ? &job : NULL;
    outcome->status = aks_run(engine, &run, &report, &outcome->err);
    if (report != NULL)
        note_report(outcome, report);
    if (world->lists)
        list_target(world, engine);
    aks_job_fini(&job);
    aks_engine_close(engine);
}

static void
use_servers(struct world *world, struct calm_jobs *calm, struct aks_port *port)
{
    port->environment.get = variable;
    switch (world->target.kind) {
    case AKS_TARGET_HTTP:
        port->http = world->http.http;
        calm->deliver = put_server_deliver;
        calm->server = &world->http;
        break;
    case AKS_TARGET_S3:
        port->http = world->s3.http;
        calm->deliver = s3_server_deliver;
        calm->server = &world->s3;
        break;
    case AKS_TARGET_AKOSHA:
    case AKS_TARGET_DIR:
        break;
    }
}

/* A whole process: ports, engine, run, and everything closed again. */
static struct outcome
run_once(struct world *world, const struct aks_alloc *alloc, bool takes_up)
{
    struct calm_jobs calm = { 0 };
    struct outcome outcome = { 0 };
    struct aks_os *os = NULL;
    struct aks_port port;

    outcome.status = aks_os_open(alloc, &os, &outcome.err);
    if (outcome.status != AKS_OK)
        return outcome;
    port = *aks_os_port(os);
    calm.events = &aks_os_port(os)->events;
    port.work = (struct aks_work) { calm_submit, calm_width, &calm };
    port.events = (struct aks_events) { calm_wait, calm_wake, &calm };
    use_servers(world, &calm, &port);
    run_engine(world, &port, takes_up, &outcome);
    assert_int_equal(calm.count, 0);
    aks_os_close(os);
    return outcome;
}

/* Puts the job that is taken up into the queue. */
static void
queue_job(struct world *world)
{
    char folder[sizeof(world->state_folder) + 16];
    char *sources[SOURCES];
    struct aks_os *os = NULL;
    struct aks_job job;

    (void)snprintf(folder, sizeof(folder), "%s/queue", world->state_folder);
    init_job(aks_alloc_system(), &job);
    memcpy(sources, world->sources, sizeof(sources));
    job.sources = sources;
    job.source_count = SOURCES;
    job.policy = world->text;
    assert_int_equal(aks_os_open(aks_alloc_system(), &os, NULL), AKS_OK);
    assert_int_equal(aks_queue_put(aks_os_port(os), folder, &job, NULL), AKS_OK);
    aks_os_close(os);
}

/* How many sources the job that was taken up still owes; 0 if it is gone. */
static size_t
still_owed(const struct world *world)
{
    char folder[sizeof(world->state_folder) + 16];
    struct aks_os *os = NULL;
    struct aks_job job;
    size_t count = 0;

    (void)snprintf(folder, sizeof(folder), "%s/queue", world->state_folder);
    assert_int_equal(aks_os_open(aks_alloc_system(), &os, NULL), AKS_OK);
    aks_job_init(&job, aks_alloc_system());
    if (aks_queue_get(aks_os_port(os), folder, JOB_ID, &job, NULL) == AKS_OK)
        count = job.source_count;
    aks_job_fini(&job);
    aks_os_close(os);
    return count;
}

/* Whatever failed: it is told, and the work is done, or kept, or told to be not kept. */
static void
check_failed_run(const struct world *world, const struct outcome *outcome)
{
    bool delivered = strcmp(outcome->text, "stored") == 0;

    if (outcome->status != AKS_OK)
        assert_true(outcome->err.message[0] != '\0');
    else if (outcome->code == 0)
        assert_true(delivered);
    else if (world->takes_up || outcome->code != 7)
        assert_true(count_jobs(world) > 0);
    /* What a job of the queue owes is in it until it is delivered. */
    if (world->takes_up && !delivered)
        assert_int_equal(still_owed(world), strcmp(outcome->text, "partial") == 0 ? 1 : SOURCES);
}

static void
check_clean_run(const struct world *world, const struct outcome *outcome)
{
    assert_int_equal(outcome->status, AKS_OK);
    assert_int_equal(outcome->code, 0);
    assert_true(strcmp(outcome->text, "stored") == 0 || strcmp(outcome->text, "unchanged") == 0);
    assert_int_equal(count_jobs(world), 0);
}

/* One run with allocation ${round} failing, then one without failures. True if that allocation
 * was never made. */
static bool
run_round(struct world *world, int64_t round)
{
    struct failing_alloc failing;
    struct outcome outcome;

    begin_round(world, round);
    if (world->takes_up)
        queue_job(world);
    failing_alloc_init(&failing);
    failing.fail_at = round;
    outcome = run_once(world, &failing.alloc, world->takes_up);
    if (failing.outstanding != 0)
        print_error("allocation %lld: blocks are left\n", (long long)round);
    assert_int_equal(failing.outstanding, 0);
    check_failed_run(world, &outcome);
    /* A job that is done, but could not be removed for want of memory, is removed by the next. */
    if (outcome.code != 0 || outcome.status != AKS_OK || count_jobs(world) > 0)
        outcome = run_once(world, aks_alloc_system(), false);
    check_clean_run(world, &outcome);
    end_round(world);
    return failing.seen <= round;
}

/* Every ${stride}-th allocation fails in its turn: of what most runs share, one takes each. */
static void
run_with_failures(struct world *world, enum aks_target_kind kind, enum aks_codec codec,
    int64_t stride)
{
    world->target.kind = kind;
    world->settings.compress.codec = codec;
    for (int64_t round = 0; round < ROUNDS_MAX; round += stride) {
        if (run_round(world, round))
            return;
    }
    fail_msg("still allocating after %d rounds", ROUNDS_MAX);
}

static void
run_to_a_folder_survives_any_allocation_that_fails(void **state)
{
    run_with_failures(*state, AKS_TARGET_DIR, AKS_CODEC_NONE, 1);
}

static void
first_run_that_compresses_survives_any_allocation_that_fails(void **state)
{
    struct world *world = *state;

    world->afresh = true;
    run_with_failures(world, AKS_TARGET_DIR, AKS_CODEC_ZSTD, 3);
}

static void
run_that_tries_again_survives_any_allocation_that_fails(void **state)
{
    struct world *world = *state;

    world->verdict = AKS_WAIT;
    run_with_failures(world, AKS_TARGET_DIR, AKS_CODEC_GZIP, 3);
}

static void
job_loses_nothing_to_any_allocation_that_fails(void **state)
{
    struct world *world = *state;

    world->takes_up = true;
    run_with_failures(world, AKS_TARGET_DIR, AKS_CODEC_NONE, 1);
}

static void
run_to_a_bucket_survives_any_allocation_that_fails(void **state)
{
    struct world *world = *state;

    world->lists = true;
    run_with_failures(world, AKS_TARGET_S3, AKS_CODEC_ZSTD, 3);
}

/* A copy that is there is not owed because the other one is not. */
static void
run_to_a_mirror_survives_any_allocation_that_fails(void **state)
{
    struct world *world = *state;

    world->mirrors = true;
    run_with_failures(world, AKS_TARGET_DIR, AKS_CODEC_NONE, 2);
}

static void
run_to_a_url_survives_any_allocation_that_fails(void **state)
{
    run_with_failures(*state, AKS_TARGET_HTTP, AKS_CODEC_GZIP, 3);
}

int
main(void)
{
#define MEMORY_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        MEMORY_TEST(run_to_a_folder_survives_any_allocation_that_fails),
        MEMORY_TEST(first_run_that_compresses_survives_any_allocation_that_fails),
        MEMORY_TEST(run_that_tries_again_survives_any_allocation_that_fails),
        MEMORY_TEST(job_loses_nothing_to_any_allocation_that_fails),
        MEMORY_TEST(run_to_a_bucket_survives_any_allocation_that_fails),
        MEMORY_TEST(run_to_a_mirror_survives_any_allocation_that_fails),
        MEMORY_TEST(run_to_a_url_survives_any_allocation_that_fails),
    };

    return cmocka_run_group_tests_name("run_memory", tests, NULL, NULL);
}
