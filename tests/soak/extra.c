#include "extra.h"

#include "base/rng.h"
#include "base/units.h"
#include "testkit/laws.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define STREAM UINT64_C(0x6c6976652d646179)
#define LID_NS (9 * 3600 * AKS_NS_PER_S)
#define STEPS 600
#define DAMAGE_BYTES 64
#define RESTORED AKS_WORLD_HOME "/restored"
#define DATABASE AKS_WORLD_STATE "/state.db"

static uint64_t
below(struct aks_rng *rng, uint64_t bound)
{
    return aks_rng_next(rng) % bound;
}

static uint64_t
sometimes(struct aks_rng *rng, uint64_t of, uint64_t bound)
{
    bool now = below(rng, of) == 0;
    uint64_t step = 1 + below(rng, bound);

    return now ? step : 0;
}

static void
draw_round(struct extra_round *round, struct aks_rng *rng)
{
    bool background = below(rng, 2) == 0;

    round->jobs = 1 + (unsigned)below(rng, EXTRA_JOBS_MAX);
    round->jobs = background ? round->jobs : 0;
    round->change = below(rng, 2) == 0;
    round->lid_at = sometimes(rng, 6, STEPS);
    round->clock_at = sometimes(rng, 8, STEPS);
    round->clock_by_ms = (int64_t)below(rng, 7200000) - 3600000;
    round->damage = (enum extra_damage)below(rng, 4);
    if (below(rng, 10) != 0)
        round->damage = EXTRA_INTACT;
    round->damage_at = aks_rng_next(rng);
    round->pace.first = 1 + below(rng, 40);
    round->pace.every = below(rng, 4) == 0 ? 0 : 1 + below(rng, 60);
    round->pace.acts = (unsigned)below(rng, 6);
}

void
extra_draw(struct extra *extra, uint64_t seed)
{
    struct aks_rng rng;

    memset(extra, 0, sizeof(*extra));
    extra->on = seed % 2 == 0;
    if (!extra->on)
        return;
    aks_rng_init(&rng, seed ^ STREAM);
    extra->database_count = (size_t)below(&rng, EXTRA_DATABASES_MAX + 1);
    for (size_t i = 0; i < EXTRA_DATABASES_MAX; i++) {
        struct aks_world_writer *database = &extra->databases[i];

        (void)snprintf(extra->paths[i], sizeof(extra->paths[i]), "%s/live%zu.db", AKS_WORLD_HOME,
            i);
        database->path = extra->paths[i];
        database->kind = (enum aks_writer_kind)below(&rng, 3);
        database->seed = aks_rng_next(&rng);
        database->session = (unsigned)below(&rng, 3) * 4;
    }
    for (unsigned i = 0; i < EXTRA_ROUNDS_MAX; i++)
        draw_round(&extra->rounds[i], &rng);
    extra->tus = (enum aks_http_model_tus)below(&rng, 4);
}

void
extra_sources(const struct extra *extra, char *text, size_t bytes)
{
    for (size_t i = 0; i < extra->database_count; i++)
        (void)snprintf(text + strlen(text), bytes - strlen(text), "'live%zu.db',", i);
}

void
extra_describe(const struct extra *extra, unsigned round, struct aks_buf *out)
{
    static const char *const kinds[] = { "duckdb", "sqlite with a log", "sqlite with a journal" };
    static const char *const damages[] = { "is intact", "has other bytes", "is cut", "is deleted" };
    const struct extra_round *own = &extra->rounds[round];

    if (!extra->on)
        return;
    for (size_t i = 0; round == 0 && i < extra->database_count; i++)
        aks_buf_printf(out, "%s: %s, sessions of %u\n", extra->paths[i],
            kinds[extra->databases[i].kind], extra->databases[i].session);
    aks_buf_printf(out, "  also: %u jobs%s, state.db %s (%" PRIu64 "), lid closed at step %" PRIu64
        ", clock steps %" PRId64 " ms at %" PRIu64 ", writers from step %" PRIu64 " every %" PRIu64
        " %u acts\n", own->jobs, own->change ? " with changes between" : "", damages[own->damage],
        own->damage_at, own->lid_at, own->clock_at > 0 ? own->clock_by_ms : 0, own->clock_at,
        own->pace.first, own->pace.every, own->pace.acts);
}

