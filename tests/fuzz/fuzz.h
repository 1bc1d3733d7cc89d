// SPDX-License-Identifier: Apache-2.0
// Shared by the fuzz targets. A target is one file fuzz_NAME.c with the three functions below;
// libfuzzer.c makes a fuzzer of it, replay.c a test that runs its seeds and found cases. Whatever
// breaks a promise of the library ends the process (fuzz_broken), as a sanitizer does.
#ifndef XBPIPE_TESTS_FUZZ_H
#define XBPIPE_TESTS_FUZZ_H

#include "base/diag.h"
#include "feed.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// ---- A target.

// Runs one input. Returns 0.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// Hands each seed to `add`, made in memory or read from FIXTURES.
typedef void fuzz_add(const void *data, size_t size);
void fuzz_seeds(fuzz_add *add);

// After a mutation: corrects checksums and sizes, without which the rest of the input would never
// be read (repair.h). `seed` chooses which. A target without any does nothing.
void fuzz_repair(uint8_t *data, size_t size, unsigned seed);

// ---- For targets.

// Threads of the engine: 1 in the fuzzer, and in a replay also 3.
extern unsigned fuzz_threads;

// Prints the text and aborts.
_Noreturn void fuzz_broken(const char *format, ...) DIAG_PRINTF(1, 2);

// A fault must have one of the statuses (ended by 0) that the function's header names, and a text
// that is terminated, not empty and printable, in one line.
void fuzz_check_fault(const struct fault *f, const int *statuses);

// The text must be terminated within its room and printable: no control character, well-formed
// UTF-8. Empty is fine.
void fuzz_check_text(const char *text, size_t room);

// Parts of an input: a byte (0 at its end), and the bytes up to a NUL or the end.
struct fuzz_input {
    const uint8_t *data;
    size_t size;
};
uint8_t fuzz_byte(struct fuzz_input *in);
struct fuzz_input fuzz_text(struct fuzz_input *in);

// The pieces that a byte of the input chooses.
struct feeding fuzz_feeding(uint8_t choice);

// How fuzz_stage runs a stage.
struct fuzz_how {
    uint8_t pieces;   // as above; bit 7: also the whole input is held, not lent
    bool places_vary; // faults may name different offsets
    bool faults_vary; // where several layers are damaged, either may be met first
    int other_status; // that a fault may have besides EX_DATAERR; 0: none
    bool salvage;     // the stage goes on past damage (salvage.h)
};

// Runs the stage over the input twice: whole, and in pieces. Both must give the same bytes, the
// same end, the same losses and the same fault, of no status but those; *result is what
// they gave, to be freed by fed_free.
void fuzz_stage(feed_maker *make, void *context, const uint8_t *data, size_t size,
                const struct fuzz_how *how, struct fed *result);

// A file in memory with this content, which the next call with the same number (0 to
// FUZZ_FILES - 1) replaces. Returns its path.
enum { FUZZ_FILES = 4 };
const char *fuzz_file(unsigned number, const void *data, size_t size);

// Memory that ends where the copied bytes end, so that a sanitizer finds reads beyond them.
uint8_t *fuzz_copy(const void *data, size_t size);

// ---- For seeds.

// Adds a seed of `head` (head_size bytes) followed by the file of the fixtures, cut to `limit`
// bytes.
void fuzz_add_fixture(fuzz_add *add, const void *head, size_t head_size, const char *file,
                      size_t limit);

// The key of all encrypted seeds: the 32 characters of tests/fixtures/rds/password.hex.
extern const char fuzz_key[33];

#endif
