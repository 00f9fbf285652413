/* Values on their way between Lua and C: errors that point at the policy's own line, checks that
 * say what was expected and what came, and tables that cannot be written to. */
#ifndef AKS_SCRIPT_VALUE_H
#define AKS_SCRIPT_VALUE_H

#include "script/vm.h"

#include <lua.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdnoreturn.h>

#define AKS_VALUE_SHOWN_BYTES 80

/** The first frame of the policy's own code at or above ${level}, with "S", "l" and "n" filled
 * in; false if there is none. Chunks of a policy have names that begin with '@', ours with '='.
 * [-0, +0] */
bool aks_value_policy_frame(lua_State *L, int level, int *ret_level, lua_Debug *ret_frame);
/** Raises "file:line: message" with the innermost line of the policy. [-0, +0, raises] */
noreturn void aks_value_raise(lua_State *L, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/** The value at ${index} for an error message: type and a short form. [-0, +0] */
const char *aks_value_shown(lua_State *L, int index, char ret_text[AKS_VALUE_SHOWN_BYTES]);
/** Raises "${what}: expected ${expected}, got VALUE". [-0, +0, raises] */
noreturn void aks_value_expected(lua_State *L, const char *what, const char *expected, int index);

/** Raises unless the value is a plain table (no metatable) with no other keys than ${names},
 * which end with NULL; an unknown key's error names the nearest known one. [-0, +0, raises] */
void aks_value_fields(lua_State *L, int index, const char *what, const char *const *names);
/** Pushes the field without asking metatables; its type. ${index} is absolute. [-0, +1, raises] */
int aks_value_field(lua_State *L, int index, const char *name);

/** A string of 1 to ${bytes_max} bytes without control characters. ${what} names it in errors.
 * [-0, +0, raises] */
const char *aks_value_text(lua_State *L, int index, const char *what, size_t bytes_max);
/** A finite number of seconds in [min, max], as milliseconds. [-0, +0, raises] */
int64_t aks_value_seconds(lua_State *L, int index, const char *what, int64_t min_ms,
    int64_t max_ms);
/** A whole number in [min, max]; ${unit} ("bytes", or "") is for the message. [-0, +0, raises] */
int64_t aks_value_whole(lua_State *L, int index, const char *what, const char *unit, int64_t min,
    int64_t max);
/** Which of ${names}, which end with NULL, the string at ${index} is. [-0, +0, raises] */
int aks_value_choice(lua_State *L, int index, const char *what, const char *const *names);
/** Length of a list: a plain table whose keys are exactly 1 to n. [-0, +0, raises] */
size_t aks_value_list(lua_State *L, int index, const char *what, const char *expected,
    size_t count_max);

#endif
