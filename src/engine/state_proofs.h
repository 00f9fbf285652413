/* What was proven of uploads: that they can be read back and are what they should be. And uploads
 * whose removal has begun. Tables of engine/state.h. */
#ifndef AKS_ENGINE_STATE_PROOFS_H
#define AKS_ENGINE_STATE_PROOFS_H

#include "engine/state.h"

#define AKS_STATE_PROOFS_MAX 1000       /* kept; older ones are forgotten */

/* How something was proven: the later, the stronger. */
enum aks_proof_how {
    AKS_PROOF_LOOKED,                   /* sizes, as the other side tells them */
    AKS_PROOF_READ_BACK,                /* what was sent was read, right after it was stored */
    AKS_PROOF_READ,                     /* every byte of the upload was read and digested */
    AKS_PROOF_RESTORED,                 /* and written, checked and opened, for a person */
    AKS_PROOF_DRILL,                    /* the same, to see whether it can be done */
    AKS_PROOF_HOWS
};

struct aks_proof {
    const char *target;                 /* identity of the place */
    char upload_id[101];
    enum aks_proof_how how;
    int64_t at_ms;                      /* wall clock */
    enum aks_status outcome;            /* AKS_OK: proven */
    int64_t objects;
    int64_t bytes;                      /* plain */
};

/** "looked", "read_back", "read", "restored", "drill". */
const char *aks_state_proof_how_name(enum aks_proof_how how);
/** Durable. */
enum aks_status aks_state_proof_put(struct aks_state *state, const struct aks_proof *proof,
    struct aks_error *err);
/** The latest proof of ${least} or stronger that went well, of a place and an upload (each may be
 * NULL: any). AKS_NOT_FOUND if there is none. ${ret_proof}->target is then not set. */
enum aks_status aks_state_proof_last(struct aks_state *state, const char *target_identity,
    const char *upload_id, enum aks_proof_how least, struct aks_proof *ret_proof,
    struct aks_error *err);

/** The latest of that kind, whatever came of it. AKS_NOT_FOUND if there is none. */
enum aks_status aks_state_proof_newest(struct aks_state *state, enum aks_proof_how how,
    struct aks_proof *ret_proof, struct aks_error *err);

/** An upload is about to be removed, durably known from now on. */
enum aks_status aks_state_prune_begin(struct aks_state *state, const char *target_identity,
    const char *upload_id, int64_t wall_ms, struct aks_error *err);
/** It is gone. */
enum aks_status aks_state_prune_end(struct aks_state *state, const char *target_identity,
    const char *upload_id, struct aks_error *err);
/** Has its removal begun? */
enum aks_status aks_state_prune_begun(struct aks_state *state, const char *target_identity,
    const char *upload_id, bool *ret_begun, struct aks_error *err);

#endif
