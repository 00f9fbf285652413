/* Dates: ISO 8601 as we write them, HTTP dates (RFC 9110, 5.6.7), Retry-After (10.2.3). */
#ifndef AKS_WIRE_DATES_H
#define AKS_WIRE_DATES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AKS_DATE_BYTES 32

/** "2026-11-23T08:45:12.345Z". Returns ${ret_text}. Times outside of the years 1970 to 9999 are
 * moved to the nearest that is inside, so that a clock gone mad gives a date that can still be
 * read. */
const char *aks_date_iso(int64_t wall_ms, char ret_text[AKS_DATE_BYTES]);
/** "20261123T084512Z": for ids. The same years. */
const char *aks_date_compact(int64_t wall_ms, char ret_text[AKS_DATE_BYTES]);
/* A date of the calendar, and the time of its day. */
struct aks_date_civil {
    int year;
    int month;          /* 1 to 12 */
    int day;            /* 1 to 31 */
    int hour;
    int minute;
    int second;
    int weekday;        /* 0: Monday */
};

/** The date of ${wall_ms} in UTC, or, with an offset added to it, of a zone. The years of
 * aks_date_iso. */
void aks_date_civil(int64_t wall_ms, struct aks_date_civil *ret_civil);
/** ISO 8601 with Z or a numeric offset, seconds and fraction (1 to 9 digits, cut to milliseconds)
 * optional; false if it is anything else. Years 0000 to 9999, so the result may be negative. */
bool aks_date_parse_iso(const char *text, size_t len, int64_t *ret_wall_ms);
/** IMF-fixdate, and the two obsolete forms that RFC 9110 obliges readers to take. Blanks at the
 * ends are skipped, the day of the week is not compared with the date, and second 60 is the first
 * of the next minute. */
bool aks_date_parse_http(const char *text, int64_t *ret_wall_ms);
/** Retry-After: delay in milliseconds from ${wall_ms} on; a date in the past is 0. Clamped to
 * AKS_RETRY_AFTER_MS_MAX. False if it is neither a number nor a date. */
bool aks_date_retry_after(const char *text, int64_t wall_ms, int64_t *ret_ms);

#define AKS_RETRY_AFTER_MS_MAX INT64_C(86400000)

#endif
