#include "engine/rows_readers.h"

#include "base/units.h"
#include "base/utf8.h"
#include "engine/rows_reader_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VERSION_MS (5 * AKS_MS_PER_S)
#define OUTPUT_BYTES 8192
#define PART_MAX 99999                  /* of a version */

struct search {
    const struct aks_port *port;
    bool (*stopped)(void *ctx);
    void *ctx;
    struct aks_rows_readers *readers;
};

const char *
aks_rows_reader_kind_name(enum aks_rows_reader_kind kind)
{
    static const char *const names[] = { "command", "library", "python" };

    return names[kind];
}

/* --- versions --------------------------------------------------------------------------------- */

/* "v1.5.6 (Variegata) 069cc9f9b5", "2.0.0\n/home/...": digits and dots, up to whatever follows. */
static bool
take_version(struct aks_rows_reader *reader, const char *text)
{
    int64_t parts[3] = { 0, 0, 0 };
    const char *at = text + (text[0] == 'v');
    size_t len = strspn(at, "0123456789.");

    if (len == 0 || at[0] == '.' || len >= sizeof(reader->version))
        return false;
    (void)snprintf(reader->version, sizeof(reader->version), "%.*s", (int)len, at);
    at = reader->version;
    for (size_t i = 0; i < 3 && at[0] >= '0' && at[0] <= '9'; i++) {
        char *end;

        parts[i] = strtol(at, &end, 10);
        if (parts[i] > PART_MAX)
            parts[i] = PART_MAX;
        at = end + (end[0] == '.');
    }
    reader->order = (parts[0] * (PART_MAX + 1) + parts[1]) * (PART_MAX + 1) + parts[2];
    reader->reads_2 = parts[0] >= 2;
    return true;
}

static void
tell(struct search *search, const char *path, const char *why)
{
    struct aks_rows_readers *readers = search->readers;
    size_t len = strlen(readers->told);

    (void)snprintf(readers->told + len, sizeof(readers->told) - len, "%s%s: %s",
        len > 0 ? "; " : "", path, why);
    aks_utf8_mend(readers->told);
}

/* The first line of ${words}, in place. */
static const char *
first_line(char *words)
{
    words[strcspn(words, "\n")] = '\0';
    return words;
}

/* AKS_OK also where it cannot tell: that is told. */
static enum aks_status
ask_version(struct search *search, struct aks_rows_reader *reader, bool *ret_told,
    struct aks_error *err)
{
    const struct aks_port *port = search->port;
    struct aks_process_spec spec = { .timeout_ms = VERSION_MS, .stopped = search->stopped,
        .stopped_ctx = search->ctx };
    struct aks_buf output;
    struct aks_buf errors;
    struct aks_error why;
    enum aks_status status;
    int code = 0;

    aks_buf_init(&output, port->alloc, OUTPUT_BYTES);
    aks_buf_init(&errors, port->alloc, OUTPUT_BYTES);
    spec.errors = &errors;
    status = aks_rows_reader_ask(port, reader, &spec, &output, &code, &why);
    *ret_told = status == AKS_OK && code == 0 && take_version(reader, output.data);
    if (*ret_told && reader->kind == AKS_ROWS_PYTHON) {
        char *module = strchr(output.data, '\n');

        if (module != NULL)
            module[1 + strcspn(module + 1, "\n")] = '\0';
        reader->module = module == NULL ? NULL : aks_mem_strdup(port->alloc, module + 1);
        *ret_told = reader->module != NULL;
    }
    if (status == AKS_CANCELLED || status == AKS_LIMIT)
        (void)aks_error_set(err, status, "%s", why.message);
    else if (status != AKS_OK)
        tell(search, reader->path, why.message);
    else if (!*ret_told && errors.len > 0 && reader->kind != AKS_ROWS_PYTHON)
        tell(search, reader->path, first_line(errors.data));
    else if (!*ret_told && (reader->kind != AKS_ROWS_PYTHON || search->readers->chosen))
        tell(search, reader->path, reader->kind == AKS_ROWS_PYTHON ? "has no module duckdb"
            : "does not say its version");
    aks_buf_fini(&errors);
    aks_buf_fini(&output);
    return status == AKS_CANCELLED || status == AKS_LIMIT ? status : AKS_OK;
}

/* --- what there is ---------------------------------------------------------------------------- */

static bool
known(const struct aks_rows_readers *readers, const char *path)
{
    for (size_t i = 0; i < readers->count; i++)
        if (strcmp(readers->list[i].path, path) == 0)
            return true;
    return false;
}

/* Behind all that are as new. */
static void
insert(struct aks_rows_readers *readers, const struct aks_rows_reader *reader)
{
    size_t i = readers->count++;

    for (; i > 0 && readers->list[i - 1].order < reader->order; i--)
        readers->list[i] = readers->list[i - 1];
    readers->list[i] = *reader;
}

