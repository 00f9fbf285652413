/* Which files hold tests: those that are named, and every *_test.lua in folders that are named. */
#ifndef AKS_CLI_TEST_FIND_H
#define AKS_CLI_TEST_FIND_H

#include "base/alloc.h"
#include "base/error.h"
#include "port/files.h"

#include <stddef.h>

#define AKS_TEST_FIND_FILES_MAX 4096
#define AKS_TEST_FIND_DEPTH_MAX 16          /* folders within folders */
#define AKS_TEST_FIND_FOLDER "tests/lua"    /* where no path is given */
#define AKS_TEST_FIND_SUFFIX "_test.lua"

struct aks_test_find {
    const struct aks_alloc *alloc;
    const struct aks_files *files;
    const char *here;                       /* the working folder, absolute; borrowed */
    char **paths;                           /* as a person reads them; sorted, each once */
    size_t count;
    size_t capacity;
};

/** Borrows everything. */
void aks_test_find_init(struct aks_test_find *find, const struct aks_alloc *alloc,
    const struct aks_files *files, const char *here);
void aks_test_find_fini(struct aks_test_find *find);
/** Adds what is at ${paths}. Hidden folders and hidden files are passed over; a link is followed to
 * a file that lies in the folder it was found in, never to a folder. A path that is named may be a
 * link. AKS_SETTINGS, with what was looked for, where nothing was found in one of them or it is not
 * there; AKS_LIMIT; what the folder's listing failed with. */
enum aks_status aks_test_find_add(struct aks_test_find *find, const char *const *paths,
    size_t count, struct aks_error *err);
/** Owned: ${path}, absolute. NULL if there is no memory. */
char *aks_test_find_absolute(const struct aks_test_find *find, const char *path);

#endif
