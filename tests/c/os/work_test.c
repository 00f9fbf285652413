#include "base/check.h"
#include "os/os.h"
#include "support/failing_alloc.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define JOBS AKS_WORK_QUEUE_MAX

struct job {
    const struct aks_port *port;
    pthread_t loop;
    uint64_t input;
    uint64_t output;
    bool signals_blocked;
    bool elsewhere;
    unsigned *done_count;
    unsigned submit_more;
};

static struct aks_os *
open_os(void)
{
    struct aks_os *os = NULL;

    assert_int_equal(aks_os_open(aks_alloc_system(), &os, NULL), AKS_OK);
    return os;
}

static void
mix(void *arg)
{
    struct job *job = arg;
    uint64_t x = job->input;
    sigset_t mask;

    for (unsigned i = 0; i < 1000; i++)
        x = x * 6364136223846793005u + 1442695040888963407u;
    job->output = x;
    job->elsewhere = !pthread_equal(pthread_self(), job->loop);
    job->signals_blocked = pthread_sigmask(SIG_SETMASK, NULL, &mask) == 0
        && sigismember(&mask, SIGINT) == 1 && sigismember(&mask, SIGTERM) == 1;
}

static void
count_done(void *arg)
{
    struct job *job = arg;

    assert_true(pthread_equal(pthread_self(), job->loop));
    (*job->done_count)++;
    if (job->submit_more > 0) {
        job->submit_more--;
        assert_int_equal(job->port->work.submit(job->port->work.ctx, mix, count_done, job, NULL),
            AKS_OK);
    }
}

static void
wait_for(const struct aks_port *port, const unsigned *count, unsigned wanted)
{
    while (*count < wanted)
        assert_int_equal(port->events.wait(port->events.ctx, -1, NULL), AKS_OK);
}

static void
submit(const struct aks_port *port, struct job *job, unsigned *done_count)
{
    job->port = port;
    job->loop = pthread_self();
    job->done_count = done_count;
    assert_int_equal(port->work.submit(port->work.ctx, mix, count_done, job, NULL), AKS_OK);
}

static void
jobs_run_elsewhere_and_are_delivered_here(void **state)
{
    static struct job jobs[JOBS];
    struct aks_os *os = open_os();
    const struct aks_port *port = aks_os_port(os);
    unsigned done = 0;

    for (unsigned round = 0; round < 5; round++) {
        memset(jobs, 0, sizeof(jobs));
        done = 0;
        for (unsigned i = 0; i < JOBS; i++) {
            jobs[i].input = i;
            submit(port, &jobs[i], &done);
        }
        assert_int_equal(done, 0);
        wait_for(port, &done, JOBS);
        for (unsigned i = 0; i < JOBS; i++) {
            struct job again = jobs[i];

            assert_true(jobs[i].elsewhere);
            assert_true(jobs[i].signals_blocked);
            mix(&again);
            assert_true(again.output == jobs[i].output);
        }
    }
    aks_os_close(os);
}

static void
completion_may_submit_again(void **state)
{
    struct aks_os *os = open_os();
    struct job job = { .submit_more = 100 };
    unsigned done = 0;

    submit(aks_os_port(os), &job, &done);
    wait_for(aks_os_port(os), &done, 101);
    assert_int_equal(job.submit_more, 0);
    aks_os_close(os);
}

static void
queue_refuses_one_job_too_many(void **state)
{
    static struct job jobs[JOBS + 1];
    struct aks_os *os = open_os();
    const struct aks_port *port = aks_os_port(os);
    struct aks_error err;
    unsigned done = 0;

    memset(jobs, 0, sizeof(jobs));
    for (unsigned i = 0; i < JOBS; i++)
        submit(port, &jobs[i], &done);
    assert_int_equal(port->work.submit(port->work.ctx, mix, count_done, &jobs[JOBS], &err),
        AKS_LIMIT);
    assert_string_equal(err.message, "cannot queue work: 1024 jobs are under way already");
    wait_for(port, &done, JOBS);
    submit(port, &jobs[JOBS], &done);
    wait_for(port, &done, JOBS + 1);
    aks_os_close(os);
}

struct gate {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned inside;
    bool open;
    atomic_uint ran;
};

static void
wait_at_gate(void *arg)
{
    struct gate *gate = arg;

    atomic_fetch_add(&gate->ran, 1);
    AKS_CHECK(pthread_mutex_lock(&gate->lock) == 0);
    gate->inside++;
    AKS_CHECK(pthread_cond_broadcast(&gate->changed) == 0);
    while (!gate->open)
        AKS_CHECK(pthread_cond_wait(&gate->changed, &gate->lock) == 0);
    AKS_CHECK(pthread_mutex_unlock(&gate->lock) == 0);
}

static void
never_done(void *arg)
{
    fail_msg("a completion after close");
}

static void
gate_init(struct gate *gate)
{
    memset(gate, 0, sizeof(*gate));
    AKS_CHECK(pthread_mutex_init(&gate->lock, NULL) == 0);
    AKS_CHECK(pthread_cond_init(&gate->changed, NULL) == 0);
}

static void
gate_wait_for(struct gate *gate, unsigned count)
{
    AKS_CHECK(pthread_mutex_lock(&gate->lock) == 0);
    while (gate->inside < count)
        AKS_CHECK(pthread_cond_wait(&gate->changed, &gate->lock) == 0);
    AKS_CHECK(pthread_mutex_unlock(&gate->lock) == 0);
}

