/* What the files of the module share. http_curl.c moves calls on, _request.c tells libcurl what to
 * send, _sockets.c opens its connections, _reply.c takes what comes back, _verdict.c says how it
 * ended. */
#ifndef AKS_OS_HTTP_CURL_INTERNAL_H
#define AKS_OS_HTTP_CURL_INTERNAL_H

#include "base/alloc.h"
#include "base/buf.h"
#include "os/http_module.h"

#include <curl/curl.h>
#include <stdbool.h>

/* "https://" and a host name of 253 bytes at most, and a port. */
#define AKS_HTTP_ORIGIN_BYTES 300

/* Twice what is in flight and idle at most; a connection that is pushed out of the list loses a
 * nicety (see must_listen), nothing else. */
#define AKS_HTTP_SOCKETS_KEPT 64

struct aks_http_engine {
    const struct aks_alloc *alloc;
    const struct aks_clock *clock;
    /* One for everything: connections, names and the parsed CA bundle (25 ms each time it is read)
     * belong to it. */
    CURLM *multi;
    /* TLS sessions: libcurl before 8.12 keeps them with each request, where they are of no use. */
    CURLSH *share;
    struct aks_http_call *active;
    struct aks_http_call *finished;         /* in the order in which they ended */
    struct aks_http_call *finished_last;
    int sockets[AKS_HTTP_SOCKETS_KEPT];     /* opened last, maybe closed since; -1: none */
    unsigned socket_next;
    bool system_ca_file;                    /* libcurl knows one, so the folder can be left out */
    bool openssl;                           /* it is libcurl's TLS */
    bool in_turn;                           /* inside libcurl: neither submit nor cancel now */
};

enum aks_http_state { AKS_HTTP_ACTIVE, AKS_HTTP_FINISHED, AKS_HTTP_DELIVERING };

struct aks_http_call {
    struct aks_http_engine *engine;
    struct aks_http_call *prev;
    struct aks_http_call *next;
    enum aks_http_state state;
    CURL *easy;
    struct curl_slist *headers;
    struct aks_http_request request;        /* what it points to is the caller's */
    aks_http_done *done;
    void *done_ctx;
    char origin[AKS_HTTP_ORIGIN_BYTES];     /* for people: paths and queries may hold secrets */
    bool tls;
    bool loopback;
    bool metadata;                          /* allowed to be asked, and one of those addresses */
    char curl_words[CURL_ERROR_SIZE];

    /* Where it stands. Times are 0 for: not yet. */
    int64_t begun_ns;
    int64_t connected_ns;                   /* name, connection and TLS are done */
    int64_t sent_all_ns;
    int64_t active_ns;                      /* the last byte, either way */
    bool opened;                            /* a socket was, so the name is known */
    bool shaking_hands;                     /* connected, and TLS has begun */
    int fd;                                 /* of the connection while sending a body, else -1 */
    bool paused;                            /* the server has something to say before we go on */
    int64_t paused_offset;                  /* where in the body that was last; -1: nowhere */
    size_t granted;                         /* bytes of the body that the gate lets through, */
    int64_t granted_at_ns;                  /* from then on */
    bool held;                              /* we wait for that */
    int64_t read_offset;                    /* of the body, in this attempt */
    int64_t uploaded_before;                /* of the body, in earlier attempts */
    int64_t uploaded;                       /* of the body, in this attempt */

    /* What came back. */
    bool headers_done;
    bool interim;                           /* what comes now belongs to none that counts */
    unsigned interims;
    unsigned trailers;                      /* header lines after a body */
    int64_t arrived;                        /* bytes of the reply that counts, */
    int64_t arrived_noted;                  /* when active_ns was last set for them */
    int64_t enough_ns;                      /* since when what has come is enough; 0: it is not */
    struct aks_buf header_text;             /* name NUL value NUL, and so on */
    struct aks_http_header *reply_headers;  /* into header_text, made at the end */
    struct aks_http_reply reply;
};

static inline int64_t
aks_http_call_body_bytes(const struct aks_http_call *call)
{
    return call->request.body != NULL ? call->request.body->bytes : 0;
}

/** AKS_SETTINGS or AKS_LIMIT for what may not be sent; fills origin and tls. */
enum aks_status aks_http_curl_request_check(struct aks_http_call *call, struct aks_error *err);
/** Makes the easy handle. The headers are in libcurl's hands until it is removed. */
enum aks_status aks_http_curl_request_prepare(struct aks_http_call *call, struct aks_error *err);
/** Wipes and frees the header list. */
void aks_http_curl_request_wipe(struct aks_http_call *call);
/** Goes on with a body that was held up to hear the server, or by a gate that is open now. */
void aks_http_curl_request_resume(struct aks_http_call *call, int64_t now_ns);
/** Looks how far the body has gone. */
void aks_http_curl_request_note(struct aks_http_call *call, int64_t now_ns);

/** Callback of libcurl. */
curl_socket_t aks_http_curl_sockets_open(void *arg, curlsocktype purpose,
    struct curl_sockaddr *address);
/** The descriptor of a connection, or -1. */
int aks_http_curl_sockets_find(const struct aks_http_engine *engine, const char *remote_ip,
    int remote_port, int local_port);
/** Has something arrived, be it the end? */
bool aks_http_curl_sockets_readable(int fd);

/** Callbacks of libcurl. */
size_t aks_http_curl_reply_header(char *data, size_t size, size_t count, void *arg);
size_t aks_http_curl_reply_body(char *data, size_t size, size_t count, void *arg);
/** Makes reply.headers out of what was gathered. */
void aks_http_curl_reply_finish(struct aks_http_call *call);

/** Records why we end a call ourselves, unless something was recorded before. */
void aks_http_curl_verdict_fail(struct aks_http_call *call, enum aks_status status,
    const char *why, ...) __attribute__((format(printf, 3, 4)));
/** When the call has run out of time, INT64_MAX for never. */
int64_t aks_http_curl_verdict_deadline_ns(const struct aks_http_call *call);
/** Records the time-out that has come; of a reply of which enough is there, none. */
void aks_http_curl_verdict_expire(struct aks_http_call *call);
/** Fills transport, error and phase from what libcurl said. */
void aks_http_curl_verdict_settle(struct aks_http_call *call, CURLcode code);

#endif
