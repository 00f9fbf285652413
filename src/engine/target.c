#include "engine/target.h"

#include "base/check.h"
#include "base/encode.h"
#include "engine/target_key.h"
#include "port/files.h"
#include "wire/url.h"

#include <stdio.h>
#include <string.h>

/* Hashed one by one first, so that no two lists of fields can run together into the same text. */
#define IDENTITY_FIELDS_MAX 6

struct identity {
    uint8_t digests[IDENTITY_FIELDS_MAX][AKS_SHA256_BYTES];
    size_t count;
};

const struct aks_target_class *
aks_target_class_of(enum aks_target_kind kind)
{
    static const struct aks_target_class *const classes[] = {
        &aks_target_s3, &aks_target_http, &aks_target_dir, &aks_target_akosha
    };

    AKS_CHECK((unsigned)kind < sizeof(classes) / sizeof(classes[0]));
    return classes[kind];
}

bool
aks_target_delivers_rows(enum aks_target_kind kind)
{
    return aks_target_class_of(kind)->rows != NULL;
}

static void
add_field(struct identity *identity, const char *text)
{
    AKS_CHECK(identity->count < IDENTITY_FIELDS_MAX);
    aks_sha256(text, strlen(text), identity->digests[identity->count++]);
}

static void
add_text(struct identity *identity, const char *text)
{
    add_field(identity, text != NULL ? text : "");
}

/* As servers see it: case of the host and a default port make no other place. */
static void
add_url(struct identity *identity, const char *text)
{
    char same[AKS_URL_HOST_BYTES + AKS_URL_BYTES_MAX + 32];
    struct aks_url url;

    if (text == NULL || aks_url_parse(text, &url, NULL) != AKS_OK) {
        add_text(identity, text);
        return;
    }
    (void)snprintf(same, sizeof(same), "%s://%s%s", url.tls ? "https" : "http", url.authority,
        url.path);
    add_field(identity, same);
}

static void
add_path(struct identity *identity, const char *path, const char *home)
{
    char expanded[2 * AKS_PATH_BYTES];
    size_t len;

    if (path == NULL || strncmp(path, "~/", 2) != 0)
        (void)snprintf(expanded, sizeof(expanded), "%s", path != NULL ? path : "");
    else
        (void)snprintf(expanded, sizeof(expanded), "%s%s", home, path + 1);
    for (len = strlen(expanded); len > 1 && expanded[len - 1] == '/'; len--)
        expanded[len - 1] = '\0';
    add_field(identity, expanded);
}

void
aks_target_identity(const struct aks_target_settings *settings, const char *home,
    const char *system_id, char ret_identity[AKS_SHA256_HEX_BYTES])
{
    struct identity identity = { 0 };
    uint8_t digest[AKS_SHA256_BYTES];

    add_field(&identity, aks_target_kind_name(settings->kind));
    add_text(&identity, system_id);
    switch (settings->kind) {
    case AKS_TARGET_S3:
        add_url(&identity, settings->endpoint);
        add_text(&identity, settings->bucket);
        add_text(&identity, settings->prefix);
        break;
    case AKS_TARGET_HTTP:
    case AKS_TARGET_AKOSHA:
        add_url(&identity, settings->url);
        break;
    case AKS_TARGET_DIR:
        add_path(&identity, settings->path, home);
        break;
    }
    /* What lies in one layout is not to be found in the other. */
    if (settings->layout == AKS_LAYOUT_ORIGINAL)
        add_field(&identity, AKS_TARGET_KEY_LEVEL);
    aks_sha256(identity.digests, identity.count * AKS_SHA256_BYTES, digest);
    aks_hex_encode(digest, sizeof(digest), ret_identity);
}
