/* How script/lines.h is told. */
#ifndef AKS_SCRIPT_LINES_INTERNAL_H
#define AKS_SCRIPT_LINES_INTERNAL_H

#include <lua.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Tells the line of a line event, if it is the policy's. [-0, +0] */
void aks_lines_tell(lua_State *L, lua_Debug *ar);
/** Tells the lines of the function on top that can run: it was compiled from ${text} under the
 * name ${chunk}. Nothing unless somebody wants to know. [-0, +0, raises] */
void aks_lines_tell_active(lua_State *L, const char *text, size_t len, const char *chunk);

/** Marks lines that can run, of a function that lua_dump wrote into ${data} with what it needs for
 * debugging, and of all functions inside; ${marks} has one entry per line, from 0. False if the
 * form of ${data} is not that of Lua 5.4, or a line is beyond ${mark_count}. */
bool aks_lines_mark(const uint8_t *data, size_t len, bool *marks, size_t mark_count);

#endif
