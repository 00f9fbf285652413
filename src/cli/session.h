/* What every command needs: ports, engine, signals, output. */
#ifndef AKS_CLI_SESSION_H
#define AKS_CLI_SESSION_H

#include "akosha/akosha.h"
#include "cli/args.h"

struct aks_os;

struct aks_session {
    const struct aks_args *args;
    struct aks_os *os;
    struct akosha *engine;
    struct akosha_policy *policy;
};

/** Opens ports and engine and, if ${with_policy}, loads the policy. 0, or the exit code after
 * telling why. Must be closed either way. */
int aks_session_open(const struct aks_args *args, bool with_policy,
    struct aks_session *ret_session);
void aks_session_close(struct aks_session *session);
/** From now on SIGINT, SIGTERM and SIGHUP interrupt ${engine}; before it is closed: NULL. */
void aks_session_interruptible(struct akosha *engine);
/** Tells ${error} on standard error and, with --json, as a document on standard output. Returns its
 * code. */
int aks_session_fail(const struct aks_args *args, const struct akosha_error *error);
/** Prints ${report} as JSON and flushes; ${code}, or that of an output that cannot be written. */
int aks_session_print_json(struct akosha_report *report, int code);
/** Tells what came of a command: ${error} on standard error if ${code} is not 0, and ${report} as
 * JSON or through ${print}, which --quiet leaves out. Without a report the error alone. Returns the
 * exit code. */
int aks_session_report(const struct aks_args *args, struct akosha_report *report,
    const struct akosha_error *error, int code, void (*print)(const struct akosha_report *report));
/** Flushes; ${code}, or that of an output that cannot be written. */
int aks_session_end(int code);

#endif
