/* Shared by target_dir.c (class, place), target_dir_small.c (put, get, list), target_dir_read.c
 * (stat, get_range, remove),
 * target_dir_object.c (objects in parts), target_dir_call.c (one operation with its tries) and
 * target_dir_tree.c (names, folders, links). */
#ifndef AKS_ENGINE_TARGET_DIR_INTERNAL_H
#define AKS_ENGINE_TARGET_DIR_INTERNAL_H

#include "engine/target.h"
#include "engine/target_work.h"

/* Writes side by side: enough to keep a disk busy while the next part is being made. */
#define AKS_TARGET_DIR_PARTS_MAX 4
/* Of available, put, get and list: how many may be under way at once on one target. */
#define AKS_TARGET_DIR_CALLS_MAX 8

struct dir_call;
struct dir_object;

/* What an operation does; the tries, the policy and the words are alike for all. */
struct dir_verb {
    const char *words;                  /* "store": "cannot store KEY in target NAME: why" */
    /* The job of one try, or NULL with ${err} filled. On the loop: making names is quick, what
     * moves bytes or waits for the medium belongs into the job. */
    struct aks_target_work *(*prepare)(struct dir_call *call, struct aks_error *err);
    /* Takes what a job that went well has brought; may be NULL. */
    enum aks_status (*took)(struct dir_call *call, struct aks_target_work *work,
        struct aks_error *err);
    /* Looks at a job that has ended or was left, before took; may be NULL. */
    void (*ended)(struct dir_call *call, struct aks_target_work *work);
    int64_t (*deadline_ms)(const struct dir_call *call);    /* of one try; NULL: none */
};

struct dir_call {
    struct dir_target *target;
    struct dir_object *object;          /* or NULL */
    const struct dir_verb *verb;
    struct aks_attempt attempt;
    struct aks_timer deadline;
    struct aks_target_work *work;       /* of the try under way */
    aks_done *done;
    void *ctx;
    bool busy;
    /* What the verb is about; borrowed until done. */
    const char *key;
    struct aks_part part;
    int64_t bytes;
    const char *content;
    size_t len;
    bool create_only;
    struct aks_buf *ret_data;
    aks_target_entry *each;
    void *each_ctx;
    struct aks_target_stat *ret_stat;
    const char *etag;
    int64_t offset;
    void *ret_bytes;
    size_t range_len;
};

struct dir_target {
    struct aks_target base;             /* first */
    struct aks_target_options options;
    const struct aks_port *port;
    char *root;                         /* absolute, without a final '/' */
    char *synced;                       /* a folder that is on the medium, or NULL */
    struct aks_target_work *sweep;
    bool swept;
    struct dir_call calls[AKS_TARGET_DIR_CALLS_MAX];
};

/* target_dir_call.c */

/** A place for one more operation. */
struct dir_call *aks_target_dir_call_new(struct dir_target *target);
/** Zeroes ${call} but for what it belongs to. */
void aks_target_dir_call_init(struct dir_call *call, struct dir_target *target,
    struct dir_object *object);
/** Begins the tries. */
void aks_target_dir_call_begin(struct dir_call *call, const struct dir_verb *verb,
    const char *operation, const char *source, aks_done *done, void *ctx);
/** Ends it without done. Fine if it is not under way. */
void aks_target_dir_call_cancel(struct dir_call *call);
/** Puts "cannot store KEY in target NAME" before the message. */
void aks_target_dir_call_words(const struct dir_call *call, struct aks_error *err);

/* target_dir_tree.c */

#define AKS_TARGET_DIR_RANDOM_BYTES 8
#define AKS_TARGET_DIR_RANDOM_HEX_BYTES (2 * AKS_TARGET_DIR_RANDOM_BYTES + 1)
/* Instead of random digits: the name under which all writers meet who must not replace each
 * other. */
#define AKS_TARGET_DIR_MEETING "0000000000000000"

