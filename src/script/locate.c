#include "script/locate.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

enum kind { END, NAME, STRING, NUMBER, SYMBOL };

struct token {
    enum kind kind;
    const char *start;      /* of a string: what is between its quotes */
    size_t len;
    int line;               /* it begins on */
};

struct scan {
    const char *at;
    const char *end;
    int line;
};

/* --- tokens ----------------------------------------------------------------------------------- */

static void
step(struct scan *scan)
{
    if (*scan->at == '\n')
        scan->line++;
    scan->at++;
}

static bool
looking_at(const struct scan *scan, const char *text)
{
    size_t len = strlen(text);

    return (size_t)(scan->end - scan->at) >= len && memcmp(scan->at, text, len) == 0;
}

/* At "[[" or "[==[": its level, else -1. */
static int
long_level(const struct scan *scan)
{
    const char *at = scan->at + 1;

    if (!looking_at(scan, "["))
        return -1;
    while (at < scan->end && *at == '=')
        at++;
    return at < scan->end && *at == '[' ? (int)(at - scan->at) - 1 : -1;
}

/* Goes behind a long bracket of ${level}. */
static void
skip_long(struct scan *scan, int level, struct token *token)
{
    scan->at += level + 2;
    token->start = scan->at;
    for (; scan->at < scan->end; step(scan)) {
        const char *at = scan->at + 1;

        if (*scan->at != ']')
            continue;
        while (at < scan->end && *at == '=')
            at++;
        if (at < scan->end && *at == ']' && at - scan->at - 1 == level) {
            token->len = (size_t)(scan->at - token->start);
            scan->at = at + 1;
            return;
        }
    }
    token->len = (size_t)(scan->at - token->start);
}

static void
skip_blanks(struct scan *scan)
{
    struct token ignored;

    while (scan->at < scan->end) {
        if (isspace((unsigned char)*scan->at)) {
            step(scan);
        } else if (looking_at(scan, "--")) {
            int level;

            scan->at += 2;
            level = long_level(scan);
            if (level >= 0)
                skip_long(scan, level, &ignored);
            else
                while (scan->at < scan->end && *scan->at != '\n')
                    scan->at++;
        } else {
            return;
        }
    }
}

static void
take_string(struct scan *scan, struct token *token)
{
    char quote = *scan->at++;

    token->start = scan->at;
    while (scan->at < scan->end && *scan->at != quote) {
        if (*scan->at == '\\' && scan->at + 1 < scan->end)
            step(scan);
        step(scan);
    }
    token->len = (size_t)(scan->at - token->start);
    if (scan->at < scan->end)
        scan->at++;
}

static struct token
next(struct scan *scan)
{
    static const char *const pairs[] = { "==", "~=", "<=", ">=", "//", "::", "..." };
    struct token token = { END, scan->at, 0, 0 };

    skip_blanks(scan);
    token.start = scan->at;
    token.line = scan->line;
    if (scan->at == scan->end)
        return token;
    if (*scan->at == '"' || *scan->at == '\'') {
        token.kind = STRING;
        take_string(scan, &token);
        return token;
    }
    if (long_level(scan) >= 0) {
        token.kind = STRING;
        skip_long(scan, long_level(scan), &token);
        return token;
    }
    if (isalnum((unsigned char)*scan->at) || *scan->at == '_') {
        token.kind = isdigit((unsigned char)*scan->at) ? NUMBER : NAME;
        while (scan->at < scan->end && (isalnum((unsigned char)*scan->at) || *scan->at == '_'))
            scan->at++;
    } else {
        token.kind = SYMBOL;
        scan->at++;
        for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
            scan->at--;
            scan->at += looking_at(scan, pairs[i]) ? strlen(pairs[i]) : 1;
            if (scan->at - token.start > 1)
                break;
        }
    }
    token.len = (size_t)(scan->at - token.start);
    return token;
}

