/* Each law is really checked: worlds that are lawful pass, and for each way to break a law a world
 * that was broken so is told by that law's name. */
#include "testkit/laws.h"

#include "base/encode.h"
#include "base/units.h"
#include "data/digest.h"
#include "testkit/scenario.h"
#include "testkit/world_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BYTES (20 * (size_t)1024)
#define WHOLE_BYTES ((size_t)2 * AKS_PATH_BYTES)
#define AUDIT AKS_WORLD_STATE "/audit.jsonl"

static const char *const targets[] = { "cloud", "http", "folder" };
static const char *const codecs[] = { "'none'", "{ codec = 'gzip', always = true }",
    "{ codec = 'zstd', always = true }" };

/* A world of one target and one codec, that has stored its source. */
struct place {
    struct aks_world *world;
    struct aks_world_target *target;
    json_t *report;
    char key[512];              /* found by find */
    const char *end;            /* that it has */
    char *data;
    size_t len;
};

static struct aks_world *
make(const char *target, const char *codec)
{
    char policy[1024];

    (void)snprintf(policy, sizeof(policy),
        "local akosha = require 'akosha'\n"
        "return akosha.policy { api = 1, sources = { 'a.bin' },\n"
        "  targets = { cloud = akosha.s3 { bucket = 'memories', prefix = 'a/b',\n"
        "                                  endpoint = 'https://s3.example.org' },\n"
        "              http = akosha.http { url = 'https://put.example.org/upload' },\n"
        "              folder = akosha.dir { path = '/mnt/backup' } },\n"
        "  route = { '%s' }, compress = %s }\n", target, codec);
    return scenario_new(1, policy, BYTES);
}

static void
place_init(struct place *place, const char *target, const char *codec)
{
    memset(place, 0, sizeof(*place));
    place->world = make(target, codec);
    assert_int_equal(aks_files_sim_make_folders(aks_sim_files(aks_world_sim(place->world)),
        "/mnt/backup", NULL), AKS_OK);
    place->report = scenario_run(place->world);
    assert_string_equal(json_string_value(json_object_get(place->report, "outcome")), "stored");
    place->target = aks_world_target(place->world, target);
}

static void
place_fini(struct place *place)
{
    free(place->data);
    json_decref(place->report);
    aks_world_free(place->world);
}

static void
lawful(const struct place *place, const json_t *report)
{
    struct aks_error err;

    if (aks_laws_check(place->world, report, &err) != AKS_OK)
        fail_msg("%s", err.message);
}

/* ${law} is broken, and the message has ${words}. */
static void
broken_in(struct aks_world *world, const json_t *report, const char *law, const char *words)
{
    struct aks_error err = { 0 };

    assert_int_equal(aks_laws_check(world, report, &err), AKS_INTERNAL);
    if (strncmp(err.message, law, strlen(law)) != 0 || err.message[strlen(law)] != ':' ||
        strstr(err.message, words) == NULL)
        fail_msg("not \"%s: ... %s\": %s", law, words, err.message);
}

static void
broken(const struct place *place, const char *law, const char *words)
{
    broken_in(place->world, place->report, law, words);
}

static void
match(void *ctx, const char *key, const void *data, size_t len)
{
    struct place *place = ctx;
    size_t end = strlen(place->end);

    if (place->data != NULL || strlen(key) < end || strcmp(key + strlen(key) - end, place->end) != 0)
        return;
    (void)snprintf(place->key, sizeof(place->key), "%s", key);
    place->data = malloc(len + 1);
    assert_non_null(place->data);
    memcpy(place->data, data, len);
    place->data[len] = '\0';
    place->len = len;
}

/* The key and a copy of the first object whose key ends so. */
static void
find(struct place *place, const char *end)
{
    free(place->data);
    place->data = NULL;
    place->end = end;
    aks_world_objects(place->world, place->target, match, place);
    assert_non_null(place->data);
}

