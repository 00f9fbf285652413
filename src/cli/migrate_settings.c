#include "cli/migrate_settings.h"

#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PREFIX "akosha_"
#define VARIABLE "SESSION_BUDDY_AKOSHA_"
#define SYSTEM_ID_MAX 84
#define CHUNK_MIB_MIN 5
#define FAILED "no upload ever reached it: the storage adapter was built in a way that always " \
    "failed"

enum kind { TEXT, SWITCH, WHOLE, NUMBER, METHOD };

static const struct {
    const char *name;
    enum kind kind;
    const char *standard;
    double min;
    double max;
    const char *before;
} keys[AKS_MIGRATE_KEYS] = {
    [AKS_MIGRATE_BUCKET] = { "akosha_cloud_bucket", TEXT, "", 0, 0, FAILED },
    [AKS_MIGRATE_ENDPOINT] = { "akosha_cloud_endpoint", TEXT, "", 0, 0, FAILED ", and the HTTP "
        "method took it for its own address" },
    [AKS_MIGRATE_REGION] = { "akosha_cloud_region", TEXT, "auto", 0, 0, FAILED },
    [AKS_MIGRATE_SYSTEM_ID] = { "akosha_system_id", TEXT, "", 0, 0, NULL },
    [AKS_MIGRATE_SESSION_END] = { "akosha_upload_on_session_end", SWITCH, "true", 0, 0,
        "the upload was begun in the session's own process, and died with it" },
    [AKS_MIGRATE_FALLBACK] = { "akosha_enable_fallback", SWITCH, "true", 0, 0, "ignored" },
    [AKS_MIGRATE_METHOD] = { "akosha_force_method", METHOD, "auto", 0, 0,
        "ignored at a session's end" },
    [AKS_MIGRATE_TIMEOUT] = { "akosha_upload_timeout_seconds", WHOLE, "300", 30, 3600, NULL },
    [AKS_MIGRATE_RETRIES] = { "akosha_max_retries", WHOLE, "3", 0, 10,
        "with 0 nothing was ever tried" },
    [AKS_MIGRATE_BACKOFF] = { "akosha_retry_backoff_seconds", NUMBER, "2.0", 0.1, 60, NULL },
    [AKS_MIGRATE_COMPRESSION] = { "akosha_enable_compression", SWITCH, "true", 0, 0, NULL },
    [AKS_MIGRATE_DEDUPLICATION] = { "akosha_enable_deduplication", SWITCH, "true", 0, 0,
        "a digest was taken, and everything sent all the same" },
    [AKS_MIGRATE_CHUNK] = { "akosha_chunk_size_mb", WHOLE, "5", 1, 100, "never used" },
};

/* Names that an older guide had. */
static const struct {
    const char *name;
    const char *why;
} old[] = {
    { "akosha_enabled", "never read" },
    { "akosha_url", "never read; for Akosha's own address: migrate --mcp URL" },
};

/* --- what was said ---------------------------------------------------------------------------- */

enum aks_status
aks_migrate_settings_init(struct aks_migrate_settings *settings, const struct aks_alloc *alloc,
    struct aks_error *err)
{
    memset(settings, 0, sizeof(*settings));
    settings->alloc = alloc;
    for (size_t i = 0; i < AKS_MIGRATE_KEYS; i++) {
        settings->list[i].name = keys[i].name;
        settings->list[i].before = keys[i].before;
        settings->list[i].value = aks_mem_strdup(alloc, keys[i].standard);
        if (settings->list[i].value == NULL)
            return aks_error_memory(err, "reading settings");
    }
    return AKS_OK;
}

void
aks_migrate_settings_fini(struct aks_migrate_settings *settings)
{
    for (size_t i = 0; i < AKS_MIGRATE_KEYS; i++) {
        aks_mem_free(settings->alloc, settings->list[i].value);
        aks_mem_free(settings->alloc, settings->list[i].from);
    }
    for (size_t i = 0; i < settings->unknown_count; i++) {
        aks_mem_free(settings->alloc, settings->unknown[i].name);
        aks_mem_free(settings->alloc, settings->unknown[i].from);
    }
    aks_mem_free(settings->alloc, settings->system_id);
    memset(settings, 0, sizeof(*settings));
}

static enum aks_status
add_unknown(struct aks_migrate_settings *settings, const char *name, const char *from, size_t line,
    struct aks_error *err)
{
    struct aks_migrate_unknown *unknown = &settings->unknown[settings->unknown_count];

