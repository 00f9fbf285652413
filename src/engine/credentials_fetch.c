#include "engine/credentials_fetch_internal.h"

#include "base/check.h"
#include "engine/classify.h"
#include "engine/private_file.h"
#include "wire/dates.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define URL_BYTES_MAX ((size_t)4096)
#define FORM_BYTES_MAX ((size_t)256 * 1024)     /* a token, three times that when encoded */

static void
fetch_free(struct aks_credentials_fetch *fetch)
{
    const struct aks_alloc *alloc = fetch->options.port->alloc;

    aks_buf_fini(&fetch->url);
    aks_buf_fini(&fetch->form);
    aks_buf_fini(&fetch->authorization);
    aks_secret_free(fetch->token);
    aks_credentials_drop(fetch->have);
    aks_credentials_plan_fini(&fetch->plan);
    aks_mem_free(alloc, fetch);
}

static void
end(struct aks_credentials_fetch *fetch, struct aks_credentials *credentials,
    const struct aks_error *err)
{
    aks_credentials_fetched *done = fetch->done;
    void *ctx = fetch->ctx;

    AKS_CHECK(fetch->call == NULL && fetch->work == NULL);
    fetch_free(fetch);
    done(ctx, credentials, err);
}

void
aks_credentials_fetch_fail(struct aks_credentials_fetch *fetch, const struct aks_error *err)
{
    struct aks_error own = *err;

    (void)aks_error_wrap(&own, "credentials of %s", fetch->plan.source);
    end(fetch, NULL, &own);
}

/* --- from step to step ------------------------------------------------------------------------ */

void
aks_credentials_fetch_got(struct aks_credentials_fetch *fetch, struct aks_credentials *credentials)
{
    struct aks_error none;

    aks_credentials_drop(fetch->have);
    fetch->have = credentials;
    fetch->tries = 0;
    aks_credentials_fetch_token(fetch, NULL);
    if (fetch->role < fetch->plan.role_count) {
        aks_credentials_sts_role(fetch);
        return;
    }
    aks_error_clear(&none);
    fetch->have = NULL;
    end(fetch, credentials, &none);
}

static void
begin_base(struct aks_credentials_fetch *fetch)
{
    switch (fetch->plan.base) {
    case AKS_CREDENTIALS_BASE_KEYS:
        aks_credentials_fetch_got(fetch, aks_credentials_use(fetch->plan.keys));
        return;
    case AKS_CREDENTIALS_BASE_PROCESS:
        aks_credentials_process_begin(fetch);
        return;
    case AKS_CREDENTIALS_BASE_WEB_IDENTITY:
        aks_credentials_sts_web(fetch);
        return;
    case AKS_CREDENTIALS_BASE_CONTAINER:
        aks_credentials_container_begin(fetch);
        return;
    case AKS_CREDENTIALS_BASE_INSTANCE:
        aks_credentials_instance_begin(fetch);
        return;
    }
}

static void
fire(void *ctx)
{
    struct aks_credentials_fetch *fetch = ctx;

    fetch->again(fetch);
}

enum aks_status
aks_credentials_fetch_begin(const struct aks_credentials_fetch_options *options,
    struct aks_credentials_plan *plan, aks_credentials_fetched *done, void *ctx,
    struct aks_credentials_fetch **ret_fetch, struct aks_error *err)
{
    const struct aks_alloc *alloc = options->port->alloc;
    struct aks_credentials_fetch *fetch = aks_mem_new(alloc, sizeof(*fetch));
    enum aks_status status;

    *ret_fetch = NULL;
    if (fetch == NULL) {
        aks_credentials_plan_fini(plan);
        return aks_error_memory(err, "fetching credentials");
    }
    fetch->options = *options;
    fetch->plan = *plan;
    memset(plan, 0, sizeof(*plan));
    fetch->done = done;
    fetch->ctx = ctx;
    aks_secret_wipe_init(&fetch->wipe, alloc);
    aks_buf_init(&fetch->url, alloc, URL_BYTES_MAX);
    aks_buf_init(&fetch->form, &fetch->wipe.alloc, FORM_BYTES_MAX);
    aks_buf_init(&fetch->authorization, &fetch->wipe.alloc, FORM_BYTES_MAX);
    fetch->again = begin_base;
    status = aks_loop_set(options->loop, &fetch->timer, 0, fire, fetch, err);
    if (status != AKS_OK) {
        fetch_free(fetch);
        return status;
    }
    *ret_fetch = fetch;
    return AKS_OK;
}

