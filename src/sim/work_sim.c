#include "sim/work_sim.h"

#include "base/check.h"

#include <string.h>

/* Work takes up to so much virtual time: enough to come in any order, too little to matter. */
#define DELAY_NS_MAX 100000

struct aks_work_sim_job {
    struct aks_agenda_entry entry;
    struct aks_work_sim *work;
    struct aks_work_sim_job *prev;
    struct aks_work_sim_job *next;
    aks_work_fn *fn;
    aks_work_done *done;
    void *arg;
};

static void
take_out(struct aks_work_sim_job *job)
{
    struct aks_work_sim *work = job->work;

    aks_agenda_remove(work->agenda, &job->entry);
    if (job->prev != NULL)
        job->prev->next = job->next;
    else
        work->jobs = job->next;
    if (job->next != NULL)
        job->next->prev = job->prev;
    AKS_CHECK(work->under_way > 0);
    work->under_way--;
}

static void
fire(void *ctx)
{
    struct aks_work_sim_job *job = ctx;
    aks_work_done *done = job->done;
    void *arg = job->arg;

    job->fn(arg);
    take_out(job);
    aks_mem_free(job->work->alloc, job);
    done(arg);
}

static enum aks_status
submit(void *ctx, aks_work_fn *fn, aks_work_done *done, void *arg, struct aks_error *err)
{
    struct aks_work_sim *work = ctx;
    struct aks_work_sim_job *job;

    if (work->under_way == AKS_WORK_QUEUE_MAX)
        return aks_error_set(err, AKS_LIMIT, "too much work at once");
    job = aks_mem_new(work->alloc, sizeof(*job));
    if (job == NULL)
        return aks_error_memory(err, "submitting work");
    job->work = work;
    job->fn = fn;
    job->done = done;
    job->arg = arg;
    if (aks_agenda_enter(work->agenda, &job->entry,
            (int64_t)(aks_rng_next(&work->rng) % DELAY_NS_MAX), fire, job) != AKS_OK) {
        aks_mem_free(work->alloc, job);
        return aks_error_memory(err, "submitting work");
    }
    job->next = work->jobs;
    if (work->jobs != NULL)
        work->jobs->prev = job;
    work->jobs = job;
    work->under_way++;
    return AKS_OK;
}

static unsigned
width(void *ctx)
{
    const struct aks_work_sim *work = ctx;

    return work->width;
}

void
aks_work_sim_init(struct aks_work_sim *work, const struct aks_alloc *alloc,
    struct aks_agenda *agenda, uint64_t seed, unsigned wide)
{
    memset(work, 0, sizeof(*work));
    work->alloc = alloc;
    work->agenda = agenda;
    work->width = wide;
    aks_rng_init(&work->rng, seed);
}

void
aks_work_sim_fini(struct aks_work_sim *work)
{
    while (work->jobs != NULL) {
        struct aks_work_sim_job *job = work->jobs;

        take_out(job);
        aks_mem_free(work->alloc, job);
    }
}

struct aks_work
aks_work_sim_port(struct aks_work_sim *work)
{
    return (struct aks_work) { submit, width, work };
}

void
aks_work_sim_drain(struct aks_work_sim *work)
{
    while (work->jobs != NULL)
        fire(work->jobs);
}
