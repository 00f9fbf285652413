#include "engine/queue.h"

#include "base/check.h"
#include "base/encode.h"
#include "base/units.h"
#include "engine/job_json.h"
#include "engine/policy_text.h"
#include "engine/whole_file.h"

#include <stdint.h>
#include <string.h>

#define JOB_ENDING ".json"
#define TEMPORARY_PREFIX ".new-"
#define LOCK_NAME ".lock"
#define TEMPORARY_RANDOM_BYTES 6
/* Nobody takes a day to write a job: such a file was left by a crash. */
#define TEMPORARY_AGE_MAX_MS AKS_MS_PER_DAY

void
aks_job_init(struct aks_job *job, const struct aks_alloc *alloc)
{
    memset(job, 0, sizeof(*job));
    job->alloc = alloc;
}

static void
free_texts(const struct aks_alloc *alloc, char **texts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        aks_mem_free(alloc, texts[i]);
    aks_mem_free(alloc, texts);
}

void
aks_job_fini(struct aks_job *job)
{
    const struct aks_alloc *alloc = job->alloc;

    free_texts(alloc, job->sources, job->source_count);
    free_texts(alloc, job->handed, job->handed_count);
    free_texts(alloc, job->replaces, job->replaces_count);
    aks_policy_text_fini(alloc, &job->policy);
    aks_policy_environment_fini(alloc, &job->environment);
    aks_policy_environment_fini(alloc, &job->variables);
    aks_mem_free(alloc, job->folder);
    aks_mem_free(alloc, job->upload_id);
    aks_mem_free(alloc, job->target);
    aks_mem_free(alloc, job->reason);
    aks_mem_free(alloc, job->message);
    aks_job_init(job, alloc);
}

/* What a failure of a file means for the queue. */
static enum aks_status
queue_failure(enum aks_status status, const struct aks_error *why, const char *doing,
    const char *id, struct aks_error *err)
{
    if (status != AKS_NO_SPACE && status != AKS_LIMIT)
        status = AKS_STATE;
    (void)aks_error_set(err, status, "cannot %s the job %s: %s", doing, id, why->message);
    if (status == AKS_NO_SPACE)
        aks_error_hint(err, "free some space on the file system of the state folder");
    else if (status == AKS_STATE)
        aks_error_hint(err, "this user must be able to write in the state folder; --state DIR names"
            " another");
    return status;
}

static enum aks_status
no_such_job(const char *id, struct aks_error *err)
{
    (void)aks_error_set(err, AKS_NOT_FOUND, "there is no job %s in the queue", id);
    aks_error_hint(err, "a job is named by the job_id of a run's report");
    return AKS_NOT_FOUND;
}

static char *
job_path(const struct aks_port *port, const char *folder, const char *id)
{
    return aks_mem_printf(port->alloc, "%s/%s" JOB_ENDING, folder, id);
}

/* Is ${name} that of a job's file? Its id goes to ${ret_id}. */
static bool
job_name(const char *name, char ret_id[AKS_JOB_ID_BYTES])
{
    size_t len = strlen(name);
    size_t ending = sizeof(JOB_ENDING) - 1;

    if (len <= ending || len - ending >= AKS_JOB_ID_BYTES ||
        strcmp(name + len - ending, JOB_ENDING) != 0)
        return false;
    memcpy(ret_id, name, len - ending);
    ret_id[len - ending] = '\0';
    return aks_job_json_id_valid(ret_id);
}

/* Makes the folder if it is missing, and its name last: also where somebody else made it, who may
 * have died before. */
static enum aks_status
make_folder(const struct aks_port *port, const char *folder, struct aks_error *err)
{
    const struct aks_files *files = &port->files;
    const char *slash = strrchr(folder, '/');
    size_t parent_len = slash > folder ? (size_t)(slash - folder) : 1;
    char *parent;
    enum aks_status status = files->make_folder(files->ctx, folder, err);

    if (status != AKS_OK && status != AKS_CONFLICT)
        return status;
    parent = aks_mem_strndup(port->alloc, folder, parent_len);
    if (parent == NULL)
        return aks_error_memory(err, "making the queue");
    status = files->sync_folder(files->ctx, parent, err);
    aks_mem_free(port->alloc, parent);
    return status;
}

struct count {
    const char *id;         /* not counted among the others */
    size_t others;
};

static enum aks_status
count_name(void *ctx, const char *name, struct aks_error *err)
{
    struct count *count = ctx;
    char id[AKS_JOB_ID_BYTES];

    if (job_name(name, id))
        count->others += strcmp(id, count->id) != 0;
    return AKS_OK;
}

