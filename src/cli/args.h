/* The command line, checked and taken apart. */
#ifndef AKS_CLI_ARGS_H
#define AKS_CLI_ARGS_H

#include <stdbool.h>
#include <stddef.h>

#define AKS_ARGS_ALLOW_MAX 64
#define AKS_ARGS_EVENT_MAX 32
#define AKS_ARGS_HOST_MAX 16
#define AKS_ARGS_IDENTITY_MAX 16
#define AKS_ARGS_LIMIT_MAX 32

struct aks_args;

struct aks_command {
    const char *name;
    const char *usage;              /* after "akosha-sync " */
    const char *does;               /* one line */
    const char *details;            /* more lines, or "" */
    const char *example;            /* whole command lines */
    const char *options;            /* names of the options it takes beside the common ones,
                                     * blank-separated */
    int operands_min;
    int operands_max;               /* -1: any number */
    int (*run)(const struct aks_args *args);
};

struct aks_args {
    const struct aks_command *command;
    bool json;
    bool quiet;
    bool verbose;
    const char *state;              /* NULL: the default */
    const char *policy;
    const char *target;
    const char *allow[AKS_ARGS_ALLOW_MAX];
    size_t allow_count;
    const char *limits[AKS_ARGS_LIMIT_MAX];
    size_t limit_count;
    const char *events[AKS_ARGS_EVENT_MAX];
    size_t event_count;
    const char *replay;
    const char *at;
    bool no_fallback;
    bool dry_run;
    /* Of `audit`; the event is events[0]. */
    const char *since;
    const char *job;
    const char *lines;              /* as it was written */
    /* Of `restore`, `verify` and `prune`. */
    const char *to;
    const char *upload;
    bool quick;
    const char *keep;
    bool apply;
    const char *identities[AKS_ARGS_IDENTITY_MAX];
    size_t identity_count;
    bool passphrase;
    const char *passphrase_secret;
    const char *credentials;
    /* Of `support`. */
    const char *output;
    /* Of `fleet`. */
    const char *stale;
    /* Of `metrics`. */
    const char *textfile;
    bool keep_names;
    /* Of `secret add`. */
    const char *env;
    const char *file;
    const char *program;            /* --command */
    const char *hosts[AKS_ARGS_HOST_MAX];
    size_t host_count;
    bool force;
    bool luarc;
    /* Of `worker` and `enqueue`. */
    bool once;
    bool until_empty;
    bool inherited;
    bool no_worker;
    bool on_stop;                   /* of `hook` */
    /* Of `init` and `migrate`. */
    const char *endpoint;
    const char *region;
    const char *http;
    const char *mcp;
    const char *dir;
    const char *settings;
    bool no_hook;
    bool systemd;
    bool undo;
    bool yes;
    bool write;
    /* Of `test`; numbers as they were written. */
    const char *filter;
    const char *seed;
    const char *jobs;
    const char *timeout;
    const char *format;
    const char *report;
    const char *new_test;
    bool coverage;
    bool list;
    /* Of `bucket-policy`. */
    const char *bucket;
    const char *prefix;
    const char *system_id;
    const char *principal;
    const char *use;                /* --for */
    const char *document;
    const char **operands;
    size_t operand_count;
};

/** Takes ${argv} apart: *ret_args is filled and *ret_exit is -1, or *ret_exit is the exit code: 0
 * after help or the version, 2 after a wrong command line, each of which was told.
 * ${ret_args}->operands are within ${argv}, which is reordered. */
void aks_args_parse(int argc, char **argv, struct aks_args *ret_args, int *ret_exit);

/** Tells a wrong command line, "usage: ${what}${value}"; returns its exit code. */
int aks_args_wrong(const struct aks_args *args, const char *what, const char *value);

/* Every command, ending with a NULL name. */
extern const struct aks_command aks_commands[];

#endif
