/* A machine for tests of the public header: the real ports in a folder of their own, with the
 * variables, home and working folder that a test gives, and an engine with a policy. */
#ifndef AKS_TESTS_API_PLACE_H
#define AKS_TESTS_API_PLACE_H

#include "akosha/akosha.h"
#include "os/os.h"
#include "support/temp_folder.h"

#include <stdbool.h>

#define API_PLACE_VARIABLES_MAX 8
#define API_PLACE_TEXT_BYTES 1024

struct api_place {
    struct temp_folder *folder;
    struct aks_os *os;
    struct aks_port port;
    const char *variables[API_PLACE_VARIABLES_MAX];     /* "NAME=value" */
    const char *home;
    const char *working_folder;
    struct akosha_options options;
    struct akosha *engine;
    struct akosha_policy *policy;
    struct akosha_report *report;
    struct akosha_error error;
    unsigned lines;                         /* logged */
    unsigned shown;                         /* progress */
};

/** For cmocka: a machine with a source "a.txt", and nothing opened. */
int api_place_set_up(void **state);
int api_place_tear_down(void **state);
/** Goes on with the ports of ${os}, which its caller keeps. */
void api_place_use(struct api_place *place, struct aks_os *os);
/** The path of a policy, made now: "a.txt" to the folder ${target}, without a second try. */
const char *api_place_policy_to(struct api_place *place, const char *name, const char *target);
const char *api_place_policy(struct api_place *place, const char *name);
/** Opens the engine and loads such a policy, from "p.lua". */
void api_place_open(struct api_place *place);
/** Runs; the report and the error stay in ${place}. */
int api_place_run(struct api_place *place);
/** Frees the report that is there: room for the next. */
struct akosha_report **api_place_report(struct api_place *place);
/** For calls that may have had no memory: what returned ${code}, and nothing before it, said why
 * where it failed. Gives ${code} back, and room for what the next one says. */
int api_place_told(struct api_place *place, int code);
bool api_place_exists(struct api_place *place, const char *name);

#endif
