// SPDX-License-Identifier: Apache-2.0
#include "file/outfiles.h"

#include "base/chain.h"
#include "engine/digest.h"
#include "engine/null_sink.h"
#include "engine/salvage.h"
#include "file/restored.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN_SIZE = 256 };

struct outfiles {
    struct ordered *ordered;
    const struct outfiles_settings *settings;
    struct restored *restored;
    struct chain files;         // begun and not complete
    struct chain done;          // complete and not freed
    unsigned open, open_easily; // from this number on a new file waits for those in flight
};

// An unfinished file.
struct file {
    struct chain link;
    struct outfiles *files;
    struct restored_file *restored;
    struct stage *sink;
    struct stage *digest; // before the sink; may be NULL
    struct stage *limit;  // before both; may be NULL
    struct stage *first;  // of these three: takes the file's bytes
    bool stale;           // its digest must be computed again
    char shown[SHOWN_SIZE];
    void (*done)(void *);
    void *context;
};

int outfiles_new(struct outfiles **out, struct ordered *o, const struct outfiles_settings *settings,
                 struct fault *f) {
    struct outfiles *files = *out = calloc(1, sizeof *files);
    if (files == NULL)
        return diag_fault_memory(f);
    files->ordered = o;
    files->settings = settings;
    files->open_easily = restored_open_easily();
    chain_init(&files->files);
    chain_init(&files->done);
    return restored_new(&files->restored, settings, f);
}

static void free_file(struct file *file) {
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

// All of the file has been written.
static void complete(struct file *file) {
    struct outfiles *files = file->files;
    struct fault f;
    chain_remove(&file->link);
    chain_add(&files->done, &file->link);
    if (restored_outfile(file->restored) != NULL)
        files->open--;
    if (restored_written(file->restored, file->first->salvage, &f) < 0)
        ordered_fail_now(files->ordered, &f);
    else if (file->done != NULL)
        file->done(file->context);
}

// The remaining work for a file that has been written, on any thread.
struct closing {
    struct unit unit;
    struct file *file;
    uint8_t sha256[DIGEST_SIZE];
    int result;
    struct fault fault;
};

static enum job_result run_closing(struct job *job, unsigned thread) {
    (void)thread;
    struct closing *c = (struct closing *)job;
    struct outfile *out = restored_outfile(c->file->restored);
    if (c->file->stale && (c->result = digest_file(outfile_fd(out), c->sha256, &c->fault)) < 0)
        diag_prefix(&c->fault, c->file->shown);
    if (c->result == 0 && c->file->files->settings->sync)
        c->result = outfile_sync(out, &c->fault);
    return JOB_DONE;
}

static void deliver_closing(struct unit *unit) {
    struct closing *c = (struct closing *)unit;
    if (c->result == 0 && c->file->stale)
        restored_digest(c->file->restored, c->sha256);
    if (c->result < 0)
        ordered_fail_now(c->file->files->ordered, &c->fault);
    else
        complete(c->file);
}

// In order: everything has been written. The sink, which calls this, is freed later.
static void written(void *context) {
    struct file *file = context;
    struct outfiles *files = file->files;
    if (restored_outfile(file->restored) == NULL || (!files->settings->sync && !file->stale)) {
        complete(file);
        return;
    }
    struct closing *c = calloc(1, sizeof *c);
    if (c == NULL) {
        struct fault f;
        diag_fault_memory(&f);
        ordered_fail_now(files->ordered, &f);
        return;
    }
    c->unit.job.run = run_closing;
    c->unit.deliver = deliver_closing;
    c->unit.cost = sizeof *c;
    c->file = file;
    ordered_submit(files->ordered, &c->unit);
}

// In order: all of the file has been hashed.
static int digested(void *context, const uint8_t *sha256, struct fault *f) {
    struct file *file = context;
    if (sha256 != NULL)
        restored_digest(file->restored, sha256);
    else if (restored_outfile(file->restored) == NULL)
        return diag_fault(f, EX_DATAERR,
                          "the stream overwrites bytes of the file, so its SHA-256 can be computed "
                          "only from a file on the disk; use -C");
    else
        file->stale = true;
    return 0;
}

// Makes the stages of the file; after a failure those that were made are in *file.
static int open_sink(struct file *file, struct fault *f) {
    struct outfiles *files = file->files;
    const struct outfiles_settings *settings = files->settings;
    if (restored_create(file->restored, f) < 0)
        return -1;
    struct outfile *out = restored_outfile(file->restored);
    char path[600];
    if (out != NULL)
        snprintf(path, sizeof path, "%s/%s", outdir_shown(settings->dir), file->shown);
    file->sink = out == NULL ? null_sink_new(files->ordered, written, file)
                             : sink_new(files->ordered, outfile_fd(out), path, true, written, file);
    if (file->sink == NULL)
        return diag_fault_memory(f);
    if (out != NULL)
        sink_set_holes(file->sink, settings->holes, outfile_block_size(out));
    struct stage *next = file->sink;
    if (settings->digests != NULL || settings->expected != NULL) {
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

int outfiles_begin(struct outfiles *files, const char *name, size_t size, const char *stored,
                   void (*done)(void *context), void *context, struct stage **sink,
                   struct restored_file **restored, struct fault *f) {
    struct restored_file *claimed;
    if (restored_claim(files->restored, name, size, stored, &claimed, f) < 0)
        return -1;
    free_files(&files->done);
    if (files->open >= files->open_easily && ordered_settle(files->ordered, f) < 0)
        return -1;
    struct file *file = calloc(1, sizeof *file);
    if (file == NULL)
        return diag_fault_memory(f);
    *file = (struct file){.files = files, .restored = claimed, .done = done, .context = context};
    diag_name(name, size, file->shown, sizeof file->shown);
    if (open_sink(file, f) < 0) {
        free_file(file);
        return -1;
    }
    if (restored_outfile(claimed) != NULL)
        files->open++;
    chain_add(&files->files, &file->link);
    file->first = file->limit != NULL    ? file->limit
                  : file->digest != NULL ? file->digest
                                         : file->sink;
    *sink = file->first;
    if (restored != NULL)
        *restored = claimed;
    return 0;
}

int outfiles_make_folder(struct outfiles *files, const char *name, size_t size, struct fault *f) {
    if (restored_claim_folder(files->restored, name, size, f) < 0)
        return -1;
    return files->settings->dir != NULL ? outdir_make_folder(files->settings->dir, name, f) : 0;
}

int outfiles_remove_folder(struct outfiles *files, const char *name, size_t size, struct fault *f) {
    return restored_remove_folder(files->restored, name, size, f);
}

int outfiles_finish(struct outfiles *files, struct fault *f) {
    if (restored_finish(files->restored, f) < 0)
        return -1;
    if (files->settings->sync && files->settings->dir != NULL)
        return outdir_sync(files->settings->dir, f);
    return 0;
}

void outfiles_free(struct outfiles *files) {
    if (files == NULL)
        return;
    free_files(&files->files);
    free_files(&files->done);
    restored_free(files->restored);
    free(files);
}
