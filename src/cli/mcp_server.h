/* One conversation with a client: what each of its messages is answered, and which calls wait, run
 * or are cancelled. Who does the work, and how a line reaches the client, is its owner's. Pure: no
 * descriptor, no clock, no process. */
#ifndef AKS_CLI_MCP_SERVER_H
#define AKS_CLI_MCP_SERVER_H

#include "base/buf.h"
#include "base/error.h"
#include "cli/mcp_lines.h"
#include "cli/mcp_message.h"
#include "cli/mcp_tools.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A request is a few hundred bytes; an agent that sends more means something else. */
#define AKS_MCP_LINE_BYTES_MAX ((size_t)1024 * 1024)
/* What a call may come to, and what its process may say in one line. */
#define AKS_MCP_ANSWER_BYTES_MAX ((size_t)8 * 1024 * 1024)
#define AKS_MCP_WAITING_MAX 32          /* calls that wait for others; one more is refused */
#define AKS_MCP_RUNNING_MAX 4           /* calls that are carried out at a time; syncs one */
#define AKS_MCP_JOBS_MAX (AKS_MCP_WAITING_MAX + AKS_MCP_RUNNING_MAX)

/* Filled by the server's owner. */
struct aks_mcp_work {
    void *ctx;
    /* Begins what ${job} is to do; ends with aks_mcp_server_ended. ${arguments} may be NULL. */
    enum aks_status (*start)(void *ctx, size_t job, enum aks_mcp_do what, const json_t *arguments,
        struct aks_error *err);
    /* Ends it soon; it is told as ended all the same. */
    void (*stop)(void *ctx, size_t job);
    /* One line to the client, its end included; may be changed in place. ${needed}: not one that
     * can be left out where the client is slow. */
    void (*say)(void *ctx, char *text, size_t len, bool needed);
};

enum aks_mcp_job_state { AKS_MCP_FREE, AKS_MCP_WAITING, AKS_MCP_RUNNING };

struct aks_mcp_job {
    enum aks_mcp_job_state state;
    enum aks_mcp_do what;
    json_t *id;                         /* these three: owned; token and arguments may be NULL */
    json_t *token;
    json_t *arguments;
    uint64_t order;                     /* the lowest is the oldest */
    bool cancelled;                     /* nobody waits for an answer any more */
    bool answered;
    double progress;                    /* the last that was told; -1: none */
};

struct aks_mcp_server {
    const struct aks_mcp_work *work;    /* borrowed */
    struct aks_buf out;                 /* the line that is being made */
    struct aks_mcp_job jobs[AKS_MCP_JOBS_MAX];
    uint64_t order;
    const char *version;                /* of the protocol, static; NULL before initialize */
    unsigned log_level;
    bool ending;
};

void aks_mcp_server_init(struct aks_mcp_server *server, const struct aks_alloc *alloc,
    const struct aks_mcp_work *work);
void aks_mcp_server_fini(struct aks_mcp_server *server);

/** What the client sent: as struct aks_mcp_lines tells it, with the server as ${ctx}. */
void aks_mcp_server_line(void *ctx, enum aks_mcp_line kind, const char *text, size_t len);
/** Begins the calls that wait, the oldest first, as far as there is room. */
void aks_mcp_server_go_on(struct aks_mcp_server *server);
/** What the process of ${job} says: a letter and JSON. 'p' {"done", "total", "message"}, 'l'
 * {"level", "text"}, 'r' the result, 'e' {"code", "message"}. */
void aks_mcp_server_heard(struct aks_mcp_server *server, size_t job, const char *text, size_t len);
/** The process of ${job} is no more; ${how} it ended where that was no ordinary end. */
void aks_mcp_server_ended(struct aks_mcp_server *server, size_t job, const char *how);
/** The client says no more. What may take long ends, and does not begin; ${all} of it: the rest as
 * well. */
void aks_mcp_server_end(struct aks_mcp_server *server, bool all);
/** Neither waits nor runs anything. */
bool aks_mcp_server_idle(const struct aks_mcp_server *server);

/* --- what both files of the server share ------------------------------------------------------ */

/* Hands the line that was made to the client; where it could not be made, an error for ${id}. */
void aks_mcp_server_say(struct aks_mcp_server *server, const json_t *id, bool needed);
void aks_mcp_server_fail(struct aks_mcp_server *server, const json_t *id, enum aks_mcp_code code,
    const char *why);
/* A call is to be carried out; everything is borrowed. */
void aks_mcp_server_add(struct aks_mcp_server *server, json_t *id, enum aks_mcp_do what,
    json_t *params);
void aks_mcp_server_cancel(struct aks_mcp_server *server, const json_t *id);
/* Does a call with that id wait or run? */
bool aks_mcp_server_knows(const struct aks_mcp_server *server, const json_t *id);
/* How grave a message of that level is; -1: there is no such level. */
int aks_mcp_server_level(const char *name);

#endif
