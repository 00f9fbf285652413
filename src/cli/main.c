#include "cli/begin.h"

const bool aks_begin_front = false;

int
main(int argc, char **argv)
{
    return aks_begin(argc, argv);
}
