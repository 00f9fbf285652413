#include "os/http_curl_internal.h"

#include "base/check.h"

#include <arpa/inet.h>
#include <limits.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Seconds. Cloud storage answers from many addresses that change within minutes, and hangs up on
 * idle connections after some tens of seconds. */
#define NAMES_KEPT_S 60L
#define CONNECTIONS_KEPT_S 20L
/* Routers on the way forget a silent connection after a few minutes. */
#define KEEPALIVE_IDLE_S 30L
#define KEEPALIVE_INTERVAL_S 15L
/* More gains nothing (measured up to 2 MiB) and each request has its own. */
#define UPLOAD_BUFFER_BYTES (128L * 1024)
#define DOWNLOAD_BUFFER_BYTES (64L * 1024)

/* Takes the URL apart with the parser that will be used to send, so that both see the same host. */
static enum aks_status
check_url(struct aks_http_call *call, struct aks_error *err)
{
    CURLU *parsed = curl_url();
    char *scheme = NULL;
    char *host = NULL;
    char *port = NULL;
    enum aks_status status = AKS_OK;
    CURLUcode code;

    if (parsed == NULL)
        return aks_error_memory(err, "reading a URL");
    code = curl_url_set(parsed, CURLUPART_URL, call->request.url,
        CURLU_PATH_AS_IS | CURLU_DISALLOW_USER);
    if (code == CURLUE_OK)
        code = curl_url_get(parsed, CURLUPART_SCHEME, &scheme, 0);
    if (code == CURLUE_OK)
        code = curl_url_get(parsed, CURLUPART_HOST, &host, 0);
    if (code != CURLUE_OK) {
        /* Its text is not shown: a query may hold a signature, a user part a password. */
        status = aks_error_set(err, code == CURLUE_OUT_OF_MEMORY ? AKS_LIMIT : AKS_SETTINGS,
            "cannot use the URL of a request: %s", curl_url_strerror(code));
        goto out;
    }
    (void)curl_url_get(parsed, CURLUPART_PORT, &port, 0);
    (void)snprintf(call->origin, sizeof(call->origin), "%s://%s%s%s", scheme, host,
        port != NULL ? ":" : "", port != NULL ? port : "");
    call->tls = strcmp(scheme, "https") == 0;
    call->loopback = aks_http_loopback(host);
    /* Literal addresses, so there is no name that could lead elsewhere. */
    call->metadata = call->request.metadata && aks_http_metadata(host);
    if (!call->tls && strcmp(scheme, "http") != 0)
        status = aks_error_set(err, AKS_SETTINGS, "cannot send to %s: only https:// can be used, "
            "and http:// to this machine", call->origin);
    else if (!call->tls && !call->loopback && !call->metadata)
        status = aks_error_set(err, AKS_SETTINGS, "cannot send to %s: plain http is for this "
            "machine only (127.0.0.1, [::1], localhost)", call->origin);
out:
    curl_free(port);
    curl_free(host);
    curl_free(scheme);
    curl_url_cleanup(parsed);
    return status;
}

enum aks_status
aks_http_curl_request_check(struct aks_http_call *call, struct aks_error *err)
{
    const struct aks_http_request *request = &call->request;
    enum aks_status status;

    status = aks_http_request_check(request, err);
    return status == AKS_OK ? check_url(call, err) : status;
}

/* A server that refuses a body answers and hangs up, and the next bytes that we send make the
 * kernel say "connection reset" before libcurl has read the answer. So what has arrived is read
 * first. Once for each piece, as it may be nothing but a TLS ticket. */
static bool
must_listen(const struct aks_http_call *call)
{
    return call->paused_offset != call->read_offset && aks_http_curl_sockets_readable(call->fd);
}

/* May bytes go now? If so, *len is cut to how many. The time for which they are held up is none in
 * which nothing happens. */
