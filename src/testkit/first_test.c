#include "testkit/first_test.h"

#include "base/check.h"
#include "base/units.h"
#include "engine/policy_text.h"
#include "testkit/world.h"

#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define NAME_BYTES 64
#define OUTCOME_BYTES 32
#define SOURCE_BYTES 1024               /* as worlds of tests have them */
#define SEED 1
#define ASKED_S 40                      /* what a busy server asks for */
#define EXAMPLE "example.bin"           /* a source, where the policy names none */

struct writing {
    const struct aks_port *real;
    const char *path;                   /* of the policy */
    struct aks_policy_text text;
    char class[NAME_BYTES];
    bool sources;                       /* does the policy name some? */
    struct aks_buf *out;
};

/* What happened in a world. */
struct seen {
    char outcome[OUTCOME_BYTES];
    char target[AKS_TARGET_NAME_BYTES]; /* "" for none */
    enum aks_target_kind kind;          /* of it */
    int64_t took_ms;
    bool struck;                        /* did all faults happen? */
};

/* Targets that refuse, in the order in which the policy came to them. */
struct refusing {
    char names[AKS_TARGETS_MAX][AKS_TARGET_NAME_BYTES];
    size_t count;
};

/* --- trying ----------------------------------------------------------------------------------- */

static enum aks_status
put_policy(const struct writing *writing, struct aks_world *world, struct aks_error *err)
{
    const struct aks_policy_text *text = &writing->text;
    enum aks_status status = aks_world_put(world, AKS_WORLD_POLICY, text->text, text->text_len,
        err);

    for (size_t i = 0; status == AKS_OK && i < text->module_count; i++) {
        char path[AKS_PATH_BYTES];

        (void)snprintf(path, sizeof(path), AKS_WORLD_HOME "/%s.lua", text->modules[i].name);
        if (strcmp(path, AKS_WORLD_POLICY) != 0)
            status = aks_world_put(world, path, text->modules[i].text, text->modules[i].text_len,
                err);
    }
    return status;
}

static enum aks_status
put_source(struct aks_world *world, const char *path, size_t number, struct aks_error *err)
{
    char data[SOURCE_BYTES];
    struct aks_rng rng;

    aks_rng_init(&rng, number);
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (char)aks_rng_next(&rng);
    return aks_world_put(world, path, data, sizeof(data), err);
}

static enum aks_status
make_world(struct writing *writing, struct aks_world **ret_world, struct aks_error *err)
{
    struct aks_world_options options = { .alloc = writing->real->alloc, .seed = SEED };
    struct aks_world *world = NULL;
    const char *source;
    size_t count = 0;
    enum aks_status status = aks_world_new(&options, &world, err);

    if (status == AKS_OK)
        status = aks_world_usual_variables(world, err);
    if (status == AKS_OK)
        status = put_policy(writing, world, err);
    if (status == AKS_OK)
        status = aks_world_learn(world, err);
    for (; status == AKS_OK && (source = aks_world_source(world, count)) != NULL; count++)
        status = put_source(world, source, count, err);
    writing->sources = count > 0;
    if (status == AKS_OK && count == 0)
        status = put_source(world, AKS_WORLD_HOME "/" EXAMPLE, count, err);
    if (status == AKS_OK) {
        *ret_world = world;
        world = NULL;
    }
    aks_world_free(world);
    return status;
}

static enum aks_status
run(const struct writing *writing, struct aks_world *world, struct seen *seen,
    struct aks_error *err)
{
    static const char *const example[] = { AKS_WORLD_HOME "/" EXAMPLE };
    struct aks_world_run_options options = { 0 };
    const struct aks_world_target *target;
    const char *name;
    const char *outcome;
    json_t *report = NULL;
    enum aks_status status;

