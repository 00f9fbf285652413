/* Days are counted with the algorithm that Howard Hinnant published as days_from_civil and
 * civil_from_days ("chrono-Compatible Low-Level Date Algorithms"): the year begins in March, so
 * that the leap day is its last day and months need no table. No time zone, no locale, no C
 * library calendar takes part. */
#include "wire/dates.h"

#include <stdio.h>
#include <string.h>

#define MS_PER_S INT64_C(1000)
#define S_PER_DAY INT64_C(86400)
#define DAYS_PER_ERA INT64_C(146097)        /* 400 years */
#define DAYS_TO_EPOCH INT64_C(719468)       /* from 0000-03-01 to 1970-01-01 */
#define WEEKDAY_OF_EPOCH 3                  /* a Thursday */
/* 9999-12-31T23:59:59.999Z: five digits of a year would break every reader, and our buffers. */
#define WALL_MS_MAX INT64_C(253402300799999)
/* More digits of a fraction than nanoseconds have are nobody's clock. */
#define FRACTION_DIGITS_MAX 9
/* Seconds of Retry-After beyond this are clamped anyway, so reading stops before it overflows. */
#define RETRY_AFTER_S_MAX (AKS_RETRY_AFTER_MS_MAX / MS_PER_S)
/* rfc850-date has two digits of a year, and this function has no clock for the RFC's rule of 50
 * years: 70 to 99 are of the last century, since no server was up before 1970. */
#define TWO_DIGIT_PIVOT 70

struct civil {
    int64_t year;
    int month;          /* 1 to 12 */
    int day;            /* 1 to 31 */
    int hour;
    int minute;
    int second;         /* 60 in a leap second, which counts as the next minute's first */
};

/* Text that is read from the left. A reader that does not match leaves `at` anywhere. */
struct scan {
    const char *at;
    const char *end;
};

static int64_t
days_from_civil(int64_t year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t month_from_march = month > 2 ? month - 3 : month + 9;
    int64_t day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

    return era * DAYS_PER_ERA + day_of_era - DAYS_TO_EPOCH;
}

static void
civil_from_days(int64_t days, struct civil *ret_civil)
{
    int64_t shifted = days + DAYS_TO_EPOCH;         /* our callers' days are never negative */
    int64_t era = shifted / DAYS_PER_ERA;
    int64_t day_of_era = shifted - era * DAYS_PER_ERA;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month_from_march = (5 * day_of_year + 2) / 153;

    ret_civil->day = (int)(day_of_year - (153 * month_from_march + 2) / 5 + 1);
    ret_civil->month = (int)(month_from_march < 10 ? month_from_march + 3 : month_from_march - 9);
    ret_civil->year = year_of_era + era * 400 + (ret_civil->month <= 2 ? 1 : 0);
}

static int
days_in_month(int64_t year, int month)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return month == 2 && leap ? 29 : days[month - 1];
}

static bool
civil_valid(const struct civil *civil)
{
    return civil->month >= 1 && civil->month <= 12 && civil->day >= 1 &&
        civil->day <= days_in_month(civil->year, civil->month) && civil->hour <= 23 &&
        civil->minute <= 59 && civil->second <= 60;
}

static int64_t
civil_to_ms(const struct civil *civil)
{
    int64_t days = days_from_civil(civil->year, civil->month, civil->day);

    return (days * S_PER_DAY + civil->hour * 3600 + civil->minute * 60 + civil->second) * MS_PER_S;
}

/* Returns the milliseconds within the second. */
static int
civil_from_ms(int64_t wall_ms, struct civil *ret_civil)
{
    int64_t ms = wall_ms < 0 ? 0 : wall_ms > WALL_MS_MAX ? WALL_MS_MAX : wall_ms;
    int64_t seconds = ms / MS_PER_S;
    int second_of_day = (int)(seconds % S_PER_DAY);

    civil_from_days(seconds / S_PER_DAY, ret_civil);
    ret_civil->hour = second_of_day / 3600;
    ret_civil->minute = second_of_day / 60 % 60;
    ret_civil->second = second_of_day % 60;
    return (int)(ms % MS_PER_S);
}

void
aks_date_civil(int64_t wall_ms, struct aks_date_civil *ret_civil)
{
    struct civil civil;
    int64_t days;

    (void)civil_from_ms(wall_ms, &civil);
    ret_civil->year = (int)civil.year;
    ret_civil->month = civil.month;
    ret_civil->day = civil.day;
    ret_civil->hour = civil.hour;
    ret_civil->minute = civil.minute;
    ret_civil->second = civil.second;
    days = days_from_civil(civil.year, civil.month, civil.day);
    ret_civil->weekday = (int)((days + WEEKDAY_OF_EPOCH) % 7);
}

