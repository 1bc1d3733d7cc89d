// SPDX-License-Identifier: Apache-2.0
// Messages and exit statuses. The library describes a failure in a struct fault and returns -1;
// only a program prints it and exits. Statuses are those of <sysexits.h> (EX_USAGE 64, EX_DATAERR
// 65, EX_NOINPUT 66, EX_UNAVAILABLE 69, EX_SOFTWARE 70, EX_OSERR 71, EX_CANTCREAT 73, EX_IOERR 74,
// EX_TEMPFAIL 75, EX_NOPERM 77, EX_CONFIG 78).
#ifndef XBPIPE_DIAG_H
#define XBPIPE_DIAG_H

#include <stdbool.h>
#include <stddef.h>
#include <sysexits.h>

#define DIAG_PRINTF(string, first) __attribute__((format(printf, string, first)))

// One failure: the status the program should end with and one line of text without the program's
// name and without a newline. An empty text means: end with the status, print nothing (the reader
// went away).
struct fault {
    int status;
    char text[600];
};

// Fills *f and returns -1, so that a failing function can end in `return diag_fault(...)`.
// Text that does not fit is cut.
int diag_fault(struct fault *f, int status, const char *format, ...) DIAG_PRINTF(3, 4);

// The same, with ": " and the description of the errno value `error` added.
int diag_fault_errno(struct fault *f, int status, int error, const char *format, ...)
    DIAG_PRINTF(4, 5);

// The fault for a failed allocation: status EX_OSERR. Returns -1.
int diag_fault_memory(struct fault *f);

// The exit status, by errno, for something that cannot be opened or created: EX_NOPERM (a
// permission), EX_OSERR (memory, descriptors), else `otherwise`.
int diag_open_status(int error, int otherwise);

// Puts `prefix` and ": " before the text of *f, keeping its status. Used to name a member.
void diag_prefix(struct fault *f, const char *prefix);

// Writes `size` bytes of a name from the input into out (of out_size ≥ 1 bytes) as printable text:
// control characters, invisible characters and those that change how others are shown (U+202E,
// zero-width characters and the like), bytes that are not well-formed UTF-8, and the backslash
// become \xNN. Cut with "..." if it does not fit. Returns out.
char *diag_name(const void *name, size_t size, char *out, size_t out_size);

// The same, of a string and of `size` bytes, in an array of `room` bytes, a constant, that lives
// until the end of the block around the call.
#define diag_shown(text, room) diag_shown_name(text, strlen(text), room)
#define diag_shown_name(name, size, room) diag_name(name, size, (char[room]){""}, room)

// The number of bytes of a printable, terminated text that fit into `limit` without cutting a
// character: for "%.*s".
int diag_cut(const char *text, int limit);

// Call it first in main. Ensures that descriptors 0, 1 and 2 are open (a closed one becomes one on
// which every read or write fails), and that threads have stacks of a known size and the main
// thread's may grow to 512 KiB (else it ends the program with EX_OSERR and a message). Sets argp's
// exit status and version. At exit standard output is then flushed and closed, and a failure is
// reported and turns the exit status into EX_IOERR.
void diag_start(void);

// Parses the command line with argp_parse. If that fails, which happens only if an allocation fails
// and without a message, reports it and ends the program.
struct argp;
void diag_parse(const struct argp *argp, int argc, char **argv, void *options);

// Each prints one line on standard error, "PROGRAM: ...", by a single write; whatever diag_name
// would escape, except backslashes, is escaped. diag_print prints nothing for a fault with an empty
// text, and returns its status. diag_warn adds "warning: ".
int diag_print(const struct fault *f);
void diag_error(const char *format, ...) DIAG_PRINTF(1, 2);
void diag_warn(const char *format, ...) DIAG_PRINTF(1, 2);
void diag_note(const char *format, ...) DIAG_PRINTF(1, 2);

// The same for a text that is no format: for callbacks that get a line of text.
void diag_error_text(const char *text);
void diag_warn_text(const char *text);
void diag_note_text(const char *text);

// From now on `writer` writes each line (`size` bytes with the newline) to standard error; NULL:
// write(2), the default.
void diag_set_writer(void (*writer)(const char *line, size_t size));

#endif
