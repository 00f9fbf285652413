/* A model of Akosha's endpoint for the Model Context Protocol: sessions, its tool for batches of
 * memories, GET /health beside it. Whoever sends what was acknowledged before is counted. */
#ifndef AKS_TESTKIT_MCP_MODEL_H
#define AKS_TESTKIT_MCP_MODEL_H

#include "base/alloc.h"
#include "base/error.h"
#include "sim/network_sim.h"

#include <stdbool.h>
#include <stddef.h>

/* As servers have it (MCP SDK from 1.29). */
#define AKS_MCP_MODEL_BODY_MAX ((size_t)4 * 1024 * 1024)
#define AKS_MCP_MODEL_BATCH_MAX 1000
/* All come again once in 30 days, of which a day is for how long that may take. */
#define AKS_MCP_MODEL_ALL_MS (INT64_C(29) * 86400 * 1000)

struct aks_mcp_model_options {
    const char *path;                   /* of the folder that the endpoint is in: "" */
    const char *endpoint;               /* its name there: "mcp" */
    const char *token;                  /* that must come as Bearer; NULL: none is asked for */
    bool json;                          /* answers are JSON; else events of a stream, */
    bool open;                          /* that it does not end */
};

struct aks_mcp_model;

enum aks_status aks_mcp_model_new(const struct aks_alloc *alloc,
    const struct aks_mcp_model_options *options, struct aks_mcp_model **ret_model,
    struct aks_error *err);
void aks_mcp_model_free(struct aks_mcp_model *model);
/** An aks_sim_serve; ${ctx} is the model. */
void aks_mcp_model_serve(void *ctx, int64_t wall_ms, const struct aks_sim_request *request,
    struct aks_sim_reply *reply);
/** The text of a memory, or NULL. Borrowed until the model serves again. */
const void *aks_mcp_model_memory(struct aks_mcp_model *model, const char *id, size_t *ret_len);
/** In byte order of ids. */
void aks_mcp_model_each(struct aks_mcp_model *model,
    void (*each)(void *ctx, const char *id, const void *data, size_t len), void *ctx);
/** Memories that came once more although they had not come in the batch before, nor in the last of
 * a session (those alone may have been sent without their answers being known), and less than
 * AKS_MCP_MODEL_ALL_MS after the first batch of all or the last time. */
size_t aks_mcp_model_repeated(const struct aks_mcp_model *model);
/** Forgets all sessions, as a server does that is started again. */
void aks_mcp_model_restart(struct aks_mcp_model *model);
/** How many sessions there are. */
size_t aks_mcp_model_sessions(const struct aks_mcp_model *model);

#endif
