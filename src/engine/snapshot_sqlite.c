#include "engine/snapshot_internal.h"

enum aks_status
aks_snapshot_sqlite(struct aks_snapshot_take *take, struct aks_error *err)
{
    return aks_snapshot_file(take, err);
}