    if (settings->unknown_count == AKS_MIGRATE_UNKNOWN_MAX)
        return aks_error_set(err, AKS_SETTINGS, "over %d names that are unknown",
            AKS_MIGRATE_UNKNOWN_MAX);
    memset(unknown, 0, sizeof(*unknown));
    unknown->name = aks_mem_strdup(settings->alloc, name);
    unknown->from = aks_mem_strdup(settings->alloc, from);
    unknown->line = line;
    for (size_t i = 0; i < sizeof(old) / sizeof(old[0]); i++) {
        if (strcmp(name, old[i].name) == 0)
            unknown->why = old[i].why;
    }
    settings->unknown_count++;
    return unknown->name != NULL && unknown->from != NULL ? AKS_OK
        : aks_error_memory(err, "reading settings");
}

static enum aks_status
set(struct aks_migrate_settings *settings, size_t key, const char *value, const char *from,
    size_t line, struct aks_error *err)
{
    struct aks_migrate_setting *setting = &settings->list[key];
    char *copy = aks_mem_strdup(settings->alloc, value);
    char *where = aks_mem_strdup(settings->alloc, from);

    if (copy == NULL || where == NULL) {
        aks_mem_free(settings->alloc, copy);
        aks_mem_free(settings->alloc, where);
        return aks_error_memory(err, "reading settings");
    }
    aks_mem_free(settings->alloc, setting->value);
    aks_mem_free(settings->alloc, setting->from);
    setting->value = copy;
    setting->from = where;
    setting->line = line;
    return AKS_OK;
}

static size_t
find_key(const char *name)
{
    size_t i = 0;

    while (i < AKS_MIGRATE_KEYS && strcmp(keys[i].name, name) != 0)
        i++;
    return i;
}

static enum aks_status
on_pair(void *ctx, const struct aks_migrate_yaml_pair *pair, struct aks_error *err)
{
    struct aks_migrate_settings *settings = ctx;
    size_t key = find_key(pair->key);

    if (strncmp(pair->key, PREFIX, strlen(PREFIX)) != 0) {
        settings->others++;
        return AKS_OK;
    }
    if (key == AKS_MIGRATE_KEYS)
        return add_unknown(settings, pair->key, settings->file, pair->line, err);
    if (settings->list[key].from != NULL && strcmp(settings->list[key].from, settings->file) == 0)
        return aks_error_set(err, AKS_SETTINGS, "line %zu: %s stands here a second time",
            pair->line, pair->key);
    if (pair->value == NULL)
        return aks_error_set(err, AKS_SETTINGS, "line %zu: %s has one value, not several",
            pair->line, pair->key);
    /* As if it was not there. */
    if (pair->value[0] == '\0' && !pair->quoted)
        return AKS_OK;
    return set(settings, key, pair->value, settings->file, pair->line, err);
}

enum aks_status
aks_migrate_settings_file(struct aks_migrate_settings *settings, const char *path,
    const char *text, size_t len, struct aks_error *err)
{
    enum aks_status status;

    settings->file = path;
    status = aks_migrate_yaml_read(text, len, on_pair, settings, err);
    if (status == AKS_SETTINGS)
        (void)aks_error_wrap(err, "%s", path);
    return status;
}

enum aks_status
aks_migrate_settings_variable(struct aks_migrate_settings *settings, const char *pair,
    struct aks_error *err)
{
    size_t len = strcspn(pair, "=");
    char name[128];
    char variable[128];
    size_t key;

    if (strncmp(pair, VARIABLE, strlen(VARIABLE)) != 0 || len >= sizeof(name) || pair[len] != '=' ||
        pair[len + 1] == '\0')
        return AKS_OK;
    (void)snprintf(variable, sizeof(variable), "%.*s", (int)len, pair);
    (void)snprintf(name, sizeof(name), PREFIX "%s", variable + strlen(VARIABLE));
    for (char *c = name; *c != '\0'; c++)
        *c = (char)tolower((unsigned char)*c);
    key = find_key(name);
    if (key == AKS_MIGRATE_KEYS)
        return add_unknown(settings, name, variable, 0, err);
    return set(settings, key, pair + len + 1, variable, 0, err);
}

/* --- what it means ---------------------------------------------------------------------------- */

static enum aks_status
wrong(const struct aks_migrate_setting *setting, const char *expected, struct aks_error *err)
{
    char line[32] = "";

    if (setting->line > 0)
        (void)snprintf(line, sizeof(line), ", line %zu", setting->line);
    return aks_error_set(err, AKS_SETTINGS, "%s (%s%s): expected %s, got \"%.100s\"", setting->name,
        setting->from != NULL ? setting->from : "default", line, expected, setting->value);
}

