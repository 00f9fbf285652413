/* What is to go wrong, as a person writes it on a command line: "cloud: throttled x3,
 * retry_after=40, operation=part 2". */
#ifndef AKS_TESTKIT_EVENT_H
#define AKS_TESTKIT_EVENT_H

#include "base/error.h"
#include "testkit/fault.h"

#include <stdint.h>

#define AKS_EVENT_TIMES_MAX 1000
#define AKS_EVENT_RETRY_AFTER_S_MAX (30 * 24 * 3600)

struct aks_event {
    char target[AKS_FAULT_TEXT_BYTES];      /* "": any */
    enum aks_status failure;
    uint32_t times;                         /* 0: each time */
    int64_t retry_after_s;                  /* -1: the server does not say */
    char operation[AKS_FAULT_TEXT_BYTES];   /* "": any, but a reply does not strike probes then */
};

/** Takes ${text} apart: [target:] failure [xN][, retry_after=S][, operation=NAME]. AKS_SETTINGS,
 * with the nearest word that is known. Whether there is such a target is not looked at. */
enum aks_status aks_event_parse(const char *text, struct aks_event *ret_event,
    struct aks_error *err);
/** The rule that makes it happen. */
void aks_event_rule(const struct aks_event *event, struct aks_fault_rule *ret_rule);

#endif
