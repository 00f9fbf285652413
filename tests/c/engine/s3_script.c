#include "engine/s3_script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* More turns than any operation here takes. */
#define TURNS_MAX 1000

static void
assert_no_secret(const char *text)
{
    assert_null(strstr(text, "PLANTED"));
    assert_null(strstr(text, "Signature="));
}

static void
log_line(void *ctx, enum aks_log_level level, const char *text)
{
    assert_no_secret(text);
}

void
s3_script_begin(struct s3_script *script, const struct aks_alloc *alloc)
{
    static char name[] = "cloud";
    static char bucket[] = "bucket";
    static char region[] = "auto";
    static char endpoint[] = "https://s3.example:9000";
    static char prefix[] = "pre/";
    static char credentials[] = "auto";

    memset(script, 0, sizeof(*script));
    scripted_port_init(&script->scripted, alloc);
    scripted_set(&script->scripted, "AWS_ACCESS_KEY_ID=AKIDEXAMPLE");
    scripted_set(&script->scripted, "AWS_SECRET_ACCESS_KEY=" S3_SCRIPT_SECRET);
    scripted_set(&script->scripted, "AWS_SESSION_TOKEN=" S3_SCRIPT_TOKEN);
    aks_settings_init(&script->settings, alloc);
    script->settings.retry.jitter = AKS_JITTER_NONE;
    script->policy.settings = &script->settings;
    aks_loop_init(&script->loop, &script->scripted.port);
    script->log.line = log_line;
    script->log.level = AKS_LOG_DEBUG;
    assert_int_equal(aks_ask_init(&script->ask, &script->loop, &script->policy, &script->log, 1,
        NULL), AKS_OK);
    script->target_settings.name = name;
    script->target_settings.kind = AKS_TARGET_S3;
    script->target_settings.bucket = bucket;
    script->target_settings.region = region;
    script->target_settings.endpoint = endpoint;
    script->target_settings.prefix = prefix;
    script->target_settings.credentials = credentials;
    script->target_settings.path_style = -1;
    script->options.port = &script->scripted.port;
    script->options.loop = &script->loop;
    script->options.ask = &script->ask;
    script->options.log = &script->log;
    script->options.settings = &script->target_settings;
    script->options.system_id = "laptop-7";
    script->options.upload_id = "up";
    script->options.probe_ms = AKS_PROBE_MS_DEFAULT;
}

void
s3_script_create(struct s3_script *script)
{
    struct aks_error err;

    if (aks_target_s3.create(&script->options, &script->target, &err) != AKS_OK)
        fail_msg("%s", err.message);
}

void
s3_script_end(struct s3_script *script)
{
    aks_target_s3.object_free(script->object);
    aks_target_s3.free(script->target);
    aks_ask_fini(&script->ask);
    aks_loop_fini(&script->loop);
    scripted_port_done(&script->scripted);
    scripted_port_fini(&script->scripted);
}

void
s3_script_done(void *ctx, const struct aks_outcome *outcome)
{
    struct s3_done *done = ctx;

    assert_int_equal(done->calls, 0);
    done->calls++;
    done->outcome = *outcome;
    assert_no_secret(outcome->error.message);
    assert_no_secret(outcome->error.hint);
}

enum aks_status
s3_script_wait(struct s3_script *script, struct s3_done *done)
{
    for (unsigned i = 0; i < TURNS_MAX && done->calls == 0; i++)
        assert_int_equal(aks_loop_turn(&script->loop, NULL), AKS_OK);
    assert_int_equal(done->calls, 1);
    return done->outcome.status;
}

/* For an operation that is begun right after. */
static struct s3_done *
fresh(struct s3_done *done)
{
    memset(done, 0, sizeof(*done));
    return done;
}

enum aks_status
s3_script_available(struct s3_script *script)
{
    aks_target_s3.available(script->target, s3_script_done, fresh(&script->done));
    assert_int_equal(script->done.calls, 0);
    return s3_script_wait(script, &script->done);
}

