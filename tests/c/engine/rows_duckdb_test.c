/* Rows of DuckDB, by readers out of a script: which is asked, which follows, what is told, and what
 * is believed of what one writes. Real readers have their turn in tests/real/test_rows.py. */
#include "engine/memories.h"
#include "engine/rows_internal.h"
#include "snapshot_fixture.h"
#include "support/failing_alloc.h"

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_readers, teardown)
#define CATALOG "{\"table\":\"t\",\"name\":\"id\",\"type\":\"VARCHAR\"}\n" \
    "{\"table\":\"t\",\"name\":\"v\",\"type\":\"FLOAT[3]\"}\n" \
    "{\"table\":\"t\",\"name\":\"at\",\"type\":\"TIMESTAMP\"}\n"
#define END(n) "{\"akosha-sync rows\":" n "}\n"
#define TWO_ROWS "{\"id\":\"a\",\"v\":[1.0,2.0]}\n{\"id\":\"b\",\"v\":null}\n"
#define OLD "IO Error: Trying to read a database file with version number 69, but we can only " \
    "read versions between 64 and 68."
#define READERS_MAX 3

/* What one that is called by ${path} does when it is asked for its version, the catalog, rows. */
struct scripted {
    const char *path;
    const char *unfit;                  /* what it can make no number of, wherever it stands */
    struct {
        enum aks_status status;         /* of running it at all */
        int code;
        const char *output;
        const char *errors;
    } answers[3];
};

static struct scripted readers[READERS_MAX];
static size_t reader_count;
static char path_variable[3 * 4096];
static const char *chosen;              /* AKOSHA_DUCKDB */
static char asked[512];                 /* "old version, old catalog, " ... */
static char last_sql[8192];
static struct aks_process_spec last_spec;
static char got[512];                   /* lines that were given */
static bool stop;

static const char *
variable(void *ctx, const char *name)
{
    if (strcmp(name, "PATH") == 0)
        return path_variable;
    return strcmp(name, AKS_ROWS_READER_VARIABLE) == 0 ? chosen : NULL;
}

static enum aks_status
give(const struct aks_process_spec *spec, const char *output, struct aks_buf *ret_output,
    struct aks_error *error)
{
    enum aks_status status = AKS_OK;

    if (spec->output == NULL) {
        aks_buf_puts(ret_output, output);
        return ret_output->failed == AKS_OK ? AKS_OK : aks_error_memory(error, "reading");
    }
    /* In pieces of five bytes. */
    for (size_t len; status == AKS_OK && output[0] != '\0'; output += len) {
        len = strlen(output) < 5 ? strlen(output) : 5;
        status = spec->output(spec->output_ctx, output, len, error);
    }
    return status;
}

static enum aks_status
run(void *ctx, const struct aks_process_spec *spec, struct aks_buf *ret_output, int *ret_exit,
    struct aks_error *error)
{
    static const char *const names[] = { "version", "catalog", "rows" };
    const char *last = NULL;
    enum aks_status status;
    size_t what;
    size_t i = 0;

    for (size_t n = 0; spec->argv[n] != NULL; n++)
        last = spec->argv[n];
    while (i < reader_count && strcmp(readers[i].path, spec->argv[0]) != 0)
        i++;
    assert_true(i < reader_count);
    what = strstr(last, "COPY") == NULL ? 0 : strstr(last, "duckdb_columns") != NULL ? 1 : 2;
    (void)snprintf(asked + strlen(asked), sizeof(asked) - strlen(asked), "%zu %s, ", i,
        names[what]);
    (void)snprintf(last_sql, sizeof(last_sql), "%s", last);
    last_spec = *spec;
    if (readers[i].unfit != NULL && strstr(last, readers[i].unfit) != NULL) {
        aks_buf_puts(spec->errors, "Conversion Error: Could not convert string 'old' to INT32\n");
        *ret_exit = 1;
        return AKS_OK;
    }
    if (readers[i].answers[what].errors != NULL && spec->errors != NULL)
        aks_buf_puts(spec->errors, readers[i].answers[what].errors);
    if (readers[i].answers[what].output != NULL) {
        status = give(spec, readers[i].answers[what].output, ret_output, error);
        if (status != AKS_OK)
            return status;
    }
    *ret_exit = readers[i].answers[what].code;
    return readers[i].answers[what].status == AKS_OK ? AKS_OK
        : aks_error_set(error, readers[i].answers[what].status, "it does not run");
}

