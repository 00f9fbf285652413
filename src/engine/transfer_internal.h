/* Shared by transfer_begin.c (snapshot, sample, codec, opening) and transfer.c (sending, finishing,
 * giving up). */
#ifndef AKS_ENGINE_TRANSFER_INTERNAL_H
#define AKS_ENGINE_TRANSFER_INTERNAL_H

#include "engine/sample.h"
#include "engine/transfer.h"

#include <stdbool.h>

enum transfer_state {
    TRANSFER_WAITING, TRANSFER_SAMPLING, TRANSFER_SENDING, TRANSFER_HELD, TRANSFER_FINISHING,
    TRANSFER_ABORTING, TRANSFER_DONE
};

struct sent_part {
    struct aks_transfer *transfer;
    struct aks_part *part;              /* NULL: this place is free */
};

struct aks_transfer {
    struct aks_transfer_options options;
    enum transfer_state state;
    struct aks_timer timer;
    struct aks_view view;               /* until the pipeline takes it over */
    struct aks_sample *sample;              /* while it is with a worker */
    struct aks_compress_settings compress;
    bool raw_only;                      /* a codec was tried and cannot be used here */
    char *name;                         /* of the object, without the codec's ending */
    char *key;
    struct aks_pipeline *pipeline;
    struct aks_target_object *object;
    struct sent_part sent[AKS_PIPELINE_PARTS_MAX];
    unsigned in_flight;
    int64_t acked_bytes;
    unsigned restarts;
    bool restart;                       /* after aborting */
    bool cancelled;
    bool hurried;                       /* and it has to be gone soon */
    bool dropped;                       /* freed while a worker had its sample */
    bool told_read;
    struct aks_journal_entry entry;     /* zeroed where nothing is written down */
    bool differed;
    struct aks_object_digest digest;
    struct aks_outcome outcome;
    struct aks_transfer_result result;
};

/* Opens the snapshot and goes on from there; fires in a turn of the loop. */
void aks_transfer_begin(void *ctx);
/* Sends what can be sent now. */
void aks_transfer_pump(struct aks_transfer *transfer);
/* One try has failed, and the policy was asked. */
void aks_transfer_fail(struct aks_transfer *transfer, const struct aks_outcome *outcome);
/* A failure that no attempt has asked the policy about yet. */
void aks_transfer_fail_asking(struct aks_transfer *transfer, const char *operation,
    const struct aks_error *err);
/* The try is over without success: gives back what was sent, then ends or begins anew. */
void aks_transfer_abandon(struct aks_transfer *transfer);

/* transfer_journal.c: before the object is opened: what is known of it from before, and whom it
 * tells. AKS_CONFLICT if it would come out different. */
enum aks_status aks_transfer_journal(struct aks_transfer *transfer, struct aks_object_spec *spec,
    enum aks_part_check *check, struct aks_error *err);
/* One of these has failed. */
void aks_transfer_journal_failed(struct aks_transfer *transfer, const char *operation,
    const struct aks_error *err);
/* Before ${part} is sent. False: it must not be, and the transfer has failed. */
bool aks_transfer_journal_part(struct aks_transfer *transfer, struct aks_part *part);
/* The try is over without success: does what was sent stay there, for a later process? */
bool aks_transfer_journal_keeps(const struct aks_transfer *transfer);

#endif
