#include "engine/support_names.h"

#include "engine/support.h"

#include <ctype.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define BUCKET "[bucket]"
#define PREFIX "[prefix]"
#define SYSTEM "[system]"
#define HOST "[host]"
#define USER "[user]"

#define BLANKS " \t\r\n"
#define VARIABLES_MAX 64                /* looked for, for each field of a policy */

/* Fields of a policy and of documents, and what their values are. */
static const struct {
    const char *field;
    const char *mark;
} fields[] = {
    { "bucket", BUCKET }, { "prefix", PREFIX }, { "system_id", SYSTEM }, { "endpoint", HOST },
    { "url", HOST }, { "host", HOST }, { "hosts", HOST },
};

static const struct {
    const char *variable;
    const char *mark;
} variables[] = {
    { "USER", USER }, { "LOGNAME", USER }, { "HOSTNAME", HOST }, { "AKOSHA_CLOUD_BUCKET", BUCKET },
    { "AKOSHA_CLOUD_PREFIX", PREFIX }, { "AKOSHA_SYSTEM_ID", SYSTEM },
    { "AKOSHA_CLOUD_ENDPOINT", HOST }, { "AKOSHA_HTTP_URL", HOST }, { "AKOSHA_MCP_URL", HOST },
    { "AWS_ENDPOINT_URL", HOST }, { "AWS_ENDPOINT_URL_S3", HOST },
    { "SESSION_BUDDY_AKOSHA_CLOUD_BUCKET", BUCKET },
    { "SESSION_BUDDY_AKOSHA_CLOUD_ENDPOINT", HOST }, { "SESSION_BUDDY_AKOSHA_SYSTEM_ID", SYSTEM },
};

/* An address stands for its host; a host may have a port, a prefix a slash at its end. */
static void
add(struct aks_redact_names *names, const char *text, size_t len, const char *mark)
{
    const char *colon;

    if (memmem(text, len, "://", 3) != NULL) {
        aks_redact_names_add_host(names, text, HOST);
        return;
    }
    colon = strcmp(mark, HOST) == 0 ? memrchr(text, ':', len) : NULL;
    if (colon != NULL && text[0] != '[')
        len = (size_t)(colon - text);
    while (len > 0 && text[len - 1] == '/')
        len--;
    aks_redact_names_add(names, text, len, mark);
}

/* The program's own way to make an id of a host's name. */
static void
add_machine(struct aks_redact_names *names, const char *host)
{
    char id[256];
    size_t len = 0;

    aks_redact_names_add(names, host, strlen(host), HOST);
    aks_redact_names_add(names, host, strcspn(host, "."), HOST);
    for (; host[len] != '\0' && len < sizeof(id); len++)
        id[len] = isalnum((unsigned char)host[len]) || host[len] == '_' ? host[len] : '-';
    aks_redact_names_add(names, id, len, SYSTEM);
}

static void
add_environment(struct aks_redact_names *names, const struct aks_environment *environment)
{
    const char *home = environment->home(environment->ctx);
    size_t len = strlen(home);

    while (len > 0 && home[len - 1] == '/')
        len--;
    aks_redact_names_add(names, home, len, "~");
    add_machine(names, environment->host_name(environment->ctx));
    for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
        const char *value = environment->get(environment->ctx, variables[i].variable);

        if (value != NULL)
            add(names, value, strlen(value), variables[i].mark);
    }
}

/* The literal of Lua that begins at ${at}: 'x', "x" or [[x]]; NULL if none does. */
static const char *
literal(const char *at, size_t *ret_len)
{
    if (at[0] == '[' && at[1] == '[') {
        const char *end = strstr(at, "]]");

        *ret_len = end != NULL ? (size_t)(end - at) - 2 : strlen(at) - 2;
        return at + 2;
    }
    if (*at != '"' && *at != '\'')
        return NULL;
    *ret_len = strcspn(at + 1, *at == '"' ? "\"\n" : "'\n");
    return at + 1;
}

static bool
is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

/* What the word of ${len} bytes at ${word} was set to, as a literal; each of them, if to several.
 * What follows the word may close a field in brackets: ["bucket"] = "x". ${whole}: nothing of a
 * word stands before it. */
