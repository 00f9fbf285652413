/* Dates of all kinds. What is written must be read back as it was. */
#include "base/check.h"
#include "wire/dates.h"

#include <stdint.h>
#include <string.h>

#define TEXT_MAX 256

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
check_round_trip(int64_t wall_ms)
{
    char text[AKS_DATE_BYTES];
    char again[AKS_DATE_BYTES];
    int64_t read_ms;

    AKS_CHECK(strlen(aks_date_compact(wall_ms, text)) == 16);
    (void)aks_date_iso(wall_ms, text);
    AKS_CHECK(strlen(text) == 24);
    AKS_CHECK(aks_date_parse_iso(text, strlen(text), &read_ms));
    AKS_CHECK(read_ms == wall_ms || wall_ms < 0 || wall_ms > INT64_C(253402300799999));
    AKS_CHECK(strcmp(aks_date_iso(read_ms, again), text) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char text[TEXT_MAX + 1];
    int64_t wall_ms = 0;
    int64_t delay_ms;

    if (aks_date_parse_iso((const char *)data, len, &wall_ms))
        check_round_trip(wall_ms);
    if (len > TEXT_MAX)
        len = TEXT_MAX;
    memcpy(text, data, len);
    text[len] = '\0';
    if (aks_date_parse_http(text, &wall_ms)) {
        AKS_CHECK(wall_ms % 1000 == 0);
        check_round_trip(wall_ms);
    }
    if (aks_date_retry_after(text, INT64_C(784111777000), &delay_ms))
        AKS_CHECK(delay_ms >= 0 && delay_ms <= AKS_RETRY_AFTER_MS_MAX);
    if (len >= sizeof(wall_ms)) {
        memcpy(&wall_ms, text, sizeof(wall_ms));
        check_round_trip(wall_ms);
        (void)aks_date_retry_after("Sun, 06 Nov 1994 08:49:37 GMT", wall_ms, &delay_ms);
    }
    return 0;
}
