/* The commands: one file each, cmd_<name>.c. */
#ifndef AKS_CLI_COMMANDS_H
#define AKS_CLI_COMMANDS_H

#include "akosha/akosha.h"
#include "cli/args.h"
#include "cli/begin.h"

/* Rows of the table that are the front program's as well (front.c). */
#define AKS_COMMAND_ENQUEUE { \
    "enqueue", "enqueue [--policy FILE] [OPTION]... [SOURCE]...", \
    "make a job of it, have it brought in the background, return at once", \
    "SOURCE replaces the policy's sources. When this returns the job outlives a power cut, and\n" \
    "a worker that outlives this process and its terminal has been told of it, or started. The\n" \
    "job's id is printed. The policy is taken along and not evaluated: what is wrong in it\n" \
    "shows in status. Exit codes: 0 the job is kept; 2 wrong option; 3 the policy's file cannot\n" \
    "be read; 7 it could not be kept.", \
    "  akosha-sync enqueue --policy policies/prod.lua\n" \
    "  akosha-sync enqueue --json ~/.claude/data/reflection.duckdb\n" \
    "  job=$(akosha-sync enqueue) && akosha-sync status \"$job\"", \
    "policy target no-fallback allow-env limit no-worker", 0, -1, aks_cmd_enqueue }

#define AKS_COMMAND_HOOK { \
    "hook", "hook session-end [--policy FILE] [OPTION]...", \
    "what an agent calls when its session ends: milliseconds, and never an error", \
    "As enqueue without sources, for hooks (docs/session.md). The hook's JSON is read from\n" \
    "standard input if there is any, for 50 ms at most. Where it says that a turn ended (Stop,\n" \
    "SubagentStop) and no session, nothing is done, nor with\n" \
    "AKOSHA_UPLOAD_ON_SESSION_END=false. Says nothing without --verbose, and ends with 0\n" \
    "whatever happens: what failed, status tells.", \
    "  akosha-sync hook session-end < /dev/null\n" \
    "  echo '{\"hook_event_name\": \"SessionEnd\"}' | akosha-sync hook session-end --verbose", \
    "policy target no-fallback allow-env limit no-worker on-stop", 1, -1, aks_cmd_hook }

int aks_cmd_run(const struct aks_args *args);
int aks_cmd_check(const struct aks_args *args);
int aks_cmd_explain(const struct aks_args *args);
int aks_cmd_list(const struct aks_args *args);
int aks_cmd_verify(const struct aks_args *args);
int aks_cmd_restore(const struct aks_args *args);
int aks_cmd_prune(const struct aks_args *args);
int aks_cmd_test(const struct aks_args *args);
int aks_cmd_cancel(const struct aks_args *args);
int aks_cmd_enqueue(const struct aks_args *args);
int aks_cmd_worker(const struct aks_args *args);
int aks_cmd_status(const struct aks_args *args);
int aks_cmd_secret(const struct aks_args *args);
int aks_cmd_support(const struct aks_args *args);
int aks_cmd_bucket_policy(const struct aks_args *args);
int aks_cmd_doctor(const struct aks_args *args);
int aks_cmd_fleet(const struct aks_args *args);
int aks_cmd_stats(const struct aks_args *args);
int aks_cmd_metrics(const struct aks_args *args);
int aks_cmd_audit(const struct aks_args *args);
int aks_cmd_mcp(const struct aks_args *args);
int aks_cmd_hook(const struct aks_args *args);
int aks_cmd_init(const struct aks_args *args);
int aks_cmd_migrate(const struct aks_args *args);

/** Enqueues as the command line says, through ${port}; its operands are the sources. */
int aks_cmd_enqueue_job(const struct aks_args *args, const struct aks_port *port,
    struct akosha_enqueued *ret_enqueued, struct akosha_error *ret_error);

/** Is it the command line of a hook? Then it ends with 0, and is silent unless it asks for words:
 * aks_cmd_hook_begin sees to that before anything is said. */
bool aks_cmd_hook_is(int argc, char **argv);
void aks_cmd_hook_begin(int argc, char **argv);
/** Keeps what was wrong with the command line where status tells of it. */
void aks_cmd_hook_wrong(const struct aks_args *args);

#endif
