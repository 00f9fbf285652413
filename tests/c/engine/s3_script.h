/* An S3 target on a scripted port: what the tests of that target share. */
#ifndef AKS_TESTS_S3_SCRIPT_H
#define AKS_TESTS_S3_SCRIPT_H

#include "engine/target.h"
#include "support/scripted_port.h"

#define S3_SCRIPT_SECRET "PLANTEDsecretKEYplantedSECRETkey"
#define S3_SCRIPT_TOKEN "PLANTEDtokenPLANTEDtoken"
#define S3_SCRIPT_MARKER "/bucket/pre/systems/laptop-7/"
#define S3_SCRIPT_FOLDER "systems/laptop-7/up/"
#define S3_SCRIPT_KEY S3_SCRIPT_FOLDER "x.duckdb"
/* The same as it is asked for: path style, below the prefix. */
#define S3_SCRIPT_PATH "/bucket/pre/" S3_SCRIPT_KEY
#define S3_SCRIPT_PART_BYTES 10
#define S3_SCRIPT_NONCE "x-amz-meta-akosha-nonce"

struct s3_done {
    unsigned calls;
    struct aks_outcome outcome;
};

struct s3_script {
    struct scripted_port scripted;
    struct aks_loop loop;
    struct aks_settings settings;
    struct aks_policy policy;
    struct aks_ask ask;
    struct aks_log log;
    struct aks_target_settings target_settings;
    struct aks_target_options options;
    struct aks_target *target;
    struct aks_target_object *object;
    const struct aks_object_resume *resume;     /* what the object is opened with; or NULL */
    const struct aks_object_journal *journal;
    struct s3_done parts[10];
    struct s3_done done;
};

/** Ready to be changed, then s3_script_create. Credentials with a token are in the environment. */
void s3_script_begin(struct s3_script *script, const struct aks_alloc *alloc);
void s3_script_create(struct s3_script *script);
/** Frees all; asserts that the script was played to its end and that nothing is left in the
 * loop. */
void s3_script_end(struct s3_script *script);

/** Counts and keeps; asserts that no secret is in it. */
void s3_script_done(void *ctx, const struct aks_outcome *outcome);
/** Turns the loop until ${done} was told once; the status. */
enum aks_status s3_script_wait(struct s3_script *script, struct s3_done *done);
enum aks_status s3_script_available(struct s3_script *script);
enum aks_status s3_script_put(struct s3_script *script, const char *text, bool create_only);
/** Opens S3_SCRIPT_KEY into script->object. */
void s3_script_open(struct s3_script *script);
/** Begins to send part ${number}: ${bytes} bytes of it. */
void s3_script_send(struct s3_script *script, uint32_t number, int64_t bytes, bool last);
enum aks_status s3_script_sent(struct s3_script *script, uint32_t number);
enum aks_status s3_script_finish(struct s3_script *script, int64_t bytes);
/** Two parts and finish, or abort if they fail; without asking how it ends. */
void s3_script_upload(struct s3_script *script);
enum aks_status s3_script_abort(struct s3_script *script);

#endif
