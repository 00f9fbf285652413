#include "engine/leave.h"

#include "engine/policy_text.h"
#include "engine/secret_store.h"
#include "engine/state.h"
#include "engine/support_names.h"
#include "engine/text.h"

#include <jansson.h>

struct aks_leave {
    const struct aks_port *port;
    bool keep_names;
    struct aks_redact_names names;
};

static json_t *
policy_json(const struct aks_port *port, const char *path)
{
    struct aks_policy_text policy = { 0 };
    struct aks_error err = { 0 };
    json_t *value;

    if (path == NULL || aks_policy_text_read(port, path, &policy, &err) != AKS_OK)
        return json_null();
    value = json_pack("{s:o}", "text", aks_text_json(policy.text));
    aks_policy_text_fini(port->alloc, &policy);
    return value;
}

static json_t *
hosts_json(const struct aks_port *port)
{
    struct aks_secret_list list;
    struct aks_error err = { 0 };
    json_t *hosts = json_array();

    aks_secret_list_init(&list, port->alloc);
    (void)aks_secret_store_load(port, &list, &err);
    for (size_t i = 0; i < list.count; i++) {
        for (size_t j = 0; j < list.entries[i].host_count; j++)
            (void)json_array_append_new(hosts, json_string(list.entries[i].hosts[j]));
    }
    aks_secret_list_fini(&list);
    return hosts;
}

static json_t *
report_json(const struct aks_port *port, const char *folder)
{
    struct aks_state *state = NULL;
    struct aks_error err = { 0 };
    char *text = NULL;
    json_t *report = NULL;

    if (aks_state_open_reading(port->alloc, &port->files, folder, &state, &err) == AKS_OK &&
        aks_state_run_last(state, &text, &err) == AKS_OK)
        report = json_loads(text, 0, NULL);
    aks_mem_free(port->alloc, text);
    aks_state_close(state);
    return report != NULL ? report : json_null();
}

enum aks_status
aks_leave_open(const struct aks_port *port, const struct aks_leave_options *options,
    struct aks_leave **ret_leave, struct aks_error *err)
{
    struct aks_leave *leave = aks_mem_new(port->alloc, sizeof(*leave));
    json_t *known = NULL;

    if (leave == NULL)
        return aks_error_memory(err, "looking for names");
    leave->port = port;
    leave->keep_names = options->keep_names;
    aks_redact_names_init(&leave->names, port->alloc);
    if (!leave->keep_names) {
        known = json_pack("{s:o, s:o, s:o}", "policy", policy_json(port, options->policy), "hosts",
            hosts_json(port), "report", report_json(port, options->state_folder));
        if (known == NULL) {
            aks_leave_close(leave);
            return aks_error_memory(err, "looking for names");
        }
        aks_support_names_find(&leave->names, port, known);
        json_decref(known);
    }
    *ret_leave = leave;
    return AKS_OK;
}

void
aks_leave_close(struct aks_leave *leave)
{
    if (leave == NULL)
        return;
    aks_redact_names_fini(&leave->names);
    aks_mem_free(leave->port->alloc, leave);
}

enum aks_status
aks_leave_document(struct aks_leave *leave, json_t *value, struct aks_error *err)
{
    /* What is secret first, as names might hide a part of it. */
    if (!aks_text_redact(value, 0))
        return aks_error_memory(err, "taking secrets out of a document");
    if (leave->keep_names)
        return AKS_OK;
    aks_support_names_find(&leave->names, leave->port, value);
    return aks_support_names_take(&leave->names, value, err);
}
