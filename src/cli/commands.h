/* The commands: one file each, cmd_<name>.c. */
#ifndef AKS_CLI_COMMANDS_H
#define AKS_CLI_COMMANDS_H

#include "cli/args.h"

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
int aks_cmd_audit(const struct aks_args *args);

#endif
