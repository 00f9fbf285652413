#include "cli/args.h"

#include "akosha/akosha.h"
#include "cli/print.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

struct option {
    const char *name;               /* without the dashes */
    const char *value;              /* what its value is called, or NULL: it takes none */
    const char *does;
    bool common;
};

static const struct option options[] = {
    { "policy", "FILE",
        "the policy; else $AKOSHA_POLICY, the configuration folder's policy.lua, or "
      "the built-in default", false },
    { "target", "NAME", "only this target of the policy", false },
    { "no-fallback", NULL, "only the first target of each route", false },
    { "dry-run", NULL, "decide everything, send nothing", false },
    { "allow-env", "NAME", "let the policy read this variable too; may be repeated", false },
    { "limit", "NAME=VALUE",
        "what the policy may take (memory=64MiB, time=3s ...); may be repeated", false },
    { "event", "EVENT",
        "explain: what goes wrong, \"cloud: throttled x3, retry_after=40\", may be repeated;\n"
      "                     audit: only these records, upload_success and so on", false },
    { "since", "TIME", "from then on: a date, a time, or how long ago: 90m, 36h, 7d; UTC", false },
    { "job", "ID", "only records of this job, or of this run", false },
    { "lines", "N", "the newest N records, also as -n N; else 100", false },
    { "at", "TIME", "the local time that it is taken to be, as \"2026-11-27 22:00\"; else now",
        false },
    { "replay", "RUN", "a run_id, the word last, or a file with its report", false },
    { "luarc", NULL, "write .luarc.json for an editor beside the policy, if there is none", false },
    { "env", "VARIABLE", "the value is in this variable", false },
    { "file", "FILE", "the value is in this file, which nobody else may read", false },
    { "command", "COMMAND", "the value is what this program writes; no shell runs it", false },
    { "host", "HOST", "a host, or HOST:PORT, that it may be sent to; may be repeated", false },
    { "force", NULL, "replace what is there already", false },
    { "to", "DIR", "where to: of restore a folder, made if it is missing; of migrate a policy's\n"
      "                     file", false },
    { "upload", "ID", "this upload, as list shows them; else the newest", false },
    { "quick", NULL, "only look at sizes, as the target tells them", false },
    { "identity", "FILE", "an age identity file that opens what is encrypted; may be repeated",
        false },
    { "passphrase", NULL, "ask at the terminal for the passphrase of what is encrypted", false },
    { "passphrase-secret", "NAME", "the same, out of a secret that secret add has named", false },
    { "keep", "RULES", "what stays: last=N,daily=N,weekly=N, one or more of them", false },
    { "apply", NULL, "do it; without, it is only shown", false },
    { "credentials", "CHOICE", "instead of an s3 target's own: environment, profile:NAME, ...",
        false },
    { "stale", "SPAN", "a system is stale after so long: 90m, 36h, 2d; else 2d", false },
    { "textfile", "FILE", "write it there, for node_exporter, instead of to standard output",
        false },
    { "output", "FILE", "write it there instead of to standard output", false },
    { "keep-names", NULL, "leave the names of buckets, hosts, people and homes in", false },
    { "filter", "TEXT", "only tests whose name contains it", false },
    { "seed", "N", "the seed of all chance; else a fresh one, which is told", false },
    { "jobs", "N", "processes at a time, up to 16; else as many as processors", false },
    { "timeout", "S", "seconds that one test may take; else 60", false },
    { "format", "FORMAT", "text, tap or junit on standard output; else text", false },
    { "report", "FILE", "write TAP (FILE ends in .tap) or JUnit there as well", false },
    { "coverage", NULL, "what the tests reached of policies: lines, decisions", false },
    { "list", NULL, "show the tests, run none", false },
    { "new", "POLICY", "write a first test of this policy into the folder of tests", false },
    { "no-worker", NULL, "start no worker: a service, or the next run, brings the job", false },
    { "endpoint", "URL", "the store's address; else AWS", false },
    { "region", "REGION", "the bucket's region; else it is found out", false },
    { "http", "URL", "a server that takes PUT", false },
    { "mcp", "URL", "Akosha's own address, as http://127.0.0.1:8682/mcp", false },
    { "dir", "DIR", "a folder", false },
    { "settings", "FILE", "the agent's settings; else ~/.claude/settings.json", false },
    { "no-hook", NULL, "leave the agent's settings alone", false },
    { "systemd", NULL, "let the user's systemd run the worker", false },
    { "undo", NULL, "take away what init has added; what --force replaced comes back", false },
    { "yes", NULL, "do it without asking", false },
    { "write", NULL, "write it to the configuration folder; without, it is only shown", false },
    { "on-stop", NULL, "also where a turn ends, which is often", false },
    { "once", NULL, "try each job once, due or not, and end", false },
    { "until-empty", NULL, "end when nothing is left to be brought", false },
    { "inherited", NULL, "as started by enqueue: give way to others, and take its place", false },
    { "bucket", "BUCKET", "the bucket's name", false },
    { "prefix", "PREFIX", "what all keys begin with, as `prefix` in a policy; else nothing",
        false },
    { "system-id", "ID", "the machine's; else $AKOSHA_SYSTEM_ID, or the host name", false },
    { "principal", "ARN", "the user or role that the key belongs to", false },
    { "for", "USE", "what the key is for: sync, restore or prune; else sync", false },
    { "document", "DOCUMENT", "which one; else policy", false },
    { "json", NULL, "one JSON document on standard output, nothing else there", true },
    { "quiet", NULL, "errors only", true },
    { "verbose", NULL, "tell every decision, or every test", true },
    { "state", "DIR", "the state folder; else $XDG_STATE_HOME/akosha-sync", true },
    { "help", NULL, "this text", true },
    { "version", NULL, "the version", true },
};

