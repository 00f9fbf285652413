/* What a policy says in values rather than functions, as plain C. script/ fills it, the engine
 * reads it. All strings are owned by the settings. Everything is checked when it is filled: the
 * engine may rely on the bounds named here. */
#ifndef AKS_ENGINE_SETTINGS_H
#define AKS_ENGINE_SETTINGS_H

#include "base/alloc.h"
#include "base/units.h"
#include "data/age_key.h"
#include "data/codec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AKS_SOURCES_MAX 1000
#define AKS_TARGETS_MAX 16
#define AKS_TARGET_NAME_BYTES 64            /* [A-Za-z0-9_-]{1,63} */
#define AKS_SYSTEM_ID_BYTES 85              /* [A-Za-z0-9_-]{1,84}: with an upload id it stays
                                             * under 100 */

#define AKS_PART_BYTES_DEFAULT (5 * AKS_MIB)
#define AKS_PART_BYTES_MIN (5 * AKS_MIB)    /* S3: every part but the last */
#define AKS_PART_BYTES_MAX (5 * AKS_GIB)
#define AKS_PARTS_MAX 10000

#define AKS_RETRY_TRIES_DEFAULT 3           /* the first included */
#define AKS_RETRY_TRIES_MAX 100
#define AKS_RETRY_FIRST_MS_DEFAULT (2 * AKS_MS_PER_S)
#define AKS_RETRY_CAP_MS_DEFAULT (10 * AKS_MS_PER_S)
#define AKS_RETRY_WAIT_MS_MAX (24 * 3600 * AKS_MS_PER_S)
/* The longest Retry-After that a run sits through by default: beyond it the next target takes over,
 * or the work stays queued. */
#define AKS_RETRY_ASKED_MS_MAX (3600 * AKS_MS_PER_S)
#define AKS_PROBE_MS_DEFAULT (1 * AKS_MS_PER_S)
#define AKS_PROBE_MS_MAX (60 * AKS_MS_PER_S)

#define AKS_SNAPSHOT_WAIT_MS_DEFAULT (5 * AKS_MS_PER_S)
#define AKS_SNAPSHOT_WAIT_MS_MAX (600 * AKS_MS_PER_S)
#define AKS_DRILL_MS_MIN (3600 * AKS_MS_PER_S)
#define AKS_DRILL_MS_MAX (366 * 24 * 3600 * AKS_MS_PER_S)
#define AKS_KEEP_MAX 10000                  /* uploads, days or weeks */

enum aks_source_kind { AKS_SOURCE_FILE, AKS_SOURCE_DUCKDB, AKS_SOURCE_SQLITE };

enum aks_target_kind { AKS_TARGET_S3, AKS_TARGET_HTTP, AKS_TARGET_DIR, AKS_TARGET_AKOSHA };

/* How a part's bytes are vouched for. */
enum aks_payload {
    AKS_PAYLOAD_SIGNED,     /* SHA-256 of the part in the signature */
    AKS_PAYLOAD_CRC64       /* UNSIGNED-PAYLOAD and CRC64NVME: https only, where a probe showed
                             * that the endpoint checks it; else signed */
};

/* Where uploads lie in a target: engine/target_key.h. */
enum aks_layout { AKS_LAYOUT_AKOSHA, AKS_LAYOUT_ORIGINAL };

enum aks_budget_period { AKS_BUDGET_HOUR, AKS_BUDGET_DAY, AKS_BUDGET_MONTH };

/* How much may be begun in each period of local time. Headers and what is read do not count. */
struct aks_budget {
    bool set;               /* false: there is none */
    enum aks_budget_period per;
    int64_t bytes;          /* of bodies that are sent; -1: any */
    int64_t tries;          /* uploads that are begun; -1: any */
};

