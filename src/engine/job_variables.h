/* What a job takes along of its caller's environment beside what its policy may read: settings of
 * the engine's own, which are written into it, and values that nobody may see, of which it has the
 * names alone. */
#ifndef AKS_ENGINE_JOB_VARIABLES_H
#define AKS_ENGINE_JOB_VARIABLES_H

#include "base/buf.h"
#include "engine/handed.h"
#include "engine/queue.h"

/** Fills ${job}'s variables and the names of those that have to be handed over. AWS's variables but
 * its keys, files of certificates, and proxies; files as absolute paths. Handed over are AWS's
 * keys, variables that secrets of secrets.json are kept in, and addresses with a user or a query.
 * Variables that are not set, or empty, are neither. A secrets.json that cannot be read has no
 * names: the worker will say so. AKS_LIMIT. */
enum aks_status aks_job_variables_collect(const struct aks_port *port, struct aks_job *job,
    struct aks_error *err);
/** As far as ${job} has them: the values to be handed over, as a message for a worker. ${message}
 * is to be on an allocator that overwrites (base/secret.h). */
enum aks_status aks_job_variables_message(const struct aks_port *port, const struct aks_job *job,
    struct aks_buf *message, struct aks_error *err);

/* The environment in which a job is brought: what it was handed, what it has, and for everything
 * else the process's. */
struct aks_job_environment {
    const struct aks_environment *process;
    const struct aks_job *job;
    const struct aks_handed *handed;    /* or NULL */
};

/** Borrows ${environment}, and what it borrows, as long as ${ret_port} is used. */
void aks_job_environment_init(struct aks_job_environment *environment,
    const struct aks_environment *process, const struct aks_job *job,
    const struct aks_handed *handed, struct aks_environment *ret_port);

#endif
