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
compare_strings(const void *a, const void *b)
{
    const char *const *left = a;
    const char *const *right = b;

    return strcmp(*left, *right);
}

enum aks_status
aks_manifest_check_unique(const struct aks_manifest *manifest, enum aks_status status,
    struct aks_error *err)
{
    const char **names = aks_mem_array(manifest->alloc, manifest->object_count, sizeof(*names));
    const char *twice = NULL;

    if (names == NULL)
        return aks_error_memory(err, "checking a manifest");
    for (size_t i = 0; i < manifest->object_count; i++)
        names[i] = manifest->objects[i].name;
    qsort(names, manifest->object_count, sizeof(*names), compare_strings);
    for (size_t i = 1; i < manifest->object_count && twice == NULL; i++) {
        if (strcmp(names[i - 1], names[i]) == 0)
            twice = names[i];
    }
    aks_mem_free(manifest->alloc, names);
    if (twice == NULL)
        return AKS_OK;
    return aks_error_set(err, status, "manifest: the object name %s comes twice", twice);
}
