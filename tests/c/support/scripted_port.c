#include "support/scripted_port.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

#define REPLY_HEADERS 16
#define NS_PER_MS 1000000

struct aks_http_call {
    struct aks_http_call *next;
    struct scripted_port *scripted;
    const struct scripted_exchange *exchange;
    size_t reply_bytes_max;
    aks_http_done *done;
    void *done_ctx;
};

struct aks_file {
    const struct scripted_file *file;
};

static int64_t
now_ns(void *ctx)
{
    return ((struct scripted_port *)ctx)->now_ns;
}

static int64_t
wall_ms(void *ctx)
{
    const struct scripted_port *scripted = ctx;

    return scripted->wall_ms + scripted->now_ns / NS_PER_MS;
}

static void
pause_ms(void *ctx, int64_t ms)
{
    ((struct scripted_port *)ctx)->now_ns += ms * NS_PER_MS;
}

static enum aks_status
fill(void *ctx, void *data, size_t len, struct aks_error *err)
{
    /* Different each time, the same in each run. */
    static uint8_t next;

    memset(data, ++next, len);
    return AKS_OK;
}

static const char *
get(void *ctx, const char *name)
{
    const struct scripted_port *scripted = ctx;
    size_t len = strlen(name);

    for (size_t i = 0; i < SCRIPTED_VARIABLES_MAX && scripted->variables[i] != NULL; i++) {
        if (strncmp(scripted->variables[i], name, len) == 0 && scripted->variables[i][len] == '=')
            return scripted->variables[i] + len + 1;
    }
    return NULL;
}

static const char *
home(void *ctx)
{
    return "/home/test";
}

static const char *
working_folder(void *ctx)
{
    return "/current";
}

static enum aks_status
file_open(void *ctx, const char *path, enum aks_file_open how, struct aks_file **ret_file,
    struct aks_error *err)
{
    struct scripted_port *scripted = ctx;

    assert_int_equal(how, AKS_FILE_READ);
    for (size_t i = 0; i < SCRIPTED_FILES_MAX; i++) {
        const struct scripted_file *file = &scripted->files[i];

        if (file->path == NULL || strcmp(file->path, path) != 0)
            continue;
        if ((file->mode & 0400) == 0)
            return aks_error_set(err, AKS_FORBIDDEN, "cannot open %s: Permission denied", path);
        *ret_file = malloc(sizeof(**ret_file));
        assert_non_null(*ret_file);
        (*ret_file)->file = file;
        return AKS_OK;
    }
    return aks_error_set(err, AKS_NOT_FOUND, "cannot open %s: No such file or directory", path);
}

static void
file_close(struct aks_file *file)
{
    free(file);
}

static enum aks_status
file_read(struct aks_file *file, int64_t offset, void *data, size_t len, size_t *ret_len,
    struct aks_error *err)
{
    size_t left = strlen(file->file->text) - (size_t)offset;

    *ret_len = len < left ? len : left;
    memcpy(data, file->file->text + offset, *ret_len);
    return AKS_OK;
}

static enum aks_status
file_info(struct aks_file *file, struct aks_file_info *ret_info, struct aks_error *err)
{
    memset(ret_info, 0, sizeof(*ret_info));
    ret_info->type = file->file->type;
    ret_info->mode = file->file->mode;
    ret_info->uid = file->file->uid;
    ret_info->bytes = (int64_t)strlen(file->file->text);
    return AKS_OK;
}

static char *
join(const char *a, const char *b)
{
    char *text = malloc(strlen(a) + strlen(b) + 2);

    assert_non_null(text);
    (void)sprintf(text, "%s %s", a, b);
    return text;
}

static char *
copy_headers(const struct aks_http_request *request)
{
    size_t bytes = 1;
    char *text;
    char *end;

    for (size_t i = 0; i < request->header_count; i++)
        bytes += strlen(request->headers[i].name) + strlen(request->headers[i].value) + 3;
    end = text = malloc(bytes);
    assert_non_null(text);
    text[0] = '\0';
    for (size_t i = 0; i < request->header_count; i++)
        end += sprintf(end, "%s: %s\n", request->headers[i].name, request->headers[i].value);
    return text;
}

