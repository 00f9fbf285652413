#include "sim/agenda.h"

#include "base/units.h"
#include "support/failing_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define ENTRIES 20
#define WALL_MS INT64_C(1795416300000)
/* An entry fires so much later than it was entered for, at most. */
#define SHUFFLE_NS 1000

struct happening {
    struct aks_agenda *agenda;
    struct aks_agenda_entry entry;
    char name;
    int64_t at_ns;
    unsigned fired;
    char *order;                /* of names, as they fire; NULL: nobody asks */
    int64_t again_ns;           /* enters itself again so much later; 0: does not */
};

static void
fire(void *ctx)
{
    struct happening *happening = ctx;
    char *order = happening->order;

    happening->at_ns = happening->agenda->now_ns;
    happening->fired++;
    if (order != NULL)
        order[strlen(order)] = happening->name;
    if (happening->again_ns > 0)
        assert_int_equal(aks_agenda_enter(happening->agenda, &happening->entry,
            happening->again_ns, fire, happening), AKS_OK);
}

static void
enter(struct aks_agenda *agenda, struct happening *happening, int64_t delay_ns)
{
    happening->agenda = agenda;
    assert_int_equal(aks_agenda_enter(agenda, &happening->entry, delay_ns, fire, happening),
        AKS_OK);
}

static void
assert_soon_after(int64_t at_ns, int64_t due_ns)
{
    assert_in_range(at_ns, due_ns, due_ns + SHUFFLE_NS - 1);
}

static void
entries_fire_in_order_of_their_time_and_time_jumps_to_them(void **state)
{
    struct aks_agenda agenda;
    struct happening later = { 0 };
    struct happening sooner = { 0 };

    aks_agenda_init(&agenda, aks_alloc_system(), 1, WALL_MS);
    enter(&agenda, &later, 3600 * AKS_NS_PER_S);
    enter(&agenda, &sooner, AKS_NS_PER_MS);
    assert_int_equal(agenda.now_ns, 0);
    assert_true(aks_agenda_step(&agenda, -1));
    assert_int_equal(sooner.fired, 1);
    assert_int_equal(later.fired, 0);
    assert_soon_after(sooner.at_ns, AKS_NS_PER_MS);
    assert_true(aks_agenda_step(&agenda, -1));
    assert_soon_after(later.at_ns, 3600 * AKS_NS_PER_S);
    assert_false(aks_agenda_step(&agenda, -1));
    assert_int_equal(agenda.now_ns, later.at_ns);
    aks_agenda_fini(&agenda);
}

static void
step_lets_its_limit_pass_where_nothing_is_due(void **state)
{
    struct aks_agenda agenda;
    struct happening happening = { 0 };

    aks_agenda_init(&agenda, aks_alloc_system(), 1, WALL_MS);
    assert_false(aks_agenda_step(&agenda, 5 * AKS_NS_PER_S));
    assert_int_equal(agenda.now_ns, 5 * AKS_NS_PER_S);
    assert_false(aks_agenda_step(&agenda, 0));
    assert_false(aks_agenda_step(&agenda, -1));
    assert_int_equal(agenda.now_ns, 5 * AKS_NS_PER_S);
    enter(&agenda, &happening, 2 * AKS_NS_PER_S);
    assert_false(aks_agenda_step(&agenda, AKS_NS_PER_S));
    assert_int_equal(happening.fired, 0);
    assert_int_equal(agenda.now_ns, 6 * AKS_NS_PER_S);
    assert_true(aks_agenda_step(&agenda, 2 * AKS_NS_PER_S));
    assert_soon_after(happening.at_ns, 7 * AKS_NS_PER_S);
    aks_agenda_fini(&agenda);
}

/* A slow disk took longer than a timer: the timer fires late, and time does not go back to it. */
static void
time_never_goes_back(void **state)
{
    struct aks_agenda agenda;
    struct happening happening = { 0 };

    aks_agenda_init(&agenda, aks_alloc_system(), 1, WALL_MS);
    enter(&agenda, &happening, AKS_NS_PER_S);
    aks_agenda_pass(&agenda, 10 * AKS_NS_PER_S);
    assert_int_equal(happening.fired, 0);
    assert_true(aks_agenda_step(&agenda, 0));
    assert_int_equal(happening.at_ns, 10 * AKS_NS_PER_S);
    assert_int_equal(agenda.now_ns, 10 * AKS_NS_PER_S);
    aks_agenda_fini(&agenda);
}

static void
order_of(uint64_t seed, char order[ENTRIES + 1])
{
    struct aks_agenda agenda;
    struct happening happenings[ENTRIES];

    memset(happenings, 0, sizeof(happenings));
    memset(order, 0, ENTRIES + 1);
    aks_agenda_init(&agenda, aks_alloc_system(), seed, WALL_MS);
    for (unsigned i = 0; i < ENTRIES; i++) {
        happenings[i].name = (char)('a' + i);
        happenings[i].order = order;
        enter(&agenda, &happenings[i], AKS_NS_PER_S);
    }
    while (aks_agenda_step(&agenda, -1))
        continue;
    aks_agenda_fini(&agenda);
}

static void
entries_of_one_time_come_in_the_order_of_the_seed(void **state)
{
    char first[ENTRIES + 1];
    char again[ENTRIES + 1];
    char other[ENTRIES + 1];

    order_of(7, first);
    order_of(7, again);
    order_of(8, other);
    assert_int_equal(strlen(first), ENTRIES);
    assert_string_equal(first, again);
    assert_string_not_equal(first, other);
    assert_string_not_equal(first, "abcdefghijklmnopqrst");
}

