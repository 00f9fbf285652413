/* Where in a policy's text a field of a builder's table stands: Lua knows only the line of the
 * call. */
#ifndef AKS_SCRIPT_LOCATE_H
#define AKS_SCRIPT_LOCATE_H

#include <stddef.h>

/* One step into a table: a named field, or with a NULL name the entry at ${place}, from 1. */
struct aks_locate_step {
    const char *name;
    size_t place;
};

/** The line of the field that ${steps} lead to, in the table that is handed to ${builder}
 * ("akosha.s3", also called by its last name alone) in a call that begins on ${line}. 0 where that
 * is not certain: the table is made elsewhere, or two calls on the line have such a field on
 * different lines. */
int aks_locate_field(const char *text, size_t len, int line, const char *builder,
    const struct aks_locate_step *steps, size_t count);

#endif
