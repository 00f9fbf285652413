#include "engine/target_work.h"

#include "base/units.h"
#include "os/os.h"
#include "support/temp_folder.h"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* Far more than can be copied between two lines of a test. */
#define BODY_BYTES (64 * AKS_MIB)

struct watched {
    atomic_bool begun;              /* reading has begun */
    atomic_bool gone;               /* the owner has left: nothing may be read */
    atomic_bool broken;             /* something was */
};

static enum aks_status
read_watched(void *ctx, int64_t offset, void *data, size_t len, size_t *ret_len,
    struct aks_error *err)
{
    struct watched *watched = ctx;

    if (atomic_load(&watched->gone))
        atomic_store(&watched->broken, true);
    atomic_store(&watched->begun, true);
    memset(data, 'x', len);
    *ret_len = len;
    return AKS_OK;
}

static void
never_done(void *ctx, struct aks_target_work *work)
{
    fail_msg("done was called after its owner left");
}

static void
wait_until_none(const struct aks_port *port, const unsigned *lingering)
{
    while (*lingering > 0)
        assert_int_equal(port->events.wait(port->events.ctx, AKS_NS_PER_S, NULL), AKS_OK);
}

static void
nothing_is_read_after_its_owner_left(void **state)
{
    struct temp_folder *folder = temp_folder_new();
    struct watched watched = { false, false, false };
    const struct aks_body body = { BODY_BYTES, read_watched, &watched };
    struct aks_target_file *file = NULL;
    struct aks_target_work *work;
    const struct aks_port *port;
    struct aks_os *os = NULL;
    unsigned lingering = 0;

    assert_int_equal(aks_os_open(aks_alloc_system(), &os, NULL), AKS_OK);
    port = aks_os_port(os);
    assert_int_equal(aks_target_file_create(port, temp_folder_join(folder, "copy"), &file, NULL),
        AKS_OK);
    work = aks_target_work_copy(port, &body, file, 0);
    assert_non_null(work);
    aks_target_file_drop(file);
    assert_int_equal(aks_target_work_begin(work, never_done, NULL, NULL), AKS_OK);
    while (!atomic_load(&watched.begun))
        (void)sched_yield();
    aks_target_work_leave(work, &lingering);
    atomic_store(&watched.gone, true);
    assert_int_equal(lingering, 1);
    wait_until_none(port, &lingering);
    assert_false(atomic_load(&watched.broken));
    aks_os_close(os);
    temp_folder_free(folder);
}

struct count_job {
    struct aks_target_work work;    /* first */
    unsigned *runs;
    unsigned *releases;
};

static enum aks_status
run_count(struct aks_target_work *work, struct aks_error *err)
{
    struct count_job *job = (struct count_job *)work;

    assert_true(aks_target_work_hold(work));
    (*job->runs)++;
    aks_target_work_let(work);
    /* Whoever succeeds after all has no error to show. */
    (void)aks_error_set(err, AKS_STATE, "overcome");
    return AKS_OK;
}

static void
release_count(struct aks_target_work *work)
{
    (*((struct count_job *)work)->releases)++;
}

static void
count_done(void *ctx, struct aks_target_work *work)
{
    unsigned *calls = ctx;

    assert_int_equal(work->error.status, AKS_OK);
    (*calls)++;
}

static struct aks_target_work *
count_job(const struct aks_port *port, unsigned *runs, unsigned *releases)
{
    struct count_job *job = aks_mem_new(port->alloc, sizeof(*job));

    assert_non_null(job);
    job->work.port = port;
    job->work.run = run_count;
    job->work.release = release_count;
    job->runs = runs;
    job->releases = releases;
    return &job->work;
}

static enum aks_status
no_worker(void *ctx, aks_work_fn *fn, aks_work_done *done, void *arg, struct aks_error *err)
{
    return aks_error_set(err, AKS_LIMIT, "no worker");
}

static void
a_job_is_done_once_and_released(void **state)
{
    const struct aks_port *port;
    struct aks_port without;
    struct aks_os *os = NULL;
    unsigned runs = 0;
    unsigned releases = 0;
    unsigned calls = 0;

    assert_int_equal(aks_os_open(aks_alloc_system(), &os, NULL), AKS_OK);
    port = aks_os_port(os);
    assert_int_equal(aks_target_work_begin(count_job(port, &runs, &releases), count_done, &calls,
        NULL), AKS_OK);
    while (calls == 0)
        assert_int_equal(port->events.wait(port->events.ctx, AKS_NS_PER_S, NULL), AKS_OK);
    assert_int_equal(runs, 1);
    assert_int_equal(releases, 1);
    /* One that cannot begin is released as well, and not done. */
    without = *port;
    without.work.submit = no_worker;
    assert_int_equal(aks_target_work_begin(count_job(&without, &runs, &releases), never_done, NULL,
        NULL), AKS_LIMIT);
    assert_int_equal(runs, 1);
    assert_int_equal(releases, 2);
    aks_target_work_leave(NULL, NULL);
    aks_os_close(os);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_read_after_its_owner_left),
        cmocka_unit_test(a_job_is_done_once_and_released),
    };

    return cmocka_run_group_tests_name("target_work", tests, NULL, NULL);
}
