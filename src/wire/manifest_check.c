/* Akosha's rules (names in `files`, ids) are the stricter ones, so they are kept for our fields
 * too: a name that passes here is safe as a file name and as a segment of a key. */
#include "wire/manifest_internal.h"

#include <stdlib.h>
#include <string.h>

static bool
is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool
only(const char *text, const char *extra)
{
    for (; *text != '\0'; text++) {
        if (!is_alnum(*text) && strchr(extra, *text) == NULL)
            return false;
    }
    return true;
}

static const char *
check_name(const char *name)
{
    if (name[0] == '\0')
        return "is empty";
    if (strlen(name) > AKS_MANIFEST_NAME_MAX)
        return "is over 255 bytes long";
    if (!only(name, "-_."))
        return "has other characters than letters, digits, '-', '_' and '.'";
    if (strstr(name, "..") != NULL || strcmp(name, ".") == 0)
        return "has '..' or is '.'";
    return NULL;
}

const char *
aks_manifest_check_stored_name(const char *key)
{
    const char *slash = strrchr(key, '/');

    return slash != NULL ? slash + 1 : key;
}

static const char *
check_key(const char *key)
{
    if (key[0] == '\0')
        return "is empty";
    if (strlen(key) > AKS_MANIFEST_KEY_MAX)
        return "is over 1024 bytes long";
    if (key[0] == '/')
        return "begins with '/'";
    if (!only(key, "-_./"))
        return "has other characters than letters, digits, '-', '_', '.' and '/'";
    if (strstr(key, "..") != NULL)
        return "has '..'";
    if (strstr(key, "//") != NULL || strstr(key, "/./") != NULL || strncmp(key, "./", 2) == 0)
        return "has a segment that is empty or '.'";
    return check_name(aks_manifest_check_stored_name(key));
}

/* kind, role, snapshot.method: later versions may have more of them than this one. */
static const char *
check_word(const char *word)
{
    if (word[0] == '\0')
        return "is empty";
    if (strlen(word) > AKS_MANIFEST_WORD_MAX)
        return "is over 32 bytes long";
    for (const char *p = word; *p != '\0'; p++) {
        if (!is_alnum(*p) && *p != '_' && *p != '-')
            return "has other characters than letters, digits, '-' and '_'";
    }
    return NULL;
}

static const char *
check_codec(const char *codec)
{
    static const char *const codecs[] = { "none", "gzip", "zstd" };

    for (size_t i = 0; i < sizeof(codecs) / sizeof(codecs[0]); i++) {
        if (strcmp(codec, codecs[i]) == 0)
            return NULL;
    }
    return "is none of none, gzip and zstd";
}

static const char *
check_digest(const char *digest)
{
    size_t len = strspn(digest, "0123456789abcdef");

    return len == AKS_MANIFEST_DIGEST_DIGITS && digest[len] == '\0' ? NULL
        : "is no 64 hex digits";
}

/* The length of the character of UTF-8 (RFC 3629) that stands there, or 0. */
static size_t
utf8_length(const unsigned char *at)
{
    size_t len = at[0] < 0x80 ? 1 : at[0] < 0xC2 ? 0 : at[0] < 0xE0 ? 2 : at[0] < 0xF0 ? 3
        : at[0] < 0xF5 ? 4 : 0;

    for (size_t i = 1; i < len; i++) {
        if ((at[i] & 0xC0) != 0x80)
            return 0;
    }
    if ((at[0] == 0xE0 && at[1] < 0xA0) || (at[0] == 0xED && at[1] > 0x9F) ||
        (at[0] == 0xF0 && at[1] < 0x90) || (at[0] == 0xF4 && at[1] > 0x8F))
        return 0;
    return len;
}

static const char *
check_source_name(const char *name)
{
    const unsigned char *at = (const unsigned char *)name;

    if (name[0] == '\0')
        return "is empty";
    if (strlen(name) > AKS_MANIFEST_SOURCE_MAX)
        return "is over 12288 bytes long";
    while (*at != '\0') {
        size_t len = utf8_length(at);

        if (len == 0)
            return "is no UTF-8";
        at += len;
    }
    return NULL;
}

static const char *
check_count(int64_t count)
{
    return count < 0 ? "is negative" : NULL;
}

const char *
aks_manifest_check_object(const struct aks_manifest_object *object, const char **ret_field)
{
    const struct {
        const char *field;
        const char *why;
    } checks[] = {
        { "name", check_name(object->name) },
        { "key", check_key(object->key) },
        { "source_name", check_source_name(object->source_name) },
        { "kind", check_word(object->kind) },
        { "role", check_word(object->role) },
        { "bytes", check_count(object->bytes) },
        { "sha256", check_digest(object->sha256) },
        { "codec", check_codec(object->codec) },
        { "stored_bytes", check_count(object->stored_bytes) },
        { "stored_sha256", check_digest(object->stored_sha256) },
        { "part_bytes", check_count(object->part_bytes) },
        { "parts", check_count(object->parts) },
        { "snapshot.method", check_word(object->snapshot_method) },
        { "snapshot.taken_at", check_count(object->taken_at_ms) },
    };

    for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
        if (checks[i].why != NULL) {
            *ret_field = checks[i].field;
            return checks[i].why;
        }
    }
    return NULL;
}