static enum aks_status
count_others(const struct aks_port *port, const char *folder, const char *id, size_t *ret_others,
    struct aks_error *err)
{
    const struct aks_files *files = &port->files;
    struct count count = { id, 0 };
    struct aks_error why;
    enum aks_status status = files->list(files->ctx, folder, count_name, &count, &why);

    *ret_others = count.others;
    return status == AKS_OK || status == AKS_NOT_FOUND ? AKS_OK
        : queue_failure(status, &why, "keep", id, err);
}

/* Is there room for one more job than ${others}? Makes the folder on the way. */
static enum aks_status
check_room(const struct aks_port *port, const char *folder, const char *id, size_t others,
    struct aks_error *err)
{
    struct aks_error why;
    enum aks_status status = AKS_OK;

    /* Where a job is, its folder was made to last before it came. */
    if (others == 0)
        status = make_folder(port, folder, &why);
    if (status != AKS_OK)
        return queue_failure(status, &why, "keep", id, err);
    if (others < AKS_QUEUE_JOBS_MAX)
        return AKS_OK;
    (void)aks_error_set(err, AKS_LIMIT, "cannot keep the job %s: %d jobs are waiting already", id,
        AKS_QUEUE_JOBS_MAX);
    aks_error_hint(err, "deliver some first; akosha-sync cancel JOB drops one");
    return AKS_LIMIT;
}

static enum aks_status
temporary_path(const struct aks_port *port, const char *folder, char **ret_path,
    struct aks_error *err)
{
    uint8_t random[TEMPORARY_RANDOM_BYTES];
    char hex[2 * TEMPORARY_RANDOM_BYTES + 1];
    enum aks_status status = port->entropy.fill(port->entropy.ctx, random, sizeof(random), err);

    if (status != AKS_OK)
        return status;
    aks_hex_encode(random, sizeof(random), hex);
    *ret_path = aks_mem_printf(port->alloc, "%s/" TEMPORARY_PREFIX "%s", folder, hex);
    return *ret_path != NULL ? AKS_OK : aks_error_memory(err, "naming a job");
}

/* Nobody else changes or removes a job that is there meanwhile. A queue in which no lock can be had
 * (a full disk, where a job that is done must go all the same) is used without. *ret_lock is for
 * close. */
static enum aks_status
lock_queue(const struct aks_port *port, const char *folder, struct aks_file **ret_lock,
    struct aks_error *err)
{
    const struct aks_files *files = &port->files;
    char *path = aks_mem_printf(port->alloc, "%s/" LOCK_NAME, folder);
    enum aks_status status;

    *ret_lock = NULL;
    if (path == NULL)
        return aks_error_memory(err, "locking the queue");
    status = files->open(files->ctx, path, AKS_FILE_LOCK, ret_lock, NULL);
    aks_mem_free(port->alloc, path);
    if (status != AKS_OK)
        return AKS_OK;
    status = files->lock_wait(*ret_lock, AKS_QUEUE_LOCK_MS, err);
    if (status != AKS_CONFLICT)
        return AKS_OK;
    files->close(*ret_lock);
    *ret_lock = NULL;
    return aks_error_set(err, AKS_STATE, "another process has kept the queue locked for too long");
}

/* All of the text under a temporary name, on the medium. */
static enum aks_status
write_temporary(const struct aks_files *files, const char *path, const struct aks_buf *text,
    struct aks_error *err)
{
    struct aks_file *file = NULL;
    enum aks_status status = files->open(files->ctx, path, AKS_FILE_CREATE, &file, err);

    if (status != AKS_OK)
        return status;
    status = files->write(file, 0, text->data, text->len, err);
    if (status == AKS_OK)
        status = files->sync(file, err);
    files->close(file);
    if (status != AKS_OK)
        (void)files->unlink(files->ctx, path, NULL);
    return status;
}

/* Either all of the job is there under its name or nothing is, whenever the power goes. */
static enum aks_status
put_text(const struct aks_port *port, const char *folder, const char *path,
    const struct aks_buf *text, struct aks_error *err)
{
    const struct aks_files *files = &port->files;
    char *temporary = NULL;
    enum aks_status status = temporary_path(port, folder, &temporary, err);

    if (status == AKS_OK)
        status = write_temporary(files, temporary, text, err);
    if (status == AKS_OK) {
        status = files->rename(files->ctx, temporary, path, err);
        if (status != AKS_OK)
            (void)files->unlink(files->ctx, temporary, NULL);
    }
    if (status == AKS_OK)
        status = files->sync_folder(files->ctx, folder, err);
    aks_mem_free(port->alloc, temporary);
    return status;
}

