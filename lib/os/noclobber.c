// SPDX-License-Identifier: Apache-2.0
#include "os/noclobber.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/sysmacros.h>
#include <unistd.h>

struct identity {
    dev_t device;
    ino_t inode; // 0: a free place
};

enum use { READ, WRITTEN_AS_IT_IS };

static struct {
    struct identity id;
    enum use use;
} files[NOCLOBBER_MAX];
static size_t count;

enum { CLAIMS_MAX = 8 }; // a program has four outputs at most
static struct identity claims[CLAIMS_MAX];
static size_t claim_count;

// The files that have been written: a hash table with open addresses, `room` a power of two.
static struct {
    struct identity *places;
    size_t room, used;
} written;

static struct identity identity_of(const struct stat *st) {
    return (struct identity){.device = st->st_dev, .inode = st->st_ino};
}

static bool same(struct identity a, struct identity b) {
    return a.device == b.device && a.inode == b.inode;
}

static bool has(struct identity id, enum use use) {
    for (size_t i = 0; i < count; i++)
        if (files[i].use == use && same(files[i].id, id))
            return true;
    return false;
}

static void add(int fd, enum use use) {
    struct stat st;
    if (count == NOCLOBBER_MAX || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
        has(identity_of(&st), use))
        return;
    files[count].id = identity_of(&st);
    files[count++].use = use;
}

void noclobber_add(int fd) {
    add(fd, READ);
}

void noclobber_add_output(int fd) {
    add(fd, WRITTEN_AS_IT_IS);
}

// The slot of a file, or a free slot for it. There is always a free slot.
static struct identity *find_place(struct identity id) {
    uint64_t hash = (id.inode ^ ((uint64_t)id.device << 40)) * UINT64_C(0x9e3779b97f4a7c15);
    size_t at = (size_t)(hash >> 20) & (written.room - 1);
    while (written.places[at].inode != 0 && !same(written.places[at], id))
        at = (at + 1) & (written.room - 1);
    return &written.places[at];
}

static int make_room(struct fault *f) {
    if (written.room > 2 * written.used)
        return 0;
    struct identity *old = written.places;
    size_t old_room = written.room, room = old_room == 0 ? 256 : 2 * old_room;
    struct identity *larger = calloc(room, sizeof *larger);
    if (larger == NULL)
        return diag_fault_memory(f);
    if (old == NULL)
        (void)atexit(noclobber_forget); // without it, the system frees the table
    written.places = larger;
    written.room = room;
    for (size_t i = 0; i < old_room; i++)
        if (old[i].inode != 0)
            *find_place(old[i]) = old[i];
    free(old);
    return 0;
}

int noclobber_add_written(const struct stat *st, struct fault *f) {
    if (make_room(f) < 0)
        return -1;
    struct identity *place = find_place(identity_of(st));
    written.used += place->inode == 0;
    *place = identity_of(st);
    return 0;
}

void noclobber_forget(void) {
    count = claim_count = 0;
    free(written.places);
    written.places = NULL;
    written.room = written.used = 0;
}

bool noclobber_has(const struct stat *st) {
    return has(identity_of(st), READ);
}

const char *noclobber_reason(const struct stat *st) {
    struct identity id = identity_of(st);
    if (has(id, READ))
        return "this file is being read, and would be lost; write elsewhere";
    if (has(id, WRITTEN_AS_IT_IS))
        return "another output of this run goes to this file already, and would be lost; write "
               "elsewhere";
    if (written.used > 0 && find_place(id)->inode != 0)
        return "this run has written a file of this name, or of one that is the same to the file "
               "system, and it would be lost; write elsewhere";
    return NULL;
}

// Whether the device drops all data: /dev/null, /dev/zero, /dev/full.
static bool stores_nothing(const struct stat *st) {
    enum { MEMORY_DEVICES = 1 };
    return S_ISCHR(st->st_mode) && major(st->st_rdev) == MEMORY_DEVICES;
}

int noclobber_claim(int fd, const char *shown, struct fault *f) {
    struct stat st;
    if (fstat(fd, &st) < 0 || stores_nothing(&st))
        return 0;
    if (noclobber_has(&st))
        return diag_fault(
            f, EX_CANTCREAT,
            "%s is a file that is being read, which would be lost; write to another file", shown);
    for (size_t i = 0; i < claim_count; i++)
        if (same(claims[i], identity_of(&st)))
            return diag_fault(f, EX_USAGE,
                              "%s: another output goes to the same place, and the two would mix; "
                              "give each a file of its own",
                              shown);
    if (claim_count == CLAIMS_MAX)
        abort(); // the number of outputs of a program is fixed
    claims[claim_count++] = identity_of(&st);
    noclobber_add_output(fd);
    return 0;
}