    if (!writing->sources) {
        options.sources = example;
        options.source_count = 1;
    }
    status = aks_world_run(world, &options, &report, err);
    if (status != AKS_OK)
        return status;
    outcome = json_string_value(json_object_get(report, "outcome"));
    name = json_string_value(json_object_get(report, "target"));
    target = name != NULL ? aks_world_target(world, name) : NULL;
    memset(seen, 0, sizeof(*seen));
    (void)snprintf(seen->outcome, sizeof(seen->outcome), "%s", outcome != NULL ? outcome : "");
    (void)snprintf(seen->target, sizeof(seen->target), "%s", target != NULL ? target->name : "");
    if (target != NULL)
        seen->kind = target->kind;
    seen->took_ms = aks_sim_agenda(aks_world_sim(world))->now_ns / AKS_NS_PER_MS;
    seen->struck = aks_fault_plan_idle(aks_world_plan(world)) == NULL;
    json_decref(report);
    return outcome != NULL ? AKS_OK
        : aks_error_set(err, AKS_INTERNAL, "a run in a world left no report");
}

/* One run of a world in which ${refusing} refuse (NULL: nobody) and ${asking} (NULL: nobody) asks
 * once to be left alone for a while; with ${twice}, the second run of it. */
static enum aks_status
try(struct writing *writing, const struct refusing *refusing, const char *asking, bool twice,
    struct seen *seen, struct aks_error *err)
{
    struct aks_world *world = NULL;
    struct aks_fault_rule rule;
    enum aks_status status = make_world(writing, &world, err);

    if (status != AKS_OK)
        return status;
    for (size_t i = 0; refusing != NULL && i < refusing->count; i++) {
        aks_fault_rule_init(&rule, AKS_FAULT_FAIL);
        aks_fault_rule_status(&rule, AKS_REFUSED);
        (void)snprintf(rule.target, sizeof(rule.target), "%s", refusing->names[i]);
        (void)aks_fault_plan_add(aks_world_plan(world), &rule);
    }
    if (asking != NULL) {
        aks_fault_rule_init(&rule, AKS_FAULT_REPLY);
        (void)snprintf(rule.target, sizeof(rule.target), "%s", asking);
        (void)snprintf(rule.operation, sizeof(rule.operation), "put");
        rule.http_status = 503;
        rule.retry_after_s = ASKED_S;
        rule.times = 1;
        (void)aks_fault_plan_add(aks_world_plan(world), &rule);
    }
    status = run(writing, world, seen, err);
    if (status == AKS_OK && twice)
        status = run(writing, world, seen, err);
    aks_world_free(world);
    return status;
}

/* --- writing ---------------------------------------------------------------------------------- */

/* "my-policy.lua" is TestMyPolicy. */
static void
name_class(const char *path, char ret_class[NAME_BYTES])
{
    const char *slash = strrchr(path, '/');
    bool begins = true;
    size_t len = 4;

    (void)snprintf(ret_class, NAME_BYTES, "Test");
    for (const char *c = slash != NULL ? slash + 1 : path; *c != '\0' && len + 1 < NAME_BYTES;
        c++) {
        if (strcmp(c, ".lua") == 0)
            break;
        if (isalnum((unsigned char)*c) && (unsigned char)*c < 0x80)
            ret_class[len++] = (char)(begins ? toupper((unsigned char)*c) : *c);
        begins = !isalnum((unsigned char)*c);
    }
    ret_class[len] = '\0';
}

/* As a part of a test's name. */
static void
put_word(const char *name, struct aks_buf *out)
{
    for (const char *c = name; *c != '\0'; c++)
        aks_buf_putc(out, isalnum((unsigned char)*c) ? *c : '_');
}

static void
put_string(const char *text, struct aks_buf *out)
{
    aks_buf_putc(out, '"');
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '"' || *c == '\\')
            aks_buf_printf(out, "\\%c", *c);
        else if ((unsigned char)*c < ' ' || *c == 0x7f)
            aks_buf_printf(out, "\\%03d", (unsigned char)*c);
        else
            aks_buf_putc(out, *c);
    }
    aks_buf_putc(out, '"');
}

