/* JSON-RPC 2.0 as the Model Context Protocol uses it: one message, read and checked, and the texts
 * that are answered. Pure.
 *
 * https://www.jsonrpc.org/specification and
 * https://modelcontextprotocol.io/specification/2025-11-25/basic */
#ifndef AKS_CLI_MCP_MESSAGE_H
#define AKS_CLI_MCP_MESSAGE_H

#include "base/buf.h"

#include <jansson.h>
#include <stddef.h>

#define AKS_MCP_ID_BYTES_MAX 256        /* of an id, or a progress token, that is a string */
#define AKS_MCP_WHY_BYTES 256
#define AKS_MCP_REAL_DIGITS 15          /* 0.1 stays 0.1 */

enum aks_mcp_code {
    AKS_MCP_PARSE = -32700,
    AKS_MCP_INVALID = -32600,
    AKS_MCP_METHOD = -32601,
    AKS_MCP_PARAMS = -32602,
    AKS_MCP_INTERNAL = -32603,
    AKS_MCP_BUSY = -32000,              /* one too many waits, or the server is ending */
    AKS_MCP_NO_RESOURCE = -32002
};

enum aks_mcp_kind {
    AKS_MCP_REQUEST,
    AKS_MCP_NOTIFICATION,
    AKS_MCP_RESPONSE,                   /* to something that was never asked */
    AKS_MCP_WRONG                       /* `code` and `why`; `id` is set where it can be told */
};

struct aks_mcp_message {
    enum aks_mcp_kind kind;
    json_t *document;                   /* owned; the rest lies in it */
    json_t *id;                         /* a string or an integer, or NULL */
    const char *method;                 /* "" if there is none */
    json_t *params;                     /* an object, or NULL */
    enum aks_mcp_code code;
    const char *why;                    /* static */
};

/** Reads ${len} bytes. Whatever they are, ${ret} is a message, to be given to _fini. */
void aks_mcp_message_read(const char *text, size_t len, struct aks_mcp_message *ret);
void aks_mcp_message_fini(struct aks_mcp_message *message);
/** Is it what an id, or a progress token, can be: an integer, or a string that is not too long? */
bool aks_mcp_message_is_id(const json_t *value);

/* Each appends one line; without memory ${out} has failed. */

/** ${id}: NULL where none is known. What is secret is taken out of ${why}. */
void aks_mcp_message_error(struct aks_buf *out, const json_t *id, enum aks_mcp_code code,
    const char *why);
/** ${result} is the text of a JSON object. */
void aks_mcp_message_result(struct aks_buf *out, const json_t *id, const char *result);
/** ${params} is taken; NULL: there was no memory for it. */
void aks_mcp_message_notify(struct aks_buf *out, const char *method, json_t *params);
/** Appends ${value} as JSON without line ends; NULL: there was no memory for it. */
void aks_mcp_message_json(struct aks_buf *out, const json_t *value);

#endif
