#include "testkit/suite.h"

#include "base/check.h"
#include "testkit/lib_testing.h"

#define FILE_BYTES_MAX ((int64_t)4 * 1024 * 1024)

static char *
absolute(const struct aks_suite_options *options)
{
    const struct aks_environment *env = &options->real->environment;

    if (options->file[0] == '/')
        return aks_mem_strdup(options->alloc, options->file);
    return aks_mem_printf(options->alloc, "%s/%s", env->working_folder(env->ctx), options->file);
}

/* The whole file, owned. */
static enum aks_status
read_whole(const struct aks_suite_options *options, struct aks_file *file, char **ret_text,
    size_t *ret_len, struct aks_error *err)
{
    const struct aks_files *files = &options->real->files;
    struct aks_file_info info;
    enum aks_status status = files->info(file, &info, err);
    char *text;

    if (status != AKS_OK)
        return status;
    if (info.type != AKS_FILE_REGULAR)
        return aks_error_set(err, AKS_POLICY, "%s: tests are a file", options->file);
    if (info.bytes > FILE_BYTES_MAX)
        return aks_error_set(err, AKS_LIMIT, "%s: a file of tests has 4 MiB at most",
            options->file);
    text = aks_mem_new(options->alloc, (size_t)info.bytes + 1);
    if (text == NULL)
        return aks_error_memory(err, "reading tests");
    status = files->read(file, 0, text, (size_t)info.bytes, ret_len, err);
    if (status != AKS_OK) {
        aks_mem_free(options->alloc, text);
        return status;
    }
    *ret_text = text;
    return AKS_OK;
}

static enum aks_status
read_tests(const struct aks_suite_options *options, char **ret_text, size_t *ret_len,
    struct aks_error *err)
{
    const struct aks_files *files = &options->real->files;
    struct aks_file *file = NULL;
    char *path = absolute(options);
    enum aks_status status;

    if (path == NULL)
        return aks_error_memory(err, "reading tests");
    status = files->open(files->ctx, path, AKS_FILE_READ, &file, err);
    if (status == AKS_OK)
        status = read_whole(options, file, ret_text, ret_len, err);
    files->close(file);
    aks_mem_free(options->alloc, path);
    return status;
}

enum aks_status
aks_suite_run(const struct aks_suite_options *options, size_t *ret_count, struct aks_error *err)
{
    struct aks_testing *testing = NULL;
    char *text = NULL;
    size_t len = 0;
    enum aks_status status;

    AKS_CHECK(options->result != NULL);
    AKS_CHECK(options->file != NULL && options->file[0] != '\0');
    *ret_count = 0;
    aks_error_clear(err);
    status = read_tests(options, &text, &len, err);
    if (status == AKS_OK)
        status = aks_testing_new(options, &testing, err);
    if (status == AKS_OK)
        status = aks_testing_run(testing, text, len, ret_count, err);
    aks_testing_free(testing);
    aks_mem_free(options->alloc, text);
    return status;
}
