#include "base/redact_names.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#define HOST_MARK "[host]"
#define USER_MARK "[user]"
#define ADDRESS_BYTES_MAX 15    /* 255.255.255.255 */

static const char *const this_machine[] = { "localhost", "127.0.0.1", "[::1]", "::1" };

void
aks_redact_names_init(struct aks_redact_names *names, const struct aks_alloc *alloc)
{
    memset(names, 0, sizeof(*names));
    names->alloc = alloc;
}

void
aks_redact_names_fini(struct aks_redact_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        aks_mem_free(names->alloc, names->names[i].text);
    names->count = 0;
}

static bool
same(const char *a, const char *b, size_t len)
{
    return strncasecmp(a, b, len) == 0;
}

static bool
is_this_machine(const char *text, size_t len)
{
    for (size_t i = 0; i < sizeof(this_machine) / sizeof(this_machine[0]); i++) {
        if (strlen(this_machine[i]) == len && same(this_machine[i], text, len))
            return true;
    }
    return false;
}

void
aks_redact_names_add(struct aks_redact_names *names, const char *text, size_t len,
    const char *mark)
{
    struct aks_redact_name *name = &names->names[names->count];

    if (len < AKS_REDACT_NAMES_BYTES_MIN || len > AKS_REDACT_NAMES_BYTES_MAX ||
        names->count == AKS_REDACT_NAMES_MAX || is_this_machine(text, len))
        return;
    for (size_t i = 0; i < names->count; i++) {
        if (names->names[i].len == len && same(names->names[i].text, text, len))
            return;
    }
    name->text = aks_mem_strndup(names->alloc, text, len);
    name->len = len;
    name->mark = mark;
    names->count += name->text != NULL;
}

/* Of an authority: a host, perhaps in brackets, perhaps with a port behind it. */
static size_t
host_bytes(const char *at)
{
    size_t len = 0;

    if (at[0] == '[')
        return strcspn(at, "]") + (strchr(at, ']') != NULL);
    while ((unsigned char)at[len] > ' ' && strchr("/:?#\"'`<>\\,;)]}", at[len]) == NULL)
        len++;
    return len;
}

/* What follows "://" without user information. */
static const char *
authority(const char *at)
{
    size_t len = strcspn(at, "/?#\"' ");
    const char *user = memrchr(at, '@', len);

    return user != NULL ? user + 1 : at;
}

void
aks_redact_names_add_host(struct aks_redact_names *names, const char *url, const char *mark)
{
    const char *host = strstr(url, "://");

    if (host == NULL)
        return;
    host = authority(host + 3);
    aks_redact_names_add(names, host, host_bytes(host), mark);
}

/* --- looking ---------------------------------------------------------------------------------- */

static bool
is_word(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

/* The longest name that stands at ${at}, or NULL. */
static const struct aks_redact_name *
find(const struct aks_redact_names *names, const char *text, const char *at)
{
    const struct aks_redact_name *best = NULL;

    for (size_t i = 0; i < names->count; i++) {
        const struct aks_redact_name *name = &names->names[i];

        if ((best != NULL && name->len <= best->len) || !same(name->text, at, name->len) ||
            (at > text && is_word(at[-1]) && is_word(name->text[0])) ||
            (is_word(at[name->len]) && is_word(name->text[name->len - 1])))
            continue;
        best = name;
    }
    return best;
}

/* Digits and three dots, and no part of anything longer; 0 if it is something else. */
static size_t
address_bytes(const char *text, const char *at)
{
    unsigned dots = 0;
    unsigned digits = 0;
    size_t len = 0;

    if (at > text && (is_word(at[-1]) || at[-1] == '.'))
        return 0;
    for (; (at[len] >= '0' && at[len] <= '9') || at[len] == '.'; len++) {
        if (at[len] == '.' && (digits == 0 || ++dots > 3))
            return 0;
        digits = at[len] == '.' ? 0 : digits + 1;
        if (digits > 3 || len >= ADDRESS_BYTES_MAX)
            return 0;
    }
    return dots == 3 && digits > 0 && !is_word(at[len]) && !is_this_machine(at, len) ? len : 0;
}

/* How much of ${at} stays before a name that nobody added, and how long that is; *ret_mark. */
static size_t
find_unknown(const char *text, const char *at, size_t *ret_keep, const char **ret_mark)
{
    static const char *const homes[] = { "/home/", "/Users/" };
    const char *host;
    size_t len;

    *ret_keep = 0;
    *ret_mark = HOST_MARK;
    if (strncmp(at, "://", 3) == 0) {
        host = authority(at + 3);
        len = host_bytes(host);
        *ret_keep = (size_t)(host - at);
        return host[0] != '[' || !strchr("hu", host[1]) ? is_this_machine(host, len) ? 0 : len : 0;
    }
    for (size_t i = 0; i < sizeof(homes) / sizeof(homes[0]); i++) {
        *ret_keep = strlen(homes[i]);
        if (strncmp(at, homes[i], *ret_keep) == 0 && at[*ret_keep] != '[') {
            *ret_mark = USER_MARK;
            return strcspn(at + *ret_keep, "/ \"':;,\n");
        }
    }
    *ret_keep = 0;
    return at[0] >= '0' && at[0] <= '9' ? address_bytes(text, at) : 0;
}

void
aks_redact_names_text(const struct aks_redact_names *names, const char *text, struct aks_buf *out)
{
    const char *at = text;

    while (*at != '\0') {
        const struct aks_redact_name *name = find(names, text, at);
        const char *mark;
        size_t keep;
        size_t len;

        if (name != NULL) {
            aks_buf_puts(out, name->mark);
            at += name->len;
            continue;
        }
        len = find_unknown(text, at, &keep, &mark);
        if (len == 0) {
            aks_buf_putc(out, *at++);
            continue;
        }
        aks_buf_append(out, at, keep);
        aks_buf_puts(out, mark);
        at += keep + len;
    }
}