void
aks_credentials_fetch_cancel(struct aks_credentials_fetch *fetch)
{
    const struct aks_http *http;

    if (fetch == NULL)
        return;
    http = &fetch->options.port->http;
    aks_loop_clear(fetch->options.loop, &fetch->timer);
    if (fetch->call != NULL)
        http->cancel(http->ctx, fetch->call);
    aks_target_work_leave(fetch->work, fetch->options.lingering);
    fetch_free(fetch);
}

/* --- one request ------------------------------------------------------------------------------ */

void
aks_credentials_fetch_clear(struct aks_credentials_fetch *fetch)
{
    fetch->header_count = 0;
    aks_buf_reset(&fetch->url);
    aks_buf_fini(&fetch->form);
    aks_buf_fini(&fetch->authorization);
}

void
aks_credentials_fetch_header(struct aks_credentials_fetch *fetch, const char *name,
    const char *value)
{
    AKS_CHECK(fetch->header_count < AKS_CREDENTIALS_HEADERS_MAX);
    fetch->headers[fetch->header_count].name = name;
    fetch->headers[fetch->header_count++].value = value;
}

static enum aks_status
read_form(void *ctx, int64_t offset, void *data, size_t len, size_t *ret_len,
    struct aks_error *err)
{
    const struct aks_credentials_fetch *fetch = ctx;
    size_t left = fetch->form.len - (size_t)offset;

    *ret_len = len < left ? len : left;
    memcpy(data, fetch->form.data + offset, *ret_len);
    return AKS_OK;
}

/* What is in it may be a secret: whoever reads it does so in here. */
static void
on_reply(void *ctx, const struct aks_http_reply *reply)
{
    struct aks_credentials_fetch *fetch = ctx;
    char *data = reply->body.data;
    size_t len = reply->body.len;
    bool owned = reply->body.capacity > 0;

    fetch->call = NULL;
    fetch->replied(fetch, reply);
    /* The port gives the memory back when this returns. */
    if (owned && len > 0)
        explicit_bzero(data, len);
}

void
aks_credentials_fetch_ask(struct aks_credentials_fetch *fetch, const char *method,
    int64_t connect_ms, int64_t answer_ms, aks_credentials_replied *replied)
{
    const struct aks_http *http = &fetch->options.port->http;
    struct aks_http_request *request = &fetch->request;
    struct aks_error err;
    enum aks_status status = aks_buf_status(&fetch->url, "an address", &err);

    if (status == AKS_OK)
        status = aks_buf_status(&fetch->form, "a form", &err);
    memset(request, 0, sizeof(*request));
    request->method = method;
    request->url = fetch->url.data;
    request->metadata = fetch->plan.base == AKS_CREDENTIALS_BASE_CONTAINER ||
        fetch->plan.base == AKS_CREDENTIALS_BASE_INSTANCE;
    /* A role is asked for at STS, which is neither. */
    if (fetch->have != NULL)
        request->metadata = false;
    request->headers = fetch->headers;
    request->header_count = fetch->header_count;
    if (fetch->form.len > 0) {
        fetch->body = (struct aks_body) { .bytes = (int64_t)fetch->form.len, .read = read_form,
            .ctx = fetch };
        request->body = &fetch->body;
    }
    request->ca_file = fetch->options.ca_file;
    request->connect_timeout_ms = connect_ms;
    request->answer_timeout_ms = answer_ms;
    request->stall_timeout_ms = answer_ms;
    request->reply_bytes_max = AKS_CREDENTIALS_REPLY_BYTES;
    fetch->tries++;
    fetch->replied = replied;
    if (status == AKS_OK)
        status = http->submit(http->ctx, request, on_reply, fetch, &fetch->call, &err);
    if (status != AKS_OK)
        aks_credentials_fetch_fail(fetch, &err);
}

