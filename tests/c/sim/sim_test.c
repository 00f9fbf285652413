/* One simulated machine, and processes that die on it. */
#include "sim/sim.h"

#include "base/units.h"
#include "support/failing_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WALL_MS INT64_C(1795416300000)
#define HOME "/home/person"

struct machine {
    struct aks_sim *sim;
    const struct aks_port *port;
    uint64_t steps;
    uint64_t dies_at;                   /* of steps, from 1; 0: never */
    unsigned served;
    unsigned completions;
    unsigned worked;
    enum aks_status transport;
};

static void
on_step(void *ctx, const struct aks_sim_step *step, struct aks_sim_fault *ret_fault)
{
    struct machine *machine = ctx;

    ret_fault->dies = ++machine->steps == machine->dies_at;
}

static void
serve(void *ctx, int64_t wall_ms, const struct aks_sim_request *request,
    struct aks_sim_reply *reply)
{
    struct machine *machine = ctx;

    machine->served++;
    reply->status = 200;
}

static enum aks_status
open_machine(struct machine *machine, const struct aks_alloc *alloc, uint64_t seed)
{
    struct aks_sim_options options = { 0 };
    struct aks_sim_host host = { .name = "s3.example.org:443", .serve = serve };
    enum aks_status status;

    memset(machine, 0, sizeof(*machine));
    options.alloc = alloc;
    options.seed = seed;
    options.wall_ms = WALL_MS;
    options.hook = (struct aks_sim_hook) { on_step, machine };
    options.host_name = "laptop-7";
    options.home = HOME;
    options.working_folder = "/work";
    status = aks_sim_new(&options, &machine->sim, NULL);
    if (status != AKS_OK)
        return status;
    machine->port = aks_sim_port(machine->sim);
    host.ctx = machine;
    aks_network_sim_host(aks_sim_network(machine->sim), &host);
    return AKS_OK;
}

static int
setup(void **state)
{
    struct machine *machine = malloc(sizeof(*machine));

    assert_non_null(machine);
    assert_int_equal(open_machine(machine, aks_alloc_system(), 1), AKS_OK);
    *state = machine;
    return 0;
}

static int
teardown(void **state)
{
    struct machine *machine = *state;

    aks_sim_free(machine->sim);
    free(machine);
    return 0;
}

/* A file that is written, synced, and its folder too. */
static enum aks_status
store(const struct machine *machine, const char *path, const char *text)
{
    const struct aks_files *files = &machine->port->files;
    struct aks_file *file = NULL;
    enum aks_status status = files->open(files->ctx, path, AKS_FILE_REPLACE, &file, NULL);

    if (status == AKS_OK)
        status = files->write(file, 0, text, strlen(text), NULL);
    if (status == AKS_OK)
        status = files->sync(file, NULL);
    files->close(file);
    if (status == AKS_OK)
        status = files->sync_folder(files->ctx, HOME, NULL);
    return status;
}

static bool
holds(const struct machine *machine, const char *path, const char *text)
{
    size_t len = 0;
    const void *data = aks_files_sim_look(aks_sim_files(machine->sim), path, &len);

    return data != NULL && len == strlen(text) && memcmp(data, text, len) == 0;
}

static void
completed(void *ctx, const struct aks_http_reply *reply)
{
    struct machine *machine = ctx;

    machine->completions++;
    machine->transport = reply->transport;
}

static const struct aks_http_request get = { .method = "GET", .url = "https://s3.example.org/",
    .connect_timeout_ms = 1000, .answer_timeout_ms = 1000, .reply_bytes_max = 100 };

static enum aks_status
submit(struct machine *machine, struct aks_http_call **ret_call)
{
    const struct aks_http *http = &machine->port->http;

    return http->submit(http->ctx, &get, completed, machine, ret_call, NULL);
}

static void
work(void *arg)
{
}

static void
worked(void *arg)
{
    struct machine *machine = arg;

    machine->worked++;
}

static enum aks_status
wait(const struct machine *machine, int64_t timeout_ns)
{
    return machine->port->events.wait(machine->port->events.ctx, timeout_ns, NULL);
}

static int64_t
now_ns(const struct machine *machine)
{
    return machine->port->clock.now_ns(machine->port->clock.ctx);
}

static void
machine_is_as_made(void **state)
{
    struct machine *machine = *state;
    const struct aks_port *port = machine->port;
    struct aks_file_info info;

    assert_string_equal(port->environment.host_name(port->environment.ctx), "laptop-7");
    assert_string_equal(port->environment.get(port->environment.ctx, "HOME"), HOME);
    assert_int_equal(port->work.width(port->work.ctx), 2);
    assert_int_equal(port->files.stat(port->files.ctx, HOME, true, &info, NULL), AKS_OK);
    assert_int_equal(info.type, AKS_FILE_FOLDER);
    assert_int_equal(port->files.stat(port->files.ctx, "/work", true, &info, NULL), AKS_OK);
    assert_non_null(port->files.sqlite_vfs);
    assert_true(port->clock.wall_ms(port->clock.ctx) == WALL_MS);
    aks_sim_agenda(machine->sim)->skew_ms = 5000;
    assert_true(port->clock.wall_ms(port->clock.ctx) == WALL_MS + 5000);
}

