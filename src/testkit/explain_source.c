/* What a policy's sources are on the real machine, and where they lie in worlds. */
#include "engine/glob.h"
#include "engine/source.h"
#include "engine/source_glob.h"
#include "engine/text.h"
#include "testkit/explain_internal.h"

#include <stdio.h>
#include <string.h>

#define EXAMPLE "example.bin"           /* a source, where nobody names one */
#define FOLDER_BYTES_MAX 4096

/* The folder that relative sources are relative to, without a final '/'. */
static void
source_folder(const struct aks_explain *explain, char ret_folder[FOLDER_BYTES_MAX])
{
    const struct aks_environment *env = &explain->options->real->environment;
    const char *path = explain->options->sources == NULL ? explain->text.path : NULL;
    const char *slash = path != NULL ? strrchr(path, '/') : NULL;

    if (slash != NULL)
        (void)snprintf(ret_folder, FOLDER_BYTES_MAX, "%.*s", (int)(slash - path), path);
    else
        (void)snprintf(ret_folder, FOLDER_BYTES_MAX, "%s", env->working_folder(env->ctx));
}

/* Where a source lies: really, and in the world, whose home stands for the real one's and for the
 * policy's folder. */
static enum aks_status
place_source(struct aks_explain *explain, const char *path, struct aks_error *err)
{
    const struct aks_port *real = explain->options->real;
    const char *home = real->environment.home(real->environment.ctx);
    struct aks_explain_source *source = &explain->sources[explain->source_count];
    char folder[FOLDER_BYTES_MAX];
    struct aks_file_info info;

    if (explain->source_count == AKS_EXPLAIN_SOURCES_MAX) {
        (void)aks_error_set(err, AKS_SETTINGS, "at most %d sources are explained",
            AKS_EXPLAIN_SOURCES_MAX);
        aks_error_hint(err, "name some of them on the command line");
        return AKS_SETTINGS;
    }
    explain->source_count++;
    source_folder(explain, folder);
    source->shown = aks_text_path(explain->alloc, path);
    if (path[0] == '/') {
        source->real = aks_mem_strdup(explain->alloc, path);
        source->world = aks_mem_strdup(explain->alloc, path);
    } else if (path[0] == '~' && explain->options->sources == NULL) {
        source->real = aks_mem_printf(explain->alloc, "%s%s", home, path + 1);
        source->world = aks_mem_printf(explain->alloc, "%s%s", AKS_WORLD_HOME, path + 1);
    } else {
        source->real = aks_mem_printf(explain->alloc, "%s/%s", folder, path);
        source->world = aks_mem_printf(explain->alloc, "%s/%s", AKS_WORLD_HOME, path);
    }
    if (source->world != NULL)
        source->told = aks_text_path(explain->alloc, source->world);
    if (source->shown == NULL || source->real == NULL || source->told == NULL)
        return aks_error_memory(err, "looking for sources");
    source->bytes = -1;
    if (real->files.stat(real->files.ctx, source->real, true, &info, NULL) == AKS_OK &&
        info.type == AKS_FILE_REGULAR)
        source->bytes = info.bytes;
    return AKS_OK;
}

static bool
is_placed(const struct aks_explain *explain, const char *shown)
{
    for (size_t i = 0; i < explain->source_count; i++) {
        if (strcmp(explain->sources[i].shown, shown) == 0)
            return true;
    }
    return false;
}

/* The files that a glob of the policy stands for, as if the policy named them; the glob itself
 * where there is none. */
static enum aks_status
place_found(struct aks_explain *explain, const char *glob, size_t *names_left,
    struct aks_error *err)
{
    const struct aks_port *real = explain->options->real;
    const char *home = real->environment.home(real->environment.ctx);
    char folder[FOLDER_BYTES_MAX];
    enum aks_status status = AKS_OK;
    char *absolute = NULL;
    char **paths = NULL;
    size_t count = 0;
    size_t skip;

