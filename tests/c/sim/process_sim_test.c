#include "sim/process_sim.h"

#include "base/units.h"
#include "sim/sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static bool
always(void *ctx)
{
    return true;
}

static struct aks_sim *
machine(void)
{
    const struct aks_sim_options options = { .alloc = aks_alloc_system(), .seed = 1,
        .host_name = "h", .home = "/home/me", .working_folder = "/home/me" };
    struct aks_sim *sim = NULL;

    assert_int_equal(aks_sim_new(&options, &sim, NULL), AKS_OK);
    return sim;
}

static void
runs(struct aks_sim *sim, const char *name, bool (*stopped)(void *ctx), enum aks_status status,
    int code, const char *output)
{
    const struct aks_process *process = &aks_sim_port(sim)->process;
    const char *argv[] = { name, "argument", NULL };
    const char *env[] = { NULL };
    struct aks_process_spec spec = { .argv = argv, .env = env,
        .timeout_ms = 10 * AKS_MS_PER_S, .stopped = stopped };
    struct aks_error err = { 0 };
    struct aks_buf buf;
    int ended = -1;

    aks_buf_init(&buf, aks_alloc_system(), 10);
    assert_int_equal(process->run(process->ctx, &spec, &buf, &ended, &err), status);
    assert_int_equal(err.status, status);
    if (status == AKS_OK) {
        assert_int_equal(ended, code);
        assert_string_equal(buf.data, output);
    }
    aks_buf_fini(&buf);
}

static void
programs_are_what_they_were_made(void **state)
{
    const struct aks_sim_program quick = { .name = "quick", .output = "one\n" };
    const struct aks_sim_program other = { .name = "quick", .output = "two\n",
        .exit_code = 3, .takes_ms = 2000 };
    const struct aks_sim_program slow = { .name = "slow", .output = "x",
        .takes_ms = 11 * AKS_MS_PER_S };
    const struct aks_sim_program loud = { .name = "loud", .output = "0123456789a" };
    struct aks_sim *sim = machine();
    int64_t *now_ns = &aks_sim_agenda(sim)->now_ns;

    runs(sim, "quick", NULL, AKS_NOT_FOUND, 0, NULL);
    assert_int_equal(aks_sim_program_starts(sim, "quick"), 0);
    assert_int_equal(aks_sim_program(sim, &quick, NULL), AKS_OK);
    assert_int_equal(aks_sim_program(sim, &slow, NULL), AKS_OK);
    assert_int_equal(aks_sim_program(sim, &loud, NULL), AKS_OK);
    runs(sim, "quick", NULL, AKS_OK, 0, "one\n");
    assert_int_equal(*now_ns, 0);
    assert_int_equal(aks_sim_program(sim, &other, NULL), AKS_OK);
    runs(sim, "quick", NULL, AKS_OK, 3, "two\n");
    assert_int_equal(*now_ns, 2 * AKS_MS_PER_S * AKS_NS_PER_MS);
    assert_int_equal(aks_sim_program_starts(sim, "quick"), 2);
    runs(sim, "slow", NULL, AKS_TIMEOUT, 0, NULL);
    assert_int_equal(*now_ns, 12 * AKS_MS_PER_S * AKS_NS_PER_MS);
    runs(sim, "loud", NULL, AKS_TOO_LARGE, 0, NULL);
    runs(sim, "quick", always, AKS_CANCELLED, 0, NULL);
    aks_sim_kill(sim);
    runs(sim, "quick", NULL, AKS_STATE, 0, NULL);
    assert_int_equal(aks_sim_program_starts(sim, "quick"), 3);
    aks_sim_free(sim);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(programs_are_what_they_were_made),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
