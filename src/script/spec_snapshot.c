/* akosha.snapshot, and every place where its values stand: what becomes of a source that somebody
 * is writing. */
#include "script/spec.h"

#include "script/handle.h"
#include "script/problem_internal.h"
#include "script/value.h"

#define WHAT "akosha.snapshot"
#define OPTIONS 1       /* stack index of the builder's argument */
#define UNSAID -1

/* In the order of enum aks_busy. */
static const char *const busy_names[] = { "queue", "skip", "older", NULL };

static void
take_busy(lua_State *L, void *ctx)
{
    struct aks_snapshot_settings *snapshot = ctx;

    if (aks_value_field(L, OPTIONS, "busy") != LUA_TNIL)
        snapshot->busy = (enum aks_busy)aks_value_choice(L, -1, WHAT ": busy", busy_names);
}

static void
take_wait(lua_State *L, void *ctx)
{
    struct aks_snapshot_settings *snapshot = ctx;

    if (aks_value_field(L, OPTIONS, "wait") != LUA_TNIL)
        snapshot->wait_ms = aks_value_seconds(L, -1, WHAT ": wait", 0, AKS_SNAPSHOT_WAIT_MS_MAX);
}

int
aks_spec_snapshot(lua_State *L)
{
    static const char *const names[] = { "busy", "wait", NULL };
    struct aks_snapshot_settings snapshot = { AKS_BUSY_QUEUE, UNSAID };

    lua_settop(L, OPTIONS);
    aks_value_fields(L, OPTIONS, WHAT, names);
    aks_problem_take(L, WHAT, "busy", 0, take_busy, &snapshot);
    aks_problem_take(L, WHAT, "wait", 0, take_wait, &snapshot);
    aks_handle_push_busy(L, &snapshot);
    return 1;
}

void
aks_spec_busy(lua_State *L, int index, const char *what, int64_t unsaid_ms,
    struct aks_snapshot_settings *ret_snapshot)
{
    const struct aks_snapshot_settings *said = aks_handle_busy(L, index);

    if (said != NULL) {
        *ret_snapshot = *said;
    } else {
        ret_snapshot->busy = (enum aks_busy)aks_value_choice(L, index, what, busy_names);
        ret_snapshot->wait_ms = UNSAID;
    }
    if (ret_snapshot->wait_ms == UNSAID)
        ret_snapshot->wait_ms = unsaid_ms;
}
