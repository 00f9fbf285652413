/* Writing a manifest, and reading back what was written. What is refused has a file of its own. */
#include "wire/manifest.h"

#include "support/failing_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#define SHA_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define SHA_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define SHA_C "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
#define TAKEN_AT_MS INT64_C(1795423512000)
#define UPLOADED_AT_MS INT64_C(1795423512345)

/* The strings of a manifest are its own, so even those of a test are not const. */
struct texts {
    char name[300];
    char key[1200];
    char source_name[64];
    char kind[16];
    char role[16];
    char codec[16];
    char method[16];
    char system_id[16];
    char upload_id[32];
    char version[16];
};

static struct aks_manifest_object
object_of(struct texts *texts, const char *name, const char *codec)
{
    struct aks_manifest_object object = { .bytes = 41693184, .sha256 = SHA_A,
        .stored_bytes = 29100000, .stored_sha256 = SHA_B, .part_bytes = 5242880, .parts = 6,
        .snapshot_writer = true, .taken_at_ms = TAKEN_AT_MS };

    (void)snprintf(texts->name, sizeof(texts->name), "%s", name);
    (void)snprintf(texts->key, sizeof(texts->key), "systems/laptop-7/u1/%s.%s", name, codec);
    (void)snprintf(texts->source_name, sizeof(texts->source_name), "/home/j\xC3\xB8/\"x\"\n%%FF");
    (void)snprintf(texts->kind, sizeof(texts->kind), "duckdb");
    (void)snprintf(texts->role, sizeof(texts->role), "main");
    (void)snprintf(texts->codec, sizeof(texts->codec), "%s", codec);
    (void)snprintf(texts->method, sizeof(texts->method), "identity");
    object.name = texts->name;
    object.key = texts->key;
    object.source_name = texts->source_name;
    object.kind = texts->kind;
    object.role = texts->role;
    object.codec = texts->codec;
    object.snapshot_method = texts->method;
    return object;
}

static enum aks_status
add(struct aks_manifest *manifest, const char *name, const char *codec, int64_t stored_bytes,
    struct aks_error *err)
{
    struct texts texts;
    struct aks_manifest_object object = object_of(&texts, name, codec);

    object.stored_bytes = stored_bytes;
    return aks_manifest_add(manifest, &object, err);
}

static void
fill_head(struct aks_manifest *manifest, const struct aks_alloc *alloc)
{
    aks_manifest_init(manifest, alloc);
    manifest->system_id = aks_mem_strdup(alloc, "laptop-7");
    manifest->upload_id = aks_mem_strdup(alloc, "20261123T084512Z-3f9a2c");
    manifest->uploader_version = aks_mem_strdup(alloc, "0.1.0");
    manifest->uploaded_at_ms = UPLOADED_AT_MS;
    memcpy(manifest->policy_sha256, SHA_C, sizeof(manifest->policy_sha256));
}

