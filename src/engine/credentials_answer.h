/* What those answer that are asked for credentials: JSON of a program, a container's endpoint or a
 * machine's metadata, XML of STS. The same few texts, under nearly the same names. */
#ifndef AKS_ENGINE_CREDENTIALS_ANSWER_H
#define AKS_ENGINE_CREDENTIALS_ANSWER_H

#include "base/error.h"
#include "base/secret.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum aks_credentials_text {
    AKS_CREDENTIALS_TEXT_ACCESS_KEY, AKS_CREDENTIALS_TEXT_SECRET_KEY,
    AKS_CREDENTIALS_TEXT_SESSION_TOKEN, AKS_CREDENTIALS_TEXT_EXPIRATION,
    AKS_CREDENTIALS_TEXT_VERSION,       /* of JSON alone, as the next two */
    AKS_CREDENTIALS_TEXT_CODE, AKS_CREDENTIALS_TEXT_MESSAGE,
    AKS_CREDENTIALS_TEXTS
};

struct aks_credentials_answer {
    struct aks_secret_wipe wipe;        /* of the texts' memory; the struct stays where it is */
    char *texts[AKS_CREDENTIALS_TEXTS]; /* NULL: not there, or empty */
    int64_t expires_ms;                 /* the expiration as a time; -1: none is told */
};

void aks_credentials_answer_init(struct aks_credentials_answer *answer,
    const struct aks_alloc *alloc);
/** Wipes. */
void aks_credentials_answer_fini(struct aks_credentials_answer *answer);
/** AKS_BAD_REPLY, which never shows the text, for what cannot be read, has a name twice, or has an
 * expiration that is no time; AKS_LIMIT. Whether keys are there is for whoever makes credentials of
 * it. */
enum aks_status aks_credentials_answer_json(struct aks_credentials_answer *answer, const char *json,
    size_t len, struct aks_error *err);
enum aks_status aks_credentials_answer_xml(struct aks_credentials_answer *answer, const char *xml,
    size_t len, struct aks_error *err);

#endif
