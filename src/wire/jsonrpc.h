/* JSON-RPC 2.0 as a client of the Model Context Protocol speaks it (revision 2025-06-18, "Base
 * protocol" and "Tools"): one request at a time, and what may come back for it.
 *
 * A failure shows at four levels: the HTTP status, which is not seen here; an "error" in the answer
 * (aks_jsonrpc_answer.failed); a tool's result with "isError" (aks_jsonrpc_tool.failed); and what
 * the tool itself says in its value (wire/store_answer.h). */
#ifndef AKS_WIRE_JSONRPC_H
#define AKS_WIRE_JSONRPC_H

#include "base/buf.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_t;

/* Of one message. */
#define AKS_JSONRPC_BYTES_MAX ((size_t)4 * 1024 * 1024)
#define AKS_JSONRPC_DEPTH_MAX 32
#define AKS_JSONRPC_CONTAINERS_MAX 20000
#define AKS_JSONRPC_VALUES_MAX 200000
/* Others' words, as they are shown: on one line, cut. */
#define AKS_JSONRPC_WORDS_BYTES 256

#define AKS_JSONRPC_PROTOCOL "2025-06-18"
#define AKS_JSONRPC_PROTOCOL_BYTES 16

/* Writing. Failures are the buffer's. */

/** The first request of a session. */
void aks_jsonrpc_initialize(struct aks_buf *buf, int64_t id, const char *client,
    const char *version);
/** A notification without parameters; ${method} needs no escapes. */
void aks_jsonrpc_notify(struct aks_buf *buf, const char *method);
/** The beginning and the end of a call of ${tool} with one argument, a list: its items, JSON
 * each, go between the two, with commas. Names need no escapes. */
void aks_jsonrpc_call_begin(struct aks_buf *buf, int64_t id, const char *tool,
    const char *argument);
void aks_jsonrpc_call_end(struct aks_buf *buf);

/* Reading. */

struct aks_jsonrpc_answer {
    struct json_t *result;  /* owned; NULL if it failed */
    bool failed;
    int64_t code;           /* of the error */
    char words[AKS_JSONRPC_WORDS_BYTES];
};

enum aks_jsonrpc_kind {
    AKS_JSONRPC_ANSWER,     /* to request ${id}, or an error that names no request */
    AKS_JSONRPC_OTHER,      /* a notification, a request of the server's, another answer */
    AKS_JSONRPC_BAD         /* no message, or over a limit */
};

/** What ${text} is. With AKS_JSONRPC_ANSWER ${ret_answer} is filled and to be given to _fini; with
 * AKS_JSONRPC_BAD ${err} tells why: AKS_BAD_REPLY, which shows nothing of the text, or AKS_LIMIT
 * without memory. */
enum aks_jsonrpc_kind aks_jsonrpc_read(const char *text, size_t len, int64_t id,
    struct aks_jsonrpc_answer *ret_answer, struct aks_error *err);
/** Fine on a zeroed one. */
void aks_jsonrpc_answer_fini(struct aks_jsonrpc_answer *answer);
/** The "protocolVersion" of a result of initialize, if it is one that we know: 2024-11-05,
 * 2025-03-26, 2025-06-18 or 2025-11-25. Else AKS_BAD_REPLY. */
enum aks_status aks_jsonrpc_protocol(const struct json_t *result,
    char ret_protocol[AKS_JSONRPC_PROTOCOL_BYTES], struct aks_error *err);

/* The result of tools/call. */
struct aks_jsonrpc_tool {
    bool failed;            /* isError */
    char words[AKS_JSONRPC_WORDS_BYTES];    /* of the first text, if it failed */
    struct json_t *value;   /* an object, owned; NULL if it failed */
};

/** Takes the wrapping off: structuredContent, else the object that the first text is. AKS_BAD_REPLY
 * if there is none. */
enum aks_status aks_jsonrpc_tool(const struct json_t *result, struct aks_jsonrpc_tool *ret_tool,
    struct aks_error *err);
void aks_jsonrpc_tool_fini(struct aks_jsonrpc_tool *tool);

/** ${text} as it may be shown: UTF-8 on one line, without control characters, cut. */
void aks_jsonrpc_words(const char *text, char ret_words[AKS_JSONRPC_WORDS_BYTES]);

#endif