static void
removed_entries_do_not_fire_and_may_be_entered_again(void **state)
{
    struct aks_agenda agenda;
    struct happening kept = { 0 };
    struct happening removed = { 0 };

    aks_agenda_init(&agenda, aks_alloc_system(), 1, WALL_MS);
    aks_agenda_remove(&agenda, &removed.entry);
    enter(&agenda, &removed, AKS_NS_PER_MS);
    enter(&agenda, &kept, 2 * AKS_NS_PER_MS);
    aks_agenda_remove(&agenda, &removed.entry);
    aks_agenda_remove(&agenda, &removed.entry);
    assert_true(aks_agenda_step(&agenda, -1));
    assert_int_equal(removed.fired, 0);
    assert_int_equal(kept.fired, 1);
    enter(&agenda, &removed, 0);
    assert_true(aks_agenda_step(&agenda, -1));
    assert_int_equal(removed.fired, 1);
    aks_agenda_fini(&agenda);
}

static void
entry_may_enter_itself_again_as_it_fires(void **state)
{
    struct aks_agenda agenda;
    struct happening happening = { 0 };

    aks_agenda_init(&agenda, aks_alloc_system(), 1, WALL_MS);
    happening.again_ns = AKS_NS_PER_S;
    enter(&agenda, &happening, AKS_NS_PER_S);
    for (unsigned i = 1; i <= 5; i++) {
        assert_true(aks_agenda_step(&agenda, -1));
        assert_int_equal(happening.fired, i);
    }
    assert_in_range(agenda.now_ns, 5 * AKS_NS_PER_S, 5 * AKS_NS_PER_S + 5 * SHUFFLE_NS);
    aks_agenda_fini(&agenda);
    assert_int_equal(happening.entry.node.place, 0);
}

static void
time_ends_where_its_numbers_end(void **state)
{
    struct aks_agenda agenda;
    struct happening first = { 0 };
    struct happening last = { 0 };

    aks_agenda_init(&agenda, aks_alloc_system(), 1, WALL_MS);
    aks_agenda_pass(&agenda, AKS_NS_PER_S);
    enter(&agenda, &first, INT64_MAX);
    assert_true(aks_agenda_step(&agenda, INT64_MAX));
    assert_true(first.at_ns <= INT64_MAX);
    assert_true(first.at_ns >= INT64_MAX - SHUFFLE_NS);
    aks_agenda_pass(&agenda, INT64_MAX);
    assert_true(agenda.now_ns == INT64_MAX);
    enter(&agenda, &last, AKS_NS_PER_S);
    assert_true(aks_agenda_step(&agenda, -1));
    assert_int_equal(last.fired, 1);
    assert_true(agenda.now_ns == INT64_MAX);
    aks_agenda_fini(&agenda);
}

static void
wall_clocks_go_with_time_and_one_of_them_is_off(void **state)
{
    struct aks_agenda agenda;

    aks_agenda_init(&agenda, aks_alloc_system(), 1, WALL_MS);
    aks_agenda_pass(&agenda, 90 * AKS_NS_PER_S + AKS_NS_PER_MS - 1);
    assert_true(aks_agenda_true_ms(&agenda) == WALL_MS + 90000);
    agenda.skew_ms = -3600000;
    assert_true(aks_agenda_true_ms(&agenda) == WALL_MS + 90000);
    assert_true(aks_agenda_wall_ms(&agenda) == WALL_MS + 90000 - 3600000);
    aks_agenda_fini(&agenda);
}

static int
enter_many(void *ctx, const struct aks_alloc *alloc)
{
    struct aks_agenda agenda;
    struct happening happenings[50];
    unsigned entered = 0;
    unsigned fired = 0;

    memset(happenings, 0, sizeof(happenings));
    aks_agenda_init(&agenda, alloc, 3, WALL_MS);
    for (unsigned i = 0; i < 50; i++) {
        happenings[i].agenda = &agenda;
        entered += aks_agenda_enter(&agenda, &happenings[i].entry, (int64_t)i, fire,
            &happenings[i]) == AKS_OK;
    }
    while (aks_agenda_step(&agenda, -1))
        continue;
    for (unsigned i = 0; i < 50; i++)
        fired += happenings[i].fired;
    aks_agenda_fini(&agenda);
    return fired == entered ? 0 : 1;
}

static void
agenda_without_memory_fires_what_it_took(void **state)
{
    failing_alloc_loop(enter_many, NULL, 20);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_fire_in_order_of_their_time_and_time_jumps_to_them),
        cmocka_unit_test(step_lets_its_limit_pass_where_nothing_is_due),
        cmocka_unit_test(time_never_goes_back),
        cmocka_unit_test(entries_of_one_time_come_in_the_order_of_the_seed),
        cmocka_unit_test(removed_entries_do_not_fire_and_may_be_entered_again),
        cmocka_unit_test(entry_may_enter_itself_again_as_it_fires),
        cmocka_unit_test(time_ends_where_its_numbers_end),
        cmocka_unit_test(wall_clocks_go_with_time_and_one_of_them_is_off),
        cmocka_unit_test(agenda_without_memory_fires_what_it_took),
    };

    return cmocka_run_group_tests_name("agenda", tests, NULL, NULL);
}
