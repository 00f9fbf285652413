/* What the library would tell a person, through a sink that is passed in; redacted
 * (base/redact.h). */
#ifndef AKS_BASE_LOG_H
#define AKS_BASE_LOG_H

enum aks_log_level { AKS_LOG_ERROR, AKS_LOG_WARNING, AKS_LOG_INFO, AKS_LOG_DEBUG };

/* One line without a line end; borrowed for the call. Called on the loop's thread only. */
struct aks_log {
    void (*line)(void *ctx, enum aks_log_level level, const char *text);
    void *ctx;
    enum aks_log_level level;   /* the most talkative level that is wanted */
};

#define AKS_LOG_LINE_BYTES 2048

/** Nothing if ${log} is NULL or the level is not wanted. Longer lines are cut. */
void aks_log_write(const struct aks_log *log, enum aks_log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
