/* An object of an http target. HTTP knows no parts: raw data is read again as a whole for the
 * one PUT (or the pieces of tus) that finish makes, and what a codec made, which exists once, is
 * kept in a scratch file until then. */
#include "base/check.h"
#include "base/encode.h"
#include "engine/target_http_internal.h"

#include <stdio.h>
#include <string.h>

#define SCRATCH_RANDOM_BYTES 8
#define TOKEN_NONE "put"

/* What an earlier process has begun; or the token of what is not there yet. */
static enum aks_status
take_up(struct http_object *object, const struct aks_object_spec *spec, struct aks_error *err)
{
    object->journal = spec->journal;
    /* Where the upload's address is the object's, nobody can tell half of it from all of it. */
    if (spec->resume != NULL && spec->resume->keep_whole)
        return AKS_OK;
    if (spec->resume != NULL && spec->resume->token != NULL)
        aks_target_http_tus_reopen(object, spec->resume->token);
    else if (spec->journal != NULL)
        return spec->journal->begun(spec->journal->ctx, TOKEN_NONE, err);
    return AKS_OK;
}

enum aks_status
aks_target_http_open(struct aks_target *base, const struct aks_object_spec *spec,
    struct aks_target_object **ret_object, struct aks_error *err)
{
    struct http_target *target = (struct http_target *)base;
    const struct aks_alloc *alloc = target->port->alloc;
    struct http_object *object;
    enum aks_status status;

    if (!aks_target_key_valid(spec->key))
        return aks_error_set(err, AKS_SETTINGS, "cannot use target %s: \"%s\" is not a valid key",
            base->settings->name, spec->key);
    object = aks_mem_new(alloc, sizeof(*object));
    if (object == NULL)
        return aks_error_memory(err, "opening an object");
    object->base.class = &aks_target_http;
    object->target = target;
    object->piece_bytes = spec->part_bytes < AKS_TARGET_HTTP_TUS_PIECE_MAX ? spec->part_bytes
        : AKS_TARGET_HTTP_TUS_PIECE_MAX;
    object->key = aks_mem_strdup(alloc, spec->key);
    object->content_type = aks_mem_strdup(alloc, spec->content_type);
    object->source = aks_mem_strdup(alloc, spec->source);
    if (object->key == NULL || (object->content_type == NULL && spec->content_type != NULL) ||
        (object->source == NULL && spec->source != NULL)) {
        aks_target_http_object_free(&object->base);
        return aks_error_memory(err, "opening an object");
    }
    status = take_up(object, spec, err);
    if (status != AKS_OK) {
        aks_target_http_object_free(&object->base);
        return status;
    }
    *ret_object = &object->base;
    return AKS_OK;
}

/* The name goes as soon as the file is open: whatever happens to us, nothing stays behind. */
static enum aks_status
make_scratch(struct http_object *object, struct aks_error *err)
{
    const struct aks_port *port = object->target->port;
    uint8_t random[SCRATCH_RANDOM_BYTES];
    char hex[2 * SCRATCH_RANDOM_BYTES + 1];
    enum aks_status status;
    char *path;

    if (object->scratch != NULL)
        return AKS_OK;
    status = port->entropy.fill(port->entropy.ctx, random, sizeof(random), err);
    if (status != AKS_OK)
        return status;
    aks_hex_encode(random, sizeof(random), hex);
    path = aks_mem_printf(port->alloc, "%s/.http.%s.part", object->target->options.scratch_folder,
        hex);
    if (path == NULL)
        return aks_error_memory(err, "keeping a compressed copy");
    status = aks_target_file_create(port, path, &object->scratch, err);
    if (status == AKS_OK)
        status = port->files.unlink(port->files.ctx, path, err);
    if (status != AKS_OK) {
        aks_target_file_drop(object->scratch);
        object->scratch = NULL;
    }
    aks_mem_free(port->alloc, path);
    return status;
}

static void
end_part(struct http_call *call, struct aks_error *err)
{
    const struct http_object *object = call->object;

    if (err->status != AKS_OK) {
        (void)aks_error_wrap(err, "cannot keep a copy of %s for target %s", object->key,
            object->target->base.settings->name);
        if (err->status == AKS_NO_SPACE)
            aks_error_hint(err, "make room in %s; uncompressed data needs no copy",
                object->target->options.scratch_folder);
    }
    aks_target_http_call_ended(call, err);
}

static void
part_written(void *ctx, struct aks_target_work *work)
{
    struct http_call *call = ctx;

    call->work = NULL;
    end_part(call, &work->error);
}

static void
start_part(struct http_call *call)
{
    struct http_object *object = call->object;
    struct aks_target_work *work = NULL;
    struct aks_error err;

    aks_error_clear(&err);
    if (!call->part.in_memory) {
        end_part(call, &err);
        return;
    }
    if (make_scratch(object, &err) == AKS_OK) {
        work = aks_target_work_copy(object->target->port, &call->part.body, object->scratch,
            call->part.offset);
        if (work == NULL)
            (void)aks_error_memory(&err, "keeping a compressed copy");
    }
    if (work != NULL && aks_target_work_begin(work, part_written, call, &err) == AKS_OK)
        call->work = work;
    else
        end_part(call, &err);
}

