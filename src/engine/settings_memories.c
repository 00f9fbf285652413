#include "base/check.h"
#include "engine/settings.h"

const char *
aks_settings_memories_name(enum aks_memories_mode mode)
{
    static const char *const names[] = { "new", "all", "none" };

    AKS_CHECK((unsigned)mode < sizeof(names) / sizeof(names[0]));
    return names[mode];
}

bool
aks_settings_memories(const struct aks_settings *settings)
{
    const struct aks_memories_settings *memories = &settings->memories;

    return memories->mode != AKS_MEMORIES_NONE && (memories->set || !settings->encrypt.set);
}

void
aks_settings_memories_fini(const struct aks_alloc *alloc, struct aks_memories_settings *memories)
{
    for (size_t i = 0; i < memories->map_count; i++) {
        aks_mem_free(alloc, memories->maps[i].table);
        aks_mem_free(alloc, memories->maps[i].id);
        aks_mem_free(alloc, memories->maps[i].text);
        aks_mem_free(alloc, memories->maps[i].embedding);
        aks_mem_free(alloc, memories->maps[i].at);
    }
    aks_mem_free(alloc, memories->maps);
    memories->maps = NULL;
    memories->map_count = 0;
}
