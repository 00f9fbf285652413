#include "engine/fetch.h"

#include "base/check.h"
#include "base/encode.h"
#include "data/decoder.h"

#include <string.h>

enum slot_state { SLOT_FREE, SLOT_ASKED, SLOT_HERE };

struct slot {
    struct aks_fetch *fetch;
    enum slot_state state;
    int64_t offset;
    size_t len;
    char *data;
};

struct aks_fetch {
    const struct aks_alloc *alloc;
    struct aks_fetch_options options;
    struct aks_fetch_object object;
    aks_done *done;
    void *ctx;
    struct aks_timer timer;             /* begins it, and ends one that cannot */
    struct aks_target_stat stat;
    bool looking;                       /* stat is under way */
    struct slot slots[AKS_FETCH_RANGES];
    unsigned ahead;                     /* ranges that may be under way: one until one has come */
    int64_t asked;                      /* the first byte that no range was asked for */
    int64_t taken;                      /* the first byte that was not taken */
    struct aks_sha256 *stored_sha;
    struct aks_sha256 *plain_sha;
    struct aks_age_reader *age;         /* in front of the decoder, if it is encrypted */
    bool opened;                        /* its last chunk was */
    struct aks_decoder *decoder;
    int64_t plain;                      /* where the next plain byte goes */
    struct slot *working;               /* on a worker */
    struct aks_error work_error;
    struct aks_outcome outcome;         /* what it comes to */
    bool failed;
    bool over;                          /* done was called */
    bool inside;                        /* ranges are being asked for: no going on meanwhile */
    bool freeing;
};

static void go_on(struct aks_fetch *fetch);
static void give_back(struct aks_fetch *fetch);

static void
fail(struct aks_fetch *fetch, const struct aks_outcome *outcome)
{
    if (fetch->failed)
        return;
    fetch->failed = true;
    fetch->outcome = *outcome;
}

static void
fail_with(struct aks_fetch *fetch, const struct aks_error *err)
{
    struct aks_outcome outcome;
    struct aks_error worded = *err;

    (void)aks_error_wrap(&worded, "%s of %s", fetch->object.key,
        fetch->options.target->settings->name);
    aks_outcome_failed(&outcome, &worded);
    outcome.verdict = AKS_GIVE_UP;
    fail(fetch, &outcome);
}

/* The worker's side: everything in here is touched by one job at a time. */

static enum aks_status
take_plain(void *ctx, const void *data, size_t len, struct aks_error *err)
{
    struct aks_fetch *fetch = ctx;
    enum aks_status status = AKS_OK;

    aks_sha256_update(fetch->plain_sha, data, len);
    if (fetch->options.write != NULL)
        status = fetch->options.write(fetch->options.ctx, fetch->plain, data, len, err);
    fetch->plain += (int64_t)len;
    return status;
}

static enum aks_status
take_decrypted(void *ctx, const void *data, size_t len, struct aks_error *err)
{
    struct aks_fetch *fetch = ctx;

    return aks_decoder_feed(fetch->decoder, data, len, take_plain, fetch, err);
}

static void
decrypt(struct aks_fetch *fetch, const struct slot *slot, struct aks_error *err)
{
    bool last = slot->offset + (int64_t)slot->len == fetch->object.stored_bytes;
    enum aks_status status = aks_age_reader_feed(fetch->age, slot->data, slot->len,
        take_decrypted, fetch, err);

    if (status == AKS_OK && last)
        status = aks_age_reader_end(fetch->age, take_decrypted, fetch, err);
    fetch->opened = status == AKS_OK && last;
    if (aks_age_reader_failure(fetch->age) == AKS_AGE_NO_MATCH)
        aks_error_hint(err, "give what opens it: --identity FILE with the identity of one of its "
            "recipients, or --passphrase, or --passphrase-secret NAME");
}

