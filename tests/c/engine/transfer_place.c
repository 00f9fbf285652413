#include "engine/transfer_place.h"

#include "base/encode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TURNS_MAX 1000
#define LONG_WAIT_NS (INT64_C(20) * 1000 * 1000)

struct fake_object {
    struct aks_target_object object;    /* first */
    struct fake_target *fake;
    struct aks_timer timer;
    struct aks_outcome outcome;
    aks_done *done;
    void *ctx;
};

static int64_t
jumping_now(void *ctx)
{
    const struct transfer_place *place = ctx;
    const struct aks_clock *clock = &aks_os_port(place->world->os)->clock;

    return clock->now_ns(clock->ctx) + place->jumped_ns;
}

static int64_t
wall(void *ctx)
{
    const struct transfer_place *place = ctx;
    const struct aks_clock *clock = &aks_os_port(place->world->os)->clock;

    return clock->wall_ms(clock->ctx);
}

static enum aks_status
jumping_wait(void *ctx, int64_t timeout_ns, struct aks_error *err)
{
    struct transfer_place *place = ctx;

    if (timeout_ns > LONG_WAIT_NS) {
        place->jumped_ns += timeout_ns;
        timeout_ns = 0;
    }
    return place->events.wait(place->events.ctx, timeout_ns, err);
}

static void
fire_answer(void *ctx)
{
    struct fake_object *object = ctx;
    struct aks_outcome outcome = object->outcome;

    object->done(object->ctx, &outcome);
}

static void
give_answer(struct fake_object *object, const struct fake_answer *answer, aks_done *done, void *ctx)
{
    struct aks_error err;

    aks_loop_clear(&object->fake->place->world->loop, &object->timer);
    if (answer->silent)
        return;
    aks_outcome_ok(&object->outcome);
    if (answer->status != AKS_OK) {
        (void)aks_error_set(&err, answer->status, "the target says no");
        aks_outcome_failed(&object->outcome, &err);
        object->outcome.verdict = answer->verdict;
        object->outcome.http_status = answer->http_status;
    }
    object->done = done;
    object->ctx = ctx;
    assert_int_equal(aks_loop_set(&object->fake->place->world->loop, &object->timer, 0,
        fire_answer, object, NULL), AKS_OK);
}

static enum aks_part_check
fake_part_check(const struct aks_target *target)
{
    return AKS_PART_SHA256;
}

static unsigned
fake_parts_in_flight(const struct aks_target *target)
{
    return 1;
}

static enum aks_status
fake_open(struct aks_target *target, const struct aks_object_spec *spec,
    struct aks_target_object **ret_object, struct aks_error *err)
{
    struct fake_target *fake = (struct fake_target *)target;
    struct fake_object *object;

    if (fake->open != AKS_OK)
        return aks_error_set(err, fake->open, "the target cannot open anything");
    object = calloc(1, sizeof(*object));
    assert_non_null(object);
    object->object.class = &fake->class;
    object->fake = fake;
    fake->opened++;
    fake->objects++;
    *ret_object = &object->object;
    return AKS_OK;
}

static void
fake_send(struct aks_target_object *target_object, const struct aks_part *part, aks_done *done,
    void *ctx)
{
    struct fake_object *object = (struct fake_object *)target_object;
    struct fake_target *fake = object->fake;
    static const struct fake_answer fine = { AKS_OK, AKS_NO_OPINION, 0, false };
    char text[32];

    if (fake->touch) {
        (void)snprintf(text, sizeof(text), "written behind its back %lld",
            (long long)fake->touched++);
        temp_folder_write(fake->place->world->folder, "a.txt", text, strlen(text));
    }
    give_answer(object, fake->sent++ < fake->send_failures ? &fake->send : &fine, done, ctx);
}

static void
fake_finish(struct aks_target_object *target_object, const struct aks_object_digest *digest,
    aks_done *done, void *ctx)
{
    struct fake_object *object = (struct fake_object *)target_object;

    object->fake->finished++;
    give_answer(object, &object->fake->finish, done, ctx);
}

static void
fake_abort(struct aks_target_object *target_object, aks_done *done, void *ctx)
{
    struct fake_object *object = (struct fake_object *)target_object;

    object->fake->aborted++;
    give_answer(object, &object->fake->abort, done, ctx);
}

static void
fake_object_free(struct aks_target_object *target_object)
{
    struct fake_object *object = (struct fake_object *)target_object;

    aks_loop_clear(&object->fake->place->world->loop, &object->timer);
    object->fake->objects--;
    free(object);
}

static enum aks_status
answer_retry(void *ctx, const struct aks_failure_facts *facts, struct aks_retry_answer *ret,
    struct aks_error *err)
{
    const struct transfer_place *place = ctx;

    if (place->policy_fails != AKS_OK)
        return aks_error_set(err, place->policy_fails, "the policy itself fails");
    ret->verdict = place->retry;
    ret->wait_ms = 0;
    return AKS_OK;
}

static void
note_read(void *ctx)
{
    struct transfer_place *place = ctx;

    place->read++;
}

static void
note_left(void *ctx, const struct aks_error *err)
{
    struct transfer_place *place = ctx;

    place->left++;
    place->left_error = *err;
}

