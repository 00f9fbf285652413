/* Rows as memories: in both forms, with one id, and nothing in them that Akosha would refuse. */
#include "engine/memories.h"
#include "engine/memories_internal.h"
#include "os/os.h"
#include "support/failing_alloc.h"
#include "support/temp_folder.h"

#include <jansson.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define NOW INT64_C(1795000000000)      /* 2026-11-18 */
#define UUID "0f8fad5b-d9cb-469f-a165-70867728950e"

static struct aks_os *os;
static struct aks_port port;
static struct temp_folder *folder;
static struct aks_error err;
static struct aks_memories_result result;
static char text[1024 * 1024];

static int
setup(void **state)
{
    folder = temp_folder_new();
    if (aks_os_open(aks_alloc_system(), &os, &err) != AKS_OK)
        return -1;
    port = *aks_os_port(os);
    return 0;
}

static int
teardown(void **state)
{
    aks_os_close(os);
    temp_folder_free(folder);
    return 0;
}

static char *
borrowed(const char *words)
{
    return (char *)(uintptr_t)words;
}

/* --- a database ------------------------------------------------------------------------------- */

#define CONVERSATIONS "CREATE TABLE conversations_v2 (id TEXT, content TEXT, embedding BLOB," \
    " category TEXT, importance_score REAL, project TEXT, timestamp TEXT, reasoning TEXT," \
    " session_id TEXT, access_count INTEGER);"
#define VECTOR "zeroblob(1536)"