/* A sound one. */
static struct scripted *
add(const char *name, const char *version)
{
    struct scripted *reader = &readers[reader_count++];
    const char *path = temp_folder_join(folder, name);

    assert_int_equal(mkdir(path, 0700), 0);
    (void)snprintf(path_variable + strlen(path_variable),
        sizeof(path_variable) - strlen(path_variable), "%s%s", path_variable[0] == '\0' ? "" : ":",
        path);
    path = temp_folder_join(folder, "duckdb");
    path = temp_folder_write(folder, strcmp(name, "one") == 0 ? "one/duckdb"
        : strcmp(name, "two") == 0 ? "two/duckdb" : "three/duckdb", "", 0);
    assert_int_equal(chmod(path, 0700), 0);
    memset(reader, 0, sizeof(*reader));
    reader->path = path;
    reader->answers[0].output = version;
    reader->answers[1].output = CATALOG END("3");
    reader->answers[2].output = TWO_ROWS END("2");
    return reader;
}

static int
set_up_readers(void **state)
{
    int rc = setup(state);

    port.process.run = run;
    port.environment.get = variable;
    reader_count = 0;
    path_variable[0] = '\0';
    asked[0] = '\0';
    chosen = NULL;
    stop = false;
    return rc;
}

static bool
stopped(void *ctx)
{
    return stop;
}

static enum aks_status
keep(void *ctx, const char *line, size_t len, const struct aks_rows_value *values,
    struct aks_error *error)
{
    (void)snprintf(got + strlen(got), sizeof(got) - strlen(got), "%.*s;", (int)len, line);
    return AKS_OK;
}

static enum aks_status
open_rows(struct aks_rows **ret_rows)
{
    struct aks_rows_options rows_options = { .port = &port, .kind = AKS_SOURCE_DUCKDB,
        .main = temp_folder_write(folder, "main", "duck", 4),
        .scratch = temp_folder_join(folder, "scratch"), .stopped = stopped };

    memset(&err, 0, sizeof(err));
    return aks_rows_open(&rows_options, ret_rows, &err);
}

static const char *const columns[] = { "id", "v" };
static const struct aks_rows_query query = { .table = "t", .columns = columns, .column_count = 2,
    .at = "at", .id = "id" };

static enum aks_status
read_rows(struct aks_rows *rows, int64_t *ret_rows)
{
    got[0] = '\0';
    return aks_rows_read(rows, &query, keep, NULL, ret_rows, &err);
}

/* Opens, reads, closes; nothing may be left in scratch. */
static enum aks_status
whole(int64_t *ret_rows)
{
    struct aks_rows *rows = NULL;
    enum aks_status status = open_rows(&rows);

    *ret_rows = 0;
    if (status == AKS_OK)
        status = read_rows(rows, ret_rows);
    aks_rows_close(rows);
    if (there(temp_folder_join(folder, "scratch")))
        assert_int_equal(rmdir(temp_folder_join(folder, "scratch")), 0);
    return status;
}

