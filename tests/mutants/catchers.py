"""What catches mutants: programs of tests that pass on the tree as it is, and have to turn red once it is broken."""

from typing import NamedTuple


class Catcher(NamedTuple):
    """Words for people, a program of the build and its arguments, and whether it runs in the tree (or in its build)."""

    words: str
    arguments: tuple
    in_tree: bool

    @property
    def target(self):
        return self.arguments[0].rpartition("/")[2]


def engine(words, *arguments):
    return Catcher(words, arguments, in_tree=False)


def policies(words, *arguments):
    return Catcher(words, arguments, in_tree=True)


CATCHERS = [
    engine("certificates", "tests/os_http_tls_test"),
    engine("pins", "tests/os_http_pin_test"),
    engine("redirects", "tests/os_http_redirect_test"),
    engine("limits of replies", "tests/os_http_limits_test"),
    engine("what is asked, and how often", "tests/engine_ask_test"),
    engine("what a header of age may cost", "tests/data_age_limits_test"),
    engine("the default's decisions", "tests/engine_decide_default_test"),
    engine("memories out of rows", "tests/engine_memories_test"),
    engine("where cursors of rows stand", "tests/engine_memories_place_test"),
    engine("rows of the state that are not what was written", "tests/engine_state_sum_test"),
    engine("how far rows have come", "tests/engine_state_memories_test"),
    engine("files", "tests/os_files_test"),
    engine("folders of our own", "tests/engine_private_folder_test"),
    engine("what an agent's hook says", "tests/cli_hook_event_test"),
    engine("standard input that is not waited for", "tests/os_input_test"),
    engine("what hooks failed with", "tests/engine_hook_note_test"),
    engine("an agent's settings", "tests/cli_init_hook_test"),
    engine("settings of session-buddy", "tests/cli_migrate_test"),
    engine("what a bucket is told", "tests/wire_bucket_policy_test"),
    engine("what an agent sends", "tests/cli_mcp_server_test"),
    engine("what an agent calls", "tests/cli_mcp_calls_test"),
    engine("s3: small objects", "tests/engine_target_s3_small_test"),
    engine("s3: what a bucket is like", "tests/engine_target_s3_inspect_test"),
    engine("credentials of files", "tests/engine_credentials_test"),
    engine("credentials that are kept fresh", "tests/engine_credentials_chain_test"),
    engine("credentials of STS", "tests/engine_credentials_sts_test"),
    engine("s3: credentials", "tests/engine_target_s3_credentials_test"),
    engine("figures over time", "tests/engine_figures_test"),
    engine("figures as they are told", "tests/engine_stats_test"),
    engine("figures for Prometheus", "tests/engine_metrics_test"),
    engine("who is told of failures", "tests/engine_notify_due_test"),
    engine("what doctor says of buckets", "tests/engine_doctor_s3_test"),
    engine("what doctor says of machines", "tests/engine_doctor_machine_test"),
    engine("bundles for bug reports", "tests/engine_support_test"),
    engine("what stamps prove", "tests/engine_run_compare_test"),
    engine("memories of a lost state", "tests/testkit_memories_world_test"),
    engine("records of the audit log", "tests/engine_audit_test"),
    engine("what is found in the audit log", "tests/engine_audit_show_test"),
    engine("verdicts on the audit log", "tests/engine_audit_verify_test"),
    engine("settings of notifications", "tests/engine_notify_test"),
    engine("the audit log's chain", "tests/engine_audit_chain_test"),
    engine("heads of the audit log", "tests/engine_audit_heads_test"),
    engine("files of the audit log", "tests/engine_audit_rotation_test"),
    engine("secrets", "tests/base_secret_test"),
    engine("the redactor", "tests/base_redact_test"),
    engine("what is printed", "tests/cli_print_test"),
    engine("a process that holds secrets", "tests/os_guard_test"),
    engine("programs that secrets come from", "tests/engine_secret_find_test"),
    engine("age", "tests/data_age_test"),
    engine("encrypted uploads", "tests/testkit_age_world_test"),
    engine("tokens", "tests/engine_target_http_token_test"),
    engine("answers of an MCP server", "tests/wire_jsonrpc_test"),
    engine("Akosha", "tests/engine_target_akosha_test"),
    engine("rows", "tests/testkit_akosha_test"),
    engine("when all rows go again", "tests/engine_memories_all_test"),
    engine("rows without memory", "tests/testkit_rows_memory_test"),
    engine("rows in worlds", "tests/testkit_rows_world_test"),
    engine("secrets in a world", "tests/testkit_secret_world_test"),
    engine("blocks of DuckDB", "tests/data_duckdb_blocks_test"),
    engine("programs", "tests/os_process_test"),
    engine("rows of SQLite", "tests/engine_rows_test"),
    engine("rows of DuckDB", "tests/engine_rows_duckdb_test"),
    engine("snapshots", "tests/engine_snapshot_test"),
    engine("snapshots of DuckDB", "tests/engine_snapshot_duckdb_test"),
    engine("snapshots of SQLite", "tests/engine_snapshot_sqlite_test"),
    engine("the journal of an upload", "tests/engine_journal_test"),
    engine("the journal's rows", "tests/engine_state_journal_test"),
    engine("s3: an object of before", "tests/engine_target_s3_resume_test"),
    engine("what is unpacked", "tests/data_decode_test"),
    engine("plans of prunes", "tests/engine_prune_plan_test"),
    engine("prunes in worlds", "tests/testkit_prune_world_test"),
    engine("uploads that are cut", "tests/testkit_resume_test"),
    engine("whose turn it is", "tests/engine_delivery_test"),
    engine("states that were lost", "tests/testkit_lost_state_test"),
    engine("uploads that are given back", "tests/testkit_give_back_test"),
    engine("a damaged state", "tests/engine_state_damage_test"),
    engine("a state that is set aside", "tests/engine_state_aside_test"),
    engine("the queue and its worker", "tests/testkit_queue_world_test"),
    engine("snapshots at every step of a writer", "tests/testkit_snapshot_live_test"),
    engine("scenarios", "tests/testkit_scenario_test"),
    engine("mirrors", "tests/testkit_mirror_test"),
    engine("tasks", "tests/testkit_task_test"),
    engine("deaths at every step", "tests/testkit_world_test"),
    engine("power cuts at every step", "tests/sim_engine_power_test"),
    engine("restores that die at every step", "tests/testkit_restore_world_test"),
    engine("workers that die at every step", "tests/testkit_background_test"),
    engine("soak, 1,000 seeds", "soak", "--count", "1000", "--once", "--real-every", "0"),
    engine("the public header", "tests/api_akosha_test"),
    engine("the queue of the public header", "tests/api_queue_test"),
    engine("secrets of the public header", "tests/api_secret_test"),
    engine("what explain shows", "tests/cli_cmd_explain_test"),
    engine("what check shows", "tests/cli_cmd_check_test"),
    engine("what run shows", "tests/cli_cmd_run_test"),
    engine("first tests", "tests/cli_cmd_test_new_test"),
    engine("what init writes and takes away", "tests/cli_cmd_init_test"),
    engine("what an agent is served", "tests/cli_cmd_mcp_test"),
    engine("files that are replaced", "tests/os_replace_test"),
    # A test of policies is a file that lua_host runs in the tree, or the program itself.
    *(policies(f"policies: {name}", "tests/script/lua_host", f"tests/script/{name}_test.lua")
      for name in ("fence", "nonsense", "decide", "phase", "retry", "bad_patterns", "bad_policies", "hostile",
                   "window")),
    policies("throttle", "tests/data_throttle_test"),
    policies("tus: texts", "tests/wire_tus_test"),
    policies("tus: a server that lies", "tests/engine_target_tus_test"),
    policies("worlds: tus", "akosha-sync", "test", "tests/lua/fields/tus_test.lua"),
    policies("worlds: throttle and budget", "akosha-sync", "test", "tests/lua/docs"),
    policies("worlds: tasks", "akosha-sync", "test", "tests/lua/testing/hostile_task_test.lua"),
    policies("worlds: tasks and their budgets", "akosha-sync", "test", "tests/lua/task"),
    policies("names", "tests/script_nearest_test"),
    policies("secrets of policies", "tests/script_secrets_test"),
    policies("failures to allocate", "tests/script_load_test"),
]

# Of the policy layer: what lies here, and what of the engine its worlds are about.
SCRIPT = ("src/script/", "lua/akosha/", "src/data/throttle", "src/engine/link", "src/engine/run_budget",
          "src/engine/run_throttle", "src/engine/state_budget", "src/engine/target_http_tus", "src/wire/tus")
# Where no catcher is called as the broken file is.
USUAL = {True: "policies: fence", False: "scenarios"}


def is_script(file):
    return file.startswith(SCRIPT)


def by_words():
    found = {catcher.words: catcher for catcher in CATCHERS}
    if len(found) != len(CATCHERS):
        raise SystemExit("two catchers have the same words")
    return found


def guess(file):
    """The catcher of a layer whose name is most like that of ${file}: src/engine/queue.c may be for engine_queue_test."""
    layer, *words = file.removeprefix("src/").rpartition(".")[0].replace("/", "_").split("_")

    def likeness(catcher):
        own = catcher.target.removesuffix("_test").split("_") + list(catcher.arguments[1:])
        return sum(len(word) for word in words if word in own) * (own[0] in (layer, "testkit")), own[0] == layer, -len(own)

    best = max(CATCHERS, key=likeness)
    return best if likeness(best)[0] > 0 else by_words()[USUAL[is_script(file)]]
