#include "engine/support.h"

#include "base/encode.h"
#include "base/redact.h"
#include "base/redact_names.h"
#include "data/digest.h"
#include "engine/policy_text.h"
#include "engine/secret_store.h"
#include "engine/state_support.h"
#include "engine/status.h"
#include "engine/support_names.h"
#include "engine/text.h"
#include "wire/dates.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AUDIT_NAME "audit.jsonl"

struct making {
    const struct aks_port *port;
    const struct aks_support_options *options;
    json_t *document;
};

static json_t *
why_json(const struct aks_error *err)
{
    return json_pack("{s:s, s:o}", "failure", aks_status_name(err->status), "message",
        aks_text_json(err->message));
}

/* --- what is read ----------------------------------------------------------------------------- */

static json_t *
sha256_json(const char *text, size_t len)
{
    char hex[AKS_SHA256_HEX_BYTES];
    uint8_t digest[AKS_SHA256_BYTES];

    aks_sha256(text, len, digest);
    aks_hex_encode(digest, sizeof(digest), hex);
    return json_string(hex);
}

static json_t *
module_json(const struct aks_policy_module *module)
{
    return json_pack("{s:o, s:o, s:I}", "name", aks_text_json(module->name), "sha256",
        sha256_json(module->text, module->text_len), "bytes", (json_int_t)module->text_len);
}

static json_t *
policy_json(const struct making *making)
{
    const struct aks_port *port = making->port;
    struct aks_policy_text policy = { 0 };
    struct aks_error err = { 0 };
    json_t *modules = json_array();
    json_t *value;

    if (making->options->policy == NULL)
        return json_pack("{s:n, s:o}", "path", "modules", modules);
    if (aks_policy_text_read(port, making->options->policy, &policy, &err) != AKS_OK) {
        json_decref(modules);
        return json_pack("{s:o, s:o}", "path", aks_text_json(making->options->policy), "error",
            why_json(&err));
    }
    for (size_t i = 0; i < policy.module_count; i++)
        (void)json_array_append_new(modules, module_json(&policy.modules[i]));
    value = json_pack("{s:o, s:o, s:o, s:o}", "path", aks_text_json(making->options->policy),
        "sha256", sha256_json(policy.text, policy.text_len), "text", aks_text_json(policy.text),
        "modules", modules);
    aks_policy_text_fini(port->alloc, &policy);
    return value;
}

/* Names alone: a value may be anything. */
static json_t *
environment_json(const struct making *making)
{
    static const char *const prefixes[] = { "AKOSHA_", "SESSION_BUDDY_", "AWS_", "XDG_", "SSL_",
        "CURL_", "LC_", "LANG", "TZ", "http", "HTTP", "all_proxy", "ALL_PROXY", "no_proxy",
        "NO_PROXY" };
    const struct aks_environment *environment = &making->port->environment;
    json_t *names = json_array();
    const char *pair;

    for (unsigned i = 0; (pair = environment->at(environment->ctx, i)) != NULL; i++) {
        for (size_t j = 0; j < sizeof(prefixes) / sizeof(prefixes[0]); j++) {
            if (strncmp(pair, prefixes[j], strlen(prefixes[j])) == 0)
                (void)json_array_append_new(names, json_stringn(pair, strcspn(pair, "=")));
        }
    }
    return names;
}

static json_t *
secrets_json(const struct making *making)
{
    struct aks_secret_list list;
    struct aks_error err = { 0 };
    json_t *secrets = json_array();

    aks_secret_list_init(&list, making->port->alloc);
    if (aks_secret_store_load(making->port, &list, &err) != AKS_OK)
        (void)json_array_append_new(secrets, why_json(&err));
    for (size_t i = 0; i < list.count; i++) {
        const struct aks_secret_entry *entry = &list.entries[i];
        json_t *hosts = json_array();

        for (size_t j = 0; j < entry->host_count; j++)
            (void)json_array_append_new(hosts, json_string(entry->hosts[j]));
        (void)json_array_append_new(secrets, json_pack("{s:s, s:s, s:o}", "name", entry->name,
            "source", aks_secret_from_name(entry->from), "hosts", hosts));
    }
    aks_secret_list_fini(&list);
    return secrets;
}

static json_t *
status_json(const struct making *making)
{
    struct aks_error err = { 0 };
    json_t *report = NULL;

    if (aks_status_report(making->port, making->options->state_folder, &report, &err) != AKS_OK)
        return why_json(&err);
    (void)json_object_del(report, "last_run");      /* stands among the runs */
    return report;
}

static void
add_state(const struct making *making)
{
    const struct aks_port *port = making->port;
    struct aks_error err = { 0 };
    struct aks_state *state = NULL;
    json_t *runs = json_array();
    json_t *facts = json_array();
    enum aks_status status = aks_state_open_reading(port->alloc, &port->files,
        making->options->state_folder, &state, &err);

    if (status == AKS_OK)
        status = aks_state_support_runs(state, AKS_SUPPORT_RUNS_MAX, AKS_SUPPORT_REPORT_BYTES_MAX,
            runs, &err);
    if (status == AKS_OK)
        status = aks_state_support_facts(state, AKS_SUPPORT_FACTS_MAX, facts, &err);
    aks_state_close(state);
    (void)json_object_set_new(making->document, "runs", runs);
    (void)json_object_set_new(making->document, "capabilities", facts);
    (void)json_object_set_new(making->document, "state_error",
        status == AKS_OK || status == AKS_NOT_FOUND ? json_null() : why_json(&err));
}

