#include "api_place.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static const char *
env_get(void *ctx, const char *name)
{
    const struct api_place *place = ctx;
    size_t len = strlen(name);

    for (size_t i = 0; i < API_PLACE_VARIABLES_MAX && place->variables[i] != NULL; i++) {
        if (strncmp(place->variables[i], name, len) == 0 && place->variables[i][len] == '=')
            return place->variables[i] + len + 1;
    }
    return NULL;
}

static const char *
env_at(void *ctx, unsigned i)
{
    const struct api_place *place = ctx;

    return i < API_PLACE_VARIABLES_MAX ? place->variables[i] : NULL;
}

static const char *
env_host_name(void *ctx)
{
    return "test-1";
}

static const char *
env_home(void *ctx)
{
    const struct api_place *place = ctx;

    return place->home;
}

static const char *
env_working_folder(void *ctx)
{
    const struct api_place *place = ctx;

    return place->working_folder;
}

static void
note_line(void *ctx, enum akosha_log_level level, const char *text)
{
    struct api_place *place = ctx;

    assert_true(text[0] != '\0');
    place->lines++;
}

static void
note_progress(void *ctx, const struct akosha_progress *progress)
{
    struct api_place *place = ctx;

    assert_true(progress->files_done <= progress->files_total);
    place->shown++;
}

void
api_place_use(struct api_place *place, struct aks_os *os)
{
    place->port = *aks_os_port(os);
    place->port.environment = (struct aks_environment) { env_get, env_at, env_host_name, env_home,
        env_working_folder, place };
}

const char *
api_place_policy_to(struct api_place *place, const char *name, const char *target)
{
    char text[API_PLACE_TEXT_BYTES];

    (void)snprintf(text, sizeof(text), "local akosha = require 'akosha'\n"
        "return akosha.policy { api = 1, sources = { 'a.txt' },\n"
        "  targets = { folder = akosha.dir { path = '%s/%s' } },\n"
        "  retry = function() return akosha.give_up end }\n", temp_folder_path(place->folder),
        target);
    return temp_folder_write(place->folder, name, text, strlen(text));
}

const char *
api_place_policy(struct api_place *place, const char *name)
{
    return api_place_policy_to(place, name, "target");
}

int
api_place_set_up(void **state)
{
    struct api_place *place = calloc(1, sizeof(*place));

    assert_non_null(place);
    place->folder = temp_folder_new();
    place->home = temp_folder_path(place->folder);
    place->working_folder = place->home;
    assert_int_equal(aks_os_open(aks_alloc_system(), &place->os, NULL), AKS_OK);
    api_place_use(place, place->os);
    place->options.port = &place->port;
    place->options.state_folder = temp_folder_join(place->folder, "state");
    place->options.log_level = AKOSHA_LOG_DEBUG;
    place->options.log = note_line;
    place->options.log_ctx = place;
    place->options.progress = note_progress;
    place->options.progress_ctx = place;
    temp_folder_write(place->folder, "a.txt", "some text", 9);
    *state = place;
    return 0;
}

int
api_place_tear_down(void **state)
{
    struct api_place *place = *state;

    akosha_report_free(place->report);
    akosha_policy_free(place->policy);
    akosha_close(place->engine);
    aks_os_close(place->os);
    temp_folder_free(place->folder);
    free(place);
    return 0;
}

void
api_place_open(struct api_place *place)
{
    assert_int_equal(akosha_open(&place->options, &place->engine, &place->error), AKOSHA_OK);
    assert_int_equal(akosha_policy_load(place->engine, api_place_policy(place, "p.lua"), NULL, 0,
        &place->policy, &place->error), AKOSHA_OK);
}

struct akosha_report **
api_place_report(struct api_place *place)
{
    akosha_report_free(place->report);
    place->report = NULL;
    return &place->report;
}

int
api_place_run(struct api_place *place)
{
    static const struct akosha_run_options options;

    return akosha_run(place->engine, place->policy, &options, api_place_report(place),
        &place->error);
}

bool
api_place_exists(struct api_place *place, const char *name)
{
    struct stat info;

    return stat(temp_folder_join(place->folder, name), &info) == 0;
}

int
api_place_told(struct api_place *place, int code)
{
    if (code != AKOSHA_OK) {
        assert_int_equal(place->error.code, code);
        assert_string_not_equal(place->error.message, "");
        assert_non_null(place->error.failure);
    }
    memset(&place->error, 0, sizeof(place->error));
    return code;
}
