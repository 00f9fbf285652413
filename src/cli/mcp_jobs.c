/* The calls of a conversation: waiting, running, told of, ended. A part of cli/mcp_server.h. */
#include "cli/mcp_server.h"

#include "base/check.h"

#include <stdio.h>
#include <string.h>

/* Told apart from what came before where only the words are new: progress has to increase. */
#define PROGRESS_STEP 0.001

static const char *const levels[] = { "debug", "info", "notice", "warning", "error", "critical",
    "alert", "emergency" };

int
aks_mcp_server_level(const char *name)
{
    for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
        if (strcmp(levels[i], name) == 0)
            return (int)i;
    }
    return -1;
}

/* May take long: ends when its client does. */
static bool
is_long(enum aks_mcp_do what)
{
    return what == AKS_MCP_SYNC || what == AKS_MCP_VERIFY;
}

static size_t
count(const struct aks_mcp_server *server, enum aks_mcp_job_state state, bool syncs)
{
    size_t found = 0;

    for (size_t i = 0; i < AKS_MCP_JOBS_MAX; i++)
        found += server->jobs[i].state == state &&
            (!syncs || server->jobs[i].what == AKS_MCP_SYNC);
    return found;
}

static void
forget(struct aks_mcp_job *job)
{
    json_decref(job->id);
    json_decref(job->token);
    json_decref(job->arguments);
    memset(job, 0, sizeof(*job));
}

static struct aks_mcp_job *
find(struct aks_mcp_server *server, const json_t *id)
{
    for (size_t i = 0; i < AKS_MCP_JOBS_MAX; i++) {
        struct aks_mcp_job *job = &server->jobs[i];

        /* One that was cancelled or answered is nobody's any more: its id may be used again, though
         * its process is there yet. */
        if (job->state != AKS_MCP_FREE && !job->cancelled && !job->answered &&
            json_equal(job->id, id))
            return job;
    }
    return NULL;
}

bool
aks_mcp_server_knows(const struct aks_mcp_server *server, const json_t *id)
{
    return find((struct aks_mcp_server *)(uintptr_t)server, id) != NULL;
}

void
aks_mcp_server_add(struct aks_mcp_server *server, json_t *id, enum aks_mcp_do what,
    json_t *params)
{
    json_t *token = json_object_get(json_object_get(params, "_meta"), "progressToken");
    struct aks_mcp_job *job = server->jobs;
    char why[96];

    if (token != NULL && !aks_mcp_message_is_id(token)) {
        aks_mcp_server_fail(server, id, AKS_MCP_PARAMS, "the progressToken is neither a string nor "
            "an integer, or it is too long");
        return;
    }
    if (count(server, AKS_MCP_WAITING, false) >= AKS_MCP_WAITING_MAX) {
        (void)snprintf(why, sizeof(why), "%d calls wait already: ask again when one is answered",
            AKS_MCP_WAITING_MAX);
        aks_mcp_server_fail(server, id, AKS_MCP_BUSY, why);
        return;
    }
    while (job->state != AKS_MCP_FREE)
        job++;
    AKS_CHECK(job < server->jobs + AKS_MCP_JOBS_MAX);
    job->state = AKS_MCP_WAITING;
    job->what = what;
    job->id = json_incref(id);
    job->token = json_incref(token);
    job->arguments = json_incref(json_object_get(params, "arguments"));
    job->order = server->order++;
    job->progress = -1;
}

void
aks_mcp_server_cancel(struct aks_mcp_server *server, const json_t *id)
{
    struct aks_mcp_job *job = id != NULL ? find(server, id) : NULL;

    /* It may have been answered while this was under way. */
    if (job == NULL)
        return;
    if (job->state == AKS_MCP_WAITING) {
        forget(job);
        return;
    }
    job->cancelled = true;
    server->work->stop(server->work->ctx, (size_t)(job - server->jobs));
}

/* The oldest call that may begin, or NULL. */
static struct aks_mcp_job *
next(struct aks_mcp_server *server)
{
    bool syncing = count(server, AKS_MCP_RUNNING, true) > 0;
    struct aks_mcp_job *oldest = NULL;

    if (count(server, AKS_MCP_RUNNING, false) >= AKS_MCP_RUNNING_MAX)
        return NULL;
    for (size_t i = 0; i < AKS_MCP_JOBS_MAX; i++) {
        struct aks_mcp_job *job = &server->jobs[i];

        if (job->state == AKS_MCP_WAITING && !(syncing && job->what == AKS_MCP_SYNC) &&
            (oldest == NULL || job->order < oldest->order))
            oldest = job;
    }
    return oldest;
}

