/* What an agent's hook says on standard input, as far as it matters: the name of what happened.
 * Foreign bytes of any length, looked at as they come and not kept; nothing in them is an error. */
#ifndef AKS_CLI_HOOK_EVENT_H
#define AKS_CLI_HOOK_EVENT_H

#include <stdbool.h>
#include <stddef.h>

#define AKS_HOOK_EVENT_NAME_BYTES 32

/* Zeroed: nothing was said yet. */
struct aks_hook_event {
    char name[AKS_HOOK_EVENT_NAME_BYTES];   /* "SessionEnd", or "" as long as none is known */
    bool whole;                             /* what follows says nothing any more */
    /* Where in the text it is: */
    size_t depth;
    bool begun;
    bool string;                        /* inside of one, */
    bool escaped;                       /* behind its backslash */
    bool named;                         /* the value that follows is the name */
    bool longer;                        /* than there is room for */
    size_t len;
    char text[AKS_HOOK_EVENT_NAME_BYTES];   /* of the string that is or was last at depth 1 */
};

/** Takes the next bytes. True once it is whole: the object ended, or what stands there is none. */
bool aks_hook_event_feed(struct aks_hook_event *event, const char *data, size_t len);
/** Did a turn end and not a session (Stop, SubagentStop)? */
bool aks_hook_event_is_turn(const struct aks_hook_event *event);

#endif