static void
whole_key(const struct place *place, char whole[WHOLE_BYTES])
{
    (void)snprintf(whole, WHOLE_BYTES, "%s%s%s", place->target->s3 != NULL ? place->target->prefix
        : place->target->folder, place->target->folder[0] != '\0' ? "/" : "", place->key);
}

/* Somebody else's hand. */
static void
put(const struct place *place)
{
    char whole[WHOLE_BYTES];

    whole_key(place, whole);
    if (place->target->s3 != NULL)
        assert_int_equal(aks_s3_model_put(place->target->s3, whole, place->data, place->len,
            AKS_WORLD_WALL_MS, NULL), AKS_OK);
    else if (place->target->http != NULL)
        assert_int_equal(aks_http_model_put(place->target->http, whole, place->data, place->len,
            NULL), AKS_OK);
    else
        assert_int_equal(aks_files_sim_put(aks_sim_files(aks_world_sim(place->world)), whole,
            place->data, place->len, 0, NULL), AKS_OK);
}

static void
remove_it(const struct place *place)
{
    char whole[WHOLE_BYTES];

    whole_key(place, whole);
    if (place->target->s3 != NULL)
        assert_int_equal(aks_s3_model_remove(place->target->s3, whole, NULL), AKS_OK);
    else if (place->target->http != NULL)
        assert_int_equal(aks_http_model_remove(place->target->http, whole, NULL), AKS_OK);
    else
        assert_int_equal(aks_files_sim_remove(aks_sim_files(aks_world_sim(place->world)), whole,
            NULL), AKS_OK);
}

/* What stands behind ${name} in the manifest is replaced, byte for byte. */
static void
replace(struct place *place, const char *name, const char *text)
{
    char *at = strstr(place->data, name);

    assert_non_null(at);
    at = strchr(at + strlen(name) + 1, '"');
    assert_non_null(at);
    memcpy(at + 1, text, strlen(text));
}

static void
each_place(void (*test)(struct place *place))
{
    for (unsigned i = 0; i < 9; i++) {
        struct place place;

        place_init(&place, targets[i / 3], codecs[i % 3]);
        lawful(&place, place.report);
        lawful(&place, NULL);
        test(&place);
        place_fini(&place);
    }
}

static const char *
object_end(const struct place *place)
{
    const json_t *file = json_array_get(json_object_get(place->report, "files"), 0);

    return strrchr(json_string_value(json_object_get(file, "key")), '/');
}

static void
run_again(struct place *place)
{
    json_decref(place->report);
    place->report = scenario_run(place->world);
    assert_string_equal(json_string_value(json_object_get(place->report, "outcome")), "unchanged");
    scenario_put(place->world, "a.bin", 2, 7000);
    json_decref(place->report);
    place->report = scenario_run(place->world);
    assert_string_equal(json_string_value(json_object_get(place->report, "outcome")), "stored");
    lawful(place, place->report);
}

static void
lawful_worlds_pass(void **state)
{
    each_place(run_again);
}

static void
without_object(struct place *place)
{
    find(place, object_end(place));
    remove_it(place);
    broken(place, "nothing half-seen", "which is not there");
    broken_in(place->world, NULL, "nothing half-seen", "which is not there");
    put(place);
    lawful(place, place->report);
}

static void
object_that_is_gone_is_half_seen(void **state)
{
    each_place(without_object);
}

static void
with_a_flipped_bit(struct place *place)
{
    find(place, object_end(place));
    place->data[place->len / 2] ^= 1;
    put(place);
    broken(place, "nothing half-seen", "has other bytes than its manifest says");
}

static void
object_with_a_flipped_bit_is_half_seen(void **state)
{
    each_place(with_a_flipped_bit);
}

static void
without_its_end(struct place *place)
{
    find(place, object_end(place));
    place->len--;
    put(place);
    broken(place, "nothing half-seen", "bytes, its manifest says");
}

static void
object_without_its_end_is_half_seen(void **state)
{
    each_place(without_its_end);
}

