/* Whose turn it is to deliver, and what may have changed while somebody else had it. */
#include "engine/delivery.h"
#include "engine/run.h"
#include "state_fixture.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define LATER "20991231T000000Z-ffffff"

static const char rotten[] = "UPDATE stored SET key = 'Z' || key WHERE source = CAST('/a' AS BLOB)";

static int64_t fixed_ms;                /* what the wall clock of the engines says; 0: what it is */
static int64_t shift_ms;                /* the wall clock of the engines is ahead by so much */
static struct aks_port own_port;

static int64_t
shifted_ms(void *ctx)
{
    return (fixed_ms > 0 ? fixed_ms : port->clock.wall_ms(port->clock.ctx)) + shift_ms;
}

static enum aks_status
no_loader(void *ctx, const struct aks_policy_text *text,
    const struct aks_policy_environment *environment, struct aks_policy **ret_policy,
    struct aks_error *error)
{
    return aks_error_set(error, AKS_POLICY, "this policy cannot be loaded any more");
}

static struct aks_engine *
open_engine(void (*progress)(void *ctx, const struct aks_progress *progress), void *ctx)
{
    struct aks_engine_options options = { 0 };
    struct aks_engine *engine = NULL;

    own_port = *port;
    own_port.clock.wall_ms = shifted_ms;
    options.port = &own_port;
    options.state_folder = temp_folder_path(folder);
    options.loader.load = no_loader;
    options.progress = progress;
    options.progress_ctx = ctx;
    if (aks_engine_open(&options, &engine, &err) != AKS_OK)
        fail_msg("%s", err.message);
    return engine;
}

/* What is written into a state that lies aside is lost to all: who has its turn next looks. */
static void
state_that_another_process_has_set_aside_is_opened_again(void **state)
{
    struct aks_engine *engine = open_engine(NULL, NULL);
    struct aks_state *before = engine->state;
    struct aks_state *another;

    put_source(engine->state, "/a");
    assert_int_equal(aks_delivery_take(engine, &err), AKS_OK);
    assert_ptr_equal(engine->state, before);
    aks_delivery_give(engine);
    (void)raw(rotten);
    another = open_state();
    assert_non_null(aks_state_aside(another));
    put_source(another, "/b");
    assert_int_equal(aks_delivery_take(engine, &err), AKS_OK);
    assert_int_equal(has_source(engine->state, "/b"), AKS_OK);
    put_source(engine->state, "/c");
    assert_int_equal(has_source(another, "/c"), AKS_OK);
    aks_delivery_give(engine);
    aks_state_close(another);
    aks_engine_close(engine);
}

/* A worker lives long: it need not wait for somebody else to heal it. */
static void
state_that_was_found_damaged_is_set_aside_by_the_next_turn(void **state)
{
    struct aks_engine *engine = open_engine(NULL, NULL);

    put_source(engine->state, "/a");
    (void)raw(rotten);
    assert_int_equal(has_source(engine->state, "/a"), AKS_STATE);
    assert_int_equal(aks_delivery_take(engine, &err), AKS_OK);
    assert_int_equal(has_source(engine->state, "/a"), AKS_NOT_FOUND);
    assert_non_null(aks_state_aside(engine->state));
    aks_delivery_give(engine);
    aks_engine_close(engine);
}

/* What a process has seen while it lived is not for the next one to find again. */
static void
state_that_was_found_damaged_is_set_aside_when_its_engine_is_closed(void **state)
{
    struct aks_engine *engine = open_engine(NULL, NULL);
    struct aks_state *opened;

    put_source(engine->state, "/a");
    (void)raw(rotten);
    assert_int_equal(has_source(engine->state, "/a"), AKS_STATE);
    aks_engine_close(engine);
    assert_int_equal(access(temp_folder_join(folder, "state.db.damaged-1"), F_OK), 0);
    opened = open_state();
    assert_null(aks_state_aside(opened));
    aks_state_close(opened);
}

struct mover {
    struct aks_engine *holder;          /* has its turn in the folder that is moved away */
    struct aks_engine *third;           /* had one in the folder that took its place, if it lives */
    unsigned waited;
};