static void
work(void *arg)
{
    struct aks_fetch *fetch = arg;
    const struct slot *slot = fetch->working;

    aks_error_clear(&fetch->work_error);
    if (fetch->stored_sha != NULL)
        aks_sha256_update(fetch->stored_sha, slot->data, slot->len);
    if (fetch->age != NULL)
        decrypt(fetch, slot, &fetch->work_error);
    else if (fetch->decoder != NULL)
        (void)aks_decoder_feed(fetch->decoder, slot->data, slot->len, take_plain, fetch,
            &fetch->work_error);
}

/* The loop's side. */

static void
worked(void *arg)
{
    struct aks_fetch *fetch = arg;
    struct slot *slot = fetch->working;
    struct aks_error err;

    fetch->working = NULL;
    slot->state = SLOT_FREE;
    if (fetch->freeing) {
        if (fetch->options.lingering != NULL) {
            --*fetch->options.lingering;
            give_back(fetch);
        }
        return;
    }
    fetch->taken += (int64_t)slot->len;
    if (fetch->work_error.status != AKS_OK)
        fail_with(fetch, &fetch->work_error);
    else if (fetch->options.moved != NULL &&
        fetch->options.moved(fetch->options.ctx, fetch, &err) != AKS_OK)
        fail_with(fetch, &err);
    go_on(fetch);
}

static bool
digest_is(struct aks_sha256 *sha, const char *hex)
{
    char text[AKS_SHA256_HEX_BYTES];
    uint8_t digest[AKS_SHA256_BYTES];

    aks_sha256_final(sha, digest);
    aks_hex_encode(digest, sizeof(digest), text);
    return strcmp(text, hex) == 0;
}

/* Everything was taken: is it what it should be? */
static enum aks_status
check(struct aks_fetch *fetch, struct aks_error *err)
{
    enum aks_status status = AKS_OK;

    if (fetch->stored_sha != NULL && !digest_is(fetch->stored_sha, fetch->object.stored_sha256))
        return aks_error_set(err, AKS_CORRUPT,
            "the digest of what is stored there is not the one that was stored");
    if (fetch->age != NULL && !fetch->opened)
        return aks_error_set(err, AKS_CORRUPT, "it is no file of age");
    if (fetch->decoder != NULL)
        status = aks_decoder_end(fetch->decoder, err);
    if (status == AKS_OK && fetch->decoder != NULL &&
        !digest_is(fetch->plain_sha, fetch->object.sha256))
        status = aks_error_set(err, AKS_CORRUPT,
            "the digest of what it unpacks to is not the source's");
    return status;
}

static bool
busy(const struct aks_fetch *fetch)
{
    for (size_t i = 0; i < AKS_FETCH_RANGES; i++) {
        if (fetch->slots[i].state == SLOT_ASKED)
            return true;
    }
    return fetch->looking || fetch->working != NULL;
}

static void
end(struct aks_fetch *fetch)
{
    struct aks_error err;

    if (!fetch->failed && check(fetch, &err) != AKS_OK)
        fail_with(fetch, &err);
    if (!fetch->failed)
        aks_outcome_ok(&fetch->outcome);
    fetch->over = true;
    fetch->done(fetch->ctx, &fetch->outcome);
}

/* The slot that holds the next byte to be taken, if it has come. */
static struct slot *
next_here(struct aks_fetch *fetch)
{
    for (size_t i = 0; i < AKS_FETCH_RANGES; i++) {
        if (fetch->slots[i].state == SLOT_HERE && fetch->slots[i].offset == fetch->taken)
            return &fetch->slots[i];
    }
    return NULL;
}

static void
range_came(void *ctx, const struct aks_outcome *outcome)
{
    struct slot *slot = ctx;
    struct aks_fetch *fetch = slot->fetch;

    slot->state = outcome->status == AKS_OK ? SLOT_HERE : SLOT_FREE;
    fetch->ahead = AKS_FETCH_RANGES;
    if (outcome->status != AKS_OK)
        fail(fetch, outcome);
    go_on(fetch);
}

