/* A job as the JSON text that lies in the queue: format "akosha-job/1". */
#ifndef AKS_ENGINE_JOB_JSON_H
#define AKS_ENGINE_JOB_JSON_H

#include "base/buf.h"
#include "engine/queue.h"

#include <stdbool.h>
#include <stddef.h>

#define AKS_JOB_FORMAT "akosha-job/1"

/** Is ${id} of the form YYYYMMDDTHHMMSSZ-hhhhhh? */
bool aks_job_json_id_valid(const char *id);

/** Appends the text of ${job} and a line end to ${out}. What could not be read back is not written.
 * AKS_LIMIT: over a bound, over the ceiling of ${out}, or no memory. */
enum aks_status aks_job_json_write(const struct aks_job *job, struct aks_buf *out,
    struct aks_error *err);
/** Fills ${ret_job}, which is initialised, from ${text}; members that are not known are passed
 * over. After a failure it is empty. AKS_STATE if the text is no job; AKS_LIMIT if there is no
 * memory. */
enum aks_status aks_job_json_read(const char *text, size_t len, struct aks_job *ret_job,
    struct aks_error *err);

#endif
