/* A place for one transfer: a target that does what a test says, a source, and a clock that jumps
 * to what is waited for. */
#ifndef AKS_TESTS_TRANSFER_PLACE_H
#define AKS_TESTS_TRANSFER_PLACE_H

#include "engine/target_world.h"
#include "engine/transfer.h"

#define TRANSFER_PLACE_SOURCE_BYTES 3000

/* What the target says to a call: AKS_OK, a failure, or nothing at all. */
struct fake_answer {
    enum aks_status status;
    enum aks_verdict verdict;
    int http_status;
    bool silent;
};

struct fake_target {
    struct aks_target target;           /* first */
    struct aks_target_class class;
    struct transfer_place *place;
    enum aks_status open;
    struct fake_answer send;
    struct fake_answer finish;
    struct fake_answer abort;
    unsigned send_failures;             /* so many sends get their answer, later ones AKS_OK */
    unsigned opened;
    unsigned sent;
    unsigned finished;
    unsigned aborted;
    unsigned objects;
    bool touch;                         /* the source is written to while it is sent */
    int64_t touched;
};

struct transfer_place {
    struct target_world *world;
    struct aks_events events;           /* the world's own */
    int64_t jumped_ns;
    struct fake_target fake;
    struct aks_pool pool;
    struct aks_source source;
    struct aks_snapshot snapshot;       /* of it, read in place */
    struct aks_target_facts facts;
    struct aks_transfer_options options;
    struct aks_transfer *transfer;
    struct aks_outcome outcome;
    char codec[16];
    char codec_reason[64];
    char sha256[AKS_SHA256_HEX_BYTES];
    int64_t stored_bytes;
    unsigned done;
    unsigned read;
    unsigned left;
    struct aks_error left_error;
    enum aks_verdict retry;             /* what the policy says */
    enum aks_status policy_fails;
};

/** For cmocka: *state is a place whose source, "a.txt", is all 'x'. */
int transfer_place_set_up(void **state);
/** Asserts that nothing is left. */
int transfer_place_tear_down(void **state);
/** Makes a transfer. */
void transfer_place_begin(struct transfer_place *place);
/** Waits for the transfer that was begun, and that its owner is told everything once. */
void transfer_place_until_done(struct transfer_place *place);
/** Both. */
void transfer_place_run(struct transfer_place *place);

#endif
