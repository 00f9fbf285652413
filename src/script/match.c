#include "script/match.h"

#include "base/check.h"

#include <string.h>

#define ESCAPE '%'
/* Going through a set takes about as long as a step for so many of its bytes. */
#define SET_BYTES_PER_STEP 4
/* Comparing and searching in one go. */
#define BYTES_PER_STEP 64

/* What an item of the pattern leads to. */
enum way { WAY_ON, WAY_BACK, WAY_FAULT, WAY_STOP };

/* --- steps ------------------------------------------------------------------------------------ */

bool
aks_match_settle(struct aks_match *match)
{
    size_t steps = match->steps;

    match->steps = 0;
    return steps == 0 || match->charge(match->ctx, steps);
}

static inline bool
spend(struct aks_match *match, size_t steps)
{
    match->steps += steps;
    return match->steps < AKS_MATCH_BATCH_STEPS || aks_match_settle(match);
}

bool
aks_match_spend(struct aks_match *match, size_t steps)
{
    return spend(match, steps);
}

static enum way
fault(struct aks_match *match, enum aks_match_fault what)
{
    match->fault = what;
    return WAY_FAULT;
}

/* --- single bytes ----------------------------------------------------------------------------- */

static inline bool
is_between(uint8_t c, uint8_t first, uint8_t last)
{
    return c >= first && c <= last;
}

static inline bool
is_letter(uint8_t c)
{
    return is_between(c | 0x20, 'a', 'z');
}

static inline bool
is_digit(uint8_t c)
{
    return is_between(c, '0', '9');
}

/* Is ${c} of the class that the letter ${class} names? A letter that names none stands for
 * itself. In capitals it is all but the class. */
static inline bool
in_class(uint8_t c, uint8_t class)
{
    bool in;

    switch (class | 0x20) {
    case 'a':
        in = is_letter(c);
        break;
    case 'c':
        in = c < 0x20 || c == 0x7f;
        break;
    case 'd':
        in = is_digit(c);
        break;
    case 'g':
        in = is_between(c, '!', '~');
        break;
    case 'l':
        in = is_between(c, 'a', 'z');
        break;
    case 'p':
        in = is_between(c, '!', '~') && !is_letter(c) && !is_digit(c);
        break;
    case 's':
        in = c == ' ' || is_between(c, '\t', '\r');
        break;
    case 'u':
        in = is_between(c, 'A', 'Z');
        break;
    case 'w':
        in = is_letter(c) || is_digit(c);
        break;
    case 'x':
        in = is_digit(c) || is_between(c | 0x20, 'a', 'f');
        break;
    case 'z':   /* of Lua 5.1, no longer in the manual, and still there */
        in = c == 0;
        break;
    default:
        return class == c;
    }
    return in != is_between(class, 'A', 'Z');
}

/* The set goes from its "[" to its "]", which is at ${last}. */
static bool
in_set(uint8_t c, const uint8_t *set, const uint8_t *last)
{
    const uint8_t *p = set + 1;
    bool found = true;

    if (*p == '^') {
        found = false;
        p++;
    }
    while (p < last) {
        if (*p == ESCAPE) {
            if (in_class(c, p[1]))
                return found;
            p += 2;
        } else if (last - p > 2 && p[1] == '-') {
            if (is_between(c, p[0], p[2]))
                return found;
            p += 3;
        } else {
            if (*p == c)
                return found;
            p++;
        }
    }
    return !found;
}

/* Does the item, which goes to ${next}, fit the byte? */
static inline bool
fits(uint8_t c, const uint8_t *item, const uint8_t *next)
{
    switch (*item) {
    case '.':
        return true;
    case ESCAPE:
        return in_class(c, item[1]);
    case '[':
        return in_set(c, item, next - 1);
    default:
        return *item == c;
    }
}

/* --- items ------------------------------------------------------------------------------------ */

/* Behind the set's "]", or NULL. The first character is never its end. */
static const uint8_t *
set_end(const struct aks_match *match, const uint8_t *set)
{
    const uint8_t *end = match->pattern_end;
    const uint8_t *p = set + 1;

    if (p < end && *p == '^')
        p++;
    do {
        if (p == end)
            return NULL;
        if (*p++ == ESCAPE && p < end)
            p++;
    } while (p == end || *p != ']');
    return p + 1;
}

