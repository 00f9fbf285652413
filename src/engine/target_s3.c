#include "base/check.h"
#include "base/encode.h"
#include "engine/state.h"
#include "engine/target_s3_internal.h"

#include <stdio.h>
#include <string.h>

/* So many successes for each part under way before one more is tried. */
#define FASTER_AFTER 4

int64_t
aks_s3_wall_ms(const struct aks_s3 *s3)
{
    const struct aks_clock *clock = &s3->options.port->clock;

    return clock->wall_ms(clock->ctx);
}

/* What is believed saves a request; that it cannot be written down costs one the next time, no
 * more. */
void
aks_s3_remember(struct aks_s3 *s3, const char *fact, const char *value)
{
    struct aks_error err;

    if (s3->options.state == NULL)
        return;
    if (aks_state_fact_put(s3->options.state, s3->identity, fact, value, aks_s3_wall_ms(s3),
            &err) != AKS_OK)
        aks_log_write(s3->options.log, AKS_LOG_DEBUG, "target %s: %s is not remembered: %s",
            s3->base.settings->name, fact, err.message);
}

static bool
recall(const struct aks_s3 *s3, const char *fact, char *ret_value, size_t value_bytes)
{
    return s3->options.state != NULL &&
        aks_state_fact_get(s3->options.state, s3->identity, fact, aks_s3_wall_ms(s3),
            AKS_S3_FACT_MS, ret_value, value_bytes, NULL) == AKS_OK;
}

static void
recall_all(struct aks_s3 *s3)
{
    const char *name = s3->base.settings->name;
    char value[AKS_S3_REGION_BYTES];

    if (s3->place.region_open && recall(s3, AKS_S3_FACT_REGION, value, sizeof(value)))
        (void)aks_s3_place_region(&s3->place, value, NULL);
    s3->conditional_put = !(recall(s3, AKS_S3_FACT_CONDITIONAL, value, sizeof(value)) &&
        strcmp(value, "no") == 0);
    if (s3->base.settings->payload != AKS_PAYLOAD_CRC64)
        return;
    if (!s3->place.url.tls) {
        aks_log_write(s3->options.log, AKS_LOG_WARNING,
            "target %s: without TLS each part is signed with SHA-256, whatever `payload` says",
            name);
        return;
    }
    s3->crc64_open = !recall(s3, AKS_S3_FACT_CRC64, value, sizeof(value));
    s3->crc64 = !s3->crc64_open && strcmp(value, "yes") == 0;
}

/* A number that nobody else has; without entropy it is only a weaker proof that an object is
 * ours. */
void
aks_s3_nonce(struct aks_s3 *s3, char ret_nonce[AKS_S3_NONCE_BYTES])
{
    const struct aks_entropy *entropy = &s3->options.port->entropy;
    uint8_t random[(AKS_S3_NONCE_BYTES - 1) / 2] = { 0 };
    int64_t now[2] = { s3->options.loop->now_ns, aks_s3_wall_ms(s3) };

    if (entropy->fill(entropy->ctx, random, sizeof(random), NULL) != AKS_OK)
        memcpy(random, now, sizeof(random));
    aks_hex_encode(random, sizeof(random), ret_nonce);
}

void
aks_s3_part_stored(struct aks_s3 *s3)
{
    if (++s3->parts_row < FASTER_AFTER * s3->parts_in_flight)
        return;
    s3->parts_row = 0;
    if (s3->parts_in_flight < AKS_S3_PARTS_MAX)
        s3->parts_in_flight++;
}

static enum aks_status
find_credentials(struct aks_s3 *s3, struct aks_error *err)
{
    const struct aks_target_options *options = &s3->options;
    struct aks_credentials_options wanted = { 0 };

    wanted.port = options->port;
    wanted.loop = options->loop;
    wanted.log = options->log;
    wanted.state = options->state;
    wanted.target = options->settings->name;
    wanted.how = options->settings->credentials;
    /* Other servers have regions of their own making. */
    wanted.region = s3->place.endpoint == NULL ? options->settings->region : "";
    wanted.ca_file = s3->place.ca_file;
    wanted.lingering = options->lingering;
    return aks_credentials_chain_new(&wanted, &s3->credentials, err);
}

