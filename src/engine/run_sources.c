#include "engine/run_sources.h"

#include "engine/source_glob.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
aks_run_sources_fini(struct aks_named_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        aks_mem_free(list->alloc, list->named[i].path);
        aks_mem_free(list->alloc, list->named[i].message);
    }
    aks_mem_free(list->alloc, list->named);
    memset(list, 0, sizeof(*list));
}

static enum aks_status
too_many(struct aks_error *err, size_t count)
{
    (void)aks_error_set(err, AKS_SETTINGS, "%zu sources are over the limit of %d", count,
        AKS_SOURCES_MAX);
    aks_error_hint(err, "name them in several runs");
    return AKS_SETTINGS;
}

/* Takes ${path}, also when there is no room for it. */
static enum aks_status
add(struct aks_named_list *list, char *path, const struct aks_source_settings *settings,
    bool found, struct aks_error *err)
{
    struct aks_named *named;

    if (list->count == AKS_SOURCES_MAX) {
        aks_mem_free(list->alloc, path);
        return too_many(err, list->count + 1);
    }
    if (list->named == NULL)
        list->named = aks_mem_array(list->alloc, AKS_SOURCES_MAX, sizeof(*list->named));
    if (list->named == NULL || path == NULL) {
        aks_mem_free(list->alloc, path);
        return aks_error_memory(err, "looking at the sources");
    }
    named = &list->named[list->count++];
    memset(named, 0, sizeof(*named));
    named->path = path;
    named->settings = settings;
    named->found = found;
    return AKS_OK;
}

/* --- the policy's ----------------------------------------------------------------------------- */

static bool
is_there(const struct aks_named_list *list, const char *path)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->named[i].path, path) == 0)
            return true;
    }
    return false;
}

/* A glob without a file is told of in one entry. Takes ${pattern}. */
static enum aks_status
add_failed(struct aks_named_list *list, char *pattern, const struct aks_source_settings *settings,
    enum aks_status failed, const char *message, struct aks_error *err)
{
    struct aks_named *named;
    enum aks_status status = add(list, pattern, settings, true, err);

    if (status != AKS_OK)
        return status;
    named = &list->named[list->count - 1];
    named->failed = failed;
    named->message = failed == AKS_SOURCE_MISSING
        ? aks_mem_printf(list->alloc, "source %s: no file matches", pattern)
        : aks_mem_strdup(list->alloc, message);
    return named->message != NULL ? AKS_OK : aks_error_memory(err, "looking at the sources");
}

/* What ${pattern} finds, behind what is there. What could not be listed hides nothing else. */
static enum aks_status
add_found(const struct aks_port *port, struct aks_named_list *list, const char *pattern,
    const struct aks_source_settings *settings, size_t *names_left, struct aks_error *err)
{
    struct aks_error why = { 0 };
    char **paths = NULL;
    size_t count = 0;
    enum aks_status found = aks_source_glob(port, pattern, AKS_SOURCES_MAX, names_left, &paths,
        &count, &why);
    enum aks_status status = AKS_OK;

    if (found != AKS_OK && found != AKS_SOURCE_UNREADABLE) {
        *err = why;
        status = found;
    }
    for (size_t i = 0; i < count && status == AKS_OK; i++) {
        if (is_there(list, paths[i]))
            continue;
        status = add(list, paths[i], settings, true, err);
        paths[i] = NULL;
    }
    if (status == AKS_OK && (found != AKS_OK || count == 0))
        status = add_failed(list, aks_mem_strdup(list->alloc, pattern), settings,
            found != AKS_OK ? found : AKS_SOURCE_MISSING, why.message, err);
    aks_source_glob_free(port->alloc, paths, count);
    return status;
}

/* Paths before globs, so that a file that both mean is the path's; then each takes its place in
 * the order of the policy. */
static enum aks_status
add_policys(const struct aks_run *run, const char *folder, struct aks_named_list *list,
    struct aks_error *err)
{
    const struct aks_port *port = run->engine->port;
    size_t names_left = AKS_SOURCE_GLOB_NAMES_MAX;
    enum aks_status status = AKS_OK;

    for (int globs = 0; globs <= 1; globs++) {
        for (size_t i = 0; i < run->settings->source_count && status == AKS_OK; i++) {
            const struct aks_source_settings *settings = &run->settings->sources[i];
            char *path = NULL;

            if (settings->glob != (globs == 1))
                continue;
            status = aks_source_absolute(port, settings->path, folder, &path, err);
            if (status == AKS_OK && settings->glob)
                status = add_found(port, list, path, settings, &names_left, err);
            else if (status == AKS_OK)
                status = add(list, path, settings, false, err);
            if (settings->glob)
                aks_mem_free(port->alloc, path);
        }
    }
    return status;
}

/* --- those that are given --------------------------------------------------------------------- */

static enum aks_status
add_given(const struct aks_run *run, struct aks_named_list *list, struct aks_error *err)
{
    const struct aks_run_options *options = run->options;
    enum aks_status status = AKS_OK;

    if (options->source_count > AKS_SOURCES_MAX)
        return too_many(err, options->source_count);
    for (size_t i = 0; i < options->source_count && status == AKS_OK; i++) {
        char *path = NULL;

        status = aks_source_absolute(run->engine->port, options->sources[i],
            options->source_folder, &path, err);
        if (status == AKS_OK)
            status = add(list, path, NULL, false, err);
    }
    return status;
}

