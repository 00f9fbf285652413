/* Manifests that somebody else wrote, by mistake or on purpose. */
#include "wire/manifest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SHA_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define OBJECT \
    "{\"name\": \"a.duckdb\", \"key\": \"systems/s/u/a.duckdb.zst\", \"source_name\": \"/a\"," \
    " \"kind\": \"duckdb\", \"role\": \"main\", \"bytes\": 7, \"sha256\": \"" SHA_A "\"," \
    " \"codec\": \"zstd\", \"encryption\": null, \"stored_bytes\": 5," \
    " \"stored_sha256\": \"" SHA_A "\", \"part_bytes\": 0, \"parts\": 1," \
    " \"snapshot\": {\"method\": \"identity\", \"writer\": false," \
    " \"taken_at\": \"2026-11-23T08:45:12Z\"}}"
#define HEAD \
    "{\"uploaded_at\": \"2026-11-23T08:45:12.345Z\", \"format\": \"akosha-sync/1\"," \
    " \"system_id\": \"laptop-7\", \"upload_id\": \"u.1_x-y\"," \
    " \"uploader\": {\"name\": \"akosha-sync\", \"version\": \"0.1.0\"}," \
    " \"policy_sha256\": null, \"audit_head\": \"" SHA_A "\", \"objects\": ["
/* Where it ends to be JSON is the parser's business. */
#define NO_JSON "manifest: is no JSON (line 1, column "
#define MANIFEST HEAD OBJECT "]}"

static enum aks_status
read_bytes(const char *json, size_t len, struct aks_manifest *manifest, struct aks_error *err)
{
    char *exact = malloc(len > 0 ? len : 1);    /* so that ASan sees a byte too far */
    enum aks_status status;

    assert_non_null(exact);
    memcpy(exact, json, len);
    aks_manifest_init(manifest, aks_alloc_system());
    memset(err, 0, sizeof(*err));
    status = aks_manifest_read(exact, len, manifest, err);
    free(exact);
    return status;
}

static void
expect_bad(const char *json, const char *message)
{
    struct aks_manifest manifest;
    struct aks_error err;

    assert_int_equal(read_bytes(json, strlen(json), &manifest, &err), AKS_CORRUPT);
    if (strncmp(err.message, message, strcmp(message, NO_JSON) == 0 ? strlen(message)
        : sizeof(err.message)) != 0)
        fail_msg("%s\nis not\n%s\nfor %.300s", err.message, message, json);
    aks_manifest_fini(&manifest);
}

/* MANIFEST with the first ${old} replaced. */
static char *
changed(const char *old, const char *new)
{
    const char *at = strstr(MANIFEST, old);
    size_t bytes = sizeof(MANIFEST) + strlen(new) + 1;
    char *json = malloc(bytes);

    assert_non_null(at);
    assert_non_null(json);
    (void)snprintf(json, bytes, "%.*s%s%s", (int)(at - (const char *)MANIFEST), MANIFEST, new,
        at + strlen(old));
    return json;
}

static void
expect_change_bad(const char *old, const char *new, const char *message)
{
    char *json = changed(old, new);

    expect_bad(json, message);
    free(json);
}

static void
expect_change_good(const char *old, const char *new)
{
    char *json = changed(old, new);
    struct aks_manifest manifest;
    struct aks_error err;

    if (read_bytes(json, strlen(json), &manifest, &err) != AKS_OK)
        fail_msg("%s: %s", new, err.message);
    assert_int_equal(manifest.object_count, 1);
    assert_string_equal(manifest.objects[0].sha256, SHA_A);
    aks_manifest_fini(&manifest);
    free(json);
}

static void
reader_takes_what_is_no_harm(void **state)
{
    expect_change_good("laptop-7", "laptop-7");
    expect_change_good("\"system_id\"", "\"unknown\": [1, {\"x\": [[[]]]}], \"system_id\"");
    expect_change_good("\"role\"", "\"unknown\": \"\\u00e4\", \"role\"");
    expect_change_good(" \"encryption\": null,", "");
    expect_change_good("\"encryption\": null", "\"encryption\": \"age\"");
    expect_change_good("\"policy_sha256\": null,", "");
    expect_change_good("\"kind\": \"duckdb\"", "\"kind\": \"lance_db\"");
    expect_change_good("\"sha256\": \"aaaa", "\"sha256\": \"AAAA");
    expect_change_good("08:45:12Z", "09:45:12+01:00");
    expect_change_good("\"bytes\": 7", "\"bytes\": 9223372036854775807");
    expect_change_good("\"/a\"", "\"/\\u0001\\n\\ud83d\\ude00\"");
}