static enum aks_status
set_up(struct aks_s3 *s3, struct aks_error *err)
{
    const struct aks_target_options *options = &s3->options;
    const struct aks_environment *environment = &options->port->environment;
    struct aks_target_settings settings;
    enum aks_status status = aks_s3_place_init(&s3->place, options->port, options->settings, err);

    if (status == AKS_OK)
        status = find_credentials(s3, err);
    if (status != AKS_OK) {
        (void)aks_error_wrap(err, "target %s", options->settings->name);
        return status;
    }
    settings = aks_s3_place_settings(&s3->place);
    aks_target_identity(&settings, environment->home(environment->ctx), options->system_id,
        s3->identity);
    recall_all(s3);
    aks_log_write(options->log, AKS_LOG_DEBUG, "target %s: %s, region %s, credentials: %s",
        options->settings->name, s3->place.url.authority, s3->place.region,
        aks_credentials_chain_source(s3->credentials));
    return AKS_OK;
}

static void
s3_credentials(const struct aks_target *target, char ret_source[AKS_TARGET_CREDENTIALS_BYTES])
{
    const struct aks_s3 *s3 = (const struct aks_s3 *)target;

    (void)snprintf(ret_source, AKS_TARGET_CREDENTIALS_BYTES, "%s",
        aks_credentials_chain_source(s3->credentials));
}

static void
s3_free(struct aks_target *target)
{
    struct aks_s3 *s3 = (struct aks_s3 *)target;
    const struct aks_alloc *alloc;

    if (s3 == NULL)
        return;
    alloc = s3->options.port->alloc;
    aks_s3_probe_cancel(&s3->probe);
    while (s3->ops != NULL)
        aks_s3_op_cancel(s3->ops);
    while (s3->objects != NULL)
        aks_s3_object_orphan(s3->objects);
    aks_credentials_chain_free(s3->credentials);
    aks_mem_free(alloc, s3);
}

static enum aks_status
s3_create(const struct aks_target_options *options, struct aks_target **ret_target,
    struct aks_error *err)
{
    struct aks_s3 *s3 = aks_mem_new(options->port->alloc, sizeof(*s3));
    enum aks_status status;

    *ret_target = NULL;
    if (s3 == NULL)
        return aks_error_memory(err, "making a target");
    s3->base.class = &aks_target_s3;
    s3->base.settings = options->settings;
    s3->options = *options;
    s3->parts_in_flight = AKS_S3_PARTS_START;
    aks_secret_wipe_init(&s3->wipe, options->port->alloc);
    aks_s3_step_init(&s3->probe.step, s3);
    status = set_up(s3, err);
    if (status != AKS_OK) {
        s3_free(&s3->base);
        return status;
    }
    *ret_target = &s3->base;
    return AKS_OK;
}

static enum aks_part_check
s3_part_check(const struct aks_target *target)
{
    const struct aks_s3 *s3 = (const struct aks_s3 *)target;

    return s3->crc64 ? AKS_PART_CRC64NVME : AKS_PART_SHA256;
}

static unsigned
s3_parts_in_flight(const struct aks_target *target)
{
    return ((const struct aks_s3 *)target)->parts_in_flight;
}

const struct aks_target_class aks_target_s3 = {
    .create = s3_create,
    .free = s3_free,
    .available = aks_s3_available,
    .part_check = s3_part_check,
    .parts_in_flight = s3_parts_in_flight,
    .open = aks_s3_open,
    .send = aks_s3_send,
    .finish = aks_s3_finish,
    .abort = aks_s3_abort,
    .object_free = aks_s3_object_free,
    .put = aks_s3_put,
    .get = aks_s3_get,
    .list = aks_s3_list,
    .stat = aks_s3_stat,
    .get_range = aks_s3_get_range,
    .remove = aks_s3_remove,
    .credentials = s3_credentials,
    .resumes = true,
    .markers = true,
    .can_list = true,
};
