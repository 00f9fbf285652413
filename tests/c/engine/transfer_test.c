/* Transfers to a target that does what a test says, on a clock that jumps to what is waited for. */
#include "engine/transfer.h"

#include "base/encode.h"
#include "engine/transfer_place.h"
#include "support/failing_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define TURNS_MAX 1000

static enum aks_status
failing_compress(void *ctx, const struct aks_compress_facts *facts,
    struct aks_compress_answer *ret, struct aks_error *err)
{
    return aks_error_set(err, AKS_POLICY, "the policy itself fails");
}

static enum aks_status
scarce_bytes(void *ctx, const char *path, int64_t *ret_bytes, struct aks_error *err)
{
    *ret_bytes = 1000;
    return AKS_OK;
}

static void
source_arrives_as_it_is(void **state)
{
    struct transfer_place *place = *state;
    uint8_t digest[AKS_SHA256_BYTES];
    char hex[AKS_SHA256_HEX_BYTES];
    char data[TRANSFER_PLACE_SOURCE_BYTES];

    transfer_place_run(place);
    assert_int_equal(place->outcome.status, AKS_OK);
    assert_string_equal(place->codec, "none");
    assert_int_equal(place->stored_bytes, TRANSFER_PLACE_SOURCE_BYTES);
    memset(data, 'x', sizeof(data));
    aks_sha256(data, sizeof(data), digest);
    aks_hex_encode(digest, sizeof(digest), hex);
    assert_string_equal(place->sha256, hex);
    assert_int_equal(place->fake.aborted, 0);
    assert_int_equal(place->fake.finished, 1);
}

static void
transfer_that_always_begins_anew_ends(void **state)
{
    struct transfer_place *place = *state;

    place->fake.send = (struct fake_answer) { AKS_NOT_FOUND, AKS_RESTART, 404, false };
    transfer_place_run(place);
    assert_int_equal(place->outcome.status, AKS_NOT_FOUND);
    assert_int_equal(place->outcome.verdict, AKS_RESTART);
    assert_int_equal(place->fake.opened, 1 + AKS_TRANSFER_RESTARTS_MAX);
    assert_int_equal(place->fake.aborted, 1 + AKS_TRANSFER_RESTARTS_MAX);
    assert_int_equal(place->fake.finished, 0);
}

static void
transfer_that_begins_anew_may_succeed(void **state)
{
    struct transfer_place *place = *state;

    place->fake.send = (struct fake_answer) { AKS_NOT_FOUND, AKS_RESTART, 404, false };
    place->fake.send_failures = 1;
    transfer_place_run(place);
    assert_int_equal(place->outcome.status, AKS_OK);
    assert_int_equal(place->fake.opened, 2);
    assert_int_equal(place->fake.aborted, 1);
}

static void
transfer_that_is_given_up_takes_back_what_was_sent(void **state)
{
    struct transfer_place *place = *state;

    place->fake.finish = (struct fake_answer) { AKS_FORBIDDEN, AKS_NEXT_TARGET, 403, false };
    transfer_place_run(place);
    assert_int_equal(place->outcome.status, AKS_FORBIDDEN);
    assert_int_equal(place->outcome.verdict, AKS_NEXT_TARGET);
    assert_int_equal(place->fake.aborted, 1);
    assert_int_equal(place->left, 0);
}

static void
what_cannot_be_taken_back_is_told(void **state)
{
    struct transfer_place *place = *state;

    place->fake.finish = (struct fake_answer) { AKS_SERVER, AKS_GIVE_UP, 500, false };
    place->fake.abort = (struct fake_answer) { AKS_REFUSED, AKS_GIVE_UP, 0, false };
    transfer_place_run(place);
    assert_int_equal(place->outcome.status, AKS_SERVER);
    assert_int_equal(place->left, 1);
    assert_int_equal(place->left_error.status, AKS_REFUSED);
}

static void
taking_back_has_its_time_and_no_more(void **state)
{
    struct transfer_place *place = *state;

    place->fake.send = (struct fake_answer) { AKS_SERVER, AKS_GIVE_UP, 500, false };
    place->fake.abort.silent = true;
    transfer_place_run(place);
    assert_int_equal(place->outcome.status, AKS_SERVER);
    assert_int_equal(place->left, 1);
    assert_int_equal(place->left_error.status, AKS_TIMEOUT);
    assert_non_null(strstr(place->left_error.message, "a.txt"));
    assert_true(place->jumped_ns > (AKS_TRANSFER_ABORT_MS - 1000) * AKS_NS_PER_MS);
}

static void
interrupt_shortens_the_time_for_taking_back(void **state)
{
    struct transfer_place *place = *state;

    place->fake.send = (struct fake_answer) { AKS_SERVER, AKS_RESTART, 500, false };
    place->fake.abort.silent = true;
    transfer_place_begin(place);
    while (place->fake.aborted == 0)
        assert_int_equal(aks_loop_turn(&place->world->loop, NULL), AKS_OK);
    place->jumped_ns = 0;
    aks_transfer_cancel(place->transfer);
    aks_transfer_cancel(place->transfer);
    transfer_place_until_done(place);
    assert_int_equal(place->outcome.status, AKS_CANCELLED);
    assert_int_equal(place->fake.opened, 1);
    assert_true(place->jumped_ns <= AKS_TRANSFER_ABORT_INTERRUPTED_MS * AKS_NS_PER_MS);
}

