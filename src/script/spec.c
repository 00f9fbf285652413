/* akosha.policy: the table of a policy, field by field, into struct aks_settings. */
#include "script/spec.h"

#include "base/check.h"
#include "script/handle.h"
#include "script/lib_akosha.h"
#include "script/order.h"
#include "script/problem_internal.h"
#include "script/task.h"
#include "script/value.h"

#include <lauxlib.h>

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define WHAT "akosha.policy"
#define FIELDS 1        /* stack index of the builder's argument */

/* --- strings ---------------------------------------------------------------------------------- */

/* A copy of the string at ${index} into ${slot}, which the settings own; nothing for nil. */
static void
own_text(lua_State *L, int index, char **slot)
{
    const struct aks_vm *vm = aks_vm_of(L);

    if (lua_isnil(L, index))
        return;
    AKS_CHECK(*slot == NULL);
    *slot = aks_mem_strdup(vm->alloc, lua_tostring(L, index));
    if (*slot == NULL)
        aks_spec_no_memory(L);
}

/* The same of a field of a target's checked copy, which is on top. */
static void
own_field(lua_State *L, const char *name, char **slot)
{
    (void)aks_value_field(L, lua_gettop(L), name);
    own_text(L, -1, slot);
    lua_pop(L, 1);
}

static bool
is_name(const char *text, size_t len, size_t len_max)
{
    if (len == 0 || len > len_max)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (!isalnum((unsigned char)text[i]) && text[i] != '_' && text[i] != '-')
            return false;
    }
    return true;
}

/* --- targets ---------------------------------------------------------------------------------- */

static int
rank(enum aks_target_kind kind)
{
    static const int ranks[] = { [AKS_TARGET_S3] = 0, [AKS_TARGET_AKOSHA] = 1,
        [AKS_TARGET_HTTP] = 2, [AKS_TARGET_DIR] = 3 };

    return ranks[kind];
}

/* Cloud before Akosha before http before folder, then by name: the order of a table's fields is not
 * to be had from Lua, and this one is what most people mean. */
static int
by_kind_and_name(const void *a, const void *b)
{
    const struct aks_target_settings *left = a;
    const struct aks_target_settings *right = b;

    if (left->kind != right->kind)
        return rank(left->kind) - rank(right->kind);
    return strcmp(left->name, right->name);
}

/* The checked copy of the target's fields is on top. */
static void
fill_target(lua_State *L, struct aks_target_settings *target)
{
    own_field(L, "ca", &target->ca_file);
    own_field(L, "pin", &target->pins);
    own_field(L, "bucket", &target->bucket);
    own_field(L, "region", &target->region);
    own_field(L, "endpoint", &target->endpoint);
    own_field(L, "prefix", &target->prefix);
    own_field(L, "credentials", &target->credentials);
    own_field(L, "url", &target->url);
    own_field(L, "token", &target->token);
    own_field(L, "path", &target->path);
    if (target->kind == AKS_TARGET_S3 && target->prefix == NULL) {
        lua_pushliteral(L, "");
        own_text(L, -1, &target->prefix);
        lua_pop(L, 1);
    }
    target->path_style = -1;
    if (aks_value_field(L, lua_gettop(L), "path_style") == LUA_TBOOLEAN)
        target->path_style = lua_toboolean(L, -1);
    lua_pop(L, 1);
    target->tus = -1;
    if (aks_value_field(L, lua_gettop(L), "tus") == LUA_TBOOLEAN)
        target->tus = lua_toboolean(L, -1);
    lua_pop(L, 1);
    target->payload = AKS_PAYLOAD_SIGNED;
    if (aks_value_field(L, lua_gettop(L), "payload") == LUA_TSTRING &&
        strcmp(lua_tostring(L, -1), "crc64nvme") == 0)
        target->payload = AKS_PAYLOAD_CRC64;
    lua_pop(L, 1);
    target->layout = AKS_LAYOUT_AKOSHA;
    if (aks_value_field(L, lua_gettop(L), "layout") == LUA_TSTRING &&
        strcmp(lua_tostring(L, -1), "original") == 0)
        target->layout = AKS_LAYOUT_ORIGINAL;
    lua_pop(L, 1);
    target->no_markers = aks_value_field(L, lua_gettop(L), "markers") == LUA_TBOOLEAN &&
        !lua_toboolean(L, -1);
    lua_pop(L, 1);
}

/* One pair of the table of targets: the name at -2, the value at -1. Where the value is none, the
 * name is known all the same: a route may have it. */
