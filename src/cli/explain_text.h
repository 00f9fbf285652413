/* An explanation of a policy, for people. */
#ifndef AKS_CLI_EXPLAIN_TEXT_H
#define AKS_CLI_EXPLAIN_TEXT_H

struct json_t;

/** Prints what aks_explain made. */
void aks_explain_text(const struct json_t *explanation);

#endif