static void
record(struct scripted_port *scripted, const struct aks_http_request *request)
{
    struct scripted_request *made = &scripted->requests[scripted->request_count++];
    const char *path = strchr(strstr(request->url, "://") + 3, '/');
    int64_t offset = 0;

    assert_true(scripted->request_count < SCRIPTED_REQUESTS_MAX);
    assert_non_null(path);
    made->line = join(request->method, path);
    made->url = strdup(request->url);
    made->headers = copy_headers(request);
    made->body_len = request->body != NULL ? (size_t)request->body->bytes : 0;
    made->body = calloc(1, made->body_len + 1);
    while (offset < (int64_t)made->body_len) {
        size_t len = 0;

        assert_int_equal(request->body->read(request->body->ctx, offset, made->body + offset,
            made->body_len - (size_t)offset, &len, NULL), AKS_OK);
        offset += (int64_t)len;
    }
    made->connect_timeout_ms = request->connect_timeout_ms;
    made->answer_timeout_ms = request->answer_timeout_ms;
    made->stall_timeout_ms = request->stall_timeout_ms;
    made->fresh_connection = request->fresh_connection;
    made->metadata = request->metadata;
}

static const struct scripted_exchange *
match(struct scripted_port *scripted, const char *line)
{
    for (size_t i = 0; i < scripted->exchange_count; i++) {
        struct scripted_exchange *exchange = &scripted->exchanges[i];

        if (!exchange->used && strcmp(exchange->line, line) == 0) {
            exchange->used = true;
            return exchange;
        }
    }
    fail_msg("not expected: %s", line);
    return NULL;
}

static enum aks_status
submit(void *ctx, const struct aks_http_request *request, aks_http_done *done, void *done_ctx,
    struct aks_http_call **ret_call, struct aks_error *err)
{
    struct scripted_port *scripted = ctx;
    struct aks_http_call **last = &scripted->calls;
    struct aks_http_call *call;

    if (scripted->refuse_submit) {
        scripted->refuse_submit = false;
        return aks_error_set(err, AKS_LIMIT, "no more connections");
    }
    record(scripted, request);
    call = calloc(1, sizeof(*call));
    assert_non_null(call);
    call->scripted = scripted;
    call->exchange = match(scripted, scripted_last(scripted)->line);
    call->reply_bytes_max = request->reply_bytes_max;
    call->done = done;
    call->done_ctx = done_ctx;
    while (*last != NULL)
        last = &(*last)->next;
    *last = call;
    if (++scripted->calls_under_way > scripted->calls_most)
        scripted->calls_most = scripted->calls_under_way;
    *ret_call = call;
    return AKS_OK;
}

static void
take_out(struct aks_http_call *call)
{
    struct aks_http_call **link = &call->scripted->calls;

    while (*link != call)
        link = &(*link)->next;
    *link = call->next;
    call->scripted->calls_under_way--;
}

static void
cancel(void *ctx, struct aks_http_call *call)
{
    call->scripted->cancelled++;
    take_out(call);
    free(call);
}

/* Cuts "Name: value\n" lines up in place. */
static size_t
split_headers(char *text, struct aks_http_header headers[REPLY_HEADERS])
{
    size_t count = 0;
    char *line = text;

    while (*line != '\0') {
        char *colon = strchr(line, ':');
        char *end = strchr(line, '\n');

        assert_true(colon != NULL && end != NULL && count < REPLY_HEADERS);
        *colon = '\0';
        *end = '\0';
        headers[count].name = line;
        headers[count++].value = colon + 2;
        line = end + 1;
    }
    return count;
}

