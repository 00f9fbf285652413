/* S3 credentials: what a request is signed with. They never change and are shared by counting, on
 * the loop alone; their secrets lie in wiped memory and are never shown. Where they come from, and
 * how they are renewed: credentials_chain.h. */
#ifndef AKS_ENGINE_CREDENTIALS_H
#define AKS_ENGINE_CREDENTIALS_H

#include "base/alloc.h"
#include "base/error.h"
#include "base/secret.h"

#include <stdbool.h>
#include <stdint.h>

/* Of an access key, a secret key or a session token, with the NUL: AWS asks to take tokens of 4096
 * bytes, and has none as long. */
#define AKS_CREDENTIAL_BYTES 4097
#define AKS_CREDENTIALS_SOURCE_BYTES 300

struct aks_credentials;

/* How they were come by; what a chain of several ends with. */
enum aks_credentials_kind {
    AKS_CREDENTIALS_ENVIRONMENT,        /* "environment" */
    AKS_CREDENTIALS_PROFILE,            /* "profile": keys in a shared file */
    AKS_CREDENTIALS_PROCESS,            /* "process": a program told them */
    AKS_CREDENTIALS_WEB_IDENTITY,       /* "web_identity": STS gave them for a token of a file */
    AKS_CREDENTIALS_CONTAINER,          /* "container": ECS's or EKS's endpoint */
    AKS_CREDENTIALS_INSTANCE,           /* "instance": EC2's metadata */
    AKS_CREDENTIALS_ROLE                /* "role": STS gave them for other credentials */
};

/** The name in quotes above. */
const char *aks_credentials_kind_name(enum aks_credentials_kind kind);

/* What they are made of; texts are copied. */
struct aks_credentials_spec {
    enum aks_credentials_kind kind;
    const char *source;                 /* for people: "profile work, role arn:aws:iam::1:role/x" */
    const char *access_key;             /* NULL or "": not there, of all three */
    const char *secret_key;
    const char *session_token;
    int64_t expires_ms;                 /* milliseconds since 1970; -1: nobody says */
    /* For messages: where they were found ("the environment"), and what the three are called
     * there. */
    const char *where;
    const char *const *names;
};

/** AKS_NOT_FOUND if neither key is there; AKS_SETTINGS, naming what is wrong and never its value,
 * if one is half, too long, or has blanks or other characters in it that no key has: they could
 * smuggle a header in. Dropped by the caller. */
enum aks_status aks_credentials_new(const struct aks_alloc *alloc,
    const struct aks_credentials_spec *spec, struct aks_credentials **ret_credentials,
    struct aks_error *err);
/** One more who drops them. NULL is fine. */
struct aks_credentials *aks_credentials_use(struct aks_credentials *credentials);
/** The last one wipes them. NULL is fine. */
void aks_credentials_drop(struct aks_credentials *credentials);
/** The same keys and token? Takes as long whatever they are. */
bool aks_credentials_equal(const struct aks_credentials *a, const struct aks_credentials *b);

const char *aks_credentials_access_key(const struct aks_credentials *credentials);
const struct aks_secret *aks_credentials_secret_key(const struct aks_credentials *credentials);
/** NULL if there is none. */
const struct aks_secret *aks_credentials_session_token(const struct aks_credentials *credentials);

/* What may be shown of them: by doctor, in the audit log. */

enum aks_credentials_kind aks_credentials_kind(const struct aks_credentials *credentials);
/** "environment", "profile work, role arn:aws:iam::123456789012:role/backup", "instance metadata,
 * role web": one line without a secret. */
const char *aks_credentials_source(const struct aks_credentials *credentials);
/** When they expire, in milliseconds since 1970; -1 if they do not, or nobody said. */
int64_t aks_credentials_expires_ms(const struct aks_credentials *credentials);

#endif
