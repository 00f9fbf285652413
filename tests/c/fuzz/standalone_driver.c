/* Runs every file of the folders that are named through the fuzzer: the corpus as an ordinary
 * test. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static int
run_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data = malloc(1u << 22);
    size_t len;

    if (file == NULL || data == NULL)
        exit(1);
    len = fread(data, 1, 1u << 22, file);
    (void)fclose(file);
    data = realloc(data, len > 0 ? len : 1);    /* exact size, so that ASan sees over-reads */
    (void)LLVMFuzzerTestOneInput(data, len);
    free(data);
    return 1;
}

int
main(int argc, char **argv)
{
    int files = 0;

    for (int i = 1; i < argc; i++) {
        DIR *folder = opendir(argv[i]);
        const struct dirent *entry;

        if (folder == NULL) {
            (void)fprintf(stderr, "cannot open corpus %s\n", argv[i]);
            return 1;
        }
        while ((entry = readdir(folder)) != NULL) {
            char path[4096];

            if (entry->d_name[0] == '.')
                continue;
            (void)snprintf(path, sizeof(path), "%s/%s", argv[i], entry->d_name);
            files += run_file(path);
        }
        (void)closedir(folder);
    }
    (void)printf("%d inputs\n", files);
    return files > 0 ? 0 : 1;   /* an empty corpus is no pass */
}