static void
reader_refuses_what_is_no_manifest(void **state)
{
    expect_bad("", NO_JSON);
    expect_bad("{", NO_JSON);
    expect_bad("[]", "manifest: is no JSON object");
    expect_bad("null", NO_JSON);
    expect_bad("{}", "manifest, format: is missing");
    expect_bad("{\"format\": 1}", "manifest, format: is no text");
    expect_bad("{\"format\": \"akosha-sync/2\"}", "manifest, format: is not akosha-sync/1");
    expect_bad("{\"format\": \"akosha-sync/1\"}", "manifest, system_id: is missing");
    expect_bad("{\"format\": \"a\", \"format\": \"b\"}", NO_JSON);
    expect_bad(MANIFEST "x", NO_JSON);
    expect_bad("{\"upload_id\": \"20260101_000000_x\", \"files\": []}",
        "manifest, format: is missing");
}

static void
reader_names_the_field_of_the_head(void **state)
{
    static const char chars[] = "manifest, system_id: has characters that Akosha does not take";

    expect_change_bad("\"laptop-7\"", "\"laptop.7\"", chars);
    expect_change_bad("\"laptop-7\"", "\"../x\"", chars);
    expect_change_bad("\"laptop-7\"", "\"x\\n\"", chars);
    expect_change_bad("\"laptop-7\"", "\"\"", "manifest, system_id: is empty");
    expect_change_bad("\"laptop-7\"", "7", "manifest, system_id: is no text");
    expect_change_bad("\"u.1_x-y\"", "\"a..b\"",
        "manifest, upload_id: has characters that Akosha does not take");
    expect_change_bad("\"u.1_x-y\"", "\"a/b\"",
        "manifest, upload_id: has characters that Akosha does not take");
    expect_change_bad("\"2026-11-23T08:45:12.345Z\"", "\"2026-11-23T08:45:12\"",
        "manifest, uploaded_at: is no date");
    expect_change_bad("\"2026-11-23T08:45:12.345Z\"", "1795423512",
        "manifest, uploaded_at: is no text");
    expect_change_bad("\"2026-11-23T08:45:12.345Z\"", "\"1969-01-01T00:00:00Z\"",
        "manifest, uploaded_at: is negative");
    expect_change_bad("\"0.1.0\"", "null", "manifest, uploader.version: is no text");
    expect_change_bad("\"0.1.0\"", "\"\\u001b[2J\"",
        "manifest, uploader.version: has characters that no version has");
    expect_change_bad("{\"name\": \"akosha-sync\", \"version\": \"0.1.0\"}", "[]",
        "manifest, uploader: is no object");
    expect_change_bad("\"policy_sha256\": null", "\"policy_sha256\": \"abc\"",
        "manifest, policy_sha256: is no 64 hex digits");
    expect_change_bad("\"policy_sha256\": null", "\"policy_sha256\": {}",
        "manifest, policy_sha256: is no text");
    expect_change_bad("\"objects\": [", "\"objects\": {}, \"x\": [",
        "manifest, objects: is no list");
}

static void
reader_names_the_field_of_the_object(void **state)
{
    static const char chars[] = "manifest, objects[0].name: has other characters than letters, "
        "digits, '-', '_' and '.'";

    expect_bad(HEAD "7]}", "manifest, objects[0]: is no object");
    expect_bad(HEAD OBJECT ", {}]}", "manifest, objects[1].name: is missing");
    expect_change_bad("\"a.duckdb\"", "\"../../etc/passwd\"", chars);
    expect_change_bad("\"a.duckdb\"", "\"a/b\"", chars);
    expect_change_bad("\"a.duckdb\"", "\"a\\n\"", chars);
    expect_change_bad("\"a.duckdb\"", "\"~\"", chars);
    expect_change_bad("\"a.duckdb\"", "\"..\"", "manifest, objects[0].name: has '..' or is '.'");
    expect_change_bad("\"a.duckdb\"", "\".\"", "manifest, objects[0].name: has '..' or is '.'");
    expect_change_bad("\"a.duckdb\"", "\"\"", "manifest, objects[0].name: is empty");
    expect_change_bad("\"a.duckdb\"", "null", "manifest, objects[0].name: is no text");
    expect_change_bad("\"source_name\": \"/a\"", "\"source_name\": \"\"",
        "manifest, objects[0].source_name: is empty");
    expect_change_bad("\"duckdb\"", "\"Duck DB\"",
        "manifest, objects[0].kind: has other characters than letters, digits, '-' and '_'");
    expect_change_bad("\"main\"", "\"\"", "manifest, objects[0].role: is empty");
    expect_change_bad("\"zstd\"", "\"lz4\"",
        "manifest, objects[0].codec: is none of none, gzip and zstd");
    expect_change_bad("\"encryption\": null", "\"encryption\": \"pgp\"",
        "manifest, objects[0].encryption: is not known to this version");
    expect_change_bad("\"encryption\": null", "\"encryption\": true",
        "manifest, objects[0].encryption: is not known to this version");
    expect_change_bad("\"identity\"", "\"a b\"",
        "manifest, objects[0].snapshot.method: has other characters than letters, digits, '-' "
        "and '_'");
    expect_change_bad("\"writer\": false", "\"writer\": 0",
        "manifest, objects[0].snapshot.writer: is neither true nor false");
    expect_change_bad("\"2026-11-23T08:45:12Z\"", "\"yesterday\"",
        "manifest, objects[0].snapshot.taken_at: is no date");
    expect_change_bad("\"snapshot\": {", "\"snapshot\": 1, \"x\": {",
        "manifest, objects[0].snapshot: is no object");
}

