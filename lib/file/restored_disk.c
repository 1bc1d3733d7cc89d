// SPDX-License-Identifier: Apache-2.0
// The names of the files on the disk.
#include "file/outdir.h"
#include "file/restored_private.h"

#include <stdlib.h>
#include <string.h>

// Gives the file, written or waiting, this name on the disk, or renames it if it has one.
static int put(struct restored_file *file, const char *name, struct fault *f) {
    struct outdir *dir = file->set->settings->dir;
    char *disk = strdup(name);
    if (disk == NULL)
        return diag_fault_memory(f);
    int result;
    if (file->state == NAMED) {
        result = outdir_rename(dir, file->disk, name, &file->own, f);
    } else {
        struct outfile *out = file->out;
        bool begun_so = name == file->name && !file->renamed;
        result = begun_so ? 0 : outdir_move(dir, out, name, f);
        file->own = outfile_identity(out);
        if (result == 0) {
            file->set->waiting -= file->state == WAITING;
            file->state = NOWHERE;
            file->out = NULL;
            result = outfile_commit(out, f);
        }
    }
    if (result < 0) {
        free(disk);
        return -1;
    }
    free(file->disk);
    file->disk = disk;
    file->state = NAMED;
    return 0;
}

// Notes the damaged file's name, or that it was removed.
static int note_damaged(struct restored_file *file, const char *name, struct fault *f) {
    size_t size = name != NULL ? strlen(name) : 0, room = 4 * size + 5; // enough for diag_name
    char *shown = malloc(room);
    if (shown == NULL)
        return diag_fault_memory(f);
    salvage_file(file->scope, name != NULL ? diag_name(name, size, shown, room) : NULL);
    free(shown);
    return 0;
}

void restored_disk_forget_aside(struct restored_file *file) {
    struct name *aside =
        file->disk != NULL ? names_find(file->set->aside, file->disk, strlen(file->disk)) : NULL;
    if (aside != NULL && aside->value == file)
        names_remove(file->set->aside, aside);
}

// A name for the damaged file that no member, no other damaged file and no older file on the disk
// has. NULL and *f on failure.
static char *choose_aside(const struct restored_file *file, struct fault *f) {
    struct restored *set = file->set;
    for (unsigned number = 0;; number++) {
        char *name = outfile_damaged_name(file->name, number);
        if (name == NULL) {
            diag_fault_memory(f);
            return NULL;
        }
        size_t size = strlen(name);
        bool taken = restored_has(set, name, size);
        const struct name *aside = names_find(set->aside, name, size);
        taken = taken || (aside != NULL && aside->value != file);
        if (!taken && aside == NULL && outdir_has(set->settings->dir, name, &taken, f) < 0) {
            free(name);
            return NULL;
        }
        if (!taken)
            return name;
        free(name);
    }
}

int restored_disk_put_aside(struct restored_file *file, struct fault *f) {
    file->damaged = true;
    if (file->set->settings->dir == NULL || (file->state != NAMED && file->out == NULL))
        return 0;
    char *name = choose_aside(file, f);
    if (name == NULL)
        return -1;
    int result = 0;
    if (file->state != NAMED || strcmp(name, file->disk) != 0) {
        restored_disk_forget_aside(file);
        struct name *aside = names_add(&file->set->aside, name, strlen(name));
        result = aside != NULL ? put(file, name, f) : diag_fault_memory(f);
        if (aside != NULL)
            aside->value = file;
    }
    if (result == 0)
        result = note_damaged(file, name, f);
    free(name);
    return result;
}

int restored_disk_put_in_place(struct restored_file *file, struct fault *f) {
    const struct name *aside = names_find(file->set->aside, file->name, strlen(file->name));
    if (aside != NULL && restored_disk_put_aside(aside->value, f) < 0)
        return -1;
    return put(file, file->name, f);
}

void restored_disk_drop(struct restored_file *file) {
    file->set->waiting -= file->state == WAITING;
    file->state = NOWHERE;
    outfile_discard(file->out);
    file->out = NULL;
}

void restored_disk_wait(struct restored_file *file) {
    if (file->set->waiting >= file->set->waiting_max) {
        restored_disk_drop(file);
        file->dropped = true;
        return;
    }
    file->state = WAITING;
    file->set->waiting++;
}