#define OPTION_COUNT (sizeof(options) / sizeof(options[0]))

/* Is ${name} one of the blank-separated ${names}? */
static bool
named(const char *names, const char *name)
{
    size_t len = strlen(name);

    for (const char *at = names; *at != '\0'; at += strcspn(at, " ") + (strchr(at, ' ') != NULL)) {
        if (strcspn(at, " ") == len && strncmp(at, name, len) == 0)
            return true;
    }
    return false;
}

static bool
takes(const struct aks_command *command, const struct option *option)
{
    return option->common || named(command->options, option->name);
}

static void
print_option(const struct option *option)
{
    char left[40];

    (void)snprintf(left, sizeof(left), "--%s%s%s", option->name, option->value != NULL ? " " : "",
        option->value != NULL ? option->value : "");
    aks_print_out("  %-18s %s\n", left, option->does);
}

static void
print_command_help(const struct aks_command *command)
{
    aks_print_out("usage: akosha-sync %s\n\n%s\n", command->usage, command->does);
    if (command->details[0] != '\0')
        aks_print_out("\n%s\n", command->details);
    aks_print_out("\noptions:\n");
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (takes(command, &options[i]))
            print_option(&options[i]);
    }
    aks_print_out("\nexample:\n%s\n", command->example);
}

static void
print_help(void)
{
    aks_print_out("usage: akosha-sync [COMMAND] [OPTION]... [ARGUMENT]...\n\n"
        "Brings agent-memory databases safely to the cloud, under a policy written in Lua.\n\n"
        "commands (without one: run):\n");
    for (const struct aks_command *command = aks_commands; command->name != NULL; command++)
        aks_print_out("  %-8s %s\n", command->name, command->does);
    aks_print_out("\nakosha-sync COMMAND --help tells more.\n\n"
        "example:\n  akosha-sync --policy policies/prod.lua\n\n"
        "exit codes: 0 delivered or unchanged; 1 not delivered now, kept in the queue; 2 usage;\n"
        "3 policy or settings; 4 a source cannot be read; 5 integrity; 6 refused; 7 failed and\n"
        "not kept; 130, 143 interrupted\n");
}