static void
the_newest_is_asked_with_little_memory_and_a_home_of_its_own(void **state)
{
    struct aks_rows *rows = NULL;
    int64_t count = 0;

    (void)add("one", "v1.5.6 (Variegata) 069cc9f9b5\n");
    (void)add("two", "2.0.0\n");
    (void)add("three", "v1.10.0\n");
    assert_int_equal(open_rows(&rows), AKS_OK);
    assert_int_equal(read_rows(rows, &count), AKS_OK);
    assert_int_equal(count, 2);
    assert_string_equal(asked, "0 version, 1 version, 2 version, 1 catalog, 1 rows, ");
    assert_string_equal(got, "{\"id\":\"a\",\"v\":[1.0,2.0]};{\"id\":\"b\",\"v\":null};");
    assert_true(strstr(aks_rows_reader(rows), "DuckDB 2.0.0 (command /") != NULL);
    assert_true(last_spec.memory_max > 0 && last_spec.cpu_s_max > 0 && last_spec.timeout_ms > 0);
    assert_true(strstr(last_sql, "SET enable_progress_bar=false; ") != NULL);
    assert_true(strstr(last_sql, "SET memory_limit='256MB'") != NULL);
    assert_true(strstr(last_sql, "COPY (SELECT \"id\" AS \"id\", \"v\" AS \"v\" FROM main.\"t\" "
        "WHERE \"id\" IS NOT NULL ORDER BY main.\"t\".\"at\" ASC NULLS FIRST, main.\"t\".\"id\") "
        "TO '/dev/stdout' (FORMAT JSON); ") != NULL);
    aks_rows_close(rows);
}

static void
where_there_is_none_it_is_told_what_to_install(void **state)
{
    int64_t count;

    assert_int_equal(whole(&count), AKS_NOT_FOUND);
    assert_true(strstr(err.message, "there is no DuckDB on this machine") != NULL);
    assert_true(strstr(err.hint, "pip install -U duckdb") != NULL);
    (void)add("one", "v1.5.6\n");
    chosen = "none";
    assert_int_equal(whole(&count), AKS_NOT_FOUND);
    assert_true(strstr(err.message, "AKOSHA_DUCKDB is none") != NULL);
    chosen = "duckdb";
    assert_int_equal(whole(&count), AKS_NOT_FOUND);
    assert_true(strstr(err.message, "it is to be an absolute path, or none") != NULL);
    chosen = readers[0].path;
    assert_int_equal(whole(&count), AKS_OK);
    assert_string_equal(asked, "0 version, 0 catalog, 0 rows, ");
}

static void
one_that_is_too_old_is_told_and_followed(void **state)
{
    struct scripted *old = add("one", "v1.5.6\n");
    int64_t count;

    old->answers[1].code = 1;
    old->answers[1].output = NULL;
    old->answers[1].errors = OLD;
    assert_int_equal(whole(&count), AKS_NOT_FOUND);
    assert_true(strstr(err.message, "DuckDB 1.5.6") != NULL);
    assert_true(strstr(err.message, "can only read versions between 64 and 68") != NULL);
    assert_true(strstr(err.hint, "a newer DuckDB") != NULL);
    /* Of two that call themselves as new, the second can. */
    (void)add("two", "v1.5.6\n");
    assert_int_equal(whole(&count), AKS_OK);
    assert_int_equal(count, 2);
}

/* The first one goes wrong in some way, before it has given a row. */
static void
one_that_fails_is_followed(void **state)
{
    static const struct {
        size_t what;
        enum aks_status status;
        int code;
        const char *output;
        const char *told;
    } ways[] = {
        { 0, AKS_TIMEOUT, 0, NULL, "it does not run" },
        { 0, AKS_OK, 0, "DuckDB, of course\n", "does not say its version" },
        { 0, AKS_OK, 1, "v9.9.9\n", "does not say its version" },
        { 1, AKS_TIMEOUT, 0, NULL, "it did not end within" },
        { 1, AKS_OK, 139, NULL, "it was ended by signal 11" },
        { 1, AKS_OK, 1, NULL, "it failed and does not say why" },
        { 1, AKS_OK, 0, NULL, "it ended without its last row" },
        { 1, AKS_OK, 0, CATALOG, "it ended without its last row" },
        { 1, AKS_OK, 0, CATALOG END("4"), "it wrote another number of rows than it says" },
        { 1, AKS_OK, 0, CATALOG END("x"), "it wrote something else than rows" },
        { 1, AKS_OK, 0, CATALOG END("3") CATALOG, "it wrote more" },
        { 1, AKS_OK, 0, CATALOG END("3") "x", "it ended without its last row" },
        { 1, AKS_OK, 0, "Hello!\n", "it wrote something else than rows" },
        { 2, AKS_OK, 1, NULL, NULL },
        { 2, AKS_TIMEOUT, 0, NULL, NULL },
        { 2, AKS_OK, 0, "{\"id\":\"a\"}\n", NULL },
        { 2, AKS_OK, 0, "[]\n", NULL },
    };
    struct scripted *first = add("one", "v2.0.0\n");
    const struct scripted sound = *first;
    struct scripted *second;
    int64_t count;

    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        size_t what = ways[i].what;

        reader_count = 1;
        *first = sound;
        first->answers[what].status = ways[i].status;
        first->answers[what].code = ways[i].code;
        first->answers[what].output = ways[i].output;
        chosen = first->path;
        assert_int_equal(whole(&count), AKS_NOT_FOUND);
        if (ways[i].told != NULL && strstr(err.message, ways[i].told) == NULL)
            fail_msg("%zu: %s", i, err.message);
        chosen = NULL;
        second = &readers[1];
        if (i == 0)
            second = add("two", "v1.5.6\n");
        reader_count = 2;
        if (whole(&count) != AKS_OK)
            fail_msg("%zu: %s", i, err.message);
        assert_int_equal(count, 2);
        assert_string_equal(got, "{\"id\":\"a\",\"v\":[1.0,2.0]};{\"id\":\"b\",\"v\":null};");
    }
    assert_non_null(second);
}

