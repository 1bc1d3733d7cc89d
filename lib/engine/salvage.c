// SPDX-License-Identifier: Apache-2.0
#include "engine/salvage.h"

#include "engine/stage.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct entry {
    struct salvage_scope *scope;
    struct salvage_loss loss;
    size_t serial;
    char *why;
};

// A file that is not whole.
struct file {
    const struct salvage_scope *scope;
    size_t serial;
    char *name;
};

struct salvage {
    struct salvage_scope whole;
    struct salvage_scope **last_scope;
    size_t scopes;
    struct entry *entries;
    size_t count, room;
    struct file *files;
    size_t file_count, file_room;
    uint64_t losses;
    bool lacking; // an allocation for an entry or a file failed
};

int salvage_new(struct salvage **out, struct fault *f) {
    struct salvage *s = *out = calloc(1, sizeof *s);
    if (s == NULL)
        return diag_fault_memory(f);
    s->whole.record = s;
    s->last_scope = &s->whole.next;
    s->scopes = 1;
    return 0;
}

void salvage_free(struct salvage *s) {
    if (s == NULL)
        return;
    for (struct salvage_scope *next, *scope = s->whole.next; scope != NULL; scope = next) {
        next = scope->next;
        free(scope->name);
        free(scope);
    }
    for (size_t i = 0; i < s->count; i++)
        free(s->entries[i].why);
    for (size_t i = 0; i < s->file_count; i++)
        free(s->files[i].name);
    free(s->entries);
    free(s->files);
    free(s);
}

struct salvage_scope *salvage_whole(struct salvage *s) {
    return &s->whole;
}

struct salvage_scope *salvage_member(struct salvage *s, const char *name, size_t size) {
    struct salvage_scope *scope = calloc(1, sizeof *scope);
    if (scope == NULL)
        return NULL;
    scope->name = strdup(diag_shown_name(name, size, 2048));
    if (scope->name == NULL) {
        free(scope);
        return NULL;
    }
    scope->record = s;
    scope->serial = s->scopes++;
    *s->last_scope = scope;
    s->last_scope = &scope->next;
    return scope;
}

// Makes room for one more element. Returns false if the allocation failed.
static bool grow(void **array, size_t count, size_t *room, size_t size) {
    if (count < *room)
        return true;
    size_t larger = *room == 0 ? 16 : 2 * *room;
    void *moved = realloc(*array, larger * size);
    if (moved == NULL)
        return false;
    *array = moved;
    *room = larger;
    return true;
}

void salvage_lost(struct salvage_scope *scope, const struct salvage_loss *loss, const char *why) {
    struct salvage *s = scope->record;
    s->losses++;
    scope->losses++;
    if (s->count >= SALVAGE_LISTED_MAX)
        return;
    char *kept = NULL;
    if (grow((void **)&s->entries, s->count, &s->room, sizeof *s->entries))
        kept = strndup(why, (size_t)diag_cut(why, SALVAGE_WHY_MAX));
    if (kept == NULL) {
        s->lacking = true;
        return;
    }
    s->entries[s->count] =
        (struct entry){.scope = scope, .loss = *loss, .serial = s->count, .why = kept};
    s->count++;
}

// The file of the scope, added if it is new. NULL if there is no memory.
static struct file *file_of(struct salvage_scope *scope) {
    struct salvage *s = scope->record;
    if (scope->file > 0)
        return &s->files[scope->file - 1];
    if (!grow((void **)&s->files, s->file_count, &s->file_room, sizeof *s->files))
        return NULL;
    s->files[s->file_count] = (struct file){.scope = scope, .serial = s->file_count};
    scope->file = ++s->file_count;
    return &s->files[scope->file - 1];
}

void salvage_file(struct salvage_scope *scope, const char *name) {
    if (name == NULL && scope->file == 0)
        return;
    struct file *file = file_of(scope);
    char *kept = file != NULL && name != NULL ? strdup(name) : NULL;
    if (file == NULL || (name != NULL && kept == NULL)) {
        scope->record->lacking = true;
        return;
    }
    free(file->name);
    file->name = kept;
}

void salvage_rename(struct salvage_scope *scope, const char *name, size_t size) {
    char *kept = strdup(diag_shown_name(name, size, 2048));
    if (kept == NULL) {
        scope->record->lacking = true;
        return;
    }
    free(scope->name);
    scope->name = kept;
}