static void
take_target(lua_State *L, void *ctx)
{
    static const char what[] = WHAT ": targets";
    struct aks_settings *settings = ctx;
    struct aks_target_settings *target;
    char shown[AKS_VALUE_SHOWN_BYTES];
    enum aks_target_kind kind;

    if (lua_type(L, -2) != LUA_TSTRING)
        aks_value_raise(L, "%s: expected names as keys (cloud = akosha.s3 { ... }), got %s", what,
            aks_value_shown(L, -2, shown));
    if (!is_name(lua_tostring(L, -2), lua_rawlen(L, -2), AKS_TARGET_NAME_BYTES - 1))
        aks_value_expected(L, what, "names of 1 to 63 letters, digits, '_' and '-'", -2);
    if (lua_isboolean(L, -1) && !lua_toboolean(L, -1))
        return;     /* switched off */
    if (settings->target_count == AKS_TARGETS_MAX)
        aks_value_raise(L, "%s: at most %d", what, AKS_TARGETS_MAX);
    target = &settings->targets[settings->target_count++];
    target->kind = AKS_TARGET_DIR;
    own_text(L, -2, &target->name);
    if (!aks_handle_target(L, -1, &kind)) {
        (void)lua_pushfstring(L, "%s: %s", what, lua_tostring(L, -2));
        aks_value_expected(L, lua_tostring(L, -1),
            "akosha.s3 { ... }, akosha.http { ... }, akosha.mcp { ... } or akosha.dir { ... }", -2);
    }
    target->kind = kind;
    fill_target(L, target);
    lua_pop(L, 1);
}

static void
take_targets(lua_State *L, void *ctx)
{
    static const char what[] = WHAT ": targets";
    struct aks_settings *settings = ctx;
    size_t count;

    if (aks_value_field(L, FIELDS, "targets") == LUA_TNIL && aks_problem_meant(L, "targets"))
        return;
    if (lua_isnil(L, -1))
        aks_value_raise(L, "%s: no targets", WHAT);
    if (!lua_istable(L, -1) || lua_getmetatable(L, -1))
        aks_value_expected(L, what, "a table of targets by name", FIELDS + 1);
    settings->targets = aks_mem_array(settings->alloc, AKS_TARGETS_MAX, sizeof(*settings->targets));
    if (settings->targets == NULL)
        aks_spec_no_memory(L);
    count = aks_order_keys(L, FIELDS + 1);
    for (size_t i = 1; i <= count; i++) {
        const char *name;

        aks_order_push_key(L, FIELDS + 2, i);
        lua_pushvalue(L, -1);
        (void)lua_rawget(L, FIELDS + 1);
        name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "";
        aks_problem_take(L, WHAT, name, 0, take_target, settings);
        lua_pop(L, 2);
    }
    if (settings->target_count == 0)
        aks_value_raise(L, "%s: no targets", WHAT);
    qsort(settings->targets, settings->target_count, sizeof(*settings->targets), by_kind_and_name);
}

/* --- questions -------------------------------------------------------------------------------- */

/* Keeps the function on top for ${question}; false if it is none. */
static bool
keep_function(lua_State *L, enum aks_vm_question question)
{
    if (!lua_isfunction(L, -1))
        return false;
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, aks_spec_function_key(question));
    aks_vm_of(L)->asks[question] = true;
    return true;
}

static void
take_route(lua_State *L, void *ctx)
{
    struct aks_settings *settings = ctx;
    int type = aks_value_field(L, FIELDS, "route");

    if (type == LUA_TFUNCTION)
        aks_lib_check_names(L, settings);
    if (type == LUA_TNIL || keep_function(L, AKS_VM_ROUTE)) {
        memset(&settings->route, 0, sizeof(settings->route));
        settings->route.count = settings->target_count;
        for (size_t i = 0; i < settings->target_count; i++)
            settings->route.targets[i] = i;
        return;
    }
    if (type != LUA_TSTRING && type != LUA_TTABLE && !aks_handle_is_mirror(L, -1))
        aks_value_expected(L, WHAT ": route", "names of targets or a function", -1);
    /* What is wrong with all targets was told. */
    if (settings->target_count == 0)
        return;
    aks_spec_route(L, lua_gettop(L), WHAT ": route", settings, &settings->route);
}

static void
take_compress(lua_State *L, void *ctx)
{
    struct aks_settings *settings = ctx;
    int type = aks_value_field(L, FIELDS, "compress");

    if (type == LUA_TNIL || keep_function(L, AKS_VM_COMPRESS))
        return;
    if (type != LUA_TSTRING && type != LUA_TTABLE)
        aks_value_expected(L, WHAT ": compress",
            "\"none\", \"gzip\", \"zstd\", a table with codec and level, or a function", -1);
    aks_spec_compress(L, lua_gettop(L), WHAT ": compress", &settings->compress);
}