struct aks_target_settings {
    char *name;
    enum aks_target_kind kind;
    char *ca_file;          /* or NULL */
    char *pins;             /* as port/http.h has them, or NULL */
    enum aks_layout layout; /* of s3, http and dir */
    /* s3 */
    bool no_markers;        /* zero-byte objects whose keys end in '/' are not put */
    char *bucket;           /* valid name */
    char *region;           /* never empty; "auto" */
    char *endpoint;         /* URL without a final '/', or NULL: AWS */
    char *prefix;           /* "" or "a/b/" with a final '/' */
    char *credentials;      /* as engine/credentials_plan.h takes it */
    int path_style;         /* 1, 0, or -1: path style with an endpoint of one's own, else virtual
                             * host */
    enum aks_payload payload;
    /* http and akosha */
    char *url;              /* without a final '/' */
    char *token;            /* name of a secret ([A-Za-z0-9_-]{1,63}), or NULL */
    /* http */
    int tus;                /* 1: what the server takes by tus it keeps where a PUT would, 0: tus
                             * is not used, or -1: where the server says that it does */
    /* dir */
    char *path;             /* absolute, or beginning with "~/" */
    struct aks_budget budget;   /* of its own; never of a dir */
};

enum aks_jitter { AKS_JITTER_NONE, AKS_JITTER_FULL, AKS_JITTER_EQUAL };

/* Wait before try n + 1: min(cap, first * factor^(n-1)), jittered: full = uniform in [0, wait],
 * equal = half + uniform in [0, half]. A server's Retry-After is a lower bound. */
struct aks_retry_settings {
    int64_t first_ms;
    double factor;          /* 1 to 100 */
    int64_t cap_ms;
    enum aks_jitter jitter;
    unsigned tries;         /* 1 to AKS_RETRY_TRIES_MAX */
};

struct aks_compress_settings {
    enum aks_codec codec;
    int level;              /* AKS_CODEC_LEVEL_DEFAULT */
    bool always;            /* do not look at a sample first */
};

/* Whom everything is encrypted for before it leaves: recipients (of the policy, of the file, or
 * both), or whoever knows a passphrase. */
struct aks_encrypt_settings {
    bool set;                                   /* false: nothing is */
    struct aks_age_recipients recipients;
    char *recipients_file;  /* absolute, or beginning with "~/"; or NULL */
    char *passphrase;       /* name of a secret ([A-Za-z0-9_-]{1,63}), or NULL */
};

/* What becomes of a source that is still being written when the wait is over. */
enum aks_busy {
    AKS_BUSY_QUEUE,         /* it stays queued: source_busy */
    AKS_BUSY_SKIP,          /* nothing is owed of it this time */
    AKS_BUSY_OLDER          /* it is left at the copy that its target holds; else queued */
};

struct aks_snapshot_settings {
    enum aks_busy busy;
    int64_t wait_ms;        /* 0 to AKS_SNAPSHOT_WAIT_MS_MAX */
};

#define AKS_SOURCE_PRIORITY_MAX 1000        /* and as much below 0 */
#define AKS_SOURCE_NAME_BYTES 200           /* longer names of files are cut at their beginning */

struct aks_source_settings {
    char *path;             /* as written: absolute, "~/...", or relative to the policy's folder */
    bool glob;              /* it is one (engine/glob.h) */
    bool kind_given;        /* else the file itself tells */
    enum aks_source_kind kind;
    bool compress_given;    /* else as all others */
    struct aks_compress_settings compress;
    bool snapshot_given;    /* else as all others */
    struct aks_snapshot_settings snapshot;
    int priority;           /* higher first */
    char *name;             /* in a target, of [A-Za-z0-9._-]; or NULL: the file's own */
};

/* What satisfies a source of which targets take files, and others its rows. */
enum aks_deliver {
    AKS_DELIVER_DEFAULT,    /* files where the route has a target of files, else any */
    AKS_DELIVER_FILES,      /* its file; its rows are brought where a file is not taken */
    AKS_DELIVER_ANY,        /* either */
    AKS_DELIVER_BOTH        /* both, where the route has targets of both */
};

enum aks_dedup {
    AKS_DEDUP_UNCHANGED,    /* what a target holds already is not sent again */
    AKS_DEDUP_ALWAYS,       /* everything is sent */
    AKS_DEDUP_NEVER         /* nothing is sent of which a target has any copy, also an older one */
};

/* What is looked at again when an upload is complete. */
enum aks_verify {
    AKS_VERIFY_NONE,        /* what a target said of each object it took */
    AKS_VERIFY_READ_BACK    /* every object is read, to its digest */
};

/* What becomes of the rows of databases (engine/memories.h). */
#define AKS_MEMORIES_MAPS_MAX 16
#define AKS_MEMORIES_WORD_BYTES 128     /* names of tables and columns */

enum aks_memories_mode {
    AKS_MEMORIES_NEW,       /* those that a target does not have yet; all of them now and then */
    AKS_MEMORIES_ALL,       /* all of them, with each upload */
    AKS_MEMORIES_NONE       /* nothing */
};