/* Cancels after every number of turns; true if it was done before. */
static bool
cancel_after(struct transfer_place *place, unsigned turns)
{
    bool early;

    transfer_place_begin(place);
    for (unsigned turn = 0; turn < turns && place->done == 0; turn++)
        assert_int_equal(aks_loop_turn(&place->world->loop, NULL), AKS_OK);
    early = place->done > 0;
    if (!early)
        aks_transfer_cancel(place->transfer);
    assert_int_equal(place->done, early);
    transfer_place_until_done(place);
    assert_int_equal(place->outcome.status, early ? AKS_OK : AKS_CANCELLED);
    assert_int_equal(place->outcome.verdict, early ? AKS_NO_OPINION : AKS_GIVE_UP);
    assert_int_equal(place->fake.objects, 0);
    return early;
}

static void
transfer_can_be_cancelled_at_every_moment(void **state)
{
    static const enum aks_codec codecs[] = { AKS_CODEC_NONE, AKS_CODEC_ZSTD };
    struct transfer_place *place = *state;

    for (size_t i = 0; i < sizeof(codecs) / sizeof(codecs[0]); i++) {
        unsigned turns = 0;

        place->world->settings.compress.codec = codecs[i];
        while (!cancel_after(place, turns))
            assert_true(++turns < TURNS_MAX);
        assert_true(turns > 1);
    }
}

static void
target_that_cannot_open_is_asked_about(void **state)
{
    struct transfer_place *place = *state;

    place->fake.open = AKS_TOO_LARGE;
    place->retry = AKS_NEXT_TARGET;
    transfer_place_run(place);
    assert_int_equal(place->outcome.status, AKS_TOO_LARGE);
    assert_int_equal(place->outcome.verdict, AKS_NEXT_TARGET);
    assert_int_equal(place->fake.aborted, 0);
}

/* Only another snapshot helps, and that is its owner's. */
static void
source_that_changes_is_left_to_its_owner(void **state)
{
    struct transfer_place *place = *state;

    place->fake.touch = true;
    place->retry = AKS_WAIT;
    transfer_place_run(place);
    assert_int_equal(place->outcome.status, AKS_SOURCE_CHANGED);
    assert_int_equal(place->outcome.verdict, AKS_RESTART);
    assert_int_equal(place->fake.opened, 1);
    assert_int_equal(place->fake.finished, 0);
}

/* A copy that was changed in its folder is no copy any more. */
static void
bytes_of_another_digest_than_the_snapshot_are_not_finished(void **state)
{
    struct transfer_place *place = *state;

    memset(place->snapshot.files[AKS_SNAPSHOT_MAIN].sha256, 'a', 64);
    place->retry = AKS_GIVE_UP;
    transfer_place_run(place);
    assert_int_equal(place->outcome.status, AKS_SOURCE_CHANGED);
    assert_int_equal(place->fake.finished, 0);
    assert_int_equal(place->fake.aborted, 1);
}

static void
source_that_is_gone_is_given_up(void **state)
{
    struct transfer_place *place = *state;

    assert_int_equal(remove(place->source.path), 0);
    transfer_place_run(place);
    assert_int_equal(place->outcome.status, AKS_SOURCE_MISSING);
    assert_int_equal(place->outcome.verdict, AKS_GIVE_UP);
    assert_int_equal(place->fake.opened, 0);
}

static void
no_room_for_a_copy_sends_the_source_as_it_is(void **state)
{
    struct transfer_place *place = *state;

    place->world->target.kind = AKS_TARGET_HTTP;
    place->world->settings.compress.codec = AKS_CODEC_ZSTD;
    place->fake.send = (struct fake_answer) { AKS_NO_SPACE, AKS_GIVE_UP, 0, false };
    place->fake.send_failures = 1;
    transfer_place_run(place);
    assert_int_equal(place->outcome.status, AKS_OK);
    assert_string_equal(place->codec, "none");
    assert_string_equal(place->codec_reason, "no room for a compressed copy");
    assert_int_equal(place->fake.opened, 2);
}

static void
copy_is_not_begun_where_there_is_no_room_for_it(void **state)
{
    struct transfer_place *place = *state;

    place->world->target.kind = AKS_TARGET_HTTP;
    place->world->settings.compress.codec = AKS_CODEC_GZIP;
    place->world->port.files.free_bytes = scarce_bytes;
    transfer_place_run(place);
    assert_int_equal(place->outcome.status, AKS_OK);
    assert_string_equal(place->codec, "none");
    assert_int_equal(place->fake.opened, 1);
}

