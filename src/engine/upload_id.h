/* Ids of uploads, "20261123T084512Z-3f9a2c": wall clock and entropy. Their order is that of
 * uploads: what is asked for as the newest is the last of them. A clock that stepped back, or two
 * uploads within a second, would break it: so an id that is made is always later, by its time,
 * than every one that this machine knows of. */
#ifndef AKS_ENGINE_UPLOAD_ID_H
#define AKS_ENGINE_UPLOAD_ID_H

#include "base/error.h"
#include "engine/state.h"
#include "port/port.h"

#define AKS_UPLOAD_ID_BYTES 32
#define AKS_UPLOAD_ID_STAMP_LEN 16      /* "20261123T084512Z": the time in it */

/** The time in ${id}, or -1 if it is of another form. */
int64_t aks_upload_id_ms(const char *id);
/** A new id: of now, or a second later than ${after} (NULL, or any text) or the newest one in
 * ${state}, whichever is last. What lies so far ahead that no date follows it does not count. */
enum aks_status aks_upload_id_new(const struct aks_port *port, struct aks_state *state,
    const char *after, char ret_id[AKS_UPLOAD_ID_BYTES], struct aks_error *err);
/** The upload in whose folder the object ${key} ("systems/laptop/20261123.../name") lies, so that
 * it was brought by it: later manifests name what has not changed by its earlier key. "" if there
 * is none. */
void aks_upload_id_of_key(const char *key, char ret_id[AKS_UPLOAD_ID_BYTES]);

#endif