static void
take_snapshot(lua_State *L, void *ctx)
{
    struct aks_settings *settings = ctx;
    int type = aks_value_field(L, FIELDS, "snapshot");

    if (type == LUA_TNIL || keep_function(L, AKS_VM_SNAPSHOT))
        return;
    if (type != LUA_TSTRING && aks_handle_busy(L, -1) == NULL)
        aks_value_expected(L, WHAT ": snapshot", "\"queue\", \"skip\", \"older\", "
            "akosha.snapshot { ... } or a function", -1);
    aks_spec_busy(L, lua_gettop(L), WHAT ": snapshot", AKS_SNAPSHOT_WAIT_MS_DEFAULT,
        &settings->snapshot);
}

static void
take_dedup(lua_State *L, void *ctx)
{
    struct aks_settings *settings = ctx;
    /* In the order of enum aks_dedup. */
    static const char *const values[] = { "unchanged", "always", "never", NULL };
    int type = aks_value_field(L, FIELDS, "dedup");

    if (type == LUA_TNIL || keep_function(L, AKS_VM_DEDUP))
        return;
    if (type != LUA_TSTRING)
        aks_value_expected(L, WHAT ": dedup",
            "\"unchanged\", \"always\", \"never\" or a function", -1);
    settings->dedup = (enum aks_dedup)aks_value_choice(L, -1, WHAT ": dedup", values);
}

static void
take_missing(lua_State *L, void *ctx)
{
    struct aks_settings *settings = ctx;
    static const char *const values[] = { "fail", "skip", NULL };

    if (aks_value_field(L, FIELDS, "missing") == LUA_TNIL)
        return;
    if (lua_type(L, -1) != LUA_TSTRING)
        aks_value_expected(L, WHAT ": missing", "\"fail\" or \"skip\"", -1);
    aks_vm_of(L)->missing_said = true;
    settings->skip_missing = aks_value_choice(L, -1, WHAT ": missing", values) == 1;
}

static void
take_retry(lua_State *L, void *ctx)
{
    struct aks_settings *settings = ctx;
    struct aks_vm *vm = aks_vm_of(L);
    int type = aks_value_field(L, FIELDS, "retry");
    const struct aks_schedule *schedule = aks_handle_schedule(L, -1);

    if (settings->target_count > 0)
        aks_lib_check_schedules(L, settings);
    if (type == LUA_TNIL || keep_function(L, AKS_VM_RETRY))
        return;
    if (schedule == NULL)
        aks_value_expected(L, WHAT ": retry",
            "a schedule (akosha.retry.exponential { ... }) or a function", -1);
    vm->schedule = *schedule;
    vm->retry_by_schedule = schedule->growth >= AKS_GROWTH_LINEAR;
    if (schedule->growth < AKS_GROWTH_BY_FAILURE)
        settings->retry = schedule->settings;
    /* In the place of a function: so that what it leads to lives. */
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, aks_spec_function_key(AKS_VM_RETRY));
}

static void
take_throttle(lua_State *L, void *ctx)
{
    struct aks_settings *settings = ctx;

    if (aks_value_field(L, FIELDS, "throttle") == LUA_TNIL || keep_function(L, AKS_VM_THROTTLE))
        return;
    if (lua_type(L, -1) != LUA_TNUMBER)
        aks_value_expected(L, WHAT ": throttle", "bytes per second or a function", -1);
    settings->throttle_bytes_per_s = aks_spec_rate(L, -1, WHAT ": throttle");
}

static void
take_budget(lua_State *L, void *ctx)
{
    if (aks_value_field(L, FIELDS, "budget") != LUA_TNIL)
        aks_spec_take_budget(L, lua_gettop(L), ctx);
}

static void
take_finished(lua_State *L, void *ctx)
{
    if (aks_value_field(L, FIELDS, "finished") != LUA_TNIL && !keep_function(L, AKS_VM_FINISHED))
        aks_value_expected(L, WHAT ": finished", "a function", -1);
}

/* --- the rest --------------------------------------------------------------------------------- */

static void
check_api(lua_State *L, void *ctx)
{
    if (aks_value_field(L, FIELDS, "api") == LUA_TNIL && aks_problem_meant(L, "api"))
        return;
    if (lua_isnil(L, -1))
        aks_value_raise(L, "%s: no api: say api = %d", WHAT, AKS_SPEC_API);
    if (!lua_isinteger(L, -1))
        aks_value_expected(L, WHAT ": api", "1", -1);
    if (lua_tointeger(L, -1) != AKS_SPEC_API)
        aks_value_raise(L, "%s: api %lld is not known to this program, which knows %d", WHAT,
            (long long)lua_tointeger(L, -1), AKS_SPEC_API);
}

static void
take_part_size(lua_State *L, void *ctx)
{
    struct aks_settings *settings = ctx;

    if (aks_value_field(L, FIELDS, "part_size") != LUA_TNIL)
        settings->part_bytes = aks_value_whole(L, -1, WHAT ": part_size", "bytes",
            AKS_PART_BYTES_MIN, AKS_PART_BYTES_MAX);
}

