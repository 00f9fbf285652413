"""Breaks the engine on purpose, one mutant at a time, and sees it caught: `run.py [NAME PART...]`.

A copy of the tree is built once; each mutant changes one place of one file, is built again, and has to turn a scenario
or the soak red; one of the policy layer has to turn a test of policies red. Ends with the line `N passed, N failed`.
"""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import mutants
import mutants_figures
import mutants_rows

MUTANTS = mutants.MUTANTS + mutants_figures.MUTANTS + mutants_rows.MUTANTS
ROOT = Path(__file__).resolve().parents[2]
WORK = ROOT / "build" / "mutants"
COPIED = ("CMakeLists.txt", "bench", "cmake", "docs", "include", "lua", "policies", "src", "tests")
TARGETS = ("soak", "testkit_scenario_test", "testkit_mirror_test", "testkit_world_test", "sim_engine_power_test",
           "os_http_tls_test", "os_http_pin_test", "os_http_limits_test", "os_http_redirect_test",
           "engine_decide_default_test",
           "engine_memories_test", "engine_state_memories_test",
           "base_secret_test", "base_redact_test", "cli_print_test", "os_guard_test", "engine_secret_find_test",
           "engine_target_http_token_test", "testkit_secret_world_test", "testkit_task_test",
           "engine_snapshot_test", "engine_snapshot_duckdb_test", "engine_snapshot_sqlite_test",
           "engine_journal_test", "engine_target_s3_resume_test", "testkit_resume_test", "engine_state_damage_test",
           "testkit_queue_world_test", "testkit_snapshot_live_test", "testkit_restore_world_test",
           "data_age_test", "data_age_limits_test", "engine_ask_test", "testkit_age_world_test",
           "testkit_background_test", "wire_bucket_policy_test", "engine_target_s3_small_test",
           "engine_target_s3_inspect_test", "engine_credentials_test", "engine_credentials_chain_test",
           "engine_credentials_sts_test", "engine_target_s3_credentials_test",
           "os_files_test", "engine_private_folder_test",
           "cli_hook_event_test", "os_input_test", "engine_hook_note_test", "cli_init_hook_test", "cli_migrate_test",
           "engine_audit_chain_test", "engine_audit_heads_test", "engine_audit_rotation_test",
           "data_duckdb_blocks_test", "wire_jsonrpc_test", "engine_target_akosha_test", "testkit_akosha_test",
           "engine_rows_test", "engine_rows_duckdb_test", "os_process_test", "cli_mcp_server_test", "cli_mcp_calls_test",
           "engine_figures_test", "engine_notify_test")
# Of the policy layer: what lies here, and what of the engine its worlds are about. A test of policies is a file that
# lua_host runs in the tree.
SCRIPT = ("src/script/", "lua/akosha/", "src/data/throttle", "src/engine/link", "src/engine/run_budget",
          "src/engine/run_throttle", "src/engine/state_budget", "src/engine/target_http_tus", "src/wire/tus")
SCRIPT_TARGETS = ("lua_host", "akosha-sync", "script_nearest_test", "script_load_test", "script_secrets_test",
                  "data_throttle_test", "wire_tus_test", "engine_target_tus_test")