static void
run(const char *sql)
{
    sqlite3 *db = NULL;
    char *why = NULL;

    assert_int_equal(sqlite3_open(temp_folder_join(folder, "memory.db"), &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK)
        fail_msg("%s", why);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static struct aks_snapshot snapshot;
static char path[512];
static char scratch[512];

static struct aks_memories_options
options_for(const struct aks_memories_settings *settings)
{
    struct aks_memories_options options = { 0 };

    memset(&snapshot, 0, sizeof(snapshot));
    (void)snprintf(path, sizeof(path), "%s", temp_folder_join(folder, "memory.db"));
    (void)snprintf(scratch, sizeof(scratch), "%s", temp_folder_path(folder));
    snapshot.kind = AKS_SOURCE_SQLITE;
    snapshot.source = path;
    snapshot.files[AKS_SNAPSHOT_MAIN].there = true;
    snapshot.files[AKS_SNAPSHOT_MAIN].path = path;
    options.port = &port;
    options.scratch = scratch;
    options.snapshot = &snapshot;
    options.source_name = "memory.db";
    options.system_id = "laptop-7";
    options.settings = settings;
    options.wall_ms = NOW;
    options.rows_max = AKS_MEMORIES_ROWS_MAX;
    return options;
}

static void
read_text(const char *name)
{
    FILE *file = fopen(temp_folder_join(folder, name), "r");
    size_t len;

    assert_non_null(file);
    len = fread(text, 1, sizeof(text) - 1, file);
    text[len] = '\0';
    (void)fclose(file);
    assert_int_equal(unlink(temp_folder_join(folder, name)), 0);
}

static enum aks_status
try_export(const struct aks_memories_options *options, enum aks_memories_form form)
{
    struct aks_memories_file *file;
    int64_t bytes = -1;
    enum aks_status status = aks_memories_file_new(options->port,
        temp_folder_join(folder, "out"), form, &file, &err);

    if (status != AKS_OK) {
        (void)unlink(temp_folder_join(folder, "out"));
        return status;
    }
    status = aks_memories_export(options, file, &result, &err);
    if (aks_memories_file_end(file, &bytes, &err) != AKS_OK)
        status = err.status;
    aks_memories_file_free(file);
    read_text("out");
    if (status == AKS_OK)
        assert_int_equal(bytes, (int64_t)strlen(text));
    return status;
}

static json_t *
document(const struct aks_memories_options *options)
{
    json_error_t why;
    json_t *root;
    json_t *all;

    if (try_export(options, AKS_MEMORIES_DOCUMENT) != AKS_OK)
        fail_msg("%s", err.message);
    root = json_loads(text, 0, &why);
    if (root == NULL)
        fail_msg("%s: %s", why.text, text);
    all = json_incref(json_object_get(root, "conversations"));
    json_decref(root);
    assert_true(json_is_array(all));
    return all;
}

static const char *
word(const json_t *all, size_t i, const char *key)
{
    return json_string_value(json_object_get(json_array_get(all, i), key));
}

static const char *
meta(const json_t *all, size_t i, const char *key)
{
    return json_string_value(json_object_get(json_object_get(json_array_get(all, i), "metadata"),
        key));
}

/* --- documents -------------------------------------------------------------------------------- */

static void
a_row_is_what_the_original_sends(void **state)
{
    struct aks_memories_options options = options_for(NULL);
    json_t *all;

    run(CONVERSATIONS "INSERT INTO conversations_v2 VALUES ('" UUID "', 'a \"b\"', " VECTOR
        ", 'bug', 0.5, NULL, '2026-01-05 08:00:00', 'why', 's', 3);");
    all = document(&options);
    assert_int_equal(json_array_size(all), 1);
    assert_string_equal(word(all, 0, "id"), UUID);
    assert_string_equal(word(all, 0, "content"), "a \"b\"\n\nReasoning: why");
    assert_string_equal(word(all, 0, "timestamp"), "2026-01-05T08:00:00");
    assert_string_equal(word(all, 0, "source"), "session-buddy");
    assert_int_equal(json_array_size(json_object_get(json_array_get(all, 0), "embedding")), 384);
    assert_string_equal(meta(all, 0, "source"), "laptop-7");
    assert_string_equal(meta(all, 0, "original_id"), UUID);
    assert_string_equal(meta(all, 0, "type"), "conversation");
    assert_string_equal(meta(all, 0, "category"), "bug");
    assert_string_equal(meta(all, 0, "created_at"), "2026-01-05T08:00:00");
    assert_string_equal(meta(all, 0, "session_id"), "s");
    assert_null(json_object_get(json_object_get(json_array_get(all, 0), "metadata"), "project"));
    assert_null(json_object_get(json_object_get(json_array_get(all, 0), "metadata"),
        "access_count"));
    json_decref(all);
    assert_int_equal(result.rows, 1);
    assert_int_equal(result.count, 1);
    assert_string_equal(result.tables[0].table, "conversations_v2");
    assert_null(result.tables[0].after.id);
    assert_string_equal(result.tables[0].to.at, "2026-01-05 08:00:00");
    assert_string_equal(result.tables[0].to.id, UUID);
    assert_true(strncmp(result.reader, "SQLite", 6) == 0);
    aks_memories_result_fini(&result);
}

static void
what_akosha_would_refuse_is_left_out_and_counted(void **state)
{
    struct aks_memories_options options = options_for(NULL);
    json_t *all;

    run(CONVERSATIONS "INSERT INTO conversations_v2 (id, content, embedding, timestamp) VALUES"
        " ('1', 'short vector', zeroblob(1532), '2026-01-05'),"
        " ('2', 'not finite', x'0000807f' || zeroblob(1532), '2026-01-05T08:00'),"
        " ('3', '', NULL, NULL), ('4', NULL, NULL, NULL), ('', 'no id', NULL, NULL),"
        " ('5', 'a day that is none', NULL, '2026-02-30 00:00:00'),"
        " ('6', 'a number', NULL, 1767600000123);");
    all = document(&options);
    assert_int_equal(json_array_size(all), 4);
    for (size_t i = 0; i < 4; i++)
        assert_null(json_object_get(json_array_get(all, i), "embedding"));
    assert_int_equal(result.skipped[AKS_MEMORIES_NO_TEXT], 2);
    assert_int_equal(result.skipped[AKS_MEMORIES_NO_ID], 1);
    assert_int_equal(result.skipped[AKS_MEMORIES_EMBEDDING_LENGTH], 1);
    assert_int_equal(result.skipped[AKS_MEMORIES_EMBEDDING_NUMBER], 1);
    assert_int_equal(result.skipped[AKS_MEMORIES_STAMP], 2);
    assert_int_equal(result.rows, 4);
    json_decref(all);
    aks_memories_result_fini(&result);
}

static void
only_what_is_behind_the_cursor_goes(void **state)
{
    struct aks_memories_options options = options_for(NULL);
    struct aks_memories_mark mark = { 0 };
    json_t *all;

    run(CONVERSATIONS "INSERT INTO conversations_v2 (id, content, timestamp) VALUES ('b', 'x',"
        " '2026-01-01T00:00:00'), ('a', 'y', '2026-01-02T00:00:00'), ('c', 'z', NULL)");
    json_decref(document(&options));
    assert_int_equal(result.rows, 3);
    assert_string_equal(result.tables[0].to.id, "a");
    mark.table = borrowed("conversations_v2");
    assert_int_equal(aks_memories_cursor_copy(aks_alloc_system(), &result.tables[0].to,
        &mark.cursor, &err), AKS_OK);
    aks_memories_result_fini(&result);
    options.after = &mark;
    options.after_count = 1;
    json_decref(document(&options));
    assert_int_equal(result.count, 0);
    aks_memories_result_fini(&result);

    run("INSERT INTO conversations_v2 (id, content, timestamp) VALUES ('d', 'new',"
        " '2026-01-02T00:00:00')");
    all = document(&options);
    assert_int_equal(json_array_size(all), 1);
    assert_string_equal(word(all, 0, "content"), "new");
    assert_string_equal(result.tables[0].after.id, "a");
    json_decref(all);
    aks_memories_result_fini(&result);
    aks_memories_cursor_fini(aks_alloc_system(), &mark.cursor);
}

static void
a_row_of_the_future_does_not_hide_what_comes(void **state)
{
    struct aks_memories_options options = options_for(NULL);
    struct aks_memories_mark mark = { .table = borrowed("conversations_v2"),
        .cursor = { borrowed("2026-01-01T00:00:00"), borrowed("a") } };

    run(CONVERSATIONS "INSERT INTO conversations_v2 (id, content, timestamp) VALUES ('a', 'x',"
        " '2026-01-01T00:00:00'), ('b', 'y', '9999-01-01T00:00:00')");
    json_decref(document(&options));
    assert_int_equal(result.rows, 2);
    assert_string_equal(result.tables[0].to.id, "a");
    aks_memories_result_fini(&result);
    options.after = &mark;
    options.after_count = 1;
    json_decref(document(&options));
    assert_int_equal(result.rows, 0);
    aks_memories_result_fini(&result);
}

static void
more_rows_than_a_manifest_counts_wait(void **state)
{
    struct aks_memories_options options = options_for(NULL);

    run(CONVERSATIONS "INSERT INTO conversations_v2 (id, content, timestamp) VALUES ('a', 'x',"
        " '2026-01-01'), ('b', 'y', '2026-01-02'), ('c', 'z', '2026-01-03');"
        "CREATE TABLE reflections_v2 (id TEXT, content TEXT);"
        "INSERT INTO reflections_v2 VALUES ('r', 'x')");
    options.rows_max = 2;
    json_decref(document(&options));
    assert_int_equal(result.rows, 2);
    assert_int_equal(result.count, 1);
    assert_true(result.tables[0].more);
    assert_string_equal(result.tables[0].to.id, "b");
    aks_memories_result_fini(&result);
    options.rows_max = 10;
    json_decref(document(&options));
    assert_int_equal(result.count, 2);
    assert_false(result.tables[0].more);
    assert_null(result.tables[1].to.at);
    assert_string_equal(result.tables[1].to.id, "r");
    aks_memories_result_fini(&result);
}

static void
a_policy_maps_tables_of_its_own(void **state)
{
    struct aks_memories_map map = { borrowed("my \"notes\""), borrowed("no"), borrowed("body"),
        borrowed("vec"), borrowed("made_ms") };
    struct aks_memories_settings settings = { true, AKS_MEMORIES_NEW, &map, 1 };
    struct aks_memories_options options = options_for(&settings);
    json_t *all;

    run("CREATE TABLE \"my \"\"notes\"\"\" (no INTEGER PRIMARY KEY, body TEXT, vec BLOB,"
        " made_ms INTEGER, project TEXT); INSERT INTO \"my \"\"notes\"\"\" VALUES (7, 'text', "
        VECTOR ", 1767600000123, 'p')");
    all = document(&options);
    assert_int_equal(json_array_size(all), 1);
    assert_string_equal(word(all, 0, "id"), "laptop-7/memory.db/my \"notes\"/7");
    assert_string_equal(word(all, 0, "timestamp"), "2026-01-05T08:00:00.123000");
    assert_string_equal(word(all, 0, "source"), "memory.db");
    assert_string_equal(meta(all, 0, "project"), "p");
    assert_string_equal(result.tables[0].to.at, "1767600000123");
    assert_string_equal(result.tables[0].to.id, "7");
    json_decref(all);
    aks_memories_result_fini(&result);
}

static void
no_table_of_memories_is_no_failure(void **state)
{
    struct aks_memories_options options = options_for(NULL);

    run("CREATE TABLE other (x); CREATE TABLE reflections_v2 (id TEXT)");
    json_decref(document(&options));
    assert_string_equal(text, "{\"conversations\":[\n\n]}\n");
    assert_int_equal(result.count, 0);
    snapshot.kind = AKS_SOURCE_FILE;
    json_decref(document(&options));
    assert_int_equal(result.count, 0);
}

static void
a_source_that_cannot_be_read_leaves_the_others(void **state)
{
    struct aks_memories_options options = options_for(NULL);
    struct aks_memories_file *file;
    int64_t bytes;

    run(CONVERSATIONS "INSERT INTO conversations_v2 (id, content) VALUES ('a', 'x')");
    assert_int_equal(aks_memories_file_new(&port, temp_folder_join(folder, "out"),
        AKS_MEMORIES_DOCUMENT, &file, &err), AKS_OK);
    assert_int_equal(aks_memories_export(&options, file, &result, &err), AKS_OK);
    aks_memories_result_fini(&result);
    assert_int_equal(truncate(path, 100), 0);
    assert_int_not_equal(aks_memories_export(&options, file, &result, &err), AKS_OK);
    assert_int_equal(result.count, 0);
    assert_int_equal(aks_memories_file_end(file, &bytes, &err), AKS_OK);
    aks_memories_file_free(file);
    read_text("out");
    assert_non_null(strstr(text, "laptop-7/memory.db/conversations_v2/a"));
    assert_string_equal(text + strlen(text) - 5, "}\n]}\n");
}

/* --- lines ------------------------------------------------------------------------------------ */

static void
a_line_says_where_it_stands_and_what_it_is(void **state)
{
    struct aks_memories_options options = options_for(NULL);
    struct aks_memories_push push;
    json_t *memory;
    char *line;

    run(CONVERSATIONS "INSERT INTO conversations_v2 (id, content, embedding, timestamp) VALUES"
        " ('a\tb\"', 'x', NULL, NULL), ('" UUID "', 'y', " VECTOR ", '2026-01-05 08:00:00')");
    assert_int_equal(try_export(&options, AKS_MEMORIES_PUSH), AKS_OK);
    aks_memories_result_fini(&result);
    line = strchr(text, '\n') + 1;
    assert_int_equal(aks_memories_push_read(aks_alloc_system(), text, (size_t)(line - text), &push,
        &err), AKS_OK);
    assert_string_equal(push.table, "conversations_v2");
    assert_null(push.cursor.at);
    assert_string_equal(push.cursor.id, "a\tb\"");
    assert_string_equal(push.memory_id, "laptop-7/memory.db/conversations_v2/a\tb\"");
    memory = json_loadb(push.memory, push.memory_bytes, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(memory, "memory_id")), push.memory_id);
    assert_string_equal(json_string_value(json_object_get(memory, "text")), "x");
    assert_int_equal(json_array_size(json_object_get(memory, "embedding")), 384);
    json_decref(memory);
    aks_memories_push_fini(aks_alloc_system(), &push);

    assert_int_equal(aks_memories_push_read(aks_alloc_system(), line, strlen(line), &push, &err),
        AKS_OK);
    assert_string_equal(push.cursor.at, "2026-01-05 08:00:00");
    assert_string_equal(push.memory_id, UUID);
    memory = json_loadb(push.memory, push.memory_bytes, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(json_object_get(memory, "metadata"),
        "ingestion_method")), "http_push");
    json_decref(memory);
    aks_memories_push_fini(aks_alloc_system(), &push);
}