static void
deliver(struct aks_http_call *call)
{
    const struct scripted_exchange *exchange = call->exchange;
    struct aks_http_header headers[REPLY_HEADERS];
    struct aks_http_reply reply = { 0 };
    char *text = strdup(exchange->headers != NULL ? exchange->headers : "");

    take_out(call);
    reply.transport = exchange->transport;
    reply.phase = exchange->phase;
    reply.status = exchange->status;
    if (reply.transport != AKS_OK)
        (void)aks_error_set(&reply.error, reply.transport, "as the script says");
    reply.header_count = split_headers(text, headers);
    reply.headers = headers;
    aks_buf_init(&reply.body, aks_alloc_system(), 1 << 20);
    if (exchange->body != NULL)
        aks_buf_puts(&reply.body, exchange->body);
    assert_true(reply.body.len <= call->reply_bytes_max);
    call->done(call->done_ctx, &reply);
    aks_buf_fini(&reply.body);
    free(text);
    free(call);
}

static enum aks_status
work_submit(void *ctx, aks_work_fn *fn, aks_work_done *done, void *arg, struct aks_error *err)
{
    struct scripted_port *scripted = ctx;

    assert_true(scripted->job_count < SCRIPTED_JOBS_MAX);
    scripted->jobs[scripted->job_count++] = (struct scripted_job) { fn, done, arg };
    return AKS_OK;
}

static void
run_job(struct scripted_port *scripted)
{
    struct scripted_job job = scripted->jobs[0];

    scripted->job_count--;
    memmove(&scripted->jobs[0], &scripted->jobs[1], scripted->job_count * sizeof(job));
    job.fn(job.arg);
    job.done(job.arg);
}

static const char *
variable_at(void *ctx, unsigned i)
{
    const struct scripted_port *scripted = ctx;

    return i < SCRIPTED_VARIABLES_MAX ? scripted->variables[i] : NULL;
}

static enum aks_status
process_run(void *ctx, const struct aks_process_spec *spec, struct aks_buf *ret_output,
    int *ret_exit, struct aks_error *err)
{
    struct scripted_program *program = &((struct scripted_port *)ctx)->program;
    size_t len = 0;

    program->runs++;
    program->timeout_ms = spec->timeout_ms;
    for (size_t i = 0; spec->argv[i] != NULL && len < sizeof(program->argv); i++)
        len += (size_t)snprintf(program->argv + len, sizeof(program->argv) - len, "[%s]",
            spec->argv[i]);
    len = 0;
    program->env[0] = '\0';
    for (size_t i = 0; spec->env[i] != NULL && len < sizeof(program->env); i++)
        len += (size_t)snprintf(program->env + len, sizeof(program->env) - len, "%s\n",
            spec->env[i]);
    if (spec->errors != NULL && program->errors != NULL)
        aks_buf_puts(spec->errors, program->errors);
    if (program->status != AKS_OK)
        return aks_error_set(err, program->status, "%s does not run", spec->argv[0]);
    if (program->output != NULL)
        aks_buf_puts(ret_output, program->output);
    *ret_exit = program->exit_code;
    return AKS_OK;
}

static enum aks_status
wait(void *ctx, int64_t timeout_ns, struct aks_error *err)
{
    struct scripted_port *scripted = ctx;
    struct aks_http_call *call = scripted->calls;

    if (scripted->job_count > 0) {
        run_job(scripted);
        return AKS_OK;
    }
    while (call != NULL && call->exchange->silent)
        call = call->next;
    if (call != NULL) {
        deliver(call);
        return AKS_OK;
    }
    if (timeout_ns < 0)
        fail_msg("nothing is under way, and nothing will come");
    scripted->now_ns += timeout_ns;
    return AKS_OK;
}