/* As pydantic reads one. */
static enum aks_status
read_switch(const struct aks_migrate_setting *setting, bool *ret_on, struct aks_error *err)
{
    static const char *const words[] = { "true", "false", "yes", "no", "on", "off", "1", "0", "t",
        "f", "y", "n" };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcasecmp(setting->value, words[i]) == 0) {
            *ret_on = i % 2 == 0;
            return AKS_OK;
        }
    }
    return wrong(setting, "true or false", err);
}

static enum aks_status
read_number(const struct aks_migrate_setting *setting, size_t key, double *ret_value,
    struct aks_error *err)
{
    char expected[64];
    char *end = NULL;
    bool whole = keys[key].kind == WHOLE;

    (void)snprintf(expected, sizeof(expected), "a %snumber from %g to %g", whole ? "whole " : "",
        keys[key].min, keys[key].max);
    /* Digits only: no hexadecimal, no infinity. */
    if (setting->value[strspn(setting->value, "0123456789.+-eE")] != '\0')
        return wrong(setting, expected, err);
    *ret_value = strtod(setting->value, &end);
    if (end == setting->value || *end != '\0' || !(*ret_value >= keys[key].min) ||
        !(*ret_value <= keys[key].max) || (whole && *ret_value != floor(*ret_value)))
        return wrong(setting, expected, err);
    return AKS_OK;
}