static void
gate_open(struct gate *gate)
{
    AKS_CHECK(pthread_mutex_lock(&gate->lock) == 0);
    gate->open = true;
    AKS_CHECK(pthread_cond_broadcast(&gate->changed) == 0);
    AKS_CHECK(pthread_mutex_unlock(&gate->lock) == 0);
}

/* As many jobs as the width says are inside at one time, or this test would never end. */
static void
as_many_jobs_run_side_by_side_as_width_says(void **state)
{
    struct aks_os *os = open_os();
    const struct aks_port *port = aks_os_port(os);
    unsigned width = port->work.width(port->work.ctx);
    struct gate gate;

    assert_in_range(width, 2, 8);
    gate_init(&gate);
    for (unsigned i = 0; i < width; i++)
        assert_int_equal(port->work.submit(port->work.ctx, wait_at_gate, never_done, &gate, NULL),
            AKS_OK);
    gate_wait_for(&gate, width);
    gate_open(&gate);
    aks_os_close(os);
    assert_int_equal(gate.ran, width);
}

static void *
open_gate_later(void *arg)
{
    gate_open(arg);
    return NULL;
}

static void
close_drops_what_has_not_begun_and_waits_for_what_has(void **state)
{
    struct aks_os *os = open_os();
    const struct aks_port *port = aks_os_port(os);
    unsigned width = port->work.width(port->work.ctx);
    struct gate gate;
    pthread_t opener;

    gate_init(&gate);
    for (unsigned i = 0; i < width + 50; i++)
        assert_int_equal(port->work.submit(port->work.ctx, wait_at_gate, never_done, &gate, NULL),
            AKS_OK);
    gate_wait_for(&gate, width);
    assert_int_equal(pthread_create(&opener, NULL, open_gate_later, &gate), 0);
    aks_os_close(os);
    assert_int_equal(pthread_join(opener, NULL), 0);
    /* Workers that came out before they were told to end may have taken more, but then did all of
     * it. */
    assert_in_range(gate.ran, width, width + 50);
    assert_int_equal(gate.ran, gate.inside);
}

static void *
wake_often(void *arg)
{
    const struct aks_port *port = arg;

    for (unsigned i = 0; i < 1000; i++)
        port->events.wake(port->events.ctx);
    return NULL;
}

static void
wake_ends_a_wait_from_another_thread(void **state)
{
    struct aks_os *os = open_os();
    const struct aks_port *port = aks_os_port(os);
    pthread_t waker;

    assert_int_equal(pthread_create(&waker, NULL, wake_often, (void *)(uintptr_t)port), 0);
    assert_int_equal(port->events.wait(port->events.ctx, -1, NULL), AKS_OK);
    assert_int_equal(pthread_join(waker, NULL), 0);
    aks_os_close(os);
}

static void
wake_before_a_wait_ends_the_next(void **state)
{
    struct aks_os *os = open_os();
    const struct aks_port *port = aks_os_port(os);

    port->events.wake(port->events.ctx);
    port->events.wake(port->events.ctx);
    assert_int_equal(port->events.wait(port->events.ctx, -1, NULL), AKS_OK);
    assert_int_equal(port->events.wait(port->events.ctx, 0, NULL), AKS_OK);
    assert_int_equal(port->events.wait(port->events.ctx, 1000000, NULL), AKS_OK);
    aks_os_close(os);
}

static const struct aks_port *signalled;

static void
wake_from_handler(int number)
{
    signalled->events.wake(signalled->events.ctx);
}

static void
wake_may_come_from_a_signal_handler(void **state)
{
    struct aks_os *os = open_os();
    struct sigaction action = { .sa_handler = wake_from_handler };
    struct sigaction before;

    signalled = aks_os_port(os);
    assert_int_equal(sigaction(SIGUSR1, &action, &before), 0);
    assert_int_equal(raise(SIGUSR1), 0);
    assert_int_equal(signalled->events.wait(signalled->events.ctx, -1, NULL), AKS_OK);
    assert_int_equal(sigaction(SIGUSR1, &before, NULL), 0);
    aks_os_close(os);
}

static int
use_work(void *ctx, const struct aks_alloc *alloc)
{
    struct aks_os *os = NULL;
    struct aks_error err;
    struct job job = { .submit_more = 0 };
    unsigned done = 0;

    if (aks_os_open(alloc, &os, &err) != AKS_OK)
        return err.status == AKS_LIMIT ? 0 : 1;
    job.port = aks_os_port(os);
    job.loop = pthread_self();
    job.done_count = &done;
    if (job.port->work.submit(job.port->work.ctx, mix, count_done, &job, &err) == AKS_OK)
        wait_for(job.port, &done, 1);
    aks_os_close(os);
    return 0;
}

static void
work_survives_any_allocation_that_fails(void **state)
{
    failing_alloc_loop(use_work, NULL, 100);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jobs_run_elsewhere_and_are_delivered_here),
        cmocka_unit_test(completion_may_submit_again),
        cmocka_unit_test(queue_refuses_one_job_too_many),
        cmocka_unit_test(as_many_jobs_run_side_by_side_as_width_says),
        cmocka_unit_test(close_drops_what_has_not_begun_and_waits_for_what_has),
        cmocka_unit_test(wake_ends_a_wait_from_another_thread),
        cmocka_unit_test(wake_before_a_wait_ends_the_next),
        cmocka_unit_test(wake_may_come_from_a_signal_handler),
        cmocka_unit_test(work_survives_any_allocation_that_fails),
    };

    return cmocka_run_group_tests_name("work", tests, NULL, NULL);
}
