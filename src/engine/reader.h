/* The way back: one target at a time that is looked at, read and pruned, by straight-line code that
 * turns the loop. Nothing of a run is needed for it. */
#ifndef AKS_ENGINE_READER_H
#define AKS_ENGINE_READER_H

#include "engine/engine.h"
#include "engine/fetch.h"
#include "engine/policy.h"
#include "engine/target.h"
#include "wire/manifest.h"

struct json_t;

/* Uploads of one system in one target. */
#define AKS_READER_UPLOADS_MAX 10000
/* An object that does not verify is read so often: what was mangled on its way comes right. */
#define AKS_READER_TRIES 2

#define AKS_READER_WORDS_BYTES 512

struct aks_reader {
    struct aks_engine *engine;
    const struct aks_settings *settings;
    struct aks_ask ask;
    char system_id[AKS_SYSTEM_ID_BYTES];
    struct aks_target_settings own;         /* of the open target */
    const struct aks_age_keys *keys;        /* what opens objects; NULL: nothing */
    const char *credentials;                /* instead of the policy's; or NULL. Of s3 only */
    char identity[AKS_SHA256_HEX_BYTES];
    const struct aks_target_class *class;
    struct aks_target *target;              /* NULL: none is open */
    char source[AKS_TARGET_CREDENTIALS_BYTES];  /* of its credentials; "": none, or not known */
    bool let_in;                            /* it has taken them, which is not noted yet */
    bool done;
    struct aks_outcome outcome;
    unsigned lingering;                     /* work that targets left behind */
};

/* Names in the order in which they came: upload ids, so oldest first. */
struct aks_reader_names {
    const struct aks_alloc *alloc;
    char **names;
    size_t count;
    size_t capacity;
};

/** ${policy} is borrowed until aks_reader_fini. */
enum aks_status aks_reader_init(struct aks_reader *reader, struct aks_engine *engine,
    const struct aks_policy *policy, struct aks_error *err);
/** Closes what is open, and turns the loop until nothing lingers. Fine on a zeroed struct. */
void aks_reader_fini(struct aks_reader *reader);

/** Opens target ${index} of the policy and asks whether it is there. Another that was open is
 * closed. AKS_SETTINGS, and nothing is asked, if it takes rows: it holds nothing to be read. */
enum aks_status aks_reader_open(struct aks_reader *reader, size_t index, struct aks_error *err);
/** Fine if none is open. What was under way is cancelled. */
void aks_reader_close(struct aks_reader *reader);
/** The index of the policy's target of that name; AKS_SETTINGS if it has none. */
enum aks_status aks_reader_find(const struct aks_reader *reader, const char *name,
    size_t *ret_index, struct aks_error *err);

/** AKS_SETTINGS if each target of the policy takes rows alone. ${doing} is for the message. */
enum aks_status aks_reader_holds_files(const struct aks_reader *reader, const char *doing,
    struct aks_error *err);

/* What is done with each target, one after the other. */
struct aks_reader_each {
    const char *target;                     /* only this one; NULL: every one that can list */
    const char *doing;                      /* for messages: "list" */
    /* Fills ${row}, which has name and kind, also before a failure. */
    enum aks_status (*look)(void *ctx, size_t index, struct json_t *row, struct aks_error *err);
    void *ctx;
};

/** Appends a row for each to ${targets}: {"name", "kind", ..., "error"}. The first failure, which
 * stops nobody but for AKS_CANCELLED. AKS_SETTINGS if there is none, or the one that was asked for
 * cannot list. */
enum aks_status aks_reader_each(struct aks_reader *reader, const struct aks_reader_each *each,
    struct json_t *targets, struct aks_error *err);

/** Notes what was done with the open target, or tried with the last one, in the audit log; with it,
 * once for each that was opened, that it has taken the credentials. Takes ${fields}, and adds
 * target, method and system_id. */
enum aks_status aks_reader_note(struct aks_reader *reader, const char *event,
    struct json_t *fields, struct aks_error *err);
/** The same, where a warning is enough if it cannot be noted. */
void aks_reader_note_or_warn(struct aks_reader *reader, const char *event, struct json_t *fields);

/** What to tell where ${count} objects (1 or more), the first of them ${name}, are plain though the
 * policy encrypts. */
void aks_reader_plain_words(const char *name, size_t count,
    char ret_words[AKS_READER_WORDS_BYTES]);

/** The done of a call of the target, with the reader as ctx. */
void aks_reader_done(void *ctx, const struct aks_outcome *outcome);
/** Turns the loop until aks_reader_done was called, once; what it was called with.
 * AKS_CANCELLED when the engine is interrupted. After a failure of the loop's own, as this is, the
 * target is closed, so that what was under way is not called any more. */
enum aks_status aks_reader_wait(struct aks_reader *reader, struct aks_error *err);

void aks_reader_names_init(struct aks_reader_names *names, const struct aks_alloc *alloc);
void aks_reader_names_fini(struct aks_reader_names *names);
enum aks_status aks_reader_names_add(struct aks_reader_names *names, const char *name,
    struct aks_error *err);
/** The ids of this system's uploads, complete or not, oldest first. Of a target that cannot list,
 * those that the state database knows of. AKS_LIMIT over AKS_READER_UPLOADS_MAX. */
enum aks_status aks_reader_uploads(struct aks_reader *reader, struct aks_reader_names *ret_names,
    struct aks_error *err);
/** An upload's manifest. AKS_NOT_FOUND: it was never finished, or there is none of that id;
 * AKS_CORRUPT: it is damaged, or another upload's or system's. ${ret_manifest} is init'ed by the
 * caller, and finished by the caller after a failure too. */
enum aks_status aks_reader_manifest(struct aks_reader *reader, const char *upload_id,
    struct aks_manifest *ret_manifest, struct aks_error *err);
/** The same, and its text. */
enum aks_status aks_reader_manifest_text(struct aks_reader *reader, const char *upload_id,
    struct aks_manifest *ret_manifest, struct aks_buf *ret_text, struct aks_error *err);

/** What ${object} of a manifest should be. Borrows its strings. */
enum aks_status aks_reader_object(const struct aks_manifest_object *object,
    struct aks_fetch_object *ret_object, struct aks_error *err);
/** Reads an object from its first byte to its last (loop and target are the reader's).
 * ${options}->write and moved are as there. */
enum aks_status aks_reader_fetch(struct aks_reader *reader,
    const struct aks_fetch_options *options, struct aks_error *err);

/** For reports: {"failure", "message", "hint"}; NULL without memory. */
struct json_t *aks_reader_error_json(const struct aks_error *err);
/** The exit code that ${status} means for a command of the way back: 0, 1, 3, 5, 6, 7 (no room), or
 * 128 and the signal of an interrupted engine. */
int aks_reader_exit_code(const struct aks_engine *engine, enum aks_status status);

#endif
