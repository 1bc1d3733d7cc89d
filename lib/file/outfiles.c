// SPDX-License-Identifier: Apache-2.0
#include "file/outfiles.h"

#include "base/chain.h"
#include "base/hex.h"
#include "base/member_name.h"
#include "base/names.h"
#include "engine/digest.h"
#include "engine/null_sink.h"
#include "engine/salvage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Open files from which on a new one waits for those in flight: each has two descriptors.
enum { OPEN_MAX_EASY = 200, SHOWN_SIZE = 256 };

struct outfiles {
    struct ordered *ordered;
    const struct outfiles_settings *settings;
    struct names *names; // of all files and folders so far
    struct chain files;  // begun and not complete
    struct chain done;   // complete and not freed
    unsigned open;
    struct manifest unlisted; // files that are not in the list
};

struct file {
    struct chain link;
    struct outfiles *files;
    struct outfile *out; // NULL: nowhere, or complete
    struct stage *sink;
    struct stage *digest;                  // before the sink; may be NULL
    struct stage *limit;                   // before both; may be NULL
    struct stage *first;                   // of these three, which takes the file's bytes
    const struct manifest_entry *expected; // NULL: not known
    size_t name_size;
    char name[MEMBER_NAME_MAX + 1];
    char shown[SHOWN_SIZE];
    void (*done)(void *);
    void *context;
};

int outfiles_new(struct outfiles **out, struct ordered *o, const struct outfiles_settings *settings,
                 struct fault *f) {
    *out = calloc(1, sizeof **out);
    if (*out == NULL)
        return diag_fault_memory(f);
    (*out)->ordered = o;
    (*out)->settings = settings;
    chain_init(&(*out)->files);
    chain_init(&(*out)->done);
    return 0;
}

static void free_file(struct file *file) {
    outfile_discard(file->out);
    stage_free(file->limit);
    stage_free(file->digest);
    stage_free(file->sink);
    free(file);
}

static void free_files(const struct chain *list) {
    struct chain *file;
    while ((file = chain_first(list)) != NULL) {
        chain_remove(file);
        free_file((struct file *)file);
    }
}

static struct salvage_scope *scope_of(const struct file *file) {
    return file->first->salvage;
}

// Gives the file its name.
static void complete(struct file *file) {
    struct outfiles *files = file->files;
    struct outfile *out = file->out;
    struct fault f;
    file->out = NULL;
    chain_remove(&file->link);
    chain_add(&files->done, &file->link);
    if (out != NULL)
        files->open--;
    struct salvage_scope *scope = scope_of(file);
    bool damaged = out != NULL && scope != NULL && scope->losses > 0;
    if (damaged && outfile_damaged(out, file->name, scope, &f) < 0) {
        outfile_discard(out);
        ordered_fail_now(files->ordered, &f);
        return;
    }
    if (scope != NULL)
        scope->named = !damaged;
    if (out != NULL && outfile_commit(out, &f) < 0)
        ordered_fail_now(files->ordered, &f);
    else if (file->done != NULL)
        file->done(file->context);
}

// The sync of a file that has been written.
struct sync {
    struct unit unit;
    struct file *file;
    int result;
    struct fault fault;
};

static enum job_result run_sync(struct job *job, unsigned thread) {
    (void)thread;
    struct sync *s = (struct sync *)job;
    s->result = outfile_sync(s->file->out, &s->fault);
    return JOB_DONE;
}

static void deliver_sync(struct unit *unit) {
    struct sync *s = (struct sync *)unit;
    if (s->result < 0)
        ordered_fail_now(s->file->files->ordered, &s->fault);
    else
        complete(s->file);
}

// In order: all has been written. The sink, which calls this, is freed later.
static void written(void *context) {
    struct file *file = context;
    struct outfiles *files = file->files;
    if (file->out == NULL || !files->settings->sync) {
        complete(file);
        return;
    }
    struct sync *s = calloc(1, sizeof *s);
    if (s == NULL) {
        struct fault f;
        diag_fault_memory(&f);
        ordered_fail_now(files->ordered, &f);
        return;
    }
    s->unit.job.run = run_sync;
    s->unit.deliver = deliver_sync;
    s->unit.release = ordered_free_unit;
    s->unit.cost = sizeof *s;
    s->file = file;
    ordered_submit(files->ordered, &s->unit);
}

