/* SQLite databases with memories, for worlds: files that an agent could have written. */
#ifndef AKS_TESTS_MEMORY_DATABASE_H
#define AKS_TESTS_MEMORY_DATABASE_H

#include "testkit/world.h"

/** Puts ${name}, whose conversations_v2 has the rows from ${first} on up to ${last}, that one
 * included; none where ${last} is smaller. A row is what its number says, in every database: about
 * ${bytes} of text, a minute after the one before. */
void memory_database_put(struct aks_world *world, const char *name, unsigned first, unsigned last,
    size_t bytes);

#endif
