// SPDX-License-Identifier: Apache-2.0
#include "program/destination.h"

#include "os/interrupt.h"
#include "os/temporary.h"
#include "program/options.h"
#include "secret/crypto.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { KEY_MANIFEST = 0x4101, KEY_VERIFY, KEY_FSYNC, KEY_MAX_SIZE, KEY_MAX_TOTAL, KEY_SPARSE };

static void parse_limit(uint64_t *limit, const char *option, const char *arg,
                        struct argp_state *state) {
    if (!options_parse_size(arg, 1, INT64_MAX, limit))
        argp_error(state, "%s=%s: expected a size from 1", option, options_parse_shown(arg));
}

static void parse_sparse(struct destination_options *o, const char *arg, struct argp_state *state) {
    static const struct {
        const char *name;
        enum sink_holes holes;
    } modes[] = {
        {"auto", SINK_HOLES_AUTO}, {"always", SINK_HOLES_ALWAYS}, {"never", SINK_HOLES_NEVER}};
    o->sparse = NULL;
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++)
        if (strcmp(arg, modes[i].name) == 0) {
            o->sparse = arg;
            o->holes = modes[i].holes;
        }
    if (o->sparse == NULL)
        argp_error(state, "--sparse=%s: expected auto, always or never", options_parse_shown(arg));
}

