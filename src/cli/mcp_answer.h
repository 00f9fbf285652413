/* What the process of a call says to its server (cli/mcp_server.h reads it), made fit to leave the
 * machine before. */
#ifndef AKS_CLI_MCP_ANSWER_H
#define AKS_CLI_MCP_ANSWER_H

#include "akosha/akosha.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct aks_mcp_answer {
    int fd;                             /* to the server */
    struct akosha_leaving *leaving;     /* NULL: nothing but failures of ours is told */
};

/** Progress of a run: plain bytes, and one line for people. */
void aks_mcp_answer_progress(const struct aks_mcp_answer *answer, int64_t done, int64_t total,
    const char *text);
void aks_mcp_answer_log(const struct aks_mcp_answer *answer, const char *level, const char *text);
/** ${report} as the result of a tool, which failed unless ${code} is 0. Without ${details} what was
 * decided is counted alone, in the reports that a status holds as well. */
void aks_mcp_answer_report(const struct aks_mcp_answer *answer, struct akosha_report *report,
    int code, bool details);
/** There is no report: as the result of a tool, or an error where it is none. */
void aks_mcp_answer_failure(const struct aks_mcp_answer *answer, const struct akosha_error *error,
    bool tool);
/** Resources: the last run of a status, and the text of a policy. */
void aks_mcp_answer_last_report(const struct aks_mcp_answer *answer, struct akosha_report *status);
void aks_mcp_answer_policy(const struct aks_mcp_answer *answer, struct akosha_report *policy);
/** ${document} (taken) as a report; as akosha_leaving_document. */
int aks_mcp_answer_leaves(const struct aks_mcp_answer *answer, json_t *document,
    struct akosha_report **ret_report, struct akosha_error *ret_error);

#endif