static void
server_without_room_is_not_our_disk(void **state)
{
    struct transfer_place *place = *state;

    place->world->target.kind = AKS_TARGET_HTTP;
    place->world->settings.compress.codec = AKS_CODEC_ZSTD;
    place->fake.send = (struct fake_answer) { AKS_NO_SPACE, AKS_NEXT_TARGET, 507, false };
    transfer_place_run(place);
    assert_int_equal(place->outcome.status, AKS_NO_SPACE);
    assert_int_equal(place->fake.opened, 1);
}

static void
policy_that_fails_gives_up(void **state)
{
    struct transfer_place *place = *state;

    place->world->policy.decide.compress = failing_compress;
    transfer_place_run(place);
    assert_int_equal(place->outcome.status, AKS_POLICY);
    assert_int_equal(place->outcome.verdict, AKS_GIVE_UP);
    place->world->policy.decide.compress = NULL;
    place->fake.open = AKS_TOO_LARGE;
    place->policy_fails = AKS_POLICY;
    transfer_place_run(place);
    assert_int_equal(place->outcome.status, AKS_POLICY);
    assert_int_equal(place->outcome.verdict, AKS_GIVE_UP);
}

static void
parts_grow_where_there_would_be_too_many(void **state)
{
    const int64_t most = AKS_PARTS_MAX * AKS_PART_BYTES_DEFAULT;

    assert_int_equal(aks_transfer_part_bytes(0, AKS_PART_BYTES_DEFAULT, false),
        AKS_PART_BYTES_DEFAULT);
    assert_int_equal(aks_transfer_part_bytes(most, AKS_PART_BYTES_DEFAULT, false),
        AKS_PART_BYTES_DEFAULT);
    assert_int_equal(aks_transfer_part_bytes(most + 1, AKS_PART_BYTES_DEFAULT, false),
        AKS_PART_BYTES_DEFAULT + AKS_MIB);
    assert_int_equal(aks_transfer_part_bytes(most, AKS_PART_BYTES_DEFAULT, true),
        AKS_PART_BYTES_DEFAULT + AKS_MIB);
}

static int
transfer_in(void *ctx, const struct aks_alloc *alloc)
{
    struct transfer_place *place = ctx;
    const struct aks_alloc *system = place->world->port.alloc;
    enum aks_status status;

    place->world->port.alloc = alloc;
    place->pool.alloc = alloc;
    place->done = 0;
    place->read = 0;
    status = aks_transfer_new(&place->options, &place->transfer, NULL);
    if (status == AKS_OK) {
        transfer_place_until_done(place);
        status = place->outcome.status;
    }
    /* A source that cannot be opened for want of memory counts as unreadable. */
    assert_true(status == AKS_OK || status == AKS_LIMIT || status == AKS_SOURCE_UNREADABLE);
    assert_int_equal(place->fake.objects, 0);
    aks_pool_fini(&place->pool);
    place->world->port.alloc = system;
    aks_pool_init(&place->pool, system, AKS_PART_BYTES_DEFAULT);
    return 0;
}

static void
transfer_survives_any_allocation_that_fails(void **state)
{
    struct transfer_place *place = *state;

    failing_alloc_loop(transfer_in, place, 200);
    place->world->settings.compress.codec = AKS_CODEC_ZSTD;
    failing_alloc_loop(transfer_in, place, 200);
}

int
main(void)
{
#define TRANSFER_TEST(test) cmocka_unit_test_setup_teardown(test, \
    transfer_place_set_up, transfer_place_tear_down)
    const struct CMUnitTest tests[] = {
        TRANSFER_TEST(source_arrives_as_it_is),
        TRANSFER_TEST(transfer_that_always_begins_anew_ends),
        TRANSFER_TEST(transfer_that_begins_anew_may_succeed),
        TRANSFER_TEST(transfer_that_is_given_up_takes_back_what_was_sent),
        TRANSFER_TEST(what_cannot_be_taken_back_is_told),
        TRANSFER_TEST(taking_back_has_its_time_and_no_more),
        TRANSFER_TEST(interrupt_shortens_the_time_for_taking_back),
        TRANSFER_TEST(transfer_can_be_cancelled_at_every_moment),
        TRANSFER_TEST(target_that_cannot_open_is_asked_about),
        TRANSFER_TEST(source_that_changes_is_left_to_its_owner),
        TRANSFER_TEST(bytes_of_another_digest_than_the_snapshot_are_not_finished),
        TRANSFER_TEST(source_that_is_gone_is_given_up),
        TRANSFER_TEST(no_room_for_a_copy_sends_the_source_as_it_is),
        TRANSFER_TEST(copy_is_not_begun_where_there_is_no_room_for_it),
        TRANSFER_TEST(server_without_room_is_not_our_disk),
        TRANSFER_TEST(policy_that_fails_gives_up),
        TRANSFER_TEST(parts_grow_where_there_would_be_too_many),
        TRANSFER_TEST(transfer_survives_any_allocation_that_fails),
    };

    return cmocka_run_group_tests_name("transfer", tests, NULL, NULL);
}
