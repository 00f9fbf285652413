/* A walk over what can be reached in a policy's VM, for tests that say what must not be there. */
#ifndef AKS_TESTS_SCRIPT_REACH_H
#define AKS_TESTS_SCRIPT_REACH_H

#include "engine/policy.h"

#include <stddef.h>

#define REACH_PATH_BYTES 512

typedef struct lua_State lua_State;      /* as lua.h has it, for tests that know no Lua */

enum reach_how {
    /* What code of the policy can get hold of: from its globals, and from what `require "akosha"`
     * gives, through fields, metatables that getmetatable shows, and __index tables. */
    REACH_POLICY,
    /* All that is in the VM: from the registry, with upvalues, user values, every metatable, and
     * what stands on the stacks of coroutines. */
    REACH_ALL
};

/* Each value once (numbers and booleans: wherever they stand), at ${index}; ${path} is one way
 * there: "_G.string.rep", "akosha.retry", "registry.akosha.policy_env<meta>". Must leave the stack
 * as it is. */
typedef void reach_seen(void *ctx, lua_State *L, int index, const char *path);

/** The VM of a policy that script/load.h has loaded. */
lua_State *reach_vm(const struct aks_policy *policy);
/** Walks; returns how many values were seen. No hook of the VM runs meanwhile, no metamethod is
 * called, and no code of the policy. Asserts that it ends within a million values. */
size_t reach_walk(lua_State *L, enum reach_how how, reach_seen *seen, void *ctx);
/** Is ${planted} in any string (or name of a field) there? Then the way to it, else NULL; lives
 * until the next call. */
const char *reach_find(lua_State *L, enum reach_how how, const char *planted);

#endif
