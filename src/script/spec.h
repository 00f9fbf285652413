/* What a policy says, checked and turned into the engine's settings. Errors name the policy's
 * own line, the builder, the field, what was expected and what came. */
#ifndef AKS_SCRIPT_SPEC_H
#define AKS_SCRIPT_SPEC_H

#include "engine/decide.h"
#include "script/vm.h"

#include <lua.h>

#include <stddef.h>
#include <stdnoreturn.h>

#define AKS_SPEC_API 1                  /* the version of this surface */
#define AKS_SPEC_FACTOR_MAX 100         /* as struct aks_retry_settings says */
#define AKS_SPEC_PATH_BYTES_MAX 4095    /* PATH_MAX without its NUL */
#define AKS_SPEC_PREFIX_BYTES_MAX 256   /* an S3 key has 1024; ours needs about 400 behind it */
#define AKS_SPEC_CREDENTIALS_BYTES_MAX 256

/* akosha.s3, akosha.http, akosha.mcp, akosha.dir, akosha.secret, akosha.policy, as
 * lua_CFunction. */
int aks_spec_s3(lua_State *L);
int aks_spec_http(lua_State *L);
int aks_spec_mcp(lua_State *L);
int aks_spec_dir(lua_State *L);
int aks_spec_secret(lua_State *L);
int aks_spec_policy(lua_State *L);

/** The field `sources` of akosha.policy, whose argument is at index 1, into the struct aks_settings
 * at ${ctx}; as aks_problem_taker. */
void aks_spec_sources(lua_State *L, void *ctx);
/** The same of `limits`, into the VM. */
void aks_spec_limits(lua_State *L, void *ctx);
/** "zstd", or { codec =, level =, always = }. ${index} is absolute. [-0, +0, raises] */
void aks_spec_compress(lua_State *L, int index, const char *what,
    struct aks_compress_settings *ret_compress);
/** A name, a list of names, or a mirror of targets of the settings; at least one, each once.
 * ${index} is absolute. [-0, +0, raises] */
void aks_spec_route(lua_State *L, int index, const char *what, const struct aks_settings *settings,
    struct aks_route *ret_route);
/** Do both lead to one place, as far as a policy says? */
bool aks_spec_same_place(const struct aks_target_settings *a, const struct aks_target_settings *b);
/** akosha.budget, as lua_CFunction. */
int aks_spec_budget(lua_State *L);
/** A budget, or a table of budgets by target, into the settings; the value at ${index}, which is
 * absolute and the top. [-0, +any, raises] */
void aks_spec_take_budget(lua_State *L, int index, struct aks_settings *settings);
/** akosha.age, as lua_CFunction. */
int aks_spec_age(lua_State *L);
/** The field `encrypt` of akosha.policy, whose argument is at index 1, into the struct aks_settings
 * at ${ctx}; as aks_problem_taker. */
void aks_spec_encrypt(lua_State *L, void *ctx);
/** akosha.snapshot, as lua_CFunction. */
int aks_spec_snapshot(lua_State *L);
/** "queue", "skip", "older" or akosha.snapshot { ... }; of a wait that is not said wait_ms is
 * ${unsaid_ms}. ${index} is absolute. [-0, +0, raises] */
void aks_spec_busy(lua_State *L, int index, const char *what, int64_t unsaid_ms,
    struct aks_snapshot_settings *ret_snapshot);
/** The fields `deliver`, `verify`, `drill` and `keep` of akosha.policy, whose argument is at index
 * 1, into the struct aks_settings at ${ctx}; as aks_problem_taker. */
void aks_spec_deliver(lua_State *L, void *ctx);
void aks_spec_verify(lua_State *L, void *ctx);
void aks_spec_drill(lua_State *L, void *ctx);
void aks_spec_keep(lua_State *L, void *ctx);
/** The same of `memories`. */
void aks_spec_memories(lua_State *L, void *ctx);
/** Bytes per second, as data/throttle.h has them. [-0, +0, raises] */
int64_t aks_spec_rate(lua_State *L, int index, const char *what);
/** An absolute path, one below "~/", or one relative to the policy's folder, which is put in front.
 * [-0, +1, raises] */
const char *aks_spec_push_path(lua_State *L, int index, const char *what);
/** Raises "out of memory" for what is not Lua's. [-0, +0, raises] */
noreturn void aks_spec_no_memory(lua_State *L);

/* Where the registry keeps the policy's function for a question. */
const void *aks_spec_function_key(enum aks_vm_question question);

#endif
