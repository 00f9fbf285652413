/* What stands for a table, function, coroutine or handle in place of its address, which differs
 * from run to run: when it was made, and when it was first shown. */
#ifndef AKS_SCRIPT_IDENTITY_H
#define AKS_SCRIPT_IDENTITY_H

#include <lua.h>

#include <stdbool.h>
#include <stdint.h>

/* In front of each block of the VM (vm.c), and at the beginning of each userdata that a policy can
 * hold (handle.c). */
struct aks_identity {
    uint64_t made;          /* the n-th object of its VM; 0 in blocks that are none */
    uint32_t shown;         /* the n-th that was turned into text; 0: never */
    bool coroutine;         /* the block holds one */
};

/** Of a userdata that was just made. [-0, +0] */
void aks_identity_init(lua_State *L, struct aks_identity *identity);
/** Which object of its VM it was, from 1. The same in every run of the same program; 0 for values
 * that are no objects, and for functions of the library. [-0, +0] */
uint64_t aks_identity_made(lua_State *L, int index);
/** As luaL_tolstring, but an object without a text of its own is "table: 1": the first that was
 * shown. [-0, +1, raises] */
const char *aks_identity_push_text(lua_State *L, int index, size_t *ret_len);

/* tostring, as lua_CFunction. */
int aks_identity_tostring(lua_State *L);
/* string.format, as lua_CFunction; upvalue 1 is the original, which has no upvalues. */
int aks_identity_format(lua_State *L);

#endif
