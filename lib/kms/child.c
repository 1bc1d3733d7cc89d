// SPDX-License-Identifier: Apache-2.0
#include "kms/child.h"

#include "secret/keytext.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <spawn.h>
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

// The environment less its secrets: an array that the caller frees, of strings that stay where they
// are. NULL for lack of memory.
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
    char *copy = strdup(command); // posix_spawn wants an argument that may be written to
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

int child_output(const char *command, size_t size, const char *what, struct secret *output,
                 struct fault *f) {
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
    struct fault bad = {.status = 0};
    int result = keytext_read(output, ends[0], what, "credentials", &bad);
    close(ends[0]);
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    if (result < 0 && bad.status != EX_DATAERR) { // whatever became of the writer
        *f = bad;
        return -1;
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        secret_free(output);
        return diag_fault(f, EX_CONFIG, "%s failed: expected exit status 0, found %s %d", what,
                          WIFEXITED(status) ? "status" : "signal",
                          WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
    }
    if (result < 0)
        return diag_fault(f, EX_CONFIG,
                          "%s: expected credentials as JSON of at most %d bytes, found none", what,
                          KEYTEXT_MAX);
    return 0;
}