static void
wait_delivers_requests_and_work(void **state)
{
    struct machine *machine = *state;
    const struct aks_work *port = &machine->port->work;
    struct aks_http_call *call;

    assert_int_equal(submit(machine, &call), AKS_OK);
    assert_int_equal(port->submit(port->ctx, work, worked, machine, NULL), AKS_OK);
    assert_int_equal(aks_sim_work_under_way(machine->sim), 1);
    while (machine->completions == 0 || machine->worked == 0)
        assert_int_equal(wait(machine, -1), AKS_OK);
    assert_int_equal(machine->transport, AKS_OK);
    assert_int_equal(machine->served, 1);
    assert_int_equal(aks_sim_work_under_way(machine->sim), 0);
}

static void
wait_takes_its_time_unless_woken(void **state)
{
    struct machine *machine = *state;

    assert_int_equal(wait(machine, AKS_NS_PER_S), AKS_OK);
    assert_int_equal(now_ns(machine), AKS_NS_PER_S);
    machine->port->events.wake(machine->port->events.ctx);
    assert_int_equal(wait(machine, AKS_NS_PER_S), AKS_OK);
    assert_int_equal(now_ns(machine), AKS_NS_PER_S);
    assert_int_equal(wait(machine, AKS_NS_PER_S), AKS_OK);
    assert_int_equal(now_ns(machine), 2 * AKS_NS_PER_S);
}

static void
wait_for_what_never_comes_is_an_error(void **state)
{
    struct machine *machine = *state;
    struct aks_error err;

    assert_int_equal(machine->port->events.wait(machine->port->events.ctx, -1, &err),
        AKS_INTERNAL);
    assert_non_null(strstr(err.message, "waits for ever"));
    machine->port->events.wake(machine->port->events.ctx);
    assert_int_equal(wait(machine, -1), AKS_OK);
}

/* Everything that a process might do after its death, and none of it happens. */
static void
do_all(struct machine *machine)
{
    const struct aks_work *port = &machine->port->work;
    struct aks_http_call *call = NULL;
    unsigned served = machine->served;
    unsigned done = machine->worked;

    assert_int_equal(store(machine, HOME "/new", "new"), AKS_STATE);
    assert_int_equal(store(machine, HOME "/old", "new"), AKS_STATE);
    assert_int_equal(submit(machine, &call), AKS_STATE);
    assert_null(call);
    /* Work ends, as whoever waits for it frees what it was done on. */
    assert_int_equal(port->submit(port->ctx, work, worked, machine, NULL), AKS_OK);
    assert_int_equal(wait(machine, AKS_NS_PER_S), AKS_STATE);
    assert_int_equal(machine->worked, done + 1);
    assert_int_equal(wait(machine, -1), AKS_STATE);
    assert_int_equal(machine->served, served);
    assert_true(holds(machine, HOME "/old", "old"));
    assert_false(holds(machine, HOME "/new", "new"));
}

static void
after_a_death_nothing_has_an_effect_until_the_restart(void **state)
{
    struct machine *machine = *state;
    uint64_t steps;

    assert_int_equal(store(machine, HOME "/old", "old"), AKS_OK);
    aks_sim_kill(machine->sim);
    assert_true(aks_sim_dead(machine->sim));
    steps = machine->steps;
    do_all(machine);
    /* Nobody is asked about the steps of the dead. */
    assert_int_equal(machine->steps, steps);
    aks_sim_restart(machine->sim, false);
    assert_false(aks_sim_dead(machine->sim));
    assert_int_equal(store(machine, HOME "/old", "new"), AKS_OK);
    assert_true(holds(machine, HOME "/old", "new"));
}

static void
process_dies_at_a_step_without_doing_it(void **state)
{
    struct machine *machine = *state;

    assert_int_equal(store(machine, HOME "/old", "old"), AKS_OK);
    /* Open, write, sync, sync of the folder. */
    assert_int_equal(machine->steps, 4);
    for (unsigned step = 1; step <= 4; step++) {
        char text[16];

        (void)snprintf(text, sizeof(text), "new %u", step);
        machine->dies_at = machine->steps + step;
        assert_int_equal(store(machine, HOME "/other", text), AKS_STATE);
        assert_true(aks_sim_dead(machine->sim));
        assert_int_equal(holds(machine, HOME "/other", text), step > 2);
        aks_sim_restart(machine->sim, false);
        assert_int_equal(aks_files_sim_open_count(aks_sim_files(machine->sim)), 0);
    }
    assert_true(holds(machine, HOME "/old", "old"));
}