static void
a_line_that_is_none_is_refused(void **state)
{
    static const char *const lines[] = { "", "\n", "[]\t{}", "[\"t\",null,\"i\"]\t{}",
        "[\"t\",null,\"i\",\"m\"] {}", "[\"t\",null,\"i\",\"m\"]\t", "[\"t\",\"a\",null,\"m\"]\t{}",
        "[\"t\",1,\"i\",\"m\"]\t{}", "[\"t\",null,\"i\",\"m\"]\t{", "[\"t\",null,\"i\"\t{}" };
    struct aks_memories_push push;

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        assert_int_equal(aks_memories_push_read(aks_alloc_system(), lines[i], strlen(lines[i]),
            &push, &err), AKS_CORRUPT);
    assert_int_equal(aks_memories_push_read(aks_alloc_system(), "[\"t\",null,\"i\",\"m\"]\t{}\n",
        22, &push, &err), AKS_OK);
    assert_int_equal(push.memory_bytes, 2);
    aks_memories_push_fini(aks_alloc_system(), &push);
}

/* --- values ----------------------------------------------------------------------------------- */

static void
an_id_stays_only_if_nobody_else_can_have_it(void **state)
{
    static const char *const own[] = { UUID, "01KE6JQ3003641Y21RKJQ4QM1C",
        "d41d8cd98f00b204e9800998ecf8427e", "507f1f77bcf86cd799439011" };
    static const char *const others[] = { "7", "conversation-000000000001",
        "20260105080000000000001",
        "123456789012345678901234", "01KE6JQ3003641Y21RKJQ4QM1U", "91KE6JQ3003641Y21RKJQ4QM1C",
        "0f8fad5b-d9cb-469f-a165-70867728950g", "d41d8cd98f00b204e980099" };
    struct aks_memories_options options = options_for(NULL);
    struct aks_buf out;

    aks_buf_init(&out, aks_alloc_system(), 4096);
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        struct aks_rows_value id = { own[i], strlen(own[i]) };

        aks_buf_reset(&out);
        aks_memories_row_id(&options, "t", &id, &out);
        assert_string_equal(out.data, own[i]);
    }
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        struct aks_rows_value id = { others[i], strlen(others[i]) };

        aks_buf_reset(&out);
        aks_memories_row_id(&options, "t", &id, &out);
        assert_true(strncmp(out.data, "laptop-7/memory.db/t/", 21) == 0);
        assert_string_equal(out.data + 21, others[i]);
    }
    aks_buf_fini(&out);
}

