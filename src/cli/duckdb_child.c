/* DuckDB's library, in a process of its own: what it does wrong, and what it takes, ends with it.
 * The engine starts this with little memory and little time (engine/rows_reader_run.c); people do
 * not.
 *
 *     akosha-sync-duckdb LIBRARY                   its version
 *     akosha-sync-duckdb LIBRARY DATABASE SQL      runs SQL, reading only; what that writes to
 *                                                  /dev/stdout is all that comes out
 *
 * The functions are those of duckdb.h (duckdb.org/docs/stable/clients/c/api), present alike from
 * 1.3 on; none that is marked for removal. */
#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* duckdb_result: three numbers and three pointers, filled by the library. */
struct result {
    uint64_t numbers[3];
    void *pointers[3];
};

struct library {
    const char *(*library_version)(void);
    int (*create_config)(void **ret_config);
    int (*set_config)(void *config, const char *name, const char *value);
    int (*open_ext)(const char *path, void **ret_database, void *config, char **ret_error);
    int (*connect)(void *database, void **ret_connection);
    int (*query)(void *connection, const char *sql, struct result *ret_result);
    const char *(*result_error)(struct result *result);
};

static int
fail(const char *what, const char *why)
{
    (void)fprintf(stderr, "Error: %s: %s\n", what, why == NULL ? "no reason was told" : why);
    return 1;
}

/* POSIX wants a function's address to fit where an object's does, and C has no word for it. */
static bool
find(void *handle, const char *name, void *ret_function)
{
    void *found = dlsym(handle, name);

    memcpy(ret_function, &found, sizeof(found));
    return found != NULL;
}

static bool
load(const char *path, struct library *ret)
{
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);

    return handle != NULL && find(handle, "duckdb_library_version", &ret->library_version) &&
        find(handle, "duckdb_create_config", &ret->create_config) &&
        find(handle, "duckdb_set_config", &ret->set_config) &&
        find(handle, "duckdb_open_ext", &ret->open_ext) &&
        find(handle, "duckdb_connect", &ret->connect) &&
        find(handle, "duckdb_query", &ret->query) &&
        find(handle, "duckdb_result_error", &ret->result_error);
}

static int
run(const struct library *library, const char *path, const char *sql)
{
    struct result result = { { 0 }, { NULL } };
    void *config = NULL;
    void *database = NULL;
    void *connection = NULL;
    char *error = NULL;

    if (library->create_config(&config) != 0 ||
        library->set_config(config, "access_mode", "READ_ONLY") != 0)
        return fail("cannot open it for reading alone", NULL);
    if (library->open_ext(path, &database, config, &error) != 0)
        return fail("cannot open it", error);
    if (library->connect(database, &connection) != 0)
        return fail("cannot connect", NULL);
    if (library->query(connection, sql, &result) != 0)
        return fail("cannot read it", library->result_error(&result));
    return 0;
}

/* Nothing is given back: the process ends, and the database is only read. */
int
main(int argc, char **argv)
{
    struct library library;

    if (argc != 2 && argc != 4)
        return fail("usage", "akosha-sync-duckdb LIBRARY [DATABASE SQL]");
    if (!load(argv[1], &library))
        return fail("cannot load the library", dlerror());
    if (argc == 2)
        return puts(library.library_version()) < 0;
    return run(&library, argv[2], argv[3]);
}