/* Finds where the item for a single byte ends, not counting what repeats it. */
static inline enum way
find_item_end(struct aks_match *match, const uint8_t *item, const uint8_t **ret_next)
{
    if (*item == ESCAPE) {
        if (match->pattern_end - item < 2)
            return fault(match, AKS_MATCH_ENDS_IN_ESCAPE);
        *ret_next = item + 2;
    } else if (*item == '[') {
        *ret_next = set_end(match, item);
        if (*ret_next == NULL)
            return fault(match, AKS_MATCH_SET_NOT_CLOSED);
    } else {
        *ret_next = item + 1;
    }
    return WAY_ON;
}

static inline size_t
item_steps(const uint8_t *item, const uint8_t *next)
{
    return 1 + (size_t)(next - item) / SET_BYTES_PER_STEP;
}

/* NULL if there is no more room. */
static struct aks_match_place *
keep_place(struct aks_match *match, enum aks_match_place_kind kind, const uint8_t *next)
{
    struct aks_match_place *place;

    if (match->place_count == AKS_MATCH_PLACES_MAX)
        return NULL;
    place = &match->places[match->place_count++];
    place->kind = kind;
    place->at = match->at;
    place->next = next;
    return place;
}

static enum way
open_capture(struct aks_match *match)
{
    const uint8_t *next = match->item + 1;
    struct aks_match_capture *capture = &match->captures[match->capture_count];
    bool position = next < match->pattern_end && *next == ')';

    if (match->capture_count == AKS_MATCH_CAPTURES_MAX)
        return fault(match, AKS_MATCH_MANY_CAPTURES);
    if (keep_place(match, AKS_MATCH_PLACE_OPENED, NULL) == NULL)
        return fault(match, AKS_MATCH_TOO_COMPLEX);
    capture->kind = position ? AKS_MATCH_POSITION : AKS_MATCH_OPEN;
    capture->begin = (size_t)(match->at - match->text);
    capture->len = 0;
    match->capture_count++;
    match->item = position ? next + 1 : next;
    return WAY_ON;
}

/* Closes the one that was opened last. */
static enum way
close_capture(struct aks_match *match)
{
    struct aks_match_place *place;
    size_t i = match->capture_count;

    while (i > 0 && match->captures[i - 1].kind != AKS_MATCH_OPEN)
        i--;
    if (i == 0)
        return fault(match, AKS_MATCH_NOT_OPENED);
    place = keep_place(match, AKS_MATCH_PLACE_CLOSED, NULL);
    if (place == NULL)
        return fault(match, AKS_MATCH_TOO_COMPLEX);
    place->of.capture = i - 1;
    match->captures[i - 1].kind = AKS_MATCH_CLOSED;
    match->captures[i - 1].len = (size_t)(match->at - match->text) - match->captures[i - 1].begin;
    match->item++;
    return WAY_ON;
}

/* "%bxy": from an x to the y that is its own. */
static enum way
take_balanced(struct aks_match *match)
{
    const uint8_t *end = match->text_end;
    const uint8_t *p = match->at;
    uint8_t opens;
    uint8_t closes;
    size_t depth = 1;
    size_t steps = 0;

    if (match->pattern_end - match->item < 4)
        return fault(match, AKS_MATCH_BALANCE_CUT);
    opens = match->item[2];
    closes = match->item[3];
    if (p == end || *p != opens)
        return WAY_BACK;
    while (depth > 0 && ++p < end) {
        if (++steps == AKS_MATCH_BATCH_STEPS) {
            if (!spend(match, steps))
                return WAY_STOP;
            steps = 0;
        }
        if (*p == closes)
            depth--;
        else if (*p == opens)
            depth++;
    }
    match->steps += steps;
    if (depth > 0)
        return WAY_BACK;
    match->at = p + 1;
    match->item += 4;
    return WAY_ON;
}

/* "%f[set]": the byte before is not of the set, the one behind is; outside the text there are
 * zeros. */
static enum way
pass_frontier(struct aks_match *match)
{
    const uint8_t *set = match->item + 2;
    const uint8_t *next;
    uint8_t before = match->at == match->text ? 0 : match->at[-1];
    uint8_t behind = match->at == match->text_end ? 0 : *match->at;

    if (set == match->pattern_end || *set != '[')
        return fault(match, AKS_MATCH_FRONTIER_CUT);
    if (find_item_end(match, set, &next) != WAY_ON)
        return WAY_FAULT;
    if (!spend(match, item_steps(set, next)))
        return WAY_STOP;
    if (in_set(before, set, next - 1) || !in_set(behind, set, next - 1))
        return WAY_BACK;
    match->item = next;
    return WAY_ON;
}

