/* What a task holds in its hand: sources, snapshots, contents, uploads, failures. None of them has
 * a byte in it, and none owns anything that Lua's memory does not. */
#include "base/units.h"
#include "data/codec.h"
#include "script/facts.h"
#include "script/freeze.h"
#include "script/handle.h"
#include "script/nearest.h"
#include "script/task_internal.h"
#include "script/value.h"

#include <lauxlib.h>

#include <stdio.h>
#include <string.h>

/* In the registry: the list of sources, and which place in it each of them has. */
#define SOURCES "akosha.task.sources"
#define PLACES "akosha.task.places"

static struct aks_task *
task_of(lua_State *L)
{
    return aks_vm_of(L)->tasker->task;
}

static void
source_facts(lua_State *L, size_t index, struct aks_source_facts *ret_facts)
{
    aks_task_source_facts(task_of(L), index, ret_facts);
}

/* --- sources and targets ---------------------------------------------------------------------- */

void
aks_lib_task_push_sources(lua_State *L)
{
    size_t count = aks_task_source_count(task_of(L));
    lua_Integer listed = 0;

    if (lua_getfield(L, LUA_REGISTRYINDEX, SOURCES) == LUA_TTABLE)
        return;
    lua_pop(L, 1);
    lua_createtable(L, (int)count, 0);
    lua_createtable(L, 0, (int)count);
    for (size_t i = 0; i < count; i++) {
        struct aks_source_facts facts;

        if (!aks_task_source_wanted(task_of(L), i))
            continue;
        source_facts(L, i, &facts);
        aks_facts_push_source(L, &facts);
        lua_pushvalue(L, -1);
        lua_pushinteger(L, (lua_Integer)i);
        lua_rawset(L, -4);
        lua_rawseti(L, -3, ++listed);
    }
    lua_setfield(L, LUA_REGISTRYINDEX, PLACES);
    aks_freeze(L);
    lua_pushvalue(L, -1);
    lua_setfield(L, LUA_REGISTRYINDEX, SOURCES);
}

/* Is the string at ${index} this name, to its last byte? */
static bool
is(lua_State *L, int index, const char *name)
{
    return strcmp(lua_tostring(L, index), name) == 0 && lua_rawlen(L, index) == strlen(name);
}

/* False if no source has the name at ${index}, a string. */
static bool
find_name(lua_State *L, int index, size_t *ret_index)
{
    struct aks_source_facts facts;

    for (size_t i = 0; i < aks_task_source_count(task_of(L)); i++) {
        source_facts(L, i, &facts);
        if (!is(L, index, facts.name))
            continue;
        *ret_index = i;
        return true;
    }
    return false;
}

size_t
aks_lib_task_source(lua_State *L, int index, const char *what)
{
    size_t place;
    bool found;

    if (lua_type(L, index) == LUA_TSTRING && find_name(L, index, &place))
        return place;
    aks_lib_task_push_sources(L);
    (void)lua_getfield(L, LUA_REGISTRYINDEX, PLACES);
    lua_pushvalue(L, index);
    found = !lua_isnoneornil(L, index) && lua_rawget(L, -2) == LUA_TNUMBER;
    if (!found)
        aks_value_expected(L, what, "a source: one of ctx:sources(), or its name", index);
    place = (size_t)lua_tointeger(L, -1);
    lua_pop(L, 3);
    return place;
}

size_t
aks_lib_task_target(lua_State *L, int index, const char *what)
{
    struct aks_nearest best = { NULL, 0 };
    struct aks_target_facts facts;
    const char *name;

    if (lua_type(L, index) != LUA_TSTRING)
        aks_value_expected(L, what, "a target's name", index);
    name = lua_tostring(L, index);
    for (size_t i = 0; i < aks_task_target_count(task_of(L)); i++) {
        aks_task_target_facts(task_of(L), i, &facts);
        if (is(L, index, facts.name))
            return i;
        aks_nearest_offer(&best, name, facts.name);
    }
    if (best.name != NULL)
        aks_value_raise(L, "%s: no target is called \"%s\"; did you mean \"%s\"?", what, name,
            best.name);
    aks_value_raise(L, "%s: no target is called \"%s\"", what, name);
}

/* --- fields ----------------------------------------------------------------------------------- */

