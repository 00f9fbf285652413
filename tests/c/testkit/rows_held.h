/* Which memories a target of a world holds: what was pushed to it, or all memories.json of uploads
 * that have a manifest. */
#ifndef AKS_TESTS_ROWS_HELD_H
#define AKS_TESTS_ROWS_HELD_H

#include "testkit/world.h"

#include <jansson.h>

struct rows_held {
    const char *target;                 /* name */
    json_t *texts;                      /* the text of each: how often it is there */
    size_t count;                       /* of all */
};

/** Fails the test where there is no such target, or what it holds cannot be read. */
struct rows_held rows_held_at(struct aks_world *world, const char *target);
void rows_held_fini(struct rows_held *held);

#endif