/* Takes what there is to look at and frees the transfer, as its owner may. */
static void
note_done(void *ctx)
{
    struct transfer_place *place = ctx;

    place->done++;
    place->outcome = *aks_transfer_outcome(place->transfer);
    if (place->outcome.status == AKS_OK) {
        const struct aks_transfer_result *result = aks_transfer_result(place->transfer);

        (void)snprintf(place->codec, sizeof(place->codec), "%s", aks_codec_name(result->codec));
        (void)snprintf(place->codec_reason, sizeof(place->codec_reason), "%s",
            result->codec_reason != NULL ? result->codec_reason : "");
        aks_hex_encode(result->bytes.plain_sha256, AKS_SHA256_BYTES, place->sha256);
        place->stored_bytes = result->bytes.stored_bytes;
    }
    aks_transfer_free(place->transfer);
    place->transfer = NULL;
}

static void
set_up_fake(struct transfer_place *place)
{
    struct fake_target *fake = &place->fake;

    fake->place = place;
    fake->class.part_check = fake_part_check;
    fake->class.parts_in_flight = fake_parts_in_flight;
    fake->class.open = fake_open;
    fake->class.send = fake_send;
    fake->class.finish = fake_finish;
    fake->class.abort = fake_abort;
    fake->class.object_free = fake_object_free;
    fake->target.class = &fake->class;
    fake->target.settings = &place->world->target;
    fake->send_failures = 100;
}

static void
set_up_options(struct transfer_place *place)
{
    struct target_world *world = place->world;

    place->facts.name = "place";
    place->facts.kind = "s3";
    place->options.port = &world->port;
    place->options.loop = &world->loop;
    place->options.ask = &world->ask;
    place->options.pool = &place->pool;
    place->options.target = &place->fake.target;
    place->options.target_facts = &place->facts;
    place->options.source = &place->source;
    place->options.snapshot = &place->snapshot;
    place->options.folder = TARGET_WORLD_FOLDER;
    place->options.scratch_folder = temp_folder_path(world->folder);
    place->options.read = note_read;
    place->options.left = note_left;
    place->options.done = note_done;
    place->options.ctx = place;
}

/* The source as it is now, read in place. */
static void
take_snapshot(struct transfer_place *place)
{
    struct aks_snapshot_options options = { .port = &place->world->port, .source = &place->source,
        .folder = temp_folder_path(place->world->folder), .id = "snapshot", .wait_ms = 1000 };
    struct aks_snapshot *snapshot = &place->snapshot;

    assert_int_equal(aks_snapshot_plan(&options, snapshot, NULL), AKS_OK);
    assert_int_equal(aks_snapshot_take(&options, snapshot, NULL), AKS_OK);
    assert_true(snapshot->in_place);
}

int
transfer_place_set_up(void **state)
{
    struct transfer_place *place = calloc(1, sizeof(*place));
    char data[TRANSFER_PLACE_SOURCE_BYTES];

    assert_non_null(place);
    place->world = target_world_new(AKS_TARGET_S3);
    target_world_calm(place->world);
    memset(data, 'x', sizeof(data));
    assert_int_equal(aks_source_inspect(&place->world->port,
        temp_folder_write(place->world->folder, "a.txt", data, sizeof(data)), &place->source,
        NULL), AKS_OK);
    take_snapshot(place);
    place->events = place->world->port.events;
    place->world->port.events.wait = jumping_wait;
    place->world->port.events.ctx = place;
    place->world->port.clock = (struct aks_clock) { .now_ns = jumping_now,
        .wall_ms = wall, .ctx = place };
    place->world->policy.decide.retry = answer_retry;
    place->world->policy.decide.ctx = place;
    place->world->settings.compress.codec = AKS_CODEC_NONE;
    place->retry = AKS_GIVE_UP;
    aks_pool_init(&place->pool, place->world->port.alloc, AKS_PART_BYTES_DEFAULT);
    set_up_fake(place);
    set_up_options(place);
    *state = place;
    return 0;
}

static void
settle(struct transfer_place *place)
{
    while (place->pool.lingering > 0)
        assert_int_equal(aks_loop_turn(&place->world->loop, NULL), AKS_OK);
}

int
transfer_place_tear_down(void **state)
{
    struct transfer_place *place = *state;

    settle(place);
    assert_int_equal(place->fake.objects, 0);
    aks_pool_fini(&place->pool);
    aks_snapshot_fini(&place->snapshot);
    aks_source_fini(place->world->port.alloc, &place->source);
    target_world_free(place->world);
    free(place);
    return 0;
}

void
transfer_place_begin(struct transfer_place *place)
{
    place->done = 0;
    place->read = 0;
    place->left = 0;
    assert_int_equal(aks_transfer_new(&place->options, &place->transfer, NULL), AKS_OK);
}

void
transfer_place_until_done(struct transfer_place *place)
{
    for (unsigned turn = 0; place->done == 0; turn++) {
        assert_true(turn < TURNS_MAX);
        assert_int_equal(aks_loop_turn(&place->world->loop, NULL), AKS_OK);
    }
    assert_int_equal(place->done, 1);
    assert_int_equal(place->read, 1);
    assert_null(place->transfer);
    settle(place);
}

void
transfer_place_run(struct transfer_place *place)
{
    transfer_place_begin(place);
    transfer_place_until_done(place);
}