void
aks_target_http_send(struct aks_target_object *base, const struct aks_part *part, aks_done *done,
    void *ctx)
{
    struct http_object *object = (struct http_object *)base;
    char operation[AKS_OPERATION_BYTES];
    size_t i = 0;

    while (i < AKS_TARGET_HTTP_PARTS_MAX && object->parts[i].busy)
        i++;
    AKS_CHECK(i < AKS_TARGET_HTTP_PARTS_MAX);
    aks_target_http_call_init(&object->parts[i], object->target, object);
    object->parts[i].part = *part;
    (void)snprintf(operation, sizeof(operation), "part %u", (unsigned)part->number);
    aks_target_http_call_begin(&object->parts[i], start_part, operation, object->source, done,
        ctx);
}

static enum aks_status
read_scratch(void *ctx, int64_t offset, void *data, size_t len, size_t *ret_len,
    struct aks_error *err)
{
    const struct http_object *object = ctx;
    int64_t left = object->content.bytes - offset;
    enum aks_status status;

    AKS_CHECK(offset >= 0 && left > 0);
    if ((int64_t)len > left)
        len = (size_t)left;
    status = object->target->port->files.read(object->scratch->handle, offset, data, len, ret_len,
        err);
    if (status == AKS_OK && *ret_len == 0)
        return aks_error_set(err, AKS_STATE, "the copy of %s has become shorter", object->key);
    return status;
}

void
aks_target_http_closing(struct http_object *object)
{
    struct http_call *call = &object->closing;

    aks_target_http_call_init(call, object->target, object);
    call->key = object->key;
    call->content_type = object->content_type;
    call->body = object->content;
    memcpy(call->sha256, object->sha256, sizeof(call->sha256));
}

void
aks_target_http_finish(struct aks_target_object *base, const struct aks_object_digest *digest,
    aks_done *done, void *ctx)
{
    struct http_object *object = (struct http_object *)base;

    memcpy(object->sha256, digest->sha256, sizeof(object->sha256));
    if (object->scratch != NULL) {
        object->content = (struct aks_body) { digest->bytes, read_scratch, object };
    } else {
        /* Nothing was kept, so it can be read again; where there is nothing there is nothing
         * to read. */
        AKS_CHECK(digest->bytes == 0 || digest->whole.bytes == digest->bytes);
        object->content = digest->whole;
        object->content.bytes = digest->bytes;
    }
    if (object->tus.location != NULL || aks_target_http_tus_wanted(object)) {
        aks_target_http_tus_begin(object, done, ctx);
        return;
    }
    aks_target_http_closing(object);
    aks_target_http_call_begin(&object->closing, aks_target_http_store, "put", object->source,
        done, ctx);
}

static void
cancel_all(struct http_object *object)
{
    for (size_t i = 0; i < AKS_TARGET_HTTP_PARTS_MAX; i++)
        aks_target_http_call_cancel(&object->parts[i]);
    aks_target_http_call_cancel(&object->closing);
}

/* A PUT that was begun may have got through, and there is no way to take it back that every
 * receiver has. Readers go by the manifest, which will not name it. */
static void
tell_aborted(void *ctx)
{
    struct http_call *call = ctx;
    const struct http_object *object = call->object;
    struct aks_outcome outcome;
    struct aks_error err;

    aks_outcome_ok(&outcome);
    if (object->left) {
        (void)aks_error_set(&err, AKS_BAD_REPLY,
            "PUT of %s to %s: whether the server has kept it is not known", object->key,
            object->target->base.settings->name);
        aks_outcome_failed(&outcome, &err);
        outcome.verdict = AKS_GIVE_UP;
    }
    call->busy = false;
    call->done(call->ctx, &outcome);
}

void
aks_target_http_abort(struct aks_target_object *base, aks_done *done, void *ctx)
{
    struct http_object *object = (struct http_object *)base;
    struct http_call *call = &object->closing;

    cancel_all(object);
    object->left = call->unknown > 0;
    aks_target_file_drop(object->scratch);
    object->scratch = NULL;
    if (object->tus.location != NULL) {
        aks_target_http_tus_abort(object, done, ctx);
        return;
    }
    aks_target_http_call_init(call, object->target, object);
    call->done = done;
    call->ctx = ctx;
    call->busy = true;
    if (aks_loop_set(object->target->options.loop, &call->deadline, 0, tell_aborted, call,
            NULL) != AKS_OK)
        tell_aborted(call);
}

void
aks_target_http_object_free(struct aks_target_object *base)
{
    struct http_object *object = (struct http_object *)base;
    const struct aks_alloc *alloc;

    if (object == NULL)
        return;
    alloc = object->target->port->alloc;
    cancel_all(object);
    aks_target_file_drop(object->scratch);
    aks_target_http_tus_fini(object);
    aks_mem_free(alloc, object->source);
    aks_mem_free(alloc, object->content_type);
    aks_mem_free(alloc, object->key);
    aks_mem_free(alloc, object);
}
