/* The journal: what has durably happened of uploads that are not committed yet, so that a later
 * process goes on where this one ended. Intent before, fact after: an object and the digest of
 * each of its parts are on the medium before the first byte of it leaves; what the other side
 * answered is kept without a sync, since the other side can be asked again. A commit removes the
 * upload from here. What is here is all that this machine may ever give back: ids of others are
 * not touched.
 *
 * Part of the state database (engine/state.h): the same failures. Losing it costs time, and at the
 * target the room of what nobody knows to be unfinished any more. */
#ifndef AKS_ENGINE_STATE_JOURNAL_H
#define AKS_ENGINE_STATE_JOURNAL_H

#include "data/digest.h"
#include "engine/state.h"

/* So long an upload may stay open at a target before it is given back, whatever else happens. Rules
 * of buckets that drop unfinished uploads have the same days or less. */
#define AKS_JOURNAL_AGE_MS (7 * INT64_C(86400000))
/* What is read at once. The oldest come first, so that what does not fit is not forgotten. */
#define AKS_JOURNAL_UPLOADS_MAX 1000
#define AKS_JOURNAL_OBJECTS_MAX 10000
/* The longest resume token: an upload id of S3 has 2048 bytes at most (wire/s3_xml.h). */
#define AKS_JOURNAL_TOKEN_BYTES_MAX 4096

/* One upload: one upload id at one place. */
struct aks_journal_upload {
    int64_t id;                         /* in the journal; 0: not yet */
    char target[65];                    /* identity of the place */
    char upload_id[32];
    char job_id[64];                    /* whose it is */
    int64_t begun_at_ms;                /* wall clock */
    bool given_up;                      /* it is only there to be given back */
};

/* One object of an upload. Strings are borrowed by put, owned by the row after get. */
struct aks_journal_object {
    int64_t id;                         /* in the journal; 0: not yet */
    char *source;                       /* absolute path */
    int role;                           /* of enum aks_snapshot_role: main, WAL */
    char *key;
    char *token;                        /* what the target needs to open it again; NULL: nothing */
    /* What its bytes depend on beside the source. */
    char *codec;
    int64_t level;
    enum aks_encryption encryption;     /* then nobody can make its bytes again */
    char *codec_version;                /* of the library that encodes */
    int64_t part_bytes;
    int64_t check;                      /* enum aks_part_check of its parts */
    /* What it is made from. */
    char *snapshot;                     /* its id; "" where the source is read in place */
    char snapshot_sha256[65];           /* of its file; "" in place */
    struct aks_file_info info;          /* the source's stamps then */
    bool info_racy;
    int64_t taken_at_ms;
    /* Once it is stored as a whole. */
    bool stored;
    int64_t bytes;                      /* plain */
    char sha256[65];
    int64_t stored_bytes;
    char stored_sha256[65];
    int64_t parts;
};

/* A part that was about to be sent. */
struct aks_journal_part {
    uint32_t number;                    /* from 1 */
    int64_t bytes;
    uint8_t sha256[AKS_SHA256_BYTES];   /* zeros where the object's check is another */
    uint64_t crc64nvme;                 /* 0 likewise */
    char *tag;                          /* what the target answered; NULL: nothing is known */
};

void aks_journal_object_fini(const struct aks_alloc *alloc, struct aks_journal_object *object);
/** The array and its tags; NULL is fine. */
void aks_journal_parts_free(const struct aks_alloc *alloc, struct aks_journal_part *parts,
    size_t count);

/** Before anything of ${object} is sent: it, its upload if that is not there yet, and parts, in one
 * synced transaction. Fills the ids that were 0. An object of the same upload, source and role that
 * is there already is replaced, with its parts; one that has a token goes to an upload of its own,
 * as with leave, since it may be half sent. */
enum aks_status aks_state_journal_begin(struct aks_state *state, struct aks_journal_upload *upload,
    struct aks_journal_object *object, const struct aks_journal_part *parts, size_t count,
    struct aks_error *err);
/** Before any of these parts is sent; synced. Tags of earlier tries of them go. */
enum aks_status aks_state_journal_parts(struct aks_state *state, int64_t object,
    const struct aks_journal_part *parts, size_t count, struct aks_error *err);
/** The target has told another token; synced. What was known of parts under the former does not
 * hold for this one: their tags go. */
enum aks_status aks_state_journal_token(struct aks_state *state, int64_t object, const char *token,
    struct aks_error *err);
/** The target has it; not synced. */
enum aks_status aks_state_journal_part_stored(struct aks_state *state, int64_t object,
    uint32_t number, const char *tag, struct aks_error *err);
/** The object is there as a whole: its sizes and digests; not synced. */
enum aks_status aks_state_journal_stored(struct aks_state *state,
    const struct aks_journal_object *object, struct aks_error *err);

/** Uploads that are open at ${target}, or anywhere (NULL), the oldest first; the array is the
 * caller's (aks_mem_free). */
enum aks_status aks_state_journal_uploads(struct aks_state *state, const char *target,
    struct aks_journal_upload **ret_uploads, size_t *ret_count, struct aks_error *err);
/** Objects of an upload in order of source and role; array and rows are the caller's. */
enum aks_status aks_state_journal_objects(struct aks_state *state, int64_t upload,
    struct aks_journal_object **ret_objects, size_t *ret_count, struct aks_error *err);
/** All that is known of an object's parts, in order. */
enum aks_status aks_state_journal_known(struct aks_state *state, int64_t object,
    struct aks_journal_part **ret_parts, size_t *ret_count, struct aks_error *err);

/** It is not gone on with any more, and is to be given back; synced. */
enum aks_status aks_state_journal_give_up(struct aks_state *state, int64_t upload,
    struct aks_error *err);
/** The object could not be given back: it goes to an upload of its own that is given up; synced. */
enum aks_status aks_state_journal_leave(struct aks_state *state, int64_t object,
    struct aks_error *err);
/** The upload belongs to another job from now on; synced. */
enum aks_status aks_state_journal_adopt(struct aks_state *state, int64_t upload,
    const char *job_id, struct aks_error *err);
/** Objects (their ids) go to ${upload}, which is not there yet and whose id is filled: they are
 * gone on with as a part of that, where they lie; synced. */
enum aks_status aks_state_journal_carry(struct aks_state *state, struct aks_journal_upload *upload,
    const int64_t *objects, size_t count, struct aks_error *err);
/** Does an upload that may be gone on with need that snapshot? */
enum aks_status aks_state_journal_needs(struct aks_state *state, const char *snapshot,
    bool *ret_needs, struct aks_error *err);
/** Has another upload of the same target, which may be gone on with, an object of a key that this
 * one has, too? */
enum aks_status aks_state_journal_shares(struct aks_state *state, int64_t upload,
    bool *ret_shares, struct aks_error *err);
/** The upload is committed or given back; not synced: to find it again does no harm. */
enum aks_status aks_state_journal_forget(struct aks_state *state, int64_t upload,
    struct aks_error *err);
/** The upload is committed: as aks_state_journal_forget, or, with something in it that was begun
 * and is no part of it, as aks_state_journal_give_up. */
enum aks_status aks_state_journal_committed(struct aks_state *state, int64_t upload,
    struct aks_error *err);
/** As aks_state_journal_forget, of one object. */
enum aks_status aks_state_journal_forget_object(struct aks_state *state, int64_t object,
    struct aks_error *err);

#endif