static void
add_set(struct aks_redact_names *names, const char *text, const char *word, size_t len, bool whole,
    const char *mark)
{
    const char *end = text + strlen(text);

    for (const char *at = text; (at = memmem(at, (size_t)(end - at), word, len)) != NULL;
        at += len) {
        const char *value = at + len + strspn(at + len, "\"'] \t\r\n");
        const char *found;
        size_t found_len;

        if ((whole && at > text && is_word(at[-1])) || *value != '=')
            continue;
        found = literal(value + 1 + strspn(value + 1, BLANKS), &found_len);
        if (found != NULL)
            add(names, found, found_len, mark);
    }
}

/* bucket = name, and somewhere name = "...". */
static void
add_variables(struct aks_redact_names *names, const char *text, const char *field,
    const char *mark)
{
    unsigned looked = 0;

    for (const char *at = text; looked < VARIABLES_MAX && (at = strstr(at, field)) != NULL;) {
        const char *value = at + strlen(field) + strspn(at + strlen(field), BLANKS);
        size_t len = 0;

        at += strlen(field);
        if (*value != '=')
            continue;
        value += 1 + strspn(value + 1, BLANKS);
        while (is_word(value[len]))
            len++;
        if (len > 0) {
            looked++;
            add_set(names, text, value, len, true, mark);
        }
    }
}

/* In a policy: bucket = "...", url = '...'. It need not be one that can be loaded. */
static void
add_literals(struct aks_redact_names *names, const char *text)
{
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        const char *field = fields[i].field;

        add_set(names, text, field, strlen(field), false, fields[i].mark);
        add_variables(names, text, field, fields[i].mark);
    }
}

static const char *
mark_of(const char *field)
{
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        if (strcmp(fields[i].field, field) == 0)
            return fields[i].mark;
    }
    return NULL;
}

/* ${mark}: what strings here are, or NULL. */
static void
add_document(struct aks_redact_names *names, json_t *value, const char *mark)
{
    const char *field;
    json_t *member;
    size_t i;

    if (json_is_string(value) && mark != NULL)
        add(names, json_string_value(value), json_string_length(value), mark);
    json_array_foreach(value, i, member)
        add_document(names, member, mark);
    json_object_foreach(value, field, member)
        add_document(names, member, mark_of(field));
}

static bool
remove_from(const struct aks_redact_names *names, json_t *value, struct aks_buf *out)
{
    const char *field;
    json_t *member;
    size_t i;
    bool whole = true;

    if (json_is_string(value)) {
        aks_buf_reset(out);
        aks_redact_names_text(names, json_string_value(value), out);
        return out->failed == AKS_OK && json_string_setn(value, out->data, out->len) == 0;
    }
    json_array_foreach(value, i, member)
        whole = remove_from(names, member, out) && whole;
    json_object_foreach(value, field, member)
        whole = remove_from(names, member, out) && whole;
    return whole;
}

void
aks_support_names_find(struct aks_redact_names *names, const struct aks_port *port,
    const json_t *document)
{
    const json_t *policy = json_object_get(document, "policy");
    const char *text = json_string_value(json_object_get(policy, "text"));

    add_environment(names, &port->environment);
    if (text != NULL)
        add_literals(names, text);
    add_document(names, (json_t *)(uintptr_t)document, NULL);
}

enum aks_status
aks_support_names_take(const struct aks_redact_names *names, json_t *value, struct aks_error *err)
{
    struct aks_buf out;
    bool whole;

    aks_buf_init(&out, names->alloc, AKS_SUPPORT_TEXT_BYTES_MAX);
    whole = remove_from(names, value, &out);
    aks_buf_fini(&out);
    return whole ? AKS_OK : aks_error_memory(err, "taking names out of a document");
}

enum aks_status
aks_support_names_remove(const struct aks_port *port, json_t *document, struct aks_error *err)
{
    struct aks_redact_names *names = aks_mem_new(port->alloc, sizeof(*names));
    enum aks_status status;

    if (names == NULL)
        return aks_error_memory(err, "taking names out of a bundle");
    aks_redact_names_init(names, port->alloc);
    aks_support_names_find(names, port, document);
    status = aks_support_names_take(names, document, err);
    aks_redact_names_fini(names);
    aks_mem_free(port->alloc, names);
    return status;
}