struct gap {
    struct unit unit;
    struct stage *stage, *next;
    struct salvage_scope *scope;
    struct salvage_loss loss;
    char why[SALVAGE_WHY_MAX + 1];
};

static void deliver_gap(struct unit *unit) {
    struct gap *g = (struct gap *)unit;
    if (g->stage->broken)
        return;
    salvage_lost(g->scope, &g->loss, g->why);
    if (g->next != NULL && g->loss.zeros > 0)
        stage_push(g->next, (struct view){.size = (size_t)g->loss.zeros});
}

void salvage_submit(struct stage *s, struct stage *next, struct salvage_scope *scope,
                    const struct salvage_loss *loss, const char *why) {
    struct gap *g = stage_unit(s, sizeof *g, deliver_gap, NULL);
    if (g == NULL)
        return;
    g->stage = s;
    g->next = next;
    g->scope = scope;
    g->loss = *loss;
    snprintf(g->why, sizeof g->why, "%.*s", diag_cut(why, SALVAGE_WHY_MAX), why);
    ordered_submit(s->ordered, &g->unit);
}

bool salvage_lacking(const struct salvage *s) {
    return s->lacking;
}

uint64_t salvage_losses(const struct salvage *s) {
    return s->losses;
}

int salvage_verdict(const struct salvage *s, struct fault *f) {
    if (s->losses == 0)
        return 0;
    size_t members = 0;
    for (const struct salvage_scope *scope = s->whole.next; scope != NULL; scope = scope->next)
        members += scope->losses > 0;
    char where[60] = "";
    if (members > 0)
        snprintf(where, sizeof where, ", %zu member%s with losses", members,
                 members == 1 ? "" : "s");
    return diag_fault(f, EX_DATAERR, "damaged input: %" PRIu64 " loss%s%s; all else was delivered",
                      s->losses, s->losses == 1 ? "" : "es", where);
}

// Conclusions last. Sorted by member, then by format (the stage nearest to the output first), then
// by offset, because the order in which several members are delivered varies.
static int compare_entries(const void *a, const void *b) {
    const struct entry *x = a, *y = b;
    if (x->loss.conclusion != y->loss.conclusion)
        return x->loss.conclusion ? 1 : -1;
    if (x->scope->serial != y->scope->serial)
        return x->scope->serial < y->scope->serial ? -1 : 1;
    int formats = strcmp(x->loss.format, y->loss.format);
    if (formats != 0)
        return formats;
    if (x->loss.offset != y->loss.offset)
        return x->loss.offset < y->loss.offset ? -1 : 1;
    return x->serial < y->serial ? -1 : x->serial > y->serial;
}

static int compare_files(const void *a, const void *b) {
    const struct file *x = a, *y = b;
    if (x->scope->serial != y->scope->serial)
        return x->scope->serial < y->scope->serial ? -1 : 1;
    return x->serial < y->serial ? -1 : x->serial > y->serial;
}

static void sort_entries(struct salvage *s) {
    if (s->count > 1)
        qsort(s->entries, s->count, sizeof *s->entries, compare_entries);
}

static void print_entry(const struct entry *e, void (*print)(const char *)) {
    const struct salvage_scope *scope = e->scope;
    const struct salvage_loss *loss = &e->loss;
    const char *why = e->why;
    char line[1100], instead[200] = "";
    const char *name = scope->name != NULL ? scope->name : "";
    if (loss->placed && loss->exact && loss->zeros > 0)
        snprintf(instead, sizeof instead,
                 "; %" PRIu64 " zero byte%s in its place at byte %" PRIu64 " of the output",
                 loss->zeros, loss->zeros == 1 ? " stands" : "s stand", loss->output_offset);
    else if (loss->placed && !loss->exact)
        snprintf(instead, sizeof instead,
                 "; it is not known how much is missing at byte %" PRIu64
                 " of the output: what follows may be shifted",
                 loss->output_offset);
    const char *colon = scope->name != NULL ? ": " : "";
    char where[100] = "";
    if (loss->length > 0 || loss->placed)
        snprintf(where, sizeof where, "at byte %" PRIu64 " of the %s data", loss->offset,
                 loss->format);
    if (loss->length > 0)
        snprintf(line, sizeof line, "%.*s%slost %" PRIu64 " byte%s %s: %.*s%s", diag_cut(name, 250),
                 name, colon, loss->length, loss->length == 1 ? "" : "s", where, diag_cut(why, 300),
                 why, instead);
    else
        snprintf(line, sizeof line, "%.*s%s%.*s%s%s%s", diag_cut(name, 250), name, colon,
                 diag_cut(why, 300), why, where[0] != '\0' ? ", " : "", where, instead);
    print(line);
}