int
aks_args_wrong(const struct aks_args *args, const char *what, const char *value)
{
    struct akosha_error error = { AKOSHA_USAGE, "settings", "", "" };

    (void)snprintf(error.message, sizeof(error.message), "usage: %s%s", what, value);
    (void)snprintf(error.hint, sizeof(error.hint), "akosha-sync %s --help shows what there is",
        args->command->name);
    /* An argument can be any bytes; what is told of it is plain text. */
    for (char *c = error.message; *c != '\0'; c++) {
        if ((unsigned char)*c >= 0x7f)
            *c = '?';
    }
    aks_print_failure(args->json, &error);
    (void)aks_print_flush();
    return AKOSHA_USAGE;
}

/* A script that wants JSON gets it for a wrong command line as well,
    wherever --json stands in it. */
static bool
wants_json(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--json") == 0)
            return true;
    }
    return false;
}

static const struct option *
find_option(const char *name, size_t len)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (strlen(options[i].name) == len && strncmp(options[i].name, name, len) == 0)
            return &options[i];
    }
    return NULL;
}

static int
add_limit(struct aks_args *args, const char *value)
{
    struct akosha_error error;

    if (args->limit_count == AKS_ARGS_LIMIT_MAX)
        return aks_args_wrong(args, "--limit is given too often: ", value);
    args->limits[args->limit_count++] = value;
    if (akosha_limit_check(value, &error) == AKOSHA_OK)
        return -1;
    return aks_args_wrong(args, "--", error.message);
}

/* Where an option is kept that is there or not, and one that has a value: the last one holds. */
static const struct {
    const char *name;
    size_t offset;
} flags[] = {
    { "json", offsetof(struct aks_args, json) },
    { "quiet", offsetof(struct aks_args, quiet) },
    { "verbose", offsetof(struct aks_args, verbose) },
    { "no-fallback", offsetof(struct aks_args, no_fallback) },
    { "dry-run", offsetof(struct aks_args, dry_run) },
    { "luarc", offsetof(struct aks_args, luarc) },
    { "quick", offsetof(struct aks_args, quick) },
    { "keep-names", offsetof(struct aks_args, keep_names) },
    { "passphrase", offsetof(struct aks_args, passphrase) },
    { "apply", offsetof(struct aks_args, apply) },
    { "coverage", offsetof(struct aks_args, coverage) },
    { "force", offsetof(struct aks_args, force) },
    { "no-worker", offsetof(struct aks_args, no_worker) },
    { "no-hook", offsetof(struct aks_args, no_hook) },
    { "systemd", offsetof(struct aks_args, systemd) },
    { "undo", offsetof(struct aks_args, undo) },
    { "yes", offsetof(struct aks_args, yes) },
    { "write", offsetof(struct aks_args, write) },
    { "on-stop", offsetof(struct aks_args, on_stop) },
    { "once", offsetof(struct aks_args, once) },
    { "until-empty", offsetof(struct aks_args, until_empty) },
    { "inherited", offsetof(struct aks_args, inherited) },
    { "list", offsetof(struct aks_args, list) },
};

