/* A world: one machine, the targets that its policy names, and what goes wrong between them, all of
 * it from one seed, in virtual time. The engine that runs in it is the one that ships, through its
 * public door. Same seed, same files, same plan: the same story, byte for byte. */
#ifndef AKS_TESTKIT_WORLD_H
#define AKS_TESTKIT_WORLD_H

#include "akosha/akosha.h"
#include "base/alloc.h"
#include "base/buf.h"
#include "base/error.h"
#include "engine/policy.h"
#include "engine/secret_list.h"
#include "engine/settings.h"
#include "sim/sim.h"
#include "testkit/fault.h"
#include "testkit/http_model.h"
#include "testkit/mcp_model.h"
#include "testkit/s3_model.h"
#include "testkit/writer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_t;
struct aks_script_lines;

#define AKS_WORLD_HOME "/home/person"
#define AKS_WORLD_STATE AKS_WORLD_HOME "/.local/state/akosha-sync"
#define AKS_WORLD_POLICY AKS_WORLD_HOME "/policy.lua"
#define AKS_WORLD_WALL_MS INT64_C(1795416300000)    /* 2026-11-23T06:45:00Z */
#define AKS_WORLD_SMALL 1024                        /* part sizes of a small world are divided by */
/* Planted, and looked for in everything that comes out of a world. */
#define AKS_WORLD_ACCESS_KEY "AKIAPLANTEDINWORLD01"
#define AKS_WORLD_SECRET_KEY "planted/secret+key+that+must+not+be+seen"
#define AKS_WORLD_TOKEN "planted.token+that+must+not+be+seen"
#define AKS_WORLD_TOKEN_VARIABLE "PLANTED_TOKEN"    /* in which it stands */
#define AKS_WORLD_SECRETS_MAX 16
#define AKS_WORLD_WRITERS_MAX 8
#define AKS_WORLD_JOB_ID_BYTES AKOSHA_JOB_ID_BYTES
/* Limits of what happens in one run, far beyond what any policy that ends needs. */
#define AKS_WORLD_STEPS_MAX 2000000
#define AKS_WORLD_RUN_NS_MAX (INT64_C(30) * 24 * 3600 * 1000000000)

struct aks_world_options {
    const struct aks_alloc *alloc;
    uint64_t seed;
    bool small;                         /* parts of 5 KiB instead of 5 MiB */
    enum aks_s3_profile profile;        /* of every s3 target */
    bool md5_etags;                     /* of parts, as most servers give them; else they tell
                                         * nothing, as of encrypted buckets */
    enum aks_http_model_tus tus;        /* of every http target */
    bool mcp_json;                      /* of every akosha target: answers are JSON; else streams
                                         * that stay open */
    int64_t latency_ns;                 /* of every link, one way; 0: 0.5 ms */
    int64_t up_bytes_per_s;             /* 0: no limit */
    int64_t start_ms;                   /* time at the beginning; 0: AKS_WORLD_WALL_MS */
    int32_t utc_offset_s;               /* of local time */
    bool quiet;                         /* keep no story of events and requests: faster */
    struct aks_policy_limits limits;    /* of every policy that runs there */
    const struct aks_script_lines *lines;   /* told which lines of the policy run, or NULL */
};

struct aks_world_run_options {
    const char *const *sources;         /* NULL: the policy's */
    size_t source_count;
    const char *target;
    bool no_fallback;
    bool dry_run;
};

/* When a writer acts: at step ${first} of each process (from 1), then at each ${every}th, so many
 * acts at a time; every 0: only at that one, acts 0: at none. */
struct aks_world_pace {
    uint64_t first;
    uint64_t every;
    unsigned acts;
};

struct aks_world_writer {
    enum aks_writer_kind kind;
    const char *path;                   /* absolute */
    uint64_t seed;
    unsigned session;                   /* as in struct aks_writer_options */
    bool unseen;
    struct aks_world_pace pace;
};

struct aks_world_worker_options {
    bool once;                          /* each job once, due or not; else until none is left */
    int64_t for_ms;                     /* at most so long; 0: no limit */
};

struct aks_world_restore_options {
    const char *to;                     /* absolute */
    const char *upload_id;              /* NULL: the newest of every source */
    const char *target;                 /* only this one, or NULL */
    bool force;
};

struct aks_world_prune_options {
    const char *keep;                   /* "last=3,daily=7"; NULL: as the policy says */
    const char *target;                 /* only this one, or NULL */
    bool apply;
};

