#include "os/http_module.h"

#include "base/check.h"
#include "base/units.h"
#include "os/http_curl_internal.h"

#include <limits.h>
#include <string.h>

/* Idle connections that are kept: more than are ever in flight. */
#define CONNECTIONS_MAX 16L

static void
engine_free(struct aks_http_engine *engine)
{
    (void)curl_multi_cleanup(engine->multi);
    (void)curl_share_cleanup(engine->share);
    curl_global_cleanup();
    aks_mem_free(engine->alloc, engine);
}

static enum aks_status
engine_open(const struct aks_alloc *alloc, const struct aks_clock *clock,
    struct aks_http_engine **ret_engine, struct aks_error *err)
{
    struct aks_http_engine *engine = aks_mem_new(alloc, sizeof(*engine));
    const curl_version_info_data *version;

    if (engine == NULL)
        return aks_error_memory(err, "starting libcurl");
    engine->alloc = alloc;
    engine->clock = clock;
    for (unsigned i = 0; i < AKS_HTTP_SOCKETS_KEPT; i++)
        engine->sockets[i] = -1;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0) {
        aks_mem_free(alloc, engine);
        return aks_error_set(err, AKS_INTERNAL, "libcurl does not start");
    }
    version = curl_version_info(CURLVERSION_NOW);
    engine->openssl = version->ssl_version != NULL
        && strstr(version->ssl_version, "OpenSSL") != NULL;
    engine->system_ca_file = version->age >= CURLVERSION_SEVENTH && version->cainfo != NULL;
    engine->multi = curl_multi_init();
    engine->share = curl_share_init();
    if (engine->multi == NULL || engine->share == NULL) {
        engine_free(engine);
        return aks_error_memory(err, "starting libcurl");
    }
    (void)curl_multi_setopt(engine->multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
    (void)curl_multi_setopt(engine->multi, CURLMOPT_MAXCONNECTS, CONNECTIONS_MAX);
    (void)curl_share_setopt(engine->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
    *ret_engine = engine;
    return AKS_OK;
}

static void
call_free(struct aks_http_call *call)
{
    const struct aks_alloc *alloc;

    if (call == NULL)
        return;
    alloc = call->engine->alloc;
    curl_easy_cleanup(call->easy);
    aks_http_curl_request_wipe(call);
    aks_mem_free(alloc, call->reply_headers);
    aks_buf_fini(&call->header_text);
    aks_buf_fini(&call->reply.body);
    aks_mem_free(alloc, call);
}

static void
unlink_active(struct aks_http_call *call)
{
    struct aks_http_engine *engine = call->engine;

    if (call->prev != NULL)
        call->prev->next = call->next;
    else
        engine->active = call->next;
    if (call->next != NULL)
        call->next->prev = call->prev;
    call->prev = NULL;
    call->next = NULL;
}

static void
unlink_finished(struct aks_http_call *call)
{
    struct aks_http_engine *engine = call->engine;

    if (call->prev != NULL)
        call->prev->next = call->next;
    else
        engine->finished = call->next;
    if (call->next != NULL)
        call->next->prev = call->prev;
    else
        engine->finished_last = call->prev;
    call->prev = NULL;
    call->next = NULL;
}

static enum aks_status
engine_submit(struct aks_http_engine *engine, const struct aks_http_request *request,
    aks_http_done *done, void *done_ctx, struct aks_http_call **ret_call, struct aks_error *err)
{
    struct aks_http_call *call;
    enum aks_status status;

    AKS_CHECK(!engine->in_turn);
    call = aks_mem_new(engine->alloc, sizeof(*call));
    if (call == NULL)
        return aks_error_memory(err, "preparing a request");
    call->engine = engine;
    call->request = *request;
    call->done = done;
    call->done_ctx = done_ctx;
    call->fd = -1;
    call->paused_offset = -1;
    aks_buf_init(&call->header_text, engine->alloc, AKS_HTTP_REPLY_HEADER_BYTES_MAX);
    /* One more than allowed, as a buffer without room is none. */
    aks_buf_init(&call->reply.body, engine->alloc, request->reply_bytes_max + 1);
    status = aks_http_curl_request_check(call, err);
    if (status != AKS_OK)
        goto out;
    status = aks_http_curl_request_prepare(call, err);
    if (status != AKS_OK)
        goto out;
    call->begun_ns = engine->clock->now_ns(engine->clock->ctx);
    if (curl_multi_add_handle(engine->multi, call->easy) != CURLM_OK) {
        status = aks_error_memory(err, "preparing a request");
        goto out;
    }
    call->next = engine->active;
    if (call->next != NULL)
        call->next->prev = call;
    engine->active = call;
    *ret_call = call;
    call = NULL;
out:
    call_free(call);
    return status;
}

static void
engine_cancel(struct aks_http_engine *engine, struct aks_http_call *call)
{
    AKS_CHECK(!engine->in_turn);
    AKS_CHECK(call->state != AKS_HTTP_DELIVERING);
    if (call->state == AKS_HTTP_ACTIVE) {
        (void)curl_multi_remove_handle(engine->multi, call->easy);
        unlink_active(call);
    } else {
        unlink_finished(call);
    }
    call_free(call);
}

/* Takes a call out of libcurl's hands and lines it up for its completion. */
static void
finish(struct aks_http_call *call, CURLcode code, int64_t now_ns)
{
    struct aks_http_engine *engine = call->engine;

    aks_http_curl_request_note(call, now_ns);
    aks_http_curl_verdict_settle(call, code);
    call->reply.duration_ns = now_ns - call->begun_ns;
    call->reply.sent_bytes = call->uploaded_before + call->uploaded;
    (void)curl_multi_remove_handle(engine->multi, call->easy);
    unlink_active(call);
    call->state = AKS_HTTP_FINISHED;
    call->prev = engine->finished_last;
    if (engine->finished_last != NULL)
        engine->finished_last->next = call;
    else
        engine->finished = call;
    engine->finished_last = call;
}

static void
collect(struct aks_http_engine *engine, int64_t now_ns)
{
    const CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(engine->multi, &left)) != NULL) {
        CURLcode code = message->data.result;
        char *private = NULL;

        AKS_CHECK(message->msg == CURLMSG_DONE);
        AKS_CHECK(curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private) == CURLE_OK);
        finish((struct aks_http_call *)(void *)private, code, now_ns);
    }
}

