#include "cli/cmd_test.h"

int
aks_cmd_test_new(const struct aks_args *args)
{
    struct aks_error err = { 0 };

    (void)aks_error_set(&err, AKS_INTERNAL, "not yet");
    return aks_cmd_test_fail(args, 1, &err);
}
