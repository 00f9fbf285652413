/* What readers would see half of is told: manifests, and what they name. */
#include "testkit/laws.h"

#include "base/encode.h"
#include "data/digest.h"
#include "testkit/lawful.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void
without_object(struct lawful *place)
{
    lawful_find(place, lawful_object_end(place));
    lawful_remove(place);
    lawful_broken(place, "nothing half-seen", "which is not there");
    lawful_broken_in(place->world, NULL, "nothing half-seen", "which is not there");
    lawful_put(place);
    lawful_check(place, place->report);
}

static void
object_that_is_gone_is_half_seen(void **state)
{
    lawful_each(without_object);
}

static void
with_a_flipped_bit(struct lawful *place)
{
    lawful_find(place, lawful_object_end(place));
    place->data[place->len / 2] ^= 1;
    lawful_put(place);
    lawful_broken(place, "nothing half-seen", "has other bytes than its manifest says");
}

static void
object_with_a_flipped_bit_is_half_seen(void **state)
{
    lawful_each(with_a_flipped_bit);
}

static void
without_its_end(struct lawful *place)
{
    lawful_find(place, lawful_object_end(place));
    place->len--;
    lawful_put(place);
    lawful_broken(place, "nothing half-seen", "bytes, its manifest says");
}

static void
object_without_its_end_is_half_seen(void **state)
{
    lawful_each(without_its_end);
}

static void
with_a_cut_manifest(struct lawful *place)
{
    lawful_find(place, "/manifest.json");
    place->len /= 2;
    lawful_put(place);
    lawful_broken(place, "nothing half-seen", "cannot be read");
}

static void
manifest_that_does_not_read_is_half_seen(void **state)
{
    lawful_each(with_a_cut_manifest);
}

/* What is stored as it is has one digest for both. */
static bool
is_packed(const struct lawful *place)
{
    return strcmp(lawful_object_end(place), "/a.bin") != 0;
}

/* The object is as the manifest says; what it unpacks to is not. */
static void
with_another_plain_digest(struct lawful *place)
{
    if (!is_packed(place))
        return;
    lawful_find(place, "/manifest.json");
    lawful_replace(place, "\"sha256\"", "00000000");
    lawful_put(place);
    lawful_broken(place, "nothing half-seen", "unpacks to other bytes than its manifest says");
}

static void
object_that_unpacks_to_something_else_is_half_seen(void **state)
{
    lawful_each(with_another_plain_digest);
}

/* Garbage that is what the manifest says. */
static void
with_garbage(struct lawful *place)
{
    uint8_t digest[AKS_SHA256_BYTES];
    char hex[AKS_SHA256_HEX_BYTES];

    if (!is_packed(place))
        return;
    lawful_find(place, lawful_object_end(place));
    memset(place->data, 'x', place->len);
    aks_sha256(place->data, place->len, digest);
    aks_hex_encode(digest, sizeof(digest), hex);
    lawful_put(place);
    lawful_find(place, "/manifest.json");
    lawful_replace(place, "\"stored_sha256\"", hex);
    lawful_put(place);
    lawful_broken(place, "nothing half-seen", "does not unpack");
}

static void
object_that_does_not_unpack_is_half_seen(void **state)
{
    lawful_each(with_garbage);
}

struct thief {
    struct lawful *place;
    unsigned stole;
};

/* Asked at each step of the network; strikes never. */
static bool
steal(void *ctx, const struct aks_fault_step *step)
{
    struct thief *thief = ctx;

    if (strcmp(step->operation, "manifest") != 0 || strcmp(step->step->verb, "serve") != 0)
        return false;
    thief->place->target = aks_world_target(thief->place->world, step->target);
    lawful_find(thief->place, "/a.bin");
    lawful_remove(thief->place);
    thief->stole++;
    return false;
}

/* Readers see a manifest as soon as it is there: what is mended afterwards was half seen. */
static void
manifest_is_looked_at_as_it_is_written(void **state)
{
    struct lawful place = { .world = lawful_make("cloud", LAWFUL_NONE) };
    struct thief thief = { &place, 0 };
    struct aks_fault_rule *rule = scenario_fault(place.world, AKS_FAULT_LOST, "", "manifest");
    struct aks_error err;

    rule->when = steal;
    rule->when_ctx = &thief;
    assert_int_equal(aks_world_run(place.world, NULL, &place.report, &err), AKS_OK);
    assert_int_equal(thief.stole, 1);
    lawful_put(&place);
    lawful_broken(&place, "nothing half-seen", "which is not there");
    lawful_fini(&place);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(object_that_is_gone_is_half_seen),
        cmocka_unit_test(object_with_a_flipped_bit_is_half_seen),
        cmocka_unit_test(object_without_its_end_is_half_seen),
        cmocka_unit_test(manifest_that_does_not_read_is_half_seen),
        cmocka_unit_test(object_that_unpacks_to_something_else_is_half_seen),
        cmocka_unit_test(object_that_does_not_unpack_is_half_seen),
        cmocka_unit_test(manifest_is_looked_at_as_it_is_written),
    };

    return cmocka_run_group_tests_name("laws: nothing half-seen", tests, NULL, NULL);
}
