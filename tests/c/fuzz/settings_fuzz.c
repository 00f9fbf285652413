/* An agent's settings: the hook is added and taken away again, and what was there is there. */
#include "base/check.h"
#include "cli/hook_event.h"
#include "cli/init_diff.h"
#include "cli/init_hook.h"

#include <jansson.h>
#include <stdint.h>
#include <string.h>

#define COMMAND "/usr/bin/akosha-sync hook session-end"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
listen_to(const char *text, size_t len)
{
    struct aks_hook_event whole = { 0 };
    struct aks_hook_event pieces = { 0 };

    (void)aks_hook_event_feed(&whole, text, len);
    for (size_t i = 0; i < len; i++)
        (void)aks_hook_event_feed(&pieces, text + i, 1);
    AKS_CHECK(strcmp(whole.name, pieces.name) == 0);
    AKS_CHECK(whole.whole == pieces.whole);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const char *text = (const char *)data;
    struct aks_init_hook_added added;
    struct aks_buf with;
    struct aks_buf without;
    struct aks_error err;
    size_t removed = 0;

    listen_to(text, len);
    aks_buf_init(&with, aks_alloc_system(), 4 * AKS_INIT_HOOK_BYTES_MAX);
    aks_buf_init(&without, aks_alloc_system(), 4 * AKS_INIT_HOOK_BYTES_MAX);
    if (aks_init_hook_add(text, len, COMMAND, &with, &added, &err) == AKS_OK) {
        json_t *json = json_loadb(with.data, with.len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL |
            JSON_DECODE_INT_AS_REAL, NULL);

        AKS_CHECK(json != NULL);
        json_decref(json);
        AKS_CHECK(aks_init_hook_remove(with.data, with.len, &added, &without, &removed, &err) ==
            AKS_OK);
        AKS_CHECK(removed > 0);
        if (removed == 1 && added.level > AKS_INIT_HOOK_FILE &&
            strlen(added.blank) < AKS_INIT_HOOK_BLANK_BYTES - 1)
            AKS_CHECK(added.blank[0] == '\0' || without.len == len);
        if (removed == 1 && added.level > AKS_INIT_HOOK_FILE && without.len == len)
            AKS_CHECK(memcmp(without.data, text, len) == 0);
        aks_buf_reset(&without);
        aks_init_diff_write("f", text, len, with.data, with.len, &without);
        AKS_CHECK(without.failed == AKS_OK);
    } else {
        AKS_CHECK(err.message[0] != '\0');
    }
    aks_buf_fini(&with);
    aks_buf_fini(&without);
    return 0;
}
