/* What a kind of target can do. Implementations: target_s3, target_http, target_dir, which deliver
 * files, and for which one conformance suite holds (tests/c/engine/target_conformance); and
 * target_akosha, which delivers rows.
 *
 * The contract:
 * - Everything that may wait has a done function, called exactly once, from the loop, never from
 *   inside the call that asked for it. After aks_target_class.free or object_free nothing is
 *   called any more: both cancel what is under way without completions.
 * - Inputs are borrowed until done. Retries happen inside (engine/attempt.h): done is final, and a
 *   failed outcome carries the policy's verdict.
 * - Keys are relative to the target's own prefix or path, '/'-separated, of bytes
 *   [A-Za-z0-9._/-].
 * - An object exists for readers only after finish succeeded. Abort, or a crash, leaves nothing
 *   that a reader of the tree would take for an object.
 * - AKS_OK from finish or put means durable as far as the kind can tell (S3: acknowledged with the
 *   digest checked by the server; dir: synced; http: 2xx and, where the server answers a HEAD, the
 *   right length).
 */
#ifndef AKS_ENGINE_TARGET_H
#define AKS_ENGINE_TARGET_H

#include "base/alloc.h"
#include "base/buf.h"
#include "base/log.h"
#include "data/digest.h"
#include "engine/ask.h"
#include "engine/attempt.h"
#include "engine/loop.h"
#include "engine/settings.h"
#include "engine/state_journal.h"
#include "engine/target_rows.h"
#include "port/body.h"
#include "port/port.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct aks_state;
struct aks_target;
struct aks_target_object;

/* What a target is made from; borrowed for its life. */
struct aks_target_options {
    const struct aks_port *port;
    struct aks_loop *loop;
    struct aks_ask *ask;
    const struct aks_log *log;
    struct aks_state *state;            /* endpoint facts; may be NULL: nothing is remembered */
    const struct aks_target_settings *settings;
    const char *system_id;
    const char *upload_id;              /* of the run: goes into object metadata */
    const char *scratch_folder;         /* where a temporary file may be made (http with a codec) */
    int64_t probe_ms;
    unsigned *lingering;                /* counts work that was left behind and still runs out; may
                                         * be NULL, else the loop goes on until it is 0 */
};

/* Going on with an object that an earlier process has begun.
 *
 * A class that resumes tells a token as soon as there is anything by which it could find the
 * object again: text of its own, which only it reads. It tells the first from inside open, where
 * nothing was sent yet, and another whenever more is known (S3: the id of the multipart upload;
 * http: the address of the upload), before it sends anything that depends on it. What opens an
 * object again is the last token that was told, and what is known of its parts.
 *
 * After an open with a token, every part is handed to send as it comes out of the pipeline; its
 * digest is that of the journal, which the caller has seen to. The class compares with what the
 * other side really has, once, before anything is sent, and is done with a part at once that is
 * there: only what is missing is sent, and object.kept_bytes tells how much was not. Where the
 * other side has nothing left, the object begins anew, with another token. Where it is there as a
 * whole, nothing is sent and finish is done.
 *
 * abort gives back what the token names, too. object_free without abort leaves everything
 * there. */
struct aks_object_resume {
    const char *token;
    const struct aks_journal_part *parts;   /* that were about to be sent; in order of number */
    size_t count;
    bool keep_whole;                    /* to be given back, but for what is there as a whole: a
                                         * manifest may name it */
};

/* What a class tells while it works on an object; each may be called from inside any call. */
struct aks_object_journal {
    /* Durable when it returns AKS_OK. With a failure the operation ends that was about to go on. */
    enum aks_status (*begun)(void *ctx, const char *token, struct aks_error *err);
    /* The part is there; ${tag}: what it is called there, or "". */
    void (*stored)(void *ctx, uint32_t number, const char *tag);
    void *ctx;
};

struct aks_object_spec {
    const char *key;                    /* "systems/<id>/<upload>/<name>.zst" */
    const char *content_type;
    const char *source;                 /* name, for the policy's facts */
    int64_t bytes;                      /* as sent; -1: not known until the last part */
    int64_t part_bytes;
    /* Both borrowed for the life of the object; or NULL. A class that cannot resume passes over
     * them. */
    const struct aks_object_resume *resume;
    const struct aks_object_journal *journal;
};