/* Writes and parses; the manifest is finished. */
static json_t *
written(struct aks_manifest *manifest)
{
    struct aks_error err = { 0 };
    struct aks_buf out;
    json_t *root;

    aks_buf_init(&out, aks_alloc_system(), AKS_MANIFEST_BYTES_MAX);
    if (aks_manifest_write(manifest, &out, &err) != AKS_OK)
        fail_msg("%s", err.message);
    root = json_loadb(out.data, out.len, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(root);
    aks_buf_fini(&out);
    aks_manifest_fini(manifest);
    return root;
}

static const char wanted_text[] =
    "{\n"
    "  \"uploaded_at\": \"2026-11-23T08:45:12.345Z\",\n"
    "  \"conversation_count\": 0,\n"
    "  \"total_size_bytes\": 29100000,\n"
    "  \"version\": \"1.0\",\n"
    "  \"compressed\": true,\n"
    "  \"compression_format\": \"zstd\",\n"
    "  \"files\": [\n"
    "    \"reflection.duckdb.zstd\"\n"
    "  ],\n"
    "  \"metadata\": {\n"
    "    \"uploader\": \"akosha-sync\",\n"
    "    \"uploader_version\": \"0.1.0\"\n"
    "  },\n"
    "  \"format\": \"akosha-sync/1\",\n"
    "  \"system_id\": \"laptop-7\",\n"
    "  \"upload_id\": \"20261123T084512Z-3f9a2c\",\n"
    "  \"uploader\": {\n"
    "    \"name\": \"akosha-sync\",\n"
    "    \"version\": \"0.1.0\"\n"
    "  },\n"
    "  \"objects\": [\n"
    "    {\n"
    "      \"name\": \"reflection.duckdb\",\n"
    "      \"key\": \"systems/laptop-7/u1/reflection.duckdb.zstd\",\n"
    "      \"source_name\": \"/home/j\xC3\xB8/\\\"x\\\"\\n%FF\",\n"
    "      \"kind\": \"duckdb\",\n"
    "      \"role\": \"main\",\n"
    "      \"bytes\": 41693184,\n"
    "      \"sha256\": \"" SHA_A "\",\n"
    "      \"codec\": \"zstd\",\n"
    "      \"encryption\": null,\n"
    "      \"stored_bytes\": 29100000,\n"
    "      \"stored_sha256\": \"" SHA_B "\",\n"
    "      \"part_bytes\": 5242880,\n"
    "      \"parts\": 6,\n"
    "      \"snapshot\": {\n"
    "        \"method\": \"identity\",\n"
    "        \"writer\": true,\n"
    "        \"taken_at\": \"2026-11-23T08:45:12.000Z\"\n"
    "      }\n"
    "    }\n"
    "  ],\n"
    "  \"memories\": null,\n"
    "  \"policy_sha256\": \"" SHA_C "\",\n"
    "  \"audit_head\": null\n"
    "}\n";

static void
manifest_is_written_byte_for_byte_as_agreed(void **state)
{
    struct aks_manifest manifest;
    struct aks_error err = { 0 };
    struct aks_buf out;

    fill_head(&manifest, aks_alloc_system());
    assert_int_equal(add(&manifest, "reflection.duckdb", "zstd", 29100000, &err), AKS_OK);
    aks_buf_init(&out, aks_alloc_system(), AKS_MANIFEST_BYTES_MAX);
    assert_int_equal(aks_manifest_write(&manifest, &out, &err), AKS_OK);
    assert_string_equal(out.data, wanted_text);
    aks_buf_fini(&out);
    aks_manifest_fini(&manifest);
}

static void
manifest_reads_back_what_was_written(void **state)
{
    struct aks_manifest manifest;
    struct aks_error err = { 0 };
    const struct aks_manifest_object *object;
    struct aks_buf out;

    aks_manifest_init(&manifest, aks_alloc_system());
    if (aks_manifest_read(wanted_text, sizeof(wanted_text) - 1, &manifest, &err) != AKS_OK)
        fail_msg("%s", err.message);
    assert_string_equal(manifest.system_id, "laptop-7");
    assert_string_equal(manifest.upload_id, "20261123T084512Z-3f9a2c");
    assert_string_equal(manifest.uploader_version, "0.1.0");
    assert_int_equal(manifest.uploaded_at_ms, UPLOADED_AT_MS);
    assert_string_equal(manifest.policy_sha256, SHA_C);
    assert_string_equal(manifest.audit_head, "");
    assert_int_equal(manifest.object_count, 1);
    object = &manifest.objects[0];
    assert_string_equal(object->name, "reflection.duckdb");
    assert_string_equal(object->key, "systems/laptop-7/u1/reflection.duckdb.zstd");
    assert_string_equal(object->source_name, "/home/j\xC3\xB8/\"x\"\n%FF");
    assert_string_equal(object->kind, "duckdb");
    assert_string_equal(object->role, "main");
    assert_int_equal(object->bytes, 41693184);
    assert_string_equal(object->sha256, SHA_A);
    assert_string_equal(object->codec, "zstd");
    assert_int_equal(object->stored_bytes, 29100000);
    assert_string_equal(object->stored_sha256, SHA_B);
    assert_int_equal(object->part_bytes, 5242880);
    assert_int_equal(object->parts, 6);
    assert_string_equal(object->snapshot_method, "identity");
    assert_true(object->snapshot_writer);
    assert_int_equal(object->taken_at_ms, TAKEN_AT_MS);
    aks_buf_init(&out, aks_alloc_system(), AKS_MANIFEST_BYTES_MAX);
    assert_int_equal(aks_manifest_write(&manifest, &out, &err), AKS_OK);
    assert_string_equal(out.data, wanted_text);
    aks_buf_fini(&out);
    aks_manifest_fini(&manifest);
    aks_manifest_fini(&manifest);
}

static void
manifest_may_hold_nothing(void **state)
{
    struct aks_manifest manifest;
    json_t *root;

    fill_head(&manifest, aks_alloc_system());
    root = written(&manifest);
    assert_int_equal(json_array_size(json_object_get(root, "objects")), 0);
    assert_int_equal(json_array_size(json_object_get(root, "files")), 0);
    assert_int_equal(json_integer_value(json_object_get(root, "total_size_bytes")), 0);
    assert_true(json_is_false(json_object_get(root, "compressed")));
    assert_true(json_is_null(json_object_get(root, "compression_format")));
    json_decref(root);
}

/* ${codecs}: one letter for each object. ${format}: NULL for null. */
static void
expect_format(const char *codecs, const char *format)
{
    struct aks_manifest manifest;
    json_t *root;

    fill_head(&manifest, aks_alloc_system());
    for (int i = 0; codecs[i] != '\0'; i++) {
        char name[16];

        (void)snprintf(name, sizeof(name), "f%d", i);
        assert_int_equal(add(&manifest, name,
            codecs[i] == 'g' ? "gzip" : codecs[i] == 'z' ? "zstd" : "none", 1, NULL), AKS_OK);
    }
    root = written(&manifest);
    assert_int_equal(json_is_true(json_object_get(root, "compressed")), format != NULL);
    if (format == NULL)
        assert_true(json_is_null(json_object_get(root, "compression_format")));
    else
        assert_string_equal(json_string_value(json_object_get(root, "compression_format")), format);
    json_decref(root);
}

static void
manifest_tells_akosha_the_format_of_the_most_objects(void **state)
{
    expect_format("n", NULL);
    expect_format("nnn", NULL);
    expect_format("g", "gzip");
    expect_format("z", "zstd");
    expect_format("nng", "gzip");
    expect_format("gzg", "gzip");
    expect_format("zgz", "zstd");
    expect_format("gz", "zstd");
}

static void
manifest_tells_akosha_no_total_that_it_would_refuse(void **state)
{
    static const struct {
        int64_t first;
        int64_t second;
        bool told;
    } cases[] = {
        { 0, 0, true },
        { INT64_C(99999999999), 1, true },
        { INT64_C(100000000000), 0, true },
        { INT64_C(100000000000), 1, false },
        { INT64_MAX, INT64_MAX, false },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct aks_manifest manifest;
        const json_t *total;
        json_t *root;

        fill_head(&manifest, aks_alloc_system());
        assert_int_equal(add(&manifest, "a", "none", cases[i].first, NULL), AKS_OK);
        assert_int_equal(add(&manifest, "b", "none", cases[i].second, NULL), AKS_OK);
        root = written(&manifest);
        total = json_object_get(root, "total_size_bytes");
        if (cases[i].told)
            assert_int_equal(json_integer_value(total), cases[i].first + cases[i].second);
        else
            assert_true(json_is_null(total));
        json_decref(root);
    }
}

/* Every field that docs/schema/manifest.json requires is there, also in the objects. */
static void
expect_required(const json_t *schema, const json_t *object)
{
    const json_t *required = json_object_get(schema, "required");

    assert_true(json_array_size(required) > 0);
    for (size_t i = 0; i < json_array_size(required); i++) {
        const char *field = json_string_value(json_array_get(required, i));

        assert_non_null(json_object_get(json_object_get(schema, "properties"), field));
        if (json_object_get(object, field) == NULL)
            fail_msg("required, but not written: %s", field);
    }
}

static void
expect_described(const json_t *schema, json_t *object)
{
    const json_t *properties = json_object_get(schema, "properties");
    const char *field;
    json_t *value;

    json_object_foreach(object, field, value) {
        if (json_object_get(properties, field) == NULL)
            fail_msg("written, but not in the schema: %s", field);
    }
}

static void
manifest_and_schema_have_the_same_fields(void **state)
{
    json_error_t error;
    json_t *schema = json_load_file(AKS_SOURCE_FOLDER "/docs/schema/manifest.json",
        JSON_REJECT_DUPLICATES, &error);
    const json_t *object_schema;
    const json_t *properties;
    struct aks_manifest manifest;
    json_t *object;
    json_t *root;

    if (schema == NULL)
        fail_msg("docs/schema/manifest.json, line %d: %s", error.line, error.text);
    fill_head(&manifest, aks_alloc_system());
    assert_int_equal(add(&manifest, "a", "gzip", 5, NULL), AKS_OK);
    root = written(&manifest);
    object = json_array_get(json_object_get(root, "objects"), 0);
    properties = json_object_get(schema, "properties");
    object_schema = json_object_get(json_object_get(schema, "$defs"), "object");

    expect_required(schema, root);
    expect_described(schema, root);
    expect_required(json_object_get(properties, "uploader"), json_object_get(root, "uploader"));
    expect_described(json_object_get(properties, "metadata"), json_object_get(root, "metadata"));
    expect_required(object_schema, object);
    expect_described(object_schema, object);
    expect_required(json_object_get(json_object_get(object_schema, "properties"), "snapshot"),
        json_object_get(object, "snapshot"));
    assert_string_equal(json_string_value(json_object_get(json_object_get(properties, "format"),
        "const")), AKS_MANIFEST_FORMAT);
    json_decref(root);
    json_decref(schema);
}

static void
manifest_takes_10000_objects_and_no_more(void **state)
{
    struct aks_manifest manifest;
    struct aks_manifest again;
    struct aks_error err = { 0 };
    struct aks_buf out;
    char name[32];

    fill_head(&manifest, aks_alloc_system());
    for (int i = 0; i < AKS_MANIFEST_OBJECTS_MAX; i++) {
        (void)snprintf(name, sizeof(name), "file-%d", i);
        assert_int_equal(add(&manifest, name, "zstd", i, &err), AKS_OK);
    }
    assert_int_equal(add(&manifest, "one-more", "zstd", 1, &err), AKS_LIMIT);
    assert_int_equal(manifest.object_count, AKS_MANIFEST_OBJECTS_MAX);
    aks_buf_init(&out, aks_alloc_system(), AKS_MANIFEST_BYTES_MAX);
    assert_int_equal(aks_manifest_write(&manifest, &out, &err), AKS_OK);
    aks_manifest_init(&again, aks_alloc_system());
    if (aks_manifest_read(out.data, out.len, &again, &err) != AKS_OK)
        fail_msg("%s", err.message);
    assert_int_equal(again.object_count, AKS_MANIFEST_OBJECTS_MAX);
    assert_string_equal(again.objects[9999].name, "file-9999");
    aks_manifest_fini(&again);
    aks_manifest_fini(&manifest);
    aks_buf_fini(&out);
}

static void
manifest_over_a_buffer_that_is_too_small_is_a_limit(void **state)
{
    struct aks_manifest manifest;
    struct aks_error err = { 0 };
    struct aks_buf out;

    fill_head(&manifest, aks_alloc_system());
    for (size_t max = 1; max < 700; max += 37) {
        aks_buf_init(&out, aks_alloc_system(), max);
        if (aks_manifest_write(&manifest, &out, &err) != AKS_OK)
            assert_int_equal(err.status, AKS_LIMIT);
        else
            assert_true(out.len <= max);
        aks_buf_fini(&out);
    }
    aks_manifest_fini(&manifest);
}

/* Adding refuses what reading would refuse, so nothing is written that cannot be read. */
static void
manifest_refuses_objects_that_could_not_be_read(void **state)
{
    struct aks_manifest manifest;
    struct aks_error err = { 0 };
    struct texts texts;
    struct aks_manifest_object object;

    fill_head(&manifest, aks_alloc_system());
    assert_int_equal(add(&manifest, "a/b", "zstd", 1, &err), AKS_INTERNAL);
    assert_string_equal(err.message, "manifest, objects[0].name: has other characters than "
        "letters, digits, '-', '_' and '.'");
    assert_int_equal(add(&manifest, "a..b", "zstd", 1, &err), AKS_INTERNAL);
    assert_int_equal(add(&manifest, "", "zstd", 1, &err), AKS_INTERNAL);
    assert_int_equal(add(&manifest, "a", "lz4", 1, &err), AKS_INTERNAL);
    assert_int_equal(add(&manifest, "a", "zstd", -1, &err), AKS_INTERNAL);
    object = object_of(&texts, "a", "zstd");
    memset(texts.name, 'n', 255);
    texts.name[255] = '\0';
    assert_int_equal(aks_manifest_add(&manifest, &object, &err), AKS_OK);
    (void)snprintf(texts.key, sizeof(texts.key), "systems/s/u/%s.zst", texts.name);
    assert_int_equal(aks_manifest_add(&manifest, &object, &err), AKS_INTERNAL);
    assert_string_equal(err.message, "manifest, objects[1].key: is over 255 bytes long");
    object = object_of(&texts, "b", "zstd");
    (void)snprintf(texts.source_name, sizeof(texts.source_name), "/\xFF");
    assert_int_equal(aks_manifest_add(&manifest, &object, &err), AKS_INTERNAL);
    assert_string_equal(err.message, "manifest, objects[1].source_name: is no UTF-8");
    assert_int_equal(manifest.object_count, 1);
    aks_manifest_fini(&manifest);
}

static void
manifest_refuses_to_write_what_could_not_be_read(void **state)
{
    struct aks_manifest manifest;
    struct aks_error err = { 0 };
    struct aks_buf out;

    aks_buf_init(&out, aks_alloc_system(), 1 << 16);
    aks_manifest_init(&manifest, aks_alloc_system());
    assert_int_equal(aks_manifest_write(&manifest, &out, &err), AKS_INTERNAL);
    assert_string_equal(err.message, "manifest, system_id: is empty");
    fill_head(&manifest, aks_alloc_system());
    manifest.system_id[0] = '.';
    assert_int_equal(aks_manifest_write(&manifest, &out, &err), AKS_INTERNAL);
    manifest.system_id[0] = 'l';
    assert_int_equal(add(&manifest, "a", "zstd", 1, &err), AKS_OK);
    assert_int_equal(add(&manifest, "b", "zstd", 1, &err), AKS_OK);
    assert_int_equal(add(&manifest, "a", "gzip", 1, &err), AKS_OK);
    assert_int_equal(aks_manifest_write(&manifest, &out, &err), AKS_INTERNAL);
    assert_string_equal(err.message, "manifest: the object name a comes twice");
    assert_int_equal(out.len, 0);
    aks_manifest_fini(&manifest);
    aks_buf_fini(&out);
}

static int
write_and_read(void *ctx, const struct aks_alloc *alloc)
{
    struct aks_manifest manifest;
    struct aks_manifest again;
    enum aks_status status = AKS_OK;
    struct aks_buf out;
    char name[16];

    (void)ctx;
    fill_head(&manifest, alloc);
    aks_manifest_init(&again, alloc);
    aks_buf_init(&out, alloc, 1 << 16);
    if (manifest.system_id == NULL || manifest.upload_id == NULL ||
        manifest.uploader_version == NULL)
        goto out;
    for (int i = 0; i < 10 && status == AKS_OK; i++) {
        (void)snprintf(name, sizeof(name), "f%d", i);
        status = add(&manifest, name, "gzip", 1, NULL);
    }
    if (status == AKS_OK)
        status = aks_manifest_write(&manifest, &out, NULL);
    if (status == AKS_OK)
        status = aks_manifest_read(out.data, out.len, &again, NULL);
    if (status == AKS_OK)
        assert_int_equal(again.object_count, 10);

out:
    aks_buf_fini(&out);
    aks_manifest_fini(&again);
    aks_manifest_fini(&manifest);
    return status == AKS_OK || status == AKS_LIMIT ? 0 : 1;
}

static void
manifest_survives_any_allocation_that_fails(void **state)
{
    failing_alloc_loop(write_and_read, NULL, 400);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(manifest_is_written_byte_for_byte_as_agreed),
        cmocka_unit_test(manifest_reads_back_what_was_written),
        cmocka_unit_test(manifest_may_hold_nothing),
        cmocka_unit_test(manifest_tells_akosha_the_format_of_the_most_objects),
        cmocka_unit_test(manifest_tells_akosha_no_total_that_it_would_refuse),
        cmocka_unit_test(manifest_and_schema_have_the_same_fields),
        cmocka_unit_test(manifest_takes_10000_objects_and_no_more),
        cmocka_unit_test(manifest_over_a_buffer_that_is_too_small_is_a_limit),
        cmocka_unit_test(manifest_refuses_objects_that_could_not_be_read),
        cmocka_unit_test(manifest_refuses_to_write_what_could_not_be_read),
        cmocka_unit_test(manifest_survives_any_allocation_that_fails),
    };

    return cmocka_run_group_tests_name("manifest", tests, NULL, NULL);
}