SECONDS_MAX = 480
# In this order: the quick ones first. Each has to pass before anything is broken.
CATCHERS = (
    ("certificates", ["tests/os_http_tls_test"]),
    ("pins", ["tests/os_http_pin_test"]),
    ("redirects", ["tests/os_http_redirect_test"]),
    ("limits of replies", ["tests/os_http_limits_test"]),
    ("what is asked, and how often", ["tests/engine_ask_test"]),
    ("what a header of age may cost", ["tests/data_age_limits_test"]),
    ("the default's decisions", ["tests/engine_decide_default_test"]),
    ("memories out of rows", ["tests/engine_memories_test"]),
    ("how far rows have come", ["tests/engine_state_memories_test"]),
    ("files", ["tests/os_files_test"]),
    ("folders of our own", ["tests/engine_private_folder_test"]),
    ("what an agent's hook says", ["tests/cli_hook_event_test"]),
    ("standard input that is not waited for", ["tests/os_input_test"]),
    ("what hooks failed with", ["tests/engine_hook_note_test"]),
    ("an agent's settings", ["tests/cli_init_hook_test"]),
    ("settings of session-buddy", ["tests/cli_migrate_test"]),
    ("what a bucket is told", ["tests/wire_bucket_policy_test"]),
    ("what an agent sends", ["tests/cli_mcp_server_test"]),
    ("what an agent calls", ["tests/cli_mcp_calls_test"]),
    ("s3: small objects", ["tests/engine_target_s3_small_test"]),
    ("s3: what a bucket is like", ["tests/engine_target_s3_inspect_test"]),
    ("credentials of files", ["tests/engine_credentials_test"]),
    ("credentials that are kept fresh", ["tests/engine_credentials_chain_test"]),
    ("credentials of STS", ["tests/engine_credentials_sts_test"]),
    ("s3: credentials", ["tests/engine_target_s3_credentials_test"]),
    ("figures over time", ["tests/engine_figures_test"]),
    ("settings of notifications", ["tests/engine_notify_test"]),
    ("the audit log's chain", ["tests/engine_audit_chain_test"]),
    ("heads of the audit log", ["tests/engine_audit_heads_test"]),
    ("files of the audit log", ["tests/engine_audit_rotation_test"]),
    ("secrets", ["tests/base_secret_test"]),
    ("the redactor", ["tests/base_redact_test"]),
    ("what is printed", ["tests/cli_print_test"]),
    ("a process that holds secrets", ["tests/os_guard_test"]),
    ("programs that secrets come from", ["tests/engine_secret_find_test"]),
    ("age", ["tests/data_age_test"]),
    ("encrypted uploads", ["tests/testkit_age_world_test"]),
    ("tokens", ["tests/engine_target_http_token_test"]),
    ("answers of an MCP server", ["tests/wire_jsonrpc_test"]),
    ("Akosha", ["tests/engine_target_akosha_test"]),
    ("rows", ["tests/testkit_akosha_test"]),
    ("secrets in a world", ["tests/testkit_secret_world_test"]),
    ("blocks of DuckDB", ["tests/data_duckdb_blocks_test"]),
    ("programs", ["tests/os_process_test"]),
    ("rows of SQLite", ["tests/engine_rows_test"]),
    ("rows of DuckDB", ["tests/engine_rows_duckdb_test"]),
    ("snapshots", ["tests/engine_snapshot_test"]),
    ("snapshots of DuckDB", ["tests/engine_snapshot_duckdb_test"]),
    ("snapshots of SQLite", ["tests/engine_snapshot_sqlite_test"]),
    ("the journal of an upload", ["tests/engine_journal_test"]),
    ("s3: an object of before", ["tests/engine_target_s3_resume_test"]),
    ("uploads that are cut", ["tests/testkit_resume_test"]),
    ("a damaged state", ["tests/engine_state_damage_test"]),
    ("the queue and its worker", ["tests/testkit_queue_world_test"]),
    ("snapshots at every step of a writer", ["tests/testkit_snapshot_live_test"]),
    ("scenarios", ["tests/testkit_scenario_test"]),
    ("mirrors", ["tests/testkit_mirror_test"]),
    ("tasks", ["tests/testkit_task_test"]),
    ("deaths at every step", ["tests/testkit_world_test"]),
    ("power cuts at every step", ["tests/sim_engine_power_test"]),
    ("restores that die at every step", ["tests/testkit_restore_world_test"]),
    ("workers that die at every step", ["tests/testkit_background_test"]),
    ("soak, 1,000 seeds", ["soak", "--count", "1000", "--once", "--real-every", "0"]),
)
SCRIPT_SECONDS_MAX = 90
SCRIPT_CATCHERS = (
    *((f"policies: {name}", ["tests/script/lua_host", f"tests/script/{name}_test.lua"])
      for name in ("fence", "nonsense", "decide", "phase", "retry", "bad_patterns", "bad_policies", "hostile",
                   "window")),
    ("throttle", ["tests/data_throttle_test"]),
    ("tus: texts", ["tests/wire_tus_test"]),
    ("tus: a server that lies", ["tests/engine_target_tus_test"]),
    ("worlds: tus", ["akosha-sync", "test", "tests/lua/fields/tus_test.lua"]),
    ("worlds: throttle and budget", ["akosha-sync", "test", "tests/lua/docs"]),
    ("worlds: tasks", ["akosha-sync", "test", "tests/lua/testing/hostile_task_test.lua"]),
    ("tasks", ["akosha-sync", "test", "tests/lua/task"]),
    ("names", ["tests/script_nearest_test"]),
    ("secrets", ["tests/script_secrets_test"]),
    ("failures to allocate", ["tests/script_load_test"]),
)