static void
with_a_cut_manifest(struct place *place)
{
    find(place, "/manifest.json");
    place->len /= 2;
    put(place);
    broken(place, "nothing half-seen", "cannot be read");
}

static void
manifest_that_does_not_read_is_half_seen(void **state)
{
    each_place(with_a_cut_manifest);
}

/* The object is as the manifest says; what it unpacks to is not. */
static void
with_another_plain_digest(struct place *place)
{
    find(place, "/manifest.json");
    replace(place, "\"sha256\"", "00000000");
    put(place);
    broken(place, "nothing half-seen", "unpacks to other bytes than its manifest says");
}

static void
object_that_unpacks_to_something_else_is_half_seen(void **state)
{
    /* What is stored as it is has one digest for both: the manifest does not read. */
    for (unsigned i = 0; i < 6; i++) {
        struct place place;

        place_init(&place, targets[i / 2], codecs[1 + i % 2]);
        with_another_plain_digest(&place);
        place_fini(&place);
    }
}

/* Garbage that is what the manifest says. */
static void
object_that_does_not_unpack_is_half_seen(void **state)
{
    for (unsigned i = 0; i < 6; i++) {
        uint8_t digest[AKS_SHA256_BYTES];
        char hex[AKS_SHA256_HEX_BYTES];
        struct place place;

        place_init(&place, targets[i / 2], codecs[1 + i % 2]);
        find(&place, object_end(&place));
        memset(place.data, 'x', place.len);
        aks_sha256(place.data, place.len, digest);
        aks_hex_encode(digest, sizeof(digest), hex);
        put(&place);
        find(&place, "/manifest.json");
        replace(&place, "\"stored_sha256\"", hex);
        put(&place);
        broken(&place, "nothing half-seen", "does not unpack");
        place_fini(&place);
    }
}

struct thief {
    struct place *place;
    unsigned stole;
};

/* Asked at each step of the network; strikes never. */
static bool
steal(void *ctx, const struct aks_fault_step *step)
{
    struct thief *thief = ctx;

    if (strcmp(step->operation, "manifest") != 0 || strcmp(step->step->verb, "serve") != 0)
        return false;
    thief->place->target = aks_world_target(thief->place->world, step->target);
    find(thief->place, "/a.bin");
    remove_it(thief->place);
    thief->stole++;
    return false;
}

/* Readers see a manifest as soon as it is there: what is mended afterwards was half seen. */
static void
manifest_is_looked_at_as_it_is_written(void **state)
{
    struct place place = { .world = make("cloud", "'none'") };
    struct thief thief = { &place, 0 };
    struct aks_fault_rule *rule = scenario_fault(place.world, AKS_FAULT_LOST, "", "manifest");
    struct aks_error err;

    rule->when = steal;
    rule->when_ctx = &thief;
    assert_int_equal(aks_world_run(place.world, NULL, &place.report, &err), AKS_OK);
    assert_int_equal(thief.stole, 1);
    put(&place);
    broken(&place, "nothing half-seen", "which is not there");
    place_fini(&place);
}

static void
without_manifest(struct place *place)
{
    find(place, "/manifest.json");
    remove_it(place);
    broken(place, "nothing lost", "where no manifest names");
    /* Of a process that died nothing is known. */
    lawful(place, NULL);
}

static void
source_that_is_stored_in_no_manifest_is_lost(void **state)
{
    each_place(without_manifest);
}

static json_t *
file_of(const struct place *place)
{
    json_t *file = json_array_get(json_object_get(place->report, "files"), 0);

    assert_non_null(file);
    return file;
}

static void
source_that_is_stored_nowhere_is_lost(void **state)
{
    struct place place;

    place_init(&place, "cloud", "'none'");
    (void)json_object_set_new(file_of(&place), "targets", json_array());
    broken(&place, "nothing lost", "is called stored and no target has it");
    (void)json_object_set_new(file_of(&place), "targets", json_pack("[s]", "nobody"));
    broken(&place, "nothing lost", "is stored in nobody, which is no target");
    (void)json_object_set_new(file_of(&place), "targets", json_pack("[s]", "http"));
    broken(&place, "nothing lost", "is called stored in http, where no manifest names");
    (void)json_object_set_new(file_of(&place), "targets", json_pack("[s]", "cloud"));
    lawful(&place, place.report);
    place_fini(&place);
}

