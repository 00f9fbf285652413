/* What a question was about, as the report keeps it: all that a policy saw, so that the question
 * can be put to another one later (testkit/explain_replay). What is not known is null; what a
 * failure did not come with is left out. Seconds and bytes. Each is NULL without memory. */
#ifndef AKS_ENGINE_ASK_FACTS_H
#define AKS_ENGINE_ASK_FACTS_H

#include "engine/decide.h"

#include <stddef.h>

struct json_t;

struct json_t *aks_ask_facts_failure(const struct aks_failure_facts *facts);
struct json_t *aks_ask_facts_route(const struct aks_source_facts *source,
    const struct aks_target_facts *targets, size_t target_count);
struct json_t *aks_ask_facts_dedup(const struct aks_dedup_facts *facts);
struct json_t *aks_ask_facts_compress(const struct aks_compress_facts *facts);
struct json_t *aks_ask_facts_snapshot(const struct aks_snapshot_facts *facts);

#endif
