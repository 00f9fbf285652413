#include "sim/process_sim.h"

#include "base/units.h"

#include <string.h>

static size_t
find(const struct aks_process_sim *process, const char *name)
{
    size_t i = 0;

    while (i < process->count && strcmp(process->programs[i].name, name) != 0)
        i++;
    return i;
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
    size_t i = find(process, name);

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
    aks_buf_puts(ret_output, process->programs[i].output);
    if (ret_output->failed != AKS_OK)
        return aks_error_set(err, AKS_TOO_LARGE, "%s wrote more than %zu bytes", name,
            ret_output->bytes_max);
    *ret_exit = program->exit_code;
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

void
aks_process_sim_fini(struct aks_process_sim *process)
{
    for (size_t i = 0; i < process->count; i++) {
        aks_mem_free(process->alloc, process->programs[i].name);
        aks_mem_free(process->alloc, process->programs[i].output);
    }
    process->count = 0;
}

struct aks_process
aks_process_sim_port(struct aks_process_sim *process)
{
    return (struct aks_process) { run, process };
}

enum aks_status
aks_process_sim_set(struct aks_process_sim *process, const struct aks_sim_program *program,
    struct aks_error *err)
{
    size_t i = find(process, program->name);
    char *name;
    char *output;

    if (i == AKS_SIM_PROGRAMS_MAX)
        return aks_error_set(err, AKS_LIMIT, "a simulated machine holds %d programs",
            AKS_SIM_PROGRAMS_MAX);
    name = aks_mem_strdup(process->alloc, program->name);
    output = aks_mem_strdup(process->alloc, program->output);
    if (name == NULL || output == NULL) {
        aks_mem_free(process->alloc, name);
        aks_mem_free(process->alloc, output);
        return aks_error_memory(err, "making a simulated program");
    }
    aks_mem_free(process->alloc, process->programs[i].name);
    aks_mem_free(process->alloc, process->programs[i].output);
    process->programs[i].program = *program;
    process->programs[i].name = name;
    process->programs[i].output = output;
    process->count += i == process->count;
    return AKS_OK;
}

unsigned
aks_process_sim_starts(const struct aks_process_sim *process, const char *name)
{
    size_t i = find(process, name);

    return i < process->count ? process->programs[i].starts : 0;
}
