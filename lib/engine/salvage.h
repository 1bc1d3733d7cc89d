// SPDX-License-Identifier: Apache-2.0
// The record of what could not be delivered in a run that goes on after damage. The stages add to
// it while they deliver, on the main thread, each under its scope (struct stage); a stage without a
// scope stops at the first damage.
#ifndef XBPIPE_SALVAGE_H
#define XBPIPE_SALVAGE_H

#include "base/diag.h"
#include "engine/ordered.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct salvage;
struct stage;

// What losses belong to: the program's whole input, or a member of it. Belongs to the record.
struct salvage_scope {
    struct salvage *record;
    char *name;      // printable; NULL: the whole input
    size_t serial;   // in the order in which the scopes were made
    uint64_t losses; // so far
    size_t file;     // the record's own
    struct salvage_scope *next;
};

// Part of an input that could not be used.
struct salvage_loss {
    const char *format; // of the stage: "xbstream", "xbcrypt", "qpress", "LZ4", "Zstandard"; static
    uint64_t offset;    // in the stage's input
    uint64_t length;    // in bytes; 0: the lost part is not in the input any more
    bool placed;        // the next three are known (a stage with several outputs may not know them)
    uint64_t output_offset; // in the stage's output
    uint64_t zeros;         // bytes of zeros that were delivered there
    bool exact;             // exactly this much is missing; false: what follows may be shifted
    bool conclusion;        // drawn from all the others: listed last
};

// An empty record with the scope of the whole input. Returns 0; or -1 and EX_OSERR in *f.
int salvage_new(struct salvage **s, struct fault *f);

// NULL is allowed.
void salvage_free(struct salvage *s);

// The scope of the whole input.
struct salvage_scope *salvage_whole(struct salvage *s);

// A new scope for a member of that name (`size` bytes, hostile). NULL if the allocation failed.
struct salvage_scope *salvage_member(struct salvage *s, const char *name, size_t size);

// Adds a loss. `why` says what was found. At most SALVAGE_LISTED_MAX are kept; the others count.
enum { SALVAGE_LISTED_MAX = 1 << 20, SALVAGE_WHY_MAX = 300 };
void salvage_lost(struct salvage_scope *scope, const struct salvage_loss *loss, const char *why);

// Notes that the file of the scope, which lacks something, or may, has the (printable) name `name`
// now. NULL: it has been removed.
void salvage_file(struct salvage_scope *scope, const char *name);

// What the scope stands for has another name now (`size` bytes, hostile).
void salvage_rename(struct salvage_scope *scope, const char *name, size_t size);

// Submits a unit that, when its turn comes and `s` is not broken, adds the loss to the scope of `s`
// and pushes its zeros into `next` (NULL: nowhere).
void salvage_submit(struct stage *s, struct stage *next, struct salvage_scope *scope,
                    const struct salvage_loss *loss, const char *why);

// Calls `print` with a line of text for each loss, in the order of the report, which is the same
// whatever the number of threads, and with one for those that are counted only.
void salvage_print(struct salvage *s, void (*print)(const char *line));

// Whether the record lacks losses, which count all the same, or files, since there was no memory
// for them.
bool salvage_lacking(const struct salvage *s);

// Losses so far.
uint64_t salvage_losses(const struct salvage *s);

// Returns 0 if nothing was lost; or -1 and a summary with EX_DATAERR in *f.
int salvage_verdict(const struct salvage *s, struct fault *f);

// Writes the record as JSON (xbpipe(7)) to fd, which stays open. `failure`: what stopped the run;
// NULL: nothing did. Returns 0; or -1 and errno.
int salvage_write(struct salvage *s, int fd, const char *failure);

#endif
