/* A folder of a test's own, under $TMPDIR or /tmp, and the files in it. Whatever cannot be done
 * fails the running test. */
#ifndef AKS_TESTS_TEMP_FOLDER_H
#define AKS_TESTS_TEMP_FOLDER_H

#include <stddef.h>

struct temp_folder;

/** A new, empty folder (mode 0700). */
struct temp_folder *temp_folder_new(void);
/** Removes the folder with everything in it, following no link and crossing into no other file
 * system; NULL is fine. */
void temp_folder_free(struct temp_folder *folder);
/** Absolute, without links in it. */
const char *temp_folder_path(const struct temp_folder *folder);
/** The path of ${name} in the folder; lives as long as the folder. */
const char *temp_folder_join(struct temp_folder *folder, const char *name);
/** Creates or replaces a file (mode 0600) and returns its path; lives as long as the folder. */
const char *temp_folder_write(struct temp_folder *folder, const char *name, const void *data,
    size_t len);
/** The bytes of a file and a NUL; the caller frees. ${ret_len} may be NULL. */
char *temp_folder_read(struct temp_folder *folder, const char *name, size_t *ret_len);

#endif