// What a name stands for: the value in the set of names points to one of these.
static char is_file, is_folder;

// Takes a name for a file, once, or for a folder. No name is both: which of the two came first to
// its place on the disk would depend on the threads.
static int claim(struct outfiles *files, const char *bytes, size_t size, char *what,
                 struct fault *f) {
    struct name *name = names_add(&files->names, bytes, size);
    if (name == NULL)
        return diag_fault_memory(f);
    char shown[SHOWN_SIZE];
    if (name->value == NULL)
        name->value = what;
    else if (name->value != what)
        return diag_fault(f, EX_DATAERR, "%s: the archive has a file and a folder of this name",
                          diag_name(bytes, size, shown, sizeof shown));
    else if (what == &is_file)
        return diag_fault(f, EX_DATAERR, "%s: the archive has another file that gets this name",
                          diag_name(bytes, size, shown, sizeof shown));
    return 0;
}

// Takes a checked name and those of the folders above it.
static int claim_path(struct outfiles *files, const char *bytes, size_t size, char *what,
                      struct fault *f) {
    for (size_t at = 0; at < size; at++)
        if (bytes[at] == '/' && claim(files, bytes, at, &is_folder, f) < 0)
            return -1;
    return claim(files, bytes, size, what, f);
}

// In order: all of the file has been hashed.
static int digested(void *context, const uint8_t sha256[static DIGEST_SIZE], struct fault *f) {
    const struct file *file = context;
    const struct outfiles_settings *settings = file->files->settings;
    struct salvage_scope *scope = scope_of(file);
    if (scope != NULL && scope->losses > 0)
        return 0;
    if (file->expected != NULL && memcmp(file->expected->sha256, sha256, DIGEST_SIZE) != 0) {
        char expected[2 * DIGEST_SIZE], found[2 * DIGEST_SIZE];
        hex_encode(file->expected->sha256, DIGEST_SIZE, false, expected);
        hex_encode(sha256, DIGEST_SIZE, false, found);
        diag_fault(f, EX_DATAERR, "SHA-256 is not that of %s: expected %.*s, found %.*s",
                   settings->expected_name, (int)sizeof expected, expected, (int)sizeof found,
                   found);
        if (scope == NULL)
            return -1;
        salvage_lost(scope, &(struct salvage_loss){.format = "SHA-256"}, f->text);
        return 0;
    }
    if (settings->digests == NULL)
        return 0;
    return manifest_add(settings->digests, file->name, file->name_size, sha256, f);
}

// Makes what the file's bytes go to; what has been made on failure is in *file.
static int open_sink(struct file *file, struct fault *f) {
    struct outfiles *files = file->files;
    const struct outfiles_settings *settings = files->settings;
    bool dropped = settings->dir == NULL;
    if (settings->expected != NULL) {
        struct manifest_entry *entry =
            manifest_find(settings->expected, file->name, file->name_size);
        if (entry != NULL)
            entry->found = true;
        else if (manifest_add(&files->unlisted, file->name, file->name_size, NULL, f) < 0)
            return -1;
        else
            dropped = true;
        file->expected = entry;
    }
    if (!dropped && outdir_create(settings->dir, file->name, &file->out, f) < 0)
        return -1;
    char path[600];
    if (file->out != NULL)
        snprintf(path, sizeof path, "%s/%s", outdir_shown(settings->dir), file->shown);
    file->sink = file->out == NULL
                     ? null_sink_new(files->ordered, written, file)
                     : sink_new(files->ordered, outfile_fd(file->out), path, true, written, file);
    if (file->sink == NULL)
        return diag_fault_memory(f);
    if (file->out != NULL)
        sink_set_holes(file->sink, settings->holes);
    struct stage *next = file->sink;
    if (settings->digests != NULL || file->expected != NULL) {
        next = file->digest = digest_new(files->ordered, file->sink, digested, file);
        if (next == NULL)
            return diag_fault_memory(f);
        next->name = file->shown;
    }
    if (settings->limits == NULL)
        return 0;
    file->limit = limit_new(files->ordered, next, settings->limits, file->shown);
    if (file->limit == NULL)
        return diag_fault_memory(f);
    return 0;
}

