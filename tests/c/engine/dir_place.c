#include "engine/dir_place.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Looks into the folder with nothing but the C library. */
enum aks_status
dir_place_read(void *ctx, const char *key, struct aks_buf *ret_data, struct aks_error *err)
{
    const struct target_world *world = ctx;
    char path[4096];
    char data[4096];
    size_t len;
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/%s", world->target.path, key);
    file = fopen(path, "rb");
    if (file == NULL)
        return aks_error_set(err, AKS_NOT_FOUND, "no file %s", path);
    while ((len = fread(data, 1, sizeof(data), file)) > 0)
        aks_buf_append(ret_data, data, len);
    (void)fclose(file);
    return aks_buf_status(ret_data, path, err);
}

int
dir_place_set_up(void **state)
{
    struct target_world *world = target_world_new(AKS_TARGET_DIR);

    world->target.path = strdup(temp_folder_join(world->folder, "deep/tree"));
    assert_non_null(world->target.path);
    world->at.read = dir_place_read;
    world->at.ctx = world;
    *state = &world->at;
    return 0;
}

int
dir_place_tear_down(void **state)
{
    const struct target_case *at = *state;
    struct target_world *world = at->ctx;

    free(world->target.path);
    target_world_free(world);
    return 0;
}

struct target_world *
dir_place_world(void **state)
{
    const struct target_case *at = *state;

    return at->ctx;
}

/* How many names there are below ${path}, and the last of those that begin with a dot. */
unsigned
dir_place_count(const char *path, char ret_hidden[256])
{
    DIR *folder = opendir(path);
    const struct dirent *entry;
    unsigned count = 0;

    if (folder == NULL)
        return 0;
    while ((entry = readdir(folder)) != NULL) {
        char inner[4096];

        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        count++;
        if (entry->d_name[0] == '.' && ret_hidden != NULL)
            (void)snprintf(ret_hidden, 256, "%s", entry->d_name);
        (void)snprintf(inner, sizeof(inner), "%s/%s", path, entry->d_name);
        count += dir_place_count(inner, ret_hidden);
    }
    (void)closedir(folder);
    return count;
}

const char *
dir_place_below(struct target_world *world, const char *name)
{
    char path[1024];

    (void)snprintf(path, sizeof(path), "deep/tree/%s", name);
    return temp_folder_join(world->folder, path);
}

void
dir_place_make_folders(struct target_world *world)
{
    assert_int_equal(mkdir(temp_folder_join(world->folder, "deep"), 0700), 0);
    assert_int_equal(mkdir(dir_place_below(world, ""), 0700), 0);
    assert_int_equal(mkdir(dir_place_below(world, "systems"), 0700), 0);
    assert_int_equal(mkdir(dir_place_below(world, "systems/" TARGET_WORLD_SYSTEM), 0700), 0);
    assert_int_equal(mkdir(dir_place_below(world, TARGET_WORLD_FOLDER), 0700), 0);
}

void
dir_place_write(const char *path, const char *text)
{
    FILE *file = fopen(path, "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
}

void
dir_place_set_age(const char *path, int64_t age_s)
{
    struct timespec times[2];

    assert_int_equal(clock_gettime(CLOCK_REALTIME, &times[0]), 0);
    times[0].tv_sec -= age_s;
    times[1] = times[0];
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

bool
dir_place_exists(const char *path)
{
    struct stat info;

    return lstat(path, &info) == 0;
}
