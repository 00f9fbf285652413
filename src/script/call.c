#include "script/call.h"

#include "base/check.h"
#include "script/budget.h"
#include "script/identity.h"
#include "script/value.h"
#include "script/walk.h"

#include <lauxlib.h>

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define TRACE_FRAMES_MAX 8
#define LEVELS_MAX 200

/* Stack slots that aks_call itself needs: handler, body, context, and what an error leaves. */
#define CALL_SLOTS 8

/* One line: an error of the policy's own may hold anything. */
static void
copy_line(char *out, size_t bytes, const char *text, size_t len)
{
    size_t n = len < bytes ? len : bytes - 1;

    for (size_t i = 0; i < n; i++)
        out[i] = iscntrl((unsigned char)text[i]) ? ' ' : text[i];
    out[n] = '\0';
    if (n < len)
        memcpy(out + bytes - 4, "...", 4);
}

/* If ${text} begins with "NAME:LINE: ", where NAME is ${source} as Lua shortens it (in full, or
 * "..." and its end), the length of that, and the line; else 0. */
static size_t
position_prefix(const char *text, const char *source, int *ret_line)
{
    const char *name = source;
    size_t name_len;
    size_t at;
    int line = 0;

    if (strlen(source) >= LUA_IDSIZE && strncmp(text, "...", 3) == 0) {
        text += 3;
        at = 3;
        name = source + strlen(source) - (LUA_IDSIZE - 4);
    } else {
        at = 0;
    }
    name_len = strlen(name);
    if (strncmp(text, name, name_len) != 0 || text[name_len] != ':')
        return 0;
    text += name_len + 1;
    at += name_len + 1;
    if (!isdigit((unsigned char)*text))
        return 0;
    for (; isdigit((unsigned char)*text) && line < INT32_MAX / 10 - 1; text++, at++)
        line = line * 10 + (*text - '0');
    if (text[0] != ':' || text[1] != ' ')
        return 0;
    *ret_line = line;
    return at + 2;
}

/* Finds which of the policy's chunks the message points at; its sources are listed in the
 * registry. */
static size_t
known_prefix(lua_State *L, const char *text, struct aks_vm_failure *failure)
{
    size_t len = 0;
    int line = 0;

    if (lua_getfield(L, LUA_REGISTRYINDEX, AKS_CALL_CHUNKS) == LUA_TTABLE) {
        size_t count = lua_rawlen(L, -1);

        for (size_t i = 1; i <= count && len == 0; i++) {
            (void)lua_rawgeti(L, -1, (lua_Integer)i);
            len = position_prefix(text, lua_tostring(L, -1), &line);
            if (len > 0)
                (void)snprintf(failure->position, sizeof(failure->position), "%s:%d",
                    lua_tostring(L, -1), line);
            lua_pop(L, 1);
        }
    }
    lua_pop(L, 1);
    return len;
}

/* "file:12 in 'pick', file:30": the policy's own frames, if there is more than one. */
static void
trace(lua_State *L, struct aks_vm_failure *failure)
{
    lua_Debug frame;
    size_t len = 0;
    int frames = 0;
    int level = 0;

    while (frames < TRACE_FRAMES_MAX && len < sizeof(failure->trace) - 1 &&
        aks_value_policy_frame(L, level, &level, &frame)) {
        int written = snprintf(failure->trace + len, sizeof(failure->trace) - len,
            frame.name != NULL ? "%s%s:%d in '%s'" : "%s%s:%d", frames > 0 ? ", " : "",
            frame.source + 1, frame.currentline, frame.name);

        if (written < 0)
            break;
        len += (size_t)written;
        frames++;
        level++;
    }
    if (frames < 2)
        failure->trace[0] = '\0';
}

/* The error at index ${error} of ${L}, raised in ${at}, whose stack is still there. [-0, +0,
 * raises] */
