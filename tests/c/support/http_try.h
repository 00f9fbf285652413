/* One request through port/http.h, and a copy of how it ended, for tests to look at. */
#ifndef AKS_TESTS_HTTP_TRY_H
#define AKS_TESTS_HTTP_TRY_H

#include "port/port.h"

#define HTTP_TRY_BODY_BYTES 4096
#define HTTP_TRY_HEADERS_BYTES 8192
#define HTTP_TRY_URL_BYTES 512

struct http_try {
    const struct aks_port *port;
    struct aks_http_request request;    /* change before begin */
    struct aks_http_call *call;
    void (*ended)(struct http_try *try_); /* called from the completion, at its end; may be NULL */
    void *ctx;                          /* of ended */

    /* The body that is sent: byte i is http_try_byte(i). */
    struct aks_body body;
    int64_t fail_at;                    /* the body cannot be read from there on; -1: it can */
    unsigned reads;                     /* of the body */
    char url[HTTP_TRY_URL_BYTES];

    /* How it ended. */
    unsigned done;                      /* completions: 1 is right */
    enum aks_status transport;
    struct aks_error error;
    enum aks_http_phase phase;
    int status;
    int64_t sent_bytes;
    int64_t duration_ns;
    size_t header_count;
    char headers[HTTP_TRY_HEADERS_BYTES]; /* "name=value\n" each */
    size_t body_len;
    char reply[HTTP_TRY_BODY_BYTES];    /* the first bytes of the reply's body, and a NUL */
};

/** A ${method} request without a body or headers, with times that a test never reaches. */
void http_try_init(struct http_try *try_, const struct aks_port *port, const char *method,
    const char *url);
/** Gives it a body. */
void http_try_set_body(struct http_try *try_, int64_t bytes);
unsigned char http_try_byte(int64_t offset);
/** Submits; the status of submit, with the error in try_->error. */
enum aks_status http_try_begin(struct http_try *try_);
/** Waits for the completion. */
void http_try_wait(struct http_try *try_);
/** Both; asserts that it could be submitted. */
void http_try_run(struct http_try *try_);
void http_try_cancel(struct http_try *try_);

#endif
