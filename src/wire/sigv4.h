/* AWS Signature Version 4 for S3, header form
 * (docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html). */
#ifndef AKS_WIRE_SIGV4_H
#define AKS_WIRE_SIGV4_H

#include "base/alloc.h"
#include "base/buf.h"
#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

#define AKS_SIGV4_HEADERS_MAX 32
#define AKS_SIGV4_QUERY_MAX 16
/* A key has 1024 bytes at most (three times that encoded), a session token some 2000. */
#define AKS_SIGV4_CANONICAL_BYTES_MAX (64 * 1024)
#define AKS_SIGV4_SECRET_BYTES_MAX 512
#define AKS_SIGV4_KEY_BYTES 32
#define AKS_SIGV4_HEX_BYTES 65      /* a signature in hex, with the NUL */

struct aks_sigv4_pair {
    const char *name;
    const char *value;
};

/* Borrowed. Everything raw: the signer encodes. */
struct aks_sigv4_request {
    const char *method;
    /* Path with the key's raw bytes, beginning with '/': encoded once, '/' kept, nothing
     * collapsed. */
    const char *path;
    const struct aks_sigv4_pair *query;     /* in any order; value "" for a valueless one */
    size_t query_count;
    const struct aks_sigv4_pair *headers;   /* all to be signed: host, x-amz-*, content-type ... */
    size_t header_count;
    const char *payload_hash;               /* as in x-amz-content-sha256 */
};

struct aks_sigv4_key {
    const char *access_key;
    const char *secret_key;
    const char *region;
    const char *service;                    /* "s3", "sts" */
};

/* Every function that can fail: AKS_LIMIT over one of the limits above or without memory,
 * AKS_AUTH_INVALID for an access key or secret that is empty or cannot stand in a header,
 * AKS_SETTINGS for a region, header or method that cannot be sent as it is. Values are never
 * told. */

/** "20130524T000000Z" (17 bytes with the NUL) out of milliseconds since 1970. */
void aks_sigv4_date(int64_t wall_ms, char ret_date[17]);
/** Appends the canonical request to ${out}; for tests, and to explain SignatureDoesNotMatch. */
enum aks_status aks_sigv4_canonical(const struct aks_sigv4_request *request, struct aks_buf *out,
    struct aks_error *err);
/** The key that signs on ${date}'s day. The caller wipes it. */
enum aks_status aks_sigv4_signing_key(const struct aks_sigv4_key *key, const char *date,
    uint8_t ret_key[AKS_SIGV4_KEY_BYTES], struct aks_error *err);
/** The signature alone, in hex. Copies of derived keys are wiped. */
enum aks_status aks_sigv4_signature(const struct aks_alloc *alloc,
    const struct aks_sigv4_request *request, const struct aks_sigv4_key *key, const char *date,
    char ret_hex[AKS_SIGV4_HEX_BYTES], struct aks_error *err);
/** Appends the value of the Authorization header to ${out}. ${date} as aks_sigv4_date gives it and
 * as the request's x-amz-date says. Copies of derived keys are wiped. */
enum aks_status aks_sigv4_authorization(const struct aks_sigv4_request *request,
    const struct aks_sigv4_key *key, const char *date, struct aks_buf *out, struct aks_error *err);
/** Appends the canonical query string ("" without '?'), which is also what goes on the wire. */
enum aks_status aks_sigv4_query(const struct aks_sigv4_pair *query, size_t count,
    struct aks_buf *out, struct aks_error *err);

#endif