/* What no source ever was is not what was to be kept. The world is told of every change but this. */
static void
bytes_that_no_source_ever_had_are_lost(void **state)
{
    struct place place;
    json_t *report = NULL;

    place_init(&place, "cloud", "'none'");
    assert_int_equal(aks_files_sim_edit(aks_sim_files(aks_world_sim(place.world)),
        AKS_WORLD_HOME "/a.bin", 5, "another", 7, NULL), AKS_OK);
    aks_world_advance(place.world, 10 * AKS_NS_PER_S);
    assert_int_equal(aks_world_run(place.world, NULL, &report, NULL), AKS_OK);
    broken_in(place.world, report, "nothing lost", "never had the digest");
    assert_int_equal(aks_world_edit(place.world, "a.bin", 5, "another", 7, NULL), AKS_OK);
    lawful(&place, report);
    json_decref(report);
    place_fini(&place);
}

/* A world whose source could not be brought. */
static void
queue(struct place *place)
{
    struct aks_fault_rule *rule;

    memset(place, 0, sizeof(*place));
    place->world = make("cloud", "'none'");
    rule = scenario_fault(place->world, AKS_FAULT_FAIL, "", "");
    aks_fault_rule_status(rule, AKS_DNS);
    place->report = scenario_run(place->world);
    assert_string_equal(json_string_value(json_object_get(place->report, "outcome")), "queued");
    (void)snprintf(place->key, sizeof(place->key), AKS_WORLD_STATE "/queue/%s.json",
        json_string_value(json_object_get(place->report, "job_id")));
}

static void
queued_source_without_a_job_that_has_it_is_lost(void **state)
{
    struct place place;
    struct aks_files_sim *files;
    size_t len = 0;
    void *job;
    char *path;

    queue(&place);
    files = aks_sim_files(aks_world_sim(place.world));
    assert_non_null(aks_files_sim_look(files, place.key, &len));
    job = malloc(len + 1);
    assert_non_null(job);
    memcpy(job, aks_files_sim_look(files, place.key, &len), len);
    ((char *)job)[len] = '\0';
    assert_int_equal(aks_files_sim_remove(files, place.key, NULL), AKS_OK);
    broken(&place, "nothing lost", "is called queued and no job");
    /* Half of it. */
    assert_int_equal(aks_files_sim_put(files, place.key, job, len / 2, 0, NULL), AKS_OK);
    broken(&place, "nothing lost", "is called queued and no job");
    /* Of another source. */
    path = strstr(job, AKS_WORLD_HOME "/a.bin");
    assert_non_null(path);
    path[strlen(AKS_WORLD_HOME) + 1] = 'b';
    assert_int_equal(aks_files_sim_put(files, place.key, job, len, 0, NULL), AKS_OK);
    broken(&place, "nothing lost", "is called queued and no job");
    path[strlen(AKS_WORLD_HOME) + 1] = 'a';
    assert_int_equal(aks_files_sim_put(files, place.key, job, len, 0, NULL), AKS_OK);
    lawful(&place, place.report);
    free(job);
    place_fini(&place);
}

static void
exit_code_of_success_with_a_source_left_is_a_lie(void **state)
{
    struct place place;

    queue(&place);
    (void)json_object_set_new(place.report, "exit_code", json_integer(0));
    broken(&place, "nothing lost", "the exit code is 0 and");
    (void)json_object_set_new(file_of(&place), "outcome", json_string("failed"));
    broken(&place, "nothing lost", "the exit code is 0 and");
    (void)json_object_set_new(file_of(&place), "outcome", json_string("skipped"));
    lawful(&place, place.report);
    place_fini(&place);
}