void
scripted_port_init(struct scripted_port *scripted, const struct aks_alloc *alloc)
{
    struct aks_port *port = &scripted->port;

    memset(scripted, 0, sizeof(*scripted));
    scripted->wall_ms = INT64_C(1795416300000);     /* 2026-11-23T06:45:00Z */
    port->alloc = alloc;
    port->clock.now_ns = now_ns;
    port->clock.wall_ms = wall_ms;
    port->clock.pause_ms = pause_ms;
    port->clock.ctx = scripted;
    port->entropy.fill = fill;
    port->environment.get = get;
    port->environment.at = variable_at;
    port->environment.home = home;
    port->environment.working_folder = working_folder;
    port->environment.ctx = scripted;
    port->files.open = file_open;
    port->files.close = file_close;
    port->files.read = file_read;
    port->files.info = file_info;
    port->files.ctx = scripted;
    port->http.submit = submit;
    port->http.cancel = cancel;
    port->http.ctx = scripted;
    port->work.submit = work_submit;
    port->work.ctx = scripted;
    port->process.run = process_run;
    port->process.ctx = scripted;
    port->events.wait = wait;
    port->events.ctx = scripted;
}

void
scripted_port_fini(struct scripted_port *scripted)
{
    assert_null(scripted->calls);
    assert_int_equal(scripted->job_count, 0);
    for (size_t i = 0; i < scripted->request_count; i++) {
        free(scripted->requests[i].line);
        free(scripted->requests[i].url);
        free(scripted->requests[i].headers);
        free(scripted->requests[i].body);
    }
}

void
scripted_port_done(const struct scripted_port *scripted)
{
    for (size_t i = 0; i < scripted->exchange_count; i++) {
        if (!scripted->exchanges[i].used)
            fail_msg("was never asked: %s", scripted->exchanges[i].line);
    }
}

struct scripted_exchange *
scripted_expect(struct scripted_port *scripted, const char *line, int status, const char *headers,
    const char *body)
{
    struct scripted_exchange *exchange = &scripted->exchanges[scripted->exchange_count++];

    assert_true(scripted->exchange_count <= SCRIPTED_EXCHANGES_MAX);
    memset(exchange, 0, sizeof(*exchange));
    exchange->line = line;
    exchange->phase = AKS_HTTP_DONE;
    exchange->status = status;
    exchange->headers = headers;
    exchange->body = body;
    return exchange;
}

struct scripted_exchange *
scripted_fails(struct scripted_port *scripted, const char *line, enum aks_status transport,
    enum aks_http_phase phase)
{
    struct scripted_exchange *exchange = scripted_expect(scripted, line, 0, NULL, NULL);

    exchange->transport = transport;
    exchange->phase = phase;
    return exchange;
}

void
scripted_set(struct scripted_port *scripted, const char *variable)
{
    size_t name = (size_t)(strchr(variable, '=') - variable) + 1;
    size_t i = 0;

    while (i < SCRIPTED_VARIABLES_MAX && scripted->variables[i] != NULL &&
        strncmp(scripted->variables[i], variable, name) != 0)
        i++;
    assert_true(i < SCRIPTED_VARIABLES_MAX);
    scripted->variables[i] = variable;
}

void
scripted_file(struct scripted_port *scripted, const char *path, const char *text, uint32_t mode)
{
    size_t i = 0;

    while (i < SCRIPTED_FILES_MAX && scripted->files[i].path != NULL &&
        strcmp(scripted->files[i].path, path) != 0)
        i++;
    assert_true(i < SCRIPTED_FILES_MAX);
    scripted->files[i].path = path;
    scripted->files[i].text = text;
    scripted->files[i].mode = mode;
    scripted->files[i].type = AKS_FILE_REGULAR;
}

const char *
scripted_header(const struct scripted_port *scripted, size_t request, const char *name)
{
    static char value[1024];
    const char *line = scripted->requests[request].headers;
    size_t len = strlen(name);

    while (*line != '\0') {
        const char *end = strchr(line, '\n');

        if (strncasecmp(line, name, len) == 0 && line[len] == ':') {
            (void)snprintf(value, sizeof(value), "%.*s", (int)(end - line - (ptrdiff_t)len - 2),
                line + len + 2);
            return value;
        }
        line = end + 1;
    }
    return NULL;
}

const struct scripted_request *
scripted_last(const struct scripted_port *scripted)
{
    assert_true(scripted->request_count > 0);
    return &scripted->requests[scripted->request_count - 1];
}
