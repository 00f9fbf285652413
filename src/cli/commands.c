#include "cli/commands.h"

const struct aks_command aks_commands[] = {
    { "run", "[run] [--policy FILE] [OPTION]... [SOURCE]...",
      "sync now, in the foreground",
      "SOURCE replaces the policy's sources. What cannot be delivered now stays in the queue,\n"
      "and the next run takes it up.",
      "  akosha-sync --policy policies/prod.lua\n"
      "  akosha-sync run --target http --json memory.db\n"
      "  akosha-sync --policy rules.lua --limit memory=64MiB --limit time=3s",
      "policy target no-fallback dry-run allow-env limit", 0, -1, aks_cmd_run },
    AKS_COMMAND_ENQUEUE,
    AKS_COMMAND_HOOK,
    { "init", "init [OPTION]... | init --undo",
      "set it up: a policy, and the hook that an agent calls when its session ends",
      "What is not said by options is asked at a terminal; what is found is proposed: databases\n"
      "in ~/.claude/data, variables, profiles of AWS by name. All that would be written is\n"
      "shown first, the agent's settings as a diff, and without --yes it is asked for; in a pipe\n"
      "nothing is done without it. What was there is kept beside it. A second time nothing\n"
      "changes. --undo takes away what was added, also after others have changed the rest. At the\n"
      "end doctor looks at it all (docs/session.md). Exit codes: 0; 1 what doctor found; 2 wrong\n"
      "option, or no consent; 3 policy or settings; 6 a key is missing or refused; 7 it cannot be\n"
      "written.",
      "  akosha-sync init\n"
      "  akosha-sync init --bucket my-memories --credentials profile:sync --yes\n"
      "  akosha-sync init --dir ~/backup --systemd --dry-run\n"
      "  akosha-sync init --undo",
      "policy bucket endpoint region prefix credentials mcp http dir system-id settings no-hook "
      "systemd undo yes dry-run force", 0, 0, aks_cmd_init },
    { "migrate", "migrate [--write | --to FILE] [--mcp URL] [SETTINGS]...",
      "make a policy of session-buddy's settings",
      "SETTINGS are its YAML files, later ones win; without one settings/session-buddy.yaml and\n"
      "settings/local.yaml of this folder. Variables SESSION_BUDDY_AKOSHA_* win over files. Each\n"
      "setting is told: where it was said, what it becomes, and what it did before. Nothing is\n"
      "written without --write (the configuration folder's policy.lua) or --to FILE, and nothing\n"
      "is replaced without --force; what is written has passed check (docs/migration.md). Exit\n"
      "codes: 0; 2 wrong option; 3 a setting is wrong, or a policy is there; 7 it cannot be\n"
      "written.",
      "  akosha-sync migrate settings/session-buddy.yaml\n"
      "  akosha-sync migrate --write ~/session-buddy/settings/session-buddy.yaml",
      "write to mcp force", 0, -1, aks_cmd_migrate },
    { "worker", "worker [--once | --until-empty]",
      "bring the jobs of the queue, the newest first, each when it is due",
      "There is one worker for a state folder; a second one ends at once. Without --once or\n"
      "--until-empty it goes on until it is ended by a signal. The exit code is that of the worst\n"
      "job that is left; 0 if none is.",
      "  akosha-sync worker --once\n"
      "  akosha-sync worker --until-empty --verbose",
      "once until-empty inherited", 0, 0, aks_cmd_worker },
    { "status", "status [JOB]",
      "what waits, why and until when; what is going on",
      "With JOB: what became of that job. Makes nothing, waits for nobody. Exit codes: 0;\n"
      "2 nothing is known of JOB; 7 the queue cannot be read.",
      "  akosha-sync status\n"
      "  akosha-sync status --json\n"
      "  akosha-sync status 20261123T084512Z-3f9a2c",
      "", 0, 1, aks_cmd_status },
    { "test", "test [OPTION]... [PATH]...",
      "run tests of policies in the simulated world",
      "PATH is a file of tests or a folder in which every *_test.lua is one; without one:\n"
      "tests/lua. Nothing is contacted and no time is waited for.\n"
      "Exit codes: 0 all passed; 1 some failed; 2 wrong option, or no test found; 3 a file of\n"
      "tests cannot be run.",
      "  akosha-sync test --new policies/mine.lua\n"
      "  akosha-sync test --filter waits --seed 12345 --coverage tests/lua\n"
      "  akosha-sync test --report results.xml",
      "filter seed jobs timeout format report coverage list new", 0, -1, aks_cmd_test },
    { "check", "check [--policy FILE] [--luarc]",
      "tell all that is wrong with a policy",
      "Nothing is contacted, and nothing is written but what --luarc asks for: it tells\n"
      "lua-language-server what there is. Warnings are of what is allowed and hardly meant.\n"
      "Exit codes: 0 fine, with or without warnings; 3 wrong.",
      "  akosha-sync check --policy policies/mine.lua\n"
      "  akosha-sync check --policy policies/mine.lua --luarc",
      "policy allow-env limit luarc", 0, 0, aks_cmd_check },
    { "explain", "explain [--policy FILE] [--event EVENT]... [--at TIME] [SOURCE]...\n"
      "       akosha-sync explain [--policy FILE] --replay RUN",
      "show what a policy would decide, and why",
      "Nothing is contacted: the policy is tried in a simulated world, with sources of the real\n"
      "ones' names and sizes. EVENT is [target:] failure [xN][, retry_after=S][, operation=NAME]:\n"
      "what goes wrong there, N times or each time. With --replay, what a recorded run was asked\n"
      "is put to the policy instead, and what it would answer differently is shown; with\n"
      "--verbose all. Exit codes: 0; 2 an event, run or option is wrong; 3 the policy is wrong;\n"
      "4 the folder of a glob cannot be listed.",
      "  akosha-sync explain --policy policies/prod.lua\n"
      "  akosha-sync explain --event \"cloud: throttled x3, retry_after=9\" --event \"http: dns\"\n"
      "  akosha-sync explain --policy policies/other.lua --replay last",
      "policy limit event at replay", 0, -1, aks_cmd_explain },
    { "list", "list [--policy FILE] [--target NAME]",
      "show the uploads that the policy's targets hold",
      "",
      "  akosha-sync list --policy policies/prod.lua --target cloud",
      "policy target allow-env limit", 0, 0, aks_cmd_list },
    { "verify", "verify [--policy FILE] [--target NAME] [--upload ID] [--quick] [OPTION]...",
      "check an upload from end to end by reading it",
      "Every object is read back, unpacked, and compared with the manifest: sizes and both\n"
      "digests. Without --upload: the newest of each target. What was proven is kept in the state\n"
      "folder. Of what is encrypted and nothing given opens, the stored bytes are verified.\n"
      "Exit codes: 0 proven; 1 a target could not be asked, or holds nothing; 3 policy or\n"
      "settings; 5 something does not verify; 6 refused.",
      "  akosha-sync verify --policy policies/prod.lua\n"
      "  akosha-sync verify --target cloud --upload 20261123T084512Z-3f9a2c --quick",
      "policy target upload quick identity passphrase passphrase-secret "
      "allow-env limit", 0, 0, aks_cmd_verify },
    { "restore", "restore --to DIR [OPTION]... [NAME]...",
      "bring databases back into a folder, checked and opened",
      "NAME is a source's name in a target, its file's name or its path; without one: all.\n"
      "Without --upload the newest copy of every source is taken, whichever upload has it. A\n"
      "database and its log get their names together, after both digests of each were checked and\n"
      "the database was opened. What is there already is not touched without --force. A restore\n"
      "that was interrupted goes on when it is asked for again. What is encrypted needs\n"
      "--identity, --passphrase or --passphrase-secret.\n"
      "Exit codes: 0 restored; 1 not now (a target does not answer, or something is in the way);\n"
      "3 policy or settings; 5 something does not verify; 6 refused; 7 no room.",
      "  akosha-sync restore --to ~/restored\n"
      "  akosha-sync restore --policy policies/prod.lua --to ~/.claude/data reflection.duckdb\n"
      "  akosha-sync restore --to ~/restored --identity ~/backup-identity.txt\n"
      "  akosha-sync restore --target cloud --upload 20261123T084512Z-3f9a2c --to /tmp/then --json",
      "policy target upload to force identity passphrase passphrase-secret "
      "allow-env limit", 0, -1, aks_cmd_restore },
    { "prune", "prune [--keep RULES] [--apply] [OPTION]...",
      "forget old uploads",
      "RULES: last=N keeps the newest N uploads, daily=N and weekly=N the newest of each of the\n"
      "last N days or weeks that have one (UTC, from Monday). Without RULES the policy's `keep`\n"
      "holds. What any of them keeps stays,\n"
      "and so do the newest verified upload and what a kept one needs. Without --apply nothing is\n"
      "removed: it is shown what would be, and what would be stored then.\n"
      "Exit codes: 0; 1 a target could not be asked; 2 wrong rules; 3 policy or settings;\n"
      "6 refused.",
      "  akosha-sync prune --keep last=7,daily=30,weekly=52\n"
      "  akosha-sync prune --target cloud --keep last=3 --credentials profile:cleaner --apply",
      "policy target keep apply credentials allow-env limit", 0, 0, aks_cmd_prune },
    { "cancel", "cancel JOB",
      "drop a queued job, undelivered",
      "JOB is the job_id of a report.",
      "  akosha-sync cancel 20261123T084512Z-3f9a2c",
      "", 1, 1, aks_cmd_cancel },
    { "secret", "secret add NAME OPTION... | secret list | secret remove NAME",
      "name a secret for policies, bound to the hosts that it may be sent to",
      "add keeps where the value is (one of --env, --file and --command) and the hosts, never the\n"
      "value, in secrets.json of the configuration folder; a policy names it with akosha.secret.\n"
      "list shows the secrets and whether their values can be found now: commands are run for it.\n"
      "HOST alone stands for the usual port of an address. Exit codes: 0; 2 wrong option or name,\n"
      "or the secret is there already; 3 secrets.json is broken; 6 others can read what only you\n"
      "should; 7 it cannot be kept.",
      "  akosha-sync secret add akosha-token --env AKOSHA_TOKEN --host akosha.internal:8682\n"
      "  akosha-sync secret add akosha-token --file ~/.akosha-token --host akosha.internal:8682\n"
      "  akosha-sync secret add akosha-token --command 'pass show akosha' --host akosha.internal\n"
      "  akosha-sync secret list --json",
      "env file command host force", 1, 2, aks_cmd_secret },
    { "doctor", "doctor [--policy FILE] [--target NAME]",
      "find out how this machine is set up, and what is wrong with it",
      "Each target is asked: is it there, whose key is it, may the key do more than it needs, is\n"
      "the bucket open to strangers, is everything encrypted at rest, do the clocks agree. Then\n"
      "state folder, room, queue, worker, the last restore that was proven. What cannot be known\n"
      "from here, or with this key, is told as unknown. Nothing is changed but this machine's own\n"
      "marker, which is put anew.\n"
      "Exit codes: 0 fine, warnings or not; 1 a target does not answer, or another problem; 3\n"
      "policy or settings; 5 the record does not verify; 6 a key is missing or refused; 7 the\n"
      "state folder is damaged, or full.",
      "  akosha-sync doctor\n"
      "  akosha-sync doctor --policy policies/prod.lua --target cloud --json",
      "policy target allow-env limit", 0, 0, aks_cmd_doctor },
    { "bucket-policy", "bucket-policy --bucket B [--prefix P] [--system-id S] [--principal ARN]\n"
      "       [--for sync|restore|prune]\n"
      "       [--document policy|identity|lifecycle|public-access|encryption|all]",
      "print what a bucket and a key are to be told: least privilege for this machine",
      "Nothing is contacted. The document is JSON as S3's own tools take it. policy is the\n"
      "bucket's: it refuses plain transport and old TLS to everybody; with --principal it lets\n"
      "that user or role do what this machine needs, and no more. identity is for whom the key\n"
      "belongs to.\n"
      "lifecycle drops uploads that were never finished, public-access closes the bucket to the\n"
      "world, encryption has everything encrypted at rest. --for says what the key is for; prune\n"
      "alone may delete. How each is put in place: docs/security.md. Exit codes: 0; 2 a wrong\n"
      "option, or a name that would make the document stand for more.",
      "  akosha-sync bucket-policy --bucket my-memories --document identity > identity.json\n"
      "  akosha-sync bucket-policy --bucket my-memories --prefix team \\\n"
      "    --principal arn:aws:iam::123456789012:user/laptop-7 > policy.json\n"
      "  akosha-sync bucket-policy --bucket my-memories --document lifecycle > lifecycle.json",
      "bucket prefix system-id principal for document", 0, 0, aks_cmd_bucket_policy },
    { "support", "support [--policy FILE] [--output FILE] [--keep-names]",
      "write what a bug report needs, without secrets",
      "One JSON document: version, policy, settings, status, last reports, tail of the audit log.\n"
      "Nothing is contacted or changed. Names of buckets, hosts, people and homes are taken\n"
      "out. Exit codes: 0; 2 wrong option, or FILE is there already; 7 it cannot be written.",
      "  akosha-sync support --output report.json\n"
      "  akosha-sync support --policy policies/prod.lua | less",
      "policy output keep-names", 0, 0, aks_cmd_support },
    { "audit", "audit show [OPTION]... | audit verify [--target NAME] [--policy FILE]",
      "read the audit log; prove that nobody rewrote it",
      "show tells the newest records, oldest first. verify reads the whole log: whether each\n"
      "record holds the one before it, whether the last one is there that the state remembers,\n"
      "and, with --target or --policy, whether the heads in the manifests of that target, or of\n"
      "all, are of this log. The first line that does not fit is named. Exit codes: 0 all fits;\n"
      "1 a target could not be asked; 2 wrong option; 3 policy or settings; 5 something does not\n"
      "fit; 6 refused; 7 the log cannot be read.",
      "  akosha-sync audit show -n 20\n"
      "  akosha-sync audit show --since 7d --event upload_failure --json\n"
      "  akosha-sync audit verify --target cloud",
      "policy target allow-env limit since event job upload lines", 1, 1, aks_cmd_audit },
    { "mcp", "mcp [--policy FILE] [--keep-names] [OPTION]... [SOURCE]...",
      "serve an agent: an MCP server on standard input and output",
      "For clients such as Claude Code (docs/mcp.md): tools sync_now, sync_status, sync_history,\n"
      "verify_upload and explain_policy; the last report and the policy as resources. What may\n"
      "be synced, and where to, is said here and in the policy, never by the agent: SOURCE\n"
      "replaces the policy's sources. Names of buckets, hosts, people and homes are taken out\n"
      "of what the agent is told. Ends when standard input does; a sync under way ends then, its\n"
      "work queued.\n"
      "Exit codes: 0; 2 wrong option, or nobody reads the answers; 7 it cannot begin.",
      "  claude mcp add akosha-sync -- akosha-sync mcp\n"
      "  akosha-sync mcp --policy policies/prod.lua --keep-names",
      "policy allow-env limit identity passphrase-secret keep-names", 0, -1, aks_cmd_mcp },
    { "stats", "stats",
      "show what runs took and brought, of a day, a week and all time",
      "Durations (50, 95 and 99 of 100 runs took no longer), what was sent, what is left of it\n"
      "after compression, how often the first target of a route was not the one, the most memory,\n"
      "failures by kind, and a chart of the last 30 days. Makes nothing, waits for nobody.\n"
      "Exit codes: 0; 7 the state folder cannot be read.",
      "  akosha-sync stats\n"
      "  akosha-sync stats --json | jq '.periods[] | {period, runs, ratio}'",
      "", 0, 0, aks_cmd_stats },
    { "metrics", "metrics [--textfile FILE]",
      "print figures for Prometheus",
      "The text format 0.0.4: docs/monitoring.md names every series. With --textfile it is\n"
      "written to FILE, in one piece and readable by everybody (mode 0644), for the textfile\n"
      "collector of node_exporter. No series names a bucket, a host or a path. Makes nothing\n"
      "else, waits for nobody. Exit codes: 0; 7 the state folder cannot be read, or FILE not\n"
      "be written.",
      "  akosha-sync metrics\n"
      "  akosha-sync metrics --textfile /var/lib/prometheus/node-exporter/akosha_sync.prom",
      "textfile", 0, 0, aks_cmd_metrics },
    { "fleet", "fleet [--policy FILE] [--target NAME] [--stale SPAN]",
      "show how fresh every system in a bucket is",
      "Of each system its newest complete upload, by the manifest: when, how old, how large, and\n"
      "whether that is older than SPAN (90m, 36h, 2d; else 2d). The key has to be one that may\n"
      "list all systems: docs/monitoring.md has the document for it. At most 1000 systems.\n"
      "Exit codes: 0 all are fresh; 1 one is stale, or a target could not be asked; 2 wrong\n"
      "option; 3 policy or settings; 6 refused.",
      "  akosha-sync fleet --policy policies/prod.lua --stale 36h\n"
      "  akosha-sync fleet --json | jq '.targets[].systems[] | select(.stale) | .system_id'",
      "policy target stale allow-env limit", 0, 0, aks_cmd_fleet },
    { 0 },
};