/* Is the job there to be replaced, if that is what is wanted? */
static enum aks_status
check_there(const struct aks_port *port, const char *path, const char *id, struct aks_error *err)
{
    struct aks_file_info info;
    struct aks_error why;
    enum aks_status status = port->files.stat(port->files.ctx, path, false, &info, &why);

    if (status == AKS_NOT_FOUND)
        return no_such_job(id, err);
    return status == AKS_OK ? AKS_OK : queue_failure(status, &why, "keep", id, err);
}

enum putting { ONE_MORE, INSTEAD, AGAIN };

/* ${others}: how many jobs are there beside it; of ONE_MORE. */
static enum aks_status
put(const struct aks_port *port, const char *folder, const struct aks_job *job, enum putting how,
    size_t others, struct aks_error *err)
{
    char *path = NULL;
    struct aks_file *lock = NULL;
    struct aks_buf text;
    struct aks_error why;
    enum aks_status status;

    AKS_CHECK(folder[0] == '/');
    aks_buf_init(&text, port->alloc, AKS_JOB_BYTES_MAX);
    path = job_path(port, folder, job->id);
    status = path != NULL ? aks_job_json_write(job, &text, err)
        : aks_error_memory(err, "naming a job");
    if (status == AKS_OK && how == ONE_MORE)
        status = check_room(port, folder, job->id, others, err);
    if (status == AKS_OK && how == AGAIN)
        status = lock_queue(port, folder, &lock, err);
    if (status == AKS_OK && how == AGAIN)
        status = check_there(port, path, job->id, err);
    if (status == AKS_OK) {
        status = put_text(port, folder, path, &text, &why);
        if (status != AKS_OK)
            status = queue_failure(status, &why, "keep", job->id, err);
    }
    port->files.close(lock);
    aks_buf_fini(&text);
    aks_mem_free(port->alloc, path);
    return status;
}

enum aks_status
aks_queue_put(const struct aks_port *port, const char *folder, const struct aks_job *job,
    struct aks_error *err)
{
    size_t others = 0;
    enum aks_status status = count_others(port, folder, job->id, &others, err);

    return status == AKS_OK ? put(port, folder, job, ONE_MORE, others, err) : status;
}

enum aks_status
aks_queue_put_beside(const struct aks_port *port, const char *folder, const struct aks_job *job,
    size_t others, struct aks_error *err)
{
    return put(port, folder, job, ONE_MORE, others, err);
}

enum aks_status
aks_queue_put_instead(const struct aks_port *port, const char *folder, const struct aks_job *job,
    struct aks_error *err)
{
    return put(port, folder, job, INSTEAD, 0, err);
}

enum aks_status
aks_queue_replace(const struct aks_port *port, const char *folder, const struct aks_job *job,
    struct aks_error *err)
{
    return put(port, folder, job, AGAIN, 0, err);
}

/* The file stays where it is: it may be all that is left of work that is owed. */
static enum aks_status
damaged(const char *path, const char *why, struct aks_error *err)
{
    (void)aks_error_set(err, AKS_STATE, "cannot read the job %s: %s", path, why);
    aks_error_hint(err, "look at it, then mend it or move it away; it is not removed by itself");
    return AKS_STATE;
}

/* A disk that fails now says nothing of what is on it. */
static enum aks_status
unread(const char *path, const struct aks_error *why, struct aks_error *err)
{
    (void)aks_error_set(err, AKS_STATE, "cannot read the job %s now: %s", path, why->message);
    aks_error_hint(err, "it stays where it is, and is looked at again");
    return AKS_STATE;
}

static enum aks_status
read_job(const struct aks_port *port, const char *path, const char *id, struct aks_job *ret_job,
    bool *ret_damaged, struct aks_error *err)
{
    char *text = NULL;
    size_t len;
    struct aks_error why;
    enum aks_status status = aks_whole_file_read_own(port, path, AKS_JOB_BYTES_MAX, &text, &len,
        &why);

    if (status == AKS_NOT_FOUND)
        return no_such_job(id, err);
    if (status != AKS_OK && status != AKS_LIMIT && status != AKS_TOO_LARGE)
        return unread(path, &why, err);
    if (status == AKS_OK)
        status = aks_job_json_read(text, len, ret_job, &why);
    aks_mem_free(port->alloc, text);
    if (status == AKS_LIMIT)
        return queue_failure(status, &why, "read", id, err);
    *ret_damaged = status != AKS_OK || strcmp(ret_job->id, id) != 0;
    if (status != AKS_OK)
        return damaged(path, why.message, err);
    if (*ret_damaged) {
        aks_job_fini(ret_job);
        return damaged(path, "it holds another job than its name says", err);
    }
    return AKS_OK;
}

enum aks_status
aks_queue_get(const struct aks_port *port, const char *folder, const char *id,
    struct aks_job *ret_job, struct aks_error *err)
{
    bool is_damaged;

