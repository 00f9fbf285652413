#include "engine/source.h"

#include "os/os.h"
#include "support/failing_alloc.h"
#include "support/temp_folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define SOURCES 4

struct world {
    struct temp_folder *folder;
    struct aks_os *os;
    struct aks_port port;
    const char *home;
};

static const char *
env_home(void *ctx)
{
    const struct world *world = ctx;

    return world->home;
}

static int
set_up(void **state)
{
    struct world *world = calloc(1, sizeof(*world));

    assert_non_null(world);
    world->folder = temp_folder_new();
    world->home = "/home/me";
    assert_int_equal(aks_os_open(aks_alloc_system(), &world->os, NULL), AKS_OK);
    world->port = *aks_os_port(world->os);
    world->port.environment.home = env_home;
    world->port.environment.ctx = world;
    *state = world;
    return 0;
}

static int
tear_down(void **state)
{
    struct world *world = *state;

    aks_os_close(world->os);
    temp_folder_free(world->folder);
    free(world);
    return 0;
}

static void
paths_are_made_absolute(void **state)
{
    static const char *const cases[][2] = { { "/a/b", "/a/b" }, { "~/b", "/home/me/b" },
        { "b", "/in/b" }, { "~b", "/in/~b" }, { "../b", "/in/../b" } };
    struct world *world = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *path = NULL;

        assert_int_equal(aks_source_absolute(&world->port, cases[i][0], "/in", &path, NULL),
            AKS_OK);
        assert_string_equal(path, cases[i][1]);
        aks_mem_free(world->port.alloc, path);
    }
}

static void
paths_that_cannot_be_made_absolute_are_told(void **state)
{
    struct world *world = *state;
    struct aks_error err;
    char *path = NULL;
    char *written = calloc(1, AKS_PATH_BYTES + 1);

    assert_int_equal(aks_source_absolute(&world->port, "", "/in", &path, &err), AKS_SETTINGS);
    assert_int_equal(aks_source_absolute(&world->port, "b", "", &path, &err), AKS_SETTINGS);
    assert_non_null(strstr(err.message, "where b lies"));
    assert_true(err.hint[0] != '\0');
    memset(written, 'x', AKS_PATH_BYTES);
    written[0] = '/';
    assert_int_equal(aks_source_absolute(&world->port, written, "/in", &path, &err),
        AKS_SETTINGS);
    world->home = "";
    assert_int_equal(aks_source_absolute(&world->port, "~/b", "/in", &path, &err), AKS_SETTINGS);
    assert_non_null(strstr(err.message, "~/b"));
    assert_null(path);
    free(written);
}

static enum aks_status
inspect(struct world *world, const char *name, struct aks_source *ret)
{
    return aks_source_inspect(&world->port, temp_folder_join(world->folder, name), ret, NULL);
}

static void
kinds_are_known_by_their_first_bytes(void **state)
{
    static const struct {
        const char *head;
        size_t len;
        enum aks_source_kind kind;
    } cases[] = {
        { "SQLite format 3\0more", 20, AKS_SOURCE_SQLITE }, { "12345678DUCKmore", 16,
        AKS_SOURCE_DUCKDB }, { "12345678DUCK", 12, AKS_SOURCE_DUCKDB },
        { "SQLite format 3", 15, AKS_SOURCE_FILE }, { "12345678DUC", 11, AKS_SOURCE_FILE },
        { "", 0, AKS_SOURCE_FILE },
    };
    struct world *world = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct aks_source source;

        temp_folder_write(world->folder, "m.db", cases[i].head, cases[i].len);
        assert_int_equal(inspect(world, "m.db", &source), AKS_OK);
        assert_int_equal(source.kind, cases[i].kind);
        assert_int_equal(source.info.bytes, cases[i].len);
        assert_string_equal(source.name, "m.db");
        aks_source_fini(world->port.alloc, &source);
    }
}

static void
assert_unreadable(struct world *world, const char *name, enum aks_status status)
{
    struct aks_source source;

    assert_int_equal(inspect(world, name, &source), status);
    assert_string_equal(source.name, name);
    assert_non_null(strstr(source.path, name));
    aks_source_fini(world->port.alloc, &source);
}

