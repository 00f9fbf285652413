/* What the files of doctor share: doctor.c (all of it, the report), doctor_machine.c (state, room,
 * queue, readers), doctor_target.c (each target), doctor_s3.c (what a bucket and its key are
 * like). */
#ifndef AKS_ENGINE_DOCTOR_INTERNAL_H
#define AKS_ENGINE_DOCTOR_INTERNAL_H

#include "engine/doctor.h"
#include "engine/reader.h"
#include "engine/target_s3_inspect.h"

#include <jansson.h>

enum aks_doctor_outcome {
    AKS_DOCTOR_OK,
    AKS_DOCTOR_WARNING,                 /* it works, and should be otherwise */
    AKS_DOCTOR_PROBLEM,
    AKS_DOCTOR_UNKNOWN,                 /* it cannot be told from here, or not with this key */
    AKS_DOCTOR_OUTCOMES
};

struct doctor {
    struct aks_engine *engine;
    const struct aks_port *port;
    const struct aks_doctor_options *options;
    struct aks_settings settings;       /* the policy's, with one try of everything; borrowed */
    struct aks_policy policy;           /* those, with the defaults for answers */
    struct aks_reader reader;
    json_t *findings;
    json_t *targets;
    json_t *readers;
    json_t *disk;
    unsigned counts[AKS_DOCTOR_OUTCOMES];
    struct aks_error worst;             /* of the problems; status AKS_OK: there is none */
};

/** A finding about ${target} (or NULL). ${check} is a word that scripts look for, ${hint} what to
 * do, or NULL. */
void aks_doctor_tell(struct doctor *doctor, const char *target, const char *check,
    enum aks_doctor_outcome outcome, const char *hint, const char *format, ...)
    __attribute__((format(printf, 6, 7)));
/** A problem; its status counts for the exit code. */
void aks_doctor_problem(struct doctor *doctor, const char *target, const char *check,
    const struct aks_error *err);

void aks_doctor_machine(struct doctor *doctor);
void aks_doctor_readers(struct doctor *doctor);
enum aks_status aks_doctor_targets(struct doctor *doctor, struct aks_error *err);
/** Of the reader's open target; fills ${capabilities}. AKS_CANCELLED: interrupted. */
enum aks_status aks_doctor_s3(struct doctor *doctor, json_t *row, json_t *capabilities);

#endif
