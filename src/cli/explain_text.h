/* An explanation of a policy, for people. */
#ifndef AKS_CLI_EXPLAIN_TEXT_H
#define AKS_CLI_EXPLAIN_TEXT_H

#include <stdbool.h>

struct json_t;

/** Prints what aks_explain made of worlds; ${at}: the time that a person named, or NULL. */
void aks_explain_text(const struct json_t *explanation, const char *at);
/** Prints what it made of a recorded run: what would differ, and with ${all} what would not. */
void aks_explain_text_replay(const struct json_t *explanation, bool all);

#endif
