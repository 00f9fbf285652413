/* One enum of failures and caller-owned error objects.
 *
 * Every function that can fail returns enum aks_status and, on failure, fills the struct aks_error
 * that its caller gave (NULL is allowed and means: nobody wants the words). Nothing is printed in
 * the library and nothing is thread-local, because a completion of something else may run before
 * anyone reads a message. */
#ifndef AKS_BASE_ERROR_H
#define AKS_BASE_ERROR_H

#include <stdbool.h>
#include <stdint.h>

/* X(enumerator, name as shown in reports, transient: may the same request succeed later?)
 * The names are an interface that others script against: docs/failures.md. */
#define AKS_STATUS_LIST(X) \
    X(AKS_OK, "ok", false) \
    X(AKS_OFFLINE, "offline", true) \
    X(AKS_DNS, "dns", true) \
    X(AKS_REFUSED, "refused", true) \
    X(AKS_CONNECT_TIMEOUT, "connect_timeout", true) \
    X(AKS_TLS, "tls", false) \
    X(AKS_TIMEOUT, "timeout", true) \
    X(AKS_STALLED, "stalled", true) \
    X(AKS_THROTTLED, "throttled", true) \
    X(AKS_SERVER, "server", true) \
    X(AKS_CLOCK_SKEW, "clock_skew", true) \
    X(AKS_AUTH_MISSING, "auth_missing", false) \
    X(AKS_AUTH_EXPIRED, "auth_expired", false) \
    X(AKS_AUTH_INVALID, "auth_invalid", false) \
    X(AKS_FORBIDDEN, "forbidden", false) \
    X(AKS_NOT_FOUND, "not_found", false) \
    X(AKS_CONFLICT, "conflict", false) \
    X(AKS_TOO_LARGE, "too_large", false) \
    X(AKS_BAD_REPLY, "bad_reply", true) \
    X(AKS_CORRUPT, "corrupt", true) \
    X(AKS_SOURCE_MISSING, "source_missing", false) \
    X(AKS_SOURCE_BUSY, "source_busy", true) \
    X(AKS_SOURCE_CHANGED, "source_changed", true) \
    X(AKS_SOURCE_UNREADABLE, "source_unreadable", false) \
    X(AKS_NO_SPACE, "no_space", true) \
    X(AKS_BUDGET, "budget", false) \
    X(AKS_STATE, "state", false) \
    X(AKS_POLICY, "policy", false) \
    X(AKS_SETTINGS, "settings", false) \
    X(AKS_LIMIT, "limit", false) \
    X(AKS_CANCELLED, "cancelled", false) \
    X(AKS_UNDELIVERED, "undelivered", false) \
    X(AKS_INTERNAL, "internal", false)

enum aks_status {
#define AKS_STATUS_ENUM(symbol, name, transient) symbol,
    AKS_STATUS_LIST(AKS_STATUS_ENUM)
#undef AKS_STATUS_ENUM
    AKS_STATUS_COUNT
};

#define AKS_ERROR_MESSAGE_BYTES 1024
#define AKS_ERROR_HINT_BYTES 384

/* message is "what failed, on what: why", without the program's name and without a final period.
 * hint is what to do about it, or empty. Longer texts are cut, ending in "...". Both are redacted
 * (base/redact.h) as they are set. */
struct aks_error {
    enum aks_status status;
    char message[AKS_ERROR_MESSAGE_BYTES];
    char hint[AKS_ERROR_HINT_BYTES];
};

/** "throttled" and so on; never NULL. */
const char *aks_status_name(enum aks_status status);
/** May the same request succeed later? */
bool aks_status_transient(enum aks_status status);
/** The status of that name; false if there is none. */
bool aks_status_from_name(const char *name, enum aks_status *ret_status);

void aks_error_clear(struct aks_error *err);
/** Fills ${err} (may be NULL), clears its hint, and returns ${status}: return aks_error_set(...).
 */
enum aks_status aks_error_set(struct aks_error *err, enum aks_status status, const char *format,
    ...)
    __attribute__((format(printf, 3, 4)));
/** Puts "...: " in front of the message that is there. Returns the status that is there, or
 * AKS_INTERNAL if ${err} is NULL: prefer returning a status of your own. */
enum aks_status aks_error_wrap(struct aks_error *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/** Sets the hint; NULL ${err} is fine. */
void aks_error_hint(struct aks_error *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/** Out of memory, said once and alike: "out of memory while ${doing}", AKS_LIMIT. */
enum aks_status aks_error_memory(struct aks_error *err, const char *doing);

#endif