static void
stamps_are_what_every_python_reads(void **state)
{
    static const char *const pairs[][2] = {
        { "\"2026-01-05T08:00:00.123456\"", "2026-01-05T08:00:00.123456" },
        { "\"2026-01-05 08:00\"", "2026-01-05T08:00:00" },
        { "\"2026-01-05\"", "2026-01-05T00:00:00" },
        { "\"2026-01-05T08:00:00.5Z\"", "2026-01-05T08:00:00.500000" },
        { "\"2026-01-05T08:00:00.123456789+00:00\"", "2026-01-05T08:00:00.123456" },
        { "\"2026-01-05T08:00:00+0230\"", "2026-01-05T08:00:00+02:30" },
        { "\"2026-01-05T08:00:00-05\"", "2026-01-05T08:00:00-05:00" },
        { "1767600000", "2026-01-05T08:00:00.000000" },
        { "1767600000.25", "2026-01-05T08:00:00.250000" },
        { "1767600000123456", "2026-01-05T08:00:00.123000" },
        { "\"infinity\"", "" }, { "\"2026-13-05\"", "" }, { "\"0000-01-01\"", "" },
        { "\"2026-01-05T25:00:00\"", "" }, { "\"2026-01-05T08:00:00.\"", "" },
        { "\"2026-01-05T08:00:00 UTC\"", "" }, { "-1", "" }, { "1e300", "" }, { "true", "" },
        { "\"\"", "" }, { "\"2026-01-05T08:00:00+1\"", "" }, { "[1]", "" },
    };
    char stamp[AKS_MEMORIES_STAMP_BYTES];
    int64_t ms;

    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        struct aks_rows_value value = { pairs[i][0], strlen(pairs[i][0]) };

        assert_int_equal(aks_memories_value_stamp(&value, stamp, &ms), pairs[i][1][0] != '\0');
        assert_string_equal(stamp, pairs[i][1]);
    }
}

