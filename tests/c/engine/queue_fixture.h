/* What the tests of the queue share: a folder of its own, and the real ports. */
#ifndef AKS_TESTS_QUEUE_FIXTURE_H
#define AKS_TESTS_QUEUE_FIXTURE_H

#include "engine/queue.h"
#include "os/os.h"
#include "support/temp_folder.h"

static struct aks_os *os;
static struct aks_port port;
static struct temp_folder *folder;
static const char *queue;
static struct aks_error err;

static int
open_place(void **state)
{
    folder = temp_folder_new();
    queue = temp_folder_join(folder, "queue");
    if (aks_os_open(aks_alloc_system(), &os, &err) != AKS_OK)
        return -1;
    port = *aks_os_port(os);
    return 0;
}

static int
close_place(void **state)
{
    aks_os_close(os);
    temp_folder_free(folder);
    return 0;
}

#endif
