/* The texts of tus 1.0.0, a protocol for uploads that go on where they stopped
 * (tus.io/protocols/resumable-upload, of 2016-03-25): what a server says of itself, and where it
 * says that an upload is. Pure; what it reads was written by somebody else. */
#ifndef AKS_WIRE_TUS_H
#define AKS_WIRE_TUS_H

#include "base/buf.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AKS_TUS_VERSION "1.0.0"
#define AKS_TUS_CONTENT_TYPE "application/offset+octet-stream"
#define AKS_TUS_CHECKSUM_MISMATCH 460       /* an HTTP status of its own */
#define AKS_TUS_URL_BYTES 2048              /* of an upload's address, with its NUL */
#define AKS_TUS_SERVER_BYTES 80             /* of aks_tus_server_text */

struct aks_tus_server {
    bool terminates;        /* DELETE gives an upload back */
    bool sha256;            /* Upload-Checksum is looked at */
    int64_t bytes_max;      /* of one upload; -1: not said */
};

/** What the headers of an answer to OPTIONS say (each may be NULL). False: the server does not
 * speak this version, or makes no uploads. */
bool aks_tus_read_server(const char *tus_version, const char *tus_extension,
    const char *tus_checksum_algorithm, const char *tus_max_size,
    struct aks_tus_server *ret_server);
/** As text to be remembered, and back; false if it is none. */
const char *aks_tus_server_text(const struct aks_tus_server *server,
    char ret_text[AKS_TUS_SERVER_BYTES]);
bool aks_tus_server_parse(const char *text, struct aks_tus_server *ret_server);
/** The address that "Location: ${location}" means in an answer from ${base}, absolute.
 * AKS_BAD_REPLY where it is none, or of another scheme, host or port: what is sent to ${base} is
 * meant for nobody else. ${location} may be NULL. */
enum aks_status aks_tus_location(const char *base, const char *location,
    char ret_url[AKS_TUS_URL_BYTES], struct aks_error *err);
/** Do both lead to one path? Percent encoding aside; a query is another place. */
bool aks_tus_same_path(const char *url, const char *other);
/** One more pair of Upload-Metadata; ${name} is of letters. */
void aks_tus_metadata(struct aks_buf *out, const char *name, const char *value);

#endif
