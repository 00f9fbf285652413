#include "sim/process_sim.h"

#include "base/units.h"

#include <string.h>

#define PIECE_BYTES ((size_t)1000)

static bool
same(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static size_t
find(const struct aks_process_sim *process, const char *name, const char *asked)
{
    size_t i = 0;

    while (i < process->count && !(same(process->programs[i].name, name) &&
        same(process->programs[i].asked, asked)))
        i++;
    return i;
}

static bool
is_asked(const char *const *argv, const char *asked)
{
    bool found = asked == NULL;

    for (size_t i = 1; argv[0] != NULL && argv[i] != NULL && !found; i++)
        found = strstr(argv[i], asked) != NULL;
    return found;
}

static size_t
find_run(const struct aks_process_sim *process, const char *const *argv)
{
    size_t i = 0;

    while (i < process->count && !(same(process->programs[i].name, argv[0]) &&
        is_asked(argv, process->programs[i].asked)))
        i++;
    return i;
}

/* In pieces, as a pipe gives them. */
static enum aks_status
give(const struct aks_process_spec *spec, const char *output, struct aks_error *err)
{
    enum aks_status status = AKS_OK;
    size_t len = strlen(output);

    while (len > 0 && status == AKS_OK) {
        size_t n = len < PIECE_BYTES ? len : PIECE_BYTES;

        status = spec->output(spec->output_ctx, output, n, err);
        output += n;
        len -= n;
    }
    return status;
}

static bool
stopped(const struct aks_process_spec *spec)
{
    return spec->stopped != NULL && spec->stopped(spec->stopped_ctx);
}

static enum aks_status
run(void *ctx, const struct aks_process_spec *spec, struct aks_buf *ret_output, int *ret_exit,
    struct aks_error *err)
{
    struct aks_process_sim *process = ctx;
    const char *name = spec->argv[0];
    const struct aks_sim_program *program;
    size_t i = find_run(process, spec->argv);

    if (*process->dead)
        return aks_error_set(err, AKS_STATE, "the simulated process has died");
    if (i == process->count)
        return aks_error_set(err, AKS_NOT_FOUND, "cannot run %s: No such file or directory", name);
    program = &process->programs[i].program;
    process->programs[i].starts++;
    if (program->takes_ms > spec->timeout_ms) {
        aks_agenda_pass(process->agenda, spec->timeout_ms * AKS_NS_PER_MS);
        return aks_error_set(err, AKS_TIMEOUT, "%s has not ended within %lld ms", name,
            (long long)spec->timeout_ms);
    }
    aks_agenda_pass(process->agenda, program->takes_ms * AKS_NS_PER_MS);
    if (stopped(spec))
        return aks_error_set(err, AKS_CANCELLED, "%s was stopped", name);
    if (spec->errors != NULL && process->programs[i].errors != NULL)
        aks_buf_puts(spec->errors, process->programs[i].errors);
    *ret_exit = program->exit_code;
    if (spec->output != NULL)
        return give(spec, process->programs[i].output, err);
    aks_buf_puts(ret_output, process->programs[i].output);
    if (ret_output->failed != AKS_OK)
        return aks_error_set(err, AKS_TOO_LARGE, "%s wrote more than %zu bytes", name,
            ret_output->bytes_max);
    return AKS_OK;
}

void
aks_process_sim_init(struct aks_process_sim *process, const struct aks_alloc *alloc,
    struct aks_agenda *agenda, const bool *dead)
{
    memset(process, 0, sizeof(*process));
    process->alloc = alloc;
    process->agenda = agenda;
    process->dead = dead;
}

static void
forget(struct aks_process_sim *process, size_t i)
{
    aks_mem_free(process->alloc, process->programs[i].name);
    aks_mem_free(process->alloc, process->programs[i].asked);
    aks_mem_free(process->alloc, process->programs[i].output);
    aks_mem_free(process->alloc, process->programs[i].errors);
}

void
aks_process_sim_fini(struct aks_process_sim *process)
{
    for (size_t i = 0; i < process->count; i++)
        forget(process, i);
    process->count = 0;
}

struct aks_process
aks_process_sim_port(struct aks_process_sim *process)
{
    return (struct aks_process) { .run = run, .ctx = process };
}

enum aks_status
aks_process_sim_set(struct aks_process_sim *process, const struct aks_sim_program *program,
    struct aks_error *err)
{
    size_t i = find(process, program->name, program->asked);
    struct aks_process_sim made = { .alloc = process->alloc };
    unsigned starts = i < process->count ? process->programs[i].starts : 0;

    if (i == AKS_SIM_PROGRAMS_MAX)
        return aks_error_set(err, AKS_LIMIT, "a simulated machine holds %d programs",
            AKS_SIM_PROGRAMS_MAX);
    made.programs[0].program = *program;
    made.programs[0].starts = starts;
    made.programs[0].name = aks_mem_strdup(process->alloc, program->name);
    made.programs[0].asked = aks_mem_strdup(process->alloc, program->asked);
    made.programs[0].output = aks_mem_strdup(process->alloc, program->output);
    made.programs[0].errors = aks_mem_strdup(process->alloc, program->errors);
    if (made.programs[0].name == NULL || made.programs[0].output == NULL ||
        (program->asked != NULL && made.programs[0].asked == NULL) ||
        (program->errors != NULL && made.programs[0].errors == NULL)) {
        forget(&made, 0);
        return aks_error_memory(err, "making a simulated program");
    }
    if (i < process->count)
        forget(process, i);
    process->programs[i] = made.programs[0];
    process->count += i == process->count;
    return AKS_OK;
}

unsigned
aks_process_sim_starts(const struct aks_process_sim *process, const char *name)
{
    unsigned starts = 0;

    for (size_t i = 0; i < process->count; i++)
        if (same(process->programs[i].name, name))
            starts += process->programs[i].starts;
    return starts;
}