bool
aks_credentials_fetch_again(struct aks_credentials_fetch *fetch, unsigned tries_max,
    int64_t delay_ms, void (*again)(struct aks_credentials_fetch *fetch))
{
    if (fetch->tries >= tries_max)
        return false;
    fetch->again = again;
    return aks_loop_set(fetch->options.loop, &fetch->timer, delay_ms, fire, fetch, NULL) == AKS_OK;
}

void
aks_credentials_fetch_refusal(const struct aks_credentials_fetch *fetch,
    const struct aks_http_reply *reply, const char *what, struct aks_error *err)
{
    const struct aks_clock *clock = &fetch->options.port->clock;
    struct aks_outcome outcome;

    aks_classify(AKS_DIALECT_HTTP, reply, what, clock->wall_ms(clock->ctx), &outcome, NULL);
    if (outcome.status == AKS_OK)
        (void)aks_error_set(&outcome.error, AKS_BAD_REPLY, "%s: the answer has no credentials "
            "in it (HTTP %d)", what, reply->status);
    *err = outcome.error;
    /* Its hints are about targets. */
    if (reply->transport == AKS_OK)
        err->hint[0] = '\0';
}

/* --- secrets that are sent -------------------------------------------------------------------- */

void
aks_credentials_fetch_withhold(const struct aks_credentials_fetch *fetch, const char *what,
    struct aks_error *err)
{
    const struct aks_credentials *have = fetch->have;
    const struct aks_secret *secrets[3] = { fetch->token,
        have != NULL ? aks_credentials_secret_key(have) : NULL,
        have != NULL ? aks_credentials_session_token(have) : NULL };

    for (size_t i = 0; i < 3; i++) {
        if (secrets[i] != NULL && aks_secret_shows(secrets[i], err->message))
            (void)aks_error_set(err, err->status, "%s: the answer is not shown: it repeats a "
                "secret", what);
    }
}

void
aks_credentials_fetch_token(struct aks_credentials_fetch *fetch, struct aks_secret *secret)
{
    aks_secret_free(fetch->token);
    fetch->token = secret;
}

enum aks_status
aks_credentials_fetch_token_text(struct aks_credentials_fetch *fetch, const char *text, size_t len,
    const char *where, struct aks_error *err)
{
    struct aks_secret *secret;

    while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r'))
        len--;
    if (len == 0)
        return aks_error_set(err, AKS_AUTH_MISSING, "the token of %s is empty", where);
    if (len > AKS_CREDENTIALS_TOKEN_BYTES_MAX)
        return aks_error_set(err, AKS_SETTINGS, "the token of %s is longer than %zu bytes", where,
            AKS_CREDENTIALS_TOKEN_BYTES_MAX);
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)text[i] < 0x20 || (unsigned char)text[i] >= 0x7f)
            return aks_error_set(err, AKS_SETTINGS, "the token of %s has a line end or another "
                "character in it that no token has", where);
    }
    secret = aks_secret_new(fetch->options.port->alloc, "", text, len);
    if (secret == NULL)
        return aks_error_memory(err, "reading a token");
    aks_credentials_fetch_token(fetch, secret);
    return AKS_OK;
}

enum aks_status
aks_credentials_fetch_token_file(struct aks_credentials_fetch *fetch, const char *path,
    struct aks_error *err)
{
    struct aks_file_info info = { 0 };
    struct aks_buf text;
    enum aks_status status;

    aks_buf_init(&text, &fetch->wipe.alloc, AKS_CREDENTIALS_TOKEN_BYTES_MAX + 2);
    status = aks_private_file_read(fetch->options.port, path, &text, &info, err);
    if (status == AKS_NOT_FOUND)
        status = aks_error_set(err, AKS_AUTH_MISSING, "the token's file %.600s is not there", path);
    if (status == AKS_OK)
        status = aks_private_file_check(fetch->options.port, path, &info, false, err);
    if (status == AKS_OK)
        status = aks_credentials_fetch_token_text(fetch, text.data, text.len, path, err);
    aks_buf_fini(&text);
    return status;
}

