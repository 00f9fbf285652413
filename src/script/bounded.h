/* Library functions in C that may run long where no hook looks: each is charged for the size of
 * what it is given, and refuses what could take more than about a fifth of a second. */
#ifndef AKS_SCRIPT_BOUNDED_H
#define AKS_SCRIPT_BOUNDED_H

#include <lua.h>

/* Bytes that string.rep may make: no policy needs more, and they are made in one go. */
#define AKS_BOUNDED_REP_BYTES (1024 * 1024)
/* Entries that table.sort, table.move and table.unpack take: sorting these takes about 0.05 s. */
#define AKS_BOUNDED_TABLE_ENTRIES 50000
/* Entries that table.concat goes through. */
#define AKS_BOUNDED_CONCAT_ENTRIES 1000000

/** Replaces the C function on top, which is ${library}.${name}, by its wrapper; one that needs
 * none stays as it is, with its upvalues. [-1, +1, raises] */
void aks_bounded_wrap(lua_State *L, const char *library, const char *name);

#endif