static const struct {
    const char *name;
    size_t offset;
} values[] = {
    { "to", offsetof(struct aks_args, to) },
    { "endpoint", offsetof(struct aks_args, endpoint) },
    { "region", offsetof(struct aks_args, region) },
    { "http", offsetof(struct aks_args, http) },
    { "mcp", offsetof(struct aks_args, mcp) },
    { "dir", offsetof(struct aks_args, dir) },
    { "settings", offsetof(struct aks_args, settings) },
    { "upload", offsetof(struct aks_args, upload) },
    { "output", offsetof(struct aks_args, output) },
    { "stale", offsetof(struct aks_args, stale) },
    { "textfile", offsetof(struct aks_args, textfile) },
    { "keep", offsetof(struct aks_args, keep) },
    { "passphrase-secret", offsetof(struct aks_args, passphrase_secret) },
    { "credentials", offsetof(struct aks_args, credentials) },
    { "env", offsetof(struct aks_args, env) },
    { "file", offsetof(struct aks_args, file) },
    { "command", offsetof(struct aks_args, program) },
    { "state", offsetof(struct aks_args, state) },
    { "policy", offsetof(struct aks_args, policy) },
    { "target", offsetof(struct aks_args, target) },
    { "replay", offsetof(struct aks_args, replay) },
    { "at", offsetof(struct aks_args, at) },
    { "since", offsetof(struct aks_args, since) },
    { "job", offsetof(struct aks_args, job) },
    { "lines", offsetof(struct aks_args, lines) },
    { "filter", offsetof(struct aks_args, filter) },
    { "seed", offsetof(struct aks_args, seed) },
    { "jobs", offsetof(struct aks_args, jobs) },
    { "timeout", offsetof(struct aks_args, timeout) },
    { "format", offsetof(struct aks_args, format) },
    { "report", offsetof(struct aks_args, report) },
    { "new", offsetof(struct aks_args, new_test) },
    { "bucket", offsetof(struct aks_args, bucket) },
    { "prefix", offsetof(struct aks_args, prefix) },
    { "system-id", offsetof(struct aks_args, system_id) },
    { "principal", offsetof(struct aks_args, principal) },
    { "for", offsetof(struct aks_args, use) },
    { "document", offsetof(struct aks_args, document) },
};

static void
set(struct aks_args *args, const char *name, const char *value)
{
    const bool on = true;

    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        if (strcmp(name, flags[i].name) == 0)
            memcpy((char *)args + flags[i].offset, &on, sizeof(on));
    }
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        if (strcmp(name, values[i].name) == 0)
            memcpy((char *)args + values[i].offset, &value, sizeof(value));
    }
}

/* Sets what ${name} stands for; -1, or the exit code. */
static int
apply(struct aks_args *args, const char *name, const char *value)
{
    if (strcmp(name, "allow-env") == 0) {
        if (args->allow_count == AKS_ARGS_ALLOW_MAX)
            return aks_args_wrong(args, "--allow-env is given too often: ", value);
        args->allow[args->allow_count++] = value;
    }
    if (strcmp(name, "host") == 0) {
        if (args->host_count == AKS_ARGS_HOST_MAX)
            return aks_args_wrong(args, "--host is given too often: ", value);
        args->hosts[args->host_count++] = value;
    }
    if (strcmp(name, "identity") == 0) {
        if (args->identity_count == AKS_ARGS_IDENTITY_MAX)
            return aks_args_wrong(args, "--identity is given too often: ", value);
        args->identities[args->identity_count++] = value;
    }
    if (strcmp(name, "limit") == 0)
        return add_limit(args, value);
    if (strcmp(name, "event") == 0) {
        if (args->event_count == AKS_ARGS_EVENT_MAX)
            return aks_args_wrong(args, "--event is given too often: ", value);
        args->events[args->event_count++] = value;
    }
    set(args, name, value);
    return -1;
}

/* One word that begins with "--"; -1, or the exit code. ${next}: the word behind it, or NULL. */
static int
parse_option(struct aks_args *args, const char *word, const char *next, bool *ret_took_next,
    bool *ret_help, bool *ret_version)
{
    size_t len = strcspn(word + 2, "=");
    const char *value = word[2 + len] == '=' ? word + 2 + len + 1 : NULL;
    const struct option *option = find_option(word + 2, len);

    if (option == NULL)
        return aks_args_wrong(args, "unknown option ", word);
    if (option->value == NULL && value != NULL)
        return aks_args_wrong(args, "this option takes no value: ", word);
    if (option->value != NULL && value == NULL) {
        if (next == NULL)
            return aks_args_wrong(args, "this option needs a value: ", word);
        value = next;
        *ret_took_next = true;
    }
    if (strcmp(option->name, "help") == 0)
        *ret_help = true;
    else if (strcmp(option->name, "version") == 0)
        *ret_version = true;
    else if (option->value != NULL && value[0] == '\0')
        return aks_args_wrong(args, "this option needs a value: ", word);
    else
        return apply(args, option->name, value);
    return -1;
}

