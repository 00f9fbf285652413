/* The text of secrets.json. What is taken for one can be written, and is then read as the same. */
#include "base/check.h"
#include "engine/secret_json.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
write_list(const struct aks_secret_list *list, struct aks_buf *out)
{
    struct aks_error err;

    aks_buf_init(out, aks_alloc_system(), 16 * AKS_SECRET_JSON_BYTES_MAX);
    AKS_CHECK(aks_secret_json_write(list, out, &err) == AKS_OK);
}

/* Each entry is one that could have been added, and goes nowhere but to hosts of its own. */
static void
check_entries(const struct aks_secret_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct aks_secret_entry *entry = &list->entries[i];
        struct aks_url url = { .tls = true };

        AKS_CHECK(aks_secret_name_valid(entry->name) && entry->where[0] != '\0');
        AKS_CHECK(entry->host_count > 0 && entry->host_count <= AKS_SECRET_HOSTS_MAX);
        AKS_CHECK(aks_secret_list_find(list, entry->name) == entry);
        memcpy(url.host, "not.any.host", sizeof("not.any.host"));
        AKS_CHECK(!aks_secret_host_allows(entry, &url));
        for (size_t j = 0; j < entry->host_count; j++) {
            char normal[AKS_SECRET_HOST_BYTES];

            AKS_CHECK(aks_secret_host_normal(entry->hosts[j], normal, NULL) == AKS_OK);
            AKS_CHECK(strcmp(normal, entry->hosts[j]) == 0);
        }
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct aks_secret_list list;
    struct aks_secret_list again;
    struct aks_buf first;
    struct aks_buf second;
    struct aks_error err;

    aks_secret_list_init(&list, aks_alloc_system());
    aks_secret_list_init(&again, aks_alloc_system());
    if (aks_secret_json_read((const char *)data, len, &list, &err) != AKS_OK) {
        AKS_CHECK((err.status == AKS_SETTINGS || err.status == AKS_LIMIT) &&
            err.message[0] != '\0');
        AKS_CHECK(list.count == 0 && list.entries == NULL);
        return 0;
    }
    check_entries(&list);
    write_list(&list, &first);
    AKS_CHECK(aks_secret_json_read(first.data, first.len, &again, &err) == AKS_OK);
    write_list(&again, &second);
    AKS_CHECK(first.len == second.len && memcmp(first.data, second.data, first.len) == 0);
    aks_buf_fini(&second);
    aks_buf_fini(&first);
    aks_secret_list_fini(&list);
    aks_secret_list_fini(&again);
    return 0;
}