const char *
aks_date_iso(int64_t wall_ms, char ret_text[AKS_DATE_BYTES])
{
    struct civil civil;
    int ms = civil_from_ms(wall_ms, &civil);

    (void)snprintf(ret_text, AKS_DATE_BYTES, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ",
        (unsigned)civil.year % 10000u, (unsigned)civil.month % 100u, (unsigned)civil.day % 100u,
        (unsigned)civil.hour % 100u, (unsigned)civil.minute % 100u, (unsigned)civil.second % 100u,
        (unsigned)ms % 1000u);
    return ret_text;
}

const char *
aks_date_compact(int64_t wall_ms, char ret_text[AKS_DATE_BYTES])
{
    struct civil civil;

    (void)civil_from_ms(wall_ms, &civil);
    (void)snprintf(ret_text, AKS_DATE_BYTES, "%04u%02u%02uT%02u%02u%02uZ",
        (unsigned)civil.year % 10000u, (unsigned)civil.month % 100u, (unsigned)civil.day % 100u,
        (unsigned)civil.hour % 100u, (unsigned)civil.minute % 100u, (unsigned)civil.second % 100u);
    return ret_text;
}

static bool
digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool
scan_char(struct scan *scan, char c)
{
    if (scan->at == scan->end || *scan->at != c)
        return false;
    scan->at++;
    return true;
}

static bool
scan_one_of(struct scan *scan, const char *set)
{
    if (scan->at == scan->end || *scan->at == '\0' || strchr(set, *scan->at) == NULL)
        return false;
    scan->at++;
    return true;
}

static bool
scan_text(struct scan *scan, const char *text)
{
    size_t len = strlen(text);

    if ((size_t)(scan->end - scan->at) < len || memcmp(scan->at, text, len) != 0)
        return false;
    scan->at += len;
    return true;
}

/* Exactly ${digits} digits. */
static bool
scan_number(struct scan *scan, int digits, int *ret_number)
{
    int number = 0;

    for (int i = 0; i < digits; i++) {
        if (scan->at == scan->end || !digit(*scan->at))
            return false;
        number = number * 10 + (*scan->at++ - '0');
    }
    *ret_number = number;
    return true;
}

/* hh:mm:ss */
static bool
scan_time(struct scan *scan, struct civil *civil)
{
    return scan_number(scan, 2, &civil->hour) && scan_char(scan, ':') &&
        scan_number(scan, 2, &civil->minute) && scan_char(scan, ':') &&
        scan_number(scan, 2, &civil->second);
}

/* "Jan" and so on, case as RFC 9110 has it. */
static bool
scan_month(struct scan *scan, int *ret_month)
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    char name[4] = { 0 };

    for (int month = 1; month <= 12; month++) {
        memcpy(name, names + 3 * (month - 1), 3);
        if (scan_text(scan, name)) {
            *ret_month = month;
            return true;
        }
    }
    return false;
}

/* Fraction of a second behind '.' or ',': milliseconds, the rest cut off. */
static bool
scan_fraction(struct scan *scan, int *ret_ms)
{
    int digits = 0;
    int ms = 0;

    while (scan->at < scan->end && digit(*scan->at) && digits < FRACTION_DIGITS_MAX) {
        if (digits < 3)
            ms = ms * 10 + (*scan->at - '0');
        scan->at++;
        digits++;
    }
    for (int i = digits; i < 3; i++)
        ms *= 10;
    *ret_ms = ms;
    return digits > 0;
}

/* Z, +hh, +hhmm, +hh:mm: minutes that the text is ahead of UTC. */
static bool
scan_offset(struct scan *scan, int *ret_minutes)
{
    bool west;
    int hours;
    int minutes = 0;

    *ret_minutes = 0;
    if (scan_one_of(scan, "Zz"))
        return true;
    west = scan->at < scan->end && *scan->at == '-';
    if (!scan_one_of(scan, "+-") || !scan_number(scan, 2, &hours))
        return false;
    if (scan->at < scan->end) {
        (void)scan_char(scan, ':');
        if (!scan_number(scan, 2, &minutes))
            return false;
    }
    if (hours > 23 || minutes > 59)
        return false;
    *ret_minutes = (hours * 60 + minutes) * (west ? -1 : 1);
    return true;
}

bool
aks_date_parse_iso(const char *text, size_t len, int64_t *ret_wall_ms)
{
    struct scan scan = { text, text + len };
    struct civil civil = { 0 };
    int year;
    int ms = 0;
    int offset_minutes;

    if (!scan_number(&scan, 4, &year) || !scan_char(&scan, '-') ||
        !scan_number(&scan, 2, &civil.month) || !scan_char(&scan, '-') ||
        !scan_number(&scan, 2, &civil.day) || !scan_one_of(&scan, "Tt") ||
        !scan_number(&scan, 2, &civil.hour) || !scan_char(&scan, ':') ||
        !scan_number(&scan, 2, &civil.minute))
        return false;
    if (scan_char(&scan, ':')) {
        if (!scan_number(&scan, 2, &civil.second))
            return false;
        if (scan_one_of(&scan, ".,") && !scan_fraction(&scan, &ms))
            return false;
    }
    civil.year = year;
    if (!scan_offset(&scan, &offset_minutes) || scan.at != scan.end || !civil_valid(&civil))
        return false;
    *ret_wall_ms = civil_to_ms(&civil) + ms - offset_minutes * 60 * MS_PER_S;
    return true;
}

