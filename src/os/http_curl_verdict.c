#include "os/http_curl_internal.h"

#include "base/units.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Why a call ended, in words of ours. */
#define WHY_BYTES 512

void
aks_http_curl_verdict_fail(struct aks_http_call *call, enum aks_status status, const char *why, ...)
{
    char text[WHY_BYTES];
    va_list args;

    if (call->reply.transport != AKS_OK)
        return;
    va_start(args, why);
    (void)vsnprintf(text, sizeof(text), why, args);
    va_end(args);
    call->reply.transport = aks_error_set(&call->reply.error, status, "%s %s: %s",
        call->request.method, call->origin, text);
}

/* 0 for no limit. */
static int64_t
after(int64_t start_ns, int64_t timeout_ms)
{
    if (timeout_ms <= 0 || timeout_ms > (INT64_MAX - start_ns) / AKS_NS_PER_MS)
        return INT64_MAX;
    return start_ns + timeout_ms * AKS_NS_PER_MS;
}

/* When the answer must have begun; it is owed from the last byte of the body on. */
static int64_t
answer_deadline_ns(const struct aks_http_call *call)
{
    bool body = aks_http_call_body_bytes(call) > 0;
    int64_t start_ns = body ? call->sent_all_ns : call->connected_ns;

    if (call->connected_ns == 0 || start_ns == 0 || call->reply.status != 0)
        return INT64_MAX;
    return after(start_ns, call->request.answer_timeout_ms);
}

static int64_t
stall_deadline_ns(const struct aks_http_call *call)
{
    if (call->connected_ns == 0)
        return INT64_MAX;
    return after(call->active_ns, call->request.stall_timeout_ms);
}

int64_t
aks_http_curl_verdict_deadline_ns(const struct aks_http_call *call)
{
    int64_t answer_ns = answer_deadline_ns(call);
    int64_t stall_ns = stall_deadline_ns(call);

    if (call->enough_ns != 0)
        return after(call->enough_ns, AKS_HTTP_REPLY_REST_MS);
    return answer_ns < stall_ns ? answer_ns : stall_ns;
}

void
aks_http_curl_verdict_expire(struct aks_http_call *call)
{
    if (call->enough_ns != 0)
        return;
    if (answer_deadline_ns(call) <= stall_deadline_ns(call))
        aks_http_curl_verdict_fail(call, AKS_TIMEOUT, "no answer within %lld ms",
            (long long)call->request.answer_timeout_ms);
    else
        aks_http_curl_verdict_fail(call, AKS_STALLED, call->reply.status != 0
            ? "next to nothing of the reply arrived for %lld ms"
            : "no byte went either way for %lld ms", (long long)call->request.stall_timeout_ms);
}

static enum aks_http_phase
phase_of(const struct aks_http_call *call)
{
    if (call->reply.status != 0)
        return AKS_HTTP_REPLY;
    if (call->connected_ns != 0)
        return aks_http_call_body_bytes(call) > 0 && call->sent_all_ns == 0 ? AKS_HTTP_SEND
            : AKS_HTTP_ANSWER;
    if (!call->opened)
        return AKS_HTTP_NAME;
    return call->shaking_hands ? AKS_HTTP_TLS : AKS_HTTP_CONNECT;
}

/* libcurl's own words where it has some. They tell names and addresses, never headers. */
static const char *
words(const struct aks_http_call *call, CURLcode code)
{
    return call->curl_words[0] != '\0' ? call->curl_words : curl_easy_strerror(code);
}

static bool
no_route(long number)
{
    return number == ENETUNREACH || number == EHOSTUNREACH || number == ENETDOWN
        || number == EHOSTDOWN || number == EADDRNOTAVAIL;
}

static long
os_errno(const struct aks_http_call *call)
{
    long number = 0;

    (void)curl_easy_getinfo(call->easy, CURLINFO_OS_ERRNO, &number);
    return number;
}

