#include "engine/secret_command.h"

#include "base/redact.h"
#include "base/secret.h"
#include "engine/secret_list.h"

#include <string.h>

#define VARIABLES_MAX 64
#define ERRORS_BYTES_MAX ((size_t)16 * 1024)    /* of which the last line is told, */
#define WORDS_BYTES 240                         /* so much of it */
#define KEY_LETTERS_MIN 20                      /* an access key has as many */

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

/* What a command gets: what passes is borrowed, what it asks for is ours. */
struct variables {
    const struct aks_alloc *alloc;
    const char *pairs[VARIABLES_MAX + 1];
    size_t count;
    char *own[VARIABLES_MAX];
    size_t own_count;
};

static void
variables_fini(struct variables *variables)
{
    while (variables->own_count > 0)
        aks_mem_free(variables->alloc, variables->own[--variables->own_count]);
}

/* What is asked for is looked up by its name: a job has an environment of its own. */
static enum aks_status
collect(const struct aks_port *port, const char *const *names, struct variables *variables,
    struct aks_error *err)
{
    const struct aks_environment *environment = &port->environment;
    const char *pair;

    variables->alloc = port->alloc;
    for (unsigned i = 0; (pair = environment->at(environment->ctx, i)) != NULL; i++) {
        if (variables->count < VARIABLES_MAX && passes(pair))
            variables->pairs[variables->count++] = pair;
    }
    for (size_t i = 0; names != NULL && names[i] != NULL; i++) {
        const char *value = environment->get(environment->ctx, names[i]);
        char *own;

        /* An address with a user in it holds a password. */
        if (value == NULL || value[0] == '\0' || strchr(value, '@') != NULL ||
            variables->count == VARIABLES_MAX)
            continue;
        own = aks_mem_printf(port->alloc, "%s=%s", names[i], value);
        if (own == NULL)
            return aks_error_memory(err, "preparing a program");
        variables->own[variables->own_count++] = own;
        variables->pairs[variables->count++] = own;
    }
    variables->pairs[variables->count] = NULL;
    return AKS_OK;
}

/* --- what it says ----------------------------------------------------------------------------- */

/* Of letters and digits as keys are made of: so many in a row are no word. */
static bool
is_key_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
        strchr("+/=_-", c) != NULL;
}

/* Copies the line at ${line} without control characters, and without what may be a key. */
static void
copy_words(const char *line, size_t len, char ret_words[WORDS_BYTES])
{
    size_t out = 0;

    for (size_t i = 0; i < len && out + 4 < WORDS_BYTES;) {
        size_t run = 0;

        while (i + run < len && line[i + run] != '\0' && is_key_letter(line[i + run]))
            run++;
        if (run >= KEY_LETTERS_MIN) {
            memcpy(ret_words + out, "***", 3);
            out += 3;
            i += run;
            continue;
        }
        for (size_t end = i + (run > 0 ? run : 1); i < end && out + 4 < WORDS_BYTES; i++)
            ret_words[out++] = (unsigned char)line[i] < 0x20 || (unsigned char)line[i] >= 0x7f
                ? ' ' : line[i];
    }
    ret_words[out] = '\0';
}

/* The last line that is not empty: there programs say what went wrong in the end. */
static void
last_words(const struct aks_buf *errors, char ret_words[WORDS_BYTES])
{
    size_t end = errors->len;
    size_t start;

    while (end > 0 && (unsigned char)errors->data[end - 1] <= 0x20)
        end--;
    start = end;
    while (start > 0 && errors->data[start - 1] != '\n')
        start--;
    copy_words(errors->data + start, end - start, ret_words);
    (void)aks_redact_text(ret_words, AKS_REDACT_CUT);
}

/* --- running it ------------------------------------------------------------------------------- */

static enum aks_status
run(const struct aks_port *port, const struct aks_secret_command *command,
    struct aks_process_spec *spec, struct aks_buf *out, struct aks_error *err)
{
    char words[WORDS_BYTES] = "";
    struct aks_secret_wipe wipe;
    struct aks_buf errors;
    int code = 0;
    enum aks_status status;

    aks_secret_wipe_init(&wipe, port->alloc);
    aks_buf_init(&errors, &wipe.alloc, ERRORS_BYTES_MAX);
    if (command->tells_why)
        spec->errors = &errors;
    status = port->process.run(port->process.ctx, spec, out, &code, err);
    last_words(&errors, words);
    aks_buf_fini(&errors);
    if (status == AKS_OK && code != 0)
        return aks_error_set(err, AKS_AUTH_MISSING, "its command %s ended with exit code %d%s%s",
            spec->argv[0], code, words[0] != '\0' ? ": " : "", words);
    if (status == AKS_OK || status == AKS_CANCELLED)
        return status;
    if (err != NULL)
        err->status = AKS_AUTH_MISSING;
    (void)aks_error_wrap(err, "its command");
    return AKS_AUTH_MISSING;
}

enum aks_status
aks_secret_command_run(const struct aks_port *port, const struct aks_secret_command *command,
    struct aks_buf *out, struct aks_error *err)
{
    struct variables variables = { 0 };
    struct aks_process_spec spec = { 0 };
    struct words words;
    enum aks_status status = split(command->text, &words, err);

    if (status != AKS_OK)
        return status;
    status = collect(port, command->variables, &variables, err);
    spec.argv = words.argv;
    spec.env = variables.pairs;
    spec.timeout_ms = AKS_SECRET_COMMAND_MS;
    spec.stopped = command->stopped;
    spec.stopped_ctx = command->ctx;
    if (status == AKS_OK)
        status = run(port, command, &spec, out, err);
    variables_fini(&variables);
    return status;
}
