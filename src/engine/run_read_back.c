/* verify = "read_back": what an upload has sent is read again and digested before its manifest is
 * written, so that readers never see one whose bytes went wrong on their way or at rest. */
#include "engine/run_memories.h"
#include "engine/run_upload_internal.h"
#include "engine/state_journal.h"

#include <string.h>

/* The digest of what was sent is what counts: how it is packed was checked before it left. */
#define TRIES 2

static void next(struct upload *upload);

static void
end(struct upload *upload, const struct aks_outcome *outcome)
{
    aks_done *done = upload->read_back.done;

    upload->read_back.done = NULL;
    done(upload, outcome);
}

/* Nobody goes on with objects that are not what was sent. */
static void
give_up(struct upload *upload)
{
    struct aks_run *run = upload->run;
    struct aks_journal_upload *open = NULL;
    size_t count = 0;

    (void)aks_state_journal_uploads(run->engine->state, run->targets[upload->index].identity,
        &open, &count, NULL);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(open[i].upload_id, upload->upload_id) == 0)
            (void)aks_state_journal_give_up(run->engine->state, open[i].id, NULL);
    }
    aks_mem_free(run->engine->port->alloc, open);
}

static void
fail(struct upload *upload, const struct aks_outcome *given)
{
    struct aks_outcome outcome = *given;

    /* What is not there any more is as lost as what is mangled. */
    if (outcome.status == AKS_NOT_FOUND) {
        outcome.status = AKS_CORRUPT;
        outcome.error.status = AKS_CORRUPT;
    }
    if (outcome.status == AKS_CORRUPT || outcome.status == AKS_CONFLICT) {
        (void)aks_error_wrap(&outcome.error, "what was just stored does not verify");
        aks_error_hint(&outcome.error, "it is kept in the queue; look at the storage of target %s",
            upload->settings->name);
        give_up(upload);
        outcome.verdict = AKS_NEXT_TARGET;
    }
    end(upload, &outcome);
}

static void
read(void *ctx, const struct aks_outcome *given)
{
    struct upload *upload = ctx;
    struct read_back *back = &upload->read_back;
    struct aks_outcome outcome = *given;    /* which goes with the fetch */

    aks_fetch_free(back->fetch);
    back->fetch = NULL;
    if (outcome.status == AKS_OK) {
        back->tries = 0;
        back->object++;
    } else if (outcome.status != AKS_CORRUPT || ++back->tries == TRIES) {
        fail(upload, &outcome);
        return;
    }
    next(upload);
}

/* Object number back->object: of each copy its main and its log, then the memories. False past the
 * last; one that this upload has not sent has no key. */
static bool
find(const struct upload *upload, struct aks_fetch_object *ret_object)
{
    size_t copy = upload->read_back.object / 2;
    const struct aks_stored *row;
    size_t len = strlen(upload->folder);

    memset(ret_object, 0, sizeof(*ret_object));
    if (copy >= upload->count)
        return upload->read_back.object == 2 * upload->count && aks_run_memories_object(upload,
            &ret_object->key, &ret_object->stored_bytes, &ret_object->stored_sha256);
    row = &upload->copies[copy]->row;
    if (upload->copies[copy]->state != AKS_COPY_STORED)
        return true;
    if (upload->read_back.object % 2 == 0) {
        ret_object->key = row->key;
        ret_object->stored_bytes = row->stored_bytes;
        ret_object->stored_sha256 = row->stored_sha256;
    } else {
        ret_object->key = row->wal.key;
        ret_object->stored_bytes = row->wal.stored_bytes;
        ret_object->stored_sha256 = row->wal.stored_sha256;
    }
    if (ret_object->key != NULL && strncmp(ret_object->key, upload->folder, len) != 0)
        ret_object->key = NULL;
    return true;
}

static void
next(struct upload *upload)
{
    struct read_back *back = &upload->read_back;
    struct aks_fetch_options options = { .object = &back->of, .stored_only = true };
    struct aks_outcome outcome;
    struct aks_error err;

    while (find(upload, &back->of) && back->of.key == NULL)
        back->object++;
    if (back->of.key == NULL) {
        aks_outcome_ok(&outcome);
        end(upload, &outcome);
        return;
    }
    options.loop = &upload->run->engine->loop;
    options.target = upload->target;
    options.lingering = &upload->run->pool.lingering;
    if (aks_fetch_begin(&options, read, upload, &back->fetch, &err) == AKS_OK)
        return;
    aks_outcome_failed(&outcome, &err);
    outcome.verdict = AKS_GIVE_UP;
    end(upload, &outcome);
}

void
aks_run_read_back_begin(struct upload *upload, aks_done *done)
{
    memset(&upload->read_back, 0, sizeof(upload->read_back));
    upload->read_back.done = done;
    next(upload);
}

void
aks_run_read_back_end(struct upload *upload)
{
    aks_fetch_free(upload->read_back.fetch);
    upload->read_back.fetch = NULL;
    upload->read_back.done = NULL;
}