void salvage_print(struct salvage *s, void (*print)(const char *)) {
    sort_entries(s);
    for (size_t i = 0; i < s->count; i++)
        print_entry(&s->entries[i], print);
    if (s->losses == s->count)
        return;
    char line[100];
    snprintf(line, sizeof line, "%" PRIu64 " more losses, which are not listed",
             s->losses - s->count);
    print(line);
}

// Writes the value as one line and frees it; NULL: the allocation failed. Returns false, with
// errno, if it was not written.
static bool write_value(FILE *out, json_t *value, const char *before) {
    bool good = value == NULL || fputs(before, out) >= 0;
    if (good)
        errno = ENOMEM; // jansson failed, and does not say why
    good = good && value != NULL && json_dumpf(value, out, JSON_ENCODE_ANY) == 0;
    int error = errno;
    json_decref(value);
    errno = error;
    return good;
}

static json_t *name_of(const struct salvage_scope *scope) {
    return scope->name != NULL ? json_string(scope->name) : json_null();
}

static bool write_entry(FILE *out, const struct entry *e, const char *before) {
    const struct salvage_loss *l = &e->loss;
    json_t *object = json_pack("{s:o, s:s, s:I, s:I, s:s}", "member", name_of(e->scope), "format",
                               l->format, "offset", (json_int_t)l->offset, "length",
                               (json_int_t)l->length, "reason", e->why);
    if (object != NULL && l->placed &&
        (json_object_set_new(object, "output_offset", json_integer((json_int_t)l->output_offset)) <
             0 ||
         json_object_set_new(object, "zeros", json_integer((json_int_t)l->zeros)) < 0 ||
         json_object_set_new(object, "exact", json_boolean(l->exact)) < 0)) {
        json_decref(object);
        errno = ENOMEM;
        return false;
    }
    return write_value(out, object, before);
}

static bool write_lists(struct salvage *s, FILE *out) {
    bool good = fputs(",\n \"lost\": [", out) >= 0;
    for (size_t i = 0; good && i < s->count; i++)
        good = write_entry(out, &s->entries[i], i == 0 ? "\n  " : ",\n  ");
    good = good && fputs("],\n \"damaged_files\": [", out) >= 0;
    const char *before = "\n  ";
    for (size_t i = 0; good && i < s->file_count; i++) {
        const struct file *file = &s->files[i];
        if (file->name == NULL) // it was removed
            continue;
        good = write_value(
            out, json_pack("{s:o, s:s}", "member", name_of(file->scope), "file", file->name),
            before);
        before = ",\n  ";
    }
    return good && fputs("]}\n", out) >= 0;
}

// A message may contain a system text that is not UTF-8.
static json_t *text_of(const char *text) {
    if (text == NULL)
        return json_null();
    json_t *value = json_string(text);
    return value != NULL ? value : json_string(diag_shown(text, 1200));
}

int salvage_write(struct salvage *s, int fd, const char *failure) {
    int own = dup(fd);
    FILE *out = own >= 0 ? fdopen(own, "w") : NULL;
    if (out == NULL) {
        if (own >= 0)
            close(own);
        return -1;
    }
    sort_entries(s);
    if (s->file_count > 1)
        qsort(s->files, s->file_count, sizeof *s->files, compare_files);
    bool good = fprintf(out, "{\"complete\": %s,\n \"losses\": %" PRIu64 ",\n \"failure\": ",
                        s->losses == 0 && failure == NULL ? "true" : "false", s->losses) >= 0;
    good = good && write_value(out, text_of(failure), "") && write_lists(s, out);
    int error = errno;
    if (fclose(out) != 0 && good) {
        error = errno;
        good = false;
    }
    errno = error;
    return good ? 0 : -1;
}