static void
resume(struct aks_http_engine *engine, int64_t now_ns)
{
    engine->in_turn = true;
    for (struct aks_http_call *call = engine->active; call != NULL; call = call->next)
        aks_http_curl_request_resume(call, now_ns);
    engine->in_turn = false;
}

/* Ends the calls whose time is up. Only after libcurl had its turn: what has arrived, counts. */
static void
expire(struct aks_http_engine *engine, int64_t now_ns)
{
    struct aks_http_call *next;

    for (struct aks_http_call *call = engine->active; call != NULL; call = next) {
        next = call->next;
        aks_http_curl_request_note(call, now_ns);
        if (aks_http_curl_verdict_deadline_ns(call) > now_ns)
            continue;
        aks_http_curl_verdict_expire(call);
        finish(call, CURLE_OPERATION_TIMEDOUT, now_ns);
    }
}

static void
deliver(struct aks_http_engine *engine)
{
    struct aks_http_call *call;

    while ((call = engine->finished) != NULL) {
        unlink_finished(call);
        call->state = AKS_HTTP_DELIVERING;
        aks_http_curl_reply_finish(call);
        call->done(call->done_ctx, &call->reply);
        call_free(call);
    }
}

/* How long to wait, in libcurl's milliseconds: rounded up, so that nobody wakes just before a
 * deadline again and again. */
static int
poll_ms(const struct aks_http_engine *engine, int64_t timeout_ns)
{
    int64_t now_ns = engine->clock->now_ns(engine->clock->ctx);
    int64_t wait_ns = timeout_ns < 0 ? INT64_MAX : timeout_ns;
    int64_t wait_ms;

    for (const struct aks_http_call *call = engine->active; call != NULL; call = call->next) {
        int64_t deadline_ns = aks_http_curl_verdict_deadline_ns(call);

        if (call->held && call->granted_at_ns < deadline_ns)
            deadline_ns = call->granted_at_ns;
        if (deadline_ns != INT64_MAX && deadline_ns - now_ns < wait_ns)
            wait_ns = deadline_ns > now_ns ? deadline_ns - now_ns : 0;
    }
    wait_ms = wait_ns / AKS_NS_PER_MS + (wait_ns % AKS_NS_PER_MS != 0 ? 1 : 0);
    return wait_ms > INT_MAX ? INT_MAX : (int)wait_ms;
}

static enum aks_status
engine_turn(struct aks_http_engine *engine, int wake_fd, int64_t timeout_ns, struct aks_error *err)
{
    struct curl_waitfd wake = { .fd = wake_fd, .events = CURL_WAIT_POLLIN };
    int64_t now_ns;
    CURLMcode code;
    int running;

    AKS_CHECK(!engine->in_turn);
    code = curl_multi_poll(engine->multi, &wake, 1, poll_ms(engine, timeout_ns), NULL);
    if (code == CURLM_OK) {
        engine->in_turn = true;
        code = curl_multi_perform(engine->multi, &running);
        engine->in_turn = false;
    }
    now_ns = engine->clock->now_ns(engine->clock->ctx);
    collect(engine, now_ns);
    expire(engine, now_ns);
    resume(engine, now_ns);
    deliver(engine);
    if (code == CURLM_OUT_OF_MEMORY)
        return aks_error_memory(err, "moving requests on");
    if (code != CURLM_OK)
        return aks_error_set(err, AKS_INTERNAL, "cannot move requests on: %s",
            curl_multi_strerror(code));
    return AKS_OK;
}

static void
engine_close(struct aks_http_engine *engine)
{
    if (engine == NULL)
        return;
    while (engine->active != NULL)
        engine_cancel(engine, engine->active);
    while (engine->finished != NULL)
        engine_cancel(engine, engine->finished);
    engine_free(engine);
}

extern const struct aks_http_module aks_http_module;

__attribute__((visibility("default"))) const struct aks_http_module aks_http_module = {
    .abi = AKS_HTTP_MODULE_ABI,
    .version = AKS_VERSION,
    .open = engine_open,
    .close = engine_close,
    .submit = engine_submit,
    .cancel = engine_cancel,
    .turn = engine_turn,
};