    source_folder(explain, folder);
    status = aks_source_absolute(real, glob, folder, &absolute, err);
    if (status != AKS_OK)
        return status;
    status = aks_source_glob(real, absolute, AKS_EXPLAIN_SOURCES_MAX, names_left, &paths, &count,
        err);
    /* What is in front of the part that a person wrote. */
    skip = glob[0] == '/' ? 0 : glob[0] == '~' ? strlen(home) : strlen(folder) + 1;
    for (size_t i = 0; status == AKS_OK && i < count; i++) {
        char *path = aks_mem_printf(explain->alloc, "%s%s", glob[0] == '~' ? "~" : "",
            paths[i] + skip);
        char *shown = path != NULL ? aks_text_path(explain->alloc, path) : NULL;

        if (shown == NULL)
            status = aks_error_memory(err, "looking for sources");
        else if (!is_placed(explain, shown))
            status = place_source(explain, path, err);
        aks_mem_free(explain->alloc, shown);
        aks_mem_free(explain->alloc, path);
    }
    if (status == AKS_OK && count == 0)
        status = place_source(explain, glob, err);
    aks_source_glob_free(explain->alloc, paths, count);
    aks_mem_free(explain->alloc, absolute);
    return status;
}

static bool
is_source(const struct aks_explain *explain, const struct aks_source_settings *source,
    const char *path)
{
    char folder[FOLDER_BYTES_MAX];
    char *absolute = NULL;
    bool same;

    source_folder(explain, folder);
    if (aks_source_absolute(explain->options->real, source->path, folder, &absolute,
        NULL) != AKS_OK)
        return false;
    same = source->glob ? aks_glob_match_path(absolute, path) : strcmp(absolute, path) == 0;
    aks_mem_free(explain->alloc, absolute);
    return same;
}

/* What the policy says of the file at ${path}; a path says it before a glob. */
static const struct aks_source_settings *
find_source(const struct aks_explain *explain, const struct aks_settings *settings,
    const char *path)
{
    const struct aks_source_settings *found = NULL;

    for (size_t i = 0; path != NULL && i < settings->source_count; i++) {
        const struct aks_source_settings *source = &settings->sources[i];

        if ((found == NULL || (found->glob && !source->glob)) && is_source(explain, source, path))
            found = source;
    }
    return found;
}

const struct aks_compress_settings *
aks_explain_codec(const struct aks_explain *explain, const struct aks_settings *settings,
    const char *path)
{
    const struct aks_source_settings *source = find_source(explain, settings, path);

    return source != NULL && source->compress_given ? &source->compress : &settings->compress;
}

const struct aks_snapshot_settings *
aks_explain_busy(const struct aks_explain *explain, const struct aks_settings *settings,
    const char *path)
{
    return aks_settings_snapshot(settings, find_source(explain, settings, path));
}

/* How many bytes each has in the world. Where none is there, each is taken to be. */
static void
size_sources(struct aks_explain *explain)
{
    int64_t left = AKS_EXPLAIN_BYTES_MAX;

    explain->assumed = true;
    for (size_t i = 0; i < explain->source_count; i++)
        explain->assumed = explain->assumed && explain->sources[i].bytes < 0;
    for (size_t i = 0; i < explain->source_count; i++) {
        struct aks_explain_source *source = &explain->sources[i];
        int64_t share = left / (int64_t)(explain->source_count - i);

        if (explain->assumed)
            source->bytes = AKS_EXPLAIN_ASSUMED_BYTES;
        if (share > AKS_EXPLAIN_SOURCE_BYTES_MAX)
            share = AKS_EXPLAIN_SOURCE_BYTES_MAX;
        source->simulated = source->bytes < share ? source->bytes : share;
        if (source->simulated > 0)
            left -= source->simulated;
    }
}

enum aks_status
aks_explain_sources(struct aks_explain *explain, struct aks_error *err)
{
    const struct aks_explain_options *options = explain->options;
    const struct aks_settings *settings = explain->policy->settings;
    bool given = options->sources != NULL;
    size_t count = given ? options->source_count : settings->source_count;
    size_t names_left = AKS_SOURCE_GLOB_NAMES_MAX;
    enum aks_status status = AKS_OK;

    for (size_t i = 0; status == AKS_OK && i < count; i++) {
        if (given || !settings->sources[i].glob)
            status = place_source(explain, given ? options->sources[i] : settings->sources[i].path,
                err);
    }
    for (size_t i = 0; status == AKS_OK && i < count && !given; i++) {
        if (settings->sources[i].glob)
            status = place_found(explain, settings->sources[i].path, &names_left, err);
    }
    if (status == AKS_OK && count == 0)
        status = place_source(explain, EXAMPLE, err);
    size_sources(explain);
    return status;
}
