/* akosha-sync as a library: open an engine on ports, load a policy, run, read the report.
 *
 * One engine belongs to one thread, but for akosha_interrupt. Nothing is printed, and no signal is
 * touched but by akosha_system_open. Every call that can fail returns one of the exit codes below
 * and, unless that is AKOSHA_OK, fills the struct akosha_error that its caller gave (never NULL).
 * Strings handed in are borrowed for the call; strings handed out live as long as what they were
 * got from. */
#ifndef AKOSHA_AKOSHA_H
#define AKOSHA_AKOSHA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define AKOSHA_API __attribute__((visibility("default")))
#else
#define AKOSHA_API
#endif

/* Stable: scripts are written on these. Of several, the first that applies in this order is told:
 * interrupted, 2, 3, 7, 5, 4, 6, 1. With 1 and 3 to 6 the work stays queued. */
enum akosha_code {
    AKOSHA_OK = 0,
    AKOSHA_QUEUED = 1,          /* something is not delivered now; it is kept */
    AKOSHA_USAGE = 2,
    AKOSHA_SETTINGS = 3,        /* the policy or settings are wrong */
    AKOSHA_SOURCE = 4,          /* a source cannot be read */
    AKOSHA_INTEGRITY = 5,
    AKOSHA_REFUSED = 6,         /* credentials missing, expired or not allowed */
    AKOSHA_NOT_KEPT = 7         /* failed, and could not be kept either */
    /* 128 + the number of a signal: interrupted by it */
};

struct akosha_error {
    int code;                   /* as above */
    const char *failure;        /* "throttled" and so on: docs/failures.md; static */
    char message[1024];         /* what failed, on what: why */
    char hint[384];             /* what to do about it, or "" */
};

struct aks_port;                /* the ports: clock, files, network ... (src/port/port.h) */
struct akosha_system;
struct akosha;
struct akosha_policy;
struct akosha_report;

enum akosha_log_level { AKOSHA_LOG_ERROR, AKOSHA_LOG_WARNING, AKOSHA_LOG_INFO, AKOSHA_LOG_DEBUG };

struct akosha_progress {
    const char *target;         /* that is being sent to, or NULL */
    const char *source;         /* name of a source that is being sent, or NULL */
    unsigned files_done;
    unsigned files_total;
    int64_t bytes_done;         /* plain bytes that are stored */
    int64_t bytes_total;
    int64_t waiting_ms;         /* a wait that long is going on, or -1 */
    bool reading;               /* bytes come back from the target: restore, verify */
    bool blocked;               /* another process delivers from this state folder, and this one
                                 * waits until it has done; nothing else is known then */
};

struct akosha_options {
    const struct aks_port *port;        /* borrowed for the engine's life */
    const char *state_folder;           /* NULL: $XDG_STATE_HOME/akosha-sync */
    enum akosha_log_level log_level;
    void (*log)(void *ctx, enum akosha_log_level level, const char *text);      /* may be NULL */
    void *log_ctx;
    void (*progress)(void *ctx, const struct akosha_progress *progress);        /* may be NULL */
    void *progress_ctx;
    /* Part sizes are divided by it, so that a simulated upload can have many parts and few bytes.
     * 0: 1. No real server takes parts under 5 MiB. */
    unsigned part_divisor;
    /* Limits of every policy that is loaded, as akosha_limit_check takes them: "memory=64MiB". */
    const char *const *limits;
    size_t limit_count;
};

/** Opens the ports of this machine. Cheap: threads start with the first work, the network is loaded
 * by the first request. SIGPIPE and SIGXFSZ are ignored from then on where nobody handles them, and
 * nothing else of the process is touched but glibc's number of heaps. AKOSHA_NOT_KEPT if there is
 * no memory, or no descriptor is left. Only in the library, not in simulated worlds. */
AKOSHA_API int akosha_system_open(struct akosha_system **ret_system,
    struct akosha_error *ret_error);
/** What akosha_options.port and the others of that name want; lives as long as ${system}. One
 * engine at a time. */
AKOSHA_API const struct aks_port *akosha_system_port(struct akosha_system *system);
/** After every engine on it was closed. NULL is fine. */
AKOSHA_API void akosha_system_close(struct akosha_system *system);

/** Is ${text} a limit, NAME=VALUE, within its bounds? AKOSHA_OK or AKOSHA_USAGE. */
AKOSHA_API int akosha_limit_check(const char *text, struct akosha_error *ret_error);

/** Opens the state folder, making it if it is missing. AKOSHA_NOT_KEPT if it cannot be used,
 * AKOSHA_USAGE if a limit is none. */
