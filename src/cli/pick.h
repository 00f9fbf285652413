/* Values of a report by a path that is put together: "queue.%lld.reason". */
#ifndef AKS_CLI_PICK_H
#define AKS_CLI_PICK_H

#include "akosha/akosha.h"

/** As akosha_report_text. */
const char *aks_pick_text(const struct akosha_report *report, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/** As akosha_report_number; 0 where there is nothing. */
int64_t aks_pick_number(const struct akosha_report *report, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
