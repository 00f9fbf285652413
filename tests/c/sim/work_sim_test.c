#include "sim/work_sim.h"

#include "support/failing_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define JOBS 20

struct place {
    struct aks_agenda agenda;
    struct aks_work_sim work;
    struct aks_work port;
};

static void
place_init(struct place *place, const struct aks_alloc *alloc, uint64_t seed)
{
    aks_agenda_init(&place->agenda, alloc, seed, 0);
    aks_work_sim_init(&place->work, alloc, &place->agenda, seed, 3);
    place->port = aks_work_sim_port(&place->work);
}

static void
place_fini(struct place *place)
{
    aks_work_sim_fini(&place->work);
    aks_agenda_fini(&place->agenda);
}

struct job {
    struct place *place;
    char name;
    char *order;                /* of names, as they complete; NULL: nobody asks */
    unsigned ran;
    unsigned done;
    unsigned more;              /* so many times it is submitted again as it completes */
};

static void
run(void *arg)
{
    struct job *job = arg;

    assert_int_equal(job->ran, job->done);
    job->ran++;
}

static void submit(struct job *job);

static void
done(void *arg)
{
    struct job *job = arg;
    char *order = job->order;

    job->done++;
    assert_int_equal(job->ran, job->done);
    if (order != NULL)
        order[strlen(order)] = job->name;
    if (job->more > 0) {
        job->more--;
        submit(job);
    }
}

static void
submit(struct job *job)
{
    const struct aks_work *port = &job->place->port;
    unsigned ran = job->ran;

    assert_int_equal(port->submit(port->ctx, run, done, job, NULL), AKS_OK);
    assert_int_equal(job->ran, ran);
}

static void
order_of(uint64_t seed, char order[JOBS + 1])
{
    struct place place;
    struct job jobs[JOBS];

    memset(jobs, 0, sizeof(jobs));
    memset(order, 0, JOBS + 1);
    place_init(&place, aks_alloc_system(), seed);
    for (unsigned i = 0; i < JOBS; i++) {
        jobs[i].place = &place;
        jobs[i].name = (char)('a' + i);
        jobs[i].order = order;
        submit(&jobs[i]);
    }
    assert_int_equal(place.work.under_way, JOBS);
    while (aks_agenda_step(&place.agenda, -1))
        continue;
    for (unsigned i = 0; i < JOBS; i++)
        assert_int_equal(jobs[i].done, 1);
    assert_int_equal(place.work.under_way, 0);
    place_fini(&place);
}

static void
work_completes_once_and_in_the_order_of_the_seed(void **state)
{
    char first[JOBS + 1];
    char again[JOBS + 1];
    char other[JOBS + 1];

    order_of(5, first);
    order_of(5, again);
    order_of(6, other);
    assert_int_equal(strlen(first), JOBS);
    assert_string_equal(first, again);
    assert_string_not_equal(first, other);
    assert_string_not_equal(first, "abcdefghijklmnopqrst");
}

static void
drain_completes_what_completions_submit_too(void **state)
{
    struct place place;
    struct job jobs[3] = { { 0 } };

    place_init(&place, aks_alloc_system(), 1);
    for (unsigned i = 0; i < 3; i++) {
        jobs[i].place = &place;
        jobs[i].more = i * 4;
        submit(&jobs[i]);
    }
    aks_work_sim_drain(&place.work);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(jobs[i].done, 1 + i * 4);
    assert_int_equal(place.work.under_way, 0);
    assert_int_equal(place.agenda.now_ns, 0);
    assert_false(aks_agenda_step(&place.agenda, -1));
    aks_work_sim_drain(&place.work);
    place_fini(&place);
}

