#include "cli/init_find.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#define DATA ".claude/data"
#define PROFILES_BYTES_MAX 4096
#define PROFILE_FILE_BYTES_MAX (256 * 1024)

static const char *const patterns[] = { "*.duckdb", "*.db", "*.sqlite", "*.sqlite3" };

struct looking {
    const struct aks_port *port;
    const char *folder;
    struct aks_init_found *found;
};

/* No folder of such a name, nor a link to nothing. */
static bool
is_file(const struct looking *looking, const char *name)
{
    const struct aks_files *files = &looking->port->files;
    char *path = aks_mem_printf(looking->port->alloc, "%s/%s", looking->folder, name);
    struct aks_file_info info;
    bool is = path != NULL && files->stat(files->ctx, path, true, &info, NULL) == AKS_OK &&
        info.type == AKS_FILE_REGULAR;

    aks_mem_free(looking->port->alloc, path);
    return is;
}

static enum aks_status
add_source(void *ctx, const char *name, struct aks_error *err)
{
    const struct looking *looking = ctx;
    struct aks_init_found *found = looking->found;
    bool wanted = false;

    for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++)
        wanted = wanted || fnmatch(patterns[i], name, FNM_PERIOD) == 0;
    /* A policy takes no path with those, and would not load for all the others. */
    for (const char *c = name; *c != '\0'; c++)
        wanted = wanted && (unsigned char)*c >= ' ' && *c != 0x7f;
    if (!wanted || found->source_count == AKS_INIT_DRAFT_SOURCES_MAX || !is_file(looking, name))
        return AKS_OK;
    found->sources[found->source_count] = aks_mem_printf(found->alloc, "~/" DATA "/%s", name);
    if (found->sources[found->source_count] == NULL)
        return aks_error_memory(err, "looking for databases");
    found->source_count++;
    return AKS_OK;
}

/* "[profile sync]" and "[sync]" name a profile; one is told once. */
static void
add_profile(struct aks_init_found *found, const char *line, size_t len)
{
    const char *end = memchr(line, ']', len);
    const char *name = line + 1;
    char word[256];

    if (len < 3 || line[0] != '[' || end == NULL)
        return;
    if (strncmp(name, "profile ", 8) == 0)
        name += 8;
    else if (strncmp(name, "sso-session ", 12) == 0 ||
        strncmp(name, "services ", 9) == 0)
        return;
    if (end <= name || (size_t)(end - name) >= sizeof(word) - 2)
        return;
    (void)snprintf(word, sizeof(word), "%.*s", (int)(end - name), name);
    for (const char *at = found->profiles.data; (at = strstr(at, word)) != NULL; at++) {
        size_t behind = strlen(word);

        if ((at == found->profiles.data || at[-1] == ' ') &&
            (at[behind] == '\0' || at[behind] == ','))
            return;
    }
    aks_buf_printf(&found->profiles, "%s%s", found->profiles.len > 0 ? ", " : "", word);
}

static void
read_profiles(const struct aks_port *port, const char *name, struct aks_init_found *found)
{
    const struct aks_files *files = &port->files;
    const struct aks_environment *env = &port->environment;
    char *path = aks_mem_printf(port->alloc, "%s/.aws/%s", env->home(env->ctx), name);
    char *text = aks_mem_new(port->alloc, PROFILE_FILE_BYTES_MAX + 1);
    struct aks_file *file = NULL;
    size_t len = 0;

    if (path != NULL && text != NULL &&
        files->open(files->ctx, path, AKS_FILE_READ, &file, NULL) == AKS_OK &&
        files->read(file, 0, text, PROFILE_FILE_BYTES_MAX, &len, NULL) == AKS_OK) {
        for (char *line = text; line < text + len; line += strcspn(line, "\n") + 1)
            add_profile(found, line, strcspn(line, "\n"));
    }
    files->close(file);
    /* There are keys between the names. */
    if (text != NULL)
        explicit_bzero(text, PROFILE_FILE_BYTES_MAX);
    aks_mem_free(port->alloc, text);
    aks_mem_free(port->alloc, path);
}

enum aks_status
aks_init_find(const struct aks_port *port, struct aks_init_found *ret_found, struct aks_error *err)
{
    const struct aks_environment *env = &port->environment;
    char *folder = aks_mem_printf(port->alloc, "%s/" DATA, env->home(env->ctx));
    struct looking looking = { port, folder, ret_found };
    struct aks_error why = { 0 };
    enum aks_status status;

    memset(ret_found, 0, sizeof(*ret_found));
    ret_found->alloc = port->alloc;
    aks_buf_init(&ret_found->profiles, port->alloc, PROFILES_BYTES_MAX);
    if (folder == NULL)
        return aks_error_memory(err, "looking for databases");
    status = port->files.list(port->files.ctx, folder, add_source, &looking, &why);
    aks_mem_free(port->alloc, folder);
    if (status == AKS_LIMIT)
        return aks_error_set(err, AKS_LIMIT, "%s", why.message);
    read_profiles(port, "config", ret_found);
    read_profiles(port, "credentials", ret_found);
    return AKS_OK;
}

void
aks_init_find_fini(struct aks_init_found *found)
{
    for (size_t i = 0; i < found->source_count; i++)
        aks_mem_free(found->alloc, found->sources[i]);
    if (found->alloc != NULL)
        aks_buf_fini(&found->profiles);
    memset(found, 0, sizeof(*found));
}

const char *
aks_init_find_setting(const struct aks_port *port, const char *name)
{
    static const char *const prefixes[] = { "AKOSHA_", "SESSION_BUDDY_AKOSHA_" };
    const struct aks_environment *env = &port->environment;

    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        char variable[128];
        const char *value;

        (void)snprintf(variable, sizeof(variable), "%s%s", prefixes[i], name);
        value = env->get(env->ctx, variable);
        if (value != NULL && value[0] != '\0')
            return value;
    }
    return NULL;
}