struct aks_world_fleet_options {
    const char *target;                 /* only this one, or NULL */
    const char *stale;                  /* "36h"; NULL: two days */
};

struct world_place;

struct aks_world_target {
    char name[AKS_TARGET_NAME_BYTES];
    enum aks_target_kind kind;
    struct world_place *place;          /* NULL: a folder */
    char folder[AKS_PATH_BYTES];        /* dir: where it is */
    char prefix[256];                   /* s3: "" or "a/b/" */
    char identity[65];                  /* what is believed of it is kept under this */
    struct aks_s3_model *s3;            /* or NULL */
    struct aks_http_model *http;        /* or NULL */
    struct aks_mcp_model *mcp;          /* or NULL */
};

/* What s3 targets were sent since the world began. */
struct aks_world_again {
    unsigned parts;                     /* parts that were stored */
    unsigned parts_again;               /* the same number and bytes as one that is still there */
    unsigned parts_known;               /* of those, it was there when the process began */
    unsigned unheard;                   /* uploads that a server began and nobody heard of */
    unsigned objects;                   /* objects in one piece */
    unsigned objects_again;
    uint64_t bytes_again;
};

struct aks_world;

/** An empty machine, with credentials in its environment. */
enum aks_status aks_world_new(const struct aks_world_options *options, struct aks_world **ret_world,
    struct aks_error *err);
void aks_world_free(struct aks_world *world);
struct aks_sim *aks_world_sim(struct aks_world *world);
struct aks_fault_plan *aks_world_plan(struct aks_world *world);

/** Puts a file; relative paths are the home's. */
enum aks_status aks_world_put(struct aks_world *world, const char *path, const void *data,
    size_t len, struct aks_error *err);
/** Writes into a file as another process would, whatever runs; relative paths are the home's. */
enum aks_status aks_world_edit(struct aks_world *world, const char *path, int64_t offset,
    const void *data, size_t len, struct aks_error *err);
/** Makes a database and somebody who writes it, whatever runs. */
enum aks_status aks_world_writer(struct aks_world *world, const struct aks_world_writer *options,
    size_t *ret_index, struct aks_error *err);
void aks_world_writer_pace(struct aks_world *world, size_t index,
    const struct aks_world_pace *pace);
/** It acts now, so many times. */
enum aks_status aks_world_writer_acts(struct aks_world *world, size_t index, unsigned acts,
    struct aks_error *err);
/** Every writer commits, makes a checkpoint and closes its database. */
enum aks_status aks_world_writers_rest(struct aks_world *world, struct aks_error *err);
/** NULL past the last. */
const struct aks_writer *aks_world_writer_at(const struct aks_world *world, size_t index);
/** Room on the disk from now on, as aks_files_sim_set_room. */
void aks_world_room(struct aks_world *world, int64_t bytes);
/** Is ${told} how reports and jobs' records tell the file at ${path}? */
bool aks_world_told_as(const char *path, const char *told);
/** Did the file that is told so ever have these bytes, by put or edit? */
bool aks_world_had(const struct aks_world *world, const char *path, const char *sha256);
/** Sets a variable, or with NULL removes it. */
enum aks_status aks_world_variable(struct aks_world *world, const char *name, const char *value,
    struct aks_error *err);
/** The variables that policies usually read: a bucket, and the address of a receiver. */
enum aks_status aks_world_usual_variables(struct aks_world *world, struct aks_error *err);
/** What is known of a secret: ${entry}, or with NULL nothing. Secrets that the policy's targets
 * name and nobody said anything of are there, in AKS_WORLD_TOKEN_VARIABLE and bound to their
 * targets. */
enum aks_status aks_world_secret(struct aks_world *world, const char *name,
    const struct aks_secret_entry *entry, struct aks_error *err);
/** Loads the policy (AKS_WORLD_POLICY, or the built-in default where there is no such file) to
 * learn its targets, and lets a model stand where each of them is; where a target has a token, the
 * model wants AKS_WORLD_TOKEN. Writes secrets.json. Done by run as well. What a
 * model holds stays where the place is the same. */
enum aks_status aks_world_learn(struct aks_world *world, struct aks_error *err);
/** The sources that the policy names, absolute; known once it was learnt. NULL past the last. */
const char *aks_world_source(const struct aks_world *world, size_t index);
size_t aks_world_target_count(const struct aks_world *world);
/** By index, or by name (NULL if there is none). */
struct aks_world_target *aks_world_target_at(struct aks_world *world, size_t index);
struct aks_world_target *aks_world_target(struct aks_world *world, const char *name);

