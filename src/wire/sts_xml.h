/* Answers of AWS STS (docs.aws.amazon.com/STS/latest/APIReference/, version 2011-06-15), as AWS,
 * MinIO and others give them. Hostile input, as S3's (wire/s3_xml.h). */
#ifndef AKS_WIRE_STS_XML_H
#define AKS_WIRE_STS_XML_H

#include "base/error.h"
#include "wire/s3_xml.h"

#include <stddef.h>

/* AWS names no limit for a session token and asks to take 4096 bytes. */
#define AKS_STS_XML_BYTES_MAX (64 * 1024)

/* An element of <Credentials>; ${text} is wiped when the reader returns. */
typedef enum aks_status aks_sts_xml_text(void *ctx, const char *name, const char *text,
    struct aks_error *err);

/** Calls ${each} for what is in <XResponse>/<XResult>/<Credentials>. AKS_BAD_REPLY for anything
 * that is no such answer, or has a text that is too long. */
enum aks_status aks_sts_xml_credentials(const char *xml, size_t len, aks_sts_xml_text *each,
    void *ctx, struct aks_error *err);
/** <ErrorResponse>/<Error>, or <Error> alone: code, message and request id. AKS_BAD_REPLY if it is
 * no XML, AKS_NOT_FOUND if it is no error. */
enum aks_status aks_sts_xml_error(const char *xml, size_t len, struct aks_s3_error *ret_error,
    struct aks_error *err);

#endif
