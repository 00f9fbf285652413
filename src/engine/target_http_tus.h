/* Shared by target_http_tus.c (the way of an upload by tus, step by step) and
 * target_http_tus_piece.c (one of its pieces). A step is an operation with tries of its own. */
#ifndef AKS_ENGINE_TARGET_HTTP_TUS_H
#define AKS_ENGINE_TARGET_HTTP_TUS_H

#include "engine/target_http_internal.h"

/** The try of a step has done all it can: the step is over, and the state of the object says where
 * it goes on. */
void aks_http_tus_stepped(struct http_call *call);
/** Where the requests of this try go from now on; false if the try has ended. */
bool aks_http_tus_address(struct http_call *call, const char *url);
/** One more header of the request that is being made. */
void aks_http_tus_header(struct http_call *call, const char *name, const char *value);
/** Is ${status} one of those of which a server may be free in a moment, or another token? */
bool aks_http_tus_may_pass(int status);
/** From now on this target is given PUT; ${lasting}: by later processes as well. */
void aks_http_tus_give_up(struct http_object *object, const char *why, bool lasting);
/** The server has lost something, or says what cannot be: it is asked where it stands, so often. */
void aks_http_tus_set_back(struct http_object *object, const char *why);
/** The same of a whole upload, in whose place another one is made. */
void aks_http_tus_lose(struct http_object *object, const char *why);

/* target_http_tus_piece.c */

/** One try of the piece at tus.offset: adds what the server took, or leads elsewhere. */
void aks_http_tus_start_piece(struct http_call *call);

#endif