static void
describe(lua_State *L, int error, lua_State *at)
{
    const struct aks_vm *vm = aks_vm_of(L);
    struct aks_vm_failure *failure = &aks_vm_of(L)->failure;
    lua_Debug frame;
    const char *text;
    size_t prefix;
    size_t len;
    int level;

    if (aks_value_policy_frame(at, 0, &level, &frame))
        (void)snprintf(failure->position, sizeof(failure->position), "%s:%d", frame.source + 1,
            frame.currentline);
    else if (vm->question != NULL && vm->asked_source != NULL)
        (void)snprintf(failure->position, sizeof(failure->position), "%s:%d", vm->asked_source,
            vm->asked_line);
    trace(at, failure);
    if (lua_type(L, error) != LUA_TSTRING) {
        if (!luaL_getmetafield(L, error, "__tostring")) {
            (void)snprintf(failure->message, sizeof(failure->message),
                "an error was raised that is no message but a %s", luaL_typename(L, error));
            return;
        }
        lua_pop(L, 1);
    }
    text = aks_identity_push_text(L, error, &len);
    prefix = known_prefix(L, text, failure);
    copy_line(failure->message, sizeof(failure->message), text + prefix, len - prefix);
    lua_pop(L, 1);
}

/* The message handler: runs where the error was raised, with the stack still there. [-1, +1,
 * raises] */
int
aks_call_describe(lua_State *L)
{
    describe(L, 1, L);
    return 1;
}

void
aks_call_describe_dead(lua_State *L, lua_State *co)
{
    lua_pushvalue(co, -1);
    lua_xmove(co, L, 1);
    describe(L, lua_gettop(L), co);
    lua_pop(L, 1);
}

static enum aks_status
needs_memory(const struct aks_vm *vm, const char *where, struct aks_error *err)
{
    int64_t bytes = vm->limits.memory_bytes;
    bool mib = bytes % AKS_MIB == 0;

    return aks_error_set(err, AKS_LIMIT, "%s: it needs more than %" PRId64 " %s of memory", where,
        mib ? bytes / AKS_MIB : bytes / AKS_KIB, mib ? "MiB" : "KiB");
}

static enum aks_status
over_limit(const struct aks_vm *vm, const char *where, struct aks_error *err)
{
    switch (vm->limit) {
    case AKS_VM_WITHIN:
        break;
    case AKS_VM_WORK:
        return aks_error_set(err, AKS_LIMIT, "%s: it takes more than %" PRId64 " instructions",
            where, vm->work);
    case AKS_VM_TIME:
        return aks_error_set(err, AKS_LIMIT, "%s: it runs for more than %" PRId64 " ms", where,
            vm->work_ms);
    case AKS_VM_MEMORY:
        return needs_memory(vm, where, err);
    case AKS_VM_COROUTINES:
        return aks_error_set(err, AKS_LIMIT, "%s: it has more than %" PRId64 " coroutines at once",
            where, vm->limits.coroutines);
    case AKS_VM_STRING:
        return aks_error_set(err, AKS_LIMIT, "%s: it makes a string of more than %" PRId64 " MiB",
            where, AKS_SCRIPT_STRING_BYTES / AKS_MIB);
    case AKS_VM_STACK:
        return aks_error_set(err, AKS_LIMIT, "%s: it calls too deep, or takes more than %d values"
            " at once", where, AKS_SCRIPT_STACK_VALUES);
    case AKS_VM_NO_MEMORY:
        break;
    }
    return aks_error_set(err, AKS_LIMIT, "%s: out of memory", where);
}

/* What a beginner's message means. */
static void
hint(const struct aks_vm *vm, struct aks_error *err)
{
    const struct aks_vm_failure *failure = &vm->failure;
    static const char *const absent[] = { "'os'", "'io'", "'debug'", "'package'", "'load'",
        "'loadstring'", "'loadfile'", "'dofile'", "'dump'", "'collectgarbage'", "'randomseed'" };

    if (failure->trace[0] != '\0')
        aks_error_hint(err, "called from %s", failure->trace);
    if (strstr(failure->message, "global 'akosha'") != NULL)
        aks_error_hint(err, "a policy begins with: local akosha = require \"akosha\"");
    for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++) {
        if (strstr(failure->message, "a nil value (") != NULL &&
            strstr(failure->message, absent[i]) != NULL)
            aks_error_hint(err, "a policy has no %s: docs/policy.md says what it has", absent[i]);
    }
    if (vm->phase == AKS_PHASE_LOAD && vm->unset[0] != '\0')
        aks_error_hint(err, "not set in the environment: %s", vm->unset);
}