/* -n, where a command takes it. */
static bool
is_short(const struct aks_args *args, const char *word)
{
    return strcmp(word, "-n") == 0 && named(args->command->options, "lines");
}

static const struct aks_command *
find_command(const char *name)
{
    for (const struct aks_command *command = aks_commands; command->name != NULL; command++) {
        if (strcmp(command->name, name) == 0)
            return command;
    }
    return NULL;
}

/* A word where a command could be, that is none: as a source it would be owed by every run from
 * now on, and a command is all that it looks like. */
static int
check_word(const struct aks_args *args, const char *word)
{
    struct stat info;

    if (word[0] == '\0' || word[strspn(word, "abcdefghijklmnopqrstuvwxyz-")] != '\0' ||
        lstat(word, &info) == 0)
        return -1;
    return aks_args_wrong(args, "there is neither a command nor a file here with the name ", word);
}

/* The command takes every option that was given, and as many operands; -1, or the exit code. */
static int
check_fit(const struct aks_args *args, int argc, char **argv)
{
    const struct aks_command *command = args->command;

    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        const struct option *option;

        if (strncmp(argv[i], "--", 2) != 0)
            continue;
        option = find_option(argv[i] + 2, strcspn(argv[i] + 2, "="));
        if (option != NULL && !takes(command, option))
            return aks_args_wrong(args, "this command does not take ", argv[i]);
    }
    if ((int)args->operand_count < command->operands_min)
        return aks_args_wrong(args, "an argument is missing: akosha-sync ", command->usage);
    if (command->operands_max >= 0 && (int)args->operand_count > command->operands_max)
        return aks_args_wrong(args, "one argument too many: ",
            args->operands[args->operand_count - 1]);
    if (args->quiet && args->verbose)
        return aks_args_wrong(args, "--quiet and --verbose exclude each other", "");
    return -1;
}

void
aks_args_parse(int argc, char **argv, struct aks_args *ret_args, int *ret_exit)
{
    struct aks_args *args = ret_args;
    bool help = false;
    bool version = false;
    bool options_end = false;
    static const char *operands[4096];

    memset(args, 0, sizeof(*args));
    args->operands = operands;
    args->command = aks_commands;       /* run */
    args->json = wants_json(argc, argv);
    *ret_exit = -1;
    for (int i = 1; i < argc && *ret_exit < 0; i++) {
        bool took_next = false;

        if (!options_end && strcmp(argv[i], "--") == 0) {
            options_end = true;
        } else if (!options_end && (strncmp(argv[i], "--", 2) == 0 || is_short(args, argv[i]))) {
            *ret_exit = parse_option(args, is_short(args, argv[i]) ? "--lines" : argv[i],
                i + 1 < argc ? argv[i + 1] : NULL, &took_next, &help, &version);
        } else if (!options_end && argv[i][0] == '-' && argv[i][1] != '\0') {
            *ret_exit = aks_args_wrong(args, "unknown option ", argv[i]);
        } else if (i == 1 && find_command(argv[i]) != NULL) {
            args->command = find_command(argv[i]);
        } else if (args->operand_count == sizeof(operands) / sizeof(operands[0])) {
            *ret_exit = aks_args_wrong(args, "too many arguments, from ", argv[i]);
        } else {
            if (i == 1)
                *ret_exit = check_word(args, argv[i]);
            operands[args->operand_count++] = argv[i];
        }
        i += took_next;
    }
    if (*ret_exit >= 0)
        return;
    if (version) {
        aks_print_out("akosha-sync %s\n", akosha_version());
        *ret_exit = aks_print_flush();
    } else if (help) {
        if (argc > 1 && strcmp(argv[1], args->command->name) == 0)
            print_command_help(args->command);
        else
            print_help();
        *ret_exit = aks_print_flush();
    } else {
        *ret_exit = check_fit(args, argc, argv);
    }
}
