// SPDX-License-Identifier: Apache-2.0
#include "file/restored.h"

#include "base/member_name.h"
#include "file/outdir.h"
#include "file/restored_private.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { OPEN_MAX_EASY = 200 };

static char is_folder;

unsigned restored_open_easily(void) {
    struct rlimit limit;
    bool few = getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur / 8 < OPEN_MAX_EASY;
    return few ? (unsigned)(limit.rlim_cur / 8) : OPEN_MAX_EASY;
}

int restored_new(struct restored **out, const struct outfiles_settings *settings, struct fault *f) {
    struct restored *set = *out = calloc(1, sizeof *set);
    if (set == NULL)
        return diag_fault_memory(f);
    set->settings = settings;
    set->last = &set->first;
    set->waiting_max = restored_open_easily();
    return 0;
}

void restored_free(struct restored *set) {
    if (set == NULL)
        return;
    for (struct restored_file *next, *file = set->first; file != NULL; file = next) {
        next = file->next;
        outfile_discard(file->out);
        free(file->name);
        free(file->stored);
        free(file->disk);
        free(file);
    }
    names_free(set->names);
    names_free(set->gone);
    names_free(set->aside);
    free(set);
}

// ---- Names, in the order of the input.

static int refuse_second(const struct restored_file *first, const char *name, const char *stored,
                         struct fault *f) {
    const char *hint = first->set->settings->same_name_hint;
    const char *shown = diag_shown(name, SHOWN_SIZE);
    return diag_fault(
        f, EX_DATAERR, "%s: the archive has another file that gets this name: %s and %s%s%s", shown,
        first->stored != NULL ? first->stored : shown, stored != NULL ? stored : shown,
        hint != NULL ? "; " : "", hint != NULL ? hint : "");
}

static int refuse_both(const char *name, size_t size, struct fault *f) {
    return diag_fault(f, EX_DATAERR, "%s: the archive has a file and a folder of this name",
                      diag_shown_name(name, size, SHOWN_SIZE));
}

// Whether a claimed name is below this one.
static bool has_below(const struct restored *set, const char *name, size_t size) {
    char prefix[MEMBER_NAME_MAX + 1];
    if (size > MEMBER_NAME_MAX)
        return false;
    memcpy(prefix, name, size);
    prefix[size] = '/';
    return names_find_beginning(set->names, prefix, size + 1) != NULL;
}

bool restored_has(const struct restored *set, const char *name, size_t size) {
    return names_find(set->names, name, size) != NULL || has_below(set, name, size);
}

// Claims a name for a file, once, or for a folder. A name cannot be both: which of them reached the
// disk first would depend on the threads.
static int claim(struct restored *set, const char *bytes, size_t size, void *what,
                 const char *stored, struct name **claimed, struct fault *f) {
    if (what != &is_folder && has_below(set, bytes, size))
        return refuse_both(bytes, size, f);
    struct name *name = names_add(&set->names, bytes, size);
    if (name == NULL)
        return diag_fault_memory(f);
    if (name->value == NULL)
        name->value = what;
    else if ((name->value == &is_folder) != (what == &is_folder))
        return refuse_both(bytes, size, f);
    else if (what != &is_folder)
        return refuse_second(name->value, name->bytes, stored, f);
    if (claimed != NULL)
        *claimed = name;
    return 0;
}

// Claims a name and those of the folders above it.
static int claim_path(struct restored *set, const char *bytes, size_t size, void *what,
                      const char *stored, struct name **claimed, struct fault *f) {
    if (outdir_check_name(bytes, size, f) < 0)
        return -1;
    size_t folder = 0;
    for (size_t at = 0; at < size; at++)
        if (bytes[at] == '/') {
            const struct name *above = names_find(set->names, bytes, folder = at);
            if (above != NULL && above->value != &is_folder)
                return refuse_both(bytes, at, f);
        }
    // It stays a folder even if the file is removed; it makes those above it folders.
    if (folder > 0 && claim(set, bytes, folder, &is_folder, NULL, NULL, f) < 0)
        return -1;
    return claim(set, bytes, size, what, stored, claimed, f);
}

