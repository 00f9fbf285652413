#include "engine/target_s3_place.h"

#include "base/check.h"
#include "engine/credentials_profile.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char *
get(const struct aks_port *port, const char *name)
{
    const char *value = port->environment.get(port->environment.ctx, name);

    return value != NULL && value[0] != '\0' ? value : NULL;
}

/* The first of ${names} that is set, up to a NULL. */
static const char *
first_set(const struct aks_port *port, const char *const *names, const char **ret_name)
{
    for (size_t i = 0; names[i] != NULL; i++) {
        const char *value = get(port, names[i]);

        *ret_name = names[i];
        if (value != NULL)
            return value;
    }
    return NULL;
}

/* A region becomes part of a host name: nothing else may come in with it. */
static bool
valid_region(const char *region)
{
    size_t len = strlen(region);

    if (len == 0 || len >= AKS_S3_REGION_BYTES)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (!isalnum((unsigned char)region[i]) && region[i] != '-' && region[i] != '_')
            return false;
    }
    return true;
}

/* An address whose path is signed as it stands, so it must mean the same raw and encoded. */
static enum aks_status
check_path(const struct aks_url *url, const char *text, struct aks_error *err)
{
    for (const char *c = url->path; *c != '\0'; c++) {
        if (!isalnum((unsigned char)*c) && strchr("-._~/", *c) == NULL)
            return aks_error_set(err, AKS_SETTINGS, "endpoint %s: the path has `%c` in it", text,
                *c);
    }
    return AKS_OK;
}

static enum aks_status
parse_address(struct aks_s3_place *place, const char *text, struct aks_error *err)
{
    struct aks_url server;
    char with_bucket[AKS_URL_BYTES_MAX];
    enum aks_status status = aks_url_parse(text, &server, err);

    if (status == AKS_OK)
        status = check_path(&server, text, err);
    if (status != AKS_OK)
        return status;
    if (place->path_style) {
        place->url = server;
        return AKS_OK;
    }
    if (snprintf(with_bucket, sizeof(with_bucket), "%s://%s.%s%s", server.tls ? "https" : "http",
            place->settings->bucket, server.authority, server.path) >= (int)sizeof(with_bucket))
        return aks_error_set(err, AKS_SETTINGS, "endpoint %s is too long", text);
    status = aks_url_parse(with_bucket, &place->url, err);
    if (status != AKS_OK)
        aks_error_hint(err,
            "with `path_style = true` the bucket stands in the path, not in the host");
    return status;
}

static enum aks_status
take_address(struct aks_s3_place *place, struct aks_error *err)
{
    char text[AKS_S3_REGION_BYTES + 64];

    if (place->endpoint != NULL)
        return parse_address(place, place->endpoint, err);
    /* China is a partition with a domain of its own. */
    (void)snprintf(text, sizeof(text), "https://s3.%s.amazonaws.com%s", place->region,
        strncmp(place->region, "cn-", 3) == 0 ? ".cn" : "");
    return parse_address(place, text, err);
}

enum aks_status
aks_s3_place_region(struct aks_s3_place *place, const char *region, struct aks_error *err)
{
    if (!valid_region(region))
        return aks_error_set(err, AKS_SETTINGS, "\"%.100s\" is no region's name", region);
    memmove(place->region, region, strlen(region) + 1);
    return take_address(place, err);
}

static enum aks_status
find_endpoint(struct aks_s3_place *place, const struct aks_port *port, struct aks_error *err)
{
    static const char *const names[] = { "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", NULL };
    const char *ignore = get(port, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS");
    const char *name = NULL;
    struct aks_url url;
    enum aks_status status;

    place->endpoint = place->settings->endpoint;
    if (place->endpoint != NULL || (ignore != NULL && strcasecmp(ignore, "true") == 0))
        return AKS_OK;
    place->endpoint = first_set(port, names, &name);
    if (place->endpoint == NULL)
        return AKS_OK;
    status = aks_url_parse(place->endpoint, &url, err);
    if (status != AKS_OK)
        (void)aks_error_wrap(err, "%s", name);
    return status;
}

/* The region to begin with: as set; where AWS's own address is made of it also what AWS's
 * tools would take. */
static enum aks_status
find_region(struct aks_s3_place *place, const struct aks_port *port, struct aks_error *err)
{
    static const char *const names[] = { "AWS_REGION", "AWS_DEFAULT_REGION", NULL };
    const char *region = place->settings->region;
    const char *name = "region";
    char of_profile[AKS_S3_REGION_BYTES] = "";
    enum aks_status status;

    if (strcmp(region, "auto") == 0) {
        region = place->endpoint == NULL ? first_set(port, names, &name) : NULL;
        /* Files that cannot be read are the credentials' to complain about. */
        if (region == NULL && place->endpoint == NULL) {
            (void)aks_profile_region(port, aks_profile_name(port, place->settings->credentials),
                of_profile, sizeof(of_profile), NULL);
            name = "region of the profile";
            region = of_profile[0] != '\0' ? of_profile : NULL;
        }
        place->region_open = region == NULL;
    }
    status = aks_s3_place_region(place, region != NULL ? region : AKS_S3_REGION_FIRST, err);
    if (status != AKS_OK && region != NULL)
        (void)aks_error_wrap(err, "%s", name);
    return status;
}

enum aks_status
aks_s3_place_init(struct aks_s3_place *place, const struct aks_port *port,
    const struct aks_target_settings *settings, struct aks_error *err)
{
    static const char *const ca_names[] = {
        "AWS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE", NULL
    };
    const char *name;
    enum aks_status status;

    memset(place, 0, sizeof(*place));
    place->settings = settings;
    status = find_endpoint(place, port, err);
    if (status != AKS_OK)
        return status;
    /* A wildcard certificate covers one label: a bucket with dots cannot be a virtual host. */
    place->path_style = settings->path_style == -1
        ? place->endpoint != NULL || strchr(settings->bucket, '.') != NULL
        : settings->path_style == 1;
    place->ca_file = settings->ca_file != NULL ? settings->ca_file
        : first_set(port, ca_names, &name);
    return find_region(place, port, err);
}

void
aks_s3_place_path(const struct aks_s3_place *place, const char *key, struct aks_buf *out)
{
    aks_buf_puts(out, place->url.path);
    aks_buf_putc(out, '/');
    if (place->path_style)
        aks_buf_puts(out, place->settings->bucket);
    if (key == NULL)
        return;
    if (place->path_style)
        aks_buf_putc(out, '/');
    aks_buf_puts(out, place->settings->prefix);
    aks_buf_puts(out, key);
}

struct aks_target_settings
aks_s3_place_settings(const struct aks_s3_place *place)
{
    struct aks_target_settings settings = *place->settings;

    /* The identity only reads it. */
    settings.endpoint = (char *)(uintptr_t)place->endpoint;
    return settings;
}