/* --- files ------------------------------------------------------------------------------------ */

/* The last records, each as the JSON that it is. */
static json_t *
audit_json(const struct making *making)
{
    const struct aks_files *files = &making->port->files;
    struct aks_error err = { 0 };
    struct aks_file_info info = { 0 };
    struct aks_file *file = NULL;
    char *path = aks_mem_printf(making->port->alloc, "%s/" AUDIT_NAME,
        making->options->state_folder);
    char *text = aks_mem_new(making->port->alloc, AKS_SUPPORT_AUDIT_BYTES + 1);
    json_t *records = json_array();
    int64_t from = 0;
    size_t len = 0;
    char *next = NULL;

    if (path != NULL && text != NULL &&
        files->open(files->ctx, path, AKS_FILE_READ, &file, &err) == AKS_OK &&
        files->info(file, &info, &err) == AKS_OK) {
        from = info.bytes > (int64_t)AKS_SUPPORT_AUDIT_BYTES
            ? info.bytes - (int64_t)AKS_SUPPORT_AUDIT_BYTES : 0;
        (void)files->read(file, from, text, AKS_SUPPORT_AUDIT_BYTES, &len, &err);
        text[len] = '\0';
        next = from > 0 ? strchr(text, '\n') : text;
    }
    for (; next != NULL && *next != '\0'; next += strcspn(next, "\n")) {
        json_t *record;

        next += *next == '\n';
        record = json_loadb(next, strcspn(next, "\n"), 0, NULL);
        if (record != NULL)
            (void)json_array_append_new(records, record);
    }
    files->close(file);
    aks_mem_free(making->port->alloc, text);
    aks_mem_free(making->port->alloc, path);
    return records;
}

struct listing {
    const struct making *making;
    json_t *files;
};

static enum aks_status
add_file(void *ctx, const char *name, struct aks_error *err)
{
    struct listing *listing = ctx;
    const struct making *making = listing->making;
    const struct aks_files *files = &making->port->files;
    struct aks_file_info info = { 0 };
    char *path = aks_mem_printf(making->port->alloc, "%s/%s", making->options->state_folder, name);
    char mode[8];

    if (json_array_size(listing->files) < AKS_SUPPORT_FILES_MAX && path != NULL &&
        files->stat(files->ctx, path, false, &info, err) == AKS_OK) {
        (void)snprintf(mode, sizeof(mode), "%04o", (unsigned)info.mode & 07777);
        (void)json_array_append_new(listing->files, json_pack("{s:o, s:s, s:I}", "name",
            aks_text_json(name), "mode", mode, "bytes", (json_int_t)info.bytes));
    }
    aks_mem_free(making->port->alloc, path);
    return AKS_OK;
}

static json_t *
files_json(const struct making *making)
{
    const struct aks_files *files = &making->port->files;
    struct listing listing = { making, json_array() };
    struct aks_error err = { 0 };

    if (files->list(files->ctx, making->options->state_folder, add_file, &listing, &err) != AKS_OK)
        (void)json_array_append_new(listing.files, why_json(&err));
    return listing.files;
}

/* --- all of it -------------------------------------------------------------------------------- */

static void
fill(const struct making *making)
{
    const struct aks_clock *clock = &making->port->clock;
    json_t *document = making->document;
    char date[AKS_DATE_BYTES];

    (void)json_object_set_new(document, "made_at",
        json_string(aks_date_iso(clock->wall_ms(clock->ctx), date)));
    (void)json_object_set_new(document, "names",
        json_string(making->options->keep_names ? "kept" : "removed"));
    (void)json_object_set_new(document, "program",
        json_deep_copy((const json_t *)making->options->program));
    (void)json_object_set_new(document, "policy", policy_json(making));
    (void)json_object_set_new(document, "environment", environment_json(making));
    (void)json_object_set_new(document, "secrets", secrets_json(making));
    (void)json_object_set_new(document, "status", status_json(making));
    add_state(making);
    (void)json_object_set_new(document, "audit", audit_json(making));
    (void)json_object_set_new(document, "files", files_json(making));
}

enum aks_status
aks_support(const struct aks_port *port, const struct aks_support_options *options,
    json_t **ret_document, struct aks_error *err)
{
    struct making making = { port, options, json_pack("{s:i, s:s}", "schema", 1, "format",
        "akosha-sync-support/1") };
    enum aks_status status = AKS_OK;

    *ret_document = NULL;
    if (making.document == NULL)
        return aks_error_memory(err, "making a bundle");
    fill(&making);
    /* What is secret first, as names might hide a part of it. */
    if (!aks_text_redact(making.document, 0))
        status = aks_error_memory(err, "making a bundle");
    if (status == AKS_OK && !options->keep_names)
        status = aks_support_names_remove(port, making.document, err);
    if (status == AKS_OK)
        *ret_document = making.document;
    else
        json_decref(making.document);
    return status;
}