int restored_claim(struct restored *set, const char *name, size_t size, const char *stored,
                   struct restored_file **out, struct fault *f) {
    struct restored_file *file = *out = calloc(1, sizeof *file);
    if (file == NULL)
        return diag_fault_memory(f);
    file->set = set;
    *set->last = file;
    set->last = &file->next;
    file->name = strdup(name);
    if (file->name == NULL)
        return diag_fault_memory(f);
    if (stored != NULL && strcmp(stored, name) != 0 && (file->stored = strdup(stored)) == NULL)
        return diag_fault_memory(f);
    if (claim_path(set, name, size, file, stored, &file->claim, f) == 0)
        return 0;
    file->removed = true; // salvage goes on without it
    return -1;
}

int restored_claim_folder(struct restored *set, const char *name, size_t size, struct fault *f) {
    return claim_path(set, name, size, &is_folder, NULL, NULL, f);
}

int restored_create(struct restored_file *file, struct fault *f) {
    struct outdir *dir = file->set->settings->dir;
    // An existing file may be about to lose the name, or this file, if it is not in the list, never
    // gets it; the name is checked again at the end.
    bool check = file->set->changes == 0 && restored_list_has(file);
    return dir != NULL ? outdir_create(dir, file->name, check, &file->out, f) : 0;
}

struct outfile *restored_outfile(const struct restored_file *file) {
    return file->out;
}

void restored_digest(struct restored_file *file, const uint8_t sha256[static DIGEST_SIZE]) {
    memcpy(file->sha256, sha256, DIGEST_SIZE);
    file->digested = true;
}

// ---- Changes on the disk, in order.

int restored_written(struct restored_file *file, struct salvage_scope *scope, struct fault *f) {
    file->scope = scope;
    if (scope != NULL && file->renamed)
        salvage_rename(scope, file->name, strlen(file->name));
    if (file->out == NULL)
        file->state = NOWHERE;
    if (file->removed) {
        restored_disk_drop(file);
        return 0;
    }
    file->damaged = scope != NULL && scope->losses > 0;
    if (file->out == NULL)
        return 0;
    if (file->damaged && restored_list_has(file))
        return restored_disk_put_aside(file, f);
    if (!file->damaged && restored_list_allows(file))
        return restored_disk_put_in_place(file, f);
    restored_disk_wait(file);
    return 0;
}

int restored_retract(struct restored_file *file, struct fault *f) {
    if (file->state == WRITING || file->removed || file->damaged)
        return 0; // it is or will be put aside; or there is no file
    file->damaged = true;
    return restored_list_has(file) ? restored_disk_put_aside(file, f) : 0;
}

static int remove_now(struct restored_file *file, struct fault *f) {
    file->removed = true;
    if (file->damaged)
        salvage_file(file->scope, NULL);
    restored_disk_forget_aside(file);
    if (file->state == NAMED) {
        file->state = NOWHERE;
        return outdir_remove(file->set->settings->dir, file->disk, &file->own, f);
    }
    if (file->state == WAITING)
        restored_disk_drop(file);
    return 0;
}

static int rename_now(struct restored_file *file, char *name, struct fault *f) {
    free(file->name);
    file->name = name;
    file->renamed = true;
    if (file->scope != NULL)
        salvage_rename(file->scope, name, strlen(name));
    if (file->state != NAMED || file->removed)
        return 0;
    if (file->damaged && restored_list_has(file))
        return restored_disk_put_aside(file, f);
    if (!file->damaged && restored_list_allows(file))
        return restored_disk_put_in_place(file, f);
    if (file->damaged)
        salvage_file(file->scope, NULL);
    restored_disk_forget_aside(file);
    if (outdir_reopen(file->set->settings->dir, file->disk, &file->own, &file->out, f) < 0)
        return -1;
    restored_disk_wait(file);
    return 0;
}

// ---- Changes, from the input to their delivery.

struct change {
    struct unit unit;
    struct restored_file *file;
    const struct stage *reader;
    char *name; // NULL: the file is removed
};

static void deliver_change(struct unit *unit) {
    struct change *c = (struct change *)unit;
    struct fault f;
    if (c->reader->broken)
        return;
    char *name = c->name;
    c->name = NULL;
    int result = name == NULL ? remove_now(c->file, &f) : rename_now(c->file, name, &f);
    if (result < 0)
        ordered_fail_now(c->reader->ordered, &f);
}

static void release_change(struct unit *unit) {
    struct change *c = (struct change *)unit;
    c->file->set->changes--;
    free(c->name);
    free(c);
}

