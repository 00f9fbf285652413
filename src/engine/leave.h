/* Documents on their way to somebody else's program: without what is secret, and without names of
 * buckets, hosts, people and homes unless they are wanted. What those are is found out once, from
 * the environment, the policy's text, secrets.json and the last report, and again from each
 * document. */
#ifndef AKS_ENGINE_LEAVE_H
#define AKS_ENGINE_LEAVE_H

#include "base/error.h"
#include "port/port.h"

#include <stdbool.h>

struct json_t;
struct aks_leave;

/* Borrowed for the call. */
struct aks_leave_options {
    const char *state_folder;
    const char *policy;                 /* its file, or NULL: the built-in default */
    bool keep_names;
};

/** What cannot be read names nothing. To be opened before a state of the same folder is, as closing
 * one lets go of the locks of both. Borrows ${port}. AKS_LIMIT without memory. */
enum aks_status aks_leave_open(const struct aks_port *port, const struct aks_leave_options *options,
    struct aks_leave **ret_leave, struct aks_error *err);
/** NULL is fine. */
void aks_leave_close(struct aks_leave *leave);
/** In place, every string in ${value}. AKS_LIMIT without memory: then it may not go out. */
enum aks_status aks_leave_document(struct aks_leave *leave, struct json_t *value,
    struct aks_error *err);

#endif
