#include "engine/delivery.h"

#include "base/check.h"
#include "base/units.h"
#include "engine/lock_file.h"
#include "engine/text.h"
#include "wire/dates.h"

#include <jansson.h>
#include <string.h>

#define LOCK_NAME "delivery.lock"
/* The rate is of about so long, so that it follows the line and does not jump. */
#define RATE_WINDOW_NS (INT64_C(10) * AKS_NS_PER_S)
/* Somebody writes while we read: then once more. */
#define LOOKS_MAX 3

static int64_t
now_ns(const struct aks_port *port)
{
    return port->clock.now_ns(port->clock.ctx);
}

static char *
lock_path(const struct aks_port *port, const char *folder)
{
    return aks_mem_printf(port->alloc, "%s/" LOCK_NAME, folder);
}

static enum aks_status
open_lock(struct aks_engine *engine, const char *path, struct aks_file **ret_file,
    struct aks_error *err)
{
    const struct aks_files *files = &engine->port->files;
    struct aks_error why;
    enum aks_status status = files->open(files->ctx, path, AKS_FILE_LOCK, ret_file, &why);

    if (status == AKS_OK)
        return AKS_OK;
    if (status != AKS_NO_SPACE && status != AKS_LIMIT)
        status = AKS_STATE;
    return aks_error_set(err, status, "cannot take its turn: %s", why.message);
}

static void
tell_blocked(struct aks_engine *engine)
{
    struct aks_progress progress = { .waiting_ms = -1, .blocked = true };

    if (engine->progress != NULL)
        engine->progress(engine->progress_ctx, &progress);
}

static void
fire(void *ctx)
{
    bool *due = ctx;

    *due = true;
}

/* One pause between two tries. */
static enum aks_status
pause_once(struct aks_engine *engine, struct aks_error *err)
{
    struct aks_timer timer = { 0 };
    bool due = false;
    enum aks_status status = aks_loop_set(&engine->loop, &timer, AKS_DELIVERY_WAIT_MS, fire, &due,
        err);

    while (status == AKS_OK && !due && atomic_load(&engine->interrupted) == 0)
        status = aks_loop_turn(&engine->loop, err);
    aks_loop_clear(&engine->loop, &timer);
    return status;
}

static enum aks_status
wait_for_lock(struct aks_engine *engine, struct aks_file *file, struct aks_error *err)
{
    const struct aks_files *files = &engine->port->files;
    struct aks_error why;
    enum aks_status status;

    for (;;) {
        if (atomic_load(&engine->interrupted) != 0)
            return aks_error_set(err, AKS_CANCELLED,
                "interrupted while another akosha-sync was delivering");
        status = files->lock(file, &why);
        if (status == AKS_OK)
            return AKS_OK;
        if (status != AKS_CONFLICT)
            return aks_error_set(err, AKS_STATE, "cannot take its turn: %s", why.message);
        tell_blocked(engine);
        status = pause_once(engine, err);
        if (status != AKS_OK)
            return status;
    }
}

/* Where the folder is replaced while somebody waits, its lock is another one. */
static enum aks_status
take_lock(struct aks_engine *engine, struct aks_file **ret_file, struct aks_error *err)
{
    const struct aks_files *files = &engine->port->files;
    char *path = lock_path(engine->port, engine->state_folder);
    struct aks_file *file = NULL;
    enum aks_status status = path != NULL ? AKS_OK : aks_error_memory(err, "waiting for its turn");

    for (unsigned i = 0; status == AKS_OK && *ret_file == NULL; i++) {
        status = open_lock(engine, path, &file, err);
        if (status == AKS_OK)
            status = wait_for_lock(engine, file, err);
        if (status == AKS_OK && !aks_lock_file_replaced(files, file, path)) {
            *ret_file = file;
            break;
        }
        files->close(file);
        file = NULL;
        if (status == AKS_OK && i + 1 == AKS_LOCK_FILE_TRIES_MAX)
            status = aks_error_set(err, AKS_STATE, "cannot take its turn: the state folder %s was "
                "replaced again and again", engine->state_folder);
    }
    aks_mem_free(engine->port->alloc, path);
    return status;
}

enum aks_status
aks_delivery_take(struct aks_engine *engine, struct aks_error *err)
{
    struct aks_file *file = NULL;
    const struct aks_state *before = engine->state;
    enum aks_status status;

    if (engine->delivery.depth > 0) {
        engine->delivery.depth++;
        return AKS_OK;
    }
    status = take_lock(engine, &file, err);
    if (status != AKS_OK)
        return status;
    /* Who had its turn before may have put another state there. */
    status = aks_engine_renew_state(engine, err);
    if (status != AKS_OK) {
        engine->port->files.close(file);
        return status;
    }
    memset(&engine->delivery, 0, sizeof(engine->delivery));
    engine->delivery.lock = file;
    engine->delivery.depth = 1;
    engine->delivery.renewed = engine->state != before;
    return AKS_OK;
}