static void
what_is_no_file_is_unreadable(void **state)
{
    struct world *world = *state;

    assert_unreadable(world, "none", AKS_SOURCE_MISSING);
    assert_int_equal(mkdir(temp_folder_join(world->folder, "folder"), 0700), 0);
    assert_unreadable(world, "folder", AKS_SOURCE_UNREADABLE);
    assert_int_equal(mkfifo(temp_folder_join(world->folder, "pipe"), 0600), 0);
    assert_unreadable(world, "pipe", AKS_SOURCE_UNREADABLE);
    assert_int_equal(symlink("loop", temp_folder_join(world->folder, "loop")), 0);
    assert_unreadable(world, "loop", AKS_SOURCE_UNREADABLE);
    assert_int_equal(symlink("none", temp_folder_join(world->folder, "dangling")), 0);
    assert_unreadable(world, "dangling", AKS_SOURCE_MISSING);
}

static void
names_are_made_harmless(void **state)
{
    static const char *const cases[][2] = { { "a b", "a-b" }, { "a..b", "a.-b" }, { "a.", "a-" },
        { "...", ".--" }, { "\xc3\xa9.db", "--.db" }, { "q?;x", "q--x" } };
    struct world *world = *state;
    char name[256];

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct aks_source source;

        temp_folder_write(world->folder, cases[i][0], "x", 1);
        assert_int_equal(inspect(world, cases[i][0], &source), AKS_OK);
        assert_string_equal(source.name, cases[i][1]);
        aks_source_fini(world->port.alloc, &source);
    }
    memset(name, 'n', sizeof(name));
    memcpy(name + 250, ".db", 4);
    for (size_t i = 0; i < 1; i++) {
        struct aks_source source;

        temp_folder_write(world->folder, name, "x", 1);
        assert_int_equal(inspect(world, name, &source), AKS_OK);
        assert_int_equal(strlen(source.name), AKS_SOURCE_NAME_BYTES);
        assert_string_equal(source.name + AKS_SOURCE_NAME_BYTES - 4, "n.db");
        aks_source_fini(world->port.alloc, &source);
    }
}

static void
names_that_would_share_a_key_are_told_apart(void **state)
{
    static const char *const paths[SOURCES] = { "/a/x.db", "/b/x.db.zst", "/c/manifest.json",
        "/d/alone.db" };
    struct aks_source sources[SOURCES] = { 0 };
    struct aks_source *pointers[SOURCES];
    const struct aks_alloc *alloc = aks_alloc_system();

    for (size_t i = 0; i < SOURCES; i++) {
        sources[i].path = aks_mem_strdup(alloc, paths[i]);
        sources[i].name = aks_mem_strdup(alloc, strrchr(paths[i], '/') + 1);
        pointers[i] = &sources[i];
    }
    assert_int_equal(aks_source_make_names_unique(alloc, pointers, SOURCES, NULL), AKS_OK);
    assert_int_equal(strlen(sources[0].name), strlen("x-01234567.db"));
    assert_int_equal(strlen(sources[1].name), strlen("x.db-01234567.zst"));
    assert_int_equal(strlen(sources[2].name), strlen("manifest-01234567.json"));
    assert_string_equal(sources[3].name, "alone.db");
    for (size_t i = 0; i < SOURCES; i++)
        aks_source_fini(alloc, &sources[i]);
}

static void
a_name_that_the_policy_gives_stays_where_others_can_make_way(void **state)
{
    static const char *const paths[SOURCES] = { "/a/x.db", "/b/x.db.zst", "/c/y", "/d/y.gz" };
    struct aks_source sources[SOURCES] = { 0 };
    struct aks_source *pointers[SOURCES];
    const struct aks_alloc *alloc = aks_alloc_system();

    for (size_t i = 0; i < SOURCES; i++) {
        sources[i].path = aks_mem_strdup(alloc, paths[i]);
        sources[i].name = aks_mem_strdup(alloc, strrchr(paths[i], '/') + 1);
        sources[i].name_given = i != 0;
        pointers[i] = &sources[i];
    }
    assert_int_equal(aks_source_make_names_unique(alloc, pointers, SOURCES, NULL), AKS_OK);
    assert_int_equal(strlen(sources[0].name), strlen("x-01234567.db"));
    assert_string_equal(sources[1].name, "x.db.zst");
    assert_int_equal(strlen(sources[2].name), strlen("y-01234567"));
    assert_int_equal(strlen(sources[3].name), strlen("y-01234567.gz"));
    for (size_t i = 0; i < SOURCES; i++)
        aks_source_fini(alloc, &sources[i]);
}

