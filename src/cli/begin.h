/* How both programs begin. */
#ifndef AKS_CLI_BEGIN_H
#define AKS_CLI_BEGIN_H

#include <stdbool.h>

/* Is it the front program? */
extern const bool aks_begin_front;

/** Does what the command line says, out of aks_commands; returns the exit code. */
int aks_begin(int argc, char **argv);
/** -1, or the exit code after telling why this process must not go on: it has rights that its
 * caller has not. */
int aks_begin_refuse(void);

#endif
