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
// name and without a newline. An empty text means: end with the status, print nothing (a reader
// that went away).
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

// The exit status for something that cannot be opened or made, by errno: EX_NOPERM (a permission),
// EX_OSERR (memory, descriptors), else `otherwise`.
int diag_open_status(int error, int otherwise);

// Puts `prefix` and ": " before the text of *f, keeping its status. Used to name a member.
void diag_prefix(struct fault *f, const char *prefix);

// Writes `size` bytes of a name from the input into out (of out_size ≥ 1 bytes) as printable text:
// control characters, characters that are not seen or change how others are shown (U+202E, the
// zero-width ones and their like), what is not well-formed UTF-8, and the backslash become \xNN.
// Cut with "..." if it does not fit. Returns out.
char *diag_name(const void *name, size_t size, char *out, size_t out_size);

// How many bytes of a printable, terminated text fit into `limit` without cutting a character: for
// "%.*s".
int diag_cut(const char *text, int limit);

// To be called first in main. Makes sure that descriptors 0, 1 and 2 are open (a closed one becomes
// one on which every read or write fails), that threads have stacks of a known size and the main
// thread's may grow to 512 KiB (else it ends the program with EX_OSERR and a message), sets argp's
// exit status and version, and arranges that at exit standard output is flushed and closed with the
// result checked: a failure there is reported and turns the exit status into EX_IOERR.
void diag_start(void);

// Parses the command line with argp_parse. If that fails, which happens only if an allocation fails
// and without a message, reports it and ends the program.
struct argp;
void diag_parse(const struct argp *argp, int argc, char **argv, void *options);

// Each prints one line on standard error, "PROGRAM: ..." by a single write, in which what diag_name
// would not let through, backslashes apart, is escaped. diag_print prints
// nothing for a fault with an empty text, and returns its status. diag_warn adds "warning: ".
int diag_print(const struct fault *f);
void diag_error(const char *format, ...) DIAG_PRINTF(1, 2);
void diag_warn(const char *format, ...) DIAG_PRINTF(1, 2);
void diag_note(const char *format, ...) DIAG_PRINTF(1, 2);

// The same for a text that is taken as it is: for what is called back with a line of text.
void diag_error_text(const char *text);
void diag_warn_text(const char *text);
void diag_note_text(const char *text);

// Has `writer` write each line (`size` bytes, its newline included) to standard error from now on;
// NULL: write(2), as at the start.
void diag_set_writer(void (*writer)(const char *line, size_t size));

#endif
