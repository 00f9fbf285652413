/* One line on a terminal while a run goes on; nothing in a pipe. */
#ifndef AKS_CLI_PROGRESS_H
#define AKS_CLI_PROGRESS_H

#include "akosha/akosha.h"

#include <stdbool.h>

/** Shows progress from now on if standard error is a terminal and ${wanted}. */
void aks_progress_start(bool wanted);
/** For struct akosha_options. */
void aks_progress_show(void *ctx, const struct akosha_progress *progress);
/** Shows ${text} instead, for what is no run. */
void aks_progress_text(const char *text);
/** Takes the line away before something else is printed. */
void aks_progress_clear(void);

#endif