static void
ask_ranges(struct aks_fetch *fetch)
{
    struct aks_target *target = fetch->options.target;

    for (size_t i = 0; i < fetch->ahead && fetch->asked < fetch->object.stored_bytes &&
        !fetch->failed; i++) {
        struct slot *slot = &fetch->slots[i];
        int64_t left = fetch->object.stored_bytes - fetch->asked;

        if (slot->state != SLOT_FREE)
            continue;
        slot->state = SLOT_ASKED;
        slot->offset = fetch->asked;
        slot->len = left < (int64_t)AKS_FETCH_RANGE_BYTES ? (size_t)left : AKS_FETCH_RANGE_BYTES;
        fetch->asked += (int64_t)slot->len;
        target->class->get_range(target, fetch->object.key, fetch->stat.etag, slot->offset,
            slot->data, slot->len, range_came, slot);
    }
}

static void
go_on(struct aks_fetch *fetch)
{
    const struct aks_work *port = &fetch->options.loop->port->work;
    struct aks_error err;

    if (fetch->over || fetch->freeing || fetch->inside)
        return;
    if (!fetch->failed && fetch->working == NULL) {
        fetch->working = next_here(fetch);
        if (fetch->working != NULL &&
            port->submit(port->ctx, work, worked, fetch, &err) != AKS_OK) {
            fetch->working = NULL;
            fail_with(fetch, &err);
        }
    }
    fetch->inside = true;
    if (!fetch->failed)
        ask_ranges(fetch);
    fetch->inside = false;
    if (!busy(fetch) &&
        (fetch->failed || fetch->taken == fetch->object.stored_bytes))
        end(fetch);
}

/* A server that answers no HEAD may still give ranges. */
static bool
cannot_look(const struct aks_outcome *outcome)
{
    return outcome->http_status == 405 || outcome->http_status == 501;
}

static void
looked(void *ctx, const struct aks_outcome *outcome)
{
    struct aks_fetch *fetch = ctx;
    const struct aks_target_stat *stat = &fetch->stat;
    const char *etag = fetch->options.etag;
    struct aks_error err;

    fetch->looking = false;
    if (cannot_look(outcome)) {
        fetch->stat.bytes = -1;
        fetch->stat.etag[0] = '\0';
    } else if (outcome->status != AKS_OK) {
        fail(fetch, outcome);
    } else if (stat->bytes >= 0 && stat->bytes != fetch->object.stored_bytes) {
        (void)aks_error_set(&err, AKS_CORRUPT, "%lld bytes are stored there, and not the %lld "
            "that were", (long long)stat->bytes, (long long)fetch->object.stored_bytes);
        fail_with(fetch, &err);
    } else if (etag != NULL && etag[0] != '\0' && strcmp(etag, stat->etag) != 0) {
        (void)aks_error_set(&err, AKS_CONFLICT, "it was replaced since");
        fail_with(fetch, &err);
    }
    go_on(fetch);
}

static void
start(void *ctx)
{
    struct aks_fetch *fetch = ctx;
    struct aks_target *target = fetch->options.target;

    fetch->looking = true;
    target->class->stat(target, fetch->object.key, &fetch->stat, looked, fetch);
}

static enum aks_status
make_buffers(struct aks_fetch *fetch, struct aks_error *err)
{
    int64_t bytes = fetch->object.stored_bytes - fetch->options.from_stored;
    size_t len = bytes < (int64_t)AKS_FETCH_RANGE_BYTES ? (size_t)bytes : AKS_FETCH_RANGE_BYTES;

    for (size_t i = 0; i < AKS_FETCH_RANGES && bytes > 0; i++) {
        fetch->slots[i].fetch = fetch;
        fetch->slots[i].data = aks_mem_resize(fetch->alloc, NULL, len);
        if (fetch->slots[i].data == NULL)
            return aks_error_memory(err, "reading an object");
        bytes -= (int64_t)len;
    }
    return AKS_OK;
}