/* Nobody is given a row twice. */
static void
one_that_breaks_off_among_rows_is_not_followed(void **state)
{
    struct scripted *first = add("one", "v2.0.0\n");
    int64_t count;

    (void)add("two", "v1.5.6\n");
    first->answers[2].output = TWO_ROWS;
    first->answers[2].code = 137;
    assert_int_equal(whole(&count), AKS_BAD_REPLY);
    assert_int_equal(count, 2);
    assert_true(strstr(err.message, "broke off after 2 rows") != NULL);
    assert_true(strstr(err.message, "ended by signal 9") != NULL);
    first->answers[2].output = TWO_ROWS END("3");
    first->answers[2].code = 0;
    assert_int_equal(whole(&count), AKS_BAD_REPLY);
    assert_true(strstr(err.message, "another number of rows") != NULL);
}

static void
what_is_damaged_is_told_by_one_that_could_read_it(void **state)
{
    struct scripted *first = add("one", "v2.0.0\n");
    int64_t count;

    first->answers[1].code = 1;
    first->answers[1].output = NULL;
    first->answers[1].errors = "IO Error: Corrupt database file: computed checksum 1 does not "
        "match stored checksum 2 in block\n";
    assert_int_equal(whole(&count), AKS_CORRUPT);
    assert_true(strstr(err.message, "computed checksum 1") != NULL);
    first->answers[1].errors = "Out of Memory Error: failed to pin block, checksum\n";
    assert_int_equal(whole(&count), AKS_NOT_FOUND);
}

static void
numbers_that_are_none_are_null(void **state)
{
    struct scripted *first = add("one", "v2.0.0\n");
    int64_t count;

    first->answers[2].output = "{\"id\":\"NaN Infinity\",\"v\":[NaN,-Infinity,Infinity,1]}\n"
        END("1");
    assert_int_equal(whole(&count), AKS_OK);
    assert_string_equal(got, "{\"id\":\"NaN Infinity\",\"v\":[null,null,null,1]};");
}

static void
who_does_not_want_it_any_more_gets_nothing(void **state)
{
    struct scripted *first = add("one", "v2.0.0\n");
    int64_t count;

    (void)add("two", "v1.5.6\n");
    first->answers[1].status = AKS_CANCELLED;
    first->answers[1].output = NULL;
    assert_int_equal(whole(&count), AKS_CANCELLED);
    assert_null(strstr(asked, "1 catalog"));
}