/* Moves the folder away while somebody waits; then whoever has its turn in the new one ends. */
static void
move_away(void *ctx, const struct aks_progress *progress)
{
    struct mover *mover = ctx;
    char own[512];
    char away[600];

    if (!progress->blocked)
        return;
    mover->waited++;
    if (mover->third != NULL) {
        if (mover->third->delivery.depth > 0)
            aks_delivery_give(mover->third);
        return;
    }
    (void)snprintf(own, sizeof(own), "%s", temp_folder_path(folder));
    (void)snprintf(away, sizeof(away), "%s-away", own);
    assert_int_equal(rename(own, away), 0);
    assert_int_equal(mkdir(own, 0700), 0);
    mover->third = open_engine(NULL, NULL);
    assert_int_equal(aks_delivery_take(mover->third, &err), AKS_OK);
    aks_delivery_give(mover->holder);
}

/* The lock that was waited for is one that nobody else looks at any more. */
static void
turn_is_that_of_the_folder_which_is_there(void **state)
{
    struct mover mover = { open_engine(NULL, NULL), NULL, 0 };
    struct aks_engine *engine = open_engine(move_away, &mover);
    char own[512];
    char away[600];
    char inner[700];

    (void)snprintf(own, sizeof(own), "%s", temp_folder_path(folder));
    (void)snprintf(away, sizeof(away), "%s-away", own);
    (void)snprintf(inner, sizeof(inner), "%s/replaced", away);
    assert_int_equal(aks_delivery_take(mover.holder, &err), AKS_OK);
    assert_int_equal(aks_delivery_take(engine, &err), AKS_OK);
    assert_int_equal(mover.waited, 2);
    put_source(mover.third->state, "/x");
    assert_int_equal(has_source(engine->state, "/x"), AKS_OK);
    aks_delivery_give(engine);
    aks_engine_close(mover.third);
    aks_engine_close(engine);
    aks_engine_close(mover.holder);
    assert_int_equal(rename(own, inner), 0);
    assert_int_equal(rename(away, own), 0);
}

/* The folder was moved away, and there is one in its place that everybody may write in. */
static void
folder_that_was_replaced_is_looked_at_as_when_it_is_opened(void **state)
{
    struct aks_engine *engine = open_engine(NULL, NULL);
    char away[600];
    char own[512];

    (void)snprintf(own, sizeof(own), "%s", temp_folder_path(folder));
    (void)snprintf(away, sizeof(away), "%s-away", own);
    assert_int_equal(rename(own, away), 0);
    assert_int_equal(mkdir(own, 0777), 0);
    assert_int_equal(chmod(own, 0777), 0);
    assert_int_equal(aks_delivery_take(engine, &err), AKS_STATE);
    assert_int_equal(access(temp_folder_join(folder, "state.db"), F_OK), -1);
    (void)unlink(temp_folder_join(folder, "delivery.lock"));
    assert_int_equal(rmdir(own), 0);
    assert_int_equal(rename(away, own), 0);
    assert_int_equal(aks_delivery_take(engine, &err), AKS_OK);
    aks_delivery_give(engine);
    aks_engine_close(engine);
}

struct other {
    struct aks_engine *engine;          /* has its turn */
    bool done;
    char upload_id[32];                 /* under which it stored something */
};

/* The other one stores something and is done, while the run waits. */
static void
note_blocked(void *ctx, const struct aks_progress *progress)
{
    struct other *other = ctx;
    struct aks_stored row = row_of("/a", 1);

    if (!progress->blocked || other->done)
        return;
    other->done = true;
    row.upload_id = borrowed(LATER);
    assert_int_equal(aks_state_stored_put(other->engine->state, T, &row, 1, &err), AKS_OK);
    aks_delivery_give(other->engine);
}

static enum aks_status
answer_retry(void *ctx, const struct aks_failure_facts *facts, struct aks_retry_answer *ret,
    struct aks_error *error)
{
    ret->verdict = AKS_GIVE_UP;
    ret->wait_ms = 0;
    return AKS_OK;
}

/* As note_blocked, and a third one finds the state damaged: nobody knows of the upload now. */
static void
lose_meanwhile(void *ctx, const struct aks_progress *progress)
{
    struct other *other = ctx;
    struct aks_state *another;

    if (!progress->blocked || other->done)
        return;
    other->done = true;
    shift_ms += 2000;
    put_source(other->engine->state, "/a");
    assert_int_equal(aks_engine_upload_id(other->engine, NULL, other->upload_id, &err), AKS_OK);
    (void)raw(rotten);
    another = open_state();
    assert_non_null(aks_state_aside(another));
    aks_state_close(another);
    aks_delivery_give(other->engine);
}

