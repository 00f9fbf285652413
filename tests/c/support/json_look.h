/* Looks into reports, and a jansson that runs out of memory. */
#ifndef AKS_TESTS_JSON_LOOK_H
#define AKS_TESTS_JSON_LOOK_H

#include "base/alloc.h"

#include <jansson.h>
#include <stdint.h>

/** What stands at ${path} ("periods.0.bytes.sent"); NULL: nothing does. Borrowed. */
const json_t *json_look(const json_t *document, const char *path);
/** Fails the running test if no text stands there. */
const char *json_look_text(const json_t *document, const char *path);
/** The same of an integer, */
int64_t json_look_number(const json_t *document, const char *path);
/** and of any number. */
double json_look_real(const json_t *document, const char *path);

/** Runs ${body} with the first, the second ... allocation of jansson's failing, until it gets
 * through without one. ${body} returns 0 if it failed cleanly or succeeded, as for
 * failing_alloc_loop; what it does after json_look_fail_no_more has memory again. */
void json_look_fail_each(int (*body)(void *ctx, const struct aks_alloc *alloc), void *ctx);
void json_look_fail_no_more(void);

#endif