AKOSHA_API int akosha_open(const struct akosha_options *options, struct akosha **ret_engine,
    struct akosha_error *ret_error);
/** NULL is fine. Policies and reports are freed before. */
AKOSHA_API void akosha_close(struct akosha *engine);
/** Ends what is going on within a second; ${signal} shows in the exit code. Any thread, any signal
 * handler. */
AKOSHA_API void akosha_interrupt(struct akosha *engine, int signal);

/** Loads ${path}; NULL: $AKOSHA_POLICY, else $XDG_CONFIG_HOME/akosha-sync/policy.lua, else the
 * built-in default. ${allow} names further variables that it may read, and lives as long as the
 * policy. */
AKOSHA_API int akosha_policy_load(struct akosha *engine, const char *path, const char *const *allow,
    size_t allow_count, struct akosha_policy **ret_policy, struct akosha_error *ret_error);
/** The file's path, or "built-in default". */
AKOSHA_API const char *akosha_policy_path(const struct akosha_policy *policy);
AKOSHA_API void akosha_policy_free(struct akosha_policy *policy);

/* One thing that is wrong with a policy, or that is hardly meant. */
struct akosha_problem {
    bool warning;               /* the policy can be used all the same */
    const char *file;           /* the policy, or a module beside it */
    int line;                   /* 0: not known */
    const char *field;          /* "retry", "targets.cloud", "sources[2]", or "" */
    const char *message;
};

struct akosha_check_options {
    const struct aks_port *port;
    const char *path;                   /* as for akosha_policy_load */
    const char *const *allow;
    size_t allow_count;
    const char *const *limits;          /* as for akosha_open */
    size_t limit_count;
    /* Each problem; those of one file in the order of their lines. */
    void (*problem)(void *ctx, const struct akosha_problem *problem);
    void *ctx;
};

struct akosha_checked {
    char path[4096];            /* of the policy as shown */
    char sha256[65];            /* of its text; "" if it could not be read */
    size_t errors;
    size_t warnings;            /* looked for where there are no errors */
};

/** Loads a policy and tells all that is wrong with it, not only the first. Needs no engine: nothing
 * is contacted or written. AKOSHA_OK, or AKOSHA_SETTINGS where the policy cannot be used. */
AKOSHA_API int akosha_policy_check(const struct akosha_check_options *options,
    struct akosha_checked *ret_checked, struct akosha_error *ret_error);

/* Secrets that policies name: where the value is and where it may be sent, never the value. They
 * are kept in $XDG_CONFIG_HOME/akosha-sync/secrets.json. No engine is needed for them. */
enum akosha_secret_from { AKOSHA_SECRET_ENV, AKOSHA_SECRET_FILE, AKOSHA_SECRET_COMMAND };

struct akosha_secret {
    const char *name;                   /* 1 to 63 letters, digits, '_' and '-' */
    enum akosha_secret_from from;
    const char *where;                  /* a variable's name, a path, a command */
    const char *const *hosts;           /* "host" or "host:port", 1 to 16 */
    size_t host_count;
    /* Only told, by akosha_secret_each: */
    bool found;                         /* its value can be had now */
    const char *missing;                /* else why not */
    const char *hint;                   /* and what to do about it, or "" */
};

/** Adds a secret; a relative path is the working folder's. One that is there is AKOSHA_USAGE, as is
 * what cannot be, unless ${replace}. AKOSHA_REFUSED if its file, or secrets.json, can be read or
 * written by others. Where the value is not to be had now, ${ret_missing} says why, and its code is
 * not AKOSHA_OK; a command is not asked. The audit log of ${state_folder} (as for akosha_open)
 * tells of it; AKOSHA_NOT_KEPT where it cannot, although the secret is there then. */
AKOSHA_API int akosha_secret_add(const struct aks_port *port, const char *state_folder,
    const struct akosha_secret *secret, bool replace, struct akosha_error *ret_missing,
    struct akosha_error *ret_error);
/** AKOSHA_USAGE if there is none of that name. The value stays where it is. */
AKOSHA_API int akosha_secret_remove(const struct aks_port *port, const char *state_folder,
    const char *name, struct akosha_error *ret_error);
/** Each of them, by name; their values are looked for, so commands are run. */
AKOSHA_API int akosha_secret_each(const struct aks_port *port,
    void (*each)(void *ctx, const struct akosha_secret *secret), void *ctx,
    struct akosha_error *ret_error);

