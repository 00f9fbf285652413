#include "cli/cmd_test.h"
#include "cli/print.h"
#include "cli/test_find.h"
#include "os/os.h"
#include "testkit/first_test.h"

#include <string.h>

struct making {
    const struct aks_args *args;
    struct aks_os *os;
    const struct aks_port *port;
    struct aks_test_find paths;         /* for its way with paths */
    const char *policy;                 /* as tests will name it; within real_policy */
    char *real_policy;
    char *file;                         /* that is written, as it is shown */
    struct aks_buf text;
};

/* Tests read below the working folder only, and name the policy from there. */
static enum aks_status
find_policy(struct making *making, struct aks_error *err)
{
    const struct aks_files *files = &making->port->files;
    const char *here = making->paths.here;
    size_t len = strcmp(here, "/") == 0 ? 0 : strlen(here);
    char *path = aks_test_find_absolute(&making->paths, making->args->new_test);
    enum aks_status status;

    if (path == NULL)
        return aks_error_memory(err, "looking for the policy");
    status = files->resolve(files->ctx, path, aks_alloc_system(), &making->real_policy, err);
    aks_mem_free(aks_alloc_system(), path);
    if (status != AKS_OK)
        return aks_error_set(err, AKS_POLICY, "cannot read the policy %s: no such file",
            making->args->new_test);
    if (strncmp(making->real_policy, here, len) != 0 || making->real_policy[len] != '/') {
        status = aks_error_set(err, AKS_SETTINGS, "%s lies outside the working folder, and tests "
            "read below it only", making->args->new_test);
        aks_error_hint(err, "run this in the folder that the policy lies in, or above it");
        return status;
    }
    making->policy = making->real_policy + len + 1;
    return AKS_OK;
}

/* "policies/mine.lua" is tested in "tests/lua/mine_test.lua". */
static enum aks_status
name_file(struct making *making, struct aks_error *err)
{
    const char *folder = making->args->operand_count > 0 ? making->args->operands[0]
        : AKS_TEST_FIND_FOLDER;
    const char *slash = strrchr(making->policy, '/');
    const char *name = slash != NULL ? slash + 1 : making->policy;
    size_t len = strlen(name);
    size_t folder_len = strlen(folder);

    if (len > 4 && strcmp(name + len - 4, ".lua") == 0)
        len -= 4;
    while (folder_len > 1 && folder[folder_len - 1] == '/')
        folder_len--;
    making->file = aks_mem_printf(aks_alloc_system(), "%.*s/%.*s" AKS_TEST_FIND_SUFFIX,
        (int)folder_len, folder, (int)len, name);
    return making->file != NULL ? AKS_OK : aks_error_memory(err, "naming the tests");
}

/* The folders of ${path}, as far as they are missing. */
static enum aks_status
make_folders(const struct making *making, char *path, struct aks_error *err)
{
    const struct aks_files *files = &making->port->files;

    for (char *at = path + 1; (at = strchr(at, '/')) != NULL; at++) {
        struct aks_error why;
        enum aks_status status;

        *at = '\0';
        status = files->make_folder(files->ctx, path, &why);
        *at = '/';
        if (status != AKS_OK && status != AKS_CONFLICT) {
            if (err != NULL)
                *err = why;
            return status;
        }
    }
    return AKS_OK;
}

static enum aks_status
write_file(const struct making *making, struct aks_error *err)
{
    const struct aks_files *files = &making->port->files;
    struct aks_file *file = NULL;
    char *path = aks_test_find_absolute(&making->paths, making->file);
    enum aks_status status;

    if (path == NULL)
        return aks_error_memory(err, "writing the tests");
    status = make_folders(making, path, err);
    if (status == AKS_OK) {
        status = files->open(files->ctx, path, AKS_FILE_CREATE, &file, err);
        if (status == AKS_CONFLICT) {
            status = aks_error_set(err, AKS_SETTINGS, "%s is there already, and stays as it is",
                making->file);
            aks_error_hint(err, "akosha-sync test %s runs it", making->file);
        }
    }
    if (status == AKS_OK) {
        status = files->write(file, 0, making->text.data, making->text.len, err);
        if (status != AKS_OK)
            (void)files->unlink(files->ctx, path, NULL);
    }
    files->close(file);
    aks_mem_free(aks_alloc_system(), path);
    return status;
}

static enum aks_status
make(struct making *making, struct aks_error *err)
{
    const struct aks_environment *environment;
    enum aks_status status = aks_os_open(aks_alloc_system(), &making->os, err);

    if (status != AKS_OK)
        return status;
    making->port = aks_os_port(making->os);
    environment = &making->port->environment;
    aks_test_find_init(&making->paths, aks_alloc_system(), &making->port->files,
        environment->working_folder(environment->ctx));
    status = find_policy(making, err);
    if (status == AKS_OK)
        status = name_file(making, err);
    if (status == AKS_OK)
        status = aks_first_test_write(making->port, making->policy, &making->text, err);
    return status == AKS_OK ? write_file(making, err) : status;
}

static int
tell(const struct making *making)
{
    if (making->args->json) {
        aks_print_out("{\"schema\": 1, \"success\": true, \"exit_code\": 0, \"file\": ");
        aks_print_json_string(making->file);
        aks_print_out("}\n");
    } else if (!making->args->quiet) {
        aks_print_out("wrote %s\nnext: akosha-sync test %s\n", making->file, making->file);
    }
    return aks_print_flush();
}

int
aks_cmd_test_new(const struct aks_args *args)
{
    struct making making = { .args = args };
    struct aks_error err = { 0 };
    enum aks_status status;
    int code;

    aks_buf_init(&making.text, aks_alloc_system(), AKS_FIRST_TEST_BYTES_MAX);
    status = make(&making, &err);
    if (status == AKS_OK)
        code = tell(&making);
    else
        code = aks_cmd_test_fail(args, status == AKS_POLICY ? AKOSHA_SETTINGS : AKOSHA_USAGE,
            &err);
    aks_buf_fini(&making.text);
    aks_mem_free(aks_alloc_system(), making.file);
    aks_mem_free(aks_alloc_system(), making.real_policy);
    aks_os_close(making.os);
    return code;
}