static void
reader_refuses_keys_that_lead_elsewhere(void **state)
{
    static const struct {
        const char *key;
        const char *why;
    } bad[] = {
        { "", "is empty" },
        { "/systems/s/u/a", "begins with '/'" },
        { "/etc/passwd", "begins with '/'" },
        { "../a", "has '..'" },
        { "systems/../../a", "has '..'" },
        { "systems/s/u/..", "has '..'" },
        { "systems/s/u/a..b", "has '..'" },
        { "systems//a", "has a segment that is empty or '.'" },
        { "systems/./a", "has a segment that is empty or '.'" },
        { "./a", "has a segment that is empty or '.'" },
        { "systems/s/u/.", "has '..' or is '.'" },
        { "systems/s/u/", "is empty" },
        { "systems\\\\s", "has other characters than letters, digits, '-', '_', '.' and '/'" },
        { "systems/s/u/a b", "has other characters than letters, digits, '-', '_', '.' and '/'" },
        { "systems/s/u/a\\n", "has other characters than letters, digits, '-', '_', '.' and '/'" },
        { "http://x/y", "has other characters than letters, digits, '-', '_', '.' and '/'" },
        { "systems/%2e%2e/a", "has other characters than letters, digits, '-', '_', '.' and '/'" },
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char key[128];
        char message[256];

        (void)snprintf(key, sizeof(key), "\"key\": \"%s\"", bad[i].key);
        (void)snprintf(message, sizeof(message), "manifest, objects[0].key: %s", bad[i].why);
        expect_change_bad("\"key\": \"systems/s/u/a.duckdb.zst\"", key, message);
    }
}

static void
reader_refuses_sizes_and_digests_that_are_none(void **state)
{
    static const char *const counts[] = { "bytes", "stored_bytes", "part_bytes", "parts" };
    static const char *const olds[] = { "\"bytes\": 7", "\"stored_bytes\": 5", "\"part_bytes\": 0",
        "\"parts\": 1" };
    static const char *const digests[] = { "sha256", "stored_sha256" };
    static const char *const no_digests[] = { "", "aaaa", SHA_A "a" };
    char new[256];
    char message[256];

    for (size_t i = 0; i < 4; i++) {
        (void)snprintf(new, sizeof(new), "\"%s\": -1", counts[i]);
        (void)snprintf(message, sizeof(message), "manifest, objects[0].%s: is negative", counts[i]);
        expect_change_bad(olds[i], new, message);
        (void)snprintf(new, sizeof(new), "\"%s\": 1.0", counts[i]);
        (void)snprintf(message, sizeof(message), "manifest, objects[0].%s: is no whole number",
            counts[i]);
        expect_change_bad(olds[i], new, message);
    }
    for (size_t i = 0; i < 2; i++) {
        (void)snprintf(message, sizeof(message), "manifest, objects[0].%s: is no 64 hex digits",
            digests[i]);
        for (size_t j = 0; j < 3; j++) {
            char old[128];

            (void)snprintf(old, sizeof(old), "\"%s\": \"" SHA_A "\"", digests[i]);
            (void)snprintf(new, sizeof(new), "\"%s\": \"%s\"", digests[i], no_digests[j]);
            expect_change_bad(old, new, message);
        }
        (void)snprintf(new, sizeof(new), "\"%s\": \"gaaa", digests[i]);
        expect_change_bad(i == 0 ? "\"sha256\": \"aaaa" : "\"stored_sha256\": \"aaaa", new,
            message);
    }
}

