#include "cli/test_pool.h"

#include "base/check.h"
#include "base/units.h"
#include "cli/test_child.h"
#include "os/child_posix.h"

#include <stdio.h>
#include <string.h>

#define READ_BYTES 65536
#define READS_PER_TURN 16
#define POLL_MS 100
#define STOPPED_MS 2000
#define WHY_BYTES 256

/* A process and the file it runs. */
struct slot {
    size_t file;
    struct aks_test_lines lines;
    int64_t heard_ms;                   /* when it last said something */
    int64_t said_bytes;
    char why[WHY_BYTES];                /* it is killed for that; "" while it is not */
};

struct pool {
    const struct aks_test_pool_options *options;
    struct aks_test_results *results;
    struct aks_child_posix children[AKS_TEST_POOL_JOBS_MAX];
    struct slot slots[AKS_TEST_POOL_JOBS_MAX];
    unsigned char *deaths;              /* by file */
    bool *over;                         /* by file */
    size_t next;                        /* the first file that no process has run */
    size_t told;                        /* files before it have been told as done */
    size_t ended;
    int64_t turned_ms;                  /* when the last turn began */
};

static int64_t
now_ms(const struct pool *pool)
{
    const struct aks_clock *clock = &pool->options->real->clock;

    return clock->now_ns(clock->ctx) / AKS_NS_PER_MS;
}

/* Tests read below the working folder if they lie in it, else below their own. Owned. */
static char *
root_of(const struct pool *pool, const char *path)
{
    const struct aks_files *files = &pool->options->real->files;
    const struct aks_alloc *alloc = pool->options->alloc;
    size_t here = strlen(pool->options->here);
    char *real = NULL;
    char *end;

    if (path[0] != '/')
        real = aks_mem_printf(alloc, "%s/%s", here > 1 ? pool->options->here : "", path);
    else
        real = aks_mem_strdup(alloc, path);
    if (real != NULL) {
        char *resolved = NULL;

        if (files->resolve(files->ctx, real, alloc, &resolved, NULL) == AKS_OK) {
            aks_mem_free(alloc, real);
            real = resolved;
        }
    }
    if (real == NULL || (strncmp(real, pool->options->here, here) == 0 &&
            (here == 1 || real[here] == '/'))) {
        aks_mem_free(alloc, real);
        return aks_mem_strdup(alloc, pool->options->here);
    }
    end = strrchr(real, '/');
    AKS_CHECK(end != NULL);
    end[end == real] = '\0';
    return real;
}

static enum aks_status
start(struct pool *pool, size_t at, size_t file, struct aks_error *err)
{
    struct slot *slot = &pool->slots[at];
    const struct aks_test_pool_options *options = pool->options;
    struct aks_test_child child = { options->alloc, options->real, NULL, options->filter,
        pool->results->seed, options->test_ms_max, options->list, pool->results->covered,
        &pool->results->files[file] };
    enum aks_status status;
    char *root = root_of(pool, pool->results->files[file].path);

    if (root == NULL)
        return aks_error_memory(err, "starting tests");
    child.root = root;
    slot->file = file;
    slot->heard_ms = now_ms(pool);
    slot->said_bytes = 0;
    slot->why[0] = '\0';
    status = aks_child_posix_start(aks_test_child_run, &child, &pool->children[at], err);
    aks_mem_free(options->alloc, root);
    if (status == AKS_OK)
        aks_test_lines_init(&slot->lines, options->alloc);
    return status;
}

static enum aks_status
start_more(struct pool *pool, struct aks_error *err)
{
    enum aks_status status = AKS_OK;

    for (size_t i = 0; status == AKS_OK && i < pool->options->jobs; i++) {
        if (pool->children[i].pid == 0 && pool->next < pool->results->count)
            status = start(pool, i, pool->next++, err);
    }
    return status;
}

static void
condemn(struct pool *pool, size_t at, const char *why)
{
    if (pool->slots[at].why[0] == '\0')
        (void)snprintf(pool->slots[at].why, WHY_BYTES, "%.*s", WHY_BYTES - 1, why);
    aks_child_posix_kill(&pool->children[at]);
}

struct taking {
    struct pool *pool;
    size_t file;
};

static enum aks_status
take(void *ctx, const struct aks_test_line *line, struct aks_error *err)
{
    struct taking *taking = ctx;

    return aks_test_results_take(taking->pool->results, taking->file, line, err);
}

/* What the process has said by now; false when it has closed its end. */
static bool
listen_to(struct pool *pool, size_t at)
{
    struct slot *slot = &pool->slots[at];
    struct taking taking = { pool, slot->file };
    static char data[READ_BYTES];

    for (int i = 0; i < READS_PER_TURN; i++) {
        struct aks_error err = { 0 };
        size_t len;

        if (!aks_child_posix_read(&pool->children[at], data, sizeof(data), &len))
            return false;
        if (len == 0)
            return true;
        slot->heard_ms = now_ms(pool);
        slot->said_bytes += (int64_t)len;
        if (slot->why[0] != '\0')
            continue;
        if (slot->said_bytes > AKS_TEST_POOL_BYTES_MAX)
            condemn(pool, at, "the test process printed without end, and was killed");
        else if (aks_test_lines_feed(&slot->lines, data, len, take, &taking, &err) != AKS_OK)
            condemn(pool, at, err.message);
    }
    return true;
}