void
aks_delivery_give(struct aks_engine *engine)
{
    AKS_CHECK(engine->delivery.depth > 0);
    if (--engine->delivery.depth > 0)
        return;
    engine->port->files.close(engine->delivery.lock);
    engine->delivery.lock = NULL;
}

/* Bytes per second lately; -1 where nothing was sent yet, or too little time has passed. */
static int64_t
measure(struct aks_delivery *delivery, const struct aks_progress *progress, int64_t at_ns)
{
    int64_t ns;

    if (delivery->window_ns == 0 || progress->bytes_done < delivery->window_bytes) {
        delivery->window_ns = at_ns;
        delivery->window_bytes = progress->bytes_done;
        delivery->rate = -1;
        return -1;
    }
    ns = at_ns - delivery->window_ns;
    if (ns > 0)
        delivery->rate = (int64_t)((double)(progress->bytes_done - delivery->window_bytes) *
            (double)AKS_NS_PER_S / (double)ns);
    if (ns > RATE_WINDOW_NS) {
        delivery->window_ns = at_ns - ns / 2;
        delivery->window_bytes = progress->bytes_done -
            (progress->bytes_done - delivery->window_bytes) / 2;
    }
    return delivery->rate;
}

static json_t *
remaining_json(const struct aks_progress *progress, int64_t rate)
{
    if (rate <= 0)
        return json_null();
    return json_real((double)(progress->bytes_total - progress->bytes_done) / (double)rate);
}

static json_t *
now_json(struct aks_delivery *delivery, const struct aks_port *port, const char *run_id,
    const char *job_id, const struct aks_progress *progress)
{
    int64_t rate = measure(delivery, progress, now_ns(port));
    char date[AKS_DATE_BYTES];

    return json_pack("{s:s, s:s?, s:s, s:s?, s:o, s:i, s:i, s:I, s:I, s:o, s:o, s:o}",
        "run_id", run_id, "job_id", job_id,
        "at", aks_date_iso(port->clock.wall_ms(port->clock.ctx), date), "target", progress->target,
        "source", progress->source != NULL ? aks_text_json(progress->source) : json_null(),
        "files_done", (int)progress->files_done, "files_total", (int)progress->files_total,
        "bytes_done", (json_int_t)progress->bytes_done,
        "bytes_total", (json_int_t)progress->bytes_total,
        "bytes_per_s", rate >= 0 ? json_integer(rate) : json_null(),
        "remaining_s", remaining_json(progress, rate),
        "waiting_s", progress->waiting_ms >= 0
            ? json_real((double)progress->waiting_ms / 1000) : json_null());
}

/* Always as many bytes, so that nothing of an older text is left behind a shorter one. */
static void
write_down(struct aks_engine *engine, const json_t *now)
{
    char text[AKS_DELIVERY_TEXT_BYTES];
    size_t len = json_dumpb(now, text, sizeof(text), JSON_COMPACT);

    if (len == 0 || len >= sizeof(text))
        return;
    memset(text + len, ' ', sizeof(text) - len);
    text[sizeof(text) - 1] = '\n';
    (void)engine->port->files.write(engine->delivery.lock, 0, text, sizeof(text), NULL);
}

void
aks_delivery_tell(struct aks_engine *engine, const char *run_id, const char *job_id,
    const struct aks_progress *progress, bool now)
{
    struct aks_delivery *delivery = &engine->delivery;
    int64_t at_ns = now_ns(engine->port);
    json_t *json;

    if (delivery->depth == 0)
        return;
    if (delivery->told_ns == 0 && !now)
        delivery->told_ns = at_ns;      /* most runs have ended before there is anything to tell */
    if (!now && at_ns - delivery->told_ns < AKS_DELIVERY_TOLD_MS * AKS_NS_PER_MS)
        return;
    delivery->told_ns = at_ns;
    json = now_json(delivery, engine->port, run_id, job_id, progress);
    if (json != NULL)
        write_down(engine, json);
    json_decref(json);
}

static json_t *
read_now(const struct aks_files *files, struct aks_file *file)
{
    char text[AKS_DELIVERY_TEXT_BYTES];
    json_t *now = NULL;
    size_t len = 0;

    for (unsigned i = 0; i < LOOKS_MAX && now == NULL; i++) {
        if (files->read(file, 0, text, sizeof(text), &len, NULL) != AKS_OK || len == 0)
            break;
        now = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
    }
    if (now != NULL && !json_is_object(now)) {
        json_decref(now);
        now = NULL;
    }
    return now;
}

bool
aks_delivery_look(const struct aks_port *port, const char *folder, json_t **ret_now)
{
    const struct aks_files *files = &port->files;
    char *path = lock_path(port, folder);
    struct aks_file *file = NULL;
    bool busy = false;

    *ret_now = NULL;
    if (path != NULL && files->open(files->ctx, path, AKS_FILE_READ_OWN, &file, NULL) == AKS_OK)
        busy = files->locked_by_writer(file, 0, 0);
    if (busy)
        *ret_now = read_now(files, file);
    files->close(file);
    aks_mem_free(port->alloc, path);
    return busy;
}
