/* What is given back of uploads that nobody goes on with, and what servers say to that. */
#include "base/units.h"
#include "testkit/s3_model.h"
#include "testkit/scenario.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define PART 5120
#define BYTES ((size_t)(8 * PART))
/* A run tries to give back 16 at most; so many more are refused for ever. */
#define REFUSED 20
/* Each has a chance of more than a half. */
#define RUNS_MAX 40
#define ASKED_S 25

/* The address of one object, without what is asked of it. */
struct address {
    char text[512];
};

static const char policy[] =
    "local akosha = require 'akosha'\n"
    "return akosha.policy { api = 1, sources = { 'a.bin' }, compress = 'none',\n"
    "  targets = { cloud = akosha.s3 { bucket = 'memories' } }, route = { 'cloud' } }\n";

static unsigned
open_uploads(struct aks_world *world)
{
    return aks_s3_model_uploads_open(aks_world_target(world, "cloud")->s3);
}

static void
take_address(const struct aks_fault_step *step, struct address *ret_address)
{
    const char *url = step->step->request->url;

    (void)snprintf(ret_address->text, sizeof(ret_address->text), "%.*s", (int)strcspn(url, "?"),
        url);
}

static bool
note_address(void *ctx, const struct aks_fault_step *step)
{
    take_address(step, ctx);
    return true;
}

static bool
is_another(void *ctx, const struct aks_fault_step *step)
{
    const struct address *spared = ctx;
    struct address asked;

    take_address(step, &asked);
    return strcmp(asked.text, spared->text) != 0;
}

/* So many uploads that are cut, and whose source is another one then; the last one's address. */
static void
leave(struct aks_world *world, unsigned count, struct address *ret_last)
{
    struct aks_fault_rule *dies = scenario_fault(world, AKS_FAULT_DIES, "cloud", "part 5");

    dies->served = true;
    dies->when = note_address;
    dies->when_ctx = ret_last;
    for (unsigned i = 0; i < count; i++) {
        dies->times = i + 1;
        assert_null(scenario_run(world));
        aks_world_restart(world, false);
        scenario_put(world, "a.bin", 77 + i, BYTES);
    }
    dies->when = NULL;
}

static void
many_that_are_refused_do_not_keep_others_from_being_tried(void **state)
{
    struct aks_world *world = scenario_new(1, policy, BYTES);
    struct address spared = { "" };
    struct address none = { "" };
    struct aks_fault_rule *refused = scenario_reply(world, "cloud", "abort", 403, "AccessDenied");
    unsigned runs = 0;

    refused->when = is_another;
    refused->when_ctx = &none;
    leave(world, REFUSED + 1, &spared);
    assert_int_equal(open_uploads(world), REFUSED + 1);
    scenario_run_is(world, "stored");
    assert_int_equal(open_uploads(world), REFUSED + 1);
    assert_int_not_equal(refused->struck, 0);
    refused->when_ctx = &spared;
    while (open_uploads(world) > REFUSED && runs++ < RUNS_MAX)
        scenario_run_is(world, "unchanged");
    assert_int_equal(open_uploads(world), REFUSED);
    aks_world_free(world);
}

/* When the server asked for time, and when it was asked for anything else then; 0: not. */
struct pause {
    bool begun;
    int64_t asked_ns;
    int64_t again_ns;                       /* for the same */
    int64_t ended_ns;
};

static bool
note_asked(void *ctx, const struct aks_fault_step *step)
{
    struct pause *pause = ctx;

    if (pause->asked_ns != 0 && pause->again_ns == 0)
        pause->again_ns = step->now_ns;
    if (pause->asked_ns == 0)
        pause->asked_ns = step->now_ns;
    return true;
}

static bool
note_probe(void *ctx, const struct aks_fault_step *step)
{
    struct pause *pause = ctx;

    if (pause->asked_ns != 0 && pause->ended_ns == 0)
        pause->ended_ns = step->now_ns;
    return false;
}

static bool
note_create(void *ctx, const struct aks_fault_step *step)
{
    struct pause *pause = ctx;

    pause->begun = true;
    return false;
}

static bool
is_full(void *ctx, const struct aks_fault_step *step)
{
    const struct pause *pause = ctx;

    return pause->begun && pause->asked_ns == 0;
}

/* The disk is full once the upload's Create has come to ${step}, and until the server asks for time
 * where what was begun is taken back. Nothing is left open in the end. */