static bool
gate_open(struct aks_http_call *call, size_t *len)
{
    const struct aks_http_gate *gate = call->request.gate;
    int64_t now_ns = call->engine->clock->now_ns(call->engine->clock->ctx);

    if (call->granted == 0)
        call->granted = gate->take(gate->ctx, *len, &call->granted_at_ns);
    if (call->granted_at_ns > now_ns) {
        call->held = true;
        if (call->active_ns < call->granted_at_ns)
            call->active_ns = call->granted_at_ns;
        return false;
    }
    if (*len > call->granted)
        *len = call->granted;
    return true;
}

/* libcurl asks for the next bytes of the body. */
static size_t
read_body(char *buffer, size_t size, size_t count, void *arg)
{
    struct aks_http_call *call = arg;
    const struct aks_body *body = call->request.body;
    int64_t left = aks_http_call_body_bytes(call) - call->read_offset;
    size_t len = size * count;
    size_t got = 0;
    enum aks_status status;

    if (left <= 0 || len == 0)
        return 0;
    if ((int64_t)len > left)
        len = (size_t)left;
    if (call->request.gate != NULL && !gate_open(call, &len))
        return CURL_READFUNC_PAUSE;
    status = body->read(body->ctx, call->read_offset, buffer, len, &got, &call->reply.error);
    if (status != AKS_OK) {
        call->reply.transport = status;
        return CURL_READFUNC_ABORT;
    }
    AKS_CHECK(got > 0 && got <= len);
    if (must_listen(call)) {
        call->paused = true;
        call->paused_offset = call->read_offset;
        return CURL_READFUNC_PAUSE;
    }
    call->read_offset += (int64_t)got;
    if (call->request.gate != NULL)
        call->granted -= got;
    return got;
}

void
aks_http_curl_request_resume(struct aks_http_call *call, int64_t now_ns)
{
    bool opens = call->held && call->granted_at_ns <= now_ns;

    if (!call->paused && !opens)
        return;
    call->paused = false;
    call->held = false;
    (void)curl_easy_pause(call->easy, CURLPAUSE_CONT);
}

/* A reused connection had died: libcurl sends all again on a new one. */
static int
seek_body(void *arg, curl_off_t offset, int origin)
{
    struct aks_http_call *call = arg;

    if (origin != SEEK_SET || offset < 0 || offset > aks_http_call_body_bytes(call))
        return CURL_SEEKFUNC_FAIL;
    call->read_offset = offset;
    return CURL_SEEKFUNC_OK;
}

/* libcurl prepares TLS as soon as it is connected, and not before; its times do not tell the two
 * apart. */
static CURLcode
begin_handshake(CURL *easy, void *context, void *arg)
{
    struct aks_http_call *call = arg;

    call->shaking_hands = true;
    /* SSLKEYLOGFILE in the environment makes libcurl write down what opens every connection. */
    if (call->engine->openssl)
        SSL_CTX_set_keylog_callback(context, NULL);
    return CURLE_OK;
}

/* Name, connection and TLS are done; the request goes out now. */
static int
begin_sending(void *arg, char *remote_ip, char *local_ip, int remote_port, int local_port)
{
    struct aks_http_call *call = arg;

    call->connected_ns = call->engine->clock->now_ns(call->engine->clock->ctx);
    call->active_ns = call->connected_ns;
    call->fd = -1;
    if (aks_http_call_body_bytes(call) > 0)
        call->fd = aks_http_curl_sockets_find(call->engine, remote_ip, remote_port, local_port);
    call->paused_offset = -1;
    call->sent_all_ns = 0;
    call->uploaded_before += call->uploaded;
    call->uploaded = 0;
    return CURL_PREREQFUNC_OK;
}

void
aks_http_curl_request_note(struct aks_http_call *call, int64_t now_ns)
{
    int64_t bytes = aks_http_call_body_bytes(call);
    curl_off_t uploaded = 0;

    if (bytes == 0 || call->connected_ns == 0
        || curl_easy_getinfo(call->easy, CURLINFO_SIZE_UPLOAD_T, &uploaded) != CURLE_OK
        || uploaded == call->uploaded)
        return;
    call->uploaded = uploaded;
    if (call->active_ns < now_ns)
        call->active_ns = now_ns;
    if (uploaded >= bytes)
        call->sent_all_ns = now_ns;
}

