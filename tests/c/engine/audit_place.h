/* An engine with an audit log of its own, in a folder of the test. */
#ifndef AKS_TESTS_AUDIT_PLACE_H
#define AKS_TESTS_AUDIT_PLACE_H

#include "engine/engine.h"
#include "os/os.h"
#include "support/temp_folder.h"

#include <jansson.h>

#define AUDIT_PLACE_SYSTEM "laptop-7"

struct audit_place {
    struct temp_folder *folder;         /* the state is in "state", the target in "target" */
    struct aks_os *os;
    struct aks_port port;
    int64_t wall_ms;                    /* what the clock says */
    struct aks_engine *engine;
    struct aks_settings settings;       /* with one target, the folder "local" */
    struct aks_target_settings target;
    struct aks_policy policy;
};

int audit_place_set_up(void **state);
int audit_place_tear_down(void **state);
/** The engine, made with ${alloc} from now on. */
enum aks_status audit_place_open(struct audit_place *place, const struct aks_alloc *alloc);
/** Notes ${event}, with the text ${value} under ${field} (or NULL). */
void audit_place_note(struct audit_place *place, const char *event, const char *field,
    const char *value);
/** Line ${number}, from 1, of the log becomes ${text}; NULL: it goes. */
void audit_place_change(struct audit_place *place, size_t number, const char *text);
/** That line; the caller frees. */
char *audit_place_line(struct audit_place *place, size_t number);

#endif