static enum aks_memories_skip
embedding(size_t count, const char *number, const char *last)
{
    char *out = text;
    struct aks_rows_value value = { text, 0 };

    *out++ = '[';
    for (size_t i = 0; i < count; i++)
        out += sprintf(out, "%s%s", i > 0 ? "," : "", i + 1 == count ? last : number);
    *out++ = ']';
    value.len = (size_t)(out - text);
    return aks_memories_value_embedding(&value);
}

static void
an_embedding_is_384_numbers_that_a_float_holds(void **state)
{
    struct aks_rows_value text_value = { "\"[1]\"", 5 };

    assert_int_equal(embedding(384, "0.10000000149011612", "-1e-3"), AKS_MEMORIES_SKIPS);
    assert_int_equal(embedding(384, "0", "3.4e38"), AKS_MEMORIES_SKIPS);
    assert_int_equal(embedding(384, "0", "3.5e38"), AKS_MEMORIES_EMBEDDING_NUMBER);
    assert_int_equal(embedding(384, "0", "1234567890123456789012345678901234567890"),
        AKS_MEMORIES_EMBEDDING_NUMBER);
    assert_int_equal(embedding(384, "0", "null"), AKS_MEMORIES_EMBEDDING_NUMBER);
    assert_int_equal(embedding(384, "0", "\"1\""), AKS_MEMORIES_EMBEDDING_NUMBER);
    assert_int_equal(embedding(383, "0", "0"), AKS_MEMORIES_EMBEDDING_LENGTH);
    assert_int_equal(embedding(385, "0", "0"), AKS_MEMORIES_EMBEDDING_LENGTH);
    assert_int_equal(embedding(0, "0", "0"), AKS_MEMORIES_EMBEDDING_LENGTH);
    assert_int_equal(aks_memories_value_embedding(&text_value), AKS_MEMORIES_EMBEDDING_NUMBER);
}

