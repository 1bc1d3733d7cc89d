// SPDX-License-Identifier: Apache-2.0
#include "program/filter.h"

#include "engine/salvage.h"
#include "file/outfile.h"
#include "file/sink.h"
#include "os/interrupt.h"
#include "program/progress.h"

#include <string.h>
#include <unistd.h>

int filter_run(struct input *in, struct ordered *o, struct stage *first, struct fault *f) {
    struct view v;
    int got = 0;
    while (!ordered_failing(o)) {
        if (input_waits(in)) // pass on what is there before the program sleeps
            ordered_flush(o);
        got = input_next(in, &v, f);
        if (got <= 0)
            break;
        stage_push(first, v);
        slab_unref(v.slab);
        ordered_pump(o);
    }
    if (got < 0)
        ordered_fail(o, f); // in its place in the order: input before it is still processed
    else if (!ordered_failing(o))
        stage_finish(first);
    return ordered_finish(o, f);
}

// `path` is that of the output.
static int run_between(struct input *in, struct outfile *out, const char *path, struct ordered *o,
                       struct stage *(*make)(struct ordered *, struct stage *, void *),
                       void *context, struct fault *f) {
    struct stage *sink =
        sink_new(o, outfile_fd(out), outfile_shown(out), outfile_seekable(out), NULL, NULL);
    struct stage *stage = sink != NULL ? make(o, sink, context) : NULL;
    int result = stage != NULL ? filter_run(in, o, stage, f) : diag_fault_memory(f);
    if (result == 0 && sink->salvage != NULL && sink->salvage->losses > 0)
        result = outfile_damaged(out, path, sink->salvage, f);
    ordered_drop(o);
    stage_free(stage);
    stage_free(sink);
    return result;
}

int filter_into(struct input *in, struct outfile *out, const char *path, unsigned threads,
                struct stage *(*make)(struct ordered *o, struct stage *next, void *context),
                void *context, struct fault *f) {
    struct ordered *o;
    if (outfile_seekable(out))
        interrupt_catch();
    if (ordered_new(&o, threads, f) < 0)
        return -1;
    int result = run_between(in, out, path, o, make, context, f);
    ordered_free(o);
    return result;
}

// Enters the sandbox.
static int confine(const struct options_run *run, struct fault *f) {
    struct sandbox_rules rules = {.count = 0};
    return options_confine(run->no_sandbox, run->verbose, &rules, f) < 0
               ? -1
               : progress_begin(&run->progress, f);
}

int filter_files(const char *input, const struct options_output *output,
                 const struct options_run *run,
                 struct stage *(*make)(struct ordered *o, struct stage *next, void *context),
                 void *context, struct fault *f) {
    struct input in;
    struct outfile *out;
    unsigned threads = options_threads(run);
    if (input_open(&in, input, f) < 0)
        return -1;
    if (outfile_begin(&out, output->path, output->overwrite, f) < 0) {
        input_close(&in);
        return -1;
    }
    int result = confine(run, f);
    if (result == 0)
        result = filter_into(&in, out, output->path, threads, make, context, f);
    if (result == 0)
        result = options_commit_output(output, out, f);
    else
        outfile_discard(out);
    input_close(&in);
    progress_end(result == 0);
    return result;
}

int filter_end(int result, const struct fault *f) {
    progress_end(result == 0);
    interrupt_say();
    interrupt_die();
    return result < 0 ? diag_print(f) : 0;
}