static void
take_back(const char *step, struct pause *pause)
{
    struct aks_world *world = scenario_new(1, policy, BYTES);
    struct aks_fault_rule *create = scenario_reply(world, "cloud", "create", 500, "InternalError");
    struct aks_fault_rule *full = scenario_fault(world, AKS_FAULT_FAIL, "state.db-wal", "write");
    struct aks_fault_rule *asks = scenario_reply(world, "cloud", "abort", 503, "SlowDown");
    struct aks_fault_rule *probe = scenario_reply(world, "cloud", "probe", 500, "InternalError");

    (void)snprintf(create->verb, sizeof(create->verb), "%s", step);
    create->when = note_create;
    create->when_ctx = pause;
    full->disk = true;
    full->status = AKS_NO_SPACE;
    full->when = is_full;
    full->when_ctx = pause;
    asks->times = 1;
    asks->retry_after_s = ASKED_S;
    asks->when = note_asked;
    asks->when_ctx = pause;
    probe->when = note_probe;
    probe->when_ctx = pause;
    scenario_run_is(world, "stored");
    assert_int_equal(asks->struck, 1);
    assert_int_equal(open_uploads(world), 1);
    aks_world_advance(world, AKS_NS_PER_S);
    scenario_run_is(world, "unchanged");
    assert_int_equal(open_uploads(world), 0);
    aks_world_free(world);
}

/* The same run tries once more, and not too soon. */
static void
server_that_asks_for_time_while_it_is_taken_back_gets_it(void **state)
{
    struct pause pause = { false, 0, 0, 0 };

    take_back("reply", &pause);
    assert_true(pause.ended_ns >= pause.asked_ns + ASKED_S * AKS_NS_PER_S);
}

/* All that could be written down of it is that it would be begun. */
static void
upload_whose_id_could_not_be_written_down_is_given_back(void **state)
{
    struct pause pause = { false, 0, 0, 0 };

    take_back("name", &pause);
}

/* There is no time to wait for what the server asks when it is given back: the next job leaves it
 * alone, and is not held up itself. */
static void
server_that_asks_for_time_while_it_is_given_back_gets_it(void **state)
{
    struct aks_world *world = scenario_new(1, policy, BYTES);
    struct aks_fault_rule *asks;
    struct aks_world_worker_options worker = { .for_ms = (ASKED_S - 1) * AKS_MS_PER_S };
    struct pause pause = { false, 0, 0, 0 };
    char job[AKS_WORLD_JOB_ID_BYTES];
    const char *const b = "/home/person/b.bin";
    const struct aks_world_run_options other = { .sources = &b, .source_count = 1 };
    struct address last;
    struct aks_error err = { 0 };
    json_t *report = NULL;

    leave(world, 2, &last);
    scenario_put(world, "b.bin", 2, 700);
    asks = scenario_reply(world, "cloud", "abort", 503, "SlowDown");
    asks->times = 1;
    asks->retry_after_s = ASKED_S;
    asks->when = note_asked;
    asks->when_ctx = &pause;
    if (aks_world_enqueue(world, NULL, job, &err) != AKS_OK ||
        aks_world_enqueue(world, &other, job, &err) != AKS_OK ||
        aks_world_worker(world, &worker, &report, &err) != AKS_OK ||
        aks_laws_check(world, report, &err) != AKS_OK)
        fail_msg("%s\n%s", err.message, aks_world_story(world, AKS_STORY_REQUESTS));
    json_decref(report);
    assert_int_equal(asks->struck, 1);
    assert_int_equal(pause.again_ns, 0);
    assert_int_equal(open_uploads(world), 2);
    assert_non_null(strstr(aks_world_story(world, AKS_STORY_REQUESTS),
        "cloud  part 8  PUT 5120 -> 200"));
    aks_world_advance(world, ASKED_S * AKS_NS_PER_S);
    scenario_run_is(world, "unchanged");
    assert_int_equal(open_uploads(world), 0);
    aks_world_free(world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_that_are_refused_do_not_keep_others_from_being_tried),
        cmocka_unit_test(server_that_asks_for_time_while_it_is_taken_back_gets_it),
        cmocka_unit_test(upload_whose_id_could_not_be_written_down_is_given_back),
        cmocka_unit_test(server_that_asks_for_time_while_it_is_given_back_gets_it),
    };

    return cmocka_run_group_tests_name("give_back", tests, NULL, NULL);
}