/* What the log of a database is called there is taken, whoever has that name of his own. */
static void
what_is_called_as_a_log_makes_way_for_its_database(void **state)
{
    static const struct {
        const char *path;
        enum aks_source_kind kind;
        bool given;
        const char *name;               /* NULL: with a digest in it */
    } cases[] = {
        { "/a/x.duckdb", AKS_SOURCE_DUCKDB, false, "x.duckdb" },
        { "/a/x.duckdb.wal", AKS_SOURCE_FILE, false, NULL },
        { "/b/x.duckdb.wal.zst", AKS_SOURCE_FILE, false, NULL },
        { "/a/x.duckdb-wal", AKS_SOURCE_FILE, false, "x.duckdb-wal" },
        { "/a/y.db", AKS_SOURCE_SQLITE, false, "y.db" },
        { "/a/y.db-wal", AKS_SOURCE_FILE, false, NULL },
        { "/a/y.db.wal", AKS_SOURCE_FILE, false, "y.db.wal" },
        { "/a/z.duckdb", AKS_SOURCE_DUCKDB, false, NULL },
        { "/b/z.duckdb.wal", AKS_SOURCE_FILE, true, "z.duckdb.wal" },
        { "/a/plain", AKS_SOURCE_FILE, false, "plain" },
        { "/a/plain.wal", AKS_SOURCE_FILE, false, "plain.wal" },
    };
    enum { COUNT = sizeof(cases) / sizeof(cases[0]) };
    struct aks_source sources[COUNT] = { 0 };
    struct aks_source *pointers[COUNT];
    const struct aks_alloc *alloc = aks_alloc_system();

    for (size_t i = 0; i < COUNT; i++) {
        sources[i].path = aks_mem_strdup(alloc, cases[i].path);
        sources[i].name = aks_mem_strdup(alloc, strrchr(cases[i].path, '/') + 1);
        sources[i].kind = cases[i].kind;
        sources[i].name_given = cases[i].given;
        pointers[i] = &sources[i];
    }
    assert_int_equal(aks_source_make_names_unique(alloc, pointers, COUNT, NULL), AKS_OK);
    for (size_t i = 0; i < COUNT; i++) {
        const char *own = strrchr(cases[i].path, '/') + 1;

        if (cases[i].name != NULL)
            assert_string_equal(sources[i].name, cases[i].name);
        else
            assert_int_equal(strlen(sources[i].name), strlen(own) + strlen("-01234567"));
        aks_source_fini(alloc, &sources[i]);
    }
}

static int
use_source(void *ctx, const struct aks_alloc *alloc)
{
    struct world *world = ctx;
    struct aks_port port = world->port;
    struct aks_source source = { 0 };
    struct aks_source *pointers[] = { &source, &source };
    char *path = NULL;
    enum aks_status status;

    port.alloc = alloc;
    status = aks_source_absolute(&port, "a.txt", temp_folder_path(world->folder), &path, NULL);
    if (status == AKS_OK)
        status = aks_source_inspect(&port, path, &source, NULL);
    if (status == AKS_OK)
        status = aks_source_make_names_unique(alloc, pointers, 2, NULL);
    assert_true(status == AKS_OK || status == AKS_LIMIT || status == AKS_SOURCE_UNREADABLE);
    aks_source_fini(alloc, &source);
    aks_mem_free(alloc, path);
    return 0;
}

static void
source_survives_any_allocation_that_fails(void **state)
{
    struct world *world = *state;

    temp_folder_write(world->folder, "a.txt", "x", 1);
    failing_alloc_loop(use_source, world, 50);
}

int
main(void)
{
#define SOURCE_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        SOURCE_TEST(paths_are_made_absolute),
        SOURCE_TEST(paths_that_cannot_be_made_absolute_are_told),
        SOURCE_TEST(kinds_are_known_by_their_first_bytes),
        SOURCE_TEST(what_is_no_file_is_unreadable),
        SOURCE_TEST(names_are_made_harmless),
        SOURCE_TEST(names_that_would_share_a_key_are_told_apart),
        SOURCE_TEST(a_name_that_the_policy_gives_stays_where_others_can_make_way),
        SOURCE_TEST(what_is_called_as_a_log_makes_way_for_its_database),
        SOURCE_TEST(source_survives_any_allocation_that_fails),
    };

    return cmocka_run_group_tests_name("source", tests, NULL, NULL);
}
