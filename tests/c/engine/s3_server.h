/* As much of an S3 server as the contract of targets needs, in memory and behind the http
 * port. It checks the digest of every body, and takes and gives pages of lists of two names. */
#ifndef AKS_TESTS_S3_SERVER_H
#define AKS_TESTS_S3_SERVER_H

#include "base/buf.h"
#include "port/http.h"

#include <stdbool.h>

#define S3_SERVER_OBJECTS_MAX 64
#define S3_SERVER_PARTS_MAX 64
#define S3_SERVER_BUCKET "bkt"

struct s3_stored {
    char key[600];                  /* of a part: "upload id/number" */
    char *data;
    size_t len;
    char nonce[64];
};

struct s3_server {
    struct aks_http http;           /* hand this out */
    struct aks_http_call *calls;
    struct s3_stored objects[S3_SERVER_OBJECTS_MAX];
    struct s3_stored parts[S3_SERVER_PARTS_MAX];
    unsigned uploads;               /* begun so far: their ids */
    uint64_t uploads_open;          /* bit n: the upload "idn" */
};

void s3_server_init(struct s3_server *server);
/** No call may be under way. */
void s3_server_fini(struct s3_server *server);
/** Answers one request; false if there is none. */
bool s3_server_deliver(void *server);
/** NULL if there is none. */
const struct s3_stored *s3_server_object(const struct s3_server *server, const char *key);

#endif