/* The audit log as lines, to be put back otherwise. */
static void
with_audit(struct place *place, const char *text)
{
    assert_int_equal(aks_files_sim_put(aks_sim_files(aks_world_sim(place->world)), AUDIT, text,
        strlen(text), 0, NULL), AKS_OK);
}

static void
audit_log_that_was_changed_is_no_chain(void **state)
{
    struct place place;
    struct aks_buf text;
    const char *log;
    char *second;
    size_t len = 0;

    place_init(&place, "cloud", "'none'");
    run_again(&place);
    log = aks_files_sim_look(aks_sim_files(aks_world_sim(place.world)), AUDIT, &len);
    assert_non_null(log);
    aks_buf_init(&text, aks_alloc_system(), 1000000);
    aks_buf_append(&text, log, len);
    second = strchr(text.data, '\n') + 1;
    assert_non_null(strchr(second, '\n'));
    /* A letter of the first record. */
    *strstr(text.data, "\"event\"") = '\'';
    with_audit(&place, text.data);
    broken(&place, "one chain", "follows another one than the one before it");
    *strchr(text.data, '\'') = '"';
    with_audit(&place, text.data);
    lawful(&place, place.report);
    /* Without its first record, and without its second. */
    with_audit(&place, second);
    broken(&place, "one chain", "follows another one than the one before it");
    memmove(second, strchr(second, '\n') + 1, strlen(strchr(second, '\n') + 1) + 1);
    with_audit(&place, text.data);
    broken(&place, "one chain", "follows another one than the one before it");
    aks_buf_fini(&text);
    place_fini(&place);
}

static void
torn_records_are_told_of_one_by_one(void **state)
{
    struct place place;
    struct aks_buf text;
    size_t len = 0;
    const char *log;
    json_t *report;

    place_init(&place, "cloud", "'none'");
    log = aks_files_sim_look(aks_sim_files(aks_world_sim(place.world)), AUDIT, &len);
    aks_buf_init(&text, aks_alloc_system(), 1000000);
    aks_buf_append(&text, log, len);
    /* As a loss of power leaves it. */
    aks_buf_puts(&text, "{\"seq\":99,\"pr");
    with_audit(&place, text.data);
    lawful(&place, place.report);
    aks_buf_puts(&text, "\n{\"seq\"");
    with_audit(&place, text.data);
    broken(&place, "one chain", "two torn records follow each other");
    /* The next process heals it, and says so. */
    text.len = len;
    aks_buf_puts(&text, "{\"seq\":99,\"pr");
    with_audit(&place, text.data);
    scenario_put(place.world, "a.bin", 2, 7000);
    report = scenario_run(place.world);
    lawful(&place, report);
    json_decref(report);
    /* A record that follows as if nothing had been. */
    log = aks_files_sim_look(aks_sim_files(aks_world_sim(place.world)), AUDIT, &len);
    aks_buf_reset(&text);
    aks_buf_append(&text, log, len);
    memcpy(strstr(text.data, "\"healed\""), "\"saniert\"", 8);
    with_audit(&place, text.data);
    broken(&place, "one chain", "nothing is said of a torn record");
    aks_buf_fini(&text);
    place_fini(&place);
}

static const char leak[] = "before " AKS_WORLD_SECRET_KEY " after";

static void
secret_in_a_file_is_a_leak(void **state)
{
    static const char *const paths[] = { "/tmp/core", AKS_WORLD_HOME "/x", AUDIT ".1" };
    struct place place;
    struct aks_files_sim *files;

    place_init(&place, "cloud", "'none'");
    files = aks_sim_files(aks_world_sim(place.world));
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(aks_files_sim_put(files, paths[i], leak, strlen(leak), 0, NULL), AKS_OK);
        broken(&place, "nothing leaked", paths[i]);
        broken_in(place.world, NULL, "nothing leaked", paths[i]);
        assert_int_equal(aks_files_sim_remove(files, paths[i], NULL), AKS_OK);
    }
    lawful(&place, place.report);
    place_fini(&place);
}