static void
queue_has_a_maximum(void **state)
{
    static struct job jobs[AKS_WORK_QUEUE_MAX + 1];
    struct place place;
    struct aks_error err;

    memset(jobs, 0, sizeof(jobs));
    place_init(&place, aks_alloc_system(), 1);
    for (unsigned i = 0; i <= AKS_WORK_QUEUE_MAX; i++)
        jobs[i].place = &place;
    for (unsigned i = 0; i < AKS_WORK_QUEUE_MAX; i++)
        submit(&jobs[i]);
    assert_int_equal(place.port.submit(place.port.ctx, run, done, &jobs[AKS_WORK_QUEUE_MAX], &err),
        AKS_LIMIT);
    assert_int_equal(err.status, AKS_LIMIT);
    assert_true(aks_agenda_step(&place.agenda, -1));
    submit(&jobs[AKS_WORK_QUEUE_MAX]);
    aks_work_sim_drain(&place.work);
    for (unsigned i = 0; i <= AKS_WORK_QUEUE_MAX; i++)
        assert_int_equal(jobs[i].done, 1);
    place_fini(&place);
}

static unsigned completions;

static void
fill(void *arg)
{
    memset(arg, 'x', 64);
}

static void
free_own(void *arg)
{
    completions++;
    free(arg);
}

/* What work is done on belongs to its owner until done, and may be freed there. */
static void
argument_lives_until_done_and_not_longer(void **state)
{
    struct place place;

    completions = 0;
    place_init(&place, aks_alloc_system(), 1);
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(place.port.submit(place.port.ctx, fill, free_own, malloc(64), NULL),
            AKS_OK);
    for (unsigned i = 0; i < 5; i++)
        assert_true(aks_agenda_step(&place.agenda, -1));
    assert_int_equal(completions, 5);
    aks_work_sim_drain(&place.work);
    assert_int_equal(completions, 10);
    place_fini(&place);
}

static void
work_takes_little_time(void **state)
{
    struct place place;
    struct job job = { &place, 'a', NULL, 0, 0, 0 };

    place_init(&place, aks_alloc_system(), 1);
    submit(&job);
    assert_true(aks_agenda_step(&place.agenda, -1));
    assert_in_range(place.agenda.now_ns, 0, 200000);
    place_fini(&place);
}

static void
fini_drops_what_is_under_way(void **state)
{
    struct place place;
    struct job job = { &place, 'a', NULL, 0, 0, 0 };

    place_init(&place, aks_alloc_system(), 1);
    submit(&job);
    place_fini(&place);
    assert_int_equal(job.ran + job.done, 0);
}

static void
width_is_as_it_was_made(void **state)
{
    struct place place;

    place_init(&place, aks_alloc_system(), 1);
    assert_int_equal(place.port.width(place.port.ctx), 3);
    place_fini(&place);
}

static int
submit_many(void *ctx, const struct aks_alloc *alloc)
{
    struct place place;
    struct job jobs[40];
    int wrong = 0;

    memset(jobs, 0, sizeof(jobs));
    place_init(&place, alloc, 1);
    for (unsigned i = 0; i < 40; i++) {
        enum aks_status status = place.port.submit(place.port.ctx, run, done, &jobs[i], NULL);

        jobs[i].place = status == AKS_OK ? &place : NULL;
        wrong += status != AKS_OK && status != AKS_LIMIT;
    }
    aks_work_sim_drain(&place.work);
    for (unsigned i = 0; i < 40; i++)
        wrong += jobs[i].done != (jobs[i].place != NULL ? 1 : 0);
    place_fini(&place);
    return wrong;
}

static void
work_that_cannot_be_had_is_not_done(void **state)
{
    failing_alloc_loop(submit_many, NULL, 100);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(work_completes_once_and_in_the_order_of_the_seed),
        cmocka_unit_test(drain_completes_what_completions_submit_too),
        cmocka_unit_test(queue_has_a_maximum),
        cmocka_unit_test(argument_lives_until_done_and_not_longer),
        cmocka_unit_test(work_takes_little_time),
        cmocka_unit_test(fini_drops_what_is_under_way),
        cmocka_unit_test(width_is_as_it_was_made),
        cmocka_unit_test(work_that_cannot_be_had_is_not_done),
    };

    return cmocka_run_group_tests_name("simulated work", tests, NULL, NULL);
}
