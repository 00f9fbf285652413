/* Indentation decides, as in the parsers of the AWS tools: a line that is indented deeper than
 * the last key belongs to that key. Values are secrets here, so no message quotes any part of a
 * line, and the copies on the stack are wiped. */
#include "wire/ini.h"

#include <stdbool.h>
#include <string.h>

/* The longest key that AWS defines has 41 characters, its sub-properties fewer. */
#define INI_KEY_BYTES 128

struct span {
    const char *at;
    size_t len;
};

struct ini {
    const char *section;
    enum aks_status (*each)(void *ctx, const char *key, const char *value, struct aks_error *err);
    void *ctx;
    int line;
    bool seen_section;              /* some section has begun */
    bool wanted;                    /* the one that was asked for is open */
    bool found;
    bool has_key;                   /* to which indented lines may belong */
    bool nests;                     /* that key had no value, so they are its sub-properties */
    size_t indent;                  /* of that key */
    char key[2 * INI_KEY_BYTES];    /* that key, and behind it perhaps ".sub" */
    size_t key_len;                 /* of that key alone */
    char value[AKS_INI_VALUE_BYTES];
};

static bool
is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static struct span
trim(struct span text)
{
    while (text.len > 0 && is_blank(text.at[0])) {
        text.at++;
        text.len--;
    }
    while (text.len > 0 && is_blank(text.at[text.len - 1]))
        text.len--;
    return text;
}

/* Cuts at white space followed by '#' or ';'. */
static struct span
cut_comment(struct span text)
{
    for (size_t i = 1; i < text.len; i++) {
        if (is_blank(text.at[i - 1]) && (text.at[i] == '#' || text.at[i] == ';')) {
            text.len = i - 1;
            break;
        }
    }
    return trim(text);
}

static enum aks_status
bad_line(const struct ini *ini, const char *why, struct aks_error *err)
{
    return aks_error_set(err, AKS_SETTINGS, "profile file, line %d: %s", ini->line, why);
}

/* Is ${name}, with each run of blanks as one blank, equal to ${folded}? */
static bool
equals_folded(struct span name, const char *folded)
{
    size_t i = 0;

    while (i < name.len) {
        char c = is_blank(name.at[i]) ? ' ' : name.at[i];

        if (*folded != c)
            return false;
        folded++;
        i++;
        while (c == ' ' && i < name.len && is_blank(name.at[i]))
            i++;
    }
    return *folded == '\0';
}

static enum aks_status
open_section(struct ini *ini, struct span line, struct aks_error *err)
{
    const char *bracket = memchr(line.at, ']', line.len);
    struct span name;
    struct span rest;

    if (bracket == NULL)
        return bad_line(ini, "a section begins with '[' and has no ']'", err);
    name = trim((struct span){ line.at + 1, (size_t)(bracket - line.at) - 1 });
    rest = trim((struct span){ bracket + 1, line.len - (size_t)(bracket - line.at) - 1 });
    if (name.len == 0)
        return bad_line(ini, "a section without a name", err);
    if (rest.len > 0 && rest.at[0] != '#' && rest.at[0] != ';')
        return bad_line(ini, "something stands behind a section's ']'", err);
    ini->seen_section = true;
    ini->wanted = equals_folded(name, ini->section);
    ini->found = ini->found || ini->wanted;
    ini->has_key = false;
    ini->nests = false;
    return AKS_OK;
}