struct akosha_bucket_policy_options {
    const char *bucket;
    const char *prefix;                 /* NULL: none */
    const char *system_id;              /* NULL: this machine's, as runs have it without a policy */
    const char *principal;              /* whom it is about; NULL: what holds for everybody */
    const char *document;               /* "policy" (NULL), "identity", "lifecycle",
                                         * "public-access", "encryption", "all" */
    const char *use;                    /* "sync" (NULL), "restore", "prune" */
};

/** The document that a bucket, or the owner of a key, is to be given so that the key can do what
 * this machine needs and no more. Needs no engine: nothing is contacted or written. AKOSHA_USAGE
 * for what is no name, or would make the document stand for more. */
AKOSHA_API int akosha_bucket_policy(const struct aks_port *port,
    const struct akosha_bucket_policy_options *options, struct akosha_report **ret_report,
    struct akosha_error *ret_error);

struct akosha_run_options {
    const char *const *sources;         /* NULL: the policy's */
    size_t source_count;
    const char *target;                 /* only this one, or NULL */
    bool no_fallback;                   /* only the first of each route */
    bool dry_run;                       /* decide everything, send nothing, keep nothing */
};

/** Syncs now, and takes up what earlier runs left in the queue. The report's code is also what is
 * returned; *ret_report is there unless memory ran out. */
AKOSHA_API int akosha_run(struct akosha *engine, struct akosha_policy *policy,
    const struct akosha_run_options *options, struct akosha_report **ret_report,
    struct akosha_error *ret_error);
/** The uploads that the policy's targets (or ${target}) hold. */
AKOSHA_API int akosha_list(struct akosha *engine, struct akosha_policy *policy, const char *target,
    struct akosha_report **ret_report, struct akosha_error *ret_error);

/** How fresh each system in the policy's targets (or ${target}) is, by its newest manifest
 * (docs/schema/fleet.json). ${stale}: "90m", "36h", "2d", or NULL: two days; AKOSHA_USAGE for all
 * else. AKOSHA_QUEUED where a system is stale, or a target could not be asked. */
AKOSHA_API int akosha_fleet(struct akosha *engine, struct akosha_policy *policy, const char *target,
    const char *stale, struct akosha_report **ret_report, struct akosha_error *ret_error);

struct aks_secret;

/* What opens encrypted objects; zeroed: nothing, or what the policy's own passphrase opens. */
struct akosha_keys {
    const char *const *identities;      /* files of age identities */
    size_t identity_count;
    const char *passphrase_secret;      /* the name of a secret, or NULL */
    const struct aks_secret *passphrase;    /* or NULL */
};

struct akosha_restore_options {
    const char *to;                     /* a folder; relative to the working folder; made if it is
                                         * missing */
    const char *upload_id;              /* NULL: the newest of every source */
    const char *target;                 /* only this one, or NULL */
    bool force;                         /* over what is there */
    const char *const *names;           /* of sources, or their paths; NULL: all */
    size_t name_count;
    struct akosha_keys keys;
};

/** Brings sources back, checked and opened before they get their names. One that was interrupted
 * goes on when it is asked for again. *ret_report is there unless memory ran out. */
AKOSHA_API int akosha_restore(struct akosha *engine, struct akosha_policy *policy,
    const struct akosha_restore_options *options, struct akosha_report **ret_report,
    struct akosha_error *ret_error);

struct akosha_verify_options {
    const char *upload_id;              /* NULL: the newest of each target */
    const char *target;                 /* only this one, or NULL: all that can be looked at */
    bool quick;                         /* sizes only, as the other side tells them */
    struct akosha_keys keys;            /* of what they do not open, what is stored is verified */
};

/** Reads an upload from end to end and compares sizes and digests with its manifest.
 * AKOSHA_INTEGRITY if something does not verify. */
AKOSHA_API int akosha_verify(struct akosha *engine, struct akosha_policy *policy,
    const struct akosha_verify_options *options, struct akosha_report **ret_report,
    struct akosha_error *ret_error);

struct akosha_prune_options {
    const char *keep;                   /* "last=N,daily=N,weekly=N"; NULL: as the policy says */
    const char *target;                 /* of which; NULL: all that can be listed */
    const char *credentials;            /* instead of the target's own: "profile:NAME"; or NULL */
    bool apply;                         /* false: only tell what would be removed */
};

/** Forgets old uploads; never the newest verified one, nor what a kept one needs. AKOSHA_USAGE if
 * ${keep} is wrong. */
AKOSHA_API int akosha_prune(struct akosha *engine, struct akosha_policy *policy,
    const struct akosha_prune_options *options, struct akosha_report **ret_report,
    struct akosha_error *ret_error);