static void
killed_process_loses_nothing_that_was_written_and_a_power_cut_may(void **state)
{
    unsigned lost = 0;

    for (uint64_t seed = 0; seed < 20; seed++) {
        for (int power = 0; power < 2; power++) {
            struct machine machine;
            struct aks_file *file = NULL;

            assert_int_equal(open_machine(&machine, aks_alloc_system(), seed), AKS_OK);
            assert_int_equal(store(&machine, HOME "/synced", "old"), AKS_OK);
            assert_int_equal(machine.port->files.open(machine.port->files.ctx, HOME "/unsynced",
                AKS_FILE_CREATE, &file, NULL), AKS_OK);
            assert_int_equal(machine.port->files.write(file, 0, "new", 3, NULL), AKS_OK);
            aks_sim_kill(machine.sim);
            machine.port->files.close(file);
            aks_sim_restart(machine.sim, power == 1);
            assert_true(holds(&machine, HOME "/synced", "old"));
            if (power == 0)
                assert_true(holds(&machine, HOME "/unsynced", "new"));
            else
                lost += !holds(&machine, HOME "/unsynced", "new");
            aks_sim_free(machine.sim);
        }
    }
    assert_in_range(lost, 5, 20);
}

static void
requests_of_the_dead_are_cancelled_or_dropped(void **state)
{
    struct machine *machine = *state;
    const struct aks_http *http = &machine->port->http;
    struct aks_http_call *calls[2];

    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(submit(machine, &calls[i]), AKS_OK);
    aks_sim_kill(machine->sim);
    http->cancel(http->ctx, calls[0]);
    assert_int_equal(aks_network_sim_under_way(aks_sim_network(machine->sim)), 1);
    aks_sim_restart(machine->sim, true);
    assert_int_equal(aks_network_sim_under_way(aks_sim_network(machine->sim)), 0);
    aks_sim_pass(machine->sim, 100 * AKS_NS_PER_S);
    assert_int_equal(machine->completions, 0);
    assert_int_equal(machine->served, 0);
    assert_int_equal(submit(machine, &calls[0]), AKS_OK);
    while (machine->completions == 0)
        assert_int_equal(wait(machine, -1), AKS_OK);
    assert_int_equal(machine->served, 1);
}

/* It dies as the network takes a step, which happens while it waits. */
static void
death_at_a_step_of_the_network_ends_the_wait(void **state)
{
    struct machine *machine = *state;
    struct aks_http_call *call;
    enum aks_status status = AKS_OK;
    unsigned waits = 0;

    machine->dies_at = 3;
    assert_int_equal(submit(machine, &call), AKS_OK);
    while (status == AKS_OK && waits++ < 100)
        status = wait(machine, -1);
    assert_int_equal(status, AKS_STATE);
    assert_true(aks_sim_dead(machine->sim));
    assert_int_equal(machine->completions, 0);
    machine->port->http.cancel(machine->port->http.ctx, call);
    aks_sim_restart(machine->sim, false);
}

static void
restart_is_fine_for_one_that_did_not_die(void **state)
{
    struct machine *machine = *state;

    assert_int_equal(store(machine, HOME "/old", "old"), AKS_OK);
    machine->port->events.wake(machine->port->events.ctx);
    aks_sim_restart(machine->sim, true);
    assert_true(holds(machine, HOME "/old", "old"));
    /* A wake of the process before is not the next one's. */
    assert_int_equal(wait(machine, AKS_NS_PER_S), AKS_OK);
    assert_int_equal(now_ns(machine), AKS_NS_PER_S);
}

static unsigned fired;

static void
fire(void *ctx)
{
    fired++;
}

static void
pass_lets_everything_happen_that_is_due(void **state)
{
    struct machine *machine = *state;
    struct aks_agenda *agenda = aks_sim_agenda(machine->sim);
    struct aks_agenda_entry entries[4] = { { { 0 }, NULL, NULL } };

    fired = 0;
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(aks_agenda_enter(agenda, &entries[i], i * AKS_NS_PER_S, fire, NULL),
            AKS_OK);
    aks_sim_pass(machine->sim, AKS_NS_PER_S + AKS_NS_PER_MS);
    assert_int_equal(fired, 2);
    assert_int_equal(now_ns(machine), AKS_NS_PER_S + AKS_NS_PER_MS);
    aks_sim_pass(machine->sim, 0);
    assert_int_equal(fired, 2);
    /* A lid was closed, and two are overdue. */
    aks_agenda_pass(agenda, 9 * 3600 * AKS_NS_PER_S);
    aks_sim_pass(machine->sim, 0);
    assert_int_equal(fired, 4);
    aks_sim_pass(machine->sim, INT64_MAX);
    assert_true(now_ns(machine) == INT64_MAX);
}

