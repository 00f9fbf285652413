/* An object of a dir target: parts are written at their offsets into a temporary file beside
 * its place, which takes its name when it is whole and on the medium. */
#include "base/check.h"
#include "base/units.h"
#include "engine/target_dir_internal.h"

#include <stdio.h>
#include <string.h>

struct dir_object {
    struct aks_target_object base;      /* first */
    struct dir_target *target;
    char *key;
    char *source;
    char *path;
    char *folder;
    char *temporary;                    /* path, or NULL while there is no file */
    struct aks_target_file *file;
    bool renamed;                       /* it has its name */
    struct dir_call parts[AKS_TARGET_DIR_PARTS_MAX];
    struct dir_call closing;            /* finish or abort */
};

/* A file that gets its name. */
struct place_job {
    struct aks_target_work work;        /* first */
    struct aks_target_file *file;
    char *root;
    char *folder;
    char *temporary;
    char *path;
    int64_t bytes;
    bool way;                           /* the folders above are to be synced as well */
    bool renamed;                       /* written under the guard */
};

struct remove_job {
    struct aks_target_work work;        /* first */
    char *path;
};

static struct aks_target_work *
no_memory(struct aks_error *err)
{
    (void)aks_error_memory(err, "storing an object");
    return NULL;
}

/* The nearest folder that is there tells how much room there is; where nothing can be told,
 * writing will. */
static enum aks_status
check_room(const struct dir_target *target, const struct aks_object_spec *spec,
    struct aks_error *err)
{
    const struct aks_port *port = target->port;
    char needed_text[AKS_UNITS_TEXT_BYTES];
    char free_text[AKS_UNITS_TEXT_BYTES];
    int64_t free_bytes = 0;
    char *path = aks_mem_strdup(port->alloc, target->root);
    enum aks_status status;

    if (path == NULL)
        return aks_error_memory(err, "opening an object");
    for (;;) {
        char *slash = strrchr(path, '/');

        status = port->files.free_bytes(port->files.ctx, path, &free_bytes, NULL);
        if (status != AKS_NOT_FOUND || slash == NULL || slash == path)
            break;
        *slash = '\0';
    }
    aks_mem_free(port->alloc, path);
    if (status != AKS_OK || free_bytes >= spec->bytes)
        return AKS_OK;
    (void)aks_error_set(err, AKS_NO_SPACE,
        "cannot store %s in target %s: it has %s, and %s has room for %s", spec->key,
        target->base.settings->name, aks_units_bytes(spec->bytes, needed_text), target->root,
        aks_units_bytes(free_bytes, free_text));
    aks_error_hint(err, "make room there, or choose another folder");
    return AKS_NO_SPACE;
}

static void
sweep_done(void *ctx, struct aks_target_work *work)
{
    struct dir_target *target = ctx;

    target->sweep = NULL;
}

/* Once for a target. Nothing depends on it. */
static void
sweep(struct dir_target *target)
{
    struct aks_target_work *work;

    if (target->swept)
        return;
    target->swept = true;
    work = aks_target_dir_sweep(target->port, target->root, target->base.settings,
        target->options.system_id);
    if (work != NULL && aks_target_work_begin(work, sweep_done, target, NULL) == AKS_OK)
        target->sweep = work;
}

enum aks_status
aks_target_dir_open(struct aks_target *base, const struct aks_object_spec *spec,
    struct aks_target_object **ret_object, struct aks_error *err)
{
    struct dir_target *target = (struct dir_target *)base;
    const struct aks_alloc *alloc = target->port->alloc;
    struct dir_object *object = NULL;
    enum aks_status status;
    char *path = NULL;

    status = aks_target_dir_path(target, spec->key, &path, err);
    if (status == AKS_OK && spec->bytes >= 0)
        status = check_room(target, spec, err);
    if (status != AKS_OK)
        goto out;
    object = aks_mem_new(alloc, sizeof(*object));
    if (object == NULL) {
        status = aks_error_memory(err, "opening an object");
        goto out;
    }
    object->base.class = &aks_target_dir;
    object->target = target;
    object->path = path;
    path = NULL;
    object->folder = aks_target_dir_folder_of(alloc, object->path);
    object->key = aks_mem_strdup(alloc, spec->key);
    object->source = aks_mem_strdup(alloc, spec->source);
    if (object->folder == NULL || object->key == NULL ||
        (object->source == NULL && spec->source != NULL)) {
        status = aks_error_memory(err, "opening an object");
        goto out;
    }
    sweep(target);
    *ret_object = &object->base;
    object = NULL;
out:
    aks_mem_free(alloc, path);
    aks_target_dir_object_free(object != NULL ? &object->base : NULL);
    return status;
}

