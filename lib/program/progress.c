// SPDX-License-Identifier: Apache-2.0
#include "program/progress.h"

#include "os/counters.h"
#include "os/noclobber.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    TICK_MS = 1000,
    LAST_WAIT_MS = 1000, // for the reader of the last line
    WIDTH_DEFAULT = 80,
    LINE_SIZE = 640,
    JSON_SIZE = 4096
};

static struct {
    bool begun;
    bool text, terminal;
    bool asked; // --progress was given
    int json;
    int stop;    // an eventfd: the end
    int signals; // a signalfd of SIGUSR1
    pthread_t thread;
    struct timespec start;
    atomic_bool ok; // written before `stop` is
    // The thread's own.
    bool told;        // a line was printed
    uint64_t last_in; // at the last line, at last_seconds
    double last_seconds;
    pthread_mutex_t lock; // of the terminal's line
    bool line_shown;
} p = {.lock = PTHREAD_MUTEX_INITIALIZER};

void progress_block_signal(sigset_t *usr1) {
    sigemptyset(usr1);
    sigaddset(usr1, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, usr1, NULL);
}

// The values of one moment.
struct state {
    struct counters count;
    double seconds;
};

static double seconds_since(const struct timespec *start) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - start->tv_sec) + (double)(now.tv_nsec - start->tv_nsec) / 1e9;
}

static void take_state(struct state *s) {
    counters_read(&s->count);
    s->seconds = seconds_since(&p.start);
}

enum { SIZE_TEXT = 32 };

static const char *size_text(double bytes, char text[static SIZE_TEXT]) {
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    size_t unit = 0;
    while (bytes >= 1024 && unit + 1 < sizeof units / sizeof units[0]) {
        bytes /= 1024;
        unit++;
    }
    snprintf(text, SIZE_TEXT, unit == 0 ? "%.0f %s" : "%.1f %s", bytes, units[unit]);
    return text;
}

static const char *time_text(double seconds, char text[static SIZE_TEXT]) {
    uint64_t whole = seconds > 0 && seconds < 1e9 ? (uint64_t)(seconds + 0.5) : 0;
    uint64_t hours = whole / 3600, minutes = whole / 60 % 60;
    if (hours > 0)
        snprintf(text, SIZE_TEXT, "%" PRIu64 ":%02" PRIu64 ":%02" PRIu64, hours, minutes,
                 whole % 60);
    else
        snprintf(text, SIZE_TEXT, "%" PRIu64 ":%02" PRIu64, minutes, whole % 60);
    return text;
}

static double rate_of(uint64_t bytes, double seconds) {
    return seconds > 0 ? (double)bytes / seconds : 0;
}

// A line during the run; `rate` is in bytes of input a second.
static size_t running_line(const struct state *s, double rate, char line[static LINE_SIZE]) {
    char in[SIZE_TEXT], out[SIZE_TEXT], speed[SIZE_TEXT], left[SIZE_TEXT], share[80] = "";
    if (s->count.expected != COUNTERS_UNKNOWN && s->count.expected > 0) {
        double done = (double)s->count.in / (double)s->count.expected;
        double rest = s->count.in > 0 ? s->seconds * (1 - done) / done : 0;
        snprintf(share, sizeof share, ", %.0f %%, %s left", 100 * done,
                 s->count.in > 0 ? time_text(rest, left) : "?");
    }
    int n = snprintf(line, LINE_SIZE, "%s: %s in, %s out, %s/s%s%s%s",
                     program_invocation_short_name, size_text((double)s->count.in, in),
                     size_text((double)s->count.out, out), size_text(rate, speed), share,
                     s->count.member[0] != '\0' ? ", " : "", s->count.member);
    return n < 0 ? 0 : n < LINE_SIZE ? (size_t)n : LINE_SIZE - 1;
}

static size_t last_line(const struct state *s, char line[static LINE_SIZE]) {
    char in[SIZE_TEXT], out[SIZE_TEXT], speed[SIZE_TEXT], took[SIZE_TEXT], ratio[SIZE_TEXT] = "";
    if (s->count.in > 0)
        snprintf(ratio, sizeof ratio, ", ratio %.2f", (double)s->count.out / (double)s->count.in);
    int n = snprintf(line, LINE_SIZE, "%s: %s in, %s out, %s elapsed, %s/s%s",
                     program_invocation_short_name, size_text((double)s->count.in, in),
                     size_text((double)s->count.out, out), time_text(s->seconds, took),
                     size_text(rate_of(s->count.in, s->seconds), speed), ratio);
    return n < 0 ? 0 : n < LINE_SIZE ? (size_t)n : LINE_SIZE - 1;
}

static size_t terminal_width(void) {
    struct winsize size;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col
                                                                           : WIDTH_DEFAULT;
}

// Cuts a line to fit the terminal, but not inside a character.
static size_t fit(const char *line, size_t size) {
    size_t columns = 0, width = terminal_width() - 1;
    for (size_t i = 0; i < size; i++)
        if (((unsigned char)line[i] & 0xc0) != 0x80 && columns++ == width)
            return i;
    return size;
}

static void write_stderr(const char *text, size_t size) {
    ssize_t ignored = write(STDERR_FILENO, text, size); // there is nowhere to report a failure
    (void)ignored;
}

// Clears the terminal's line. The lock is held.
static void clear_line(void) {
    static const char erase[] = "\r\033[K";
    if (p.line_shown)
        write_stderr(erase, sizeof erase - 1);
    p.line_shown = false;
}

// Writes a message of the program, between the lines of progress.
static void write_message(const char *line, size_t size) {
    pthread_mutex_lock(&p.lock);
    clear_line();
    write_stderr(line, size);
    pthread_mutex_unlock(&p.lock);
}

