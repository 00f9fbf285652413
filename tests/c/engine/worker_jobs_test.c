/* What a worker knows of the queue, without memory: it forgets no job, and calls none damaged that
 * is whole. */
#include "engine/worker_jobs.h"

#include "base/units.h"
#include "support/failing_alloc.h"
#include "queue_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define DAMAGED "20261123T084513Z-00000d"
#define WHOLE 3
#define ROUNDS_MAX 2000

static const char *const ids[WHOLE] = { "20261123T084512Z-00000a", "20261123T084512Z-00000b",
    "20261123T084512Z-00000c" };

static int64_t clock_ns;

static int64_t
now_ns(void *ctx)
{
    return clock_ns;
}

static void
put(const char *id, int64_t enqueued_at_ms, const char *source)
{
    const struct aks_alloc *alloc = aks_alloc_system();
    struct aks_job job;

    aks_job_init(&job, alloc);
    (void)snprintf(job.id, sizeof(job.id), "%s", id);
    job.enqueued_at_ms = enqueued_at_ms;
    job.sources = aks_mem_array(alloc, 1, sizeof(*job.sources));
    job.handed = aks_mem_array(alloc, 1, sizeof(*job.handed));
    job.message = aks_mem_strdup(alloc, "cannot put \"x\": 503 \xc3\xa4");
    assert_non_null(job.sources);
    assert_non_null(job.handed);
    job.sources[job.source_count++] = aks_mem_strdup(alloc, source);
    job.handed[job.handed_count++] = aks_mem_strdup(alloc, "AWS_SESSION_TOKEN");
    if (aks_queue_put(&port, queue, &job, &err) != AKS_OK)
        fail_msg("%s", err.message);
    aks_job_fini(&job);
}

static void
put_all(const char *source)
{
    for (int i = 0; i < WHOLE; i++)
        put(ids[i], 1000 + i, source);
}

static int
set_up(void **state)
{
    if (open_place(state) != 0)
        return -1;
    port.clock.now_ns = now_ns;
    clock_ns = AKS_NS_PER_S;
    put_all("/home/a/b.duckdb");
    (void)temp_folder_write(folder, "queue/" DAMAGED ".json", "{", 1);
    return 0;
}

static void
gone(void *ctx, const char *id)
{
    fail_msg("%s is there", id);
}

/* What is known is true, as far as it is known. */
static void
assert_true_jobs(struct aks_worker_jobs *jobs)
{
    assert_int_equal(jobs->count, WHOLE + 1);
    for (int i = 0; i < WHOLE; i++) {
        const struct aks_worker_job *job = aks_worker_jobs_find(jobs, ids[i]);

        assert_non_null(job);
        assert_false(job->damaged);
        if (job->unread == 0)
            assert_int_equal(job->enqueued_at_ms, 1000 + i);
        else
            assert_string_equal(job->failure, aks_status_name(AKS_LIMIT));
    }
    assert_true(aks_worker_jobs_left(jobs) >= WHOLE);
}

static void
scan_without(struct aks_worker_jobs *jobs, const struct aks_port *failing)
{
    size_t before = jobs->count;
    enum aks_status status;

    aks_error_clear(&err);
    status = aks_worker_jobs_scan(jobs, failing, queue, gone, NULL, &err);
    if (status == AKS_OK) {
        assert_true_jobs(jobs);
        return;
    }
    assert_int_equal(status, AKS_LIMIT);
    assert_int_equal(err.status, AKS_LIMIT);
    assert_non_null(strstr(err.message, "memory"));
    assert_int_equal(jobs->count, before);
}

/* The next look, after a moment and with memory: all is known. */
static void
scan_again(struct aks_worker_jobs *jobs, struct failing_alloc *failing)
{
    failing->lasting = false;
    failing->fail_at = -1;
    clock_ns += AKS_WORKER_READ_AGAIN_MS * AKS_NS_PER_MS;
    assert_int_equal(aks_worker_jobs_scan(jobs, &port, queue, gone, NULL, &err), AKS_OK);
    assert_true_jobs(jobs);
    assert_true(aks_worker_jobs_find(jobs, DAMAGED)->damaged);
    assert_int_equal(aks_worker_jobs_left(jobs), WHOLE);
    for (int i = 0; i < WHOLE; i++) {
        assert_int_equal(aks_worker_jobs_find(jobs, ids[i])->unread, 0);
        assert_true(aks_worker_jobs_find(jobs, ids[i])->expects);
    }
    assert_string_equal(aks_worker_jobs_next(jobs, clock_ns, false)->id, ids[WHOLE - 1]);
}

static int
look_first(void *ctx, const struct aks_alloc *alloc)
{
    struct aks_port failing = port;
    struct aks_worker_jobs jobs;

    failing.alloc = alloc;
    aks_worker_jobs_init(&jobs, alloc);
    scan_without(&jobs, &failing);
    scan_again(&jobs, alloc->ctx);
    aks_worker_jobs_fini(&jobs);
    return 0;
}

/* What was known before is written anew meanwhile. */
static int
look_again(void *ctx, const struct aks_alloc *alloc)
{
    struct aks_port failing = port;
    struct aks_worker_jobs jobs;

    failing.alloc = alloc;
    aks_worker_jobs_init(&jobs, aks_alloc_system());
    assert_int_equal(aks_worker_jobs_scan(&jobs, &port, queue, gone, NULL, &err), AKS_OK);
    put_all("/home/a/of_another_length.duckdb");
    scan_without(&jobs, &failing);
    scan_again(&jobs, alloc->ctx);
    aks_worker_jobs_fini(&jobs);
    put_all("/home/a/b.duckdb");
    return 0;
}

static void
first_look_without_memory(void **state)
{
    failing_alloc_loop(look_first, NULL, ROUNDS_MAX);
    failing_alloc_loop_lasting(look_first, NULL, ROUNDS_MAX);
}

static void
another_look_without_memory(void **state)
{
    failing_alloc_loop(look_again, NULL, ROUNDS_MAX);
    failing_alloc_loop_lasting(look_again, NULL, ROUNDS_MAX);
}

int
main(void)
{
#define JOBS_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, close_place)
    const struct CMUnitTest tests[] = {
        JOBS_TEST(first_look_without_memory),
        JOBS_TEST(another_look_without_memory),
    };

    return cmocka_run_group_tests_name("worker_jobs", tests, NULL, NULL);
}