static void
secret_in_a_report_a_story_or_the_log_is_a_leak(void **state)
{
    struct place place;
    struct aks_buf *texts[4];

    place_init(&place, "cloud", "'none'");
    texts[0] = &place.world->events;
    texts[1] = &place.world->requests;
    texts[2] = &place.world->decisions;
    texts[3] = &place.world->log;
    for (unsigned i = 0; i < 4; i++) {
        size_t len = texts[i]->len;

        aks_buf_puts(texts[i], leak);
        broken(&place, "nothing leaked", "the log or a story");
        texts[i]->len = len;
    }
    lawful(&place, place.report);
    (void)json_object_set_new(file_of(&place), "reason", json_string(leak));
    broken(&place, "nothing leaked", "the report");
    place_fini(&place);
}

static void
nothing_to_do(void *arg)
{
}

static void
never(void *ctx, const struct aks_http_reply *reply)
{
    fail();
}

static void
what_is_left_over_is_kept(void **state)
{
    static const struct aks_http_request get = { .method = "GET", .url = "https://s3.example.org/" };
    const struct aks_port *port;
    struct aks_file *file = NULL;
    struct aks_http_call *call;
    struct place place;

    place_init(&place, "cloud", "'none'");
    port = aks_sim_port(aks_world_sim(place.world));
    assert_int_equal(port->files.open(port->files.ctx, AUDIT, AKS_FILE_READ, &file, NULL), AKS_OK);
    broken(&place, "nothing kept", "1 files are still open");
    port->files.close(file);
    lawful(&place, place.report);
    assert_int_equal(port->http.submit(port->http.ctx, &get, never, NULL, &call, NULL), AKS_OK);
    broken(&place, "nothing kept", "1 requests are still under way");
    port->http.cancel(port->http.ctx, call);
    lawful(&place, place.report);
    assert_int_equal(port->work.submit(port->work.ctx, nothing_to_do, nothing_to_do, NULL, NULL),
        AKS_OK);
    broken(&place, "nothing kept", "1 pieces of work are still under way");
    aks_world_advance(place.world, AKS_NS_PER_S);
    lawful(&place, place.report);
    place_fini(&place);
}

static void
answered(void *ctx, const struct aks_http_reply *reply)
{
    int *status = ctx;

    *status = reply->status;
}

/* A request that no engine makes. */
static void
ask(struct aks_world *world, const char *method, const char *url, int wanted)
{
    const struct aks_http_request request = { .method = method, .url = url,
        .reply_bytes_max = 10000 };
    const struct aks_port *port = aks_sim_port(aks_world_sim(world));
    struct aks_http_call *call;
    int status = 0;

    assert_int_equal(port->http.submit(port->http.ctx, &request, answered, &status, &call, NULL),
        AKS_OK);
    while (status == 0)
        assert_int_equal(port->events.wait(port->events.ctx, -1, NULL), AKS_OK);
    assert_int_equal(status, wanted);
}

#define OBJECT "https://s3.example.org/memories/a/b/systems/x"

static void
request_before_retry_after_is_over_is_hasty(void **state)
{
    struct aks_fault_rule *rule;
    struct place place;

    place_init(&place, "cloud", "'none'");
    rule = scenario_reply(place.world, "cloud", "look", 503, "SlowDown");
    rule->retry_after_s = 20;
    rule->times = 1;
    ask(place.world, "HEAD", OBJECT, 503);
    lawful(&place, place.report);
    /* Another operation, another object, another target may. */
    ask(place.world, "GET", OBJECT, 403);
    ask(place.world, "HEAD", OBJECT "y", 403);
    ask(place.world, "HEAD", "https://put.example.org/upload/systems/x", 404);
    lawful(&place, place.report);
    ask(place.world, "HEAD", OBJECT, 403);
    broken(&place, "waits as asked", "cloud look came at");
    /* It is told once. */
    lawful(&place, place.report);
    aks_world_advance(place.world, 20 * AKS_NS_PER_S);
    ask(place.world, "HEAD", OBJECT, 403);
    lawful(&place, place.report);
    place_fini(&place);
}