/* A run of a.txt, which is to end as stored; its upload's id. */
static void
store(struct aks_engine *engine, char ret_id[32])
{
    static char name[] = "place";
    static char system_id[] = "test-1";
    static char path[] = "/test.lua";
    static char text[] = "return 1";
    struct aks_target_settings target = { .kind = AKS_TARGET_DIR, .name = name };
    struct aks_policy_text policy_text = { .path = path, .text = text, .text_len = 8 };
    struct aks_policy_environment environment = { 0 };
    struct aks_settings settings;
    struct aks_policy policy = { 0 };
    struct aks_run_options options = { 0 };
    const char *source = temp_folder_write(folder, "a.txt", "hello", 5);
    json_t *report = NULL;

    aks_settings_init(&settings, aks_alloc_system());
    target.path = borrowed(temp_folder_join(folder, "there"));
    settings.targets = &target;
    settings.target_count = 1;
    settings.route.count = 1;
    settings.system_id = system_id;
    settings.policy_path = path;
    settings.dedup = AKS_DEDUP_ALWAYS;
    memset(settings.policy_sha256, 'a', 64);
    policy.settings = &settings;
    policy.decide.retry = answer_retry;
    options.policy = &policy;
    options.policy_text = &policy_text;
    options.environment = &environment;
    options.sources = &source;
    options.source_count = 1;
    options.source_folder = "/";
    assert_int_equal(aks_run(engine, &options, &report, &err), AKS_OK);
    assert_string_equal(json_string_value(json_object_get(report, "outcome")), "stored");
    (void)snprintf(ret_id, 32, "%s", json_string_value(json_object_get(report, "upload_id")));
    json_decref(report);
}

/* What it takes is newer than what was stored meanwhile: so has to be its upload's id. */
static void
run_waiting(void (*meanwhile)(void *ctx, const struct aks_progress *progress), const char *later)
{
    struct other other = { open_engine(NULL, NULL), false, "" };
    struct aks_engine *engine = open_engine(meanwhile, &other);
    char id[32];

    assert_int_equal(aks_delivery_take(other.engine, &err), AKS_OK);
    store(engine, id);
    assert_true(other.done);
    assert_true(strcmp(id, later != NULL ? later : other.upload_id) > 0);
    aks_engine_close(engine);
    aks_engine_close(other.engine);
}

static void
run_that_has_waited_stores_under_a_later_id(void **state)
{
    run_waiting(note_blocked, LATER);
}

static void
run_that_has_waited_need_not_know_what_was_stored(void **state)
{
    shift_ms = 0;
    run_waiting(lose_meanwhile, NULL);
}

/* It died when its manifest was there, and before it had noted that; and all in one second, by a
 * clock that may be set back. */
static void
upload_that_nobody_has_noted_has_an_earlier_id(void **state)
{
    char before[32] = "";
    char id[32];

    fixed_ms = NOW;
    for (unsigned i = 0; i < 8; i++) {
        struct aks_engine *engine = open_engine(NULL, NULL);

        fixed_ms = NOW - (int64_t)i * 1000;
        store(engine, id);
        assert_true(strcmp(id, before) > 0);
        memcpy(before, id, sizeof(before));
        aks_engine_close(engine);
        (void)raw("DELETE FROM stored");
    }
    fixed_ms = 0;
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(state_that_another_process_has_set_aside_is_opened_again),
        TEST(state_that_was_found_damaged_is_set_aside_by_the_next_turn),
        TEST(state_that_was_found_damaged_is_set_aside_when_its_engine_is_closed),
        TEST(turn_is_that_of_the_folder_which_is_there),
        TEST(folder_that_was_replaced_is_looked_at_as_when_it_is_opened),
        TEST(run_that_has_waited_stores_under_a_later_id),
        TEST(run_that_has_waited_need_not_know_what_was_stored),
        TEST(upload_that_nobody_has_noted_has_an_earlier_id),
    };

    return cmocka_run_group_tests_name("delivery", tests, NULL, NULL);
}
