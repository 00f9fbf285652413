/* What the files of the world share: world.c (its life), world_target.c (who answers),
 * world_story.c (what is told). */
#ifndef AKS_TESTKIT_WORLD_INTERNAL_H
#define AKS_TESTKIT_WORLD_INTERNAL_H

#include "testkit/operation.h"
#include "testkit/world.h"
#include "wire/url.h"

#define AKS_WORLD_STORY_BYTES_MAX ((size_t)64 * 1024 * 1024)
#define AKS_WORLD_WAITS_MAX 64

#define AKS_WORLD_PLACES_MAX 32
#define AKS_WORLD_PATH_BYTES 512

/* Where one or more targets are, and who answers there. */
struct world_place {
    bool aws;                           /* by bucket, whatever the region's host is */
    bool tls;
    char authority[AKS_URL_HOST_BYTES + 16];
    char bucket[128];
    char path[AKS_WORLD_PATH_BYTES];    /* that stands before keys: "", "/bucket", "/upload" */
    struct aks_s3_model *s3;
    struct aks_http_model *http;
    struct aks_mcp_model *mcp;
};

#define AKS_WORLD_VERSIONS_MAX 4096
#define AKS_WORLD_SENT_MAX 4096         /* pieces that are remembered: the first ones */
#define AKS_WORLD_UPLOAD_ID_BYTES 160

/* What a file once was. */
struct world_version {
    char *path;
    char sha256[65];
    bool outdated;                      /* a newer one was put into the queue */
};

/* A part or a whole object that a server has stored. */
struct world_sent {
    char target[AKS_TARGET_NAME_BYTES];
    char operation[AKS_OPERATION_NAME_BYTES];
    char upload_id[AKS_WORLD_UPLOAD_ID_BYTES];  /* "": no part */
    uint8_t sha256[32];
    size_t bytes;
    unsigned process;
    int64_t served_ns;
};

struct world_writer {
    struct aks_writer *writer;
    struct aks_world_pace pace;
    uint64_t since;                     /* committed when the process began */
    uint64_t owed;                      /* committed when it was put into the queue */
    unsigned open_files;                /* of its */
};

/* What a server asked for, and whether it was kept to. */
struct world_wait {
    char target[AKS_TARGET_NAME_BYTES];
    char operation[AKS_OPERATION_NAME_BYTES];
    char url[1024];                     /* of the request: of two uploads each has its own */
    int64_t until_ns;
    int64_t heard_ns;
    bool heard;                         /* its head comes through to the client */
};

/* A request that is on its way to its server: it knows what was heard before it began. */
struct world_begun {
    const struct aks_http_request *request;
    int64_t at_ns;
};

struct aks_world {
    const struct aks_alloc *alloc;
    struct aks_world_options options;
    struct aks_sim *sim;
    struct aks_fault_plan plan;
    bool calm;
    bool learnt;
    struct world_place places[AKS_WORLD_PLACES_MAX];
    size_t place_count;
    bool learning;                      /* the policy is loaded to see its targets: no faults */
    struct aks_world_target targets[AKS_TARGETS_MAX];
    size_t target_count;
    struct world_secret {
        char name[AKS_SECRET_NAME_BYTES];
        bool told;                      /* somebody said what is known of it */
    } secrets[AKS_WORLD_SECRETS_MAX];
    size_t secret_count;
    struct aks_secret_list known;       /* what stands in secrets.json */
    char **sources;                     /* of the policy, absolute */
    size_t source_count;
    struct world_version *versions;
    size_t version_count;
    struct world_writer writers[AKS_WORLD_WRITERS_MAX];
    size_t writer_count;
    bool writing;                       /* one of them acts: no step of the engine's */
    struct world_sent *sent_pieces;
    size_t sent_count;
    struct aks_world_again again;
    unsigned process;                   /* how many there were */
    int64_t process_began_ns;
    uint64_t steps;
    uint64_t run_steps;                 /* in this run */
    int64_t run_began_ns;
    uint64_t crash_at;                  /* of steps; 0: never */
    bool died;
    bool sent;                          /* in this run something was asked to be stored */
    bool committed;                     /* in this run a manifest was stored */
    bool full;                          /* the disk has a limit */
    bool disk_trouble;                  /* in this run the disk failed, or was full */
    struct aks_buf events;
    struct aks_buf requests;
    struct aks_buf decisions;
    struct aks_buf log;
    struct aks_buf state;               /* as it was read back last */
    /* Successes that a failure came before: they are told among the decisions. */
    struct aks_buf successes;           /* "<ns> <text>\n" */
    struct world_wait waits[AKS_WORLD_WAITS_MAX];
    size_t wait_count;
    struct world_begun begun[AKS_WORLD_WAITS_MAX];
    size_t begun_count;
    size_t failed_count;
    struct world_failed {
        char target[AKS_TARGET_NAME_BYTES];
        char operation[AKS_OPERATION_NAME_BYTES];
    } failed[AKS_WORLD_WAITS_MAX];
    /* A request that came before its server's Retry-After was over: broken, unless the policy
     * itself decided so. */
    char hasty[256];
    char hasty_target[AKS_TARGET_NAME_BYTES];
    char broken[512];                   /* a law that was broken on the way; "" for none */
};