/* What comes of a table that is read in parts: its future at the end, and an entry for the end
 * itself, where the last part ended just there. */
static void
a_reading_of_all_rows_goes_on_to_its_end(void **state)
{
    struct aks_memories_options options = options_for(NULL);
    struct aks_memories_mark mark = { .table = borrowed("conversations_v2"),
        .cursor = { borrowed("2"), borrowed("b") }, .all_at_ms = -NOW };

    run(CONVERSATIONS "INSERT INTO conversations_v2 (id, content, timestamp) VALUES ('b', 'y', 2)");
    options.after = &mark;
    options.after_count = 1;
    json_decref(document(&options));
    assert_int_equal(result.rows, 0);
    assert_int_equal(result.count, 1);
    assert_int_equal(result.found, 1);
    assert_false(result.tables[0].more);
    assert_string_equal(result.tables[0].to.id, "b");
    aks_memories_result_fini(&result);
    run("INSERT INTO conversations_v2 (id, content, timestamp) VALUES ('c', 'z', '9999-01-01')");
    json_decref(document(&options));
    assert_int_equal(result.rows, 1);
    assert_string_equal(result.tables[0].to.id, "b");
    aks_memories_result_fini(&result);
    mark.all_at_ms = NOW;
    json_decref(document(&options));
    assert_int_equal(result.count, 0);
    aks_memories_result_fini(&result);
}

/* --- what fails ------------------------------------------------------------------------------- */

static int
export_both(void *ctx, const struct aks_alloc *alloc)
{
    struct aks_memories_options options = options_for(NULL);
    struct aks_memories_push push;
    enum aks_status status;

    port.alloc = alloc;
    status = try_export(&options, AKS_MEMORIES_PUSH);
    if (status == AKS_OK) {
        assert_int_equal(result.rows, 1);
        status = aks_memories_push_read(alloc, text, strlen(text), &push, &err);
        if (status == AKS_OK)
            aks_memories_push_fini(alloc, &push);
    }
    aks_memories_result_fini(&result);
    return status == AKS_OK || status == AKS_LIMIT ? 0 : -1;
}

static void
without_memory_there_is_a_whole_file_or_none(void **state)
{
    run(CONVERSATIONS "INSERT INTO conversations_v2 (id, content, timestamp) VALUES ('a', 'x',"
        " '2026-01-05')");
    failing_alloc_loop(export_both, NULL, 2000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_row_is_what_the_original_sends),
        TEST(what_akosha_would_refuse_is_left_out_and_counted),
        TEST(only_what_is_behind_the_cursor_goes),
        TEST(a_row_of_the_future_does_not_hide_what_comes),
        TEST(more_rows_than_a_manifest_counts_wait),
        TEST(a_policy_maps_tables_of_its_own),
        TEST(no_table_of_memories_is_no_failure),
        TEST(a_source_that_cannot_be_read_leaves_the_others),
        TEST(a_line_says_where_it_stands_and_what_it_is),
        TEST(a_line_that_is_none_is_refused),
        TEST(an_id_stays_only_if_nobody_else_can_have_it),
        TEST(stamps_are_what_every_python_reads),
        TEST(an_embedding_is_384_numbers_that_a_float_holds),
        TEST(a_reading_of_all_rows_goes_on_to_its_end),
        TEST(without_memory_there_is_a_whole_file_or_none),
    };

    return cmocka_run_group_tests_name("memories", tests, NULL, NULL);
}