static bool
append_header(struct aks_http_call *call, const char *name, const char *separator,
    const char *value)
{
    const struct aks_alloc *alloc = call->engine->alloc;
    char *line = aks_mem_printf(alloc, "%s%s%s", name, separator, value);
    struct curl_slist *list = NULL;

    if (line != NULL) {
        list = curl_slist_append(call->headers, line);
        explicit_bzero(line, strlen(line));
        aks_mem_free(alloc, line);
    }
    if (list != NULL)
        call->headers = list;
    return list != NULL;
}

static enum aks_status
make_headers(struct aks_http_call *call, struct aks_error *err)
{
    const struct aks_http_request *request = &call->request;
    bool accept = false;
    bool fine = true;

    for (size_t i = 0; i < request->header_count && fine; i++) {
        const struct aks_http_header *header = &request->headers[i];

        accept = accept || strcasecmp(header->name, "Accept") == 0;
        /* In libcurl's words "Name;" is a header without a value, and "Name:" is none at all. */
        if (header->value[0] == '\0')
            fine = append_header(call, header->name, ";", "");
        else
            fine = append_header(call, header->name, ": ", header->value);
    }
    /* What libcurl would add. Expect costs a second with servers that do not know it. */
    fine = fine && append_header(call, "Expect", ":", "");
    if (!accept)
        fine = fine && append_header(call, "Accept", ":", "");
    return fine ? AKS_OK : aks_error_memory(err, "preparing a request");
}

void
aks_http_curl_request_wipe(struct aks_http_call *call)
{
    for (struct curl_slist *item = call->headers; item != NULL; item = item->next)
        explicit_bzero(item->data, strlen(item->data));
    curl_slist_free_all(call->headers);
    call->headers = NULL;
}

/* Sets one option unless an earlier one has failed. */
#define SET(option, value) \
    do { \
        if (code == CURLE_OK) \
            code = curl_easy_setopt(call->easy, (option), (value)); \
    } while (0)

static CURLcode
set_connection(struct aks_http_call *call)
{
    const struct aks_http_request *request = &call->request;
    int64_t connect_ms = request->connect_timeout_ms;
    CURLcode code = CURLE_OK;

    /* 0 would be libcurl's own 300 s. */
    if (connect_ms <= 0 || connect_ms > INT_MAX)
        connect_ms = INT_MAX;
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)connect_ms);
    SET(CURLOPT_NOSIGNAL, 1L);
    /* A resolver's thread that hangs is left behind, not waited for. */
    SET(CURLOPT_QUICK_EXIT, 1L);
    SET(CURLOPT_DNS_CACHE_TIMEOUT, NAMES_KEPT_S);
    SET(CURLOPT_MAXAGE_CONN, CONNECTIONS_KEPT_S);
    SET(CURLOPT_TCP_KEEPALIVE, 1L);
    SET(CURLOPT_TCP_KEEPIDLE, KEEPALIVE_IDLE_S);
    SET(CURLOPT_TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S);
    SET(CURLOPT_UPLOAD_BUFFERSIZE, UPLOAD_BUFFER_BYTES);
    SET(CURLOPT_BUFFERSIZE, DOWNLOAD_BUFFER_BYTES);
    SET(CURLOPT_FRESH_CONNECT, request->fresh_connection ? 1L : 0L);
    SET(CURLOPT_OPENSOCKETFUNCTION, aks_http_curl_sockets_open);
    SET(CURLOPT_OPENSOCKETDATA, call);
    SET(CURLOPT_PREREQFUNCTION, begin_sending);
    SET(CURLOPT_PREREQDATA, call);
    /* Else libcurl's: https_proxy and no_proxy. */
    if (call->loopback || call->request.metadata)
        SET(CURLOPT_PROXY, "");
    return code;
}

