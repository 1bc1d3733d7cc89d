// SPDX-License-Identifier: Apache-2.0
#include "base/diag.h"

#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static void write_stderr(const char *line, size_t size) {
    ssize_t ignored = write(STDERR_FILENO, line, size); // there is nowhere to report a failure
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

// Characters that a terminal does not show, or that change how it shows others: Unicode's format
// characters (Cf: joiners, marks and overrides of the direction of writing, tags), separators of
// lines and paragraphs, fillers, variation selectors.
static const struct range {
    uint32_t first, last;
} unseen[] = {{0x00ad, 0x00ad},   {0x034f, 0x034f},   {0x0600, 0x0605},   {0x061c, 0x061c},
              {0x06dd, 0x06dd},   {0x070f, 0x070f},   {0x0890, 0x0891},   {0x08e2, 0x08e2},
              {0x115f, 0x1160},   {0x17b4, 0x17b5},   {0x180b, 0x180f},   {0x200b, 0x200f},
              {0x2028, 0x202e},   {0x2060, 0x206f},   {0x3164, 0x3164},   {0xfe00, 0xfe0f},
              {0xfeff, 0xfeff},   {0xffa0, 0xffa0},   {0xfff0, 0xfffb},   {0x110bd, 0x110bd},
              {0x110cd, 0x110cd}, {0x13430, 0x1343f}, {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a},
              {0xe0000, 0xe0fff}};

static bool is_seen(uint32_t character) {
    for (size_t i = 0; i < sizeof unseen / sizeof unseen[0]; i++)
        if (character >= unseen[i].first && character <= unseen[i].last)
            return false;
    return true;
}

// The size of the well-formed UTF-8 character of more than one byte that begins here and can be
// printed; 0 if there is none.
static size_t utf8_size(const unsigned char *bytes, size_t size) {
    static const uint32_t least[] = {0, 0, 0xa0 /* U+0080 to U+009F are controls */, 0x800,
                                     0x10000};
    unsigned char first = bytes[0];
    size_t length = first >= 0xc2 && first < 0xe0   ? 2
                    : first >= 0xe0 && first < 0xf0 ? 3
                    : first >= 0xf0 && first < 0xf5 ? 4
                                                    : 0;
    if (length == 0 || length > size)
        return 0;
    uint32_t character = first & (0x7fU >> length);
    for (size_t i = 1; i < length; i++) {
        if ((bytes[i] & 0xc0) != 0x80)
            return 0;
        character = character << 6 | (bytes[i] & 0x3f);
    }
    bool surrogate = character >= 0xd800 && character < 0xe000;
    return character < least[length] || character > 0x10ffff || surrogate || !is_seen(character)
               ? 0
               : length;
}

int diag_cut(const char *text, int limit) {
    size_t end = strnlen(text, (size_t)limit), start = end;
    while (start > 0 && ((unsigned char)text[start - 1] & 0xc0) == 0x80)
        start--;
    if (start == 0 || (unsigned char)text[start - 1] < 0xc0)
        return (int)end; // the last character is ASCII
    start--;
    return utf8_size((const unsigned char *)text + start, end - start) > 0 ? (int)end : (int)start;
}