static void
tell_done(struct pool *pool)
{
    for (; pool->told < pool->results->count && pool->over[pool->told]; pool->told++) {
        if (pool->options->done != NULL)
            pool->options->done(pool->options->ctx, &pool->results->files[pool->told]);
    }
}

/* The process is gone: the file is over, or goes on behind the test that took the process along. */
static enum aks_status
bury(struct pool *pool, size_t at, struct aks_error *err)
{
    struct slot *slot = &pool->slots[at];
    struct aks_test_file *file = &pool->results->files[slot->file];
    char how[AKS_CHILD_POSIX_HOW_BYTES];
    char why[WHY_BYTES];
    bool goes_on = false;
    bool well = aks_child_posix_reap(&pool->children[at], how);
    enum aks_status status = AKS_OK;

    aks_test_lines_fini(&slot->lines);
    if (slot->why[0] != '\0' || !well || !file->ended) {
        goes_on = file->running != NULL && !aks_test_results_has(file, file->running) &&
            ++pool->deaths[slot->file] < AKS_TEST_POOL_DEATHS_MAX;
        (void)snprintf(why, sizeof(why), "the test process ended with %s",
            well ? "nothing said" : how);
        status = aks_test_results_lose(pool->results, slot->file,
            slot->why[0] != '\0' ? slot->why : why, err);
    }
    if (status == AKS_OK && goes_on)
        return start(pool, at, slot->file, err);
    pool->over[slot->file] = true;
    pool->ended++;
    tell_done(pool);
    return status;
}

static void
watch(struct pool *pool, size_t at)
{
    const struct aks_test_pool_options *options = pool->options;
    int64_t silent_ms = now_ms(pool) - pool->slots[at].heard_ms;
    char took[AKS_UNITS_TEXT_BYTES];
    char why[WHY_BYTES];

    if (silent_ms < options->test_ms_max + options->grace_ms || pool->slots[at].why[0] != '\0')
        return;
    (void)snprintf(why, sizeof(why), "the test did not end within %s, and its process was killed "
        "(--timeout gives a test more time)", aks_units_duration(options->test_ms_max, took));
    condemn(pool, at, why);
}

/* While we were stopped (a job control signal, a lid that was closed) nobody was heard. */
static void
forgive(struct pool *pool)
{
    int64_t ms = now_ms(pool);

    for (size_t i = 0; ms - pool->turned_ms > STOPPED_MS && i < pool->options->jobs; i++)
        pool->slots[i].heard_ms += ms - pool->turned_ms;
    pool->turned_ms = ms;
}

static enum aks_status
turn(struct pool *pool, struct aks_error *err)
{
    enum aks_status status = AKS_OK;

    aks_child_posix_wait(pool->children, pool->options->jobs, POLL_MS);
    forgive(pool);
    if (pool->options->stop != NULL && *pool->options->stop != 0)
        return aks_error_set(err, AKS_CANCELLED, "interrupted");
    for (size_t i = 0; status == AKS_OK && i < pool->options->jobs; i++) {
        if (pool->children[i].pid == 0)
            continue;
        if (!listen_to(pool, i))
            status = bury(pool, i, err);
        else
            watch(pool, i);
    }
    if (pool->options->progress != NULL)
        pool->options->progress(pool->options->ctx, pool->ended);
    return status;
}

enum aks_status
aks_test_pool_run(const struct aks_test_pool_options *options, struct aks_test_results *results,
    struct aks_error *err)
{
    const struct aks_alloc *alloc = options->alloc;
    struct pool *pool = aks_mem_new(alloc, sizeof(*pool));
    enum aks_status status = AKS_OK;
    char how[AKS_CHILD_POSIX_HOW_BYTES];
    int64_t began_ms;

    AKS_CHECK(options->jobs >= 1 && options->jobs <= AKS_TEST_POOL_JOBS_MAX);
    if (pool == NULL)
        return aks_error_memory(err, "running tests");
    pool->options = options;
    pool->results = results;
    pool->deaths = aks_mem_array(alloc, results->count, sizeof(*pool->deaths));
    pool->over = aks_mem_array(alloc, results->count, sizeof(*pool->over));
    if (pool->deaths == NULL || pool->over == NULL)
        status = aks_error_memory(err, "running tests");
    began_ms = now_ms(pool);
    pool->turned_ms = began_ms;
    while (status == AKS_OK && pool->ended < results->count) {
        status = start_more(pool, err);
        if (status == AKS_OK)
            status = turn(pool, err);
    }
    results->duration_ms = now_ms(pool) - began_ms;
    for (size_t i = 0; i < options->jobs; i++) {
        if (pool->children[i].pid == 0)
            continue;
        aks_child_posix_kill(&pool->children[i]);
        (void)aks_child_posix_reap(&pool->children[i], how);
        aks_test_lines_fini(&pool->slots[i].lines);
    }
    aks_mem_free(alloc, pool->deaths);
    aks_mem_free(alloc, pool->over);
    aks_mem_free(alloc, pool);
    return status;
}
