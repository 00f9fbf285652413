#include "engine/upload_id.h"

#include "base/encode.h"
#include "base/units.h"
#include "engine/target_key.h"
#include "wire/dates.h"

#include <stdio.h>
#include <string.h>

#define RANDOM_BYTES 3
#define LEVEL "/" AKS_TARGET_KEY_LEVEL "/"
/* 9999-12-31T23:59:59Z: there is no later id. */
#define LAST_MS INT64_C(253402300799000)

int64_t
aks_upload_id_ms(const char *id)
{
    char iso[32];
    int64_t ms;

    if (strlen(id) < AKS_UPLOAD_ID_STAMP_LEN || id[8] != 'T' || id[15] != 'Z')
        return -1;
    (void)snprintf(iso, sizeof(iso), "%.4s-%.2s-%.2sT%.2s:%.2s:%.2sZ", id, id + 4, id + 6, id + 9,
        id + 11, id + 13);
    return aks_date_parse_iso(iso, strlen(iso), &ms) ? ms : -1;
}

/* The time of an id that follows ${id}, if that is later than ${now_ms}. */
static int64_t
later_than(const char *id, int64_t now_ms)
{
    int64_t ms = id != NULL ? aks_upload_id_ms(id) : -1;

    if (ms < 0 || ms >= LAST_MS || ms / AKS_MS_PER_S < now_ms / AKS_MS_PER_S)
        return now_ms;
    return ms + AKS_MS_PER_S;
}

enum aks_status
aks_upload_id_new(const struct aks_port *port, struct aks_state *state, const char *after,
    char ret_id[AKS_UPLOAD_ID_BYTES], struct aks_error *err)
{
    char newest[AKS_UPLOAD_ID_BYTES];
    char date[AKS_DATE_BYTES];
    uint8_t random[RANDOM_BYTES];
    char hex[2 * RANDOM_BYTES + 1];
    int64_t ms = port->clock.wall_ms(port->clock.ctx);
    enum aks_status status = aks_state_newest_upload(state, newest, err);

    if (status == AKS_OK)
        status = port->entropy.fill(port->entropy.ctx, random, sizeof(random), err);
    if (status != AKS_OK)
        return status;
    ms = later_than(newest, ms);
    ms = later_than(after, ms);
    aks_hex_encode(random, sizeof(random), hex);
    (void)snprintf(ret_id, AKS_UPLOAD_ID_BYTES, "%.20s-%s", aks_date_compact(ms, date), hex);
    return AKS_OK;
}

void
aks_upload_id_of_key(const char *key, char ret_id[AKS_UPLOAD_ID_BYTES])
{
    const char *system = strchr(key, '/');
    const char *id = system != NULL ? strchr(system + 1, '/') : NULL;
    size_t len;

    if (id != NULL && strncmp(id, LEVEL, sizeof(LEVEL) - 1) == 0)
        id += sizeof(LEVEL) - 2;
    len = id != NULL ? strcspn(id + 1, "/") : 0;
    ret_id[0] = '\0';
    if (len > 0 && len < AKS_UPLOAD_ID_BYTES && id[1 + len] == '/')
        (void)snprintf(ret_id, AKS_UPLOAD_ID_BYTES, "%.*s", (int)len, id + 1);
}