/** Is ${name} one of ours for what is not whole yet: ".<name>.<16 hex digits>.part"? */
bool aks_target_dir_temporary(const char *name);
/** The temporary name beside ${path}, owned; NULL if there is no memory. */
char *aks_target_dir_temporary_path(const struct aks_alloc *alloc, const char *path,
    const char *random_hex);
/** The folder of ${path}, owned; NULL if there is no memory. */
char *aks_target_dir_folder_of(const struct aks_alloc *alloc, const char *path);
/** Sees that ${folder}, which is ${root} or below it, is a folder that no link below the root
 * leads to. ${make}: makes what is missing, else that is AKS_NOT_FOUND. */
enum aks_status aks_target_dir_way(const struct aks_port *port, const char *root,
    const char *folder, bool make, struct aks_error *err);
/** Makes the names in ${folder} last, and with ${way} those of the folders above it up to and
 * in ${root}. */
enum aks_status aks_target_dir_sync(const struct aks_port *port, const char *root,
    const char *folder, bool way, struct aks_error *err);
/** A job that removes what crashed runs have left unfinished in the root and in the folders of the
 * system's uploads; NULL if there is no memory. */
struct aks_target_work *aks_target_dir_sweep(const struct aks_port *port, const char *root,
    const struct aks_target_settings *settings, const char *system_id);

/* target_dir_object.c */

enum aks_status aks_target_dir_open(struct aks_target *target, const struct aks_object_spec *spec,
    struct aks_target_object **ret_object, struct aks_error *err);
void aks_target_dir_send(struct aks_target_object *object, const struct aks_part *part,
    aks_done *done, void *ctx);
void aks_target_dir_finish(struct aks_target_object *object, const struct aks_object_digest *digest,
    aks_done *done, void *ctx);
void aks_target_dir_abort(struct aks_target_object *object, aks_done *done, void *ctx);
void aks_target_dir_object_free(struct aks_target_object *object);

/* target_dir_small.c */

void aks_target_dir_put(struct aks_target *target, const char *key, const char *content_type,
    const void *data, size_t len, bool create_only, aks_done *done, void *ctx);
void aks_target_dir_get(struct aks_target *target, const char *key, struct aks_buf *ret_data,
    aks_done *done, void *ctx);
void aks_target_dir_list(struct aks_target *target, const char *folder, aks_target_entry *each,
    void *each_ctx, aks_done *done, void *ctx);

/* target_dir_read.c */

/** Opens ${path} in ${folder} for reading: a regular file to which no link below ${root} leads, and
 * the very one that was looked at. AKS_NOT_FOUND if it is another thing. */
enum aks_status aks_target_dir_open_object(const struct aks_port *port, const char *root,
    const char *folder, const char *path, struct aks_file **ret_file,
    struct aks_file_info *ret_info, struct aks_error *err);
void aks_target_dir_stat(struct aks_target *target, const char *key,
    struct aks_target_stat *ret_stat, aks_done *done, void *ctx);
void aks_target_dir_get_range(struct aks_target *target, const char *key, const char *etag,
    int64_t offset, void *data, size_t len, aks_done *done, void *ctx);
void aks_target_dir_remove(struct aks_target *target, const char *key, aks_done *done, void *ctx);

/* target_dir.c */

/** ${key} below the root, owned. AKS_SETTINGS if it is no key, or a name kept for temporary
 * files. */
enum aks_status aks_target_dir_path(const struct dir_target *target, const char *key,
    char **ret_path, struct aks_error *err);
/** ${folder} and everything above it is on the medium from now on. */
void aks_target_dir_synced(struct dir_target *target, const char *folder);
/** Is it? */
bool aks_target_dir_is_synced(const struct dir_target *target, const char *folder);
enum aks_status aks_target_dir_random(const struct aks_port *port,
    char ret_hex[AKS_TARGET_DIR_RANDOM_HEX_BYTES], struct aks_error *err);

#endif
