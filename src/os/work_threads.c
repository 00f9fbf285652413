#include "os/work_threads.h"

#include "base/check.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

/* Two at least, so that a long block does not hold up a short one; no more than eight, as two cores
 * of a fast codec already outrun a fast network, and each worker keeps a codec's memory. */
#define THREADS_MIN 2
#define THREADS_MAX 8
/* Codecs keep their tables on the heap; a stack holds a few frames. */
#define STACK_BYTES ((size_t)256 * 1024)

struct job {
    struct job *next;
    aks_work_fn *fn;
    aks_work_done *done;
    void *arg;
};

struct job_list {
    struct job *first;
    struct job *last;
};

struct aks_work_threads {
    const struct aks_alloc *alloc;
    int wake_fd;
    unsigned width;
    /* The loop's thread only. */
    unsigned started;
    unsigned under_way;             /* submitted and not yet delivered */
    struct job_list delivering;
    pthread_t threads[THREADS_MAX];
    /* Under the lock. */
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct job_list waiting;
    struct job_list finished;
    unsigned waiting_count;
    unsigned idle;
    bool stopping;
};

static void
list_push(struct job_list *list, struct job *job)
{
    job->next = NULL;
    if (list->first == NULL)
        list->first = job;
    else
        list->last->next = job;
    list->last = job;
}

static struct job *
list_pop(struct job_list *list)
{
    struct job *job = list->first;

    if (job != NULL)
        list->first = job->next;
    return job;
}

/* The processors that this process may run on, which in a container is less than what is there. */
static unsigned
choose_width(void)
{
    cpu_set_t set;
    int count;

    CPU_ZERO(&set);
    count = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : THREADS_MIN;
    if (count < THREADS_MIN)
        return THREADS_MIN;
    return count > THREADS_MAX ? THREADS_MAX : (unsigned)count;
}

enum aks_status
aks_work_threads_new(const struct aks_alloc *alloc, int wake_fd, struct aks_work_threads **ret_work,
    struct aks_error *err)
{
    struct aks_work_threads *work = aks_mem_new(alloc, sizeof(*work));

    if (work == NULL)
        return aks_error_memory(err, "preparing worker threads");
    work->alloc = alloc;
    work->wake_fd = wake_fd;
    work->width = choose_width();
    /* Neither can fail with default attributes on Linux. */
    AKS_CHECK(pthread_mutex_init(&work->lock, NULL) == 0);
    AKS_CHECK(pthread_cond_init(&work->more, NULL) == 0);
    *ret_work = work;
    return AKS_OK;
}

static void
wake_loop(int fd)
{
    const uint64_t one = 1;
    ssize_t written;

    do {
        written = write(fd, &one, sizeof(one));
    } while (written < 0 && errno == EINTR);
}

/* Takes the next job; NULL when it is time to end. Called with the lock held. */
static struct job *
next_job(struct aks_work_threads *work)
{
    while (!work->stopping && work->waiting.first == NULL) {
        work->idle++;
        AKS_CHECK(pthread_cond_wait(&work->more, &work->lock) == 0);
        work->idle--;
    }
    if (work->stopping)
        return NULL;
    work->waiting_count--;
    return list_pop(&work->waiting);
}

static void *
worker(void *arg)
{
    struct aks_work_threads *work = arg;
    struct job *job;

    AKS_CHECK(pthread_mutex_lock(&work->lock) == 0);
    while ((job = next_job(work)) != NULL) {
        AKS_CHECK(pthread_mutex_unlock(&work->lock) == 0);
        job->fn(job->arg);
        AKS_CHECK(pthread_mutex_lock(&work->lock) == 0);
        /* One wake is enough for all that finish before the loop looks. */
        if (work->finished.first == NULL)
            wake_loop(work->wake_fd);
        list_push(&work->finished, job);
    }
    AKS_CHECK(pthread_mutex_unlock(&work->lock) == 0);
    return NULL;
}

