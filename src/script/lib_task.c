/* The functions of ctx that ask the engine, and wait for it: each checks what it was given, fills
 * the request of its coroutine, and yields; its other half is what it returns when the request is
 * done. */
#include "script/freeze.h"
#include "script/handle.h"
#include "script/lib_akosha.h"
#include "script/spec.h"
#include "script/task_internal.h"
#include "script/value.h"

#include <lauxlib.h>

#include <string.h>

/* Stack indices: what stands before the colon, and what stands in the brackets. */
#define FIRST 2
#define SECOND 3

static void
take_target(lua_State *L, struct strand *strand, int index, const char *what)
{
    strand->request.target = aks_lib_task_target(L, index, what);
}

/* --- true, or nil and why not ----------------------------------------------------------------- */

static int
told(lua_State *L, const char *what)
{
    const struct strand *strand = aks_task_asked(L);

    if (strand->request.outcome.status != AKS_OK)
        return aks_lib_task_fail(L, what, &strand->request);
    lua_pushboolean(L, 1);
    return 1;
}

static int
probed(lua_State *L, int status, lua_KContext ctx)
{
    return told(L, "ctx:probe");
}

static int
ctx_probe(lua_State *L)
{
    struct strand *strand = aks_task_waits(L, "ctx:probe");

    strand->request.operation = AKS_TASK_PROBE;
    take_target(L, strand, FIRST, "ctx:probe");
    return aks_task_ask(L, strand, probed);
}

static int
slept(lua_State *L, int status, lua_KContext ctx)
{
    return told(L, "ctx:sleep");
}

static int
ctx_sleep(lua_State *L)
{
    struct strand *strand = aks_task_waits(L, "ctx:sleep");

    strand->request.operation = AKS_TASK_SLEEP;
    strand->request.ms = aks_value_seconds(L, FIRST, "ctx:sleep", 0, AKS_TASK_SLEEP_MS_MAX);
    return aks_task_ask(L, strand, slept);
}

/* --- what is there ---------------------------------------------------------------------------- */

static int
held(lua_State *L, int status, lua_KContext ctx)
{
    const struct strand *strand = aks_task_asked(L);

    if (strand->request.outcome.status != AKS_OK)
        return aks_lib_task_fail(L, "ctx:held", &strand->request);
    lua_pushboolean(L, strand->request.held);
    return 1;
}

static int
ctx_held(lua_State *L)
{
    struct strand *strand = aks_task_waits(L, "ctx:held");

    strand->request.operation = AKS_TASK_HELD;
    strand->request.source = aks_lib_task_source(L, FIRST, "ctx:held");
    take_target(L, strand, SECOND, "ctx:held");
    return aks_task_ask(L, strand, held);
}

static int
taken(lua_State *L, int status, lua_KContext ctx)
{
    const struct strand *strand = aks_task_asked(L);

    if (strand->request.outcome.status != AKS_OK)
        return aks_lib_task_fail(L, "ctx:snapshot", &strand->request);
    aks_lib_task_push_snapshot(L, &strand->request.content.snapshot);
    return 1;
}

static int
ctx_snapshot(lua_State *L)
{
    struct strand *strand = aks_task_waits(L, "ctx:snapshot");

    strand->request.operation = AKS_TASK_SNAPSHOT;
    strand->request.source = aks_lib_task_source(L, FIRST, "ctx:snapshot");
    return aks_task_ask(L, strand, taken);
}

static int
summed(lua_State *L, int status, lua_KContext ctx)
{
    const struct strand *strand = aks_task_asked(L);
    struct snapshot_handle *snapshot = aks_lib_task_snapshot(L, FIRST, "ctx:checksum");

    if (strand->request.outcome.status != AKS_OK)
        return aks_lib_task_fail(L, "ctx:checksum", &strand->request);
    memcpy(snapshot->sha256, strand->request.sha256, sizeof(snapshot->sha256));
    lua_pushstring(L, snapshot->sha256);
    return 1;
}

