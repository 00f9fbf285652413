/* Databases that are written while the engine takes them: worlds for the tests of that. */
#ifndef AKS_TESTS_LIVE_H
#define AKS_TESTS_LIVE_H

#include "testkit/world.h"

#include <stdbool.h>

#define LIVE_DATABASE AKS_WORLD_HOME "/memory.db"

/** A small world whose only source is LIVE_DATABASE, written by a ${kind} out of ${seed}; to a
 * bucket. The writer acts when its pace says so: at first never. */
struct aks_world *live_new(enum aks_writer_kind kind, uint64_t seed, unsigned session);
/** Runs once; false, with ${ret_law} told, if a law is broken. *ret_stored: it is called stored. */
bool live_run(struct aks_world *world, char *ret_law, size_t law_bytes, bool *ret_stored);

#endif
