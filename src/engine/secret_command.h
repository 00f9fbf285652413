/* Secrets that a program tells: "pass show akosha". The command stands in secrets.json, which only
 * the person writes; no policy can name one. */
#ifndef AKS_ENGINE_SECRET_COMMAND_H
#define AKS_ENGINE_SECRET_COMMAND_H

#include "base/buf.h"
#include "base/error.h"
#include "base/units.h"
#include "port/port.h"

#include <stdbool.h>

#define AKS_SECRET_COMMAND_WORDS_MAX 64
/* Whoever keeps a password behind a question may have to type it. */
#define AKS_SECRET_COMMAND_MS (30 * AKS_MS_PER_S)

/** Is ${command} one or more words? Blanks part them; '...' and "..." keep words together (in the
 * latter a backslash stands before '"' and itself), and a backslash takes the next character as it
 * is. No shell runs it, so what only a shell understands is AKS_SETTINGS, as is a quote that stays
 * open. */
enum aks_status aks_secret_command_check(const char *command, struct aks_error *err);
/* A command to be run, and how. Borrowed for the call. */
struct aks_secret_command {
    const char *text;
    /* Names of more variables that it gets, as far as they are set, not empty and no address with
     * a user in it; ends with NULL. Or NULL: none. */
    const char *const *variables;
    /* What it says to people stands in our error if it fails, one line of it without what may be a
     * secret; else it goes where ours goes. */
    bool tells_why;
    bool (*stopped)(void *ctx);         /* or NULL */
    void *ctx;
};

/** Runs it and appends what it writes to ${out}. Its environment is what programs need to find a
 * person's own things (PATH, HOME, XDG_*, and their like), what the command asks for, and nothing
 * else of ours. AKS_AUTH_MISSING if it cannot be run, writes too much, ends with another code than
 * 0, or not in time; AKS_CANCELLED. */
enum aks_status aks_secret_command_run(const struct aks_port *port,
    const struct aks_secret_command *command, struct aks_buf *out, struct aks_error *err);

#endif