static void
put_head(const struct writing *writing)
{
    struct aks_buf *out = writing->out;

    aks_buf_puts(out, "-- First tests of ");
    for (const char *c = writing->path; *c != '\0'; c++)
        aks_buf_putc(out, (unsigned char)*c < ' ' || *c == 0x7f ? '?' : *c);
    aks_buf_printf(out, ", as akosha-sync test --new found it. Change what should be\n"
        "-- otherwise, and add what must never happen: docs/testing.md.\n"
        "local lu, sim = require \"luaunit\", require \"akosha.testing\"\n\n%s = {}\n\n",
        writing->class);
    aks_buf_puts(out, writing->sources
        ? "-- A machine with the sources that the policy names, and its targets. Nothing is real.\n"
        : "-- A machine with one file, and the policy's targets. Nothing is real.\n");
    aks_buf_puts(out, "local function new_world()\n  return sim.world { policy = ");
    put_string(writing->path, out);
    if (!writing->sources)
        aks_buf_puts(out, ", files = { [\"" EXAMPLE "\"] = sim.bytes(20 * sim.KiB) }");
    aks_buf_puts(out, " }\nend\n\n");
}

static void
put_run(const struct writing *writing, const char *before)
{
    aks_buf_printf(writing->out, "  %sworld:run%s\n", before,
        writing->sources ? "()" : " { sources = { \"" EXAMPLE "\" } }");
}

/* The end of a test: a run, and what came of it. */
static void
put_expected(const struct writing *writing, const struct seen *seen)
{
    struct aks_buf *out = writing->out;

    put_run(writing, "local report = ");
    aks_buf_printf(out, "  lu.assertEquals(report.outcome, \"%s\")\n", seen->outcome);
    if (seen->target[0] != '\0')
        aks_buf_printf(out, "  lu.assertEquals(report.target, \"%s\")\n", seen->target);
    else
        aks_buf_puts(out, "  lu.assertNil(report.target)\n");
}

static void
put_refusing(const struct writing *writing, const struct refusing *refusing)
{
    for (size_t i = 0; i < refusing->count; i++)
        aks_buf_printf(writing->out, "  world.target[\"%s\"]:on(\"any\"):fail \"refused\"\n",
            refusing->names[i]);
}

static void
put_function(const struct writing *writing, const char *name, const char *target)
{
    aks_buf_printf(writing->out, "function %s:test_%s", writing->class, name);
    put_word(target, writing->out);
    aks_buf_puts(writing->out, "()\n  local world = new_world()\n");
}

static bool
is_stored(const struct seen *seen)
{
    return strcmp(seen->outcome, "stored") == 0 && seen->target[0] != '\0';
}

static void
put_store(const struct writing *writing, const struct seen *seen)
{
    put_function(writing, is_stored(seen) ? "stores_in_" : "ends_as_",
        is_stored(seen) ? seen->target : seen->outcome);
    put_expected(writing, seen);
    if (is_stored(seen))
        aks_buf_puts(writing->out, "  lu.assertEquals(world:queue(), {})\n");
    aks_buf_puts(writing->out, "end\n\n");
}

static enum aks_status
write_second_run(struct writing *writing, struct aks_error *err)
{
    struct seen seen;
    enum aks_status status = try(writing, NULL, NULL, true, &seen, err);

    if (status != AKS_OK)
        return status;
    put_function(writing, "a_second_run_is_", seen.outcome);
    put_run(writing, "");
    put_expected(writing, &seen);
    aks_buf_puts(writing->out, "end\n\n");
    return AKS_OK;
}

