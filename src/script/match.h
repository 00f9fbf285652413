/* Lua's patterns over bytes, with every step counted. Knows nothing of Lua's state: what calls it
 * from Lua is script/patterns.c.
 *
 * Written from Lua's manual; what the manual leaves open is as in Lua 5.4, which the tests
 * compare it with: mistakes in a pattern are found when the match comes to them, and not before.
 * Classes are those of the C locale, whatever the host has set. Nothing is allocated. */
#ifndef AKS_SCRIPT_MATCH_H
#define AKS_SCRIPT_MATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* As in Lua (LUA_MAXCAPTURES). */
#define AKS_MATCH_CAPTURES_MAX 32
/* Places to go back to that are kept at once. Lua's matcher calls itself for each, 200 deep with
 * the first call, so that the same patterns are too complex. */
#define AKS_MATCH_PLACES_MAX 199
/* Steps between two calls of charge: some microseconds. */
#define AKS_MATCH_BATCH_STEPS 1024

enum aks_match_result {
    AKS_MATCH_NO,
    AKS_MATCH_YES,
    AKS_MATCH_FAULT,        /* the pattern is wrong; see fault */
    AKS_MATCH_STOPPED,      /* charge said so */
};

enum aks_match_fault {
    AKS_MATCH_ENDS_IN_ESCAPE,   /* "%" is last */
    AKS_MATCH_SET_NOT_CLOSED,   /* "[" without "]" */
    AKS_MATCH_BALANCE_CUT,      /* "%b" without two characters */
    AKS_MATCH_FRONTIER_CUT,     /* "%f" without a set */
    AKS_MATCH_NOT_OPENED,       /* ")" without "(" */
    AKS_MATCH_NO_SUCH_CAPTURE,  /* "%1" to one that is not closed yet; see fault_index */
    AKS_MATCH_MANY_CAPTURES,
    AKS_MATCH_TOO_COMPLEX,
};

enum aks_match_kind { AKS_MATCH_OPEN, AKS_MATCH_CLOSED, AKS_MATCH_POSITION };

struct aks_match_capture {
    enum aks_match_kind kind;
    size_t begin;
    size_t len;             /* of a closed one */
};

enum aks_match_place_kind {
    AKS_MATCH_PLACE_OPENED,     /* gives a capture up */
    AKS_MATCH_PLACE_CLOSED,     /* opens it again */
    AKS_MATCH_PLACE_OPTION,     /* goes on without the item */
    AKS_MATCH_PLACE_GREEDY,     /* takes one byte less, down to ${least} */
    AKS_MATCH_PLACE_LAZY,       /* takes one byte more if ${item} fits it */
};

/* Where a match goes on if it fails further on. */
struct aks_match_place {
    const uint8_t *at;
    const uint8_t *next;            /* the item to go on with */
    union {
        const uint8_t *item;
        const uint8_t *least;
        size_t capture;
    } of;
    enum aks_match_place_kind kind;
};

/** Takes note of ${steps}. False stops the match; it may also leave by longjmp. */
typedef bool (*aks_match_charge)(void *ctx, size_t steps);

struct aks_match {
    const uint8_t *text;
    const uint8_t *text_end;
    const uint8_t *pattern;
    const uint8_t *pattern_end;
    aks_match_charge charge;
    void *ctx;
    size_t steps;                   /* not charged yet */
    const uint8_t *at;              /* where it is in the text */
    const uint8_t *item;            /* and in the pattern */
    enum aks_match_fault fault;
    int fault_index;
    size_t capture_count;
    struct aks_match_capture captures[AKS_MATCH_CAPTURES_MAX];
    size_t place_count;
    struct aks_match_place places[AKS_MATCH_PLACES_MAX];
};

/** Borrows both; the pattern comes without the "^" that anchors it. */
void aks_match_init(struct aks_match *match, const char *text, size_t text_len,
    const char *pattern, size_t pattern_len, aks_match_charge charge, void *ctx);
/** Is there a match that begins exactly at ${begin}? Fills ${match->captures}; those that the
 * pattern does not close are left open. */
enum aks_match_result aks_match_at(struct aks_match *match, size_t begin, size_t *ret_end);
/** The first match that begins at ${from} or later and does not end at ${not_end}, which may be
 * SIZE_MAX. */
enum aks_match_result aks_match_next(struct aks_match *match, size_t from, size_t not_end,
    size_t *ret_begin, size_t *ret_end);
/** The first place at ${from} or later where the text holds the pattern byte by byte. */
enum aks_match_result aks_match_plain(struct aks_match *match, size_t from, size_t *ret_begin);
/** Counts steps that the caller makes on the match's behalf; false if it is to stop. */
bool aks_match_spend(struct aks_match *match, size_t steps);
/** Charges what is not charged yet; false if it is to stop. */
bool aks_match_settle(struct aks_match *match);

#endif