void
aks_mcp_server_go_on(struct aks_mcp_server *server)
{
    struct aks_mcp_job *job;

    while ((job = next(server)) != NULL) {
        struct aks_error err = { 0 };

        job->state = AKS_MCP_RUNNING;
        if (server->work->start(server->work->ctx, (size_t)(job - server->jobs), job->what,
                job->arguments, &err) == AKS_OK)
            continue;
        aks_mcp_server_fail(server, job->id, AKS_MCP_INTERNAL, err.message);
        forget(job);
    }
}

/* --- what a call's process says --------------------------------------------------------------- */

static void
on_progress(struct aks_mcp_server *server, struct aks_mcp_job *job, const json_t *said)
{
    double done = (double)json_integer_value(json_object_get(said, "done"));
    json_int_t total = json_integer_value(json_object_get(said, "total"));
    json_t *params;

    if (job->token == NULL)
        return;
    if (done <= job->progress)
        done = job->progress + PROGRESS_STEP;
    params = json_pack("{s:O, s:o, s:O*}", "progressToken", job->token, "progress",
        done == (double)(json_int_t)done ? json_integer((json_int_t)done) : json_real(done),
        "message", json_object_get(said, "message"));
    if (total > 0 && (double)total >= done)
        (void)json_object_set_new(params, "total", json_integer(total));
    job->progress = done;
    aks_mcp_message_notify(&server->out, "notifications/progress", params);
    aks_mcp_server_say(server, NULL, false);
}

static void
on_log(struct aks_mcp_server *server, const json_t *said)
{
    const char *name = json_string_value(json_object_get(said, "level"));
    int level = name != NULL ? aks_mcp_server_level(name) : -1;

    if (level < (int)server->log_level)
        return;
    aks_mcp_message_notify(&server->out, "notifications/message", json_pack("{s:s, s:s, s:O}",
        "level", name, "logger", "akosha-sync", "data", json_object_get(said, "text")));
    aks_mcp_server_say(server, NULL, false);
}

static void
on_result(struct aks_mcp_server *server, struct aks_mcp_job *job, const char *result)
{
    job->answered = true;
    aks_mcp_message_result(&server->out, job->id, result);
    aks_mcp_server_say(server, job->id, true);
}

static void
on_error(struct aks_mcp_server *server, struct aks_mcp_job *job, const json_t *said)
{
    const char *message = json_string_value(json_object_get(said, "message"));
    json_int_t code = json_integer_value(json_object_get(said, "code"));

    job->answered = true;
    aks_mcp_server_fail(server, job->id, code != 0 ? (enum aks_mcp_code)code : AKS_MCP_INTERNAL,
        message != NULL ? message : "it failed");
}

void
aks_mcp_server_heard(struct aks_mcp_server *server, size_t job, const char *text, size_t len)
{
    struct aks_mcp_job *of = &server->jobs[job];
    json_t *said = NULL;

    if (of->state != AKS_MCP_RUNNING || of->cancelled || of->answered || len < 2)
        return;
    if (text[0] == 'r') {
        on_result(server, of, text + 1);
        return;
    }
    said = json_loadb(text + 1, len - 1, 0, NULL);
    if (said != NULL && text[0] == 'p')
        on_progress(server, of, said);
    else if (said != NULL && text[0] == 'l')
        on_log(server, said);
    else if (said != NULL && text[0] == 'e')
        on_error(server, of, said);
    json_decref(said);
}

void
aks_mcp_server_ended(struct aks_mcp_server *server, size_t job, const char *how)
{
    struct aks_mcp_job *of = &server->jobs[job];
    char why[AKS_MCP_WHY_BYTES];

    if (!of->cancelled && !of->answered) {
        (void)snprintf(why, sizeof(why), "the process that did it ended%s%s before it had an "
            "answer", how[0] != '\0' ? " with " : "", how);
        aks_mcp_server_fail(server, of->id, AKS_MCP_INTERNAL, why);
    }
    forget(of);
}

/* --- the end ---------------------------------------------------------------------------------- */

void
aks_mcp_server_end(struct aks_mcp_server *server, bool all)
{
    server->ending = true;
    for (size_t i = 0; i < AKS_MCP_JOBS_MAX; i++) {
        struct aks_mcp_job *job = &server->jobs[i];

        if (job->state == AKS_MCP_FREE || (!all && !is_long(job->what)))
            continue;
        if (job->state == AKS_MCP_RUNNING) {
            server->work->stop(server->work->ctx, i);
            continue;
        }
        aks_mcp_server_fail(server, job->id, AKS_MCP_BUSY, "the server ends, and this has not "
            "begun");
        forget(job);
    }
}

bool
aks_mcp_server_idle(const struct aks_mcp_server *server)
{
    return count(server, AKS_MCP_WAITING, false) == 0 && count(server, AKS_MCP_RUNNING, false) == 0;
}
