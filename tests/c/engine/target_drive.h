/* Driving a target in a test, with the same checks on everything that is done. */
#ifndef AKS_TESTS_TARGET_DRIVE_H
#define AKS_TESTS_TARGET_DRIVE_H

#include "engine/target.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

struct target_case {
    const struct aks_target_class *class;
    const struct aks_target_options *options;
    const char *folder;             /* "systems/<id>/<upload>/"; nothing is in it yet */
    int64_t part_bytes;
    bool create_only_holds;         /* the other side can tell that something is there already */
    /* The bytes of an object as another reader finds them; AKS_NOT_FOUND if there is none. */
    enum aks_status (*read)(void *ctx, const char *key, struct aks_buf *ret_data,
        struct aks_error *err);
    void *ctx;
};

struct target_call {
    struct target_drive *drive;
    unsigned calls;                 /* of done */
    struct aks_outcome outcome;
};

struct target_drive {
    const struct target_case *at;
    struct aks_target *target;
    bool inside;                    /* a call of the target is going on */
};

/** Creates the target. */
void target_drive_begin(struct target_drive *drive, const struct target_case *at);
/** Frees it and delivers whatever is still on its way. */
void target_drive_end(struct target_drive *drive);
/** The done of a call: ctx is its struct target_call. Not from inside a call, and once. */
void target_drive_done(void *ctx, const struct aks_outcome *outcome);
/** Turns the loop until ${call} is done, once; returns its status. */
enum aks_status target_drive_wait(struct target_call *call);
/** The same; ${ret_outcome} may be NULL. */
enum aks_status target_drive_outcome(struct target_call *call, struct aks_outcome *ret_outcome);
/** At most ${count} turns, fewer if there is nothing to wait for. */
void target_drive_turn(const struct target_drive *drive, int count);
/** Turns the loop for a while: what should not be called would be called now. */
void target_drive_settle(const struct target_drive *drive);

enum aks_status target_drive_available(struct target_drive *drive, struct aks_outcome *ret_outcome);
enum aks_status target_drive_put(struct target_drive *drive, const char *key, const char *text,
    bool create_only, struct aks_outcome *ret_outcome);
/** ${ret_text} is emptied first. */
enum aks_status target_drive_get(struct target_drive *drive, const char *key,
    struct aks_buf *ret_data, struct aks_outcome *ret_outcome);
/** A whole object of ${bytes} seeded bytes: open, send, finish. ${ret_outcome}: of the first thing
 * that failed, or of finish. */
enum aks_status target_drive_upload(struct target_drive *drive, const char *key, int64_t bytes,
    bool in_memory, struct aks_outcome *ret_outcome);
/** Byte number ${offset} of what target_drive_upload sends. */
unsigned char target_drive_byte(int64_t offset);
/** Fails the test if the object is not those bytes. */
void target_drive_check(struct target_drive *drive, const char *key, int64_t bytes);

/* An object on its way, in steps. */

struct target_seeded {              /* a range of seeded bytes */
    int64_t offset;
    int64_t bytes;
};

struct target_buffer {
    unsigned char *data;
    int64_t bytes;
};

struct target_upload {
    struct target_drive *drive;
    struct aks_target_object *object;
    int64_t bytes;
    bool in_memory;
    uint32_t count;                 /* of parts */
    struct aks_part *parts;
    struct target_seeded *seeded;
    struct target_buffer *buffers;
    struct target_call *calls;      /* of the parts */
    struct target_seeded whole;
};

/** What open says. */
enum aks_status target_upload_begin(struct target_upload *upload, struct target_drive *drive,
    const char *key, int64_t bytes, bool in_memory, struct aks_error *err);
/** Fails the test if it cannot be opened. */
void target_upload_open(struct target_upload *upload, struct target_drive *drive, const char *key,
    int64_t bytes, bool in_memory);
/** Sends part number ${i}, from 0. */
void target_upload_send(struct target_upload *upload, uint32_t i, aks_done *done);
enum aks_status target_upload_finish(struct target_upload *upload,
    struct aks_outcome *ret_outcome);
enum aks_status target_upload_abort(struct target_upload *upload);
/** Frees the object, and at once everything it had borrowed. */
void target_upload_end(struct target_upload *upload);
/** What another reader finds: AKS_OK or AKS_NOT_FOUND. ${ret_data} is set up here. */
enum aks_status target_drive_read(struct target_drive *drive, const char *key,
    struct aks_buf *ret_data);

#endif
