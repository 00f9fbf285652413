#include "engine/audit_place.h"

#include "engine/audit_note.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NOW INT64_C(1795000000000)
#define LOG "state/audit.jsonl"

static int64_t
wall_ms(void *ctx)
{
    return *(const int64_t *)ctx;
}

enum aks_status
audit_place_open(struct audit_place *place, const struct aks_alloc *alloc)
{
    struct aks_engine_options options = { .port = &place->port };

    aks_engine_close(place->engine);
    place->engine = NULL;
    place->port.alloc = alloc;
    options.state_folder = temp_folder_join(place->folder, "state");
    return aks_engine_open(&options, &place->engine, NULL);
}

int
audit_place_set_up(void **state)
{
    static char name[] = "local";
    static char path[] = "built-in default";
    static char system_id[] = AUDIT_PLACE_SYSTEM;
    struct audit_place *place = calloc(1, sizeof(*place));

    place->folder = temp_folder_new();
    place->wall_ms = NOW;
    assert_int_equal(aks_os_open(aks_alloc_system(), &place->os, NULL), AKS_OK);
    place->port = *aks_os_port(place->os);
    /* The clock's own functions take what stands here, so all that is asked for is the date. */
    place->port.clock.wall_ms = wall_ms;
    place->port.clock.ctx = &place->wall_ms;
    aks_settings_init(&place->settings, aks_alloc_system());
    place->settings.policy_path = path;
    place->settings.system_id = system_id;
    place->target.name = name;
    place->target.kind = AKS_TARGET_DIR;
    place->target.path = (char *)(uintptr_t)temp_folder_join(place->folder, "target");
    place->settings.targets = &place->target;
    place->settings.target_count = 1;
    place->policy.settings = &place->settings;
    assert_int_equal(audit_place_open(place, aks_alloc_system()), AKS_OK);
    *state = place;
    return 0;
}

int
audit_place_tear_down(void **state)
{
    struct audit_place *place = *state;

    aks_engine_close(place->engine);
    aks_os_close(place->os);
    temp_folder_free(place->folder);
    free(place);
    return 0;
}

void
audit_place_note(struct audit_place *place, const char *event, const char *field,
    const char *value)
{
    json_t *fields = json_object();

    if (field != NULL)
        assert_int_equal(json_object_set_new(fields, field, json_string(value)), 0);
    assert_int_equal(aks_audit_note(place->engine, event, fields, NULL), AKS_OK);
}

/* Where line ${number} begins. */
static char *
find(char *text, size_t number)
{
    for (size_t i = 1; i < number; i++) {
        text = strchr(text, '\n');
        assert_non_null(text);
        text++;
    }
    return text;
}

char *
audit_place_line(struct audit_place *place, size_t number)
{
    char *text = temp_folder_read(place->folder, LOG, NULL);
    char *line = find(text, number);
    char *copy = strndup(line, strcspn(line, "\n"));

    free(text);
    return copy;
}

void
audit_place_change(struct audit_place *place, size_t number, const char *text)
{
    char *old = temp_folder_read(place->folder, LOG, NULL);
    char *line = find(old, number);
    const char *rest = line + strcspn(line, "\n") + 1;
    size_t bytes = strlen(old) + (text != NULL ? strlen(text) : 0) + 2;
    char *changed = malloc(bytes);
    int len;

    assert_non_null(changed);
    len = snprintf(changed, bytes, "%.*s%s%s%s", (int)(line - old), old, text != NULL ? text : "",
        text != NULL ? "\n" : "", rest);
    (void)temp_folder_write(place->folder, LOG, changed, (size_t)len);
    free(changed);
    free(old);
}