/* "Sun, 06 Nov 1994 08:49:37 GMT" */
static bool
parse_imf_fixdate(struct scan scan, struct civil *ret_civil)
{
    int year;

    if (!scan_text(&scan, ", ") || !scan_number(&scan, 2, &ret_civil->day) ||
        !scan_char(&scan, ' ') || !scan_month(&scan, &ret_civil->month) ||
        !scan_char(&scan, ' ') || !scan_number(&scan, 4, &year) || !scan_char(&scan, ' ') ||
        !scan_time(&scan, ret_civil) || !scan_text(&scan, " GMT"))
        return false;
    ret_civil->year = year;
    return scan.at == scan.end;
}

/* "Sunday, 06-Nov-94 08:49:37 GMT" */
static bool
parse_rfc850(struct scan scan, struct civil *ret_civil)
{
    int year;

    if (!scan_text(&scan, ", ") || !scan_number(&scan, 2, &ret_civil->day) ||
        !scan_char(&scan, '-') || !scan_month(&scan, &ret_civil->month) ||
        !scan_char(&scan, '-') || !scan_number(&scan, 2, &year) || !scan_char(&scan, ' ') ||
        !scan_time(&scan, ret_civil) || !scan_text(&scan, " GMT"))
        return false;
    ret_civil->year = year + (year < TWO_DIGIT_PIVOT ? 2000 : 1900);
    return scan.at == scan.end;
}

/* "Sun Nov  6 08:49:37 1994": a day below ten has a blank in front. */
static bool
parse_asctime(struct scan scan, struct civil *ret_civil)
{
    int year;

    if (!scan_char(&scan, ' ') || !scan_month(&scan, &ret_civil->month) || !scan_char(&scan, ' '))
        return false;
    if (!scan_number(&scan, scan_char(&scan, ' ') ? 1 : 2, &ret_civil->day) ||
        !scan_char(&scan, ' ') || !scan_time(&scan, ret_civil) || !scan_char(&scan, ' ') ||
        !scan_number(&scan, 4, &year))
        return false;
    ret_civil->year = year;
    return scan.at == scan.end;
}

/* The name of the day says nothing that the date does not, so it must be one, but not the right
 * one. */
static bool
scan_weekday(struct scan *scan, bool *ret_long)
{
    static const char *const names[] = { "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday",
        "Friday", "Saturday" };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char brief[4] = { 0 };

        memcpy(brief, names[i], 3);
        *ret_long = scan_text(scan, names[i]);
        if (*ret_long || scan_text(scan, brief))
            return true;
    }
    return false;
}

/* Without the blanks that a header's value may have at its ends. */
static struct scan
scan_trimmed(const char *text)
{
    struct scan scan = { text, text + strlen(text) };

    while (scan.at < scan.end && (*scan.at == ' ' || *scan.at == '\t'))
        scan.at++;
    while (scan.end > scan.at && (scan.end[-1] == ' ' || scan.end[-1] == '\t'))
        scan.end--;
    return scan;
}

bool
aks_date_parse_http(const char *text, int64_t *ret_wall_ms)
{
    struct scan scan = scan_trimmed(text);
    struct civil civil = { 0 };
    bool is_long;
    bool parsed;

    if (!scan_weekday(&scan, &is_long))
        return false;
    if (is_long)
        parsed = parse_rfc850(scan, &civil);
    else
        parsed = parse_imf_fixdate(scan, &civil) || parse_asctime(scan, &civil);
    if (!parsed || !civil_valid(&civil))
        return false;
    *ret_wall_ms = civil_to_ms(&civil);
    return true;
}

bool
aks_date_retry_after(const char *text, int64_t wall_ms, int64_t *ret_ms)
{
    struct scan scan = scan_trimmed(text);
    int64_t seconds = 0;
    int64_t date_ms;

    if (scan.at < scan.end && digit(*scan.at)) {
        for (; scan.at < scan.end && digit(*scan.at); scan.at++) {
            if (seconds <= RETRY_AFTER_S_MAX)
                seconds = seconds * 10 + (*scan.at - '0');
        }
        if (scan.at != scan.end)
            return false;
        *ret_ms = seconds > RETRY_AFTER_S_MAX ? AKS_RETRY_AFTER_MS_MAX : seconds * MS_PER_S;
        return true;
    }
    if (!aks_date_parse_http(text, &date_ms))
        return false;
    if (date_ms <= wall_ms)
        *ret_ms = 0;
    else if (date_ms - AKS_RETRY_AFTER_MS_MAX >= wall_ms)
        *ret_ms = AKS_RETRY_AFTER_MS_MAX;
    else
        *ret_ms = date_ms - wall_ms;
    return true;
}