static enum aks_status
try(struct search *search, enum aks_rows_reader_kind kind, const char *path, struct aks_error *err)
{
    struct aks_rows_readers *readers = search->readers;
    struct aks_rows_reader reader = { .kind = kind };
    bool told = false;
    enum aks_status status;

    if (known(readers, path) || readers->count == AKS_ROWS_READERS_MAX)
        return AKS_OK;
    reader.path = aks_mem_strdup(readers->alloc, path);
    if (reader.path == NULL)
        return aks_error_memory(err, "looking for a reader");
    status = ask_version(search, &reader, &told, err);
    if (told) {
        insert(readers, &reader);
    } else {
        aks_mem_free(readers->alloc, reader.path);
        aks_mem_free(readers->alloc, reader.module);
    }
    return status;
}

static bool
is_file(const struct aks_port *port, const char *path, bool runs)
{
    struct aks_file_info info;

    return path[0] == '/' && port->files.stat(port->files.ctx, path, true, &info, NULL) == AKS_OK &&
        info.type == AKS_FILE_REGULAR && (!runs || (info.mode & 0111) != 0);
}

/* Every ${name} in the ':'-separated ${folders}, up to ${max}. */
static enum aks_status
try_folders(struct search *search, enum aks_rows_reader_kind kind, const char *folders,
    const char *name, unsigned max, struct aks_error *err)
{
    enum aks_status status = AKS_OK;
    char path[AKS_PATH_BYTES];

    while (folders != NULL && folders[0] != '\0' && status == AKS_OK && max > 0) {
        size_t len = strcspn(folders, ":");

        if (snprintf(path, sizeof(path), "%.*s/%s", (int)len, folders, name) < AKS_PATH_BYTES &&
            is_file(search->port, path, kind != AKS_ROWS_LIBRARY)) {
            status = try(search, kind, path, err);
            max--;
        }
        folders += len + (folders[len] == ':');
    }
    return status;
}

/* A path that the person has set: what it is, its name tells. */
static enum aks_status
try_chosen(struct search *search, const char *path, struct aks_error *err)
{
    const char *name = strrchr(path, '/');
    enum aks_rows_reader_kind kind = AKS_ROWS_COMMAND;

    search->readers->chosen = true;
    if (name != NULL && strncmp(name, "/python", strlen("/python")) == 0)
        kind = AKS_ROWS_PYTHON;
    else if (name != NULL && strstr(name, ".so") != NULL)
        kind = AKS_ROWS_LIBRARY;
    if (is_file(search->port, path, kind != AKS_ROWS_LIBRARY))
        return try(search, kind, path, err);
    tell(search, path, "is no file that can be run, as " AKS_ROWS_READER_VARIABLE " says; it is "
        "to be an absolute path, or none");
    return AKS_OK;
}

enum aks_status
aks_rows_readers_find(const struct aks_port *port, bool (*stopped)(void *ctx), void *ctx,
    struct aks_rows_readers *ret_readers, struct aks_error *err)
{
    static const char libraries[] = "/usr/local/lib:/usr/lib/x86_64-linux-gnu:"
        "/usr/lib/aarch64-linux-gnu:/usr/lib64:/usr/lib";
    struct search search = { port, stopped, ctx, ret_readers };
    const struct aks_environment *env = &port->environment;
    const char *chosen = env->get(env->ctx, AKS_ROWS_READER_VARIABLE);
    const char *folders = env->get(env->ctx, "PATH");
    enum aks_status status;

    memset(ret_readers, 0, sizeof(*ret_readers));
    ret_readers->alloc = port->alloc;
    if (port->process.run == NULL)
        return AKS_OK;
    if (chosen != NULL && strcmp(chosen, "none") == 0) {
        ret_readers->off = true;
        return AKS_OK;
    }
    if (chosen != NULL && chosen[0] != '\0')
        return try_chosen(&search, chosen, err);
    status = try_folders(&search, AKS_ROWS_COMMAND, folders, "duckdb", 3, err);
    if (status == AKS_OK)
        status = try_folders(&search, AKS_ROWS_LIBRARY, env->get(env->ctx, "LD_LIBRARY_PATH"),
            "libduckdb.so", 1, err);
    if (status == AKS_OK)
        status = try_folders(&search, AKS_ROWS_LIBRARY, libraries, "libduckdb.so", 1, err);
    if (status == AKS_OK)
        status = try_folders(&search, AKS_ROWS_PYTHON, folders, "python3", 3, err);
    return status;
}

void
aks_rows_readers_fini(struct aks_rows_readers *readers)
{
    for (size_t i = 0; i < readers->count; i++) {
        aks_mem_free(readers->alloc, readers->list[i].path);
        aks_mem_free(readers->alloc, readers->list[i].module);
    }
    readers->count = 0;
}

void
aks_rows_readers_hint(const struct aks_rows_readers *readers, bool newer, struct aks_error *err)
{
    if (readers->off)
        aks_error_hint(err, "unset " AKS_ROWS_READER_VARIABLE " to have DuckDB looked for");
    else if (readers->chosen)
        aks_error_hint(err, AKS_ROWS_READER_VARIABLE " names the only reader that is asked: unset "
            "it, or let it name a newer or sound one");
    else
        aks_error_hint(err, "install %s: the duckdb command (duckdb.org), or python3 -m pip "
            "install -U duckdb; the files are synced all the same", newer ? "a newer DuckDB"
            : "DuckDB");
}
