// SPDX-License-Identifier: Apache-2.0
#include "base/diag.h"

#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void write_stderr(const char *line, size_t size) {
    ssize_t ignored = write(STDERR_FILENO, line, size); // nowhere is left to report a failure
    (void)ignored;
}

static void (*write_line)(const char *line, size_t size) = write_stderr;

static void set_text(struct fault *f, int status, const char *format, va_list args)
    DIAG_PRINTF(3, 0);
static void print_line(const char *kind, const char *format, va_list args) DIAG_PRINTF(2, 0);

static void set_text(struct fault *f, int status, const char *format, va_list args) {
    f->status = status;
    vsnprintf(f->text, sizeof f->text, format, args);
    f->text[diag_cut(f->text, sizeof f->text - 1)] = '\0';
}

int diag_fault(struct fault *f, int status, const char *format, ...) {
    va_list args;
    va_start(args, format);
    set_text(f, status, format, args);
    va_end(args);
    return -1;
}

int diag_fault_errno(struct fault *f, int status, int error, const char *format, ...) {
    va_list args;
    va_start(args, format);
    set_text(f, status, format, args);
    va_end(args);
    size_t used = strlen(f->text);
    char reason[128];
    snprintf(f->text + used, sizeof f->text - used, ": %s",
             strerror_r(error, reason, sizeof reason));
    return -1;
}

int diag_fault_memory(struct fault *f) {
    return diag_fault(f, EX_OSERR, "out of memory");
}

int diag_open_status(int error, int otherwise) {
    switch (error) {
    case EACCES:
    case EPERM:
        return EX_NOPERM;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
        return EX_OSERR;
    default:
        return otherwise;
    }
}

void diag_prefix(struct fault *f, const char *prefix) {
    char text[sizeof f->text];
    memcpy(text, f->text, sizeof text);
    if (text[0] != '\0')
        snprintf(f->text, sizeof f->text, "%.*s: %.*s", diag_cut(prefix, 250), prefix,
                 diag_cut(text, 345), text);
}

// The size of the well-formed UTF-8 character of more than one byte that begins here and is no
// control character; 0 if there is none.
static size_t utf8_size(const unsigned char *bytes, size_t size) {
    unsigned char first = bytes[0];
    size_t length = first >= 0xc2 && first < 0xe0   ? 2
                    : first >= 0xe0 && first < 0xf0 ? 3
                    : first >= 0xf0 && first < 0xf5 ? 4
                                                    : 0;
    if (length == 0 || length > size)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((bytes[i] & 0xc0) != 0x80)
            return 0;
    unsigned char second = bytes[1];
    bool longer_than_needed = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
    bool surrogate = first == 0xed && second > 0x9f;
    bool above_unicode = first == 0xf4 && second > 0x8f;
    bool control = first == 0xc2 && second < 0xa0; // U+0080 to U+009F
    return longer_than_needed || surrogate || above_unicode || control ? 0 : length;
}

int diag_cut(const char *text, int limit) {
    size_t end = strnlen(text, (size_t)limit), start = end;
    while (start > 0 && ((unsigned char)text[start - 1] & 0xc0) == 0x80)
        start--;
    if (start == 0 || (unsigned char)text[start - 1] < 0xc0)
        return (int)end; // the last character is one of ASCII
    start--;
    return utf8_size((const unsigned char *)text + start, end - start) > 0 ? (int)end : (int)start;
}

char *diag_name(const void *name, size_t size, char *out, size_t out_size) {
    const unsigned char *bytes = name;
    size_t used = 0;
    for (size_t i = 0; i < size;) {
        bool ascii = bytes[i] >= 0x20 && bytes[i] < 0x7f && bytes[i] != '\\';
        size_t plain = ascii ? 1 : utf8_size(bytes + i, size - i);
        size_t need = plain > 0 ? plain : 4;
        if (used + need + 4 > out_size) {
            snprintf(out + used, out_size - used, "...");
            return out;
        }
        if (plain > 0)
            memcpy(out + used, bytes + i, plain);
        else
            snprintf(out + used, 5, "\\x%02x", bytes[i]);
        used += need;
        i += plain > 0 ? plain : 1;
    }
    out[used] = '\0';
    return out;
}

static void print_line(const char *kind, const char *format, va_list args) {
    char line[1200];
    int used = snprintf(line, sizeof line - 2, "%s: %s", program_invocation_short_name, kind);
    if (used < 0)
        return;
    size_t end = (size_t)used;
    if (end < sizeof line - 2) {
        vsnprintf(line + end, sizeof line - 1 - end, format, args);
        end = strlen(line);
    }
    line[end++] = '\n';
    write_line(line, end);
}

void diag_set_writer(void (*writer)(const char *line, size_t size)) {
    write_line = writer != NULL ? writer : write_stderr;
}

int diag_print(const struct fault *f) {
    if (f->text[0] != '\0')
        diag_error("%s", f->text);
    return f->status;
}

void diag_error(const char *format, ...) {
    va_list args;
    va_start(args, format);
    print_line("", format, args);
    va_end(args);
}

void diag_warn(const char *format, ...) {
    va_list args;
    va_start(args, format);
    print_line("warning: ", format, args);
    va_end(args);
}

void diag_note(const char *format, ...) {
    va_list args;
    va_start(args, format);
    print_line("", format, args);
    va_end(args);
}

static void close_stdout(void) {
    bool failed = ferror(stdout) != 0;
    errno = 0;
    if (fclose(stdout) != 0 || failed) {
        if (errno != EPIPE) // a reader that went away is not worth a message
            diag_error("cannot write standard output%s%s", errno != 0 ? ": " : "",
                       errno != 0 ? strerror(errno) : "");
        _exit(EX_IOERR);
    }
}

static void print_version(FILE *stream, struct argp_state *state) {
    (void)state;
    fprintf(stream, "%s (xbpipe) %s\n", program_invocation_short_name, XBPIPE_VERSION);
}

void diag_parse(const struct argp *argp, int argc, char **argv, void *options) {
    error_t error = argp_parse(argp, argc, argv, 0, NULL, options);
    if (error == 0)
        return;
    diag_error("cannot read the command line: %s", strerror(error));
    exit(EX_OSERR);
}

void diag_start(void) {
    // A descriptor that was closed must not be given to the next file opened: output meant for
    // standard output would land in it. These stand-ins fail every read and write.
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) == -1 && errno == EBADF &&
            open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
            _exit(EX_OSERR);
    argp_err_exit_status = EX_USAGE;
    argp_program_version_hook = print_version;
    if (atexit(close_stdout) != 0)
        _exit(EX_OSERR);
}