static void
take_probe(lua_State *L, void *ctx)
{
    struct aks_settings *settings = ctx;

    if (aks_value_field(L, FIELDS, "probe") != LUA_TNIL)
        settings->probe_ms = aks_value_seconds(L, -1, WHAT ": probe", 1, AKS_PROBE_MS_MAX);
}

static void
take_system_id(lua_State *L, void *ctx)
{
    struct aks_settings *settings = ctx;
    if (aks_value_field(L, FIELDS, "system_id") == LUA_TNIL)
        return;
    if (lua_type(L, -1) != LUA_TSTRING ||
        !is_name(lua_tostring(L, -1), lua_rawlen(L, -1), AKS_SYSTEM_ID_BYTES - 1))
        aks_value_expected(L, WHAT ": system_id", "1 to 84 letters, digits, '_' and '-'", -1);
    own_text(L, -1, &settings->system_id);
}

static void
take_run(lua_State *L, void *ctx)
{
    if (aks_value_field(L, FIELDS, "run") == LUA_TNIL && aks_problem_meant(L, "run"))
        return;
    if (lua_isnil(L, -1))
        aks_value_raise(L, "%s: no run: say run = function(ctx) ... end", WHAT);
    if (!keep_function(L, AKS_VM_RUN))
        aks_value_expected(L, WHAT ": run", "a function", -1);
}

enum { POLICY = 1, TASK = 2 };

/* The fields, in the order in which they are looked at: routes know the targets. */
static const struct {
    const char *name;
    aks_problem_taker *take;
    unsigned legal;         /* in akosha.policy, in akosha.task, which steers by itself */
} fields[] = {
    { "api", check_api, POLICY | TASK },
    { "sources", aks_spec_sources, POLICY | TASK },
    { "targets", take_targets, POLICY | TASK },
    { "route", take_route, POLICY },
    { "compress", take_compress, POLICY | TASK },
    { "encrypt", aks_spec_encrypt, POLICY | TASK },
    { "snapshot", take_snapshot, POLICY | TASK },
    { "dedup", take_dedup, POLICY },
    { "missing", take_missing, POLICY | TASK },
    { "retry", take_retry, POLICY | TASK },
    { "part_size", take_part_size, POLICY | TASK },
    { "probe", take_probe, POLICY | TASK },
    { "system_id", take_system_id, POLICY | TASK },
    { "throttle", take_throttle, POLICY | TASK },
    { "budget", take_budget, POLICY | TASK },
    { "deliver", aks_spec_deliver, POLICY },
    { "verify", aks_spec_verify, POLICY | TASK },
    { "drill", aks_spec_drill, POLICY | TASK },
    { "keep", aks_spec_keep, POLICY | TASK },
    { "memories", aks_spec_memories, POLICY },
    { "finished", take_finished, POLICY },
    { "limits", aks_spec_limits, POLICY | TASK },
    { "run", take_run, TASK },
};

#define FIELD_COUNT (sizeof(fields) / sizeof(fields[0]))

/* The settings belong to the VM, not to the value that is returned: an error half-way leaves
 * nothing behind that only a finalizer could free, and a later call begins anew. */
static int
build(lua_State *L, unsigned kind, const char *name)
{
    const char *names[FIELD_COUNT + 1] = { NULL };
    struct aks_vm *vm = aks_vm_of(L);
    size_t count = 0;

    for (size_t i = 0; i < FIELD_COUNT; i++) {
        if ((fields[i].legal & kind) != 0)
            names[count++] = fields[i].name;
    }
    if (vm->built)
        aks_value_raise(L, "%s: called a second time: a policy is one", name);
    aks_settings_fini(&vm->settings);
    aks_settings_init(&vm->settings, vm->alloc);
    memset(vm->asks, 0, sizeof(vm->asks));
    vm->retry_by_schedule = false;
    vm->missing_said = false;
    vm->builder_name = kind == TASK ? name : NULL;
    aks_problem_note_policy(L);
    lua_settop(L, 1);
    aks_value_fields(L, FIELDS, name, names);
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        lua_settop(L, FIELDS);
        /* A task has no route, and all targets. */
        if ((fields[i].legal & kind) != 0 || fields[i].take == take_route)
            aks_problem_take(L, name, fields[i].name, 0, fields[i].take, &vm->settings);
    }
    aks_handle_push_policy(L);
    vm->builder_name = NULL;
    vm->built = true;
    return 1;
}

int
aks_spec_policy(lua_State *L)
{
    return build(L, POLICY, WHAT);
}

int
aks_spec_task(lua_State *L)
{
    return build(L, TASK, "akosha.task");
}