int outfiles_begin(struct outfiles *files, const char *name, size_t size,
                   void (*done)(void *context), void *context, struct stage **sink,
                   struct fault *f) {
    if (outdir_check_name(name, size, f) < 0 || claim_path(files, name, size, &is_file, f) < 0)
        return -1;
    free_files(&files->done);
    if (files->open >= OPEN_MAX_EASY && ordered_settle(files->ordered, f) < 0)
        return -1;
    struct file *file = calloc(1, sizeof *file);
    if (file == NULL)
        return diag_fault_memory(f);
    *file = (struct file){.files = files, .done = done, .context = context, .name_size = size};
    memcpy(file->name, name, size);
    diag_name(name, size, file->shown, sizeof file->shown);
    if (open_sink(file, f) < 0) {
        free_file(file);
        return -1;
    }
    if (file->out != NULL)
        files->open++;
    chain_add(&files->files, &file->link);
    file->first = file->limit != NULL    ? file->limit
                  : file->digest != NULL ? file->digest
                                         : file->sink;
    *sink = file->first;
    return 0;
}

int outfiles_retract(struct outfiles *files, const char *name, size_t size,
                     struct salvage_scope *scope, struct fault *f) {
    const struct outfiles_settings *settings = files->settings;
    if (!scope->named) // it will get, or has, the name of a damaged file
        return 0;
    scope->named = false;
    if (settings->digests != NULL)
        manifest_remove(settings->digests, name, size);
    return settings->dir != NULL ? outdir_retract(settings->dir, name, scope, f) : 0;
}

int outfiles_make_folder(struct outfiles *files, const char *name, size_t size, struct fault *f) {
    if (outdir_check_name(name, size, f) < 0 || claim_path(files, name, size, &is_folder, f) < 0)
        return -1;
    return files->settings->dir != NULL ? outdir_make_folder(files->settings->dir, name, f) : 0;
}

static void report(const struct outfiles *files, const struct manifest_entry *entry, bool missing) {
    const struct outfiles_settings *settings = files->settings;
    char shown[SHOWN_SIZE], text[3 * SHOWN_SIZE];
    snprintf(text, sizeof text, missing ? "%s: in %s, but not in the input" : "%s: not in %s",
             diag_name(entry->name, entry->size, shown, sizeof shown), settings->expected_name);
    settings->report(text);
}

int outfiles_finish(struct outfiles *files, struct fault *f) {
    const struct manifest *expected = files->settings->expected;
    size_t missing = 0;
    if (files->settings->sync && files->settings->dir != NULL &&
        outdir_sync(files->settings->dir, f) < 0)
        return -1;
    if (expected == NULL)
        return 0;
    manifest_sort(&files->unlisted);
    for (size_t i = 0; i < files->unlisted.count; i++)
        report(files, &files->unlisted.entries[i], false);
    for (size_t i = 0; i < expected->count && !files->settings->partial; i++)
        if (!expected->entries[i].found) {
            report(files, &expected->entries[i], true);
            missing++;
        }
    if (missing + files->unlisted.count == 0)
        return 0;
    return diag_fault(
        f, EX_DATAERR,
        "the files are not those of %s: %zu missing in the input, %zu not in the list",
        files->settings->expected_name, missing, files->unlisted.count);
}

void outfiles_free(struct outfiles *files) {
    if (files == NULL)
        return;
    free_files(&files->files);
    free_files(&files->done);
    manifest_clear(&files->unlisted);
    names_free(files->names);
    free(files);
}
