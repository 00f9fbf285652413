/* A person's configuration folder in a folder of the test, with variables of its own; the other
 * ports are the real ones. */
#ifndef AKS_TESTS_SECRET_PLACE_H
#define AKS_TESTS_SECRET_PLACE_H

#include "engine/secret_list.h"
#include "os/os.h"
#include "support/temp_folder.h"

#define SECRET_PLACE_VARIABLES_MAX 16
#define SECRET_PLACE_PATH_BYTES 512
/* Where secrets of tests go, and a value that must not be seen. */
#define SECRET_PLACE_HOST "akosha.internal:8682"
#define SECRET_PLACE_URL "https://" SECRET_PLACE_HOST "/upload"
#define SECRET_PLACE_PLANTED "planted/value+of+a+test=="

struct secret_place {
    struct aks_os *os;
    struct aks_port port;
    struct temp_folder *folder;
    char *variables[SECRET_PLACE_VARIABLES_MAX];    /* "NAME=value" */
    size_t variable_count;
    char path[SECRET_PLACE_PATH_BYTES];             /* of secrets.json */
};

void secret_place_init(struct secret_place *place, const struct aks_alloc *alloc);
void secret_place_fini(struct secret_place *place);
/** Replaces one of that name. */
void secret_place_set(struct secret_place *place, const char *name, const char *value);
/** Writes a file in the folder; ${ret_path} is its path. */
void secret_place_file(struct secret_place *place, const char *name, const char *text,
    unsigned mode, char ret_path[SECRET_PLACE_PATH_BYTES]);
/** Writes secrets.json as it stands. */
void secret_place_json(struct secret_place *place, const char *text, unsigned mode);
/** Adds or replaces; fails the test if it does not work. ${host} may be several, with blanks. */
void secret_place_add(struct secret_place *place, const char *name, enum aks_secret_from from,
    const char *where, const char *host);
/** The same; what it says. */
enum aks_status secret_place_try(struct secret_place *place, const struct aks_secret_entry *entry,
    bool replace, struct aks_error *err);

/** Of a test whose state is a place. */
int secret_set_up(void **state);
int secret_tear_down(void **state);
/** Fails the test unless ${err} is ${status} and says both (NULL: any hint), and not the value. */
void secret_says(const struct aks_error *err, enum aks_status status, const char *message,
    const char *hint);
/** Fails the test unless ${name} is found for SECRET_PLACE_URL and is ${value}. */
void secret_found(struct secret_place *place, const char *name, const char *value);
/** Fails the test unless it is not found; why. */
struct aks_error secret_refused(struct secret_place *place, const char *name);

#endif