enum aks_status
extra_make(struct extra *extra, struct aks_world *world, struct aks_error *err)
{
    enum aks_status status = AKS_OK;

    for (size_t i = 0; status == AKS_OK && i < extra->database_count; i++)
        status = aks_world_writer(world, &extra->databases[i], NULL, err);
    return status;
}

bool
extra_state_refused(const json_t *report)
{
    const json_t *error = json_object_get(report, "error");
    const char *failure = json_string_value(json_object_get(error, "failure"));

    return report == NULL || (failure != NULL && strcmp(failure, "state") == 0);
}

void
extra_remove_state(struct aks_world *world)
{
    struct aks_files_sim *files = aks_sim_files(aks_world_sim(world));

    (void)aks_files_sim_remove(files, DATABASE, NULL);
    (void)aks_files_sim_remove(files, DATABASE "-wal", NULL);
}

/* Somebody else's hand, or a bad disk. */
static void
damage(const struct extra_round *round, struct aks_world *world)
{
    struct aks_files_sim *files = aks_sim_files(aks_world_sim(world));
    char bytes[DAMAGE_BYTES];
    size_t len = 0;

    if (round->damage == EXTRA_INTACT || aks_files_sim_look(files, DATABASE, &len) == NULL ||
        len < DAMAGE_BYTES)
        return;
    memset(bytes, 0x5a, sizeof(bytes));
    if (round->damage == EXTRA_DELETED) {
        extra_remove_state(world);
    } else if (round->damage == EXTRA_CUT) {
        (void)aks_files_sim_cut(files, DATABASE, (int64_t)(round->damage_at % len), NULL);
    } else {
        (void)aks_files_sim_edit(files, DATABASE, (int64_t)(round->damage_at %
            (len - DAMAGE_BYTES)), bytes, sizeof(bytes), NULL);
    }
}

bool
extra_begin(struct extra *extra, struct aks_world *world, unsigned round)
{
    if (!extra->on)
        return false;
    extra->now = &extra->rounds[round];
    extra->step = 0;
    extra->lid_closed = false;
    damage(extra->now, world);
    for (size_t i = 0; i < extra->database_count; i++)
        aks_world_writer_pace(world, i, &extra->now->pace);
    return extra->now->damage != EXTRA_INTACT;
}

void
extra_step(struct extra *extra, struct aks_world *world, bool disk)
{
    struct aks_agenda *agenda = aks_sim_agenda(aks_world_sim(world));

    if (extra->now == NULL)
        return;
    extra->step++;
    if (extra->step == extra->now->clock_at)
        agenda->skew_ms += extra->now->clock_by_ms;
    /* At a step of the disk, as those take their time in one piece. */
    if (disk && !extra->lid_closed && extra->now->lid_at != 0 &&
        extra->step >= extra->now->lid_at) {
        extra->lid_closed = true;
        aks_agenda_pass(agenda, LID_NS);
    }
}

void
extra_end(struct extra *extra, struct aks_world *world)
{
    extra->now = NULL;
    for (size_t i = 0; i < extra->database_count; i++)
        aks_world_writer_pace(world, i, &(struct aks_world_pace){ 0 });
}

bool
extra_refuses(const struct aks_fault_plan *plan)
{
    for (size_t i = 0; i < plan->count; i++) {
        if (plan->rules[i].http_status / 100 == 4)
            return true;
    }
    return false;
}

enum aks_status
extra_restore(struct aks_world *world, struct aks_error *err)
{
    const struct aks_world_restore_options options = { .to = RESTORED };
    json_t *report = NULL;
    enum aks_status status = aks_world_restore(world, &options, &report, err);

    json_decref(report);
    if (report == NULL && status != AKS_OK)
        return status;
    return aks_laws_restored(world, RESTORED, err);
}