/* The temporary file, made when the first part is to be written. */
static enum aks_status
make_file(struct dir_object *object, struct aks_error *err)
{
    const struct aks_port *port = object->target->port;
    char random[AKS_TARGET_DIR_RANDOM_HEX_BYTES];
    char *temporary;
    enum aks_status status;

    if (object->file != NULL)
        return AKS_OK;
    status = aks_target_dir_way(port, object->target->root, object->folder, true, err);
    if (status == AKS_OK)
        status = aks_target_dir_random(port, random, err);
    if (status != AKS_OK)
        return status;
    temporary = aks_target_dir_temporary_path(port->alloc, object->path, random);
    if (temporary == NULL)
        return aks_error_memory(err, "storing an object");
    status = aks_target_file_create(port, temporary, &object->file, err);
    if (status == AKS_OK)
        object->temporary = temporary;
    else
        aks_mem_free(port->alloc, temporary);
    return status;
}

static struct aks_target_work *
prepare_part(struct dir_call *call, struct aks_error *err)
{
    struct aks_target_work *work;

    if (make_file(call->object, err) != AKS_OK)
        return NULL;
    work = aks_target_work_copy(call->target->port, &call->part.body, call->object->file,
        call->part.offset);
    return work != NULL ? work : no_memory(err);
}

static const struct dir_verb part_verb = { "store", prepare_part, NULL, NULL, NULL };

void
aks_target_dir_send(struct aks_target_object *base, const struct aks_part *part, aks_done *done,
    void *ctx)
{
    struct dir_object *object = (struct dir_object *)base;
    char operation[AKS_OPERATION_BYTES];
    size_t i = 0;

    while (i < AKS_TARGET_DIR_PARTS_MAX && object->parts[i].busy)
        i++;
    AKS_CHECK(i < AKS_TARGET_DIR_PARTS_MAX);
    aks_target_dir_call_init(&object->parts[i], object->target, object);
    object->parts[i].key = object->key;
    object->parts[i].part = *part;
    (void)snprintf(operation, sizeof(operation), "part %u", (unsigned)part->number);
    aks_target_dir_call_begin(&object->parts[i], &part_verb, operation, object->source, done, ctx);
}

static enum aks_status
check_whole(const struct place_job *job, struct aks_error *err)
{
    struct aks_file_info info;
    enum aks_status status = job->work.port->files.info(job->file->handle, &info, err);

    if (status == AKS_OK && info.bytes != job->bytes)
        return aks_error_set(err, AKS_CORRUPT, "%s has %lld bytes after %lld were written",
            job->temporary, (long long)info.bytes, (long long)job->bytes);
    return status;
}

static enum aks_status
run_place(struct aks_target_work *work, struct aks_error *err)
{
    struct place_job *job = (struct place_job *)work;
    const struct aks_files *files = &work->port->files;
    enum aks_status status = AKS_OK;

    if (!job->renamed) {
        status = check_whole(job, err);
        if (status == AKS_OK)
            status = files->sync(job->file->handle, err);
        if (status != AKS_OK)
            return status;
        if (!aks_target_work_hold(work))
            return aks_error_set(err, AKS_CANCELLED, "storing was cancelled");
        status = files->rename(files->ctx, job->temporary, job->path, err);
        job->renamed = status == AKS_OK;
        aks_target_work_let(work);
    }
    if (status == AKS_OK)
        status = aks_target_dir_sync(work->port, job->root, job->folder, job->way, err);
    return status;
}

static void
release_place(struct aks_target_work *work)
{
    struct place_job *job = (struct place_job *)work;
    const struct aks_alloc *alloc = work->port->alloc;

    aks_target_file_drop(job->file);
    aks_mem_free(alloc, job->root);
    aks_mem_free(alloc, job->folder);
    aks_mem_free(alloc, job->temporary);
    aks_mem_free(alloc, job->path);
}

static struct aks_target_work *
prepare_place(struct dir_call *call, struct aks_error *err)
{
    struct dir_object *object = call->object;
    const struct aks_port *port = call->target->port;
    struct place_job *job;

    if (make_file(object, err) != AKS_OK)
        return NULL;
    job = aks_mem_new(port->alloc, sizeof(*job));
    if (job == NULL)
        return no_memory(err);
    job->work.port = port;
    job->work.run = run_place;
    job->work.release = release_place;
    job->file = aks_target_file_use(object->file);
    job->root = aks_mem_strdup(port->alloc, call->target->root);
    job->folder = aks_mem_strdup(port->alloc, object->folder);
    job->temporary = aks_mem_strdup(port->alloc, object->temporary);
    job->path = aks_mem_strdup(port->alloc, object->path);
    job->bytes = call->bytes;
    job->way = !aks_target_dir_is_synced(call->target, object->folder);
    job->renamed = object->renamed;
    if (job->root != NULL && job->folder != NULL && job->temporary != NULL && job->path != NULL)
        return &job->work;
    release_place(&job->work);
    aks_mem_free(port->alloc, job);
    return no_memory(err);
}

static enum aks_status
took_place(struct dir_call *call, struct aks_target_work *work, struct aks_error *err)
{
    aks_target_dir_synced(call->target, call->object->folder);
    return AKS_OK;
}