static void
push_name(lua_State *L, size_t source)
{
    struct aks_source_facts facts;

    source_facts(L, source, &facts);
    lua_pushstring(L, facts.name);
}

static void
push_digest(lua_State *L, const char *sha256)
{
    if (sha256[0] != '\0')
        lua_pushstring(L, sha256);
    else
        lua_pushnil(L);
}

/* Handles outlive a run, but what they are about does not. */
static const char *
field(lua_State *L, const char *what)
{
    (void)aks_task_running(L, what);
    return luaL_checkstring(L, 2);
}

noreturn static void
no_field(lua_State *L, const char *what, const char *const *names)
{
    struct aks_nearest best = { NULL, 0 };
    const char *name = lua_tostring(L, 2);

    for (; *names != NULL; names++)
        aks_nearest_offer(&best, name, *names);
    if (best.name != NULL)
        aks_value_raise(L, "%s has no %s; did you mean \"%s\"?", what, name, best.name);
    aks_value_raise(L, "%s has no %s", what, name);
}

/* --- snapshots and contents ------------------------------------------------------------------- */

void
aks_lib_task_push_snapshot(lua_State *L, const struct aks_task_snapshot *snapshot)
{
    struct snapshot_handle *own = aks_handle_new(L, sizeof(*own), 0, AKS_SNAPSHOT_CLASS);

    own->run = aks_vm_of(L)->tasker->run;
    own->snapshot = *snapshot;
    own->sha256[0] = '\0';
}

struct snapshot_handle *
aks_lib_task_snapshot(lua_State *L, int index, const char *what)
{
    struct snapshot_handle *own = aks_task_handle(L, index, AKS_SNAPSHOT_CLASS, what);

    if (own == NULL)
        aks_value_expected(L, what, "a snapshot (ctx:snapshot(source))", index);
    return own;
}

/* The log that goes with a database, or nil. [-0, +1, raises] */
static void
push_wal(lua_State *L, const struct aks_task_snapshot *snapshot)
{
    if (!snapshot->wal) {
        lua_pushnil(L);
        return;
    }
    lua_createtable(L, 0, 2);
    lua_pushinteger(L, snapshot->wal_bytes);
    lua_setfield(L, -2, "size");
    push_digest(L, snapshot->wal_sha256);
    lua_setfield(L, -2, "sha256");
}

static int
snapshot_index(lua_State *L)
{
    static const char *const names[] = { "name", "size", "sha256", "wal", NULL };
    const struct snapshot_handle *own = aks_lib_task_snapshot(L, 1, "a snapshot");
    const char *name = field(L, "a snapshot");

    if (strcmp(name, "name") == 0)
        push_name(L, own->snapshot.source);
    else if (strcmp(name, "size") == 0)
        lua_pushinteger(L, own->snapshot.bytes);
    else if (strcmp(name, "sha256") == 0)
        push_digest(L, own->sha256);
    else if (strcmp(name, "wal") == 0)
        push_wal(L, &own->snapshot);
    else
        no_field(L, "a snapshot", names);
    return 1;
}

void
aks_lib_task_push_content(lua_State *L, const struct aks_task_content *content)
{
    struct content_handle *own = aks_handle_new(L, sizeof(*own), 0, AKS_CONTENT_CLASS);

    own->run = aks_vm_of(L)->tasker->run;
    own->content = *content;
}

void
aks_lib_task_content(lua_State *L, int index, const char *what,
    struct aks_task_content *ret_content)
{
    const struct content_handle *content = aks_task_handle(L, index, AKS_CONTENT_CLASS, what);
    const struct snapshot_handle *snapshot = aks_task_handle(L, index, AKS_SNAPSHOT_CLASS, what);

    if (content != NULL) {
        *ret_content = content->content;
        return;
    }
    if (snapshot == NULL)
        aks_value_expected(L, what, "a snapshot, or what ctx:compress made of one", index);
    memset(ret_content, 0, sizeof(*ret_content));
    ret_content->snapshot = snapshot->snapshot;
}