// Whether fd accepts a line within `wait` milliseconds.
static bool has_room(int fd, int wait) {
    struct pollfd ready = {.fd = fd, .events = POLLOUT};
    return poll(&ready, 1, wait) > 0 && (ready.revents & POLLOUT) != 0;
}

// `stays`: it must not be overwritten. A pipe or terminal that cannot take it gets no line: a
// blocked write would hold the lock, and the main thread needs the lock for each member.
static void write_line(char line[static LINE_SIZE + 1], size_t size, bool stays, int wait) {
    if (!has_room(STDERR_FILENO, wait))
        return;
    pthread_mutex_lock(&p.lock);
    clear_line();
    if (p.terminal && !stays) {
        size = fit(line, size);
        p.line_shown = true;
    } else {
        line[size++] = '\n';
    }
    write_stderr(line, size);
    pthread_mutex_unlock(&p.lock);
}

// If the reader does not read, the line is dropped; only the last line waits for it a little.
static void write_json(const struct state *s, bool done) {
    if (!has_room(p.json, done ? LAST_WAIT_MS : 0))
        return;
    bool sized = s->count.expected != COUNTERS_UNKNOWN;
    json_t *object = json_pack(
        "{s:I,s:I,s:f,s:o,s:o,s:b}", "in", (json_int_t)s->count.in, "out", (json_int_t)s->count.out,
        "elapsed", s->seconds, "in_size",
        sized ? json_integer((json_int_t)s->count.expected) : json_null(), "member",
        s->count.member[0] != '\0' ? json_string(s->count.member) : json_null(), "done", done);
    if (object != NULL && done)
        json_object_set_new(object, "ok", json_boolean(p.ok));
    char text[JSON_SIZE];
    size_t size = json_dumpb(object, text, sizeof text - 1, JSON_COMPACT | JSON_REAL_PRECISION(6));
    if (size > 0 && size < sizeof text) {
        text[size++] = '\n'; // one write, so that lines stay whole
        ssize_t ignored = write(p.json, text, size);
        (void)ignored;
    }
    json_decref(object);
}

static void tick(bool asked) {
    struct state s;
    char line[LINE_SIZE + 1];
    take_state(&s);
    if (p.text || asked) {
        double rate = rate_of(s.count.in - p.last_in, s.seconds - p.last_seconds);
        write_line(line, running_line(&s, rate, line), asked && !p.text, 0);
        p.told = true;
    }
    p.last_in = s.count.in;
    p.last_seconds = s.seconds;
    if (p.json >= 0 && !asked)
        write_json(&s, false);
}

static void finish(void) {
    struct state s;
    char line[LINE_SIZE + 1];
    take_state(&s);
    if (p.text && (p.asked || p.told))
        write_line(line, last_line(&s, line), true, LAST_WAIT_MS);
    if (p.json >= 0)
        write_json(&s, true);
}

static void *run(void *context) {
    (void)context;
    struct pollfd events[] = {{.fd = p.stop, .events = POLLIN},
                              {.fd = p.signals, .events = POLLIN}};
    bool regular = p.text || p.json >= 0;
    double next = TICK_MS / 1000.0;
    for (;;) {
        double wait = (next - seconds_since(&p.start)) * 1000;
        int got = poll(events, 2, !regular ? -1 : wait > 0 ? (int)wait + 1 : 0);
        struct signalfd_siginfo signal;
        if (got > 0 && read(p.signals, &signal, sizeof signal) > 0)
            tick(true);
        if (got > 0 && events[0].revents != 0)
            break;
        if (regular && seconds_since(&p.start) >= next) {
            tick(false);
            next = seconds_since(&p.start) + TICK_MS / 1000.0;
        }
    }
    finish();
    return NULL;
}

// The thread blocks all signals but the one that it reads; also SIGPIPE, so that it does not matter
// if the reader of JSON goes away.
static int start_thread(void) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&p.thread, NULL, run, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

static void close_descriptors(void) {
    if (p.stop >= 0)
        close(p.stop);
    if (p.signals >= 0)
        close(p.signals);
}

static bool is_pipe(int fd) {
    struct stat st;
    return fstat(fd, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode));
}

int progress_begin(const struct progress_options *o, struct fault *f) {
    sigset_t usr1;
    char shown[40];
    snprintf(shown, sizeof shown, "--json-progress=%d", o->json);
    if (o->json >= 0 && noclobber_claim(o->json, shown, f) < 0)
        return -1;
    p.terminal = isatty(STDERR_FILENO);
    p.asked = o->wanted;
    p.text = o->wanted || (p.terminal && !o->unwanted && !is_pipe(STDOUT_FILENO));
    p.json = o->json;
    clock_gettime(CLOCK_MONOTONIC, &p.start);
    progress_block_signal(&usr1);
    p.stop = eventfd(0, EFD_CLOEXEC);
    p.signals = signalfd(-1, &usr1, SFD_CLOEXEC | SFD_NONBLOCK);
    int error = p.stop < 0 || p.signals < 0 ? errno : start_thread();
    if (error != 0) {
        close_descriptors();
        return diag_fault_errno(f, EX_OSERR, error, "cannot start a thread");
    }
    p.begun = true;
    diag_set_writer(write_message);
    return 0;
}

void progress_end(bool ok) {
    if (!p.begun)
        return;
    p.begun = false;
    p.ok = ok;
    eventfd_write(p.stop, 1);
    pthread_join(p.thread, NULL);
    diag_set_writer(NULL);
    close_descriptors();
}
