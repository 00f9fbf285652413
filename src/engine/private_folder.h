/* Folders that only this user may change: the state folder and what we keep in it, and the folder
 * of settings. */
#ifndef AKS_ENGINE_PRIVATE_FOLDER_H
#define AKS_ENGINE_PRIVATE_FOLDER_H

#include "base/error.h"
#include "port/port.h"

/** Is the state folder ${path} this user's own, with nobody else who may write into it? It may be a
 * link if that is this user's or root's, so that state can be moved to another disk. AKS_NOT_FOUND
 * if it is not there, AKS_FORBIDDEN with what to do. */
enum aks_status aks_private_folder_check(const struct aks_port *port, const char *path,
    struct aks_error *err);
/** As check, and whatever of ours is in it is ours, and no link. */
enum aks_status aks_private_folder_check_all(const struct aks_port *port, const char *path,
    struct aks_error *err);
/** May settings be believed that are at ${path}, a file or folder? They are this user's or root's
 * (links to them are what a person has put there), and not everybody may write to them.
 * AKS_NOT_FOUND, AKS_FORBIDDEN. */
enum aks_status aks_private_folder_check_settings(const struct aks_port *port, const char *path,
    struct aks_error *err);
/** The first folder on the way to ${path} into which anybody may put what they like, and which has
 * not the sticky bit: its length within ${path}, or 0 if there is none. */
size_t aks_private_folder_open_parent(const struct aks_port *port, const char *path);

#endif