static int
ctx_checksum(lua_State *L)
{
    struct strand *strand = aks_task_waits(L, "ctx:checksum");
    const struct snapshot_handle *snapshot = aks_lib_task_snapshot(L, FIRST, "ctx:checksum");

    if (snapshot->sha256[0] != '\0') {
        lua_pushstring(L, snapshot->sha256);
        return 1;
    }
    strand->request.operation = AKS_TASK_CHECKSUM;
    strand->request.content.snapshot = snapshot->snapshot;
    return aks_task_ask(L, strand, summed);
}

static int
sampled(lua_State *L, int status, lua_KContext ctx)
{
    const struct strand *strand = aks_task_asked(L);

    if (strand->request.outcome.status != AKS_OK)
        return aks_lib_task_fail(L, "ctx:compress", &strand->request);
    aks_lib_task_push_content(L, &strand->request.content);
    return 1;
}

/* ctx:compress(snapshot, how): as the field `compress` of a policy. */
static int
ctx_compress(lua_State *L)
{
    struct strand *strand = aks_task_waits(L, "ctx:compress");
    struct aks_task_content *content = &strand->request.content;

    strand->request.operation = AKS_TASK_SAMPLE;
    content->snapshot = aks_lib_task_snapshot(L, FIRST, "ctx:compress")->snapshot;
    if (lua_type(L, SECOND) != LUA_TSTRING && !lua_istable(L, SECOND))
        aks_value_expected(L, "ctx:compress",
            "\"none\", \"gzip\", \"zstd\" or a table with codec and level", SECOND);
    aks_spec_compress(L, SECOND, "ctx:compress", &content->compress);
    return aks_task_ask(L, strand, sampled);
}

/* --- uploads ---------------------------------------------------------------------------------- */

static int
opened(lua_State *L, int status, lua_KContext ctx)
{
    const struct strand *strand = aks_task_asked(L);

    if (strand->request.outcome.status != AKS_OK)
        return aks_lib_task_fail(L, "ctx:open", &strand->request);
    aks_lib_task_push_upload(L, &strand->request);
    return 1;
}

static int
ctx_open(lua_State *L)
{
    struct strand *strand = aks_task_waits(L, "ctx:open");

    strand->request.operation = AKS_TASK_OPEN;
    take_target(L, strand, FIRST, "ctx:open");
    aks_lib_task_content(L, SECOND, "ctx:open", &strand->request.content);
    strand->request.source = strand->request.content.snapshot.source;
    return aks_task_ask(L, strand, opened);
}

/* The upload at FIRST, asked for ${operation}. */
static struct strand *
ask_upload(lua_State *L, const char *what, enum aks_task_operation operation,
    enum upload_state state)
{
    struct strand *strand = aks_task_waits(L, what);
    const struct upload_handle *upload = aks_lib_task_upload(L, FIRST, what, state);

    strand->request.operation = operation;
    strand->request.upload = upload->upload;
    strand->request.source = upload->source;
    strand->request.target = upload->target;
    return strand;
}

/* What the upload at FIRST came to; the same handle, or nil and the failure. */
static int
upload_told(lua_State *L, const char *what, enum upload_state next)
{
    const struct aks_task_request *request = &aks_task_asked(L)->request;
    struct upload_handle *upload = aks_handle_test(L, FIRST, AKS_UPLOAD_CLASS);

    if (request->outcome.status != AKS_OK) {
        /* What made no sense to ask changes nothing. */
        if (request->outcome.status != AKS_POLICY && upload->state != UPLOAD_ABORTED)
            upload->state = UPLOAD_FAILED;
        return aks_lib_task_fail(L, what, request);
    }
    upload->state = next;
    if (request->sha256[0] != '\0') {
        upload->bytes = request->bytes;
        upload->stored_bytes = request->stored_bytes;
        upload->codec = request->codec;
        memcpy(upload->sha256, request->sha256, sizeof(upload->sha256));
        memcpy(upload->stored_sha256, request->stored_sha256, sizeof(upload->stored_sha256));
    }
    lua_pushvalue(L, FIRST);
    return 1;
}