static void
ended_place(struct dir_call *call, struct aks_target_work *work)
{
    if (((struct place_job *)work)->renamed)
        call->object->renamed = true;
}

static const struct dir_verb place_verb = { "store", prepare_place, took_place, ended_place, NULL };

void
aks_target_dir_finish(struct aks_target_object *base, const struct aks_object_digest *digest,
    aks_done *done, void *ctx)
{
    struct dir_object *object = (struct dir_object *)base;

    aks_target_dir_call_init(&object->closing, object->target, object);
    object->closing.key = object->key;
    object->closing.bytes = digest->bytes;
    aks_target_dir_call_begin(&object->closing, &place_verb, "complete", object->source, done,
        ctx);
}

static void
cancel_all(struct dir_object *object)
{
    for (size_t i = 0; i < AKS_TARGET_DIR_PARTS_MAX; i++)
        aks_target_dir_call_cancel(&object->parts[i]);
    aks_target_dir_call_cancel(&object->closing);
}

/* Aborting: the file goes away, whatever name it has by now. */

static enum aks_status
run_remove(struct aks_target_work *work, struct aks_error *err)
{
    const struct aks_files *files = &work->port->files;
    enum aks_status status = files->unlink(files->ctx, ((struct remove_job *)work)->path, err);

    return status == AKS_NOT_FOUND ? AKS_OK : status;
}

static void
release_remove(struct aks_target_work *work)
{
    aks_mem_free(work->port->alloc, ((struct remove_job *)work)->path);
}

static struct aks_target_work *
prepare_remove(struct dir_call *call, struct aks_error *err)
{
    const struct dir_object *object = call->object;
    const struct aks_alloc *alloc = call->target->port->alloc;
    struct remove_job *job = aks_mem_new(alloc, sizeof(*job));

    if (job == NULL)
        return no_memory(err);
    job->work.port = call->target->port;
    job->work.run = run_remove;
    job->work.release = release_remove;
    job->path = aks_mem_strdup(alloc, object->renamed ? object->path : object->temporary);
    if (job->path != NULL)
        return &job->work;
    aks_mem_free(alloc, job);
    return no_memory(err);
}

static const struct dir_verb remove_verb = { "give up", prepare_remove, NULL, NULL, NULL };

static void
tell_aborted(struct dir_call *call, struct aks_error *err)
{
    struct aks_outcome outcome;

    if (err->status == AKS_OK) {
        aks_outcome_ok(&outcome);
    } else {
        aks_target_dir_call_words(call, err);
        aks_outcome_failed(&outcome, err);
        outcome.verdict = AKS_GIVE_UP;
    }
    call->busy = false;
    call->done(call->ctx, &outcome);
}

static void
removed(void *ctx, struct aks_target_work *work)
{
    struct dir_call *call = ctx;
    struct dir_object *object = call->object;

    call->work = NULL;
    if (work->error.status == AKS_OK) {
        aks_mem_free(object->target->port->alloc, object->temporary);
        object->temporary = NULL;
        aks_target_file_drop(object->file);
        object->file = NULL;
        object->renamed = false;
    }
    tell_aborted(call, &work->error);
}

static void
start_removing(void *ctx)
{
    struct dir_call *call = ctx;
    struct aks_target_work *work;
    struct aks_error err;

    aks_error_clear(&err);
    if (call->object->file == NULL) {
        tell_aborted(call, &err);
        return;
    }
    work = prepare_remove(call, &err);
    if (work != NULL && aks_target_work_begin(work, removed, call, &err) == AKS_OK)
        call->work = work;
    else
        tell_aborted(call, &err);
}

void
aks_target_dir_abort(struct aks_target_object *base, aks_done *done, void *ctx)
{
    struct dir_object *object = (struct dir_object *)base;
    struct dir_call *call = &object->closing;
    struct aks_error err;

    cancel_all(object);
    aks_target_dir_call_init(call, object->target, object);
    call->verb = &remove_verb;
    call->key = object->key;
    call->done = done;
    call->ctx = ctx;
    call->busy = true;
    /* No attempt: one try, and nobody is asked. */
    if (aks_loop_set(object->target->options.loop, &call->deadline, 0, start_removing, call,
            &err) != AKS_OK)
        tell_aborted(call, &err);
}

void
aks_target_dir_object_free(struct aks_target_object *base)
{
    struct dir_object *object = (struct dir_object *)base;
    const struct aks_port *port;

    if (object == NULL)
        return;
    port = object->target->port;
    cancel_all(object);
    /* Neither finished nor aborted: nobody will ask for it again. */
    if (object->file != NULL && !object->renamed)
        (void)port->files.unlink(port->files.ctx, object->temporary, NULL);
    aks_target_file_drop(object->file);
    aks_mem_free(port->alloc, object->temporary);
    aks_mem_free(port->alloc, object->folder);
    aks_mem_free(port->alloc, object->path);
    aks_mem_free(port->alloc, object->source);
    aks_mem_free(port->alloc, object->key);
    aks_mem_free(port->alloc, object);
}