/* world_file.c */

void aks_world_files_fini(struct aks_world *world);

/* world_target.c */

/** The target that a request goes to, or NULL. */
struct aks_world_target *aks_world_target_of(struct aks_world *world,
    const struct aks_http_request *request);
void aks_world_targets_fini(struct aks_world *world);

/* world_writer.c */

/** A step of the engine: whoever is due acts. */
void aks_world_writers_step(struct aks_world *world);
/** The process has died; ${power}: everything on the machine has. */
void aks_world_writers_die(struct aks_world *world, bool power);
/** Files that writers have open. */
unsigned aks_world_writers_open(const struct aks_world *world);
void aks_world_writers_fini(struct aks_world *world);
/** Who writes the file that is told so, or NULL. */
const struct aks_writer *aks_world_writer_of(const struct aks_world *world, const char *told);

/* world_sent.c */

/** A request of ${operation} has been served well. */
void aks_world_sent_served(struct aks_world *world, const char *target, const char *operation,
    const struct aks_sim_request *request);
/** A step of the network, with what the plan says of it. */
void aks_world_sent_step(struct aks_world *world, const struct aks_fault_step *step,
    const struct aks_sim_fault *fault);
void aks_world_sent_fini(struct aks_world *world);

/* world_secret.c */

void aks_world_secrets_fini(struct aks_world *world);
/** Target ${settings} names a secret: where nobody said anything of it, it is bound to there. */
enum aks_status aks_world_secrets_learn(struct aks_world *world,
    const struct aks_target_settings *settings, struct aks_error *err);
/** The same of what it encrypts with: its passphrase, and its file of recipients, with one of
 * nobody where the test has put none. */
enum aks_status aks_world_secrets_learn_keys(struct aks_world *world,
    const struct aks_encrypt_settings *encrypt, struct aks_error *err);
/** Writes secrets.json, unless there is nothing to be in it. */
enum aks_status aks_world_secrets_write(struct aks_world *world, struct aks_error *err);

/* world_story.c */

void aks_world_story_init(struct aks_world *world);
void aks_world_story_fini(struct aks_world *world);
/** One step of disk or network, with what the plan says of it. */
void aks_world_story_step(struct aks_world *world, const struct aks_fault_step *step,
    const struct aks_sim_fault *fault);
/** A request has been served. */
void aks_world_story_served(struct aks_world *world, const char *target, const char *operation,
    const struct aks_sim_request *request, const struct aks_sim_reply *reply);
/** A run has ended: its decisions, in order of time. */
void aks_world_story_report(struct aks_world *world, const struct json_t *report);
/** A line "%5.1f  ..." in the story of events. */
void aks_world_story_event(struct aks_world *world, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