/* One test more for each target that refuses, until there is nowhere to go. */
static enum aks_status
write_fallbacks(struct writing *writing, const struct seen *first, struct aks_error *err)
{
    struct refusing refusing = { .count = 0 };
    struct seen seen = *first;
    enum aks_status status = AKS_OK;

    while (status == AKS_OK && is_stored(&seen) && seen.kind != AKS_TARGET_DIR &&
        refusing.count < AKS_TARGETS_MAX) {
        (void)snprintf(refusing.names[refusing.count++], AKS_TARGET_NAME_BYTES, "%s", seen.target);
        status = try(writing, &refusing, NULL, false, &seen, err);
        if (status != AKS_OK || !seen.struck)
            break;
        put_function(writing, is_stored(&seen) ? "falls_back_to_" : "without_an_answer_it_is_",
            is_stored(&seen) ? seen.target : seen.outcome);
        put_refusing(writing, &refusing);
        put_expected(writing, &seen);
        if (strcmp(seen.outcome, "queued") == 0 || strcmp(seen.outcome, "partial") == 0)
            aks_buf_puts(writing->out, "  lu.assertEquals(#world:queue(), 1)\n");
        aks_buf_puts(writing->out, "end\n\n");
    }
    return status;
}

static enum aks_status
write_wait(struct writing *writing, const struct seen *first, struct aks_error *err)
{
    struct seen seen;
    enum aks_status status;

    if (!is_stored(first) || first->kind == AKS_TARGET_DIR)
        return AKS_OK;
    status = try(writing, NULL, first->target, false, &seen, err);
    if (status != AKS_OK || !seen.struck)
        return status;
    put_function(writing, seen.took_ms >= ASKED_S * AKS_MS_PER_S ? "waits_as_long_as_asked_by_"
        : "does_not_wait_for_", first->target);
    aks_buf_printf(writing->out, "  world.target[\"%s\"]:on(\"put\"):reply "
        "{ status = 503, retry_after = %d }:once()\n", first->target, ASKED_S);
    put_expected(writing, &seen);
    aks_buf_printf(writing->out, "  lu.assertTrue(world:now() %s %d)\nend\n\n",
        seen.took_ms >= ASKED_S * AKS_MS_PER_S ? ">=" : "<", ASKED_S);
    return AKS_OK;
}

/* In the world the policy lies in a home; a person knows it by its own path. */
static void
name_policy(const struct writing *writing, struct aks_error *err)
{
    static const char there[] = AKS_WORLD_POLICY;
    char message[AKS_ERROR_MESSAGE_BYTES];

    /* The variables of whoever asks are not those of a world. */
    if (err != NULL && strncmp(err->hint, "not set in the environment", 26) == 0)
        aks_error_hint(err, "a test sets variables with sim.world { env = { NAME = \"...\" } }; "
            "here AKOSHA_CLOUD_BUCKET and AKOSHA_HTTP_URL are all that is set");
    if (err == NULL || strncmp(err->message, there, sizeof(there) - 1) != 0)
        return;
    (void)snprintf(message, sizeof(message), "%s", err->message + sizeof(there) - 1);
    (void)snprintf(err->message, sizeof(err->message), "%s%.*s", writing->path,
        (int)(sizeof(message) - 1), message);
}

enum aks_status
aks_first_test_write(const struct aks_port *real, const char *path, struct aks_buf *out,
    struct aks_error *err)
{
    struct writing writing = { .real = real, .path = path, .out = out };
    struct seen first;
    enum aks_status status;

    AKS_CHECK(path[0] != '\0');
    status = aks_policy_text_read(real, path, &writing.text, err);
    if (status != AKS_OK)
        return status;
    name_class(path, writing.class);
    status = try(&writing, NULL, NULL, false, &first, err);
    if (status == AKS_OK) {
        put_head(&writing);
        put_store(&writing, &first);
        status = write_second_run(&writing, err);
    }
    if (status == AKS_OK)
        status = write_fallbacks(&writing, &first, err);
    if (status == AKS_OK)
        status = write_wait(&writing, &first, err);
    aks_policy_text_fini(real->alloc, &writing.text);
    if (status != AKS_OK) {
        name_policy(&writing, err);
        return status;
    }
    aks_buf_puts(out, "return lu.LuaUnit.run()\n");
    return aks_buf_status(out, "the tests", err);
}
