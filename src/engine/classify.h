/* Every outcome of a request becomes one failure, here and nowhere else (facts: S3's error
 * table). */
#ifndef AKS_ENGINE_CLASSIFY_H
#define AKS_ENGINE_CLASSIFY_H

#include "engine/attempt.h"
#include "port/http.h"
#include "wire/s3_xml.h"

enum aks_dialect { AKS_DIALECT_S3, AKS_DIALECT_HTTP };

/** What ${reply} means. 2xx is AKS_OK, but in dialect S3 a body whose root is <Error> is what
 * that error says. For S3 the Code decides, then the status; bodies that are no XML count by
 * status alone. Retry-After (also x-amz-retry-after, ms) is read. ${what} ("PUT part 2 of
 * reflection.duckdb to cloud") begins the message. ${ret_s3} (or NULL) gets the parsed error.
 * Never AKS_INTERNAL. */
void aks_classify(enum aks_dialect dialect, const struct aks_http_reply *reply, const char *what,
    int64_t wall_ms, struct aks_outcome *ret_outcome, struct aks_s3_error *ret_s3);

#endif