static int
content_index(lua_State *L)
{
    static const char *const names[] = { "name", "size", "codec", "level", "ratio", NULL };
    const struct content_handle *own = aks_task_handle(L, 1, AKS_CONTENT_CLASS, "a content");
    const char *name = field(L, "a content");

    if (strcmp(name, "name") == 0)
        push_name(L, own->content.snapshot.source);
    else if (strcmp(name, "size") == 0)
        lua_pushinteger(L, own->content.snapshot.bytes);
    else if (strcmp(name, "codec") == 0)
        lua_pushstring(L, aks_codec_name(own->content.compress.codec));
    else if (strcmp(name, "level") == 0 &&
        own->content.compress.level != AKS_CODEC_LEVEL_DEFAULT)
        lua_pushinteger(L, own->content.compress.level);
    else if (strcmp(name, "ratio") == 0 && own->content.ratio > 0)
        lua_pushnumber(L, own->content.ratio);
    else if (strcmp(name, "level") == 0 || strcmp(name, "ratio") == 0)
        lua_pushnil(L);
    else
        no_field(L, "a content", names);
    return 1;
}

/* --- uploads ---------------------------------------------------------------------------------- */

static const char *
state_name(enum upload_state state)
{
    static const char *const names[] = { "open", "sent", "finished", "aborted", "failed" };

    return names[state];
}

void
aks_lib_task_push_upload(lua_State *L, const struct aks_task_request *request)
{
    struct upload_handle *own = aks_handle_new(L, sizeof(*own), 0, AKS_UPLOAD_CLASS);

    memset(own, 0, sizeof(*own));
    own->run = aks_vm_of(L)->tasker->run;
    own->upload = request->upload;
    own->state = UPLOAD_OPEN;
    own->source = request->source;
    own->target = request->target;
    own->bytes = request->content.snapshot.bytes;
}

struct upload_handle *
aks_lib_task_upload(lua_State *L, int index, const char *what, enum upload_state state)
{
    struct upload_handle *own = aks_task_handle(L, index, AKS_UPLOAD_CLASS, what);

    if (own == NULL)
        aks_value_expected(L, what, "an upload (ctx:open(target, snapshot))", index);
    if (own->state != state)
        aks_value_raise(L, "%s: this upload is %s", what, own->state == UPLOAD_OPEN
                ? "not sent yet" : state_name(own->state));
    return own;
}

/* What is sent so far; nil once it is over. */
static void
push_progress(lua_State *L, const struct upload_handle *own)
{
    int64_t bytes = aks_task_progress(task_of(L), own->upload);

    if (own->state == UPLOAD_SENT || own->state == UPLOAD_FINISHED)
        lua_pushinteger(L, own->bytes);
    else if (bytes >= 0)
        lua_pushinteger(L, bytes);
    else
        lua_pushnil(L);
}

static int
upload_index(lua_State *L)
{
    static const char *const names[] = { "name", "target", "state", "size", "sent", "sha256",
        "codec", "stored_size", "stored_sha256", NULL };
    const struct upload_handle *own = aks_task_handle(L, 1, AKS_UPLOAD_CLASS, "an upload");
    const char *name = field(L, "an upload");
    bool sent = own->sha256[0] != '\0';
    struct aks_target_facts target;

    if (strcmp(name, "name") == 0) {
        push_name(L, own->source);
    } else if (strcmp(name, "target") == 0) {
        aks_task_target_facts(task_of(L), own->target, &target);
        lua_pushstring(L, target.name);
    } else if (strcmp(name, "state") == 0) {
        lua_pushstring(L, state_name(own->state));
    } else if (strcmp(name, "size") == 0) {
        lua_pushinteger(L, own->bytes);
    } else if (strcmp(name, "sent") == 0) {
        push_progress(L, own);
    } else if (strcmp(name, "sha256") == 0) {
        push_digest(L, own->sha256);
    } else if (strcmp(name, "codec") == 0 && sent) {
        lua_pushstring(L, aks_codec_name(own->codec));
    } else if (strcmp(name, "stored_size") == 0 && sent) {
        lua_pushinteger(L, own->stored_bytes);
    } else if (strcmp(name, "stored_sha256") == 0) {
        push_digest(L, own->stored_sha256);
    } else if (strcmp(name, "codec") == 0 || strcmp(name, "stored_size") == 0) {
        lua_pushnil(L);
    } else {
        no_field(L, "an upload", names);
    }
    return 1;
}

/* local upload <close> = ctx:open(...): what is not finished is given back, without waiting: a
 * coroutine that has failed cannot wait. */
