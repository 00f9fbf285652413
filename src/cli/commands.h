/* The commands: one file each, cmd_<name>.c. */
#ifndef AKS_CLI_COMMANDS_H
#define AKS_CLI_COMMANDS_H

#include "cli/args.h"

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
int aks_cmd_bucket_policy(const struct aks_args *args);

#endif