static void
reader_refuses_names_that_come_twice(void **state)
{
    expect_bad(HEAD OBJECT "," OBJECT "]}", "manifest: the object name a.duckdb comes twice");
}

/* An object of that name, kind, role and source. */
#define OTHER(name, kind, role, source) \
    "{\"name\": \"" name "\", \"key\": \"systems/s/u/" name ".zst\"," \
    " \"source_name\": \"" source "\"," \
    " \"kind\": \"" kind "\", \"role\": \"" role "\", \"bytes\": 7, \"sha256\": \"" SHA_A "\"," \
    " \"codec\": \"zstd\", \"encryption\": null, \"stored_bytes\": 5," \
    " \"stored_sha256\": \"" SHA_A "\", \"part_bytes\": 0, \"parts\": 1," \
    " \"snapshot\": {\"method\": \"seqlock\", \"writer\": true," \
    " \"taken_at\": \"2026-11-23T08:45:12Z\"}}"

static void
reader_takes_a_log_with_its_database_only(void **state)
{
    static const struct {
        const char *objects;
        const char *why;                /* NULL: it is taken */
    } cases[] = {
        { OBJECT "," OTHER("a.duckdb.wal", "duckdb", "wal", "/a"), NULL },
        { OTHER("a.duckdb.wal", "duckdb", "wal", "/a") "," OBJECT, NULL },
        { OTHER("a.db", "sqlite", "main", "/a") "," OTHER("a.db-wal", "sqlite", "wal", "/a"),
          NULL },
        { OBJECT "," OTHER("a.duckdb.wal", "file", "main", "/b"), NULL },
        { OBJECT "," OTHER("a-1.duckdb", "duckdb", "main", "/b") ","
          OTHER("a-1.duckdb.wal", "duckdb", "wal", "/b") ","
          OTHER("a.duckdb.wal", "duckdb", "wal", "/a"), NULL },
        { OTHER("a.duckdb.wal", "duckdb", "wal", "/a"),
          "manifest: a.duckdb.wal is a log without its database" },
        { OBJECT "," OTHER("a.duckdb.wal", "duckdb", "wal", "/b"),
          "manifest: a.duckdb.wal is a log of another file than the one of its name" },
        { OBJECT "," OTHER("a.duckdb-wal", "sqlite", "wal", "/a"),
          "manifest: a.duckdb-wal is a log of another file than the one of its name" },
        { OBJECT "," OTHER("a.duckdb-wal", "duckdb", "wal", "/a"),
          "manifest: a.duckdb-wal is a log that is not called as one" },
        { OBJECT "," OTHER(".wal", "duckdb", "wal", "/a"),
          "manifest: .wal is a log that is not called as one" },
        { OBJECT "," OTHER("b.duckdb.wal", "duckdb", "wal", "/a"),
          "manifest: b.duckdb.wal is a log without its database" },
        { OBJECT "," OTHER("a.duckdb.wal", "duckdb", "wal", "/a") ","
          OTHER("a.duckdb.wal.wal", "duckdb", "wal", "/a"),
          "manifest: a.duckdb.wal.wal is a log of another file than the one of its name" },
        { OBJECT "," OTHER("a.duckdb.wal", "file", "wal", "/a"),
          "manifest: a.duckdb.wal is a log of a kind that has none" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct aks_manifest manifest;
        struct aks_error err;
        char json[8192];

        (void)snprintf(json, sizeof(json), HEAD "%s]}", cases[i].objects);
        if (cases[i].why != NULL) {
            expect_bad(json, cases[i].why);
            continue;
        }
        if (read_bytes(json, strlen(json), &manifest, &err) != AKS_OK)
            fail_msg("%zu: %s", i, err.message);
        aks_manifest_fini(&manifest);
    }
}

/* A text of ${count} times ${piece} between ${head} and ${tail}. */
static char *
repeated(const char *head, const char *piece, size_t count, const char *tail)
{
    struct aks_buf out;

    aks_buf_init(&out, aks_alloc_system(), 64 << 20);
    aks_buf_puts(&out, head);
    for (size_t i = 0; i < count; i++)
        aks_buf_puts(&out, piece);
    aks_buf_puts(&out, tail);
    return aks_buf_take(&out);
}

static void
expect_repeated_bad(const char *head, const char *piece, size_t count, const char *tail,
    const char *message)
{
    char *json = repeated(head, piece, count, tail);

    assert_non_null(json);
    expect_bad(json, message);
    aks_mem_free(aks_alloc_system(), json);
}

static void
reader_has_limits(void **state)
{
    struct aks_manifest manifest;
    struct aks_error err;
    char *json;

    expect_repeated_bad("", "[", 100000, "", "manifest: is nested too deeply");
    expect_repeated_bad("", "{\"a\":", 100000, "", "manifest: is nested too deeply");
    expect_repeated_bad("[", "[],", 100000, "[]]", "manifest: has too many objects and lists");
    expect_repeated_bad("[", "{},", 100000, "{}]", "manifest: has too many objects and lists");
    expect_repeated_bad("[", "1,", 600000, "1]", "manifest: has too many values");
    expect_repeated_bad(HEAD, "0,", AKS_MANIFEST_OBJECTS_MAX, "0]}",
        "manifest, objects: are over 10000");
    expect_repeated_bad("", " ", AKS_MANIFEST_BYTES_MAX + 1, "",
        "manifest: is over 16777216 bytes long");
    json = repeated(HEAD "{\"x\": \"\\\\\\\"", "[", 100000, "\"}]}");    /* brackets in a text */
    assert_int_equal(read_bytes(json, strlen(json), &manifest, &err), AKS_CORRUPT);
    assert_string_equal(err.message, "manifest, objects[0].name: is missing");
    aks_manifest_fini(&manifest);
    aks_mem_free(aks_alloc_system(), json);
}

static void
expect_length(const char *old, const char *before, size_t good, const char *after,
    const char *message)
{
    char *new = repeated(before, "n", good, after);

    expect_change_good(old, new);
    aks_mem_free(aks_alloc_system(), new);
    new = repeated(before, "n", good + 1, after);
    expect_change_bad(old, new, message);
    aks_mem_free(aks_alloc_system(), new);
}

static void
reader_has_limits_on_texts(void **state)
{
    expect_length("\"a.duckdb\"", "\"", 255, "\"",
        "manifest, objects[0].name: is over 255 bytes long");
    expect_length("systems/s/u/a.duckdb.zst", "systems/s/u/", 255, "",
        "manifest, objects[0].key: is over 255 bytes long");
    expect_length("systems/s/u/a.duckdb.zst", "", 1022, "/a",
        "manifest, objects[0].key: is over 1024 bytes long");
    expect_length("\"/a\"", "\"/", 12287, "\"",
        "manifest, objects[0].source_name: is over 12288 bytes long");
    expect_length("laptop-7", "", 100, "", "manifest, system_id: is over 100 bytes long");
    expect_length("u.1_x-y", "", 100, "", "manifest, upload_id: is over 100 bytes long");
    expect_length("0.1.0", "", 64, "", "manifest, uploader.version: is over 64 bytes long");
    expect_length("\"identity\"", "\"", 32, "\"",
        "manifest, objects[0].snapshot.method: is over 32 bytes long");
}

static void
reader_refuses_every_cut(void **state)
{
    struct aks_manifest manifest;
    struct aks_error err;

    for (size_t len = 0; len < sizeof(MANIFEST) - 1; len++) {
        assert_int_equal(read_bytes(MANIFEST, len, &manifest, &err), AKS_CORRUPT);
        aks_manifest_fini(&manifest);
    }
    assert_int_equal(read_bytes(MANIFEST, sizeof(MANIFEST) - 1, &manifest, &err), AKS_OK);
    aks_manifest_fini(&manifest);
    assert_int_equal(read_bytes(MANIFEST, sizeof(MANIFEST), &manifest, &err), AKS_CORRUPT);
    aks_manifest_fini(&manifest);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reader_takes_what_is_no_harm),
        cmocka_unit_test(reader_refuses_what_is_no_manifest),
        cmocka_unit_test(reader_names_the_field_of_the_head),
        cmocka_unit_test(reader_names_the_field_of_the_object),
        cmocka_unit_test(reader_refuses_keys_that_lead_elsewhere),
        cmocka_unit_test(reader_refuses_sizes_and_digests_that_are_none),
        cmocka_unit_test(reader_refuses_names_that_come_twice),
        cmocka_unit_test(reader_takes_a_log_with_its_database_only),
        cmocka_unit_test(reader_has_limits),
        cmocka_unit_test(reader_has_limits_on_texts),
        cmocka_unit_test(reader_refuses_every_cut),
    };

    return cmocka_run_group_tests_name("manifest_hostile", tests, NULL, NULL);
}
