/* What a policy finds when it wakes up: the allow list of names, with stand-ins for those that
 * could stall or escape, and `require`. */
#ifndef AKS_SCRIPT_SANDBOX_H
#define AKS_SCRIPT_SANDBOX_H

#include <lua.h>

enum aks_sandbox_verdict { AKS_SANDBOX_UNLISTED, AKS_SANDBOX_ALLOWED, AKS_SANDBOX_DENIED };

/** What the lists say about ${name} of ${library} ("_G" for globals): every name of Lua's own
 * libraries must be on one of them, so that a new version brings nothing in unseen. */
enum aks_sandbox_verdict aks_sandbox_verdict(const char *library, const char *name);
/** Builds the environments of the policy and of our own modules in the registry. [-0, +0,
 * raises] */
void aks_sandbox_open(lua_State *L);
/** Compiles source text (never bytecode) under the name ${chunk} and gives it the environment in
 * the registry's field ${environment}. [-0, +1, raises] */
void aks_sandbox_compile(lua_State *L, const char *text, size_t len, const char *chunk,
    const char *environment);

/* Registry fields. */
#define AKS_SANDBOX_POLICY "akosha.policy_env"  /* globals of the policy and its modules */
#define AKS_SANDBOX_OWN "akosha.own_env"        /* those of lua/akosha, out of a policy's reach */

#endif