static error_t parse_option(int key, char *arg, struct argp_state *state) {
    struct destination_options *o = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        o->holes = SINK_HOLES_AUTO;
        o->limits = (struct limits){.max_size = LIMIT_SIZE_DEFAULT, .max_total = UINT64_MAX};
        return 0;
    case KEY_MAX_SIZE:
        parse_limit(&o->limits.max_size, "--max-size", arg, state);
        return 0;
    case KEY_MAX_TOTAL:
        parse_limit(&o->limits.max_total, "--max-total", arg, state);
        return 0;
    case KEY_SPARSE:
        parse_sparse(o, arg, state);
        return 0;
    case KEY_MANIFEST:
        o->manifest = arg;
        return 0;
    case KEY_VERIFY:
        o->verify = arg;
        return 0;
    case KEY_FSYNC:
        o->fsync = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option option_list[] = {
    {"manifest", KEY_MANIFEST, "FILE", 0,
     "Write the SHA-256 of every restored file to FILE, as sha256sum does (-: standard output)", 0},
    {"verify", KEY_VERIFY, "FILE", 0,
     "Fail unless the files match FILE, a list of sha256sum, and create no others", 0},
    {"max-size", KEY_MAX_SIZE, "SIZE", 0,
     "Refuse a file that gets larger than SIZE, holes included (default 64T)", 0},
    {"max-total", KEY_MAX_TOTAL, "SIZE", 0,
     "Refuse files that get larger than SIZE in all (default: no limit)", 0},
    {"sparse", KEY_SPARSE, "WHEN", 0,
     "Make blocks of zeros holes: auto (default; of page-compressed and sparse files), always, or "
     "never",
     0},
    {"fsync", KEY_FSYNC, NULL, 0,
     "End with success only once all files and folders are on the disk", 0},
    {0}};
const struct argp destination_argp = {.options = option_list, .parser = parse_option};

void destination_check(const struct destination_options *o, bool restoring,
                       struct argp_state *state) {
    if (!restoring && (o->manifest != NULL || o->verify != NULL))
        argp_error(state, "--manifest and --verify are for files that are created or tested");
    if (o->directory == NULL && o->fsync)
        argp_error(state, "--fsync is for files that are created");
    if (o->directory == NULL && o->sparse != NULL)
        argp_error(state, "--sparse is for files that are created");
}

bool destination_to_stdout(const struct destination_options *o) {
    return o->manifest != NULL && strcmp(o->manifest, "-") == 0;
}

static int open_lists(struct destination *d, const struct destination_options *options,
                      struct fault *f) {
    if (options->verify != NULL) {
        diag_name(options->verify, strlen(options->verify), d->expected_name,
                  sizeof d->expected_name);
        if (manifest_read(&d->expected, options->verify, f) < 0)
            return -1;
        d->settings.expected = &d->expected;
        d->settings.expected_name = d->expected_name;
    }
    if (options->manifest != NULL) {
        if (outfile_begin(&d->manifest, options->manifest, options->overwrite, f) < 0)
            return -1;
        d->manifest_name = destination_to_stdout(options) ? "standard output" : "the manifest";
        d->settings.digests = &d->digests;
    }
    return 0;
}

// Returns 0 if the directory has nothing but leftovers of this program, or -1 and *f.
static int check_empty(const char *path, struct fault *f) {
    DIR *dir = opendir(path);
    if (dir == NULL)
        return 0; // outdir_open reports why
    const struct dirent *entry;
    bool empty = true;
    while (empty && (entry = readdir(dir)) != NULL)
        empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
                temporary_is_name(entry->d_name, strlen(entry->d_name));
    closedir(dir);
    return empty ? 0
                 : diag_fault(f, EX_USAGE,
                              "the current directory is not empty: use -C DIR, or -C . if the "
                              "files are to be created here");
}

// Sets d->made. Returns 0, or -1 and *f.
static int note_new(struct destination *d, const char *directory, struct fault *f) {
    struct stat st;
    size_t size = strlen(directory);
    if (lstat(directory, &st) == 0 || errno != ENOENT)
        return 0;
    while (size > 1 && directory[size - 1] == '/') // a slash would mean its content
        size--;
    d->made = strndup(directory, size);
    return d->made != NULL ? 0 : diag_fault_memory(f);
}

int destination_open(struct destination *d, const struct destination_options *options,
                     void (*report)(const char *text), struct fault *f) {
    *d = (struct destination){.limits = options->limits,
                              .settings = {.partial = options->partial,
                                           .holes = options->holes,
                                           .sync = options->fsync,
                                           .report = report}};
    d->settings.limits = &d->limits;
    d->limits.costly_holes =
        options->manifest != NULL || options->verify != NULL || options->holes == SINK_HOLES_NEVER;
    if (options->empty_only && check_empty(options->directory, f) < 0)
        return -1;
    if (open_lists(d, options, f) < 0)
        return -1;
    if (options->directory != NULL && note_new(d, options->directory, f) < 0)
        return -1;
    if (options->directory != NULL &&
        outdir_open(&d->settings.dir, options->directory, options->overwrite, f) < 0)
        return -1;
    return options->manifest != NULL || options->verify != NULL ? crypto_start(f) : 0;
}

void destination_allow(const struct destination *d, struct sandbox_rules *rules) {
    if (d->settings.dir != NULL)
        sandbox_allow(rules, outdir_fd(d->settings.dir), SANDBOX_WRITE);
    if (d->made != NULL) // so that it can be removed
        sandbox_allow_parent(rules, d->made, SANDBOX_FOLDERS);
}

int destination_begin(struct destination *d, struct ordered *o, struct fault *f) {
    return outfiles_new(&d->files, o, &d->settings, f);
}

int destination_finish(struct destination *d, struct fault *f) {
    if (outfiles_finish(d->files, f) < 0)
        return -1;
    if (d->manifest == NULL)
        return 0;
    manifest_sort(&d->digests);
    if (manifest_write(&d->digests, outfile_fd(d->manifest), d->manifest_name, f) < 0)
        return -1;
    struct outfile *manifest = d->manifest;
    d->manifest = NULL;
    return (d->settings.sync ? outfile_commit_synced : outfile_commit)(manifest, f);
}

void destination_say_removed(const struct destination *d) {
    unsigned removed = d->settings.dir != NULL ? outdir_removed(d->settings.dir) : 0;
    if (removed > 0)
        diag_note("removed %u temporary file%s of runs that did not end", removed,
                  removed == 1 ? "" : "s");
}

void destination_interrupted(const struct destination_options *options) {
    if (options->directory == NULL)
        interrupt_say();
    else if (interrupt_pending() != 0)
        diag_error("interrupted: %s does not hold the whole backup: remove it, or run again with "
                   "--overwrite",
                   diag_shown(options->directory, 256));
}

// Removes the folder `name` in the folder open at `at`, and those in it, if they have no files.
static void remove_empty(int at, const char *name) {
    int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (dir == NULL) {
        if (fd >= 0)
            close(fd);
        return;
    }
    const struct dirent *entry;
    while ((entry = readdir(dir)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            remove_empty(fd, entry->d_name);
    closedir(dir);
    (void)unlinkat(at, name, AT_REMOVEDIR); // if it is not empty, it stays
}

void destination_close(struct destination *d, bool failed) {
    outfiles_free(d->files);
    outdir_close(d->settings.dir);
    outfile_discard(d->manifest);
    manifest_clear(&d->digests);
    manifest_clear(&d->expected);
    if (failed && d->made != NULL)
        remove_empty(AT_FDCWD, d->made);
    free(d->made);
}
