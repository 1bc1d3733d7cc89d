// SPDX-License-Identifier: Apache-2.0
#include "kms/child.h"

#include "secret/keytext.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static bool is_secret(const char *variable) {
    static const char *const parts[] = {"SECRET", "SESSION_TOKEN", "SECURITY_TOKEN",
                                        "AUTHORIZATION_TOKEN=", "XBCRYPT_ENCRYPTION_KEY"};
    size_t name_size = strcspn(variable, "=") + 1;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (memmem(variable, name_size, parts[i], strlen(parts[i])) != NULL)
            return true;
    return false;
}

// The environment without its secrets: a new array, which the caller frees, of the same strings.
// NULL if memory ran out.
static char **clean_environment(void) {
    size_t count = 0;
    while (environ[count] != NULL)
        count++;
    char **clean = calloc(count + 1, sizeof *clean);
    if (clean == NULL)
        return NULL;
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (!is_secret(environ[i]))
            clean[kept++] = environ[i];
    return clean;
}

void child_forget_secrets(void) {
    size_t kept = 0;
    for (size_t i = 0; environ[i] != NULL; i++)
        if (is_secret(environ[i]))
            OPENSSL_cleanse(environ[i], strlen(environ[i]));
        else
            environ[kept++] = environ[i];
    environ[kept] = NULL;
}

// Starts the command with its standard output on out_fd. Returns 0 or an errno value.
static int start(const char *command, int out_fd, pid_t *child) {
    char **environment = clean_environment();
    if (environment == NULL)
        return ENOMEM;
    char shell[] = "sh", option[] = "-c";
    char *copy = strdup(command); // posix_spawn needs writable arguments
    char *arguments[] = {shell, option, copy, NULL};
    posix_spawn_file_actions_t actions;
    int error = copy == NULL ? ENOMEM : posix_spawn_file_actions_init(&actions);
    if (error == 0) {
        error = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        if (error == 0)
            error = posix_spawn_file_actions_adddup2(&actions, out_fd, STDOUT_FILENO);
        if (error == 0)
            error = posix_spawn(child, "/bin/sh", &actions, NULL, arguments, environment);
        posix_spawn_file_actions_destroy(&actions);
    }
    free(copy);
    free(environment);
    return error;
}

// Whether the child has ended, with its status in *status.
static bool has_ended(pid_t child, int *status) {
    pid_t found;
    do
        found = waitpid(child, status, WNOHANG);
    while (found < 0 && errno == EINTR);
    return found != 0;
}

// Reads to the end of the pipe. Waits while the child runs, and at most `timeout` seconds after it
// has ended, because a program that it started may keep the pipe open. Returns 0 with *status; or
// -1.
static int read_output(int fd, pid_t child, const char *what, unsigned timeout,
                       struct secret *output, int *status, struct fault *f) {
    enum { TICK = 50 }; // milliseconds
    bool ended = false, at_end = false;
    uint64_t left = (uint64_t)timeout * 1000 / TICK + 1;
    int result = secret_new(output, KEYTEXT_MAX + 1, f);
    while (result == 0 && !at_end && left > 0 && output->size < output->capacity) {
        ended = ended || has_ended(child, status);
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        if (poll(&ready, 1, TICK) <= 0) {
            left -= ended;
            continue;
        }
        ssize_t n = read(fd, output->data + output->size, output->capacity - output->size);
        if (n < 0 && errno != EINTR)
            result = diag_fault_errno(f, EX_IOERR, errno, "cannot read %s", what);
        at_end = n == 0;
        output->size += n > 0 ? (size_t)n : 0;
    }
    close(fd); // ends a child that still writes
    while (!ended && waitpid(child, status, 0) < 0 && errno == EINTR)
        continue;
    if (result == 0 && left == 0)
        result = diag_fault(f, EX_TEMPFAIL,
                            "%s has ended, but something that it started still holds its output "
                            "open after %u s; see --timeout",
                            what, timeout);
    return result;
}

int child_output(const char *command, size_t size, const char *what, unsigned timeout,
                 struct secret *output, struct fault *f) {
    *output = SECRET_NONE;
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return diag_fault_errno(f, EX_OSERR, errno, "cannot make a pipe");
    char *text = strndup(command, size);
    pid_t child = -1;
    int error = text == NULL ? ENOMEM : start(text, ends[1], &child);
    free(text);
    close(ends[1]);
    if (error != 0) {
        close(ends[0]);
        return diag_fault_errno(f, EX_CONFIG, error, "cannot run %s", what);
    }
    int status = 0;
    if (read_output(ends[0], child, what, timeout, output, &status, f) < 0) {
        secret_free(output);
        return -1;
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        secret_free(output);
        return diag_fault(f, EX_CONFIG, "%s failed: expected exit status 0, found %s %d", what,
                          WIFEXITED(status) ? "status" : "signal",
                          WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
    }
    if (output->size > 0 && output->size <= KEYTEXT_MAX)
        return 0;
    diag_fault(f, EX_CONFIG, "%s: expected credentials as JSON of at most %d bytes, found %s", what,
               KEYTEXT_MAX, output->size == 0 ? "none" : "more");
    secret_free(output);
    return -1;
}
