// SPDX-License-Identifier: Apache-2.0
#include "outfiles.h"

#include "names.h"
#include "null_sink.h"
#include "sink.h"

#include <stdlib.h>

// Open files from which on a new one waits for those in flight: each has two descriptors.
enum { OPEN_MAX_EASY = 200, SHOWN_SIZE = 256 };

struct outfiles {
    struct ordered *ordered;
    const struct outfiles_settings *settings;
    struct names *names; // of all files so far
    struct file *files;  // begun and not freed
    unsigned open;
};

struct file {
    struct outfiles *files;
    struct outfile *out; // NULL: nowhere, or complete
    bool complete;
    struct stage *sink;
    void (*done)(void *);
    void *context;
    struct file *next;
};

int outfiles_new(struct outfiles **out, struct ordered *o, const struct outfiles_settings *settings,
                 struct fault *f) {
    *out = calloc(1, sizeof **out);
    if (*out == NULL)
        return diag_fault_memory(f);
    (*out)->ordered = o;
    (*out)->settings = settings;
    return 0;
}

// Frees the files that are complete, or all.
static void free_files(struct outfiles *files, bool all) {
    for (struct file **link = &files->files; *link != NULL;) {
        struct file *file = *link;
        if (!file->complete && !all) {
            link = &file->next;
            continue;
        }
        *link = file->next;
        outfile_discard(file->out);
        stage_free(file->sink);
        free(file);
    }
}

// In order: all has been written. The sink, which calls this, is freed later.
static void complete(void *context) {
    struct file *file = context;
    struct outfiles *files = file->files;
    struct outfile *out = file->out;
    struct fault f;
    file->complete = true;
    file->out = NULL;
    if (out != NULL)
        files->open--;
    if (out != NULL && outfile_commit(out, &f) < 0)
        ordered_fail_now(files->ordered, &f);
    else if (file->done != NULL)
        file->done(file->context);
}

static int claim_name(struct outfiles *files, const char *bytes, size_t size, struct fault *f) {
    struct name *name = names_add(&files->names, bytes, size);
    if (name == NULL)
        return diag_fault_memory(f);
    if (name->value != NULL) {
        char shown[SHOWN_SIZE];
        return diag_fault(f, EX_DATAERR, "%s: the archive has another file that gets this name",
                          diag_name(bytes, size, shown, sizeof shown));
    }
    name->value = files; // anything but NULL
    return 0;
}

static int open_sink(struct file *file, const char *name, size_t size, struct fault *f) {
    struct outfiles *files = file->files;
    if (files->settings->dir == NULL) {
        file->sink = null_sink_new(files->ordered, complete, file);
        return file->sink != NULL ? 0 : diag_fault_memory(f);
    }
    if (outdir_create(files->settings->dir, name, &file->out, f) < 0)
        return -1;
    char shown[SHOWN_SIZE];
    file->sink = sink_new(files->ordered, outfile_fd(file->out),
                          diag_name(name, size, shown, sizeof shown), true, complete, file);
    return file->sink != NULL ? 0 : diag_fault_memory(f);
}

int outfiles_begin(struct outfiles *files, const char *name, size_t size,
                   void (*done)(void *context), void *context, struct stage **sink,
                   struct fault *f) {
    if (outdir_check_name(name, size, f) < 0 || claim_name(files, name, size, f) < 0)
        return -1;
    free_files(files, false);
    if (files->open >= OPEN_MAX_EASY && ordered_settle(files->ordered, f) < 0)
        return -1;
    struct file *file = calloc(1, sizeof *file);
    if (file == NULL)
        return diag_fault_memory(f);
    *file = (struct file){.files = files, .done = done, .context = context};
    if (open_sink(file, name, size, f) < 0) {
        outfile_discard(file->out);
        free(file);
        return -1;
    }
    if (file->out != NULL)
        files->open++;
    file->next = files->files;
    files->files = file;
    *sink = file->sink;
    return 0;
}

int outfiles_make_folder(struct outfiles *files, const char *name, size_t size, struct fault *f) {
    if (outdir_check_name(name, size, f) < 0)
        return -1;
    return files->settings->dir != NULL ? outdir_make_folder(files->settings->dir, name, f) : 0;
}

void outfiles_free(struct outfiles *files) {
    if (files == NULL)
        return;
    free_files(files, true);
    names_free(files->names);
    free(files);
}