static void
variables_are_set_between_processes(void **state)
{
    struct machine *machine = *state;
    const struct aks_environment *port = &machine->port->environment;

    assert_int_equal(aks_sim_variable(machine->sim, "A", "1", NULL), AKS_OK);
    assert_string_equal(port->get(port->ctx, "A"), "1");
    aks_sim_restart(machine->sim, true);
    assert_string_equal(port->get(port->ctx, "A"), "1");
    assert_int_equal(aks_sim_variable(machine->sim, "A", NULL, NULL), AKS_OK);
    assert_null(port->get(port->ctx, "A"));
    assert_int_equal(aks_sim_variable(machine->sim, "A=", "1", NULL), AKS_SETTINGS);
}

/* What a machine does, in numbers: entropy, times, and what a power cut left. */
static void
story_of(uint64_t seed, char story[512])
{
    struct machine machine;
    struct aks_http_call *call;
    uint8_t random[8];
    size_t len = 0;
    struct aks_file *file = NULL;
    const struct aks_files *files;

    assert_int_equal(open_machine(&machine, aks_alloc_system(), seed), AKS_OK);
    files = &machine.port->files;
    assert_int_equal(machine.port->entropy.fill(machine.port->entropy.ctx, random, sizeof(random),
        NULL), AKS_OK);
    assert_int_equal(submit(&machine, &call), AKS_OK);
    while (machine.completions == 0)
        assert_int_equal(wait(&machine, -1), AKS_OK);
    assert_int_equal(files->open(files->ctx, HOME "/a", AKS_FILE_CREATE, &file, NULL), AKS_OK);
    for (int i = 0; i < 40; i++)
        assert_int_equal(files->write(file, i, i % 2 == 0 ? "x" : "y", 1, NULL), AKS_OK);
    files->close(file);
    assert_int_equal(files->sync_folder(files->ctx, HOME, NULL), AKS_OK);
    aks_sim_restart(machine.sim, true);
    (void)snprintf(story, 512, "%02x%02x%02x%02x %lld ", random[0], random[1], random[2], random[7],
        (long long)now_ns(&machine));
    if (aks_files_sim_look(aks_sim_files(machine.sim), HOME "/a", &len) != NULL)
        (void)snprintf(story + strlen(story), 512 - strlen(story), "%zu %.*s", len, (int)len,
            (const char *)aks_files_sim_look(aks_sim_files(machine.sim), HOME "/a", &len));
    aks_sim_free(machine.sim);
}

static void
machines_of_one_seed_are_equal(void **state)
{
    char first[512];
    char again[512];
    char other[512];

    story_of(7, first);
    story_of(7, again);
    story_of(8, other);
    assert_string_equal(first, again);
    assert_string_not_equal(first, other);
}

static int
make_and_use(void *ctx, const struct aks_alloc *alloc)
{
    struct machine machine;
    struct aks_http_call *call;
    enum aks_status status = open_machine(&machine, alloc, 1);

    if (status != AKS_OK)
        return status == AKS_LIMIT ? 0 : 1;
    status = aks_sim_variable(machine.sim, "A", "1", NULL);
    if (status == AKS_OK)
        status = store(&machine, HOME "/a", "text");
    if (status == AKS_OK)
        status = submit(&machine, &call);
    if (status == AKS_OK) {
        while (machine.completions == 0)
            assert_int_equal(wait(&machine, -1), AKS_OK);
        status = machine.transport;
    }
    aks_sim_restart(machine.sim, true);
    aks_sim_free(machine.sim);
    return status == AKS_OK || status == AKS_LIMIT ? 0 : 1;
}

static void
machine_without_memory_keeps_nothing(void **state)
{
    failing_alloc_loop(make_and_use, NULL, 200);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(machine_is_as_made),
        TEST(wait_delivers_requests_and_work),
        TEST(wait_takes_its_time_unless_woken),
        TEST(wait_for_what_never_comes_is_an_error),
        TEST(after_a_death_nothing_has_an_effect_until_the_restart),
        TEST(process_dies_at_a_step_without_doing_it),
        cmocka_unit_test(killed_process_loses_nothing_that_was_written_and_a_power_cut_may),
        TEST(requests_of_the_dead_are_cancelled_or_dropped),
        TEST(death_at_a_step_of_the_network_ends_the_wait),
        TEST(restart_is_fine_for_one_that_did_not_die),
        TEST(pass_lets_everything_happen_that_is_due),
        TEST(variables_are_set_between_processes),
        cmocka_unit_test(machines_of_one_seed_are_equal),
        cmocka_unit_test(machine_without_memory_keeps_nothing),
    };

    return cmocka_run_group_tests_name("simulated machine", tests, NULL, NULL);
}