struct akosha_doctor_options {
    const struct akosha_error *policy_error;    /* why there is no policy */
    const char *target;                 /* only this one, or NULL */
};

/** What can be found out about how this machine is set up, and what cannot: docs/doctor.md. Each
 * target answers within a few seconds, or is told as what it is. ${policy}: NULL if it cannot be
 * loaded, for options->policy_error. AKOSHA_OK with or without warnings; else the code of the worst
 * problem. */
AKOSHA_API int akosha_doctor(struct akosha *engine, struct akosha_policy *policy,
    const struct akosha_doctor_options *options, struct akosha_report **ret_report,
    struct akosha_error *ret_error);

struct akosha_support_options {
    const struct aks_port *port;
    const char *state_folder;           /* as for akosha_open; nothing is made */
    const char *policy;                 /* as for akosha_policy_load; it is not evaluated */
    const char *build;                  /* how the program was built, or NULL */
    const char *system;                 /* what it runs on, or NULL */
    bool keep_names;                    /* of buckets, hosts, people and homes */
};

/** What a bug report needs (docs/support.md), without a secret. Nothing is contacted or changed,
 * and what cannot be read says why. */
AKOSHA_API int akosha_support(const struct akosha_support_options *options,
    struct akosha_report **ret_report, struct akosha_error *ret_error);

/* What is told to somebody else's program, such as an agent: as akosha_support tells it, without a
 * secret, and without names of buckets, hosts, people and homes. */
struct akosha_leaving;

struct akosha_leaving_options {
    const struct aks_port *port;        /* borrowed until it is closed */
    const char *state_folder;           /* as for akosha_open; nothing is made */
    const char *policy;                 /* as for akosha_policy_load; it is not evaluated */
    bool keep_names;
};

/** Finds out, once, which names must not leave. To be opened before an engine on the same state
 * folder is. */
AKOSHA_API int akosha_leaving_open(const struct akosha_leaving_options *options,
    struct akosha_leaving **ret_leaving, struct akosha_error *ret_error);
/** NULL is fine. */
AKOSHA_API void akosha_leaving_close(struct akosha_leaving *leaving);
/** ${text}, one JSON object or array, as it may leave. Without memory there is none. */
AKOSHA_API int akosha_leaving_document(struct akosha_leaving *leaving, const char *text,
    struct akosha_report **ret_report, struct akosha_error *ret_error);

struct akosha_history_options {
    const struct aks_port *port;
    const char *state_folder;           /* as for akosha_open; nothing is made */
    int64_t runs_max;                   /* 1 to 200; 0: 20 */
    const char *outcome;                /* only runs that ended so, "stored"; NULL: any */
};

/** What the last runs did, the newest first (docs/schema/history.json). Needs no engine. */
AKOSHA_API int akosha_history(const struct akosha_history_options *options,
    struct akosha_report **ret_report, struct akosha_error *ret_error);

/** The policy as text: {"path", "sha256", "text", "modules"}; ${path} as for akosha_policy_load. It
 * is not evaluated. AKOSHA_SETTINGS if it cannot be read. */
AKOSHA_API int akosha_policy_show(const struct aks_port *port, const char *path,
    struct akosha_report **ret_report, struct akosha_error *ret_error);

/** Is the audit log what it was? Its chain, the record that the state remembers, and, with
 * ${policy} (may be NULL), the heads in its targets, or in ${target} alone. AKOSHA_INTEGRITY where
 * something does not fit; the report (docs/schema/audit_verify.json) names the first line that does
 * not. */
AKOSHA_API int akosha_audit_verify(struct akosha *engine, struct akosha_policy *policy,
    const char *target, struct akosha_report **ret_report, struct akosha_error *ret_error);

struct akosha_audit_show_options {
    const char *since;                  /* "2026-11-26", "2026-11-26T08:00:00Z", or so long ago:
                                         * "90m", "36h", "7d"; NULL: all */
    const char *event;                  /* only these; NULL: any */
    const char *job_id;                 /* only what names this job, */
    const char *upload_id;              /* this upload; NULL: any */
    int64_t records_max;                /* the newest so many; 0: 100 */
};

/** The newest records of the audit log that are asked for, oldest first
 * (docs/schema/audit_show.json). AKOSHA_USAGE where what is asked for is no time or no number. */
AKOSHA_API int akosha_audit_show(struct akosha *engine,
    const struct akosha_audit_show_options *options, struct akosha_report **ret_report,
    struct akosha_error *ret_error);

/* Work that is done in the background: put into the queue, and brought by a worker. */
#define AKOSHA_JOB_ID_BYTES 64