/* Signals stay with the main thread, which knows what to do about them. */
static bool
start_thread(struct aks_work_threads *work)
{
    pthread_attr_t attributes;
    sigset_t all;
    sigset_t before;
    bool fine;

    if (pthread_attr_init(&attributes) != 0)
        return false;
    (void)sigfillset(&all);
    fine = pthread_attr_setstacksize(&attributes, STACK_BYTES) == 0
        && pthread_sigmask(SIG_SETMASK, &all, &before) == 0;
    if (fine) {
        fine = pthread_create(&work->threads[work->started], &attributes, worker, work) == 0;
        AKS_CHECK(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
    }
    (void)pthread_attr_destroy(&attributes);
    if (fine)
        work->started++;
    return fine;
}

static enum aks_status
work_submit(void *ctx, aks_work_fn *fn, aks_work_done *done, void *arg, struct aks_error *err)
{
    struct aks_work_threads *work = ctx;
    struct job *job;
    bool wanted;

    if (work->under_way >= AKS_WORK_QUEUE_MAX)
        return aks_error_set(err, AKS_LIMIT, "cannot queue work: %d jobs are under way already",
            AKS_WORK_QUEUE_MAX);
    AKS_CHECK(pthread_mutex_lock(&work->lock) == 0);
    wanted = work->waiting_count >= work->idle && work->started < work->width;
    AKS_CHECK(pthread_mutex_unlock(&work->lock) == 0);
    if (wanted && !start_thread(work) && work->started == 0)
        return aks_error_set(err, AKS_LIMIT, "cannot start a worker thread: %s",
            "the system has none to give");
    job = aks_mem_new(work->alloc, sizeof(*job));
    if (job == NULL)
        return aks_error_memory(err, "queueing work");
    job->fn = fn;
    job->done = done;
    job->arg = arg;
    work->under_way++;
    AKS_CHECK(pthread_mutex_lock(&work->lock) == 0);
    list_push(&work->waiting, job);
    work->waiting_count++;
    AKS_CHECK(pthread_cond_signal(&work->more) == 0);
    AKS_CHECK(pthread_mutex_unlock(&work->lock) == 0);
    return AKS_OK;
}

static unsigned
work_width(void *ctx)
{
    const struct aks_work_threads *work = ctx;

    return work->width;
}

void
aks_work_threads_deliver(struct aks_work_threads *work)
{
    struct job *job;

    AKS_CHECK(pthread_mutex_lock(&work->lock) == 0);
    work->delivering = work->finished;
    work->finished.first = NULL;
    AKS_CHECK(pthread_mutex_unlock(&work->lock) == 0);
    while ((job = list_pop(&work->delivering)) != NULL) {
        aks_work_done *done = job->done;
        void *arg = job->arg;

        aks_mem_free(work->alloc, job);
        work->under_way--;
        done(arg);
    }
}

static void
drop_all(struct aks_work_threads *work, struct job_list *list)
{
    struct job *job;

    while ((job = list_pop(list)) != NULL)
        aks_mem_free(work->alloc, job);
}

void
aks_work_threads_free(struct aks_work_threads *work)
{
    if (work == NULL)
        return;
    AKS_CHECK(pthread_mutex_lock(&work->lock) == 0);
    work->stopping = true;
    AKS_CHECK(pthread_cond_broadcast(&work->more) == 0);
    AKS_CHECK(pthread_mutex_unlock(&work->lock) == 0);
    for (unsigned i = 0; i < work->started; i++)
        AKS_CHECK(pthread_join(work->threads[i], NULL) == 0);
    drop_all(work, &work->waiting);
    drop_all(work, &work->finished);
    AKS_CHECK(pthread_cond_destroy(&work->more) == 0);
    AKS_CHECK(pthread_mutex_destroy(&work->lock) == 0);
    aks_mem_free(work->alloc, work);
}

void
aks_work_threads_init(struct aks_work_threads *work, struct aks_work *ret_port)
{
    ret_port->submit = work_submit;
    ret_port->width = work_width;
    ret_port->ctx = work;
}