/* Appends ${name} in lower case to the key, which has ${at} bytes. */
static enum aks_status
put_key(struct ini *ini, size_t at, struct span name, struct aks_error *err)
{
    if (name.len == 0)
        return bad_line(ini, "'=' without a key in front", err);
    if (name.len >= INI_KEY_BYTES - 1)
        return bad_line(ini, "its key is over 126 bytes long", err);
    for (size_t i = 0; i < name.len; i++) {
        char c = name.at[i];

        ini->key[at + i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    ini->key[at + name.len] = '\0';
    return AKS_OK;
}

/* Hands the key and ${value} over, if the section is the one. */
static enum aks_status
give(struct ini *ini, struct span value, struct aks_error *err)
{
    if (!ini->wanted)
        return AKS_OK;
    if (value.len >= sizeof(ini->value))
        return bad_line(ini, "its value is over 4095 bytes long", err);
    memcpy(ini->value, value.at, value.len);
    ini->value[value.len] = '\0';
    return ini->each(ini->ctx, ini->key, ini->value, err);
}

/* "key = value", indented by ${indent}; the key may be a sub-property of the last one. */
static enum aks_status
read_property(struct ini *ini, size_t indent, struct span line, struct aks_error *err)
{
    bool belongs = ini->has_key && indent > ini->indent;
    const char *equals = memchr(line.at, '=', line.len);
    struct span name;
    struct span value;
    enum aks_status status;

    if (belongs && !ini->nests)     /* more lines of a value: other sections may have them */
        return ini->wanted ? bad_line(ini, "a value that goes over several lines", err) : AKS_OK;
    if (equals == NULL)
        return bad_line(ini, "neither a section nor 'key = value' nor a comment", err);
    name = trim((struct span){ line.at, (size_t)(equals - line.at) });
    value = cut_comment((struct span){ equals + 1, line.len - (size_t)(equals - line.at) - 1 });
    if (belongs) {
        ini->key[ini->key_len] = '.';
        status = put_key(ini, ini->key_len + 1, name, err);
    } else {
        status = put_key(ini, 0, name, err);
        ini->key_len = name.len;
        ini->indent = indent;
        ini->has_key = true;
        ini->nests = value.len == 0;
    }
    return status == AKS_OK ? give(ini, value, err) : status;
}

static enum aks_status
read_line(struct ini *ini, struct span line, struct aks_error *err)
{
    struct span text;

    if (line.len > 0 && line.at[line.len - 1] == '\r')
        line.len--;
    for (size_t i = 0; i < line.len; i++) {
        unsigned char c = (unsigned char)line.at[i];

        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return bad_line(ini, "a control character", err);
    }
    text = trim(line);
    if (text.len == 0 || text.at[0] == '#' || text.at[0] == ';')
        return AKS_OK;
    if (text.at[0] == '[' && text.at == line.at)
        return open_section(ini, text, err);
    if (!ini->seen_section)
        return bad_line(ini, "stands before the first section", err);
    return read_property(ini, (size_t)(text.at - line.at), text, err);
}

/* Editors on other systems put a byte order mark in front. */
static struct span
skip_bom(struct span text)
{
    if (text.len >= 3 && memcmp(text.at, "\xEF\xBB\xBF", 3) == 0) {
        text.at += 3;
        text.len -= 3;
    }
    return text;
}

enum aks_status
aks_ini_section(const char *text, size_t len, const char *section,
    enum aks_status (*each)(void *ctx, const char *key, const char *value, struct aks_error *err),
    void *ctx, int *ret_found, struct aks_error *err)
{
    struct ini ini = { .section = section, .each = each, .ctx = ctx };
    struct span rest = skip_bom((struct span){ text, len });
    enum aks_status status = AKS_OK;

    *ret_found = 0;
    if (len > AKS_INI_BYTES_MAX)
        return aks_error_set(err, AKS_SETTINGS, "profile file: is over %d bytes long",
            AKS_INI_BYTES_MAX);
    while (rest.len > 0 && status == AKS_OK) {
        const char *newline = memchr(rest.at, '\n', rest.len);
        struct span line = { rest.at, newline != NULL ? (size_t)(newline - rest.at) : rest.len };
        size_t step = newline != NULL ? line.len + 1 : line.len;

        ini.line++;
        status = read_line(&ini, line, err);
        rest.at += step;
        rest.len -= step;
    }
    *ret_found = ini.found;
    explicit_bzero(ini.value, sizeof(ini.value));
    return status;
}
