/* All ports in one place. The engine has no other way to the world. */
#ifndef AKS_PORT_PORT_H
#define AKS_PORT_PORT_H

#include "base/alloc.h"
#include "port/background.h"
#include "port/clock.h"
#include "port/entropy.h"
#include "port/environment.h"
#include "port/events.h"
#include "port/files.h"
#include "port/http.h"
#include "port/process.h"
#include "port/usage.h"
#include "port/work.h"

struct aks_port {
    const struct aks_alloc *alloc;
    struct aks_clock clock;
    struct aks_files files;
    struct aks_http http;
    struct aks_entropy entropy;
    struct aks_work work;
    struct aks_environment environment;
    struct aks_process process;
    struct aks_usage usage;
    struct aks_background background;
    struct aks_events events;
};

#endif