/* --- what it comes to ------------------------------------------------------------------------- */

/* When they expire by our clock: how long they last is told by the other side's, if that is known.
 * Metadata gives old ones while it is late. */
static enum aks_status
find_expiry(const struct aks_credentials_fetch *fetch, int64_t expires_ms,
    const struct aks_http_reply *reply, int64_t *ret_ms, struct aks_error *err)
{
    const struct aks_clock *clock = &fetch->options.port->clock;
    const char *date = reply != NULL ? aks_http_reply_header(reply, "date") : NULL;
    int64_t now_ms = clock->wall_ms(clock->ctx);
    int64_t there_ms = now_ms;

    *ret_ms = -1;
    if (expires_ms < 0)
        return AKS_OK;
    if (date != NULL && !aks_date_parse_http(date, &there_ms))
        there_ms = now_ms;
    *ret_ms = now_ms + (expires_ms - there_ms);
    if (*ret_ms > now_ms)
        return AKS_OK;
    if (fetch->plan.base != AKS_CREDENTIALS_BASE_INSTANCE || fetch->have != NULL)
        return aks_error_set(err, AKS_AUTH_EXPIRED, "what it gives has expired already");
    *ret_ms = now_ms + AKS_CREDENTIALS_LATE_MS;
    if (fetch->options.log != NULL)
        aks_log_write(fetch->options.log, AKS_LOG_WARNING, "target %s: the machine's metadata is "
            "late with new credentials; going on with the old ones", fetch->options.target);
    return AKS_OK;
}

static enum aks_credentials_kind
kind_of(const struct aks_credentials_fetch *fetch)
{
    static const enum aks_credentials_kind kinds[] = { AKS_CREDENTIALS_PROFILE,
        AKS_CREDENTIALS_PROCESS, AKS_CREDENTIALS_WEB_IDENTITY, AKS_CREDENTIALS_CONTAINER,
        AKS_CREDENTIALS_INSTANCE };

    return fetch->plan.role_count > 0 ? AKS_CREDENTIALS_ROLE : kinds[fetch->plan.base];
}

enum aks_status
aks_credentials_fetch_make(struct aks_credentials_fetch *fetch,
    const struct aks_credentials_answer *answer, const char *where,
    const struct aks_http_reply *reply, struct aks_credentials **ret_credentials,
    struct aks_error *err)
{
    static const char *const names[3] = { "AccessKeyId", "SecretAccessKey", "SessionToken" };
    bool named = fetch->plan.role_count == 0 && fetch->role_name[0] != '\0';
    char source[AKS_CREDENTIALS_SOURCE_BYTES + AKS_CREDENTIALS_ROLE_NAME_BYTES + 8];
    struct aks_credentials_spec spec = { 0 };
    enum aks_status status;

    (void)snprintf(source, sizeof(source), "%s%s%s", fetch->plan.source, named ? ", role " : "",
        named ? fetch->role_name : "");
    spec.kind = kind_of(fetch);
    spec.source = source;
    spec.access_key = answer->texts[AKS_CREDENTIALS_TEXT_ACCESS_KEY];
    spec.secret_key = answer->texts[AKS_CREDENTIALS_TEXT_SECRET_KEY];
    spec.session_token = answer->texts[AKS_CREDENTIALS_TEXT_SESSION_TOKEN];
    spec.where = where;
    spec.names = names;
    status = find_expiry(fetch, answer->expires_ms, reply, &spec.expires_ms, err);
    if (status == AKS_OK)
        status = aks_credentials_new(fetch->options.port->alloc, &spec, ret_credentials, err);
    /* Half a pair, or none, is the other side's mistake and no setting of ours. */
    if (status == AKS_NOT_FOUND || status == AKS_SETTINGS) {
        status = AKS_BAD_REPLY;
        if (err != NULL) {
            err->status = status;
            err->hint[0] = '\0';
        }
    }
    return status;
}
