#include "base/redact_shape.h"

#include "base/redact.h"

#include <string.h>
#include <strings.h>

#define MARK_BYTES (sizeof(AKS_REDACT_MARK) - 1)
#define BEARER_BYTES_MIN 8
#define LONG_BYTES 20           /* no word is as long, if it is one without blanks */
#define KEY_ID_BYTES 20
#define PEM_BEGIN "-----BEGIN "
#define PEM_PRIVATE "PRIVATE KEY"
#define PEM_END "-----END "
#define PEM_DASHES "-----"
#define PEM_LABEL_BYTES 40      /* between BEGIN and PRIVATE KEY */
#define IDENTITY "AGE-SECRET-KEY-"
#define IDENTITY_BYTES_MIN 10

static const struct aks_redact_shape nothing;

bool
aks_redact_shape_is_word(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

bool
aks_redact_shape_is_base64(char c)
{
    return aks_redact_shape_is_word(c) || c == '+' || c == '/' || c == '-' || c == '_';
}

size_t
aks_redact_shape_value(const char *at, size_t left)
{
    size_t len = left >= MARK_BYTES && memcmp(at, AKS_REDACT_MARK, MARK_BYTES) == 0
        ? MARK_BYTES : 0;

    while (len < left && (unsigned char)at[len] > ' ' && at[len] != 0x7f &&
        strchr("\"'`\\<>&;,()[]{}|", at[len]) == NULL)
        len++;
    return len;
}

bool
aks_redact_shape_is_random(const char *at, size_t len)
{
    bool digit = false;
    bool letter = false;

    for (size_t i = 0; i < len; i++) {
        bool is_digit = at[i] >= '0' && at[i] <= '9';

        digit = digit || is_digit;
        letter = letter || (!is_digit && aks_redact_shape_is_word(at[i]));
    }
    return digit && letter;
}

/* Nothing that a word is made of stands before it; the letter of an escape is not one. */
static bool
begins_word(const char *text, size_t done)
{
    if (done == 0 || !aks_redact_shape_is_word(text[done - 1]))
        return true;
    return done >= 2 && text[done - 2] == '\\' && strchr("bfnrt", text[done - 1]) != NULL;
}

static bool
starts(const char *at, size_t left, const char *word)
{
    size_t len = strlen(word);

    return left >= len && strncasecmp(at, word, len) == 0;
}

/* --- by how they begin ------------------------------------------------------------------------ */

/* docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids */
static struct aks_redact_shape
key_id(const char *at, size_t left, bool cut)
{
    size_t len = 4;

    if (left < len || (memcmp(at, "AKIA", len) != 0 && memcmp(at, "ASIA", len) != 0))
        return nothing;
    while (len < left && aks_redact_shape_is_word(at[len]) && !(at[len] >= 'a' && at[len] <= 'z'))
        len++;
    if (len >= KEY_ID_BYTES && (len == left || !aks_redact_shape_is_word(at[len])))
        return (struct aks_redact_shape) { 0, len };
    return cut && len == left && len > 4 ? (struct aks_redact_shape) { 0, len } : nothing;
}

static struct aks_redact_shape
identity(const char *at, size_t left, bool cut)
{
    size_t begin = strlen(IDENTITY);
    size_t len = begin;

    if (!starts(at, left, IDENTITY))
        return nothing;
    while (len < left && (aks_redact_shape_is_word(at[len]) || at[len] == '-'))
        len++;
    return len - begin >= IDENTITY_BYTES_MIN || (cut && len == left)
        ? (struct aks_redact_shape) { 0, len } : nothing;
}

/* "Bearer TOKEN" (RFC 6750), "Basic CREDENTIALS" (RFC 7617). */
static struct aks_redact_shape
scheme(const char *at, size_t left, bool cut)
{
    bool basic = starts(at, left, "basic");
    size_t keep = basic ? 5 : 6;
    size_t begin = keep;
    size_t len;

    if (!basic && !starts(at, left, "bearer"))
        return nothing;
    while (keep < left && (at[keep] == ' ' || at[keep] == '+'))
        keep++;
    if (keep == begin && starts(at + keep, left - keep, "%20"))
        keep += 3;
    if (keep == begin)
        return nothing;
    len = aks_redact_shape_value(at + keep, left - keep);
    if (len == MARK_BYTES && at[keep] == '[')
        return nothing;
    if ((cut && keep + len == left && len > 0) || (len >= BEARER_BYTES_MIN &&
            (aks_redact_shape_is_random(at + keep, len) || (!basic && len >= LONG_BYTES))))
        return (struct aks_redact_shape) { keep, len };
    return nothing;
}

/* RFC 7519: two objects and a signature, each in base64. */
static struct aks_redact_shape
web_token(const char *at, size_t left)
{
    size_t len = 0;
    unsigned dots = 0;

    if (left < 3 || memcmp(at, "eyJ", 3) != 0)
        return nothing;
    while (len < left && dots <= 2 && (aks_redact_shape_is_base64(at[len]) || at[len] == '.'))
        dots += at[len++] == '.';
    return dots == 2 && len >= LONG_BYTES ? (struct aks_redact_shape) { 0, len } : nothing;
}

/* RFC 7468. One that does not end goes on to the end of the text. */
static struct aks_redact_shape
private_key(const char *at, size_t left)
{
    size_t begin = strlen(PEM_BEGIN);
    size_t label = left < begin + PEM_LABEL_BYTES ? left : begin + PEM_LABEL_BYTES;
    const char *end;

    if (left < begin || memcmp(at, PEM_BEGIN, begin) != 0 ||
        memmem(at, label, PEM_PRIVATE, strlen(PEM_PRIVATE)) == NULL)
        return nothing;
    end = memmem(at, left, PEM_END, strlen(PEM_END));
    if (end == NULL)
        return (struct aks_redact_shape) { 0, left };
    begin = (size_t)(end - at) + strlen(PEM_END);
    label = left - begin < PEM_LABEL_BYTES ? left - begin : PEM_LABEL_BYTES;
    end = memmem(at + begin, label, PEM_DASHES, strlen(PEM_DASHES));
    return (struct aks_redact_shape) { 0,
        end != NULL ? (size_t)(end - at) + strlen(PEM_DASHES) : begin };
}

/* scheme://user:password@host (RFC 3986, 3.2.1). Where the text was cut before its host, what is
 * behind a colon and no port is a password. */
static struct aks_redact_shape
user_information(const char *at, size_t left, bool cut)
{
    size_t max = left < AKS_REDACT_SHAPE_USER_BYTES ? left : AKS_REDACT_SHAPE_USER_BYTES;
    size_t user = 0;
    size_t colon = 0;
    bool port = true;
    size_t len = 3;

    if (left < 3 || memcmp(at, "://", 3) != 0)
        return nothing;
    for (; len < max && (unsigned char)at[len] > ' ' && strchr("/?#\"'`<>\\", at[len]) == NULL;
        len++) {
        user = at[len] == '@' ? len : user;
        port = port && (colon == 0 || (at[len] >= '0' && at[len] <= '9'));
        colon = at[len] == ':' && colon == 0 ? len : colon;
    }
    if (user == 0 && cut && len == left && colon > 0 && !port)
        user = len;
    if (user <= 3 || (user == 3 + MARK_BYTES && memcmp(at + 3, AKS_REDACT_MARK, MARK_BYTES) == 0))
        return nothing;
    return (struct aks_redact_shape) { 3, user - 3 };
}

/* --- all of them ------------------------------------------------------------------------------ */

struct aks_redact_shape
aks_redact_shape(const char *text, size_t done, const char *at, size_t left, bool cut,
    bool inside)
{
    struct aks_redact_shape found = nothing;

    switch (at[0]) {
    case 'A': case 'a':
        if (begins_word(text, done))
            found = key_id(at, left, cut);
        return found.bytes > 0 ? found : identity(at, left, cut);
    case 'B': case 'b':
        return begins_word(text, done) ? scheme(at, left, cut) : nothing;
    case 'e':
        return done == 0 || !(aks_redact_shape_is_base64(text[done - 1]) || text[done - 1] == '.')
            ? web_token(at, left) : nothing;
    case '-':
        return private_key(at, left);
    case ':':
        found = user_information(at, left, cut);
        return found.bytes > 0 ? found : aks_redact_assigned(text, done, at, left, cut,
            inside);
    case '=': case '>':
        return aks_redact_assigned(text, done, at, left, cut, inside);
    default:
        return nothing;
    }
}
