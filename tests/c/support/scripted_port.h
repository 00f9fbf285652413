/* A port for tests, out of a script: requests that are expected and the replies they get, a
 * clock that jumps to whatever is waited for, variables, and a few files in memory. Nothing
 * outside is touched. Work is done by the next wait, on the same thread. */
#ifndef AKS_TESTS_SCRIPTED_PORT_H
#define AKS_TESTS_SCRIPTED_PORT_H

#include "port/port.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCRIPTED_EXCHANGES_MAX 64
#define SCRIPTED_REQUESTS_MAX 128
#define SCRIPTED_VARIABLES_MAX 24
#define SCRIPTED_FILES_MAX 4
#define SCRIPTED_JOBS_MAX 4

/* A request that is expected: "PUT /bucket/key?a=b". The first of those that are left and fit
 * is used up. */
struct scripted_exchange {
    const char *line;
    enum aks_status transport;          /* AKS_OK: a whole reply */
    enum aks_http_phase phase;
    int status;
    const char *headers;                /* "Name: value\n" ... or NULL */
    const char *body;                   /* or NULL */
    bool silent;                        /* never answered */
    bool used;
};

/* A request that was made. Copies. */
struct scripted_request {
    char *line;
    char *url;
    char *headers;                      /* "name: value\n" ... */
    char *body;
    size_t body_len;
    int64_t connect_timeout_ms;
    int64_t answer_timeout_ms;
    int64_t stall_timeout_ms;
    bool fresh_connection;
    bool metadata;
};

/* The one program that there is, whatever it is called. */
struct scripted_program {
    enum aks_status status;             /* AKS_OK: it runs to its end */
    int exit_code;
    const char *output;                 /* or NULL */
    const char *errors;                 /* or NULL */
    unsigned runs;
    char argv[512];                     /* of the last run: "[word][word]" */
    char env[2048];                     /* "NAME=value\n" ... */
    int64_t timeout_ms;
};

struct scripted_job {
    aks_work_fn *fn;
    aks_work_done *done;
    void *arg;
};

struct scripted_file {
    const char *path;
    const char *text;
    uint32_t mode;
    uint32_t uid;                       /* 0 unless it is set: root's */
    enum aks_file_type type;
};

struct scripted_port {
    struct aks_port port;               /* hand this out */
    int64_t now_ns;
    int64_t wall_ms;                    /* when now_ns was 0 */
    struct scripted_exchange exchanges[SCRIPTED_EXCHANGES_MAX];
    size_t exchange_count;
    struct scripted_request requests[SCRIPTED_REQUESTS_MAX];
    size_t request_count;
    struct aks_http_call *calls;        /* under way */
    unsigned calls_under_way;
    unsigned calls_most;                /* at once, so far */
    unsigned cancelled;
    bool refuse_submit;                 /* the next submit fails */
    const char *variables[SCRIPTED_VARIABLES_MAX];      /* "NAME=value" */
    struct scripted_file files[SCRIPTED_FILES_MAX];
    struct scripted_program program;
    struct scripted_job jobs[SCRIPTED_JOBS_MAX];        /* run by the next wait */
    size_t job_count;
};

void scripted_port_init(struct scripted_port *scripted, const struct aks_alloc *alloc);
/* Frees what was recorded; no call may be under way. */
void scripted_port_fini(struct scripted_port *scripted);
/* Asserts that every expected request was made. */
void scripted_port_done(const struct scripted_port *scripted);

/* The returned exchange may be changed until it is used. */
struct scripted_exchange *scripted_expect(struct scripted_port *scripted, const char *line,
    int status, const char *headers, const char *body);
/* A request whose transport fails in ${phase}. */
struct scripted_exchange *scripted_fails(struct scripted_port *scripted, const char *line,
    enum aks_status transport, enum aks_http_phase phase);
void scripted_set(struct scripted_port *scripted, const char *variable);
void scripted_file(struct scripted_port *scripted, const char *path, const char *text,
    uint32_t mode);

/* Value of a request's header, in a buffer that the next call overwrites; NULL if there is none. */
const char *scripted_header(const struct scripted_port *scripted, size_t request, const char *name);
/* The last request that was made. */
const struct scripted_request *scripted_last(const struct scripted_port *scripted);

#endif