/** One process: opens the engine, runs, closes. *ret_report is the report (json_decref), or NULL
 * where the process died (AKS_OK), or where there is none for another reason (a status). What a
 * program would print as an error stands in ${err} too. */
enum aks_status aks_world_run(struct aks_world *world, const struct aks_world_run_options *options,
    struct json_t **ret_report, struct aks_error *err);
/** A process that puts a job into the queue, and owes its sources (aks_world_owe); of ${options}
 * all but dry_run counts. ${ret_job_id} is "" where it died. */
enum aks_status aks_world_enqueue(struct aks_world *world,
    const struct aks_world_run_options *options, char ret_job_id[AKS_WORLD_JOB_ID_BYTES],
    struct aks_error *err);
/** A worker, as enqueue starts one. As aks_world_run. */
enum aks_status aks_world_worker(struct aks_world *world,
    const struct aks_world_worker_options *options, struct json_t **ret_report,
    struct aks_error *err);
/** Brings back, in a process of its own. As aks_world_run. */
enum aks_status aks_world_restore(struct aks_world *world,
    const struct aks_world_restore_options *options, struct json_t **ret_report,
    struct aks_error *err);
/** Reads an upload from end to end; of ${options} upload_id and target count. */
enum aks_status aks_world_verify(struct aks_world *world,
    const struct aks_world_restore_options *options, struct json_t **ret_report,
    struct aks_error *err);
/** Forgets old uploads, or tells what it would forget. */
enum aks_status aks_world_prune(struct aks_world *world,
    const struct aks_world_prune_options *options, struct json_t **ret_report,
    struct aks_error *err);
/** What targets (or ${target}) hold. */
enum aks_status aks_world_list(struct aks_world *world, const char *target,
    struct json_t **ret_report, struct aks_error *err);
/** How fresh every system is. */
enum aks_status aks_world_fleet(struct aks_world *world,
    const struct aks_world_fleet_options *options, struct json_t **ret_report,
    struct aks_error *err);
/** From now on what is restored of the sources (${options} as of a run: its own, or the policy's)
 * has to be as new as they are now: they have been put into the queue. */
void aks_world_owe(struct aks_world *world, const struct aks_world_run_options *options);
bool aks_world_died(const struct aks_world *world);
/** After a death: ${power} was cut, or the process alone was killed. */
void aks_world_restart(struct aks_world *world, bool power);
/** Lets time pass between processes. */
void aks_world_advance(struct aks_world *world, int64_t ns);
/** The same, with the lid closed. */
void aks_world_sleep(struct aks_world *world, int64_t ns);
/** The process dies at the ${step}th step from now (from 1); 0: it does not. */
void aks_world_crash_at(struct aks_world *world, uint64_t step);
/** Is that step still to come? */
bool aks_world_crash_due(const struct aks_world *world);
/** Steps of disk and network so far. */
uint64_t aks_world_steps(const struct aks_world *world);
/** No rule of the plan strikes any more (or again). */
void aks_world_calm(struct aks_world *world, bool calm);

/* What is read back. Texts are borrowed until the world goes on. */

/** Stories: one line each, "%5.1f  what". */
enum aks_world_story { AKS_STORY_EVENTS, AKS_STORY_REQUESTS, AKS_STORY_DECISIONS };
const char *aks_world_story(struct aks_world *world, enum aks_world_story story);
/** The state database as JSON: {"targets": {NAME: {"stored": {PATH: {...}}, "breaker": {...}}},
 * "last_run": REPORT}; {} where there is none. Between processes only. */
enum aks_status aks_world_state(struct aks_world *world, const char **ret_text,
    struct aks_error *err);
const struct aks_world_again *aks_world_again(const struct aks_world *world);
/** The log of the engine, all levels. */
const char *aks_world_log(const struct aks_world *world);
/** The bytes of an object of a target, or NULL. The key is without the target's prefix. */
const void *aks_world_object(struct aks_world *world, const struct aks_world_target *target,
    const char *key, size_t *ret_len);
/** Keys without the prefix, in byte order. */
void aks_world_objects(struct aks_world *world, const struct aks_world_target *target,
    void (*each)(void *ctx, const char *key, const void *data, size_t len), void *ctx);

#endif
