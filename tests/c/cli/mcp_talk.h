/* A conversation with the MCP server, in which the test is its client and does its work. */
#ifndef AKS_TESTS_MCP_TALK_H
#define AKS_TESTS_MCP_TALK_H

#include "cli/mcp_server.h"

#define TALK_SAID_MAX 512

/* All that was said, and which calls are carried out. */
struct talk {
    struct aks_mcp_server server;
    struct aks_mcp_work work;
    struct aks_mcp_lines lines;
    json_t *said[TALK_SAID_MAX];
    size_t count;
    unsigned started;
    unsigned stopped;
    enum aks_mcp_do what[AKS_MCP_JOBS_MAX];
    bool running[AKS_MCP_JOBS_MAX];
    bool cannot_start;
};

#define TALK_INITIALIZE(version) "{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\"," \
    "\"params\":{\"protocolVersion\":\"" version "\",\"capabilities\":{},\"clientInfo\":" \
    "{\"name\":\"t\",\"version\":\"1\"}}}"
#define TALK_PING "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}"
#define TALK_PONG "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}"

void talk_begin_with(struct talk *talk, const struct aks_alloc *alloc, size_t line_bytes_max);
/* Initialized, with the message ${initialize}. */
void talk_begin(struct talk *talk, const char *initialize);
void talk_end(struct talk *talk);
void talk_feed(struct talk *talk, const char *text);
/* Sends a line; what is answered, as text. */
const char *talk_ask(struct talk *talk, const char *line);
/* What was said last. */
const char *talk_last(const struct talk *talk);
/* The code of the last error that was said, and its id as text. */
int talk_code(const struct talk *talk, char id[64]);
/* There is one answer: an error of that code, for that id. */
void talk_refused(struct talk *talk, const char *line, int expected, const char *id);
/* A call of ${tool} under ${id}, both as JSON; ${more}: further members of params. */
const char *talk_call(struct talk *talk, const char *id, const char *tool, const char *more);
/* The process of ${job} says something, or is over. */
void talk_heard(struct talk *talk, size_t job, const char *text);
void talk_over(struct talk *talk, size_t job, const char *how);

#endif