struct aks_part {
    uint32_t number;                    /* from 1, without gaps; may be sent in any order */
    bool last;
    int64_t offset;                     /* of its first byte in the object as sent */
    struct aks_body body;               /* its bytes: exactly spec.part_bytes, the last one 0 to
                                         * that many */
    bool in_memory;                     /* body is a buffer (true), or the immutable source itself
                                         * (false) */
    uint8_t sha256[AKS_SHA256_BYTES];   /* set if the class has digests_parts and wants SHA-256 */
    uint64_t crc64nvme;                 /* set if it wants CRC */
};

struct aks_object_digest {
    int64_t bytes;                      /* as sent */
    uint8_t sha256[AKS_SHA256_BYTES];   /* as sent, of the whole */
    struct aks_body whole;              /* the whole object, where it can be read again (raw), else
                                         * bytes -1 */
};

enum aks_part_check { AKS_PART_UNCHECKED, AKS_PART_SHA256, AKS_PART_CRC64NVME };

/* Called for each name found; ${is_folder} for a common prefix (without its final '/'). */
typedef enum aks_status aks_target_entry(void *ctx, const char *name, bool is_folder, int64_t bytes,
    struct aks_error *err);

#define AKS_TARGET_LIST_MAX 100000      /* names that one list may give */

/* What is known of an object without reading it. */
#define AKS_TARGET_ETAG_BYTES 160

struct aks_target_stat {
    int64_t bytes;                      /* -1: the other side does not tell */
    char etag[AKS_TARGET_ETAG_BYTES];   /* its version, for get_range; "": not told, or too weak to
                                         * be a version of bytes */
};

/* The longest range that is asked for at once: each one under way takes its length twice. */
#define AKS_TARGET_RANGE_MAX ((size_t)8 * 1024 * 1024)

#define AKS_TARGET_CREDENTIALS_BYTES 128

struct aks_target_class {
    /* Nothing is contacted. AKS_SETTINGS, AKS_AUTH_MISSING (no credentials), AKS_LIMIT ... */
    enum aks_status (*create)(const struct aks_target_options *options,
        struct aks_target **ret_target, struct aks_error *err);
    void (*free)(struct aks_target *target);

    /* May it be used now? Answers within options.probe_ms. Does whatever it takes to know (S3: HEAD
     * of the marker, then GET, then putting it). Also learns what open needs (region, clock,
     * payload). */
    void (*available)(struct aks_target *target, aks_done *done, void *ctx);

    /* What part digests to compute: may change after available. */
    enum aks_part_check (*part_check)(const struct aks_target *target);
    /* How many parts may be under way at once now (>= 1): falls when the server throttles or
     * stalls. */
    unsigned (*parts_in_flight)(const struct aks_target *target);

    /* One object, in parts. Nothing is sent by open. */
    enum aks_status (*open)(struct aks_target *target, const struct aks_object_spec *spec,
        struct aks_target_object **ret_object, struct aks_error *err);
    void (*send)(struct aks_target_object *object, const struct aks_part *part, aks_done *done,
        void *ctx);
    /* After all parts are done. ${digest} is borrowed. */
    void (*finish)(struct aks_target_object *object, const struct aks_object_digest *digest,
        aks_done *done, void *ctx);
    /* Gives back what was sent, not asking the policy; cancels sends under way
     * without their completions. done tells whether the other side is clean. */
    void (*abort)(struct aks_target_object *object, aks_done *done, void *ctx);
    void (*object_free)(struct aks_target_object *object);

