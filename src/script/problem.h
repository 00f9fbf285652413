/* Who wants to know everything that is wrong with a policy, not only the first.
 *
 * A load that is given this goes on after a wrong field, which keeps its default, and tells the
 * next one too; it fails in the end, whatever was wrong. What a policy catches with pcall of its
 * own is told as well. A policy that is fine may still be told of by warnings, and is loaded. */
#ifndef AKS_SCRIPT_PROBLEM_H
#define AKS_SCRIPT_PROBLEM_H

#include <stdbool.h>

/* More are counted, and not told. */
#define AKS_PROBLEM_TOLD_MAX 200

/* All texts live as long as the call. */
struct aks_script_problem {
    bool warning;
    const char *file;       /* the policy's path as shown, or that of a module beside it */
    int line;               /* the field's own where it was found in the text, else that of the
                             * builder's call; 0: not known */
    const char *field;      /* "retry", "targets.cloud", "sources[2]"; "" where it is about none */
    const char *message;    /* with the builder in front: "akosha.s3: no bucket" */
};

struct aks_script_problems {
    void (*tell)(void *ctx, const struct aks_script_problem *problem);
    void *ctx;
};

#endif
