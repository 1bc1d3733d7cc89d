// SPDX-License-Identifier: Apache-2.0
#include "os/terminal.h"

#include "base/diag.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_terminal(const char *path) {
    struct stat st;
    if (path == NULL || strcmp(path, "-") == 0)
        return isatty(STDIN_FILENO) != 0;
    if (stat(path, &st) < 0 || !S_ISCHR(st.st_mode))
        return false; // for example a pipe, which must not be opened here
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool terminal = isatty(fd) != 0;
    close(fd);
    return terminal;
}

void terminal_announce(const char *path, const char *expected) {
    if (is_terminal(path))
        diag_note("waiting for %s on the terminal; end it by Ctrl-D", expected);
}
