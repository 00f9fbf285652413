#include "engine/job_json.h"

#include "base/check.h"
#include "base/encode.h"
#include "base/redact.h"
#include "engine/policy_limits.h"
#include "engine/policy_text.h"
#include "engine/text.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Failure names are short, and a message is at most what aks_error holds. */
#define REASON_BYTES_MAX 64
#define MESSAGE_BYTES_MAX AKS_ERROR_MESSAGE_BYTES
#define TRIES_MAX 1000000000

bool
aks_job_json_id_valid(const char *id)
{
    static const char form[] = "00000000T000000Z-xxxxxx";

    for (size_t i = 0; i < sizeof(form) - 1; i++) {
        bool digit = id[i] >= '0' && id[i] <= '9';

        if (form[i] == '0' ? !digit : form[i] == 'x' ? !digit && (id[i] < 'a' || id[i] > 'f')
            : id[i] != form[i])
            return false;       /* also at a NUL, so nothing is read past it */
    }
    return id[sizeof(form) - 1] == '\0';
}

/* What both directions hold to, so that a job that was kept can be read. NULL if all is well. */
static const char *
policy_objection(const struct aks_policy_text *policy)
{
    size_t left = AKS_POLICY_FILES_BYTES_MAX;

    if (policy->text_len > AKS_POLICY_BYTES_MAX)
        return "its policy is too long";
    if (policy->path != NULL && (policy->path[0] != '/' || strlen(policy->path) >= AKS_PATH_BYTES))
        return "the path of its policy is not absolute, or too long";
    if (policy->module_count > AKS_POLICY_FILES_MAX)
        return "its policy has too many modules";
    for (size_t i = 0; i < policy->module_count; i++) {
        const struct aks_policy_module *module = &policy->modules[i];

        if (module->name[0] == '\0' || strlen(module->name) >= AKS_POLICY_MODULE_NAME_BYTES ||
            strchr(module->name, '/') != NULL)
            return "a module of its policy has a name that is none";
        if (module->text == NULL)
            return "a module of its policy has no text";
        if (module->text_len > left)
            return "the modules of its policy are too long";
        left -= module->text_len;
    }
    return NULL;
}

static const char *
variables_objection(const struct aks_policy_environment *variables)
{
    if (variables->count > AKS_POLICY_VARIABLES_MAX)
        return "it has too many variables";
    for (size_t i = 0; i < variables->count; i++) {
        const char *pair = variables->pairs[i];

        if (pair[0] == '=' || strchr(pair, '=') == NULL ||
            strlen(pair) > AKS_POLICY_VARIABLE_BYTES_MAX)
            return "a variable has no name, or is too long";
    }
    return NULL;
}

/* What else a queue and a worker keep with it. */
static const char *
keeping_objection(const struct aks_job *job)
{
    if (job->folder != NULL && (job->folder[0] != '/' || strlen(job->folder) >= AKS_PATH_BYTES))
        return "its folder is not absolute, or too long";
    if (job->upload_id != NULL && !aks_job_json_id_valid(job->upload_id))
        return "the id of its upload is none";
    if (job->handed_count > AKS_POLICY_VARIABLES_MAX || job->replaces_count > AKS_QUEUE_JOBS_MAX)
        return "it names too many variables or jobs";
    for (size_t i = 0; i < job->handed_count; i++) {
        if (strchr(job->handed[i], '=') != NULL ||
            strlen(job->handed[i]) > AKS_POLICY_VARIABLE_BYTES_MAX)
            return "the name of a variable is none";
    }
    for (size_t i = 0; i < job->replaces_count; i++) {
        if (!aks_job_json_id_valid(job->replaces[i]))
            return "a job that it replaces has an id that is none";
    }
    return variables_objection(&job->variables);
}

static const char *
objection(const struct aks_job *job)
{
    const char *wrong;

    if (!aks_job_json_id_valid(job->id))
        return "its id is none";
    if (job->source_count > AKS_SOURCES_MAX)
        return "it has too many sources";
    for (size_t i = 0; i < job->source_count; i++) {
        if (job->sources[i][0] != '/' || strlen(job->sources[i]) >= AKS_PATH_BYTES)
            return "the path of a source is not absolute, or too long";
    }
    wrong = variables_objection(&job->environment);
    if (wrong == NULL)
        wrong = keeping_objection(job);
    if (wrong != NULL)
        return wrong;
    if (job->target != NULL &&
        (job->target[0] == '\0' || strlen(job->target) >= AKS_TARGET_NAME_BYTES))
        return "the name of its target is empty, or too long";
    if (job->tries > TRIES_MAX)
        return "it has been tried too often to be true";
    if ((job->reason != NULL && strlen(job->reason) > REASON_BYTES_MAX) ||
        (job->message != NULL && strlen(job->message) > MESSAGE_BYTES_MAX))
        return "its last failure is too long";
    return policy_objection(&job->policy);
}