struct akosha_enqueue_options {
    const struct aks_port *port;
    const char *state_folder;           /* as for akosha_open; made if missing */
    const char *policy;                 /* as for akosha_policy_load; it is not evaluated */
    const char *const *allow;
    size_t allow_count;
    const char *const *limits;          /* as for akosha_open */
    size_t limit_count;
    const char *const *sources;         /* relative ones are the working folder's; none: the
                                         * policy's */
    size_t source_count;
    const char *target;                 /* only this one, or NULL */
    bool no_fallback;
    bool no_worker;                     /* the job is kept, and somebody else sees to a worker */
};

struct akosha_enqueued {
    char job_id[AKOSHA_JOB_ID_BYTES];
    bool worker;                        /* one has been told, or started */
    /* Where none could be, although one was wanted: why. The job is kept all the same. What of its
     * credentials is in this process's environment alone has then not been handed over. */
    struct akosha_error worker_error;
};

/** Makes a job durable and sees to it that there is a worker. Needs no engine: no database is
 * opened. AKOSHA_OK: the job outlives a power cut. AKOSHA_NOT_KEPT where it could not be kept, also
 * because the queue is full; AKOSHA_SETTINGS where the policy's file cannot be taken along, or a
 * limit, a variable or a source is none. */
AKOSHA_API int akosha_enqueue(const struct akosha_enqueue_options *options,
    struct akosha_enqueued *ret_enqueued, struct akosha_error *ret_error);

/** What an agent's hook failed with, kept where akosha_status tells of it until it is told NULL:
 * nothing is wrong any more. Needs no engine. ${state_folder} as for akosha_open. */
AKOSHA_API int akosha_hook_note(const struct aks_port *port, const char *state_folder,
    const struct akosha_error *failed, struct akosha_error *ret_error);

struct akosha_worker_options {
    bool once;                          /* each job that is there is tried once, due or not */
    bool until_empty;                   /* until nothing is left that can be brought */
    bool inherited;                     /* this process may have been started by an enqueue */
    int64_t for_ms;                     /* at most so long; 0: no limit */
};

/** Brings the jobs of the queue, the newest first, each when it is due: for ever, or as the options
 * say. Each runs under its own policy. The report is {"schema", "success", "exit_code", "outcome":
 * "done", "waiting", "interrupted" or "busy" (there is a worker already), "jobs", "error"}. */
AKOSHA_API int akosha_worker(struct akosha *engine, const struct akosha_worker_options *options,
    struct akosha_report **ret_report, struct akosha_error *ret_error);

/** What waits, why and until when, and what is going on (docs/schema/status.json); with ${job_id}
 * what became of that job, AKOSHA_USAGE if nothing is known of it. Needs no engine, makes nothing
 * and waits for nobody. ${state_folder} as for akosha_open. */
AKOSHA_API int akosha_status(const struct aks_port *port, const char *state_folder,
    const char *job_id, struct akosha_report **ret_report, struct akosha_error *ret_error);
/** What runs took and brought over time (docs/schema/stats.json). As akosha_status: it needs no
 * engine, makes nothing and waits for nobody. */
AKOSHA_API int akosha_stats(const struct aks_port *port, const char *state_folder,
    struct akosha_report **ret_report, struct akosha_error *ret_error);
/** The same and what waits, as Prometheus reads it: "text" of the report
 * (docs/schema/metrics.json). */
AKOSHA_API int akosha_metrics(const struct aks_port *port, const char *state_folder,
    struct akosha_report **ret_report, struct akosha_error *ret_error);
/** Drops a job of the queue, undelivered. AKOSHA_USAGE if there is none of that id. */
AKOSHA_API int akosha_cancel(struct akosha *engine, const char *job_id,
    struct akosha_error *ret_error);

/** The report as one JSON document (docs/schema/); with ${pretty} indented. NULL if there is no
 * memory. */
AKOSHA_API const char *akosha_report_json(struct akosha_report *report, bool pretty);
/** Reads a value by its path, "files.0.outcome": a string, or NULL if it is none. */
AKOSHA_API const char *akosha_report_text(const struct akosha_report *report, const char *path);
/** A number (truncated), true as 1, the length of an array; ${absent} if there is nothing. */
AKOSHA_API int64_t akosha_report_number(const struct akosha_report *report, const char *path,
    int64_t absent);
/** A number that need not be whole; ${absent} if there is none. */
AKOSHA_API double akosha_report_real(const struct akosha_report *report, const char *path,
    double absent);
AKOSHA_API void akosha_report_free(struct akosha_report *report);

AKOSHA_API const char *akosha_version(void);

#ifdef __cplusplus
}
#endif

#endif