static void
settle_connect(struct aks_http_call *call, CURLcode code)
{
    long number = os_errno(call);

    if (number == ECONNREFUSED)
        aks_http_curl_verdict_fail(call, AKS_REFUSED, "the connection was refused");
    else if (number == ETIMEDOUT)
        aks_http_curl_verdict_fail(call, AKS_CONNECT_TIMEOUT, "the connection was not answered");
    else if (number != 0)
        aks_http_curl_verdict_fail(call, AKS_OFFLINE, "cannot connect: %s", strerror((int)number));
    else
        aks_http_curl_verdict_fail(call, AKS_REFUSED, "%s", words(call, code));
}

/* libcurl's time-outs are those of getting connected. */
static void
settle_timeout(struct aks_http_call *call, enum aks_http_phase phase)
{
    long long ms = (long long)call->request.connect_timeout_ms;

    switch (phase) {
    case AKS_HTTP_NAME:
        aks_http_curl_verdict_fail(call, AKS_DNS, "the name was not resolved within %lld ms", ms);
        break;
    case AKS_HTTP_CONNECT:
        aks_http_curl_verdict_fail(call, AKS_CONNECT_TIMEOUT, "not connected within %lld ms", ms);
        break;
    case AKS_HTTP_TLS:
        aks_http_curl_verdict_fail(call, AKS_TIMEOUT, "the TLS handshake did not finish within "
            "%lld ms", ms);
        break;
    case AKS_HTTP_SEND:
    case AKS_HTTP_ANSWER:
    case AKS_HTTP_REPLY:
    case AKS_HTTP_DONE:
        aks_http_curl_verdict_fail(call, AKS_TIMEOUT, "timed out");
        break;
    }
}

static bool
has(const char *text, const char *words)
{
    return strstr(text, words) != NULL;
}

/* A handshake that somebody cuts is a bad line, not a bad certificate. libcurl has one code for
 * both and tells them apart in its words only. */
static void
settle_handshake(struct aks_http_call *call, CURLcode code)
{
    static const char *const cuts[] = { "SSL_ERROR_SYSCALL", "Connection reset", "Broken pipe",
        "unexpected eof" };
    const char *text = words(call, code);

    if (call->reply.transport != AKS_OK)
        return;
    for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
        if (has(text, cuts[i])) {
            aks_http_curl_verdict_fail(call, AKS_BAD_REPLY, "the connection was cut during the TLS "
                "handshake");
            return;
        }
    }
    aks_http_curl_verdict_fail(call, AKS_TLS, "%s", text);
    if (has(text, "protocol version") || has(text, "unsupported protocol"))
        aks_error_hint(&call->reply.error, "the server speaks nothing newer than TLS 1.1, which is "
            "broken: have 1.2 or 1.3 switched on there");
    else if (has(text, "wrong version number") || has(text, "http request"))
        aks_error_hint(&call->reply.error, "what answers there speaks no TLS: check the port of "
            "the address");
}

static void
settle_certificate(struct aks_http_call *call, CURLcode code)
{
    const char *text = words(call, code);

    if (call->reply.transport != AKS_OK)
        return;
    aks_http_curl_verdict_fail(call, AKS_TLS, "%s", text);
    if (code == CURLE_SSL_CACERT_BADFILE)
        aks_error_hint(&call->reply.error, "is %s a file of PEM certificates that you may read?",
            call->request.ca_file != NULL ? call->request.ca_file : "the system's bundle");
    else if (has(text, "expired") || has(text, "not yet valid"))
        aks_error_hint(&call->reply.error, "renew the server's certificate, or set this machine's "
            "clock");
    else if (has(text, "issuer") || has(text, "self"))
        aks_error_hint(&call->reply.error, "if the server's certificate comes from a CA of your "
            "own, name that CA's file in the target's ca");
    else if (has(text, "does not match") || has(text, "matches target host name"))
        aks_error_hint(&call->reply.error, "the certificate is another host's: check the address, "
            "or have this name put into the certificate");
}

/* The key that the server has is not told: whoever stands in between would have it copied into the
 * policy. */