static int
sent(lua_State *L, int status, lua_KContext ctx)
{
    return upload_told(L, "ctx:send", UPLOAD_SENT);
}

static int
ctx_send(lua_State *L)
{
    return aks_task_ask(L, ask_upload(L, "ctx:send", AKS_TASK_SEND, UPLOAD_OPEN), sent);
}

static int
finished(lua_State *L, int status, lua_KContext ctx)
{
    return upload_told(L, "ctx:finish", UPLOAD_FINISHED);
}

static int
ctx_finish(lua_State *L)
{
    return aks_task_ask(L, ask_upload(L, "ctx:finish", AKS_TASK_FINISH, UPLOAD_SENT), finished);
}

static int
aborted(lua_State *L, int status, lua_KContext ctx)
{
    return told(L, "ctx:abort");
}

static int
ctx_abort(lua_State *L)
{
    struct strand *strand = aks_task_waits(L, "ctx:abort");
    struct upload_handle *upload = aks_task_handle(L, FIRST, AKS_UPLOAD_CLASS, "ctx:abort");

    if (upload == NULL || upload->state != UPLOAD_SENT)
        upload = aks_lib_task_upload(L, FIRST, "ctx:abort", UPLOAD_OPEN);
    strand->request.operation = AKS_TASK_ABORT;
    strand->request.upload = upload->upload;
    strand->request.source = upload->source;
    strand->request.target = upload->target;
    upload->state = UPLOAD_ABORTED;
    return aks_task_ask(L, strand, aborted);
}

static int
committed(lua_State *L, int status, lua_KContext ctx)
{
    const struct strand *strand = aks_task_asked(L);

    if (strand->request.outcome.status != AKS_OK)
        return aks_lib_task_fail(L, "ctx:commit", &strand->request);
    if (strand->request.upload_id[0] != '\0')
        lua_pushstring(L, strand->request.upload_id);
    else        /* true, so that assert tells failures alone */
        lua_pushboolean(L, 1);
    return 1;
}

static int
ctx_commit(lua_State *L)
{
    struct strand *strand = aks_task_waits(L, "ctx:commit");

    strand->request.operation = AKS_TASK_COMMIT;
    take_target(L, strand, FIRST, "ctx:commit");
    return aks_task_ask(L, strand, committed);
}

/* ctx:log(...) */
static int
ctx_log(lua_State *L)
{
    (void)aks_task_running(L, "ctx:log");
    lua_remove(L, 1);
    return aks_lib_print(L);
}

/* --- the table -------------------------------------------------------------------------------- */

void
aks_lib_task_push_context(lua_State *L)
{
    static const luaL_Reg functions[] = {
        { "abort", ctx_abort },
        { "audit", aks_lib_task_audit },
        { "checksum", ctx_checksum },
        { "clock", aks_lib_task_clock },
        { "commit", ctx_commit },
        { "compress", ctx_compress },
        { "finish", ctx_finish },
        { "held", ctx_held },
        { "join", aks_task_join },
        { "log", ctx_log },
        { "now", aks_lib_task_now },
        { "open", ctx_open },
        { "probe", ctx_probe },
        { "send", ctx_send },
        { "skip", aks_lib_task_skip },
        { "sleep", ctx_sleep },
        { "snapshot", ctx_snapshot },
        { "sources", aks_lib_task_sources },
        { "spawn", aks_task_spawn },
        { "targets", aks_lib_task_targets },
        { NULL, NULL },
    };

    luaL_newlib(L, functions);
    aks_lib_task_push_state(L);
    lua_setfield(L, -2, "state");
    aks_freeze_strict(L, "ctx");
}