    /* A small object in one go: manifest and markers. ${create_only}: fail with AKS_CONFLICT if the
     * key exists, where the other side can tell; an own earlier try that got through counts as
     * success. */
    void (*put)(struct aks_target *target, const char *key, const char *content_type,
        const void *data, size_t len, bool create_only, aks_done *done, void *ctx);
    /* A small object into ${ret_data}, over whose ceiling it is AKS_TOO_LARGE; absent:
     * AKS_NOT_FOUND. */
    void (*get)(struct aks_target *target, const char *key, struct aks_buf *ret_data,
        aks_done *done, void *ctx);
    /* Names one level below ${folder} ("systems/x/"), in byte order. AKS_SETTINGS where the kind
     * cannot. */
    void (*list)(struct aks_target *target, const char *folder, aks_target_entry *each,
        void *each_ctx, aks_done *done, void *ctx);

    /* Size and version of an object; absent: AKS_NOT_FOUND. */
    void (*stat)(struct aks_target *target, const char *key, struct aks_target_stat *ret_stat,
        aks_done *done, void *ctx);
    /* Exactly ${len} bytes (1 to AKS_TARGET_RANGE_MAX) at ${offset} of an object into ${data},
     * which is borrowed until done and written to only just before. ${etag} (may be NULL or ""):
     * AKS_CONFLICT if the object is another version now. AKS_CORRUPT if it ends before; absent:
     * AKS_NOT_FOUND. */
    void (*get_range)(struct aks_target *target, const char *key, const char *etag, int64_t offset,
        void *data, size_t len, aks_done *done, void *ctx);
    /* Takes an object away for good, or a marker or an empty folder (a key that ends in '/'). What
     * is not there is success, and so is a folder that is not empty or no thing of its own there:
     * it stays. */
    void (*remove)(struct aks_target *target, const char *key, aks_done *done, void *ctx);

    /* What it proves by who it is, for people: "profile default", "secret NAME"; "": nothing. Never
     * a value. */
    void (*credentials)(const struct aks_target *target,
        char ret_source[AKS_TARGET_CREDENTIALS_BYTES]);

    /* NULL, or it delivers rows and no files: then open is AKS_SETTINGS, and so are put, get, list,
     * stat, get_range and remove. */
    const struct aks_target_rows *rows;

    bool resumes;                       /* tells tokens, and opens with them */
    bool markers;                       /* has zero-byte objects whose keys end in '/' */
    bool can_list;
    bool reads_in_finish;               /* finish reads digest.whole, where that can be read: the
                                         * source must still be the same afterwards */
};

/* Every implementation begins with this. */
struct aks_target {
    const struct aks_target_class *class;
    const struct aks_target_settings *settings;
    struct aks_hold hold;               /* of what is asked of a server */
};
struct aks_target_object {
    const struct aks_target_class *class;
    int64_t kept_bytes;                 /* of parts that were there and not sent again */
    bool beginning;                     /* an upload is being begun whose name is not known yet: to
                                         * free it now may lose that, abort waits a while */
};

extern const struct aks_target_class aks_target_s3;
extern const struct aks_target_class aks_target_http;
extern const struct aks_target_class aks_target_dir;
extern const struct aks_target_class aks_target_akosha;

/** Does a target of that kind deliver rows, and no files? */
bool aks_target_delivers_rows(enum aks_target_kind kind);
/** Does "Content-Range: ${text}" stand for ${len} bytes at ${offset}? */
bool aks_target_range_is(const char *text, int64_t offset, size_t len);
/** Copies an ETag that is a version of bytes: quoted, printable, not weak; else "". ${text} may be
 * NULL. */
void aks_target_etag(const char *text, char ret_etag[AKS_TARGET_ETAG_BYTES]);
/** A number of digits and nothing else, or -1; ${text} may be NULL. */
int64_t aks_target_length(const char *text);
/** The class of a kind. */
const struct aks_target_class *aks_target_class_of(enum aks_target_kind kind);
/** Is ${key} relative, of the bytes named above, without empty, "." and ".." components? Keys out
 * of a manifest are other people's words. */
bool aks_target_key_valid(const char *key);
/** Identity of the place, not of its name in a policy: 64 hex digits over kind, endpoint, bucket,
 * prefix or url or path, system id, and layout. What is believed of a place is kept under it. */
void aks_target_identity(const struct aks_target_settings *settings, const char *home,
    const char *system_id, char ret_identity[AKS_SHA256_HEX_BYTES]);

#endif
