/* A server that takes PUT, keeps what it got and gives it back, behind the port of HTTP: no socket,
 * no time. Every request is checked for what holds for all of ours. */
#ifndef AKS_TESTS_PUT_SERVER_H
#define AKS_TESTS_PUT_SERVER_H

#include "port/http.h"

#include <stdbool.h>

#define PUT_SERVER_FILES_MAX 64
#define PUT_SERVER_LOG_BYTES 4096

struct put_server_file {
    char *path;
    char *data;
    size_t len;
};

/* What happens to the next requests of a method, in this order. */
struct put_server_fault {
    const char *method;             /* NULL: no more faults */
    int status;                     /* what is answered; 0: nothing, see transport */
    enum aks_status transport;      /* how the connection ends, or AKS_OK */
    bool takes_effect;              /* the request is done all the same: only its answer is lost */
    bool silent;                    /* no answer ever */
    const char *length;             /* Content-Length of the answer, or NULL */
    const char *retry_after;        /* or NULL */
    const char *location;           /* or NULL */
};

struct put_server {
    struct aks_http http;           /* hand this to the code under test */
    const char *base;               /* "https://host/up": every request begins with it */
    bool ignores_conditions;        /* like nginx */
    bool takes_only_put;            /* 405 for everything else */
    const char *token;              /* that must come as Bearer, else 401; NULL: none may come */
    bool repeats_token;             /* a 401 or 403 has it in a header that is shown to people */
    void (*refused)(void *ctx);     /* called before a 401 is answered; may be NULL */
    void *refused_ctx;
    const struct put_server_fault *faults;
    struct put_server_file files[PUT_SERVER_FILES_MAX];
    size_t file_count;
    struct aks_http_call *first;
    unsigned requests;
    unsigned cancelled;
    unsigned authorized;            /* requests that came with the token */
    int64_t body_bytes;             /* of all PUTs */
    char log[PUT_SERVER_LOG_BYTES]; /* "PUT /systems/x if-none-match\n" */
    struct aks_http_request last;   /* its numbers; the pointers are not there any more */
    char ca_file[256];              /* of the last request */
};

void put_server_init(struct put_server *server, const char *base);
/** No request may be under way. */
void put_server_fini(struct put_server *server);
/** Answers one request; false if there is none to answer. */
bool put_server_deliver(void *ctx);
/** What is kept below the base under ${key}, or NULL. */
const struct put_server_file *put_server_find(const struct put_server *server, const char *key);
void put_server_keep(struct put_server *server, const char *key, const void *data, size_t len);

#endif