static CURLcode
set_security(struct aks_http_call *call)
{
    CURLcode code = CURLE_OK;

    /* Most are what libcurl does anyway; they are said so that no version of it does otherwise. */
    SET(CURLOPT_PROTOCOLS_STR, call->tls ? "https" : "http");
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_UNRESTRICTED_AUTH, 0L);
    SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    SET(CURLOPT_HEADEROPT, (long)CURLHEADER_SEPARATE);
    SET(CURLOPT_HTTP09_ALLOWED, 0L);
    SET(CURLOPT_ACCEPT_ENCODING, NULL);
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    SET(CURLOPT_PROXY_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_PROXY_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_PROXY_SSL_VERIFYHOST, 2L);
    if (call->request.pins != NULL)
        SET(CURLOPT_PINNEDPUBLICKEY, call->request.pins);
    SET(CURLOPT_SSL_CTX_FUNCTION, begin_handshake);
    SET(CURLOPT_SSL_CTX_DATA, call);
    SET(CURLOPT_SHARE, call->engine->share);
    if (call->request.ca_file != NULL)
        SET(CURLOPT_CAINFO, call->request.ca_file);
    /* libcurl keeps a parsed bundle only where no folder of certificates stands beside it. */
    if (call->request.ca_file != NULL || call->engine->system_ca_file)
        SET(CURLOPT_CAPATH, NULL);
    return code;
}

static CURLcode
set_request(struct aks_http_call *call)
{
    const struct aks_http_request *request = &call->request;
    bool uploads = aks_http_call_body_bytes(call) > 0 || strcmp(request->method, "PUT") == 0
        || strcmp(request->method, "POST") == 0 || strcmp(request->method, "PATCH") == 0;
    CURLcode code = CURLE_OK;

    SET(CURLOPT_URL, request->url);
    SET(CURLOPT_PATH_AS_IS, 1L);
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_USERAGENT, "akosha-sync/" AKS_VERSION);
    SET(CURLOPT_HTTPHEADER, call->headers);
    if (uploads) {
        SET(CURLOPT_UPLOAD, 1L);
        SET(CURLOPT_INFILESIZE_LARGE, (curl_off_t)aks_http_call_body_bytes(call));
        SET(CURLOPT_READFUNCTION, read_body);
        SET(CURLOPT_READDATA, call);
        SET(CURLOPT_SEEKFUNCTION, seek_body);
        SET(CURLOPT_SEEKDATA, call);
    } else if (strcmp(request->method, "HEAD") == 0) {
        SET(CURLOPT_NOBODY, 1L);
    }
    SET(CURLOPT_CUSTOMREQUEST, request->method);
    return code;
}

static CURLcode
set_reply(struct aks_http_call *call)
{
    CURLcode code = CURLE_OK;

    SET(CURLOPT_ERRORBUFFER, call->curl_words);
    SET(CURLOPT_PRIVATE, call);
    SET(CURLOPT_NOPROGRESS, 1L);
    SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    SET(CURLOPT_HEADERFUNCTION, aks_http_curl_reply_header);
    SET(CURLOPT_HEADERDATA, call);
    SET(CURLOPT_WRITEFUNCTION, aks_http_curl_reply_body);
    SET(CURLOPT_WRITEDATA, call);
    return code;
}

enum aks_status
aks_http_curl_request_prepare(struct aks_http_call *call, struct aks_error *err)
{
    enum aks_status status = make_headers(call, err);
    CURLcode code;

    if (status != AKS_OK)
        return status;
    call->easy = curl_easy_init();
    if (call->easy == NULL)
        return aks_error_memory(err, "preparing a request");
    code = set_connection(call);
    if (code == CURLE_OK)
        code = set_security(call);
    if (code == CURLE_OK)
        code = set_request(call);
    if (code == CURLE_OK)
        code = set_reply(call);
    if (code == CURLE_OUT_OF_MEMORY)
        return aks_error_memory(err, "preparing a request");
    if (code != CURLE_OK)
        return aks_error_set(err, AKS_INTERNAL, "cannot prepare a request to %s: %s", call->origin,
            curl_easy_strerror(code));
    return AKS_OK;
}