static enum aks_status
set_up(struct aks_fetch *fetch, struct aks_error *err)
{
    static const struct aks_age_keys nothing;
    const struct aks_age_keys *keys = fetch->options.keys != NULL ? fetch->options.keys : &nothing;
    const struct aks_fetch_object *object = &fetch->object;
    bool whole = fetch->options.from_stored == 0;
    enum aks_status status = make_buffers(fetch, err);

    if (status == AKS_OK && whole) {
        fetch->stored_sha = aks_sha256_new(fetch->alloc);
        if (fetch->stored_sha == NULL)
            return aks_error_memory(err, "reading an object");
    }
    if (status != AKS_OK || fetch->options.stored_only)
        return status;
    if (fetch->plain_sha == NULL)
        fetch->plain_sha = aks_sha256_new(fetch->alloc);
    if (fetch->plain_sha == NULL)
        return aks_error_memory(err, "reading an object");
    if (object->encryption == AKS_ENCRYPTION_AGE)
        status = aks_age_reader_new(fetch->alloc, keys, false, &fetch->age, err);
    if (status != AKS_OK)
        return status;
    return aks_decoder_new(fetch->alloc, object->codec, object->bytes - fetch->options.from_plain,
        &fetch->decoder, err);
}

enum aks_status
aks_fetch_begin(const struct aks_fetch_options *options, aks_done *done, void *ctx,
    struct aks_fetch **ret_fetch, struct aks_error *err)
{
    const struct aks_fetch_object *object = options->object;
    const struct aks_alloc *alloc = options->loop->port->alloc;
    struct aks_fetch *fetch = aks_mem_new(alloc, sizeof(*fetch));
    enum aks_status status;

    AKS_CHECK(object->bytes >= options->from_plain && options->from_plain >= 0);
    AKS_CHECK(object->stored_bytes >= options->from_stored && options->from_stored >= 0);
    AKS_CHECK(options->lingering == NULL || options->write == NULL);
    AKS_CHECK(object->encryption == AKS_ENCRYPTION_NONE || options->from_stored == 0);
    if (fetch == NULL) {
        aks_sha256_free(options->sha);
        return aks_error_memory(err, "reading an object");
    }
    fetch->alloc = alloc;
    fetch->options = *options;
    fetch->object = *object;
    fetch->done = done;
    fetch->ctx = ctx;
    fetch->ahead = 1;
    fetch->asked = options->from_stored;
    fetch->taken = options->from_stored;
    fetch->plain = options->from_plain;
    fetch->plain_sha = options->sha;
    status = set_up(fetch, err);
    if (status == AKS_OK)
        status = aks_loop_set(options->loop, &fetch->timer, 0, start, fetch, err);
    if (status != AKS_OK) {
        aks_fetch_free(fetch);
        return status;
    }
    *ret_fetch = fetch;
    return AKS_OK;
}

static void
give_back(struct aks_fetch *fetch)
{
    for (size_t i = 0; i < AKS_FETCH_RANGES; i++)
        aks_mem_free(fetch->alloc, fetch->slots[i].data);
    aks_age_reader_free(fetch->age);
    aks_decoder_free(fetch->decoder);
    aks_sha256_free(fetch->stored_sha);
    aks_sha256_free(fetch->plain_sha);
    aks_mem_free(fetch->alloc, fetch);
}

void
aks_fetch_free(struct aks_fetch *fetch)
{
    if (fetch == NULL)
        return;
    fetch->freeing = true;
    aks_loop_clear(fetch->options.loop, &fetch->timer);
    if (fetch->working != NULL && fetch->options.lingering != NULL) {
        ++*fetch->options.lingering;
        return;
    }
    while (fetch->working != NULL)
        (void)aks_loop_turn(fetch->options.loop, NULL);
    give_back(fetch);
}

int64_t
aks_fetch_bytes(const struct aks_fetch *fetch)
{
    return fetch->decoder != NULL ? fetch->plain : fetch->taken;
}

void
aks_fetch_boundary(const struct aks_fetch *fetch, int64_t *ret_stored, int64_t *ret_plain)
{
    *ret_stored = 0;
    *ret_plain = 0;
    if (fetch->decoder == NULL || fetch->age != NULL)
        return;
    aks_decoder_boundary(fetch->decoder, ret_stored, ret_plain);
    *ret_stored += fetch->options.from_stored;
    *ret_plain += fetch->options.from_plain;
}

const char *
aks_fetch_etag(const struct aks_fetch *fetch)
{
    return fetch->stat.etag;
}
