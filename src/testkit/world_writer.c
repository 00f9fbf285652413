/* Others who write databases while a process of the world runs: each acts at its own steps of the
 * disk and the network, between any two calls of the engine. */
#include "testkit/world_internal.h"

#include <stdio.h>
#include <string.h>

/* Its own files are no business of the engine's: they are told apart from those that it forgot. */
static enum aks_status
let(struct aks_world *world, struct world_writer *own,
    enum aks_status (*act)(struct aks_writer *writer, struct aks_error *err),
    struct aks_error *err)
{
    struct aks_files_sim *files = aks_sim_files(world->sim);
    unsigned before = aks_files_sim_open_count(files);
    enum aks_status status;

    world->writing = true;
    status = act(own->writer, err);
    world->writing = false;
    own->open_files += aks_files_sim_open_count(files) - before;
    return status;
}

static enum aks_status
stop(struct aks_writer *writer, struct aks_error *err)
{
    aks_writer_stop(writer);
    return AKS_OK;
}

enum aks_status
aks_world_writer(struct aks_world *world, const struct aks_world_writer *options,
    size_t *ret_index, struct aks_error *err)
{
    struct aks_writer_options own = { .alloc = world->alloc, .kind = options->kind,
        .path = options->path, .seed = options->seed, .session = options->session,
        .unseen = options->unseen };
    struct world_writer *writer = &world->writers[world->writer_count];
    enum aks_status status;

    if (world->writer_count == AKS_WORLD_WRITERS_MAX)
        return aks_error_set(err, AKS_LIMIT, "a world has at most %d writers",
            AKS_WORLD_WRITERS_MAX);
    memset(writer, 0, sizeof(*writer));
    own.files = aks_sim_files(world->sim);
    writer->pace = options->pace;
    world->writing = true;
    status = aks_writer_new(&own, &writer->writer, err);
    world->writing = false;
    if (status != AKS_OK)
        return status;
    if (ret_index != NULL)
        *ret_index = world->writer_count;
    world->writer_count++;
    return AKS_OK;
}

void
aks_world_writer_pace(struct aks_world *world, size_t index, const struct aks_world_pace *pace)
{
    world->writers[index].pace = *pace;
}

enum aks_status
aks_world_writer_acts(struct aks_world *world, size_t index, unsigned acts, struct aks_error *err)
{
    enum aks_status status = AKS_OK;

    for (unsigned i = 0; status == AKS_OK && i < acts; i++)
        status = let(world, &world->writers[index], aks_writer_act, err);
    return status;
}

enum aks_status
aks_world_writers_rest(struct aks_world *world, struct aks_error *err)
{
    enum aks_status status = AKS_OK;

    for (size_t i = 0; status == AKS_OK && i < world->writer_count; i++)
        status = let(world, &world->writers[i], aks_writer_rest, err);
    return status;
}

const struct aks_writer *
aks_world_writer_at(const struct aks_world *world, size_t index)
{
    return index < world->writer_count ? world->writers[index].writer : NULL;
}

static bool
is_due(const struct aks_world_pace *pace, uint64_t step)
{
    if (pace->acts == 0 || step < pace->first)
        return false;
    return pace->every == 0 ? step == pace->first : (step - pace->first) % pace->every == 0;
}

void
aks_world_writers_step(struct aks_world *world)
{
    for (size_t i = 0; i < world->writer_count; i++) {
        struct aks_error err;

        if (is_due(&world->writers[i].pace, world->run_steps) &&
            aks_world_writer_acts(world, i, world->writers[i].pace.acts, &err) != AKS_OK &&
            world->broken[0] == '\0')
            (void)snprintf(world->broken, sizeof(world->broken), "writers are left alone: %.400s",
                err.message);
    }
}

/* The power takes everybody along; of a process that was killed only SQLite's connections, as they
 * are of the same process here. */
void
aks_world_writers_die(struct aks_world *world, bool power)
{
    for (size_t i = 0; i < world->writer_count; i++) {
        struct world_writer *own = &world->writers[i];

        if (power || aks_writer_kind(own->writer) != AKS_WRITER_DUCKDB)
            (void)let(world, own, stop, NULL);
        own->open_files = 0;
    }
}

unsigned
aks_world_writers_open(const struct aks_world *world)
{
    unsigned count = 0;

    for (size_t i = 0; i < world->writer_count; i++)
        count += world->writers[i].open_files;
    return count;
}

void
aks_world_writers_fini(struct aks_world *world)
{
    world->writing = true;
    for (size_t i = 0; i < world->writer_count; i++)
        aks_writer_free(world->writers[i].writer);
    world->writer_count = 0;
    world->writing = false;
}

const struct aks_writer *
aks_world_writer_of(const struct aks_world *world, const char *told)
{
    for (size_t i = 0; i < world->writer_count; i++) {
        if (aks_world_told_as(aks_writer_path(world->writers[i].writer), told))
            return world->writers[i].writer;
    }
    return NULL;
}