static bool
is(const struct token *token, enum kind kind, const char *text)
{
    return token->kind == kind && token->len == strlen(text) &&
        memcmp(token->start, text, token->len) == 0;
}

/* By how much the token opens (or closes) what commas may stand in. */
static int
nests(const struct token *token)
{
    static const char *const opens[] = { "function", "if", "do", "repeat" };

    if (token->kind == SYMBOL && token->len == 1)
        return strchr("({[", *token->start) != NULL ? 1 : strchr(")}]", *token->start) != NULL ? -1
            : 0;
    for (size_t i = 0; i < sizeof(opens) / sizeof(opens[0]); i++) {
        if (is(token, NAME, opens[i]))
            return 1;
    }
    return is(token, NAME, "end") || is(token, NAME, "until") ? -1 : 0;
}

/* --- tables ----------------------------------------------------------------------------------- */

/* Takes what stands in front of an entry's value, if it has a name: ${scan} is behind ${first}. */
static bool
take_key(struct scan *scan, const struct token *first, struct token *ret_key)
{
    struct scan ahead = *scan;
    struct token token;

    if (first->kind == NAME) {
        *ret_key = *first;
    } else if (is(first, SYMBOL, "[")) {
        *ret_key = next(&ahead);
        token = next(&ahead);
        if (ret_key->kind != STRING || !is(&token, SYMBOL, "]"))
            return false;
    } else {
        return false;
    }
    token = next(&ahead);
    if (!is(&token, SYMBOL, "="))
        return false;
    *scan = ahead;
    return true;
}

/* Goes to the end of the entry: behind its ',' or ';' (true), or behind the table's '}'. */
static bool
skip_value(struct scan *scan, struct token token)
{
    int depth = 0;

    for (; token.kind != END; token = next(scan)) {
        if (depth == 0 && (is(&token, SYMBOL, ",") || is(&token, SYMBOL, ";")))
            return true;
        depth += nests(&token);
        if (depth < 0)
            return false;
    }
    return false;
}

/* ${scan} is behind a '{'. Of two entries of one name the last counts, as in Lua. */
static int
find_in_table(struct scan scan, const struct aks_locate_step *steps, size_t count)
{
    size_t place = 0;
    int found = 0;
    bool more = true;

    while (more) {
        struct token first = next(&scan);
        struct token key = first;
        bool named;

        if (first.kind == END || is(&first, SYMBOL, "}"))
            break;
        named = take_key(&scan, &first, &key);
        if (named)
            first = next(&scan);
        else
            place++;
        if (named ? steps->name != NULL && is(&key, key.kind, steps->name)
            : steps->name == NULL && steps->place == place) {
            if (count == 1)
                found = key.line;
            else
                found = is(&first, SYMBOL, "{") ? find_in_table(scan, steps + 1, count - 1) : 0;
            /* An entry that is made elsewhere: at least its owner. */
            if (found == 0)
                found = key.line;
        }
        more = skip_value(&scan, first);
    }
    return found;
}

int
aks_locate_field(const char *text, size_t len, int line, const char *builder,
    const struct aks_locate_step *steps, size_t count)
{
    const char *dot = strrchr(builder, '.');
    const char *last = dot != NULL ? dot + 1 : builder;
    struct scan scan = { text, text + len, 1 };
    int found = 0;

    if (count == 0 || line < 1)
        return 0;
    for (;;) {
        struct token token = next(&scan);
        struct scan inside = scan;
        int one;

        if (token.kind == END || token.line > line)
            return found;
        if (token.line < line || !is(&token, NAME, last))
            continue;
        token = next(&inside);
        if (is(&token, SYMBOL, "("))
            token = next(&inside);
        if (!is(&token, SYMBOL, "{"))
            continue;
        one = find_in_table(inside, steps, count);
        if (one > 0 && found > 0 && one != found)
            return 0;
        if (one > 0)
            found = one;
    }
}