enum aks_status
s3_script_put(struct s3_script *script, const char *text, bool create_only)
{
    aks_target_s3.put(script->target, S3_SCRIPT_FOLDER "manifest.json", "application/json", text,
        strlen(text), create_only, s3_script_done, fresh(&script->done));
    assert_int_equal(script->done.calls, 0);
    return s3_script_wait(script, &script->done);
}

void
s3_script_open(struct s3_script *script)
{
    struct aks_object_spec spec = { 0 };
    struct aks_error err;

    spec.key = S3_SCRIPT_KEY;
    spec.content_type = "application/octet-stream";
    spec.source = "x.duckdb";
    spec.bytes = -1;
    spec.part_bytes = S3_SCRIPT_PART_BYTES;
    spec.resume = script->resume;
    spec.journal = script->journal;
    if (aks_target_s3.open(script->target, &spec, &script->object, &err) != AKS_OK)
        fail_msg("%s", err.message);
}

static bool
busy(const struct s3_script *script)
{
    return script->loop.timers.count > 0 || script->scripted.calls_under_way > 0;
}

static enum aks_status
read_part(void *ctx, int64_t offset, void *data, size_t len, size_t *ret_len, struct aks_error *err)
{
    /* One byte at a time now and then, as bodies may. */
    *ret_len = offset == 1 ? 1 : len;
    memset(data, 'p', *ret_len);
    return AKS_OK;
}

static void
send_part(struct s3_script *script, uint32_t number, int64_t bytes, bool last)
{
    char text[S3_SCRIPT_PART_BYTES];
    struct aks_part part = { 0 };

    memset(text, 'p', sizeof(text));
    part.number = number;
    part.last = last;
    part.offset = (int64_t)(number - 1) * S3_SCRIPT_PART_BYTES;
    part.body.bytes = bytes;
    part.body.read = read_part;
    part.in_memory = true;
    aks_sha256(text, (size_t)bytes, part.sha256);
    part.crc64nvme = aks_crc64nvme(0, text, (size_t)bytes);
    aks_target_s3.send(script->object, &part, s3_script_done, fresh(&script->parts[number]));
}

void
s3_script_send(struct s3_script *script, uint32_t number, int64_t bytes, bool last)
{
    send_part(script, number, bytes, last);
    assert_int_equal(script->parts[number].calls, 0);
}

/* Without memory for a timer a failure is told at once, and what is left untold is aborted. */
void
s3_script_upload(struct s3_script *script)
{
    struct aks_object_digest digest = { 0 };

    send_part(script, 1, 10, false);
    send_part(script, 2, 3, true);
    for (unsigned i = 0; i < TURNS_MAX && (script->parts[1].calls == 0 ||
            script->parts[2].calls == 0) && busy(script); i++)
        assert_int_equal(aks_loop_turn(&script->loop, NULL), AKS_OK);
    digest.bytes = 13;
    if (script->parts[1].calls == 1 && script->parts[1].outcome.status == AKS_OK &&
        script->parts[2].calls == 1 && script->parts[2].outcome.status == AKS_OK)
        aks_target_s3.finish(script->object, &digest, s3_script_done, fresh(&script->done));
    else
        aks_target_s3.abort(script->object, s3_script_done, fresh(&script->done));
    (void)s3_script_wait(script, &script->done);
}

enum aks_status
s3_script_sent(struct s3_script *script, uint32_t number)
{
    return s3_script_wait(script, &script->parts[number]);
}

enum aks_status
s3_script_finish(struct s3_script *script, int64_t bytes)
{
    struct aks_object_digest digest = { 0 };

    digest.bytes = bytes;
    digest.whole.bytes = -1;
    aks_target_s3.finish(script->object, &digest, s3_script_done, fresh(&script->done));
    assert_int_equal(script->done.calls, 0);
    return s3_script_wait(script, &script->done);
}

enum aks_status
s3_script_abort(struct s3_script *script)
{
    aks_target_s3.abort(script->object, s3_script_done, fresh(&script->done));
    assert_int_equal(script->done.calls, 0);
    return s3_script_wait(script, &script->done);
}