static const char *
check_id(const char *id, const char *extra)
{
    if (id == NULL || id[0] == '\0')
        return "is empty";
    if (strlen(id) > AKS_MANIFEST_ID_MAX)
        return "is over 100 bytes long";
    if (!only(id, extra) || strstr(id, "..") != NULL)
        return "has characters that Akosha does not take";
    return NULL;
}

static const char *
check_version(const char *version)
{
    if (version == NULL || version[0] == '\0')
        return "is empty";
    if (strlen(version) > AKS_MANIFEST_VERSION_MAX)
        return "is over 64 bytes long";
    return only(version, "-_.+~") ? NULL : "has characters that no version has";
}

static const char *
check_optional_digest(const char *digest)
{
    return digest[0] == '\0' ? NULL : check_digest(digest);
}

const char *
aks_manifest_check_head(const struct aks_manifest *manifest, const char **ret_field)
{
    const struct {
        const char *field;
        const char *why;
    } checks[] = {
        { "system_id", check_id(manifest->system_id, "-_") },
        { "upload_id", check_id(manifest->upload_id, "-_.") },
        { "uploader.version", check_version(manifest->uploader_version) },
        { "uploaded_at", check_count(manifest->uploaded_at_ms) },
        { "policy_sha256", check_optional_digest(manifest->policy_sha256) },
        { "audit_head", check_optional_digest(manifest->audit_head) },
    };

    for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
        if (checks[i].why != NULL) {
            *ret_field = checks[i].field;
            return checks[i].why;
        }
    }
    return NULL;
}

static int
compare_names(const void *a, const void *b)
{
    const struct aks_manifest_object *const *left = a;
    const struct aks_manifest_object *const *right = b;

    return strcmp((*left)->name, (*right)->name);
}

const char *
aks_manifest_wal_suffix(const char *kind)
{
    if (strcmp(kind, "duckdb") == 0)
        return ".wal";
    return strcmp(kind, "sqlite") == 0 ? "-wal" : NULL;
}

/* Is ${main} called as the database of ${wal}, whose name without its ending is so long? */
static int
compare_main(const struct aks_manifest_object *wal, size_t len,
    const struct aks_manifest_object *main)
{
    int order = strncmp(wal->name, main->name, len);

    return order != 0 ? order : -(main->name[len] != '\0');
}

/* Why the log ${wal} cannot stand among ${objects}, which are in the order of their names; NULL if
 * it can. */
static const char *
check_wal(const struct aks_manifest_object *wal, const struct aks_manifest_object *const *objects,
    size_t count)
{
    const char *suffix = aks_manifest_wal_suffix(wal->kind);
    size_t suffix_len = suffix != NULL ? strlen(suffix) : 0;
    size_t len = strlen(wal->name);
    size_t from = 0;

    if (suffix == NULL)
        return "is a log of a kind that has none";
    if (len <= suffix_len || strcmp(wal->name + len - suffix_len, suffix) != 0)
        return "is a log that is not called as one";
    len -= suffix_len;
    while (from < count) {
        size_t middle = from + (count - from) / 2;
        const struct aks_manifest_object *main = objects[middle];
        int order = compare_main(wal, len, main);

        if (order == 0)
            return strcmp(main->role, "main") == 0 && strcmp(main->kind, wal->kind) == 0 &&
                strcmp(main->source_name, wal->source_name) == 0 ? NULL
                : "is a log of another file than the one of its name";
        if (order < 0)
            count = middle;
        else
            from = middle + 1;
    }
    return "is a log without its database";
}

enum aks_status
aks_manifest_check_together(const struct aks_manifest *manifest, enum aks_status status,
    struct aks_error *err)
{
    size_t count = manifest->object_count;
    const struct aks_manifest_object **objects = aks_mem_array(manifest->alloc, count,
        sizeof(*objects));
    enum aks_status result = AKS_OK;

    if (objects == NULL)
        return aks_error_memory(err, "checking a manifest");
    for (size_t i = 0; i < count; i++)
        objects[i] = &manifest->objects[i];
    qsort(objects, count, sizeof(*objects), compare_names);
    for (size_t i = 1; i < count && result == AKS_OK; i++) {
        if (strcmp(objects[i - 1]->name, objects[i]->name) == 0)
            result = aks_error_set(err, status, "manifest: the object name %s comes twice",
                objects[i]->name);
    }
    for (size_t i = 0; i < count && result == AKS_OK; i++) {
        const char *why = strcmp(objects[i]->role, "wal") == 0
            ? check_wal(objects[i], objects, count) : NULL;

        if (why != NULL)
            result = aks_error_set(err, status, "manifest: %s %s", objects[i]->name, why);
    }
    aks_mem_free(manifest->alloc, objects);
    return result;
}
