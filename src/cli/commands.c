#include "cli/commands.h"

const struct aks_command aks_commands[] = {
    { "run", "[run] [--policy FILE] [OPTION]... [SOURCE]...",
      "sync now, in the foreground",
      "SOURCE replaces the policy's sources. What cannot be delivered now stays in the queue,\n"
      "and the next run takes it up.",
      "  akosha-sync --policy policies/prod.lua\n"
      "  akosha-sync run --target http --json memory.db",
      "policy target no-fallback dry-run allow-env", 0, -1, aks_cmd_run },
    { "list", "list [--policy FILE] [--target NAME]",
      "show the uploads that the policy's targets hold",
      "",
      "  akosha-sync list --policy policies/prod.lua --target cloud",
      "policy target allow-env", 0, 0, aks_cmd_list },
    { "cancel", "cancel JOB",
      "drop a queued job, undelivered",
      "JOB is the job_id of a report.",
      "  akosha-sync cancel 20261123T084512Z-3f9a2c",
      "", 1, 1, aks_cmd_cancel },
    { 0 },
};
