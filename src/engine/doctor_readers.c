/* What of DuckDB there is on this machine: its rows are read by whichever there is. */
#include "engine/doctor_internal.h"

#include "engine/text.h"

#include <stdio.h>
#include <string.h>

#define MODULE_MS 3000
#define OUTPUT_BYTES 4096

static bool
is_file(const struct doctor *doctor, const char *path)
{
    const struct aks_files *files = &doctor->port->files;
    struct aks_file_info info;

    return path[0] == '/' && files->stat(files->ctx, path, true, &info, NULL) == AKS_OK &&
        info.type == AKS_FILE_REGULAR;
}

static void
add(struct doctor *doctor, const char *kind, const char *path)
{
    (void)json_array_append_new(doctor->readers, json_pack("{s:s, s:o}", "kind", kind, "path",
        aks_text_json(path)));
}

/* ${name} in the first folder of the ':'-separated ${folders} that has it. */
static bool
find(const struct doctor *doctor, const char *folders, const char *name,
    char ret_path[AKS_PATH_BYTES])
{
    while (folders != NULL && folders[0] != '\0') {
        size_t len = strcspn(folders, ":");

        if (snprintf(ret_path, AKS_PATH_BYTES, "%.*s/%s", (int)len, folders, name) <
                AKS_PATH_BYTES && is_file(doctor, ret_path))
            return true;
        folders += len + (folders[len] == ':');
    }
    return false;
}

/* Where Python says that the module lies; nothing of it is run. */
static void
find_module(struct doctor *doctor, const char *path_variable, const char *python)
{
    static const char script[] = "import importlib.util as u\n"
        "s = u.find_spec('duckdb')\nprint(s.origin if s and s.origin else '', end='')";
    const struct aks_process *process = &doctor->port->process;
    const char *const argv[] = { python, "-c", script, NULL };
    char path[AKS_PATH_BYTES + 8];
    char home[AKS_PATH_BYTES + 8];
    const char *const env[] = { path, home, NULL };
    const struct aks_environment *environment = &doctor->port->environment;
    struct aks_process_spec spec = { .argv = argv, .env = env, .timeout_ms = MODULE_MS };
    struct aks_buf out;
    int code = -1;

    (void)snprintf(path, sizeof(path), "PATH=%s", path_variable);
    (void)snprintf(home, sizeof(home), "HOME=%s", environment->home(environment->ctx));
    aks_buf_init(&out, doctor->port->alloc, OUTPUT_BYTES);
    if (process->run != NULL && process->run(process->ctx, &spec, &out, &code, NULL) == AKS_OK &&
        code == 0 && out.len > 0)
        add(doctor, "python", out.data);
    aks_buf_fini(&out);
}

void
aks_doctor_readers(struct doctor *doctor)
{
    static const char libraries[] = "/usr/local/lib:/usr/lib/x86_64-linux-gnu:"
        "/usr/lib/aarch64-linux-gnu:/usr/lib64:/usr/lib";
    const struct aks_environment *env = &doctor->port->environment;
    const char *folders = env->get(env->ctx, "PATH");
    char path[AKS_PATH_BYTES];

    if (find(doctor, folders, "duckdb", path))
        add(doctor, "command", path);
    if (find(doctor, folders, "python3", path))
        find_module(doctor, folders, path);
    if (find(doctor, env->get(env->ctx, "LD_LIBRARY_PATH"), "libduckdb.so", path) ||
        find(doctor, libraries, "libduckdb.so", path))
        add(doctor, "library", path);
    if (json_array_size(doctor->readers) > 0)
        aks_doctor_tell(doctor, NULL, "readers", AKS_DOCTOR_OK, NULL,
            "DuckDB is here: %s", json_string_value(json_object_get(json_array_get(
            doctor->readers, 0), "path")));
    else
        aks_doctor_tell(doctor, NULL, "readers", AKS_DOCTOR_OK, NULL, "no DuckDB is here: files "
            "are synced all the same, and only their rows cannot be read");
}
