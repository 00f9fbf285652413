#include "engine/secret_command.h"

#include "base/redact.h"
#include "engine/secret_list.h"

#include <string.h>

#define VARIABLES_MAX 64

/* A command taken apart; words lie in text. */
struct words {
    const char *argv[AKS_SECRET_COMMAND_WORDS_MAX + 1];
    size_t count;
    char text[AKS_SECRET_WHERE_BYTES_MAX + 1];
};

static bool
is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Takes one word off ${at} into ${out}; returns where the next one begins, or NULL and why. */
static const char *
take_word(const char *at, char **out, const char **ret_why)
{
    char quote = '\0';

    for (; *at != '\0' && (quote != '\0' || !is_blank(*at)); at++) {
        if (quote == '\0' && strchr("|<>;&$`", *at) != NULL) {
            *ret_why = "has a character outside of quotes that only a shell understands";
            return NULL;
        }
        if (quote == '\0' && (*at == '\'' || *at == '"')) {
            quote = *at;
            continue;
        }
        if (quote != '\0' && *at == quote) {
            quote = '\0';
            continue;
        }
        if (*at == '\\' && quote != '\'' && at[1] != '\0' &&
            (quote == '\0' || at[1] == '"' || at[1] == '\\'))
            at++;
        *(*out)++ = *at;
    }
    if (quote != '\0') {
        *ret_why = "has a quote that is not closed";
        return NULL;
    }
    *(*out)++ = '\0';
    return at;
}

static enum aks_status
split(const char *command, struct words *words, struct aks_error *err)
{
    char *out = words->text;
    const char *why = NULL;

    words->count = 0;
    while (why == NULL) {
        while (is_blank(*command))
            command++;
        if (*command == '\0')
            break;
        if (words->count == AKS_SECRET_COMMAND_WORDS_MAX) {
            why = "has too many words";
            break;
        }
        words->argv[words->count++] = out;
        command = take_word(command, &out, &why);
    }
    words->argv[words->count] = NULL;
    if (why == NULL && (words->count == 0 || words->argv[0][0] == '\0'))
        why = "names no program";
    if (why == NULL)
        return AKS_OK;
    (void)aks_error_set(err, AKS_SETTINGS, "its command %s", why);
    aks_error_hint(err, "it is run without a shell; where you want one: sh -c '...'");
    return AKS_SETTINGS;
}

enum aks_status
aks_secret_command_check(const char *command, struct aks_error *err)
{
    struct words words;

    return split(command, &words, err);
}

/* What programs need to find a person's keys, agent, language and screen. */
static bool
passes(const char *pair)
{
    static const char *const names[] = { "PATH=", "HOME=", "USER=", "LOGNAME=", "SHELL=", "LANG=",
        "TZ=", "TERM=", "DISPLAY=", "WAYLAND_DISPLAY=", "XAUTHORITY=", "DBUS_SESSION_BUS_ADDRESS=",
        "SSH_AUTH_SOCK=", "GNUPGHOME=", "GPG_TTY=", "PASSWORD_STORE_DIR=", "LC_", "XDG_" };

    /* LC_ and XDG_ are anybody's. */
    if (aks_redact_assigned_secret(pair, strcspn(pair, "=")))
        return false;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strncmp(pair, names[i], strlen(names[i])) == 0)
            return true;
    }
    return false;
}

static void
collect(const struct aks_environment *environment, const char *ret_env[VARIABLES_MAX + 1])
{
    const char *pair;
    size_t count = 0;

    for (unsigned i = 0; (pair = environment->at(environment->ctx, i)) != NULL; i++) {
        if (count < VARIABLES_MAX && passes(pair))
            ret_env[count++] = pair;
    }
    ret_env[count] = NULL;
}

enum aks_status
aks_secret_command_run(const struct aks_port *port, const char *command,
    bool (*stopped)(void *ctx), void *ctx, struct aks_buf *out, struct aks_error *err)
{
    const char *env[VARIABLES_MAX + 1];
    struct aks_process_spec spec = { 0 };
    struct words words;
    enum aks_status status = split(command, &words, err);
    int code = 0;

    if (status != AKS_OK)
        return status;
    collect(&port->environment, env);
    spec.argv = words.argv;
    spec.env = env;
    spec.timeout_ms = AKS_SECRET_COMMAND_MS;
    spec.stopped = stopped;
    spec.stopped_ctx = ctx;
    status = port->process.run(port->process.ctx, &spec, out, &code, err);
    if (status == AKS_OK && code != 0)
        status = aks_error_set(err, AKS_AUTH_MISSING, "its command %s ended with exit code %d",
            words.argv[0], code);
    else if (status != AKS_OK && status != AKS_CANCELLED) {
        status = AKS_AUTH_MISSING;
        if (err != NULL)
            err->status = status;
        (void)aks_error_wrap(err, "its command");
    }
    return status;
}
