/* Where credentials are to come from, as the environment and the shared files say it now. Nothing
 * is contacted and no program runs: a plan is what credentials_fetch.h carries out. */
#ifndef AKS_ENGINE_CREDENTIALS_PLAN_H
#define AKS_ENGINE_CREDENTIALS_PLAN_H

#include "engine/credentials.h"
#include "port/port.h"

/* Roles that are taken on one after the other, and profiles that name one another by
 * source_profile: AWS itself lets role sessions chain, and nobody was seen with more than three. */
#define AKS_CREDENTIALS_ROLES_MAX 5
/* AWS's limits for the life of a role's credentials, in seconds. */
#define AKS_CREDENTIALS_DURATION_S_MIN 900
#define AKS_CREDENTIALS_DURATION_S_MAX 43200
#define AKS_CREDENTIALS_REGION_BYTES 64
#define AKS_CREDENTIALS_SEARCHED_BYTES 600

/* What there is to begin with. */
enum aks_credentials_base {
    AKS_CREDENTIALS_BASE_KEYS, AKS_CREDENTIALS_BASE_PROCESS, AKS_CREDENTIALS_BASE_WEB_IDENTITY,
    AKS_CREDENTIALS_BASE_CONTAINER, AKS_CREDENTIALS_BASE_INSTANCE
};

/* A role to be taken on. Owned texts; NULL: not given. */
struct aks_credentials_role {
    char *arn;
    char *external_id;
    char *session_name;
    int duration_s;                     /* 0: STS's own */
};

struct aks_credentials_plan {
    const struct aks_alloc *alloc;
    enum aks_credentials_base base;
    struct aks_credentials *keys;       /* of BASE_KEYS */
    char *command;                      /* of BASE_PROCESS */
    char *token_file;                   /* of BASE_WEB_IDENTITY, absolute */
    struct aks_credentials_role web;    /* of the same */
    struct aks_credentials_role roles[AKS_CREDENTIALS_ROLES_MAX];   /* taken on in this order */
    size_t role_count;
    char *sts_url;                      /* where STS is, or NULL: AWS's own */
    char region[AKS_CREDENTIALS_REGION_BYTES];  /* of STS; "": none is known */
    bool perhaps;                       /* nothing says that the base is there: it is asked last */
    char searched[AKS_CREDENTIALS_SEARCHED_BYTES];  /* then: where else was looked */
    char source[AKS_CREDENTIALS_SOURCE_BYTES];
};

/** ${how}: "auto" (environment, profile, web identity, container, instance: the first that is
 * configured), or one of them: "environment", "profile:NAME", "web_identity", "container",
 * "instance"; or "role:ARN", a role on top of what auto finds, and "role", that of AWS_ROLE_ARN.
 * ${region} is the target's own; "" or "auto": none. AKS_AUTH_MISSING, with a hint, where nothing
 * is configured, or in a way that is not supported; AKS_SETTINGS for what is half, broken,
 * contradictory or unknown; AKS_FORBIDDEN for a file with secrets that others can read or write
 * (with the chmod to run). Finish with aks_credentials_plan_fini, also after a failure. */
enum aks_status aks_credentials_plan_make(const struct aks_port *port, const char *how,
    const char *region, struct aks_credentials_plan *ret_plan, struct aks_error *err);
void aks_credentials_plan_fini(struct aks_credentials_plan *plan);
/** Is ${how} one of the above? What it names need not be there. */
bool aks_credentials_how_valid(const char *how);
/* The ways, for messages. */
#define AKS_CREDENTIALS_HOW_EXPECTED \
    "\"auto\", \"environment\", \"profile:NAME\", \"web_identity\", \"container\", " \
    "\"instance\", \"role\" or \"role:ARN\""

#endif