/* A table of a shape of its own, by the names of its columns. */
struct aks_memories_map {
    char *table;
    char *id;
    char *text;
    char *embedding;        /* or NULL: it has none, as the next */
    char *at;
};

struct aks_memories_settings {
    bool set;               /* the policy says something */
    enum aks_memories_mode mode;
    struct aks_memories_map *maps;      /* beside the tables that are known */
    size_t map_count;                   /* at most AKS_MEMORIES_MAPS_MAX */
};

/* Which uploads prune keeps. One of several reasons is enough. */
struct aks_keep_settings {
    bool set;               /* false: the policy does not say */
    int64_t last;           /* the newest so many; 0 to AKS_KEEP_MAX, as the others */
    int64_t daily;          /* the newest of each of so many days */
    int64_t weekly;         /* the newest of each of so many weeks */
};

/* Where a source goes. A list: to the first of these targets that takes it. A mirror: to all of
 * them, and it is delivered when so many of them as are needed hold it. */
struct aks_route {
    size_t targets[AKS_TARGETS_MAX];    /* indices into the settings'; each at most once */
    size_t count;
    bool mirror;
    size_t needed;                      /* of a mirror: 1 to count; else not looked at */
};

#define AKS_ROUTE_TEXT_BYTES (AKS_TARGETS_MAX * (AKS_TARGET_NAME_BYTES + 2) + 16)

struct aks_settings {
    const struct aks_alloc *alloc;
    struct aks_source_settings *sources;
    size_t source_count;
    bool skip_missing;      /* a source of these that is not there is no failure, if another is */
    struct aks_target_settings *targets;
    size_t target_count;
    struct aks_route route;
    struct aks_retry_settings retry;
    struct aks_compress_settings compress;
    struct aks_encrypt_settings encrypt;
    enum aks_dedup dedup;
    enum aks_deliver deliver;
    struct aks_snapshot_settings snapshot;
    enum aks_verify verify;
    int64_t drill_ms;       /* how often a restore is tried out, by itself; 0: never */
    struct aks_keep_settings keep;
    struct aks_memories_settings memories;
    int64_t part_bytes;
    int64_t probe_ms;
    struct aks_budget budget;           /* of all targets but folders together */
    int64_t throttle_bytes_per_s;       /* as data/throttle.h; 0: none */
    char *system_id;        /* or NULL: AKOSHA_SYSTEM_ID, SESSION_BUDDY_AKOSHA_SYSTEM_ID, host name
                             * */
    char *policy_path;      /* as shown: the file, or "built-in default" */
    char policy_sha256[65];
};

/** Defaults of CONTRACT: retry, part size, probe; compress zstd; no encryption; dedup unchanged; a
 * busy source is waited for and queued. Nothing else. */
void aks_settings_init(struct aks_settings *settings, const struct aks_alloc *alloc);
/** Frees what it holds. */
void aks_settings_fini(struct aks_settings *settings);
/** "cloud, http", "all of cloud, other", "2 of cloud, other, folder"; names of ${settings}. */
const char *aks_settings_route_text(const struct aks_settings *settings,
    const struct aks_route *route, char ret_text[AKS_ROUTE_TEXT_BYTES]);
/** "queue", "skip", "older". */
const char *aks_settings_busy_name(enum aks_busy busy);
/** How long a busy source is waited for, and then: as ${source} (or NULL) says, or all others. */
const struct aks_snapshot_settings *aks_settings_snapshot(const struct aks_settings *settings,
    const struct aks_source_settings *source);
/** "new", "all", "none". */
const char *aks_settings_memories_name(enum aks_memories_mode mode);
/** Are rows sent at all? Not of what is encrypted, unless the policy says so. */
bool aks_settings_memories(const struct aks_settings *settings);
/** Frees the mappings. */
void aks_settings_memories_fini(const struct aks_alloc *alloc,
    struct aks_memories_settings *memories);
/** "hour", "day", "month". */
const char *aks_settings_period_name(enum aks_budget_period period);
/** "s3", "http", "dir", "akosha". */
const char *aks_target_kind_name(enum aks_target_kind kind);
/** "cloud", "http", "local"; of akosha "http". */
const char *aks_target_kind_method(enum aks_target_kind kind);

#endif