// Then owns the name.
static int submit(struct restored_file *file, char *name, const struct stage *reader,
                  struct fault *f) {
    struct change *c = calloc(1, sizeof *c);
    if (c == NULL) {
        free(name);
        return diag_fault_memory(f);
    }
    c->unit.deliver = deliver_change;
    c->unit.release = release_change;
    c->unit.cost = sizeof *c;
    c->file = file;
    c->reader = reader;
    c->name = name;
    file->set->changes++;
    ordered_submit(reader->ordered, &c->unit);
    return 0;
}

static void give_up_claim(struct restored_file *file) {
    if (file->claim != NULL)
        names_remove(file->set->names, file->claim);
    file->claim = NULL;
}

int restored_rename(struct restored_file *file, const char *name, size_t size,
                    const struct stage *reader, struct fault *f) {
    struct name *claimed;
    if (file->claim != NULL && file->claim->size == size &&
        memcmp(file->claim->bytes, name, size) == 0)
        return 0;
    if (claim_path(file->set, name, size, file, NULL, &claimed, f) < 0)
        return -1;
    give_up_claim(file);
    file->claim = claimed;
    char *copy = strdup(name);
    return copy != NULL ? submit(file, copy, reader, f) : diag_fault_memory(f);
}

int restored_remove(struct restored_file *file, const struct stage *reader, struct fault *f) {
    give_up_claim(file);
    return submit(file, NULL, reader, f);
}

int restored_remove_folder(struct restored *set, const char *name, size_t size, struct fault *f) {
    struct name *gone = names_add(&set->gone, name, size);
    if (gone == NULL)
        return diag_fault_memory(f);
    gone->value = set;
    return 0;
}

// ---- The end.

// Renames damaged files that have the names of later members, even if those have no file.
static int settle_aside(struct restored *set, struct fault *f) {
    for (struct restored_file *file = set->first; file != NULL; file = file->next)
        if (file->damaged && !file->removed && file->state == NAMED &&
            restored_has(set, file->disk, strlen(file->disk)) &&
            restored_disk_put_aside(file, f) < 0)
            return -1;
    return 0;
}

static bool is_gone(const struct restored *set, const char *name, size_t size) {
    for (size_t at = 0; at <= size; at++)
        if ((at == size || name[at] == '/') && names_find(set->gone, name, at) != NULL)
            return true;
    return false;
}

static void collect(struct name *name, void *context) {
    *(*(struct name ***)context)++ = name;
}

static void count_name(struct name *name, void *context) {
    (void)name;
    ++*(size_t *)context;
}

// The deepest first.
static int compare_sizes(const void *a, const void *b) {
    const struct name *x = *(struct name *const *)a, *y = *(struct name *const *)b;
    return (x->size < y->size) - (x->size > y->size);
}

// Removes the folder, and those above it that the stream has removed.
static void remove_upwards(const struct restored *set, const struct name *name) {
    char path[MEMBER_NAME_MAX + 1];
    memcpy(path, name->bytes, name->size + 1);
    for (char *end = path; end != NULL && is_gone(set, path, strlen(path));) {
        outdir_remove_folder(set->settings->dir, path);
        end = strrchr(path, '/');
        if (end != NULL)
            *end = '\0';
    }
}

// Removes the empty ones of the folders that the stream has removed.
static int remove_folders(struct restored *set, struct fault *f) {
    size_t count = 0;
    names_visit(set->names, count_name, &count);
    if (set->gone == NULL || set->settings->dir == NULL || count == 0)
        return 0;
    struct name **names = malloc(count * sizeof(struct name *)), **end = names;
    if (names == NULL)
        return diag_fault_memory(f);
    names_visit(set->names, collect, &end);
    qsort(names, count, sizeof(struct name *), compare_sizes);
    for (size_t i = 0; i < count; i++)
        if (names[i]->value == &is_folder)
            remove_upwards(set, names[i]);
    free(names);
    return 0;
}

static int fill_manifest(struct restored *set, struct fault *f) {
    for (const struct restored_file *file = set->first; file != NULL; file = file->next)
        if (!file->removed && !file->damaged && file->digested &&
            manifest_add(set->settings->digests, file->name, strlen(file->name), file->sha256, f) <
                0)
            return -1;
    return 0;
}

int restored_finish(struct restored *set, struct fault *f) {
    const struct outfiles_settings *settings = set->settings;
    if (settings->expected != NULL && restored_list_check(set, f) < 0)
        return -1;
    if (settle_aside(set, f) < 0 || remove_folders(set, f) < 0)
        return -1;
    return settings->digests != NULL ? fill_manifest(set, f) : 0;
}
