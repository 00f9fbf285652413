/* A world with a dir target in "deep/tree" of its folder, and looks at that tree with nothing but
 * the C library. */
#ifndef AKS_TESTS_DIR_PLACE_H
#define AKS_TESTS_DIR_PLACE_H

#include "engine/target_world.h"

#include <stdint.h>

#define KEY TARGET_WORLD_FOLDER "reflection.duckdb.zst"
#define MANIFEST TARGET_WORLD_FOLDER "manifest.json"
#define STALE ".reflection.duckdb.zst.0123456789abcdef.part"

int dir_place_set_up(void **state);
int dir_place_tear_down(void **state);
struct target_world *dir_place_world(void **state);
/** As of struct target_case. */
enum aks_status dir_place_read(void *ctx, const char *key, struct aks_buf *ret_data,
    struct aks_error *err);
/** How many names there are below ${path}; ${ret_hidden} (or NULL): one that begins with a dot. */
unsigned dir_place_count(const char *path, char ret_hidden[256]);
/** The path of ${name} in the tree; lives as long as the world. */
const char *dir_place_below(struct target_world *world, const char *name);
/** The tree with the folder of the upload. */
void dir_place_make_folders(struct target_world *world);
void dir_place_write(const char *path, const char *text);
void dir_place_set_age(const char *path, int64_t age_s);
/** Links too. */
bool dir_place_exists(const char *path);

#endif
