/* What was sent to servers of s3 targets, piece by piece, and what of it was sent twice: a process
 * that goes on where another one died must not send again what that one's server has. */
#include "data/digest.h"
#include "testkit/world_internal.h"

#include <stdio.h>
#include <string.h>

void
aks_world_sent_fini(struct aks_world *world)
{
    aks_mem_free(world->alloc, world->sent_pieces);
    world->sent_pieces = NULL;
    world->sent_count = 0;
}

static void
upload_id_of(const char *query, char ret_id[AKS_WORLD_UPLOAD_ID_BYTES])
{
    const char *at = strstr(query, "uploadId=");

    ret_id[0] = '\0';
    if (at != NULL)
        (void)snprintf(ret_id, AKS_WORLD_UPLOAD_ID_BYTES, "%.*s", (int)strcspn(at + 9, "&"),
            at + 9);
}

/* An upload was given back, and its parts with it. */
static void
forget_upload(struct aks_world *world, const char *upload_id)
{
    size_t left = 0;

    for (size_t i = 0; i < world->sent_count; i++) {
        if (strcmp(world->sent_pieces[i].upload_id, upload_id) != 0)
            world->sent_pieces[left++] = world->sent_pieces[i];
    }
    world->sent_count = left;
}

static void
count_again(struct aks_world *world, const struct world_sent *piece)
{
    bool part = piece->upload_id[0] != '\0';
    bool again = false;
    bool known = false;

    for (size_t i = 0; i < world->sent_count; i++) {
        const struct world_sent *before = &world->sent_pieces[i];

        if (strcmp(before->target, piece->target) != 0 ||
            strcmp(before->operation, piece->operation) != 0 ||
            memcmp(before->sha256, piece->sha256, sizeof(piece->sha256)) != 0)
            continue;
        again = true;
        /* It was there before this process began: it had only to look. */
        known = known || (before->process < piece->process &&
            before->served_ns < world->process_began_ns);
    }
    world->again.parts += part;
    world->again.objects += !part;
    world->again.parts_again += part && again;
    world->again.objects_again += !part && again;
    world->again.parts_known += part && known;
    world->again.bytes_again += again ? piece->bytes : 0;
}

void
aks_world_sent_served(struct aks_world *world, const char *target, const char *operation,
    const struct aks_sim_request *request)
{
    struct world_sent piece = { .process = world->process, .bytes = request->body_len };

    upload_id_of(request->query, piece.upload_id);
    if (strcmp(operation, "abort") == 0) {
        forget_upload(world, piece.upload_id);
        return;
    }
    world->again.unheard += strcmp(operation, "create") == 0 && request->unheard;
    if (strncmp(operation, "part ", 5) != 0 && strcmp(operation, "put") != 0)
        return;
    (void)snprintf(piece.target, sizeof(piece.target), "%s", target);
    (void)snprintf(piece.operation, sizeof(piece.operation), "%s", operation);
    piece.served_ns = aks_sim_agenda(world->sim)->now_ns;
    aks_sha256(request->body, request->body_len, piece.sha256);
    count_again(world, &piece);
    if (world->sent_pieces == NULL)
        world->sent_pieces = aks_mem_array(world->alloc, AKS_WORLD_SENT_MAX,
            sizeof(*world->sent_pieces));
    if (world->sent_pieces != NULL && world->sent_count < AKS_WORLD_SENT_MAX)
        world->sent_pieces[world->sent_count++] = piece;
}

void
aks_world_sent_step(struct aks_world *world, const struct aks_fault_step *step,
    const struct aks_sim_fault *fault)
{
    bool lost = fault->status != AKS_OK || fault->delay_ns != 0;

    if (lost && strcmp(step->step->verb, "reply") == 0 && strcmp(step->operation, "create") == 0)
        world->again.unheard++;
}

const struct aks_world_again *
aks_world_again(const struct aks_world *world)
{
    return &world->again;
}