def command(arguments, folder, seconds):
    """(ended well, what it said)"""
    try:
        done = subprocess.run(arguments, cwd=folder, capture_output=True, text=True, check=False, errors="replace",
                              stdin=subprocess.DEVNULL, timeout=seconds)
    except subprocess.TimeoutExpired:
        return False, f"did not end within {seconds} s"
    return done.returncode == 0, done.stdout + done.stderr


def build(tree, targets):
    ninja = ["cmake", "--build", str(tree / "build"), "--target", *targets]
    return command(ninja, tree, 900)


def prepare(targets):
    tree = WORK / "tree"
    shutil.rmtree(WORK, ignore_errors=True)
    tree.mkdir(parents=True)
    for name in COPIED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
        copy(ROOT / name, tree / name)
    configured = command(["cmake", "-S", str(tree), "-B", str(tree / "build"), "-G", "Ninja",
                          "-DCMAKE_BUILD_TYPE=Release", "-DCMAKE_C_FLAGS_RELEASE=-O1", "-DAKS_WERROR=OFF"], tree, 120)
    for fine, said in (configured, build(tree, targets)):
        if not fine:
            raise SystemExit(f"the tree cannot be built as it is:\n{said[-3000:]}")
    return tree


def first_words(said):
    """What a catcher said, in a line."""
    for line in said.splitlines():
        if line.startswith(("seed ", "ERROR: ", "[  ERROR   ]", "akosha-sync: internal error", "1) Test")):
            return line[:150]
    return (said.strip().splitlines() or ["no word"])[-1][:150]


def is_script(mutant):
    return mutant[1].startswith(SCRIPT)


def caught(tree, script):
    """(catcher, its words) of the first that turns red, or None."""
    for name, arguments in SCRIPT_CATCHERS if script else CATCHERS:
        program = tree / "build" / arguments[0]
        folder, seconds = (tree, SCRIPT_SECONDS_MAX) if script else (tree / "build", SECONDS_MAX)
        fine, said = command([str(program), *arguments[1:]], folder, seconds)
        if not fine:
            return name, first_words(said)
    return None


def try_mutant(tree, edits, script):
    """Breaks what ${edits} say, (file, old, new) each; (caught?, how)."""
    before = {}
    try:
        for file, old, new in edits:
            text = (tree / file).read_text()
            before.setdefault(file, text)
            if text.count(old) != 1:
                return False, f"{file} has what it replaces {text.count(old)} times"
            (tree / file).write_text(text.replace(old, new))
        fine, said = build(tree, SCRIPT_TARGETS if script else TARGETS)
        if not fine:
            return False, f"does not build: {said[-1500:]}"
        found = caught(tree, script)
    finally:
        for file, text in before.items():
            (tree / file).write_text(text)
            os.utime(tree / file)
    return (True, f"{found[0]}: {found[1]}") if found else (False, "NOT CAUGHT")


def main():
    wanted = [m for m in MUTANTS if not sys.argv[1:] or any(part in m[0] for part in sys.argv[1:])]
    layers = sorted({is_script(m) for m in wanted})
    tree = prepare([target for script in layers for target in (SCRIPT_TARGETS if script else TARGETS)])
    for script in layers:
        found = caught(tree, script)
        if found:
            raise SystemExit(f"red before anything is broken: {found[0]}: {found[1]}")
    passed = 0
    for name, *words in wanted:
        began = time.monotonic()
        fine, how = try_mutant(tree, [words[i:i + 3] for i in range(0, len(words), 3)], words[0].startswith(SCRIPT))
        passed += fine
        print(f"{'caught' if fine else 'MISSED'}  {name}\n        {how} ({time.monotonic() - began:.0f} s)", flush=True)
    print(f"{passed} passed, {len(wanted) - passed} failed")
    return passed != len(wanted)


if __name__ == "__main__":
    sys.exit(main())
