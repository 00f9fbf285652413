/* Encrypted uploads in worlds: one that is cut half way begins anew under another file key, leaves
 * nothing open, and what comes of it is opened by its identity. */
#include "base/units.h"
#include "data/age_internal.h"
#include "data/age_read.h"
#include "testkit/s3_model.h"
#include "testkit/scenario.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define IDENTITY "AGE-SECRET-KEY-1EGTZVFFV20835NWYV6270LXYVK2VKNX2MMDKWYKLMGR48UAWX40Q2P2LM0"
#define PART 5120
#define BYTES ((size_t)(8 * PART))
#define PARTS 9                         /* with what encrypting adds */
#define HOUR_NS (INT64_C(3600) * 1000000000)
#define KEYS_MAX 16

struct openings {
    struct aks_age_identities identities;
    uint8_t keys[KEYS_MAX][AKS_AGE_FILE_KEY_BYTES];
    size_t count;
    size_t plain_bytes;                 /* of the object that is read */
};

static char policy[2048];

static void
write_policy(const char *more)
{
    struct aks_age_identities identities;
    char recipient[AKS_AGE_RECIPIENT_TEXT_BYTES];

    aks_age_identities_init(&identities, aks_alloc_system());
    assert_int_equal(aks_age_identities_add(&identities, IDENTITY, strlen(IDENTITY), NULL),
        AKS_OK);
    aks_age_recipient_text(identities.each[0].point, recipient);
    aks_age_identities_fini(&identities);
    (void)snprintf(policy, sizeof(policy), "local akosha = require 'akosha'\n"
        "return akosha.policy { api = 1, sources = { 'a.bin' },\n"
        "  targets = { cloud = akosha.s3 { bucket = 'memories',\n"
        "                                  endpoint = 'https://s3.example.org' },\n"
        "              http = akosha.http { url = 'https://put.example.org/upload' } },\n"
        "  encrypt = akosha.age { recipients = '%s' },\n"
        "  retry = akosha.retry.exponential { first = 2, jitter = 'none' }, %s }\n", recipient,
        more);
}

static unsigned
open_uploads(struct aks_world *world)
{
    return aks_s3_model_uploads_open(aks_world_target(world, "cloud")->s3);
}

static enum aks_status
count_plain(void *ctx, const void *data, size_t len, struct aks_error *err)
{
    struct openings *openings = ctx;

    openings->plain_bytes += len;
    return AKS_OK;
}

/* The file key of an object, which no other one may have. */
static void
note_key(struct openings *openings, const void *data, size_t len)
{
    const char *end = memmem(data, len, "\n---", 4);
    uint8_t share[AKS_AGE_POINT_BYTES];
    uint8_t key[AKS_AGE_FILE_KEY_BYTES];
    struct aks_age_header header;
    struct aks_age_stanza stanza;
    enum aks_age_unwrapped how;
    const char *why;
    size_t header_len;
    size_t at = 0;
    size_t got = 0;

    assert_non_null(end);
    header_len = (size_t)((const char *)memchr(end + 1, '\n',
        len - (size_t)(end + 1 - (const char *)data)) - (const char *)data) + 1;
    assert_true(aks_age_header_read(data, header_len, &header, &why));
    assert_true(aks_age_header_next(&header, &at, &stanza));
    assert_true(aks_age_header_raw64(stanza.arguments[1].text, stanza.arguments[1].len, share,
        sizeof(share), &got) && got == sizeof(share));
    assert_int_equal(aks_age_unwrap_x25519(openings->identities.each[0].secret,
        openings->identities.each[0].point, share, stanza.body, key, &how, NULL), AKS_OK);
    assert_int_equal(how, AKS_AGE_OPENED);
    for (size_t i = 0; i < openings->count; i++)
        assert_memory_not_equal(openings->keys[i], key, sizeof(key));
    assert_true(openings->count < KEYS_MAX);
    memcpy(openings->keys[openings->count++], key, sizeof(key));
}

static void
open_object(void *ctx, const char *key, const void *data, size_t len)
{
    struct openings *openings = ctx;
    struct aks_age_keys keys = { .identities = &openings->identities };
    struct aks_age_reader *reader = NULL;
    size_t name_len = strlen(key);

    if (name_len < 4 || strcmp(key + name_len - 4, ".age") != 0)
        return;
    note_key(openings, data, len);
    openings->plain_bytes = 0;
    assert_int_equal(aks_age_reader_new(aks_alloc_system(), &keys, false, &reader, NULL), AKS_OK);
    assert_int_equal(aks_age_reader_feed(reader, data, len, count_plain, openings, NULL), AKS_OK);
    assert_int_equal(aks_age_reader_end(reader, count_plain, openings, NULL), AKS_OK);
    aks_age_reader_free(reader);
}

/* So many objects lie in that target, all of them open, no two under one key. */
static void
opens(struct aks_world *world, const char *target, size_t count)
{
    struct openings openings = { .count = 0 };

    aks_age_identities_init(&openings.identities, aks_alloc_system());
    assert_int_equal(aks_age_identities_add(&openings.identities, IDENTITY, strlen(IDENTITY),
        NULL), AKS_OK);
    aks_world_objects(world, aks_world_target(world, target), open_object, &openings);
    assert_int_equal(openings.count, count);
    aks_age_identities_fini(&openings.identities);
}

