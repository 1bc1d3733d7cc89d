// SPDX-License-Identifier: Apache-2.0
// To be preloaded into a program: plays the part of a decoder that an input has taken over. When
// the program first writes with writev, pwritev or pwrite, or takes what came from the network, it
// tries what an attacker would, and says on standard error what went through ("intruder: 0 of N").
// With INTRUDER_THREAD set it is the thread that shows progress that does so, after its first line.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static int tried, through;

static void attempt(const char *what, long result) {
    tried++;
    if (result == -1)
        return;
    through++;
    fprintf(stderr, "intruder: %s\n", what);
}

static void attempt_all(void) {
    const char *outside = getenv("INTRUDER_OUTSIDE"); // a directory with a file
    char file[500], made[500], here[500];
    snprintf(file, sizeof file, "%s/file", outside);
    snprintf(made, sizeof made, "%s/made", outside);
    snprintf(here, sizeof here, "%s", getenv("INTRUDER_INSIDE"));
    attempt("read a file outside", open(file, O_RDONLY));
    attempt("write a file outside", open(file, O_WRONLY));
    attempt("make a file outside", open(made, O_WRONLY | O_CREAT, 0600));
    attempt("list a directory outside", open(outside, O_RDONLY | O_DIRECTORY));
    attempt("read /etc/shadow", open("/etc/shadow", O_RDONLY));
    attempt("read its own memory", open("/proc/self/mem", O_RDWR));
    attempt("remove a file outside", unlinkat(AT_FDCWD, file, 0));
    attempt("rename a file out", renameat(AT_FDCWD, here, AT_FDCWD, made));
    attempt("link a file out", linkat(AT_FDCWD, here, AT_FDCWD, made, 0));
    attempt("rename a file in", renameat(AT_FDCWD, file, AT_FDCWD, here));
    attempt("make a symbolic link", symlinkat("/", AT_FDCWD, here));
    attempt("change a mode", fchmodat(AT_FDCWD, file, 0777, 0));
    attempt("reach a local service", socket(AF_UNIX, SOCK_STREAM, 0));
    if (getenv("INTRUDER_NETWORK") == NULL)
        attempt("reach the network", socket(AF_INET, SOCK_STREAM, 0));
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    if (child > 0)
        waitpid(child, NULL, 0);
    attempt("start a process", child);
    attempt("signal its parent", kill(getppid(), 0));
    fprintf(stderr, "intruder: %d of %d\n", through, tried);
}

// Several threads of a program may come to write at once: one of them plays, the others wait.
static void intrude_now(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, attempt_all);
}

static void intrude(void) {
    if (getenv("INTRUDER_THREAD") == NULL)
        intrude_now();
}

// That thread waits for two descriptors.
int poll(struct pollfd *descriptors, nfds_t count, int timeout) {
    static int calls;
    if (count == 2 && getenv("INTRUDER_THREAD") != NULL && ++calls == 2)
        intrude_now();
    return ((int (*)(struct pollfd *, nfds_t, int))dlsym(RTLD_NEXT, "poll"))(descriptors, count,
                                                                             timeout);
}

ssize_t writev(int fd, const struct iovec *pieces, int count) {
    intrude();
    return ((ssize_t(*)(int, const struct iovec *, int))dlsym(RTLD_NEXT, "writev"))(fd, pieces,
                                                                                    count);
}

ssize_t pwritev(int fd, const struct iovec *pieces, int count, off_t offset) {
    intrude();
    return ((ssize_t(*)(int, const struct iovec *, int, off_t))dlsym(RTLD_NEXT, "pwritev"))(
        fd, pieces, count, offset);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset) {
    intrude();
    return ((ssize_t(*)(int, const void *, size_t, off_t))dlsym(RTLD_NEXT, "pwrite"))(fd, data,
                                                                                      size, offset);
}

ssize_t recv(int fd, void *data, size_t size, int flags) {
    intrude();
    return ((ssize_t(*)(int, void *, size_t, int))dlsym(RTLD_NEXT, "recv"))(fd, data, size, flags);
}

// The programs without a sink.
ssize_t write(int fd, const void *data, size_t size) {
    if (fd == STDOUT_FILENO)
        intrude();
    return ((ssize_t(*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write"))(fd, data, size);
}
