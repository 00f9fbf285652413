/* What is assigned to a name that is a secret's: headers, queries, settings, JSON, XML. */
#include "base/redact_shape.h"

#include "base/redact.h"

#include <string.h>

#define MARK_BYTES (sizeof(AKS_REDACT_MARK) - 1)
#define BLANKS_MAX 2
#define COLON_BYTES_MIN 12      /* behind a colon stand sentences, too */

static const struct aks_redact_shape nothing;

enum name_kind { NO_SECRET, SECRET, LINE, QUERY };

/* A name, in lower case. */
struct name {
    char text[AKS_REDACT_SHAPE_NAME_BYTES + 1];
    size_t len;
    bool quoted;
};

static bool
is_name(char c)
{
    return aks_redact_shape_is_word(c) || c == '_' || c == '-' || c == '.';
}

/* The name that ends with the ${done} bytes of ${text}, perhaps in quotes. ${blanks}: they may
 * stand behind it. */
static void
read_name(const char *text, size_t done, bool blanks, struct name *ret)
{
    size_t begin;

    ret->len = 0;
    ret->quoted = false;
    for (unsigned i = 0; blanks && i < BLANKS_MAX && done > 0 && text[done - 1] == ' '; i++)
        done--;
    if (done > 0 && (text[done - 1] == '"' || text[done - 1] == '\'')) {
        ret->quoted = true;
        done--;
        if (done > 0 && text[done - 1] == '\\')
            done--;
    }
    begin = done;
    while (begin > 0 && done - begin < AKS_REDACT_SHAPE_NAME_BYTES && is_name(text[begin - 1]))
        begin--;
    for (; begin < done; begin++)
        ret->text[ret->len++] = (char)(text[begin] >= 'A' && text[begin] <= 'Z'
            ? text[begin] | 0x20 : text[begin]);
    ret->text[ret->len] = '\0';
}

/* Ends in ${word}, as a word of its own. */
static bool
ends_with(const struct name *name, const char *word)
{
    size_t len = strlen(word);

    return name->len >= len && strcmp(name->text + name->len - len, word) == 0 &&
        (name->len == len || !aks_redact_shape_is_word(name->text[name->len - len - 1]));
}

static enum name_kind
kind_of(const struct name *name)
{
    static const char *const lines[] = { "authorization", "cookie" };
    static const char *const last[] = { "secret", "token", "password", "passwd", "passphrase",
        "pwd", "signature", "sig", "apikey" };
    static const char *const within[] = { "secretaccesskey", "secret_access_key", "secretkey",
        "secret_key", "secret-key", "sessiontoken", "securitytoken", "accesstoken", "refreshtoken",
        "idtoken", "authtoken", "clientsecret", "privatekey", "private_key", "api_key", "api-key",
        "userpassword", "identitytoken", "accesskeyid", "access_key_id" };

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        if (ends_with(name, lines[i]))
            return LINE;
    }
    if (ends_with(name, "x-amz-credential"))
        return QUERY;
    for (size_t i = 0; i < sizeof(last) / sizeof(last[0]); i++) {
        if (ends_with(name, last[i]))
            return SECRET;
    }
    for (size_t i = 0; i < sizeof(within) / sizeof(within[0]); i++) {
        if (strstr(name->text, within[i]) != NULL)
            return SECRET;
    }
    return NO_SECRET;
}

bool
aks_redact_assigned_secret(const char *text, size_t len)
{
    struct name name;

    read_name(text, len, false, &name);
    return name.len > 0 && kind_of(&name) != NO_SECRET;
}

/* --- what stands behind it -------------------------------------------------------------------- */

/* Up to the end of the line, or of the string that the line stands in. */
static size_t
line_bytes(const char *at, size_t left)
{
    size_t len = 0;

    while (len < left && ((unsigned char)at[len] >= ' ' || at[len] == '\t') && at[len] != '"' &&
        at[len] != '\\')
        len++;
    return len;
}

/* Up to the quote that ends it; escapes are passed over. Without one: the line's end. */
static size_t
quoted_bytes(const char *at, size_t left, char quote)
{
    size_t len = 0;

    while (len < left && at[len] != quote && at[len] != '"' && at[len] != '\n' && at[len] != '\0')
        len += at[len] == '\\' && len + 1 < left ? 2 : 1;
    return len < left ? len : left;
}

/* What a program says in place of a value: a word of Lua or JSON, a call, a mark. */
static bool
is_no_value(const char *at, size_t len)
{
    static const char *const words[] = { "true", "false", "nil", "null", "akosha.secret",
        AKS_REDACT_MARK, "***" };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strlen(words[i]) == len && memcmp(at, words[i], len) == 0)
            return true;
    }
    return false;
}

/* A plain value behind a colon: only what is no sentence and no path. */
static bool
colon_fits(const char *at, size_t len)
{
    return len >= COLON_BYTES_MIN && strchr("/~.", at[0]) == NULL &&
        aks_redact_shape_is_random(at, len);
}

static size_t
skip_blanks(const char *at, size_t left, size_t from)
{
    size_t to = from;

    while (to < left && to - from < BLANKS_MAX && at[to] == ' ')
        to++;
    return to;
}

/* The quote that begins at ${at}, escaped or not; 0 if none does. */
static size_t
quote_bytes(const char *at, size_t left)
{
    if (left >= 2 && at[0] == '\\' && at[1] == '"')
        return 2;
    return left >= 1 && (at[0] == '"' || at[0] == '\'') ? 1 : 0;
}

static struct aks_redact_shape
element(const char *text, size_t done, const char *at, size_t left)
{
    struct name name;
    size_t len = 1;

    read_name(text, done, false, &name);
    if (name.len == 0 || done == name.len || text[done - name.len - 1] != '<' ||
        kind_of(&name) == NO_SECRET)
        return nothing;
    while (len < left && at[len] != '<' && at[len] != '\n' && at[len] != '\0' &&
        at[len] != '"' && at[len] != '\\')
        len++;
    return (struct aks_redact_shape) { 1, len - 1 };
}

struct aks_redact_shape
aks_redact_assigned(const char *text, size_t done, const char *at, size_t left, bool cut,
    bool inside)
{
    struct aks_redact_shape found = { 1, 0 };
    struct name name;
    enum name_kind kind;
    size_t quote;

    if (at[0] == '>')
        return element(text, done, at, left);
    read_name(text, done, at[0] == '=', &name);
    kind = name.len > 0 ? kind_of(&name) : NO_SECRET;
    if (kind == NO_SECRET || (kind == QUERY && at[0] != '='))
        return nothing;
    found.keep = skip_blanks(at, left, found.keep);
    quote = quote_bytes(at + found.keep, left - found.keep);
    /* This one ends the string that the name stands in. */
    if (quote == 1 && inside && at[found.keep] == '"')
        return nothing;
    if (quote > 0) {
        found.keep += quote;
        found.bytes = quote == 2 ? aks_redact_shape_value(at + found.keep, left - found.keep)
            : quoted_bytes(at + found.keep, left - found.keep, at[found.keep - 1]);
    } else if (kind == LINE) {
        found.bytes = line_bytes(at + found.keep, left - found.keep);
    } else {
        found.bytes = aks_redact_shape_value(at + found.keep, left - found.keep);
        if (at[0] == ':' && !(cut && found.keep + found.bytes == left) &&
            !colon_fits(at + found.keep, found.bytes) &&
            strstr(name.text, "security-token") == NULL)
            found.bytes = 0;
    }
    if (found.bytes == 0 || is_no_value(at + found.keep, found.bytes))
        return nothing;
    return found;
}
