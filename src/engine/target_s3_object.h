/* One object on its way to S3, from inside.
 *
 * The first part that is also the last goes as one PUT. Otherwise a multipart upload is begun
 * by the first send, and sends that come meanwhile wait for its id. Nothing of a multipart
 * upload can be read before it is completed; a single PUT can be, before finish, but no
 * manifest names it then, and abort deletes it. */
#ifndef AKS_ENGINE_TARGET_S3_OBJECT_H
#define AKS_ENGINE_TARGET_S3_OBJECT_H

#include "engine/target_s3_internal.h"

enum aks_s3_shape { AKS_S3_UNDECIDED, AKS_S3_SINGLE, AKS_S3_MULTIPART };
enum aks_s3_send_state { AKS_S3_SEND_IDLE, AKS_S3_SEND_WAITING, AKS_S3_SEND_GOING };

struct aks_s3_send {
    struct aks_s3_object *object;
    enum aks_s3_send_state state;
    struct aks_part part;
    aks_done *done;
    void *done_ctx;
    struct aks_s3_step step;
};

/* A part that the server has. */
struct aks_s3_tag {
    char *etag;                             /* NULL: it has not */
    int64_t bytes;
    uint64_t crc64nvme;
    bool listed;                            /* it is in the server's list */
    char *listed_etag;                      /* believed once the part itself has been seen */
};

struct aks_s3_object {
    struct aks_target_object base;          /* first */
    const struct aks_alloc *alloc;
    struct aks_s3 *s3;                      /* NULL: an orphan */
    struct aks_s3_object *next;
    struct aks_s3_object **link;
    char *key;
    char *content_type;
    char *source;
    bool crc64;                             /* parts are vouched for by CRC64NVME */
    char nonce[AKS_S3_NONCE_BYTES];
    const struct aks_object_journal *journal;   /* or NULL */
    struct aks_object_resume known;         /* from before; token NULL: nothing is */
    bool compared;                          /* with what the server has of it */
    bool whole;                             /* it is there, put together by the process before */
    int64_t there_bytes;                    /* then */
    uint32_t listed_after;                  /* the page of the list that is asked for */
    char *stray;                            /* an upload of ours for this key that nobody knew */
    unsigned strays;                        /* given back so far */
    enum aks_s3_shape shape;
    char *upload_id;                        /* of the multipart upload; NULL: none */
    bool creating;
    bool create_lost;                       /* one may have been begun whose id never came */
    struct aks_s3_tag *tags;                /* by part number - 1 */
    size_t tag_count;
    struct aks_s3_send sends[AKS_S3_PARTS_MAX];
    struct aks_timer relay;                 /* tells what has to be told from a later turn */
    struct aks_outcome relayed;
    /* Beginning, completing, giving back: one after another. */
    struct aks_s3_step step;
    aks_done *done;                         /* of finish or abort */
    void *done_ctx;
    int64_t whole_bytes;                    /* of finish */
    struct aks_buf complete;                /* body of Complete */
    struct aks_s3_bytes complete_body;
    struct aks_outcome lost;                /* of a Complete that may have got through */
    bool acknowledged;                      /* Complete was */
    bool aborting;
    bool cut;                               /* sends were under way when aborting began */
    unsigned deletes;                       /* of what was sent, so far */
    struct aks_timer patience;              /* while aborting: with Create, between deletes */
};

/** Begins the upload of which the sends that wait need the id. */
void aks_s3_create_begin(struct aks_s3_object *object);
/** The sends that wait for the upload's id begin, or fail as ${outcome} has it, each from a turn of
 * its own. The object may be freed when this returns. */
void aks_s3_sends_go_on(struct aks_s3_object *object, const struct aks_outcome *outcome);
/** While aborting: the upload's id has come after all, or will not. */
void aks_s3_abort_created(struct aks_s3_object *object);
/** Tells the journal what the object can be found by. AKS_OK without one. */
enum aks_status aks_s3_object_tell(struct aks_s3_object *object, struct aks_error *err);
/** Room for the tag of part ${number}. */
enum aks_status aks_s3_object_reserve(struct aks_s3_object *object, uint32_t number,
    struct aks_error *err);
/** Is the object that was asked for by HEAD this one: its nonce, and if ${bytes} >= 0 its size? */
bool aks_s3_object_is(const struct aks_s3_object *object, const struct aks_http_reply *reply,
    int64_t bytes);

/* target_s3_resume.c */
/** Takes the token of the spec, if it is one of ours. */
enum aks_status aks_s3_resume_open(struct aks_s3_object *object, const struct aks_object_spec *spec,
    struct aks_error *err);
/** Is there anything to be compared before something is sent? */
bool aks_s3_resume_due(const struct aks_s3_object *object);
/** One try of comparing, in the object's step: its attempt is tried when it is over, or
 * aks_s3_create_ask is called where there is nothing left to go on with. */
void aks_s3_resume_start(struct aks_s3_object *object);
/** Is the part there already? Then it is not sent. */
bool aks_s3_resume_has(struct aks_s3_send *send);
/** Of a single PUT that may have got through: asks for it, and sends the part if it is not there;
 * false if there is nothing to ask. */
bool aks_s3_resume_look(struct aks_s3_send *send);
/** While aborting an object that was opened with a token: looks for what may be there beside the
 * upload that it names; ends with aks_s3_abort_ended. */
void aks_s3_resume_abort(struct aks_s3_object *object);

/** Strays were looked for, or cannot be, as ${outcome} has it. */
void aks_s3_resume_searched(struct aks_s3_object *object, const struct aks_outcome *outcome);
/* target_s3_stray.c */
/** Looks for strays in the object's step and gives them back; ends with aks_s3_resume_searched. */
void aks_s3_stray_search(struct aks_s3_object *object);

/** Asks for the upload's id. */
void aks_s3_create_ask(struct aks_s3_object *object);
/** Sends a part: what was looked for is not there. */
void aks_s3_part_ask(struct aks_s3_send *send);
/** All is given back, or not, as ${outcome} has it. */
void aks_s3_abort_ended(struct aks_s3_object *object, const struct aks_outcome *outcome);

/** Ends whatever is under way. */
void aks_s3_object_stop(struct aks_s3_object *object);
/** The metadata by which the object is known again, and its type: three headers. */
void aks_s3_object_headers(const struct aks_s3_object *object, struct aks_sigv4_pair headers[3]);
#define AKS_S3_OBJECT_HEADERS 3

#endif
