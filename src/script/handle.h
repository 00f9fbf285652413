/* Values that only we can make: decisions, schedules, targets, names of secrets, the policy itself.
 * Userdata without a finalizer: nothing is owned by them outside Lua. */
#ifndef AKS_SCRIPT_HANDLE_H
#define AKS_SCRIPT_HANDLE_H

#include "engine/decide.h"
#include "script/vm.h"

#include <lauxlib.h>
#include <lua.h>

#include <stdbool.h>

/** Makes a class with the metamethods of ${list}; a second time there is nothing to do. Its name
 * has static storage. [-0, +0, raises] */
void aks_handle_class(lua_State *L, const char *class, const luaL_Reg *list);
/** A new userdata of ${class}, of ${bytes} behind what stands for its identity. [-0, +1, raises] */
void *aks_handle_new(lua_State *L, size_t bytes, int user_values, const char *class);
/** NULL if the value is none of ${class}. [-0, +0] */
void *aks_handle_test(lua_State *L, int index, const char *class);

/** Makes the classes of this file. [-0, +0, raises] */
void aks_handle_open(lua_State *L);

/** A decision about a failure: akosha.wait(2), akosha.next_target ... [-0, +1, raises] */
void aks_handle_push_decision(lua_State *L, const struct aks_retry_answer *answer);
/** NULL if the value is none. [-0, +0] */
const struct aks_retry_answer *aks_handle_decision(lua_State *L, int index);

/** A schedule of akosha.retry. [-0, +1, raises] */
void aks_handle_push_schedule(lua_State *L, const struct aks_schedule *schedule);
/** A schedule that is another one for each failure: ${each} has AKS_STATUS_COUNT of them, whose
 * handles are in the table on top. [-1, +1, raises] */
void aks_handle_push_by_failure(lua_State *L, const struct aks_schedule *const *each);
/** The same for each target: ${each} has one for each of ${count} names, and one for the others;
 * their handles and the names are in the table on top. [-1, +1, raises] */
void aks_handle_push_by_target(lua_State *L, const char *const *names,
    const struct aks_schedule *const *each, size_t count);
/** NULL if the value is none. [-0, +0] */
const struct aks_schedule *aks_handle_schedule(lua_State *L, int index);
/** What the schedule says to this failure; as the engine's own default, plus the growths that it
 * does not know. [-0, +0] */
void aks_handle_ask_schedule(const struct aks_schedule *schedule,
    const struct aks_failure_facts *facts, struct aks_rng *rng, struct aks_retry_answer *ret);

/** A target with the table of checked fields on top. [-1, +1, raises] */
void aks_handle_push_target(lua_State *L, enum aks_target_kind kind);
/** False if the value is no target; else its kind, and its fields pushed. [-0, +0/1] */
bool aks_handle_target(lua_State *L, int index, enum aks_target_kind *ret_kind);

/** A mirror: the list of names on top, and how many of those targets have to hold a source.
 * [-1, +1, raises] */
void aks_handle_push_mirror(lua_State *L, size_t needed);
bool aks_handle_is_mirror(lua_State *L, int index);
/** False if the value is none; else how many are needed, and its names pushed. [-0, +0/1] */
bool aks_handle_mirror(lua_State *L, int index, size_t *ret_needed);

/** The name of a secret, and no more: a policy's VM never holds a value. [-0, +1, raises] */
void aks_handle_push_secret(lua_State *L, const char *name);
/** The name; NULL if the value is none. [-0, +0] */
const char *aks_handle_secret(lua_State *L, int index);
/** A budget of akosha.budget. [-0, +1, raises] */
void aks_handle_push_budget(lua_State *L, const struct aks_budget *budget);
/** NULL if the value is none. [-0, +0] */
const struct aks_budget *aks_handle_budget(lua_State *L, int index);

/* What akosha.age says. */
struct aks_spec_age {
    struct aks_age_recipients recipients;
    char recipients_file[4096];         /* "": none */
    char passphrase[64];                /* the name of a secret; "": none */
};

/** A zeroed one of akosha.age. [-0, +1, raises] */
struct aks_spec_age *aks_handle_push_age(lua_State *L);
/** NULL if the value is none. [-0, +0] */
const struct aks_spec_age *aks_handle_age(lua_State *L, int index);

/** What akosha.snapshot says of a busy source; a wait_ms of -1: nothing. [-0, +1, raises] */
void aks_handle_push_busy(lua_State *L, const struct aks_snapshot_settings *snapshot);
/** NULL if the value is none. [-0, +0] */
const struct aks_snapshot_settings *aks_handle_busy(lua_State *L, int index);

/** What akosha.policy returns: the settings themselves are the VM's. [-0, +1, raises] */
void aks_handle_push_policy(lua_State *L);
bool aks_handle_is_policy(lua_State *L, int index);

#endif
