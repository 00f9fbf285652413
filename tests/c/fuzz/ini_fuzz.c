/* Profile files, read for two sections. */
#include "base/check.h"
#include "wire/ini.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static enum aks_status
check_property(void *ctx, const char *key, const char *value, struct aks_error *err)
{
    int *calls = ctx;

    AKS_CHECK(key[0] != '\0' && strlen(key) < 256);
    AKS_CHECK(strlen(value) < AKS_INI_VALUE_BYTES);
    for (const char *p = key; *p != '\0'; p++)
        AKS_CHECK(*p < 'A' || *p > 'Z');
    for (const char *p = value; *p != '\0'; p++)
        AKS_CHECK((unsigned char)*p >= 0x20 || *p == '\t');
    if (value[0] != '\0') {
        AKS_CHECK(value[0] != ' ' && value[0] != '\t');
        AKS_CHECK(value[strlen(value) - 1] != ' ' && value[strlen(value) - 1] != '\t');
    }
    if (++*calls == 1000)
        return aks_error_set(err, AKS_CANCELLED, "enough");
    return AKS_OK;
}

static void
read_section(const char *text, size_t len, const char *section)
{
    struct aks_error err;
    int calls = 0;
    int found = -1;
    enum aks_status status;

    aks_error_clear(&err);
    status = aks_ini_section(text, len, section, check_property, &calls, &found, &err);
    AKS_CHECK(status == AKS_OK || status == AKS_SETTINGS || status == AKS_CANCELLED);
    AKS_CHECK(err.status == status);
    AKS_CHECK(found == 0 || found == 1);
    AKS_CHECK(found == 1 || calls == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    read_section((const char *)data, len, "default");
    read_section((const char *)data, len, "profile my own");
    return 0;
}