enum aks_status
aks_call_explain(struct aks_vm *vm, int code, struct aks_error *err)
{
    const struct aks_vm_failure *failure = &vm->failure;
    char where[AKS_VM_POSITION_BYTES + 32];
    enum aks_status status;

    (void)snprintf(where, sizeof(where), "%s%s%s",
        failure->position[0] != '\0' ? failure->position : vm->path,
        vm->question != NULL ? ": in " : "", vm->question != NULL ? vm->question : "");
    if (vm->limit != AKS_VM_WITHIN)
        return over_limit(vm, where, err);
    if ((code == LUA_ERRMEM || vm->no_memory) && vm->memory_refused)
        return needs_memory(vm, where, err);
    if (code == LUA_ERRMEM || vm->no_memory)
        return aks_error_set(err, AKS_LIMIT, "%s: out of memory", where);
    if (code == LUA_ERRERR)
        return aks_error_set(err, AKS_POLICY, "%s: an error while an error was described: %s",
            where, failure->message[0] != '\0' ? failure->message : "the stack is used up");
    status = aks_error_set(err, AKS_POLICY, "%s: %s", where, failure->message);
    hint(vm, err);
    return status;
}

/* vm->phase and its limits are set. */
static enum aks_status
call(struct aks_vm *vm, const char *question, lua_CFunction body, void *ctx, struct aks_error *err)
{
    lua_State *L = vm->L;
    enum aks_status status = AKS_OK;
    int code;

    AKS_CHECK(lua_gettop(L) == 0);
    vm->question = question;
    vm->no_memory = false;
    vm->failure.position[0] = vm->failure.message[0] = vm->failure.trace[0] = '\0';
    if (!lua_checkstack(L, CALL_SLOTS))
        return aks_error_memory(err, "calling the policy");
    if (question == NULL)
        aks_budget_arm(vm, vm->limits.load_instructions, vm->limits.load_ms);
    else
        aks_budget_arm(vm, vm->limits.decision_instructions, vm->limits.decision_ms);
    /* Neither of these pushes allocates: before lua_pcall nothing can raise. */
    lua_pushcfunction(L, aks_call_describe);
    lua_pushcfunction(L, body);
    lua_pushlightuserdata(L, ctx);
    code = lua_pcall(L, 1, 0, 1);
    aks_budget_disarm(vm);
    /* Also where a policy caught the error of its limit in its very last instruction. */
    if (code != LUA_OK || vm->limit != AKS_VM_WITHIN)
        status = aks_call_explain(vm, code, err);
    lua_settop(L, 0);
    aks_walk_forget(vm);
    return status;
}

enum aks_status
aks_call(struct aks_vm *vm, const char *question, lua_CFunction body, void *ctx,
    struct aks_error *err)
{
    int64_t lines = vm->log_lines;
    enum aks_status status;

    vm->phase = question == NULL ? AKS_PHASE_LOAD : AKS_PHASE_DECIDE;
    vm->log_lines = 0;
    vm->log_lines_max = vm->limits.log_lines;
    status = call(vm, question, body, ctx, err);
    vm->log_lines = lines;
    return status;
}

enum aks_status
aks_call_task(struct aks_vm *vm, const char *question, lua_CFunction body, void *ctx,
    struct aks_error *err)
{
    vm->phase = AKS_PHASE_TASK;
    vm->log_lines_max = AKS_SCRIPT_TASK_LOG_TIMES * vm->limits.log_lines;
    vm->asked_source = NULL;
    return call(vm, question, body, ctx, err);
}
