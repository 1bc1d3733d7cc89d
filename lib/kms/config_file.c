// SPDX-License-Identifier: Apache-2.0
#include "kms/config_file.h"

#include "os/fdio.h"
#include "secret/wiped.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MAX = 1 << 20 };

static const char *home(void) {
    const char *path = getenv("HOME");
    if (path != NULL && path[0] != '\0')
        return path;
    const struct passwd *user = getpwuid(getuid());
    return user != NULL ? user->pw_dir : NULL;
}

static int too_long(const char *shown, struct fault *f) {
    return diag_fault(f, EX_CONFIG, "%s: expected at most %d bytes", shown, FILE_MAX);
}

int config_file_read(struct config_file *file, const char *variable, const char *below_home,
                     struct fault *f) {
    *file = (struct config_file){.size = 0};
    const char *named = getenv(variable);
    const char *directory = home();
    int used = 0;
    if (named != NULL && named[0] != '\0')
        used = snprintf(file->path, sizeof file->path, "%s", named);
    else if (directory != NULL)
        used = snprintf(file->path, sizeof file->path, "%s/%s", directory, below_home);
    else
        return 0;
    const char *shown = diag_name(file->path, strlen(file->path), file->shown, sizeof file->shown);
    if (used < 0 || (size_t)used >= sizeof file->path)
        return diag_fault(f, EX_CONFIG, "the path %s is too long", shown);
    int fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return 0;
    if (fd < 0)
        return diag_fault_errno(f, diag_open_status(errno, EX_CONFIG), errno, "cannot open %s",
                                shown);
    int result = 1;
    struct stat status;
    if (fstat(fd, &status) < 0) {
        result = diag_fault_errno(f, EX_IOERR, errno, "cannot read %s", shown);
    } else if (status.st_size > FILE_MAX) {
        result = too_long(shown, f);
    } else {
        // A pipe has no size, nor has a file of /proc.
        size_t room = status.st_size > 0 ? (size_t)status.st_size : FILE_MAX + 1;
        file->text = wiped_malloc(room + 1);
        ssize_t n = file->text != NULL ? fdio_read_full(fd, file->text, room) : 0;
        if (file->text == NULL) {
            result = diag_fault_memory(f);
        } else if (n < 0) {
            result = diag_fault_errno(f, EX_IOERR, errno, "cannot read %s", shown);
        } else if (n > FILE_MAX) {
            result = too_long(shown, f);
        } else {
            file->size = (size_t)n;
            file->text[n] = '\0';
        }
    }
    close(fd); // opened for reading: nothing can be lost
    if (result < 0)
        config_file_free(file);
    return result;
}

void config_file_free(struct config_file *file) {
    wiped_free(file->text);
    file->text = NULL;
    file->size = 0;
}

bool config_file_list_add(struct config_file_list *list, const char *path) {
    size_t i = 0;
    for (; list->paths[i] != NULL; i++)
        if (strcmp(list->paths[i], path) == 0)
            return true;
    return i < CONFIG_FILE_LIST_MAX && (list->paths[i] = strdup(path)) != NULL;
}

void config_file_list_free(struct config_file_list *list) {
    for (size_t i = 0; i < CONFIG_FILE_LIST_MAX; i++)
        free(list->paths[i]);
}