static void
rows_are_counted_by_the_reader(void **state)
{
    struct scripted *reader = add("one", "v1.5.6\n");
    struct aks_rows *rows = NULL;
    int64_t count = -1;

    reader->answers[2].output = "{\"n\":1234567}\n" END("1");
    assert_int_equal(open_rows(&rows), AKS_OK);
    assert_int_equal(aks_rows_count(rows, &query, &count, &err), AKS_OK);
    assert_int_equal(count, 1234567);
    assert_non_null(strstr(last_sql, "count(*)"));
    /* One that breaks off is not believed. */
    reader->answers[2].output = "{\"n\":1}\n";
    assert_int_equal(aks_rows_count(rows, &query, &count, &err), AKS_BAD_REPLY);
    assert_non_null(strstr(err.message, "reading broke off after 1 rows"));
    aks_rows_close(rows);
}

#define OF(name, type) "{\"table\":\"conversations_v2\",\"name\":\"" name \
    "\",\"type\":\"" type "\"}\n"
#define MEMORY(id) "{\"id\":" id ",\"content\":\"words\"}\n"

/* A column has got another type: a cursor of before is no value of it, and stops nobody. */
static void
cursor_that_no_longer_fits_begins_at_the_beginning(void **state)
{
    static char table[] = "conversations_v2";
    static char old[] = "old";
    struct aks_memories_mark mark = { .table = table, .cursor = { NULL, old }, .all_at_ms = 1 };
    struct aks_memories_options how = { .port = &port, .snapshot = &snapshot,
        .scratch = temp_folder_join(folder, "scratch"), .source_name = "a.duckdb",
        .system_id = "laptop-7", .after = &mark, .after_count = 1, .rows_max = 10 };
    struct scripted *reader = add("one", "v1.5.6\n");
    struct aks_memories_file *file = NULL;
    struct aks_memories_result result;
    char *path = strdup(temp_folder_write(folder, "main", "duck", 4));

    reader->unfit = "'old'";
    reader->answers[1].output = OF("id", "INTEGER") OF("content", "VARCHAR") END("2");
    reader->answers[2].output = MEMORY("1") MEMORY("2") END("2");
    snapshot.kind = AKS_SOURCE_DUCKDB;
    snapshot.files[AKS_SNAPSHOT_MAIN].there = true;
    snapshot.files[AKS_SNAPSHOT_MAIN].path = path;
    assert_int_equal(aks_memories_file_new(&port, temp_folder_join(folder, "out"),
        AKS_MEMORIES_PUSH, &file, &err), AKS_OK);
    if (aks_memories_export(&how, file, &result, &err) != AKS_OK)
        fail_msg("%s", err.message);
    assert_int_equal(result.rows, 2);
    assert_null(result.tables[0].after.id);
    assert_string_equal(result.tables[0].to.id, "2");
    aks_memories_result_fini(&result);
    /* Another failure is one. */
    reader->unfit = "COPY";
    mark.cursor.id = NULL;
    assert_int_equal(aks_memories_export(&how, file, &result, &err), AKS_NOT_FOUND);
    aks_memories_file_free(file);
    memset(&snapshot, 0, sizeof(snapshot));
    free(path);
}

static int
read_with(void *ctx, const struct aks_alloc *alloc)
{
    int64_t count;
    enum aks_status status;

    port.alloc = alloc;
    status = whole(&count);
    port.alloc = aks_alloc_system();
    assert_true(status == AKS_OK || status == AKS_LIMIT);
    return 0;
}

static void
without_memory_nothing_is_left(void **state)
{
    (void)add("one", "v2.0.0\n");
    failing_alloc_loop(read_with, NULL, 300);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_newest_is_asked_with_little_memory_and_a_home_of_its_own),
        TEST(where_there_is_none_it_is_told_what_to_install),
        TEST(one_that_is_too_old_is_told_and_followed),
        TEST(one_that_fails_is_followed),
        TEST(one_that_breaks_off_among_rows_is_not_followed),
        TEST(what_is_damaged_is_told_by_one_that_could_read_it),
        TEST(numbers_that_are_none_are_null),
        TEST(who_does_not_want_it_any_more_gets_nothing),
        TEST(rows_are_counted_by_the_reader),
        TEST(cursor_that_no_longer_fits_begins_at_the_beginning),
        TEST(without_memory_nothing_is_left),
    };

    return cmocka_run_group_tests_name("rows_duckdb", tests, NULL, NULL);
}