static void
upload_that_is_cut_begins_anew_and_leaves_nothing_open(void **state)
{
    static const char *const places[] = { "create", "part 1", "part 5", "part 9", "complete" };

    write_policy("route = { 'cloud', 'http' }, compress = 'none'");
    for (size_t i = 0; i < 4 * sizeof(places) / sizeof(places[0]); i++) {
        struct aks_world *world = scenario_new(i, policy, BYTES);
        struct aks_fault_rule *rule = scenario_fault(world, AKS_FAULT_DIES, "cloud",
            places[i / 4]);
        unsigned sent;

        rule->times = 1;
        rule->served = i % 2 == 0;
        assert_null(scenario_run(world));
        aks_world_restart(world, i % 4 >= 2);
        sent = aks_world_again(world)->parts;
        scenario_run_is(world, "stored");
        assert_int_equal(open_uploads(world), 0);
        /* All of it, whatever is there. */
        assert_true(aks_world_again(world)->parts >= sent + PARTS);
        /* Where it had come into being it was taken away again. */
        opens(world, "cloud", 1);
        scenario_run_is(world, "unchanged");
        aks_world_free(world);
    }
}

/* Nobody can go on with it: so it does not stay there, as what is not encrypted does. */
static void
upload_that_fails_is_given_back_at_once(void **state)
{
    struct aks_world *world;
    struct aks_fault_rule *rule;

    write_policy("route = 'cloud', compress = 'none'");
    world = scenario_new(1, policy, BYTES);
    rule = scenario_reply(world, "cloud", "part 6", 500, "InternalError");
    rule->times = 1000;
    scenario_run_is(world, "queued");
    assert_int_equal(open_uploads(world), 0);
    aks_world_calm(world, true);
    aks_world_advance(world, HOUR_NS);
    scenario_run_is(world, "stored");
    opens(world, "cloud", 1);
    aks_world_free(world);
}

/* Where giving back failed too, a later run does it. */
static void
upload_that_could_not_be_given_back_is_given_back_later(void **state)
{
    struct aks_world *world;
    struct aks_fault_rule *rule;

    write_policy("route = 'cloud', compress = 'none'");
    world = scenario_new(1, policy, BYTES);
    rule = scenario_reply(world, "cloud", "part 6", 500, "InternalError");
    rule->times = 1000;
    rule = scenario_reply(world, "cloud", "abort", 500, "InternalError");
    rule->times = 1000;
    scenario_run_is(world, "queued");
    assert_true(open_uploads(world) > 0);
    aks_world_calm(world, true);
    aks_world_advance(world, HOUR_NS);
    scenario_run_is(world, "stored");
    assert_int_equal(open_uploads(world), 0);
    opens(world, "cloud", 1);
    aks_world_free(world);
}

/* The other target's copy is encrypted for itself. */
static void
every_target_has_a_key_of_its_own(void **state)
{
    struct aks_world *world;

    write_policy("route = akosha.route.all { 'cloud', 'http' }, compress = 'zstd'");
    world = scenario_new(1, policy, BYTES);
    scenario_run_is(world, "stored");
    opens(world, "cloud", 1);
    opens(world, "http", 1);
    scenario_put(world, "a.bin", 5, BYTES);
    scenario_run_is(world, "stored");
    opens(world, "cloud", 2);
    aks_world_free(world);
}

/* Committed, and the process did not hear of it. */
static void
upload_that_is_committed_is_believed(void **state)
{
    for (int served = 0; served < 2; served++) {
        struct aks_world *world;
        struct aks_fault_rule *rule;

        write_policy("route = 'cloud', compress = 'none'");
        world = scenario_new(1, policy, BYTES);
        rule = scenario_fault(world, AKS_FAULT_DIES, "cloud", "manifest");
        rule->times = 1;
        rule->served = served != 0;
        assert_null(scenario_run(world));
        aks_world_restart(world, false);
        scenario_run_is(world, "stored");
        opens(world, "cloud", 1);
        assert_int_equal(open_uploads(world), 0);
        aks_world_free(world);
    }
}

/* What the target has had in the clear does not count. */
static void
what_is_stored_in_the_clear_is_sent_again(void **state)
{
    struct aks_world *world;

    write_policy("route = 'cloud', compress = 'none'");
    world = scenario_new(1, scenario_policy, BYTES);
    scenario_run_is(world, "stored");
    opens(world, "cloud", 0);
    assert_int_equal(aks_world_put(world, AKS_WORLD_POLICY, policy, strlen(policy), NULL), AKS_OK);
    scenario_run_is(world, "stored");
    opens(world, "cloud", 1);
    scenario_run_is(world, "unchanged");
    aks_world_free(world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(upload_that_is_cut_begins_anew_and_leaves_nothing_open),
        cmocka_unit_test(upload_that_fails_is_given_back_at_once),
        cmocka_unit_test(upload_that_could_not_be_given_back_is_given_back_later),
        cmocka_unit_test(every_target_has_a_key_of_its_own),
        cmocka_unit_test(upload_that_is_committed_is_believed),
        cmocka_unit_test(what_is_stored_in_the_clear_is_sent_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