/* "%1": the bytes of a capture once more. One that is a position never fits. */
static enum way
take_captured(struct aks_match *match)
{
    int index = match->item[1] - '0';
    const struct aks_match_capture *capture = &match->captures[index > 0 ? index - 1 : 0];

    if (index == 0 || (size_t)index > match->capture_count || capture->kind == AKS_MATCH_OPEN) {
        match->fault_index = index;
        return fault(match, AKS_MATCH_NO_SUCH_CAPTURE);
    }
    if (!spend(match, 1 + capture->len / BYTES_PER_STEP))
        return WAY_STOP;
    if (capture->kind == AKS_MATCH_POSITION ||
        capture->len > (size_t)(match->text_end - match->at) ||
        memcmp(match->text + capture->begin, match->at, capture->len) != 0)
        return WAY_BACK;
    match->at += capture->len;
    match->item += 2;
    return WAY_ON;
}

/* As many bytes as fit; going back gives them up one by one. */
static enum way
take_greedily(struct aks_match *match, const uint8_t *next, const uint8_t *least)
{
    const uint8_t *item = match->item;
    const uint8_t *end = match->text_end;
    const uint8_t *p = least;
    size_t steps = item_steps(item, next);
    struct aks_match_place *place;

    while (p < end && fits(*p, item, next)) {
        p++;
        if (!spend(match, steps))
            return WAY_STOP;
    }
    match->at = p;
    place = keep_place(match, AKS_MATCH_PLACE_GREEDY, next + 1);
    if (place == NULL)
        return fault(match, AKS_MATCH_TOO_COMPLEX);
    place->of.least = least;
    match->item = next + 1;
    return WAY_ON;
}

/* An item for a single byte, with what repeats it. Where it does not fit even once, no place is
 * kept. */
static enum way
take_single(struct aks_match *match)
{
    const uint8_t *item = match->item;
    const uint8_t *next;
    struct aks_match_place *place;
    uint8_t repeats;

    if (find_item_end(match, item, &next) != WAY_ON)
        return WAY_FAULT;
    if (!spend(match, item_steps(item, next)))
        return WAY_STOP;
    repeats = next < match->pattern_end ? *next : '\0';
    if (match->at == match->text_end || !fits(*match->at, item, next)) {
        if (repeats != '*' && repeats != '?' && repeats != '-')
            return WAY_BACK;
        match->item = next + 1;
        return WAY_ON;
    }
    switch (repeats) {
    case '*':
        return take_greedily(match, next, match->at);
    case '+':
        return take_greedily(match, next, match->at + 1);
    case '?':
        if (keep_place(match, AKS_MATCH_PLACE_OPTION, next + 1) == NULL)
            return fault(match, AKS_MATCH_TOO_COMPLEX);
        match->at++;
        match->item = next + 1;
        return WAY_ON;
    case '-':
        place = keep_place(match, AKS_MATCH_PLACE_LAZY, next);
        if (place == NULL)
            return fault(match, AKS_MATCH_TOO_COMPLEX);
        place->of.item = item;
        match->item = next + 1;
        return WAY_ON;
    default:
        match->at++;
        match->item = next;
        return WAY_ON;
    }
}

static inline enum way
take_item(struct aks_match *match)
{
    const uint8_t *item = match->item;

    switch (*item) {
    case '(':
        return open_capture(match);
    case ')':
        return close_capture(match);
    case '$':
        if (match->pattern_end - item > 1)
            break;
        match->item++;
        return match->at == match->text_end ? WAY_ON : WAY_BACK;
    case ESCAPE:
        if (match->pattern_end - item < 2)
            break;
        if (item[1] == 'b')
            return take_balanced(match);
        if (item[1] == 'f')
            return pass_frontier(match);
        if (is_digit(item[1]))
            return take_captured(match);
        break;
    default:
        break;
    }
    return take_single(match);
}

/* --- going back ------------------------------------------------------------------------------- */

/* To the place that was kept last. */
static enum way
go_back(struct aks_match *match)
{
    struct aks_match_place *place = &match->places[match->place_count - 1];

    switch (place->kind) {
    case AKS_MATCH_PLACE_OPENED:
        match->capture_count--;
        match->place_count--;
        return WAY_BACK;
    case AKS_MATCH_PLACE_CLOSED:
        match->captures[place->of.capture].kind = AKS_MATCH_OPEN;
        match->place_count--;
        return WAY_BACK;
    case AKS_MATCH_PLACE_OPTION:
        match->place_count--;
        match->at = place->at;
        match->item = place->next;
        return WAY_ON;
    case AKS_MATCH_PLACE_GREEDY:
        if (place->at == place->of.least) {
            match->place_count--;
            return WAY_BACK;
        }
        match->at = --place->at;
        match->item = place->next;
        return WAY_ON;
    case AKS_MATCH_PLACE_LAZY:
        match->steps += item_steps(place->of.item, place->next);
        if (place->at == match->text_end || !fits(*place->at, place->of.item, place->next)) {
            match->place_count--;
            return WAY_BACK;
        }
        match->at = ++place->at;
        match->item = place->next + 1;
        return WAY_ON;
    }
    return WAY_FAULT;
}

