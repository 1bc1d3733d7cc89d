// SPDX-License-Identifier: Apache-2.0
// The record of the losses of a run that goes on after damage. The stages add to it while they
// deliver, on the main thread, each under its scope (struct stage); a stage without a scope stops
// at the first damage.
#ifndef XBPIPE_SALVAGE_H
#define XBPIPE_SALVAGE_H

#include "base/diag.h"
#include "engine/ordered.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct salvage;
struct stage;

// The program's whole input or one member of it, with its losses. Belongs to the record.
struct salvage_scope {
    struct salvage *record;
    char *name;      // printable; NULL: the whole input
    size_t serial;   // scopes are numbered as they are made
    uint64_t losses; // so far
    size_t file;     // the record's own
    struct salvage_scope *next;
};

// Part of an input that could not be used.
struct salvage_loss {
    const char *format; // of the stage: "xbstream", "xbcrypt", "qpress", "LZ4", "Zstandard"; static
    uint64_t offset;    // in the stage's input
    uint64_t length;    // in bytes; 0: the lost part is missing from the input
    bool placed;        // the next three are known (a stage with several outputs may not know them)
    uint64_t output_offset; // in the stage's output
    uint64_t zeros;         // bytes of zeros that were delivered there
    bool exact;             // exactly this much is missing; false: what follows may be shifted
    bool conclusion;        // it follows from the other losses: listed last
};

// An empty record with the scope of the whole input. Returns 0; or -1 and EX_OSERR in *f.
int salvage_new(struct salvage **s, struct fault *f);

// NULL is allowed.
void salvage_free(struct salvage *s);

// The scope of the whole input.
struct salvage_scope *salvage_whole(struct salvage *s);

// A new scope for the member called `name` (`size` bytes, hostile). NULL if the allocation failed.
struct salvage_scope *salvage_member(struct salvage *s, const char *name, size_t size);

// Adds a loss. `why` says what was found. At most SALVAGE_LISTED_MAX are kept; further ones are
// only counted.
enum { SALVAGE_LISTED_MAX = 1 << 20, SALVAGE_WHY_MAX = 300 };
void salvage_lost(struct salvage_scope *scope, const struct salvage_loss *loss, const char *why);

// Notes the (printable) name that the file of the scope has now; data is, or may be, missing from
// the file. NULL: it has been removed.
void salvage_file(struct salvage_scope *scope, const char *name);

// The member of the scope has another name now (`size` bytes, hostile).
void salvage_rename(struct salvage_scope *scope, const char *name, size_t size);

// Submits a unit that, when it is delivered and `s` is not broken, adds the loss to the scope of
// `s` and pushes its zeros into `next` (NULL: nowhere).
void salvage_submit(struct stage *s, struct stage *next, struct salvage_scope *scope,
                    const struct salvage_loss *loss, const char *why);

// Calls `print` with a line of text for each loss, in the order of the report, which is the same
// for any number of threads, and with one line for the losses that were only counted.
void salvage_print(struct salvage *s, void (*print)(const char *line));

// Whether an allocation failed, so that losses or files are missing from the record. These losses
// are counted all the same.
bool salvage_lacking(const struct salvage *s);

// Losses so far.
uint64_t salvage_losses(const struct salvage *s);

// Returns 0 if nothing was lost; or -1 and a summary with EX_DATAERR in *f.
int salvage_verdict(const struct salvage *s, struct fault *f);

// Writes the record as JSON (xbpipe(7)) to fd, which stays open. `failure`: what stopped the run;
// NULL: nothing did. Returns 0; or -1 and errno.
int salvage_write(struct salvage *s, int fd, const char *failure);

#endif
