/* One HTTP/1.1 request and its reply. No redirect is followed, no reply is interpreted, nothing is
 * tried twice on purpose: that is the engine's. TLS, host names, proxies and time-outs are here. */
#ifndef AKS_PORT_HTTP_H
#define AKS_PORT_HTTP_H

#include "base/buf.h"
#include "base/error.h"
#include "port/body.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct aks_http_call;       /* a request under way */

struct aks_http_header {
    const char *name;
    const char *value;
};

#define AKS_HTTP_HEADERS_MAX 64
#define AKS_HTTP_REPLY_HEADERS_MAX 100
#define AKS_HTTP_REPLY_HEADER_BYTES_MAX (64 * 1024)
/* Answers of 100 to 199 before the one that counts; they are no sign of life. */
#define AKS_HTTP_REPLY_INTERIM_MAX 100
/* What has to arrive of a reply within the stall timeout, or the rest of it: a byte now and then
 * keeps nobody waiting. At 30 s that is a line of 4 kbit/s. */
#define AKS_HTTP_REPLY_PACE_BYTES (16 * 1024)

/* Of a reply of which enough has come: how long its end is waited for, so that its connection can
 * be used again. */
#define AKS_HTTP_REPLY_REST_MS 100

/* Of a public key: "sha256//" and 44 characters of base64. */
#define AKS_HTTP_PIN_BYTES 53
#define AKS_HTTP_PINS_MAX 8
#define AKS_HTTP_PINS_BYTES (AKS_HTTP_PINS_MAX * AKS_HTTP_PIN_BYTES)

/* Who says when bytes of bodies may be sent. */
struct aks_http_gate {
    /* How many of ${want} > 0 bytes may be sent at *ret_at_ns (of the clock's now_ns; what has
     * passed means now): at least one. Asked again when these were read; what is not used is lost.
     * On the loop's thread. */
    size_t (*take)(void *ctx, size_t want, int64_t *ret_at_ns);
    void *ctx;
};

/* Borrowed until the completion, all of it. */
struct aks_http_request {
    const char *method;
    /* Absolute; path and query are put on the wire as they stand. http:// only to loopback (literal
     * 127.0.0.0/8, [::1], or localhost, which is then only resolved to loopback): else
     * AKS_SETTINGS. */
    const char *url;
    /* It asks for credentials of this machine: http:// may also go to where its host answers
     * (aks_http_metadata), and no proxy stands in between, whatever the scheme. */
    bool metadata;
    /* Sent as given, in order; no Expect, Accept or Content-Type is added. Host, Content-Length and
     * User-Agent are the port's. */
    const struct aks_http_header *headers;
    size_t header_count;
    const struct aks_body *body;    /* NULL: none (PUT and POST then send Content-Length: 0) */
    const struct aks_http_gate *gate;   /* of the body; NULL: it goes as fast as it can. What the
                                         * gate holds up, does not stall */
    const char *ca_file;            /* PEM bundle instead of the system's; NULL: the system's */
    const char *pins;               /* as of aks_http_pins_valid: the server's public key must be
                                     * one of these, whatever CA vouches for it; not without TLS
                                     * (AKS_SETTINGS). NULL: any */
    /* Times in milliseconds, 0 = no limit. */
    int64_t connect_timeout_ms;     /* until name, connection and TLS are done */
    int64_t answer_timeout_ms;      /* from there until the first byte of the reply, but for
                                     * requests with a body, where it counts from the last byte
                                     * sent */
    int64_t stall_timeout_ms;       /* no byte either way for so long, once connected */
    size_t reply_bytes_max;         /* a longer reply body is AKS_TOO_LARGE */
    /* Called whenever more of the reply's body has come, with all of it that is there: is that
     * enough? Then the reply counts as whole, whether or not the server ever ends it, and what
     * follows is forgotten. Calls no port. NULL: nothing is enough but the end. */
    bool (*enough)(void *ctx, const char *data, size_t len);
    void *enough_ctx;
    bool fresh_connection;          /* never on a reused one: libcurl repeats requests behind our
                                     * back when a reused connection dies without a byte of reply */
};

/* Where a request stood when it ended. */
enum aks_http_phase {
    AKS_HTTP_NAME, AKS_HTTP_CONNECT, AKS_HTTP_TLS, AKS_HTTP_SEND, AKS_HTTP_ANSWER, AKS_HTTP_REPLY,
    AKS_HTTP_DONE
};

/* Owned by the port, borrowed for the completion. */
struct aks_http_reply {
    /* AKS_OK: a whole reply is here, whatever its status says. Else how the transport failed:
     * offline (no route, no interface) dns refused connect_timeout tls timeout stalled bad_reply
     * too_large, or what body->read said. A reply that was cut short is bad_reply. */
    enum aks_status transport;
    struct aks_error error;         /* of transport */
    enum aks_http_phase phase;
    int status;                     /* 0 if no status line arrived; may be there beside a failure */
    const struct aks_http_header *headers;
    size_t header_count;
    struct aks_buf body;
    int64_t sent_bytes;             /* of the body, over all attempts libcurl made */
    int64_t duration_ns;
};

/* On the loop's thread, from aks_events.wait; never from inside submit. */
typedef void aks_http_done(void *ctx, const struct aks_http_reply *reply);

struct aks_http {
    enum aks_status (*submit)(void *ctx, const struct aks_http_request *request,
        aks_http_done *done, void *done_ctx, struct aks_http_call **ret_call,
        struct aks_error *err);
    /* Ends it without a completion. The call is gone afterwards. */
    void (*cancel)(void *ctx, struct aks_http_call *call);
    void *ctx;
};

/** What no port may send, whichever it is: a method that is no token, bytes in the URL that must be
 * encoded, too many headers (AKS_LIMIT), headers that are the port's or would end a line. Values
 * are not shown: they may be secrets. AKS_SETTINGS. */
enum aks_status aks_http_request_check(const struct aks_http_request *request,
    struct aks_error *err);
/** 1 to AKS_HTTP_PINS_MAX times "sha256//BASE64", with ';' between: SHA-256 of a public key in
 * DER (SubjectPublicKeyInfo, RFC 7469 section 2.4). */
bool aks_http_pins_valid(const char *pins);
/** Is it this machine: 127.0.0.0/8, "[::1]", "localhost"? */
bool aks_http_loopback(const char *host);
/** Is it one of the addresses at which a cloud tells a machine or a container its credentials:
 * 169.254.169.254, [fd00:ec2::254] (EC2), 169.254.170.2 (ECS), 169.254.170.23, [fd00:ec2::23]
 * (EKS)? They are on the machine's own link and speak plain http alone. */
bool aks_http_metadata(const char *host);
/** The value of the first header of that name (any case), or NULL. */
const char *aks_http_reply_header(const struct aks_http_reply *reply, const char *name);

#endif