static void
settle_pin(struct aks_http_call *call)
{
    if (call->reply.transport != AKS_OK)
        return;
    aks_http_curl_verdict_fail(call, AKS_TLS, "the server's public key is none of those that "
        "the target's pin names");
    aks_error_hint(&call->reply.error, "somebody may stand in between; if the server has a new "
        "key, get its pin from whoever runs it, and put it beside the old one");
}

/* Cut while sending or while receiving. */
static void
settle_cut(struct aks_http_call *call, CURLcode code)
{
    long number = os_errno(call);

    if (number == ETIMEDOUT)
        aks_http_curl_verdict_fail(call, AKS_STALLED, "the other side does not answer any more");
    else if (no_route(number))
        aks_http_curl_verdict_fail(call, AKS_OFFLINE, "the network went away: %s",
            strerror((int)number));
    else if (call->tls && has(words(call, code), "SSL routines"))
        aks_http_curl_verdict_fail(call, AKS_BAD_REPLY, "what came through TLS was changed on the "
            "way, or is no TLS: %s", words(call, code));
    else
        aks_http_curl_verdict_fail(call, AKS_BAD_REPLY, "%s", words(call, code));
}

/* Before 8.6 libcurl says the same of a header that is longer than it takes. */
static void
settle_memory(struct aks_http_call *call)
{
    if (call->connected_ns != 0)
        aks_http_curl_verdict_fail(call, AKS_BAD_REPLY, "the reply has a header longer than "
            "libcurl takes, or memory ran out");
    else
        aks_http_curl_verdict_fail(call, AKS_LIMIT, "out of memory");
}

/* CURLcode has about a hundred values; those that HTTP can end in are named, all others are
 * ours. */
static void
settle_code(struct aks_http_call *call, CURLcode code)
{
    switch ((int)code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
        aks_http_curl_verdict_fail(call, AKS_DNS, "%s", words(call, code));
        break;
    case CURLE_COULDNT_CONNECT:
        settle_connect(call, code);
        break;
    case CURLE_OPERATION_TIMEDOUT:
        settle_timeout(call, phase_of(call));
        break;
    case CURLE_SSL_CONNECT_ERROR:
        settle_handshake(call, code);
        break;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
        settle_certificate(call, code);
        break;
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
        settle_pin(call);
        break;
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_SEND_FAIL_REWIND:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL:    /* a reply that is no HTTP/1: schemes were checked before */
    case CURLE_PROXY:
        settle_cut(call, code);
        break;
    case CURLE_OUT_OF_MEMORY:
        settle_memory(call);
        break;
    default:
        /* Some codes come up only where a reply has nonsense in it: CURLE_TOO_LARGE (from 8.6),
         * CURLE_BAD_FUNCTION_ARGUMENT of a trailer without a colon. */
        aks_http_curl_verdict_fail(call, call->connected_ns != 0 ? AKS_BAD_REPLY : AKS_INTERNAL,
            "%s", words(call, code));
        break;
    }
}

/* An error that the server sent while the body was still going out, and then hung up: what it said
 * counts, not how it hung up. */
static bool
refused_midway(const struct aks_http_call *call, CURLcode code)
{
    return call->reply.transport == AKS_OK && call->reply.status >= 300 && call->headers_done
        && (code == CURLE_SEND_ERROR || code == CURLE_RECV_ERROR || code == CURLE_PARTIAL_FILE)
        && call->uploaded < aks_http_call_body_bytes(call);
}

void
aks_http_curl_verdict_settle(struct aks_http_call *call, CURLcode code)
{
    bool ended = code == CURLE_OK || call->enough_ns != 0 || refused_midway(call, code);

    if (call->reply.transport == AKS_OK && ended && call->reply.status != 0) {
        call->reply.phase = AKS_HTTP_DONE;
        return;
    }
    if (code == CURLE_OK)
        aks_http_curl_verdict_fail(call, AKS_BAD_REPLY, "the reply has no status");
    else
        settle_code(call, code);
    /* A bundle that cannot be loaded ends the handshake before it begins. */
    call->reply.phase = call->reply.transport == AKS_TLS ? AKS_HTTP_TLS : phase_of(call);
}