static int
upload_close(lua_State *L)
{
    struct upload_handle *own = aks_handle_test(L, 1, AKS_UPLOAD_CLASS);
    struct aks_tasker *tasker = aks_vm_of(L)->tasker;

    if (own == NULL || tasker == NULL || tasker->task == NULL || own->run != tasker->run ||
        (own->state != UPLOAD_OPEN && own->state != UPLOAD_SENT))
        return 0;
    own->state = UPLOAD_ABORTED;
    /* One that is there already cannot be in it twice, and there are no more than fit. */
    if (tasker->drop_count < AKS_TASK_UPLOADS_MAX)
        tasker->drops[tasker->drop_count++] = own->upload;
    return 0;
}

/* --- failures --------------------------------------------------------------------------------- */

static int
failure_text(lua_State *L)
{
    (void)lua_getfield(L, 1, "message");
    return 1;
}

/* [-0, +0, raises]: into the table on top, unless ${text} is NULL */
static void
put(lua_State *L, const char *name, const char *text)
{
    if (text == NULL)
        return;
    lua_pushstring(L, text);
    lua_setfield(L, -2, name);
}

static const char *
operation_name(enum aks_task_operation operation)
{
    static const char *const names[] = { "probe", "held", "snapshot", "checksum", "compress",
        "open", "send", "finish", "abort", "commit", "sleep" };

    return names[operation];
}

static void
push_failure(lua_State *L, const struct aks_task_request *request)
{
    const struct aks_outcome *outcome = &request->outcome;
    enum aks_task_operation operation = request->operation;
    struct aks_source_facts source = { 0 };
    struct aks_target_facts target = { 0 };

    if (operation != AKS_TASK_PROBE && operation != AKS_TASK_COMMIT)
        source_facts(L, request->source, &source);
    if (operation != AKS_TASK_SNAPSHOT && operation != AKS_TASK_CHECKSUM &&
        operation != AKS_TASK_SAMPLE)
        aks_task_target_facts(task_of(L), request->target, &target);
    lua_createtable(L, 0, 10);
    put(L, "name", aks_status_name(outcome->status));
    put(L, "message", outcome->error.message);
    put(L, "operation", operation_name(operation));
    put(L, "source", source.name);
    put(L, "target", target.name);
    lua_pushboolean(L, aks_status_transient(outcome->status));
    lua_setfield(L, -2, "transient");
    lua_pushboolean(L, outcome->corrected);
    lua_setfield(L, -2, "corrected");
    lua_pushinteger(L, 1);
    lua_setfield(L, -2, "attempt");
    if (outcome->http_status > 0) {
        lua_pushinteger(L, outcome->http_status);
        lua_setfield(L, -2, "http_status");
    }
    if (outcome->retry_after_ms >= 0) {
        lua_pushnumber(L, (lua_Number)outcome->retry_after_ms / (lua_Number)AKS_MS_PER_S);
        lua_setfield(L, -2, "retry_after");
    }
    lua_pushcfunction(L, failure_text);
    aks_freeze_text(L);
}

int
aks_lib_task_fail(lua_State *L, const char *what, const struct aks_task_request *request)
{
    if (request->outcome.status == AKS_POLICY)
        aks_value_raise(L, "%s: %s", what, request->outcome.error.message);
    lua_pushnil(L);
    push_failure(L, request);
    return 2;
}

void
aks_lib_task_open_handles(lua_State *L)
{
    static const luaL_Reg snapshot[] = { { "__index", snapshot_index }, { NULL, NULL } };
    static const luaL_Reg content[] = { { "__index", content_index }, { NULL, NULL } };
    static const luaL_Reg upload[] = {
        { "__index", upload_index },
        { "__close", upload_close },
        { NULL, NULL },
    };
    static const luaL_Reg strand[] = { { NULL, NULL } };

    aks_handle_class(L, AKS_SNAPSHOT_CLASS, snapshot);
    aks_handle_class(L, AKS_CONTENT_CLASS, content);
    aks_handle_class(L, AKS_UPLOAD_CLASS, upload);
    aks_handle_class(L, AKS_STRAND_CLASS, strand);
    /* The sources of this run, not of one before. */
    lua_pushnil(L);
    lua_setfield(L, LUA_REGISTRYINDEX, SOURCES);
}