/* Does the policy say more of a source than where it is? */
static bool
says_more(const struct aks_settings *settings)
{
    for (size_t i = 0; i < settings->source_count; i++) {
        const struct aks_source_settings *source = &settings->sources[i];

        if (source->kind_given || source->compress_given || source->snapshot_given ||
            source->priority != 0 || source->name != NULL)
            return true;
    }
    return false;
}

/* The path with its links resolved; as it is where that cannot be. Owned by the caller. */
static char *
resolved(const struct aks_port *port, const char *path)
{
    char *real = NULL;

    if (port->files.resolve(port->files.ctx, path, port->alloc, &real, NULL) != AKS_OK)
        return aks_mem_strdup(port->alloc, path);
    return real;
}

static enum aks_status
resolve_all(const struct aks_port *port, struct aks_named_list *list, struct aks_error *err)
{
    for (size_t i = 0; i < list->count; i++) {
        char *path = resolved(port, list->named[i].path);

        if (path == NULL)
            return aks_error_memory(err, "looking at the sources");
        aks_mem_free(list->alloc, list->named[i].path);
        list->named[i].path = path;
    }
    return AKS_OK;
}

/* The settings of the policy's source that is the same file, if there is one. */
static enum aks_status
match(const struct aks_port *port, struct aks_named *given, const struct aks_named_list *known,
    struct aks_error *err)
{
    char *path = resolved(port, given->path);

    if (path == NULL)
        return aks_error_memory(err, "looking at the sources");
    for (size_t i = 0; i < known->count && given->settings == NULL; i++) {
        if (known->named[i].failed == AKS_OK && strcmp(known->named[i].path, path) == 0)
            given->settings = known->named[i].settings;
    }
    aks_mem_free(port->alloc, path);
    return AKS_OK;
}

/* A job of the queue, and whoever names files, means them as the policy says them. What a glob
 * stands for may not be found out any more: that is no reason to send nothing. */
static enum aks_status
match_given(const struct aks_run *run, struct aks_named_list *list, struct aks_error *err)
{
    const struct aks_port *port = run->engine->port;
    const char *policy = run->options->policy_text->path;
    const char *slash = policy != NULL ? strrchr(policy, '/') : NULL;
    struct aks_named_list known = { .alloc = list->alloc };
    char folder[AKS_PATH_BYTES] = "/";
    enum aks_status status;

    if (!says_more(run->settings))
        return AKS_OK;
    if (slash != NULL && slash != policy)
        (void)snprintf(folder, sizeof(folder), "%.*s", (int)(slash - policy), policy);
    status = add_policys(run, folder, &known, err);
    if (status == AKS_SETTINGS) {
        aks_log_write(run->engine->log, AKS_LOG_WARNING, "what the policy says of its sources is "
            "not known: %s", err->message);
        status = AKS_OK;
    }
    if (status == AKS_OK)
        status = resolve_all(port, &known, err);
    for (size_t i = 0; i < list->count && status == AKS_OK; i++)
        status = match(port, &list->named[i], &known, err);
    aks_run_sources_fini(&known);
    return status;
}

/* --- the order -------------------------------------------------------------------------------- */

static int
priority(const struct aks_named *named)
{
    return named->settings != NULL ? named->settings->priority : 0;
}

/* Higher priorities first; else as the policy's sources stand, and of one glob as its files were
 * found: in byte order. */
static int
by_priority(const void *a, const void *b)
{
    const struct aks_named *left = a;
    const struct aks_named *right = b;

    if (priority(left) != priority(right))
        return priority(left) > priority(right) ? -1 : 1;
    if (left->settings != right->settings)
        return left->settings < right->settings ? -1 : 1;
    return strcmp(left->path, right->path);
}

/* Files that are given keep their order but for their priorities. */
static void
order_given(struct aks_named_list *list)
{
    for (size_t i = 1; i < list->count; i++) {
        struct aks_named moved = list->named[i];
        size_t place = i;

        for (; place > 0 && priority(&list->named[place - 1]) < priority(&moved); place--)
            list->named[place] = list->named[place - 1];
        list->named[place] = moved;
    }
}

enum aks_status
aks_run_sources(const struct aks_run *run, struct aks_named_list *ret_list, struct aks_error *err)
{
    bool given = run->options->sources != NULL;
    enum aks_status status;

    memset(ret_list, 0, sizeof(*ret_list));
    ret_list->alloc = run->engine->port->alloc;
    status = given ? add_given(run, ret_list, err)
        : add_policys(run, run->options->source_folder, ret_list, err);
    if (status == AKS_OK && ret_list->count == 0) {
        (void)aks_error_set(err, AKS_SETTINGS, "there is nothing to sync: no source is named");
        aks_error_hint(err, "name files on the command line, in the policy's sources, or in "
            "AKOSHA_SOURCES");
        return AKS_SETTINGS;
    }
    if (status == AKS_OK && given)
        status = match_given(run, ret_list, err);
    if (status != AKS_OK)
        return status;
    if (given)
        order_given(ret_list);
    else
        qsort(ret_list->named, ret_list->count, sizeof(*ret_list->named), by_priority);
    return AKS_OK;
}