static void
becomes(struct aks_migrate_setting *setting, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void
becomes(struct aks_migrate_setting *setting, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(setting->becomes, sizeof(setting->becomes), format, args);
    va_end(args);
}

/* Letters that no system id has become dashes. */
static enum aks_status
settle_system_id(struct aks_migrate_settings *settings, struct aks_init_draft *draft,
    struct aks_error *err)
{
    struct aks_migrate_setting *setting = &settings->list[AKS_MIGRATE_SYSTEM_ID];

    if (setting->value[0] == '\0') {
        becomes(setting, "the host's name");
        return AKS_OK;
    }
    aks_mem_free(settings->alloc, settings->system_id);
    settings->system_id = aks_mem_strndup(settings->alloc, setting->value,
        strnlen(setting->value, SYSTEM_ID_MAX));
    if (settings->system_id == NULL)
        return aks_error_memory(err, "reading settings");
    for (char *c = settings->system_id; *c != '\0'; c++) {
        if (!isalnum((unsigned char)*c) && *c != '_' && *c != '-')
            *c = '-';
    }
    draft->system_id = settings->system_id;
    becomes(setting, "system_id = \"%s\"%s", settings->system_id,
        strcmp(settings->system_id, setting->value) != 0
        ? ": Akosha takes up to 84 letters, digits, \"_\" and \"-\"" : "");
    return AKS_OK;
}

static void
settle_text(struct aks_migrate_setting *setting, const char *field, const char *absent,
    const char **ret_value)
{
    if (setting->value[0] == '\0') {
        becomes(setting, "%s", absent);
        return;
    }
    *ret_value = setting->value;
    becomes(setting, "%s = \"%.200s\"", field, setting->value);
}

static enum aks_status
settle_targets(struct aks_migrate_settings *settings, const char *mcp,
    struct aks_init_draft *draft, struct aks_error *err)
{
    struct aks_migrate_setting *method = &settings->list[AKS_MIGRATE_METHOD];
    bool http = strcmp(method->value, "http") == 0;

    settle_text(&settings->list[AKS_MIGRATE_BUCKET], "targets.cloud.bucket", "no cloud",
        &draft->bucket);
    settle_text(&settings->list[AKS_MIGRATE_ENDPOINT], "targets.cloud.endpoint", "AWS",
        &draft->endpoint);
    settle_text(&settings->list[AKS_MIGRATE_REGION], "targets.cloud.region", "found out",
        &draft->region);
    if (draft->bucket == NULL) {
        draft->endpoint = NULL;
        draft->region = NULL;
    }
    draft->mcp = mcp != NULL ? mcp : http ? AKS_MIGRATE_ADDRESS : NULL;
    if (draft->bucket == NULL && draft->mcp == NULL)
        draft->dir = "~/.local/share/akosha-sync";
    if (!http && strcmp(method->value, "cloud") != 0 && strcmp(method->value, "auto") != 0)
        return wrong(method, "auto, cloud or http", err);
    if (strcmp(method->value, "cloud") == 0 && draft->bucket == NULL)
        return wrong(method, "a method that is set up: there is no akosha_cloud_bucket", err);
    return AKS_OK;
}

static enum aks_status
settle_route(struct aks_migrate_settings *settings, struct aks_init_draft *draft,
    struct aks_error *err)
{
    struct aks_migrate_setting *method = &settings->list[AKS_MIGRATE_METHOD];
    struct aks_migrate_setting *fallback = &settings->list[AKS_MIGRATE_FALLBACK];
    bool on = false;
    enum aks_status status = read_switch(fallback, &on, err);

    if (strcmp(method->value, "auto") != 0)
        draft->route = strcmp(method->value, "http") == 0 ? "akosha" : "cloud";
    else if (!on)
        draft->route = draft->bucket != NULL ? "cloud" : draft->mcp != NULL ? "akosha" : "local";
    if (draft->route != NULL)
        becomes(method, "route = { \"%s\" }", draft->route);
    else
        becomes(method, "all targets: cloud, then akosha, as they are set");
    becomes(fallback, "%s", on && draft->route != NULL ? "nothing: the method is forced"
        : on ? "all targets of the route" : "the first target alone");
    return status;
}

static enum aks_status
settle_switches(struct aks_migrate_settings *settings, struct aks_init_draft *draft,
    struct aks_error *err)
{
    struct aks_migrate_setting *list = settings->list;
    bool compress = false;
    bool dedup = false;
    bool at_end = false;
    enum aks_status status = read_switch(&list[AKS_MIGRATE_COMPRESSION], &compress, err);

    if (status == AKS_OK)
        status = read_switch(&list[AKS_MIGRATE_DEDUPLICATION], &dedup, err);
    if (status == AKS_OK)
        status = read_switch(&list[AKS_MIGRATE_SESSION_END], &at_end, err);
    if (status != AKS_OK)
        return status;
    draft->compress = compress ? "zstd" : "none";
    draft->dedup = dedup ? "unchanged" : "always";
    becomes(&list[AKS_MIGRATE_COMPRESSION], "compress = \"%s\"", draft->compress);
    becomes(&list[AKS_MIGRATE_DEDUPLICATION], "dedup = \"%s\"", draft->dedup);
    becomes(&list[AKS_MIGRATE_SESSION_END], "%s", at_end
        ? "the agent's hook: akosha-sync init" : "no hook: leave akosha-sync init out, or "
        "set AKOSHA_UPLOAD_ON_SESSION_END=false where the agent runs");
    return AKS_OK;
}

static enum aks_status
settle_numbers(struct aks_migrate_settings *settings, struct aks_init_draft *draft,
    struct aks_error *err)
{
    struct aks_migrate_setting *list = settings->list;
    double chunk = 0;
    double retries = 0;
    double timeout = 0;
    enum aks_status status = read_number(&list[AKS_MIGRATE_CHUNK], AKS_MIGRATE_CHUNK, &chunk, err);

    if (status == AKS_OK)
        status = read_number(&list[AKS_MIGRATE_RETRIES], AKS_MIGRATE_RETRIES, &retries, err);
    if (status == AKS_OK)
        status = read_number(&list[AKS_MIGRATE_BACKOFF], AKS_MIGRATE_BACKOFF, &draft->first_s,
            err);
    if (status == AKS_OK)
        status = read_number(&list[AKS_MIGRATE_TIMEOUT], AKS_MIGRATE_TIMEOUT, &timeout, err);
    if (status != AKS_OK)
        return status;
    draft->part_mib = chunk < CHUNK_MIB_MIN ? CHUNK_MIB_MIN : (int)chunk;
    draft->tries = retries < 1 ? 1 : (int)retries;
    becomes(&list[AKS_MIGRATE_CHUNK], "part_size = %d * akosha.MiB%s", draft->part_mib,
        chunk < CHUNK_MIB_MIN ? ": S3 takes no smaller parts" : "");
    becomes(&list[AKS_MIGRATE_RETRIES], "retry: tries = %d", draft->tries);
    becomes(&list[AKS_MIGRATE_BACKOFF], "retry: first = %g, factor = 2", draft->first_s);
    becomes(&list[AKS_MIGRATE_TIMEOUT], "nothing: what gets on is not cut off, and what stalls "
        "fails sooner");
    return AKS_OK;
}

enum aks_status
aks_migrate_settings_draft(struct aks_migrate_settings *settings, const char *mcp,
    struct aks_init_draft *ret_draft, struct aks_error *err)
{
    enum aks_status status;

    memset(ret_draft, 0, sizeof(*ret_draft));
    ret_draft->title = "What session-buddy's settings meant: written by akosha-sync migrate, and "
        "yours to change.";
    status = settle_targets(settings, mcp, ret_draft, err);
    if (status == AKS_OK)
        status = settle_system_id(settings, ret_draft, err);
    if (status == AKS_OK)
        status = settle_route(settings, ret_draft, err);
    if (status == AKS_OK)
        status = settle_switches(settings, ret_draft, err);
    if (status == AKS_OK)
        status = settle_numbers(settings, ret_draft, err);
    return status;
}
