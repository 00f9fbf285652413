/* Worlds for tests in C: one machine, two targets, a source or more. */
#ifndef AKS_TESTS_SCENARIO_H
#define AKS_TESTS_SCENARIO_H

#include "testkit/laws.h"
#include "testkit/world.h"

#include <jansson.h>

/* Cloud first, then http; retries without jitter from 2 s on, three tries; no codec. */
extern const char scenario_policy[];

/* Of servers of worlds that are made from now on: as aks_world_options.md5_etags. */
extern bool scenario_md5_etags;

/** A small world with ${policy} and a.bin of ${bytes}. */
struct aks_world *scenario_new(uint64_t seed, const char *policy, size_t bytes);
/** Another content of a source, out of ${seed}. */
void scenario_put(struct aks_world *world, const char *name, uint64_t seed, size_t bytes);
/** A rule of the plan; may be changed until the next run. */
struct aks_fault_rule *scenario_fault(struct aks_world *world, enum aks_fault_kind kind,
    const char *target, const char *operation);
struct aks_fault_rule *scenario_reply(struct aks_world *world, const char *target,
    const char *operation, int status, const char *code);
/** Runs and checks the laws; NULL where the process died. Fails the test with the story where a law
 * is broken, or where there is no report. */
json_t *scenario_run(struct aks_world *world);
/** The same, and the report's outcome has to be this one. Frees the report. */
void scenario_run_is(struct aks_world *world, const char *outcome);
/** Fails the test, with the story, unless the story of ${which} has this line. */
void scenario_tells(struct aks_world *world, enum aks_world_story which, const char *line);
void scenario_does_not_tell(struct aks_world *world, enum aks_world_story which, const char *text);

#endif
