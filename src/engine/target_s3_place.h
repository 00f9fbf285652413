/* Where a bucket is: address, style, region, certificates. Out of the settings, the
 * environment and the shared files. */
#ifndef AKS_ENGINE_TARGET_S3_PLACE_H
#define AKS_ENGINE_TARGET_S3_PLACE_H

#include "base/buf.h"
#include "engine/settings.h"
#include "port/port.h"
#include "wire/url.h"

#include <stdbool.h>

#define AKS_S3_REGION_BYTES 64
/* Signed with first where nothing names a region: AWS answers there for every bucket, and most
 * other servers take it or say what they want. */
#define AKS_S3_REGION_FIRST "us-east-1"

struct aks_s3_place {
    const struct aks_target_settings *settings;
    const char *endpoint;               /* one's own, borrowed, or NULL: AWS */
    const char *ca_file;                /* borrowed, or NULL: the system's */
    bool path_style;
    bool region_open;                   /* nobody named one: what is learnt is remembered */
    char region[AKS_S3_REGION_BYTES];
    struct aks_url url;                 /* of the server; virtual host: the bucket's */
};

/** AKS_SETTINGS for an address or a region that cannot be used. Borrows ${settings} and the
 * environment. */
enum aks_status aks_s3_place_init(struct aks_s3_place *place, const struct aks_port *port,
    const struct aks_target_settings *settings, struct aks_error *err);
/** Takes another region, and with it another address at AWS. AKS_SETTINGS if it is no region's
 * name. */
enum aks_status aks_s3_place_region(struct aks_s3_place *place, const char *region,
    struct aks_error *err);
/** Appends the raw path of ${key} (NULL: of the bucket), as it is signed. */
void aks_s3_place_path(const struct aks_s3_place *place, const char *key, struct aks_buf *out);
/** The settings with the endpoint that counts: what tells this place from others. */
struct aks_target_settings aks_s3_place_settings(const struct aks_s3_place *place);

#endif