// diag_name; `escaped`: backslashes are from an earlier call, and stay.
static char *make_printable(const void *text, size_t size, bool escaped, char *out,
                            size_t out_size) {
    const unsigned char *bytes = text;
    size_t used = 0;
    for (size_t i = 0; i < size;) {
        bool ascii = bytes[i] >= 0x20 && bytes[i] < 0x7f && (bytes[i] != '\\' || escaped);
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

char *diag_name(const void *name, size_t size, char *out, size_t out_size) {
    return make_printable(name, size, false, out, out_size);
}

// Whatever the text contains, a terminal gets only one line of plain characters.
static void print_line(const char *kind, const char *format, va_list args) {
    char text[1200], line[2400];
    int used = snprintf(text, sizeof text, "%s: %s", program_invocation_short_name, kind);
    if (used < 0)
        return;
    if ((size_t)used < sizeof text)
        vsnprintf(text + used, sizeof text - (size_t)used, format, args);
    make_printable(text, strlen(text), true, line, sizeof line - 1);
    size_t end = strlen(line);
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

void diag_error_text(const char *text) {
    diag_error("%s", text);
}

void diag_warn_text(const char *text) {
    diag_warn("%s", text);
}

void diag_note_text(const char *text) {
    diag_note("%s", text);
}

static void close_stdout(void) {
    bool failed = ferror(stdout) != 0;
    errno = 0;
    if (fclose(stdout) != 0 || failed) {
        if (errno != EPIPE) // a reader that went away needs no message
            diag_error("cannot write standard output%s%s", errno != 0 ? ": " : "",
                       errno != 0 ? strerror(errno) : "");
        _exit(EX_IOERR);
    }
}

// argp calls this when it meets the option, before or after it has met -v.
static bool is_verbose(const struct argp_state *state) {
    for (int i = 1; i < state->argc; i++) {
        const char *arg = state->argv[i];
        if (strcmp(arg, "--verbose") == 0 || (arg[0] == '-' && arg[1] != '-' && strchr(arg, 'v')))
            return true;
    }
    return false;
}

static void print_version(FILE *stream, struct argp_state *state) {
    fprintf(stream, "%s (xbpipe) %s\n", program_invocation_short_name, XBPIPE_VERSION);
    if (is_verbose(state))
        fprintf(stream, "optional libraries: %s\n", XBPIPE_OPTIONAL);
}

// The messages of argp and getopt about an option show its value, so they are escaped like all
// others.
static ssize_t write_argp(void *cookie, const char *text, size_t size) {
    (void)cookie;
    for (size_t at = 0, end; at < size; at = end) {
        char line[2400];
        const char *stop = memchr(text + at, '\n', size - at);
        end = stop != NULL ? (size_t)(stop - text) + 1 : size;
        make_printable(text + at, end - at - (stop != NULL), true, line, sizeof line - 1);
        size_t length = strlen(line);
        if (stop != NULL)
            line[length++] = '\n';
        write_stderr(line, length);
    }
    return (ssize_t)size;
}

void diag_parse(const struct argp *argp, int argc, char **argv, void *options) {
    FILE *original = stderr;
    FILE *escaping = fopencookie(NULL, "w", (cookie_io_functions_t){.write = write_argp});
    if (escaping != NULL && setvbuf(escaping, NULL, _IOLBF, 0) == 0)
        stderr = escaping; // argp ends the program by exit, which flushes it
    error_t error = argp_parse(argp, argc, argv, 0, NULL, options);
    stderr = original;
    if (escaping != NULL)
        (void)fclose(escaping);
    if (error == 0)
        return;
    diag_error("cannot read the command line: %s", strerror(error));
    exit(EX_OSERR);
}

// All threads, also those of libraries, get stacks of this size, whatever the limit is: by default
// the C library uses the limit as their size. The main thread's stack grows up to the limit: with a
// limit below MAIN_STACK_MIN a signal would end the program somewhere.
enum { THREAD_STACK = 2 << 20, MAIN_STACK_MIN = 512 << 10 };

static void check_stack(void) {
    pthread_attr_t attributes;
    if (pthread_attr_init(&attributes) == 0) {
        if (pthread_attr_setstacksize(&attributes, THREAD_STACK) == 0)
            (void)pthread_setattr_default_np(&attributes);
        pthread_attr_destroy(&attributes);
    }
    struct rlimit limit;
    if (getrlimit(RLIMIT_STACK, &limit) < 0 || limit.rlim_cur >= MAIN_STACK_MIN)
        return;
    limit.rlim_cur = limit.rlim_max < MAIN_STACK_MIN ? limit.rlim_max : MAIN_STACK_MIN;
    if (limit.rlim_cur == MAIN_STACK_MIN && setrlimit(RLIMIT_STACK, &limit) == 0)
        return;
    static const char text[] = ": the stack may not grow to 512 KiB: raise the limit (ulimit -s)\n";
    write_stderr(program_invocation_short_name, strlen(program_invocation_short_name));
    write_stderr(text, sizeof text - 1);
    _exit(EX_OSERR);
}

void diag_start(void) {
    // A closed descriptor must not be reused for the next file that is opened: output meant for
    // standard output would go there. On these substitutes every read and write fails.
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) == -1 && errno == EBADF &&
            open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
            _exit(EX_OSERR);
    check_stack();
    argp_err_exit_status = EX_USAGE;
    argp_program_version_hook = print_version;
    if (atexit(close_stdout) != 0)
        _exit(EX_OSERR);
}