/* --- the door --------------------------------------------------------------------------------- */

void
aks_match_init(struct aks_match *match, const char *text, size_t text_len, const char *pattern,
    size_t pattern_len, aks_match_charge charge, void *ctx)
{
    match->text = (const uint8_t *)text;
    match->text_end = match->text + text_len;
    match->pattern = (const uint8_t *)pattern;
    match->pattern_end = match->pattern + pattern_len;
    match->charge = charge;
    match->ctx = ctx;
    match->steps = 0;
    match->fault = AKS_MATCH_TOO_COMPLEX;
    match->fault_index = 0;
    match->capture_count = 0;
}

enum aks_match_result
aks_match_at(struct aks_match *match, size_t begin, size_t *ret_end)
{
    enum way way = WAY_ON;

    AKS_CHECK(begin <= (size_t)(match->text_end - match->text));
    match->at = match->text + begin;
    match->item = match->pattern;
    match->capture_count = 0;
    match->place_count = 0;
    if (!spend(match, 1))
        return AKS_MATCH_STOPPED;
    while (match->item != match->pattern_end) {
        way = take_item(match);
        while (way == WAY_BACK) {
            if (match->place_count == 0)
                return AKS_MATCH_NO;
            if (!spend(match, 1))
                return AKS_MATCH_STOPPED;
            way = go_back(match);
        }
        if (way != WAY_ON)
            return way == WAY_FAULT ? AKS_MATCH_FAULT : AKS_MATCH_STOPPED;
    }
    *ret_end = (size_t)(match->at - match->text);
    return AKS_MATCH_YES;
}

enum aks_match_result
aks_match_next(struct aks_match *match, size_t from, size_t not_end, size_t *ret_begin,
    size_t *ret_end)
{
    size_t len = (size_t)(match->text_end - match->text);

    for (size_t begin = from; begin <= len; begin++) {
        enum aks_match_result result = aks_match_at(match, begin, ret_end);

        if (result == AKS_MATCH_NO || (result == AKS_MATCH_YES && *ret_end == not_end))
            continue;
        *ret_begin = begin;
        return result;
    }
    return AKS_MATCH_NO;
}

/* In pieces, so that a difference that comes early costs no more than it takes. */
static bool
begins_with(const uint8_t *text, const uint8_t *pattern, size_t len, size_t *ret_steps)
{
    size_t at = 0;

    *ret_steps = 0;
    while (len - at > BYTES_PER_STEP) {
        if (memcmp(text + at, pattern + at, BYTES_PER_STEP) != 0)
            return false;
        at += BYTES_PER_STEP;
        ++*ret_steps;
    }
    return memcmp(text + at, pattern + at, len - at) == 0;
}

enum aks_match_result
aks_match_plain(struct aks_match *match, size_t from, size_t *ret_begin)
{
    size_t len = (size_t)(match->pattern_end - match->pattern);
    const uint8_t *p = match->text + from;
    size_t steps;
    bool is_there;

    AKS_CHECK(from <= (size_t)(match->text_end - match->text));
    *ret_begin = from;
    if (len == 0)
        return AKS_MATCH_YES;
    while ((size_t)(match->text_end - p) >= len) {
        size_t places = (size_t)(match->text_end - p) - len + 1;
        const uint8_t *found = memchr(p, match->pattern[0], places);
        size_t passed = found != NULL ? (size_t)(found - p) : places;

        if (!spend(match, 1 + passed / BYTES_PER_STEP))
            return AKS_MATCH_STOPPED;
        if (found == NULL)
            return AKS_MATCH_NO;
        *ret_begin = (size_t)(found - match->text);
        is_there = begins_with(found, match->pattern, len, &steps);
        if (!spend(match, steps))
            return AKS_MATCH_STOPPED;
        if (is_there)
            return AKS_MATCH_YES;
        p = found + 1;
    }
    return AKS_MATCH_NO;
}
