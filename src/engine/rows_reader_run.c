#include "engine/rows_reader_run.h"

#include "base/units.h"

#include <stdio.h>
#include <string.h>

#define HELPER "akosha-sync-duckdb"
#define ARGUMENTS_MAX 16
#define VARIABLE_BYTES (AKS_PATH_BYTES + 8)

/* Python without the person's variables, start-up files and current folder (-I), and without
 * leaving bytecode behind (-B). What pip puts into the home is outside of that, and looked for
 * behind all else. */
static const char python_version[] = "import os, sys\n"
    "sys.path.append(os.path.join(sys.argv[1], '.local/lib/python%d.%d/site-packages' % "
    "sys.version_info[:2]))\n"
    "import duckdb\n"
    "print(duckdb.__version__)\n"
    "print(os.path.dirname(os.path.dirname(os.path.abspath(duckdb.__file__))))\n";
static const char python_run[] = "import sys\n"
    "sys.path.append(sys.argv[1])\n"
    "import duckdb\n"
    "duckdb.connect(sys.argv[2], read_only=True).execute(sys.argv[3])\n";

struct environment {
    char path[4 * AKS_PATH_BYTES];
    char home[VARIABLE_BYTES];
    const char *list[6];
};

/* Next to nothing: where programs are, a home with nothing in it, and UTC. */
static void
clean(const struct aks_port *port, const char *home, struct environment *environment)
{
    const struct aks_environment *env = &port->environment;
    const char *path = env->get(env->ctx, "PATH");

    if (path == NULL || snprintf(environment->path, sizeof(environment->path), "PATH=%s", path) >=
        (int)sizeof(environment->path))
        (void)snprintf(environment->path, sizeof(environment->path), "PATH=/usr/bin:/bin");
    (void)snprintf(environment->home, sizeof(environment->home), "HOME=%s", home);
    environment->list[0] = environment->path;
    environment->list[1] = environment->home;
    environment->list[2] = "TZ=UTC";
    environment->list[3] = "LC_ALL=C.UTF-8";
    environment->list[4] = NULL;
}

/* *ret_helper is owned by the caller; NULL for what is started itself. */
static enum aks_status
helper(const struct aks_port *port, const struct aks_rows_reader *reader, char **ret_helper,
    struct aks_error *err)
{
    const struct aks_process *process = &port->process;

    *ret_helper = NULL;
    if (reader->kind != AKS_ROWS_LIBRARY)
        return AKS_OK;
    if (process->own == NULL)
        return aks_error_set(err, AKS_NOT_FOUND, "a library cannot be used here");
    return process->own(process->ctx, HELPER, port->alloc, ret_helper, err);
}

static enum aks_status
run(const struct aks_port *port, const struct aks_rows_reader *reader, const char *home,
    const char *const *argv, struct aks_process_spec *spec, struct aks_buf *output, int *ret_exit,
    struct aks_error *err)
{
    struct environment *environment = aks_mem_new(port->alloc, sizeof(*environment));
    const char *full[ARGUMENTS_MAX];
    char *ours = NULL;
    size_t count = 0;
    enum aks_status status;

    if (environment == NULL)
        return aks_error_memory(err, "starting a reader");
    clean(port, home, environment);
    status = helper(port, reader, &ours, err);
    if (status == AKS_OK) {
        if (ours != NULL)
            full[count++] = ours;
        while (*argv != NULL && count < ARGUMENTS_MAX - 1)
            full[count++] = *argv++;
        full[count] = NULL;
        spec->argv = full;
        spec->env = environment->list;
        spec->memory_max = AKS_ROWS_READER_MEMORY;
        spec->cpu_s_max = spec->timeout_ms / AKS_MS_PER_S + 1;
        status = port->process.run(port->process.ctx, spec, output, ret_exit, err);
        spec->argv = NULL;
        spec->env = NULL;
    }
    aks_mem_free(port->alloc, ours);
    aks_mem_free(port->alloc, environment);
    return status;
}

enum aks_status
aks_rows_reader_ask(const struct aks_port *port, const struct aks_rows_reader *reader,
    struct aks_process_spec *spec, struct aks_buf *output, int *ret_exit, struct aks_error *err)
{
    const struct aks_environment *env = &port->environment;
    const char *const command[] = { reader->path, "-init", "/dev/null", "--version", NULL };
    const char *const library[] = { reader->path, NULL };
    const char *const python[] = { reader->path, "-I", "-B", "-c", python_version,
        env->home(env->ctx), NULL };
    const char *const *argvs[] = { command, library, python };

    return run(port, reader, "/nonexistent", argvs[reader->kind], spec, output, ret_exit, err);
}

enum aks_status
aks_rows_reader_run(const struct aks_port *port, const struct aks_rows_reader *reader,
    const char *folder, const char *main, const char *sql, struct aks_process_spec *spec,
    int *ret_exit, struct aks_error *err)
{
    const char *const command[] = { reader->path, "-init", "/dev/null", "-readonly", "-batch",
        "-bail", main, "-c", sql, NULL };
    const char *const library[] = { reader->path, main, sql, NULL };
    const char *const python[] = { reader->path, "-I", "-B", "-c", python_run, reader->module,
        main, sql, NULL };
    const char *const *argvs[] = { command, library, python };

    return run(port, reader, folder, argvs[reader->kind], spec, NULL, ret_exit, err);
}
