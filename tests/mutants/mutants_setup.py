"""The mutants of what init writes and takes away, and of an agent's server: as those of mutants.py."""

MUTANTS = (
    ("undo knows one of the settings that the hook was added to", "src/cli/init_plan.c",
     "        (path = aks_init_record_settings(&plan->record, i)) != NULL; i++)",
     "        (path = aks_init_record_settings(&plan->record, i)) != NULL && i < 1; i++)"),
    ("undo does not bring back what was replaced", "src/cli/init_plan.c",
     "    if (kept != NULL)\n        status = aks_replace_posix_read(", "    if (kept != NULL && kept[0] != '/')\n        status = aks_replace_posix_read("),
    ("undo stops at what it cannot look at", "src/cli/init_plan.c",
     "    if (status == AKS_OK || status == AKS_LIMIT)\n        return status;",
     "    if (status == AKS_OK || change == NULL || change->path != NULL)\n        return status;"),
    ("what undo has left is forgotten", "src/cli/init_plan.c",
     "        if (!plan->changes.list[i].left)\n", "        if (plan->changes.list[i].path != NULL)\n"),
    ("undo takes away what a person has changed", "src/cli/init_plan.c",
     "    if (status == AKS_OK && change->seen.exists && as_written(plan, change)) {",
     "    if (status == AKS_OK && change->seen.exists) {"),
    ("a folder is taken for a database", "src/cli/init_find.c",
     "        info.type == AKS_FILE_REGULAR;", "        info.type <= AKS_FILE_FOLDER;"),
    ("an agent waits for what is to go on behind it", "src/cli/mcp_tools.c",
     "        ? AKS_MCP_ENQUEUE : tool;", "        ? AKS_MCP_SYNC : tool;"),
    ("what others changed meanwhile is written over", "src/os/replace_posix.c",
     "        status = check_seen(path, seen, err);\n    if (status == AKS_OK && rename(",
     "        status = seen->exists ? AKS_OK : check_seen(path, seen, err);\n    if (status == AKS_OK && rename("),
)
