/* The queue without memory: each call says what has become of the job, and it is so. */
#include "engine/queue.h"

#include "engine/job_json.h"
#include "support/failing_alloc.h"
#include "queue_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define ID "20261123T084512Z-3f9a2c"
#define SOURCES 4

static void
make_job(struct aks_job *job)
{
    const struct aks_alloc *alloc = aks_alloc_system();

    aks_job_init(job, alloc);
    (void)snprintf(job->id, sizeof(job->id), ID);
    job->enqueued_at_ms = INT64_C(1795000000123);
    job->sources = aks_mem_array(alloc, SOURCES, sizeof(*job->sources));
    job->handed = aks_mem_array(alloc, 1, sizeof(*job->handed));
    assert_non_null(job->sources);
    assert_non_null(job->handed);
    for (; job->source_count < SOURCES; job->source_count++)
        job->sources[job->source_count] = aks_mem_printf(alloc, "/home/\xe4/%zu.duckdb",
            job->source_count);
    job->handed[job->handed_count++] = aks_mem_strdup(alloc, "AWS_SESSION_TOKEN");
    job->policy.path = aks_mem_strdup(alloc, "/home/a/policy.lua");
    job->policy.text = aks_mem_strndup(alloc, "return akosha.policy {}\0--", 26);
    job->policy.text_len = 26;
    job->target = aks_mem_strdup(alloc, "cloud");
    job->message = aks_mem_strdup(alloc, "cannot put x: 503 Slow Down");
}

/* All that lasts of it. */
static void
assert_same_job(const struct aks_job *a, const struct aks_job *b)
{
    struct aks_buf texts[2];

    for (int i = 0; i < 2; i++) {
        struct aks_job one = i == 0 ? *a : *b;

        one.alloc = aks_alloc_system();
        aks_buf_init(&texts[i], aks_alloc_system(), AKS_JOB_BYTES_MAX);
        assert_int_equal(aks_job_json_write(&one, &texts[i], &err), AKS_OK);
        aks_buf_putc(&texts[i], '\0');
    }
    assert_string_equal(texts[0].data, texts[1].data);
    aks_buf_fini(&texts[0]);
    aks_buf_fini(&texts[1]);
}

static void
put(const struct aks_job *job)
{
    if (aks_queue_put(&port, queue, job, &err) != AKS_OK)
        fail_msg("%s", err.message);
}

static void
free_ids(const struct aks_alloc *alloc, char **ids, size_t count)
{
    for (size_t i = 0; i < count; i++)
        aks_mem_free(alloc, ids[i]);
    aks_mem_free(alloc, ids);
}

/* The call that ended with ${status} has had no memory, or has done what it should. */
static bool
done(enum aks_status status)
{
    if (status == AKS_OK)
        return true;
    if (status != AKS_LIMIT || err.status != AKS_LIMIT || strstr(err.message, "memory") == NULL)
        fail_msg("%s: %s", aks_status_name(status), err.message);
    aks_error_clear(&err);
    return false;
}

/* With memory: is the job there? Then it is this one, and whole. */
static bool
is_there(const struct aks_job *job)
{
    struct aks_job got;
    char **ids = NULL;
    size_t count = 0;
    enum aks_status status = aks_queue_get(&port, queue, ID, &got, &err);

    if (status == AKS_OK)
        assert_same_job(&got, job);
    else
        assert_int_equal(status, AKS_NOT_FOUND);
    assert_int_equal(aks_queue_list(&port, queue, &ids, &count, &err), AKS_OK);
    assert_int_equal(count, status == AKS_OK);
    free_ids(aks_alloc_system(), ids, count);
    aks_job_fini(&got);
    aks_error_clear(&err);
    return status == AKS_OK;
}

/* Every call says what has become of the job, and it is so. */
static int
use_queue(void *ctx, const struct aks_alloc *alloc)
{
    struct aks_port failing = port;
    struct aks_job job = *(const struct aks_job *)ctx;
    struct aks_job got;
    char **ids = NULL;
    size_t count = 0;

    failing.alloc = alloc;
    job.alloc = alloc;          /* for what is only needed while it is written */
    aks_error_clear(&err);
    if (done(aks_queue_put(&failing, queue, &job, &err)))
        assert_true(is_there(ctx));
    else
        (void)is_there(ctx);    /* nobody was told so, but it is whole */
    put(ctx);
    if (done(aks_queue_list(&failing, queue, &ids, &count, &err))) {
        assert_int_equal(count, 1);
        assert_string_equal(ids[0], ID);
    } else {
        assert_null(ids);
    }
    free_ids(alloc, ids, count);
    if (done(aks_queue_get(&failing, queue, ID, &got, &err)))
        assert_same_job(&got, ctx);
    else
        assert_int_equal(got.source_count, 0);
    aks_job_fini(&got);
    job.tries++;
    if (done(aks_queue_replace(&failing, queue, &job, &err)))
        assert_true(is_there(&job));
    put(ctx);
    (void)done(aks_queue_put_instead(&failing, queue, &job, &err));
    put(ctx);
    if (done(aks_queue_remove(&failing, queue, ID, &err)))
        assert_false(is_there(ctx));
    else
        assert_true(is_there(ctx));
    (void)aks_queue_remove(&port, queue, ID, NULL);
    return 0;
}

static void
queue_survives_any_allocation_that_fails(void **state)
{
    struct aks_job job;

    make_job(&job);
    failing_alloc_loop(use_queue, &job, 1000);
    failing_alloc_loop_lasting(use_queue, &job, 1000);
    aks_job_fini(&job);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(queue_survives_any_allocation_that_fails, open_place,
            close_place),
    };

    return cmocka_run_group_tests_name("queue_memory", tests, NULL, NULL);
}