static void
policy_may_know_better_than_a_server(void **state)
{
    char policy[2048];
    struct aks_fault_rule *rule;
    struct aks_world *world;
    json_t *report;
    json_t *decision;
    size_t i;
    size_t len = strlen(scenario_policy);

    (void)snprintf(policy, sizeof(policy), "%.*s,\n retry = function() return akosha.wait(1) end }",
        (int)(strstr(scenario_policy, ",\n  retry") - scenario_policy), scenario_policy);
    assert_true(len > 0);
    world = scenario_new(1, policy, BYTES);
    rule = scenario_reply(world, "cloud", "part 2", 503, "SlowDown");
    rule->retry_after_s = 20;
    rule->times = 1;
    report = scenario_run(world);
    assert_int_equal(rule->struck, 1);
    json_decref(report);
    /* The same haste, and nobody decided it. */
    aks_fault_plan_rewind(aks_world_plan(world), 1);
    scenario_put(world, "a.bin", 5, BYTES);
    assert_int_equal(aks_world_run(world, NULL, &report, NULL), AKS_OK);
    assert_int_equal(rule->struck, 1);
    json_array_foreach(json_object_get(report, "decisions"), i, decision)
        (void)json_object_set_new(decision, "by", json_string("default"));
    broken_in(world, report, "waits as asked", "cloud part 2 came at");
    json_decref(report);
    aks_world_free(world);
}

/* A disk that takes a month for one step. */
static void
run_without_an_end_is_not_bounded(void **state)
{
    struct place place = { .world = make("cloud", "'none'") };
    struct aks_fault_rule *rule = scenario_fault(place.world, AKS_FAULT_SLOW, "a.bin", "read");
    struct aks_error err;

    rule->disk = true;
    rule->delay_ns = 31 * INT64_C(86400) * AKS_NS_PER_S;
    assert_int_equal(aks_world_run(place.world, NULL, &place.report, &err), AKS_OK);
    assert_null(place.report);
    assert_true(aks_world_died(place.world));
    aks_world_restart(place.world, false);
    broken(&place, "bounded", "a run took more than 30 days");
    place_fini(&place);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lawful_worlds_pass),
        cmocka_unit_test(object_that_is_gone_is_half_seen),
        cmocka_unit_test(object_with_a_flipped_bit_is_half_seen),
        cmocka_unit_test(object_without_its_end_is_half_seen),
        cmocka_unit_test(manifest_that_does_not_read_is_half_seen),
        cmocka_unit_test(object_that_unpacks_to_something_else_is_half_seen),
        cmocka_unit_test(object_that_does_not_unpack_is_half_seen),
        cmocka_unit_test(manifest_is_looked_at_as_it_is_written),
        cmocka_unit_test(source_that_is_stored_in_no_manifest_is_lost),
        cmocka_unit_test(source_that_is_stored_nowhere_is_lost),
        cmocka_unit_test(bytes_that_no_source_ever_had_are_lost),
        cmocka_unit_test(queued_source_without_a_job_that_has_it_is_lost),
        cmocka_unit_test(exit_code_of_success_with_a_source_left_is_a_lie),
        cmocka_unit_test(audit_log_that_was_changed_is_no_chain),
        cmocka_unit_test(torn_records_are_told_of_one_by_one),
        cmocka_unit_test(secret_in_a_file_is_a_leak),
        cmocka_unit_test(secret_in_a_report_a_story_or_the_log_is_a_leak),
        cmocka_unit_test(what_is_left_over_is_kept),
        cmocka_unit_test(request_before_retry_after_is_over_is_hasty),
        cmocka_unit_test(policy_may_know_better_than_a_server),
        cmocka_unit_test(run_without_an_end_is_not_bounded),
    };

    return cmocka_run_group_tests_name("laws", tests, NULL, NULL);
}