/* Bytes are a string where they are UTF-8 without NUL, else {"base64": "..."}; NULL is null. */
static json_t *
bytes_to_json(const struct aks_alloc *alloc, const char *bytes, size_t len)
{
    json_t *value;
    struct aks_buf base64;

    if (bytes == NULL)
        return json_null();
    if (memchr(bytes, '\0', len) == NULL) {
        value = json_stringn(bytes, len);
        if (value != NULL)
            return value;
    }
    aks_buf_init(&base64, alloc, AKS_BASE64_BYTES(AKS_JOB_BYTES_MAX));
    aks_base64_encode(bytes, len, &base64);
    value = base64.failed == AKS_OK ? json_pack("{s:s}", "base64", base64.data) : NULL;
    aks_buf_fini(&base64);
    return value;
}

static json_t *
text_to_json(const struct aks_alloc *alloc, const char *text)
{
    return bytes_to_json(alloc, text, text != NULL ? strlen(text) : 0);
}

static json_t *
list_to_json(const struct aks_alloc *alloc, char *const *texts, size_t count)
{
    json_t *list = json_array();

    for (size_t i = 0; i < count; i++) {
        if (json_array_append_new(list, text_to_json(alloc, texts[i])) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

/* Those that were set, by their names; NULL, which is left out, for none. */
static json_t *
limits_to_json(const struct aks_policy_limits *limits)
{
    struct aks_policy_limits copy = *limits;
    const struct aks_policy_limit *limit;
    json_t *object = NULL;

    for (size_t i = 0; (limit = aks_policy_limit_at(i)) != NULL; i++) {
        int64_t value = *aks_policy_limit_of(&copy, limit);

        if (value == 0)
            continue;
        if (object == NULL)
            object = json_object();
        (void)json_object_set_new(object, limit->name, json_integer(value));
    }
    return object;
}

static json_t *
policy_to_json(const struct aks_alloc *alloc, const struct aks_policy_text *policy)
{
    json_t *modules = json_array();
    json_t *value;

    for (size_t i = 0; i < policy->module_count; i++) {
        const struct aks_policy_module *module = &policy->modules[i];

        if (json_array_append_new(modules, json_pack("{s:o, s:o}", "name",
            text_to_json(alloc, module->name), "text",
            bytes_to_json(alloc, module->text, module->text_len))) != 0) {
            json_decref(modules);
            return NULL;
        }
    }
    value = json_pack("{s:o, s:o, s:o, s:o*}", "path", text_to_json(alloc, policy->path), "text",
        bytes_to_json(alloc, policy->text, policy->text_len), "modules", modules, "limits",
        limits_to_json(&policy->limits));
    /* A policy can use no literal secret, so one that has it in it loses nothing but that. */
    if (value != NULL && aks_text_redact(value, AKS_REDACT_VALUES))
        return value;
    json_decref(value);
    return NULL;
}

/* What a job of the first version had no need of, and what is not there most of the time. */
static int
add_keeping(const struct aks_job *job, json_t *value)
{
    const struct aks_alloc *alloc = job->alloc;
    int rc = 0;

    if (job->folder != NULL)
        rc |= json_object_set_new(value, "folder", text_to_json(alloc, job->folder));
    if (job->variables_known)
        rc |= json_object_set_new(value, "variables",
            list_to_json(alloc, job->variables.pairs, job->variables.count));
    if (job->handed_count > 0)
        rc |= json_object_set_new(value, "handed",
            list_to_json(alloc, job->handed, job->handed_count));
    if (job->replaces_count > 0)
        rc |= json_object_set_new(value, "replaces",
            list_to_json(alloc, job->replaces, job->replaces_count));
    if (job->upload_id != NULL)
        rc |= json_object_set_new(value, "upload_id", text_to_json(alloc, job->upload_id));
    if (job->rounds > 0)
        rc |= json_object_set_new(value, "rounds", json_integer(job->rounds));
    if (job->not_before_ms > 0) {
        rc |= json_object_set_new(value, "not_before_ms", json_integer(job->not_before_ms));
        rc |= json_object_set_new(value, "wait_ms", json_integer(job->wait_ms));
    }
    return rc;
}

static json_t *
job_to_json(const struct aks_job *job)
{
    const struct aks_alloc *alloc = job->alloc;
    json_t *value = json_pack("{s:s, s:s, s:I, s:o, s:o, s:o, s:o, s:b, s:b, s:I, s:o, s:o}",
        "format", AKS_JOB_FORMAT, "id", job->id, "enqueued_at_ms", (json_int_t)job->enqueued_at_ms,
        "sources", list_to_json(alloc, job->sources, job->source_count),
        "policy", policy_to_json(alloc, &job->policy),
        "environment", list_to_json(alloc, job->environment.pairs, job->environment.count),
        "target", text_to_json(alloc, job->target), "no_fallback", job->no_fallback,
        "mirror", job->mirror,
        "tries", (json_int_t)job->tries, "reason", text_to_json(alloc, job->reason),
        "message", text_to_json(alloc, job->message));

    /* An address with a user in it is refused when it is used: nobody needs to be told who. */
    if (value != NULL && aks_text_redact(json_object_get(value, "environment"), 0) &&
        aks_text_redact(json_object_get(value, "message"), 0) && add_keeping(job, value) == 0)
        return value;
    json_decref(value);
    return NULL;
}

static int
append_piece(const char *piece, size_t len, void *ctx)
{
    struct aks_buf *out = ctx;

    aks_buf_append(out, piece, len);
    return out->failed == AKS_OK ? 0 : -1;
}

enum aks_status
aks_job_json_write(const struct aks_job *job, struct aks_buf *out, struct aks_error *err)
{
    const char *wrong = objection(job);
    json_t *value;
    bool dumped;

    if (wrong != NULL)
        return aks_error_set(err, AKS_LIMIT, "cannot keep the job %s: %s", job->id, wrong);
    value = job_to_json(job);
    if (value == NULL)
        return aks_error_memory(err, "writing a job");
    dumped = json_dump_callback(value, append_piece, out, JSON_COMPACT) == 0;
    json_decref(value);
    aks_buf_putc(out, '\n');
    if (!dumped && out->failed == AKS_OK)
        return aks_error_memory(err, "writing a job");
    return aks_buf_status(out, "a job", err);
}

/* Reading. A failure sticks in ${wrong} or ${no_memory}; what follows is a no-op. */
struct reader {
    const struct aks_alloc *alloc;
    const char *wrong;          /* the member that is not as it should be */
    bool no_memory;
};

static bool
failed(const struct reader *reader)
{
    return reader->wrong != NULL || reader->no_memory;
}

static int
base64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Padded base64 into ${out}, which has room for 3 bytes a quad; false if it is anything else. */
static bool
base64_decode(const char *text, size_t len, char *out, size_t *ret_len)
{
    size_t padding = 0;
    uint32_t word = 0;
    size_t n = 0;

    if (len % 4 != 0)
        return false;
    while (padding < 2 && padding < len && text[len - 1 - padding] == '=')
        padding++;
    for (size_t i = 0; i < len; i++) {
        int value = i < len - padding ? base64_value(text[i]) : 0;

        if (value < 0)
            return false;
        word = word << 6 | (uint32_t)value;
        if (i % 4 == 3) {
            out[n++] = (char)(word >> 16 & 255);
            out[n++] = (char)(word >> 8 & 255);
            out[n++] = (char)(word & 255);
        }
    }
    *ret_len = n - padding;
    return true;
}

/* An owned copy with a NUL behind it. */
static char *
bytes_from_json(struct reader *reader, const json_t *value, const char *what, size_t *ret_len)
{
    const json_t *base64 = json_is_object(value) ? json_object_get(value, "base64") : NULL;
    const json_t *string = base64 != NULL ? base64 : value;
    size_t len = json_string_length(string);
    char *bytes;

    *ret_len = 0;
    if (failed(reader))
        return NULL;
    if (!json_is_string(string)) {
        reader->wrong = what;
        return NULL;
    }
    bytes = aks_mem_new(reader->alloc, len + 1);
    if (bytes == NULL) {
        reader->no_memory = true;
        return NULL;
    }
    if (base64 == NULL) {
        memcpy(bytes, json_string_value(string), len);
        *ret_len = len;
    } else if (!base64_decode(json_string_value(string), len, bytes, ret_len)) {
        reader->wrong = what;
        aks_mem_free(reader->alloc, bytes);
        return NULL;
    }
    bytes[*ret_len] = '\0';
    return bytes;
}

/* The same without a NUL inside. */
static char *
text_from_json(struct reader *reader, const json_t *value, const char *what)
{
    size_t len;
    char *text = bytes_from_json(reader, value, what, &len);

    if (text != NULL && strlen(text) != len) {
        reader->wrong = what;
        aks_mem_free(reader->alloc, text);
        return NULL;
    }
    return text;
}

/* The same for a member that may be null or missing. */
static char *
optional_text(struct reader *reader, const json_t *object, const char *what)
{
    const json_t *value = json_object_get(object, what);

    return value == NULL || json_is_null(value) ? NULL : text_from_json(reader, value, what);
}

static int64_t
integer(struct reader *reader, const json_t *object, const char *what, int64_t max)
{
    const json_t *value = json_object_get(object, what);

    if (!json_is_integer(value) || json_integer_value(value) < 0 ||
        json_integer_value(value) > max) {
        if (!failed(reader))
            reader->wrong = what;
        return 0;
    }
    return json_integer_value(value);
}

/* An owned array of ${bytes} each for the items of the array ${what}, at most ${max}; NULL for
 * none. */
static void *
room_for(struct reader *reader, const json_t *list, const char *what, size_t max, size_t bytes)
{
    size_t count = json_array_size(list);
    void *items;

    if (failed(reader))
        return NULL;
    if (!json_is_array(list) || count > max) {
        reader->wrong = what;
        return NULL;
    }
    if (count == 0)
        return NULL;
    items = aks_mem_array(reader->alloc, count, bytes);
    if (items == NULL)
        reader->no_memory = true;
    return items;
}

static void
read_texts(struct reader *reader, const json_t *object, const char *what, size_t max, char ***ret,
    size_t *ret_count)
{
    const json_t *list = json_object_get(object, what);

    *ret = room_for(reader, list, what, max, sizeof(**ret));
    while (*ret != NULL && !failed(reader) && *ret_count < json_array_size(list)) {
        char *text = text_from_json(reader, json_array_get(list, *ret_count), what);

        if (text != NULL)
            (*ret)[(*ret_count)++] = text;
    }
}

static void
read_module(struct reader *reader, const json_t *value, struct aks_policy_module *ret)
{
    ret->name = text_from_json(reader, json_object_get(value, "name"), "policy.modules");
    ret->text = bytes_from_json(reader, json_object_get(value, "text"), "policy.modules",
        &ret->text_len);
}

static void
read_limits(struct reader *reader, const json_t *object, struct aks_policy_limits *ret)
{
    const struct aks_policy_limit *limit;

    for (size_t i = 0; object != NULL && (limit = aks_policy_limit_at(i)) != NULL; i++) {
        if (json_object_get(object, limit->name) != NULL)
            *aks_policy_limit_of(ret, limit) = integer(reader, object, limit->name, limit->most);
    }
}

static void
read_policy(struct reader *reader, const json_t *value, struct aks_policy_text *ret)
{
    const json_t *modules = json_object_get(value, "modules");
    const json_t *text = json_object_get(value, "text");

    if (!json_is_object(value) && !failed(reader))
        reader->wrong = "policy";
    ret->path = optional_text(reader, value, "path");
    read_limits(reader, json_object_get(value, "limits"), &ret->limits);
    if (text != NULL && !json_is_null(text))
        ret->text = bytes_from_json(reader, text, "policy.text", &ret->text_len);
    ret->modules = room_for(reader, modules, "policy.modules", AKS_POLICY_FILES_MAX,
        sizeof(*ret->modules));
    while (ret->modules != NULL && !failed(reader) &&
        ret->module_count < json_array_size(modules)) {
        read_module(reader, json_array_get(modules, ret->module_count),
            &ret->modules[ret->module_count]);
        ret->module_count++;        /* also a half read one, for it may own something */
    }
}

static int64_t
optional_integer(struct reader *reader, const json_t *object, const char *what, int64_t max)
{
    return json_object_get(object, what) != NULL ? integer(reader, object, what, max) : 0;
}

static void
optional_texts(struct reader *reader, const json_t *object, const char *what, size_t max,
    char ***ret, size_t *ret_count)
{
    if (json_object_get(object, what) != NULL)
        read_texts(reader, object, what, max, ret, ret_count);
}

static void
read_keeping(struct reader *reader, const json_t *value, struct aks_job *job)
{
    job->folder = optional_text(reader, value, "folder");
    job->variables_known = json_object_get(value, "variables") != NULL;
    optional_texts(reader, value, "variables", AKS_POLICY_VARIABLES_MAX, &job->variables.pairs,
        &job->variables.count);
    optional_texts(reader, value, "handed", AKS_POLICY_VARIABLES_MAX, &job->handed,
        &job->handed_count);
    optional_texts(reader, value, "replaces", AKS_QUEUE_JOBS_MAX, &job->replaces,
        &job->replaces_count);
    job->upload_id = optional_text(reader, value, "upload_id");
    job->rounds = (unsigned)optional_integer(reader, value, "rounds", TRIES_MAX);
    job->not_before_ms = optional_integer(reader, value, "not_before_ms", INT64_MAX);
    job->wait_ms = optional_integer(reader, value, "wait_ms", AKS_JOB_WAIT_MS_MAX);
}

static void
read_job(struct reader *reader, const json_t *value, struct aks_job *job)
{
    const char *id = json_string_value(json_object_get(value, "id"));

    if (id == NULL || !aks_job_json_id_valid(id))
        reader->wrong = "id";
    else
        (void)snprintf(job->id, sizeof(job->id), "%s", id);
    job->enqueued_at_ms = integer(reader, value, "enqueued_at_ms", INT64_MAX);
    read_texts(reader, value, "sources", AKS_SOURCES_MAX, &job->sources, &job->source_count);
    read_policy(reader, json_object_get(value, "policy"), &job->policy);
    read_texts(reader, value, "environment", AKS_POLICY_VARIABLES_MAX, &job->environment.pairs,
        &job->environment.count);
    job->target = optional_text(reader, value, "target");
    job->no_fallback = json_is_true(json_object_get(value, "no_fallback"));
    if (!json_is_boolean(json_object_get(value, "no_fallback")) && !failed(reader))
        reader->wrong = "no_fallback";
    job->mirror = json_is_true(json_object_get(value, "mirror"));
    if (json_object_get(value, "mirror") != NULL && !failed(reader) &&
        !json_is_boolean(json_object_get(value, "mirror")))
        reader->wrong = "mirror";
    job->tries = (unsigned)integer(reader, value, "tries", TRIES_MAX);
    job->reason = optional_text(reader, value, "reason");
    job->message = optional_text(reader, value, "message");
    read_keeping(reader, value, job);
}

/* Is it a job at all, and one that this program knows? */
static enum aks_status
check_format(const json_t *value, const json_error_t *problem, struct aks_error *err)
{
    const char *format = json_string_value(json_object_get(value, "format"));

    if (value == NULL && json_error_code(problem) == json_error_out_of_memory)
        return aks_error_memory(err, "reading a job");
    if (value == NULL)
        return aks_error_set(err, AKS_STATE, "it is no JSON: %s (line %d)", problem->text,
            problem->line);
    if (format == NULL)
        return aks_error_set(err, AKS_STATE, "it is no job");
    if (strcmp(format, AKS_JOB_FORMAT) != 0)
        return aks_error_set(err, AKS_STATE, "it is of format \"%.32s\", this program knows \"%s\"",
            format, AKS_JOB_FORMAT);
    return AKS_OK;
}

enum aks_status
aks_job_json_read(const char *text, size_t len, struct aks_job *ret_job, struct aks_error *err)
{
    struct reader reader = { ret_job->alloc, NULL, false };
    json_error_t problem;
    json_t *value = json_loadb(text, len, JSON_REJECT_DUPLICATES, &problem);
    enum aks_status status = check_format(value, &problem, err);
    const char *wrong;

    if (status == AKS_OK) {
        read_job(&reader, value, ret_job);
        if (reader.no_memory)
            status = aks_error_memory(err, "reading a job");
        else if (reader.wrong != NULL)
            status = aks_error_set(err, AKS_STATE, "its member \"%s\" is missing or wrong",
                reader.wrong);
    }
    if (status == AKS_OK && (wrong = objection(ret_job)) != NULL)
        status = aks_error_set(err, AKS_STATE, "%s", wrong);
    if (status != AKS_OK)
        aks_job_fini(ret_job);
    json_decref(value);
    return status;
}
