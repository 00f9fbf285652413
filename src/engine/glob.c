#include "engine/glob.h"

#include <stdint.h>
#include <string.h>

/* Above all characters: a byte that begins none. */
#define NO_CHARACTER UINT32_C(0x110000)

bool
aks_glob_wild(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '*' || text[i] == '?' || text[i] == '[')
            return true;
    }
    return false;
}

/* The character at ${text}, of which ${len} > 0 bytes are left, and how many of them it takes. */
static uint32_t
character(const char *text, size_t len, size_t *ret_len)
{
    uint8_t first = (uint8_t)text[0];
    size_t count = first < 0xc2 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 1;
    uint32_t code = count == 1 ? first : first & (0x7fu >> count);

    *ret_len = 1;
    if (first < 0x80)
        return first;
    if (count == 1 || count > len)
        return NO_CHARACTER + first;
    for (size_t i = 1; i < count; i++) {
        if (((uint8_t)text[i] & 0xc0) != 0x80)
            return NO_CHARACTER + first;
        code = code << 6 | ((uint8_t)text[i] & 0x3f);
    }
    *ret_len = count;
    return code;
}

/* One member of a set at *at, which is moved behind it. */
static void
take_range(const char *pattern, size_t len, size_t *at, uint32_t *ret_low, uint32_t *ret_high)
{
    size_t taken;

    *ret_low = character(pattern + *at, len - *at, &taken);
    *ret_high = *ret_low;
    *at += taken;
    if (*at + 1 < len && pattern[*at] == '-' && pattern[*at + 1] != ']') {
        *ret_high = character(pattern + *at + 1, len - *at - 1, &taken);
        *at += 1 + taken;
    }
}

/* The length of the set that begins at ${pattern}, 0 if it does not end or a range goes backwards.
 * *ret_holds: is ${wanted} one that it stands for? */
static size_t
take_set(const char *pattern, size_t len, uint32_t wanted, bool *ret_holds)
{
    bool others = len > 1 && (pattern[1] == '!' || pattern[1] == '^');
    size_t first = others ? 2 : 1;
    bool found = false;
    size_t at = first;

    while (at < len && (pattern[at] != ']' || at == first)) {
        uint32_t low;
        uint32_t high;

        take_range(pattern, len, &at, &low, &high);
        if (low > high)
            return 0;
        found = found || (wanted >= low && wanted <= high);
    }
    *ret_holds = found != others;
    return at < len ? at + 1 : 0;
}

/* --- checking --------------------------------------------------------------------------------- */

static enum aks_status
check_component(const char *pattern, size_t len, struct aks_error *err)
{
    bool holds;

    if (len > AKS_GLOB_COMPONENT_BYTES_MAX)
        return aks_error_set(err, AKS_SETTINGS, "a folder or name in it is longer than %d bytes",
            AKS_GLOB_COMPONENT_BYTES_MAX);
    for (size_t at = 0; at < len;) {
        size_t taken = 1;

        if (pattern[at] == '*' && at + 1 < len && pattern[at + 1] == '*')
            return aks_error_set(err, AKS_SETTINGS, "\"**\" is not known here: name the folders, "
                "with a \"*\" for each");
        if (pattern[at] == '[')
            taken = take_set(pattern + at, len - at, 0, &holds);
        if (taken == 0)
            return aks_error_set(err, AKS_SETTINGS, "a '[' without its ']' in the same name, or a "
                "range that goes backwards");
        at += taken;
    }
    return AKS_OK;
}

enum aks_status
aks_glob_check(const char *pattern, struct aks_error *err)
{
    size_t wild = 0;

    for (const char *at = pattern;;) {
        size_t len = strcspn(at, "/");
        enum aks_status status = check_component(at, len, err);

        if (status != AKS_OK)
            return status;
        wild += aks_glob_wild(at, len);
        if (at[len] == '\0')
            break;
        at += len + 1;
        if (*at == '\0')
            return aks_error_set(err, AKS_SETTINGS, "it names folders, with its '/' at the end");
    }
    if (wild == 0)
        return aks_error_set(err, AKS_SETTINGS, "there is no '*', '?' or '[' in it");
    if (wild > AKS_GLOB_WILD_MAX)
        return aks_error_set(err, AKS_SETTINGS, "at most %d of its folders and names can have "
            "wildcards", AKS_GLOB_WILD_MAX);
    return AKS_OK;
}

/* --- matching --------------------------------------------------------------------------------- */

/* Does what stands at ${pattern}, which is no star, match the character at ${name}? Both lengths
 * are told if so. */
static bool
match_one(const char *pattern, size_t len, const char *name, size_t name_len, size_t *ret_len,
    size_t *ret_name_len)
{
    uint32_t have = character(name, name_len, ret_name_len);
    bool holds = false;

    if (pattern[0] == '[') {
        *ret_len = take_set(pattern, len, have, &holds);
        return *ret_len > 0 && holds;
    }
    if (pattern[0] == '?') {
        *ret_len = 1;
        return true;
    }
    return character(pattern, len, ret_len) == have;
}

bool
aks_glob_match(const char *pattern, size_t len, const char *name)
{
    size_t name_len = strlen(name);
    size_t star = SIZE_MAX;     /* behind the last star, and from where the name goes on if that */
    size_t again = 0;           /* takes one character more */
    size_t at = 0;
    size_t place = 0;

    if (name[0] == '.' && (len == 0 || pattern[0] != '.'))
        return false;
    while (place < name_len) {
        size_t taken;
        size_t passed;

        if (at < len && pattern[at] == '*') {
            star = ++at;
            again = place;
        } else if (at < len && match_one(pattern + at, len - at, name + place, name_len - place,
                &taken, &passed)) {
            at += taken;
            place += passed;
        } else if (star != SIZE_MAX) {
            (void)character(name + again, name_len - again, &passed);
            again += passed;
            at = star;
            place = again;
        } else {
            return false;
        }
    }
    while (at < len && pattern[at] == '*')
        at++;
    return at == len;
}

bool
aks_glob_match_path(const char *pattern, const char *path)
{
    for (;;) {
        size_t len = strcspn(pattern, "/");
        size_t path_len = strcspn(path, "/");
        char name[256];         /* NAME_MAX and its NUL */

        if (path_len >= sizeof(name) || (pattern[len] == '/') != (path[path_len] == '/'))
            return false;
        memcpy(name, path, path_len);
        name[path_len] = '\0';
        if (!aks_glob_match(pattern, len, name))
            return false;
        if (pattern[len] == '\0')
            return true;
        pattern += len + 1;
        path += path_len + 1;
    }
}