    return aks_queue_look(port, folder, id, ret_job, &is_damaged, err);
}

enum aks_status
aks_queue_look(const struct aks_port *port, const char *folder, const char *id,
    struct aks_job *ret_job, bool *ret_damaged, struct aks_error *err)
{
    char *path;
    enum aks_status status;

    *ret_damaged = false;
    aks_job_init(ret_job, port->alloc);
    if (!aks_job_json_id_valid(id))
        return no_such_job(id, err);
    path = job_path(port, folder, id);
    if (path == NULL)
        return aks_error_memory(err, "naming a job");
    status = read_job(port, path, id, ret_job, ret_damaged, err);
    aks_mem_free(port->alloc, path);
    return status;
}

struct listing {
    const struct aks_port *port;
    const char *folder;
    char **ids;
    size_t count;
    size_t capacity;
};

/* What a crash left behind is removed here, because nobody else looks. Failing to is no harm. */
static void
remove_stale(const struct listing *listing, const char *name)
{
    const struct aks_port *port = listing->port;
    char *path = aks_mem_printf(port->alloc, "%s/%s", listing->folder, name);
    struct aks_file_info info;
    int64_t now_ms = port->clock.wall_ms(port->clock.ctx);

    if (path != NULL &&
        port->files.stat(port->files.ctx, path, false, &info, NULL) == AKS_OK &&
        info.type == AKS_FILE_REGULAR &&
        now_ms - info.mtime_ns / AKS_NS_PER_MS > TEMPORARY_AGE_MAX_MS)
        (void)port->files.unlink(port->files.ctx, path, NULL);
    aks_mem_free(port->alloc, path);
}

static enum aks_status
list_name(void *ctx, const char *name, struct aks_error *err)
{
    struct listing *listing = ctx;
    const struct aks_alloc *alloc = listing->port->alloc;
    char id[AKS_JOB_ID_BYTES];

    if (strncmp(name, TEMPORARY_PREFIX, sizeof(TEMPORARY_PREFIX) - 1) == 0)
        remove_stale(listing, name);
    if (!job_name(name, id))
        return AKS_OK;
    if (listing->count == listing->capacity) {
        size_t capacity = listing->capacity > 0 ? 2 * listing->capacity : 16;
        char **ids = aks_mem_resize(alloc, listing->ids, capacity * sizeof(*ids));

        if (ids == NULL)
            return aks_error_memory(err, "listing the queue");
        listing->ids = ids;
        listing->capacity = capacity;
    }
    listing->ids[listing->count] = aks_mem_strdup(alloc, id);
    if (listing->ids[listing->count] == NULL)
        return aks_error_memory(err, "listing the queue");
    listing->count++;
    return AKS_OK;
}

enum aks_status
aks_queue_list(const struct aks_port *port, const char *folder, char ***ret_ids, size_t *ret_count,
    struct aks_error *err)
{
    struct listing listing = { port, folder, NULL, 0, 0 };
    struct aks_error why;
    enum aks_status status;

    *ret_ids = NULL;
    *ret_count = 0;
    /* Names come in byte order, which is that of age, because an id begins with its time. */
    status = port->files.list(port->files.ctx, folder, list_name, &listing, &why);
    if (status == AKS_NOT_FOUND)
        return AKS_OK;
    if (status == AKS_OK) {
        *ret_ids = listing.ids;
        *ret_count = listing.count;
        return AKS_OK;
    }
    for (size_t i = 0; i < listing.count; i++)
        aks_mem_free(port->alloc, listing.ids[i]);
    aks_mem_free(port->alloc, listing.ids);
    return aks_error_set(err, status == AKS_LIMIT ? AKS_LIMIT : AKS_STATE,
        "cannot list the queue: %s", why.message);
}

enum aks_status
aks_queue_remove(const struct aks_port *port, const char *folder, const char *id,
    struct aks_error *err)
{
    const struct aks_files *files = &port->files;
    struct aks_file *lock = NULL;
    struct aks_error why;
    enum aks_status status;
    char *path;

    if (!aks_job_json_id_valid(id))
        return no_such_job(id, err);
    path = job_path(port, folder, id);
    if (path == NULL)
        return aks_error_memory(err, "naming a job");
    status = lock_queue(port, folder, &lock, &why);
    if (status == AKS_OK)
        status = files->unlink(files->ctx, path, &why);
    files->close(lock);
    aks_mem_free(port->alloc, path);
    if (status == AKS_NOT_FOUND)
        return no_such_job(id, err);
    if (status == AKS_OK)
        status = files->sync_folder(files->ctx, folder, &why);
    return status == AKS_OK ? AKS_OK : queue_failure(status, &why, "remove", id, err);
}
