// SPDX-License-Identifier: Apache-2.0
#include "file/filelist.h"

#include "base/member_name.h"
#include "base/names.h"
#include "file/outdir.h"
#include "os/noclobber.h"
#include "os/temporary.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct filelist {
    const struct filelist_settings *settings;
    struct names *names; // of the files; a value marks those that are in `files`
    struct name **files;
    size_t count, room;
};

// A name that grows and shrinks while folders are read; "" is the directory itself.
struct path {
    size_t size;
    char bytes[MEMBER_NAME_MAX + 1];
};

struct entry {
    unsigned char type; // DT_REG and so on
    char name[];
};

int filelist_new(struct filelist **list, const struct filelist_settings *settings,
                 struct fault *f) {
    *list = calloc(1, sizeof **list);
    if (*list == NULL)
        return diag_fault_memory(f);
    (*list)->settings = settings;
    return 0;
}

void filelist_free(struct filelist *list) {
    if (list == NULL)
        return;
    names_free(list->names);
    free(list->files);
    free(list);
}

size_t filelist_count(const struct filelist *list) {
    return list->count;
}

const char *filelist_name(const struct filelist *list, size_t i, size_t *size) {
    *size = list->files[i]->size;
    return list->files[i]->bytes;
}

// Adds the components of `name` except "." to the path. Returns 0; or -1 and *f.
static int extend(struct path *p, const char *name, size_t size, struct fault *f) {
    const char *end = name + size;
    for (const char *component = name; component < end;) {
        const char *slash = memchr(component, '/', (size_t)(end - component));
        const char *stop = slash != NULL ? slash : end;
        size_t length = (size_t)(stop - component);
        if (length > 0 && !(length == 1 && component[0] == '.')) {
            if (p->size + 1 + length > MEMBER_NAME_MAX)
                return diag_fault(f, EX_DATAERR,
                                  "refused member name \"%s\": it is longer than %d bytes",
                                  diag_shown_name(name, size, 200), MEMBER_NAME_MAX);
            if (p->size > 0)
                p->bytes[p->size++] = '/';
            memcpy(p->bytes + p->size, component, length);
            p->size += length;
            p->bytes[p->size] = '\0';
        }
        component = stop + 1;
    }
    return 0;
}

static void shorten(struct path *p, size_t size) {
    p->size = size;
    p->bytes[size] = '\0';
}

// Checks the name of the file, and that it fits into the archive with its suffix. A file never has
// the name with the suffix, so its last component may be longer than a file system allows.
static int check_name(const struct filelist *list, const struct path *p, struct fault *f) {
    if (outdir_check_name(p->bytes, p->size, f) < 0)
        return -1;
    if (p->size + strlen(list->settings->suffix) <= MEMBER_NAME_MAX)
        return 0;
    return diag_fault(f, EX_DATAERR, "refused member name \"%s%s\": it is longer than %d bytes",
                      diag_shown_name(p->bytes, p->size, 200), list->settings->suffix,
                      MEMBER_NAME_MAX);
}

// Adds a name once.
static int add_name(struct filelist *list, const char *bytes, size_t size, struct fault *f) {
    if (list->count == list->room) {
        size_t room = list->room > 0 ? 2 * list->room : 64;
        struct name **files = reallocarray(list->files, room, sizeof(struct name *));
        if (files == NULL)
            return diag_fault_memory(f);
        list->files = files;
        list->room = room;
    }
    struct name *name = names_add(&list->names, bytes, size);
    if (name == NULL)
        return diag_fault_memory(f);
    if (name->value == NULL) {
        name->value = list;
        list->files[list->count++] = name;
    }
    return 0;
}

static int add_file(struct filelist *list, const struct path *p, struct fault *f) {
    return check_name(list, p, f) < 0 ? -1 : add_name(list, p->bytes, p->size, f);
}

static int add_empty_folder(struct filelist *list, const struct path *p, struct fault *f) {
    if (list->settings->folders) {
        char bytes[MEMBER_NAME_MAX + 1];
        if (check_name(list, p, f) < 0)
            return -1;
        memcpy(bytes, p->bytes, p->size);
        bytes[p->size] = '/';
        return add_name(list, bytes, p->size + 1, f);
    }
    if (list->settings->empty_folder != NULL)
        list->settings->empty_folder(diag_shown_name(p->bytes, p->size, 256));
    return 0;
}

static int refuse(const struct filelist *list, const struct path *p, unsigned char type,
                  struct fault *f) {
    const char *what = type == DT_LNK    ? "a symbolic link"
                       : type == DT_SOCK ? "a socket"
                       : type == DT_FIFO ? "a named pipe"
                                         : "a device";
    return diag_fault(f, EX_DATAERR,
                      "%s: it is %s, which %s cannot hold; name the files to pack, "
                      "or list them in a file for --files-from",
                      diag_shown_name(p->bytes, p->size, 256), what, list->settings->archive);
}

// True for a temporary file of a program of this toolkit, which holds a part of a file.
static bool is_temporary(const struct entry *entry) {
    return entry->type == DT_REG && temporary_is_name(entry->name, strlen(entry->name));
}

static int compare_entries(const void *a, const void *b) {
    return strcmp((*(struct entry *const *)a)->name, (*(struct entry *const *)b)->name);
}

struct folder {
    struct entry **entries;
    size_t count, room;
};

static void free_folder(struct folder *folder) {
    for (size_t i = 0; i < folder->count; i++)
        free(folder->entries[i]);
    free(folder->entries);
}

static int add_entry(struct folder *folder, const char *name, unsigned char type) {
    if (folder->count == folder->room) {
        size_t room = folder->room > 0 ? 2 * folder->room : 64;
        struct entry **entries = reallocarray(folder->entries, room, sizeof(struct entry *));
        if (entries == NULL)
            return -1;
        folder->entries = entries;
        folder->room = room;
    }
    size_t size = strlen(name) + 1;
    struct entry *entry = malloc(sizeof *entry + size);
    if (entry == NULL)
        return -1;
    entry->type = type;
    memcpy(entry->name, name, size);
    folder->entries[folder->count++] = entry;
    return 0;
}

// Finds the type of an entry if the file system does not give it. Returns 0; or -1 with errno.
static int look(int fd, const struct dirent *d, unsigned char *type) {
    struct stat st;
    *type = d->d_type;
    if (*type != DT_UNKNOWN)
        return 0;
    if (fstatat(fd, d->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return -1;
    *type = (unsigned char)IFTODT(st.st_mode);
    return 0;
}

// Reads the folder that `p` names, open as `dir`.
static int read_folder(struct folder *folder, DIR *dir, const struct path *p, struct fault *f) {
    const struct dirent *d;
    while (errno = 0, (d = readdir(dir)) != NULL) {
        if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
            continue;
        unsigned char type;
        if (look(dirfd(dir), d, &type) < 0)
            break;
        if (add_entry(folder, d->d_name, type) < 0)
            return diag_fault_memory(f);
    }
    if (errno != 0) {
        int error = errno;
        const char *name = p->size > 0 ? diag_shown_name(p->bytes, p->size, 256) : ".";
        return diag_fault_errno(f, EX_IOERR, error, "cannot read folder %s", name);
    }
    if (folder->count > 0)
        qsort(folder->entries, folder->count, sizeof(struct entry *), compare_entries);
    return 0;
}

static int add_folder(struct filelist *list, struct path *p, int fd, struct fault *f);

static int add_entries(struct filelist *list, struct path *p, DIR *dir, const struct folder *folder,
                       struct fault *f) {
    size_t size = p->size;
    int result = 0;
    for (size_t i = 0; i < folder->count && result == 0; i++) {
        const struct entry *entry = folder->entries[i];
        if (is_temporary(entry))
            continue;
        result = extend(p, entry->name, strlen(entry->name), f);
        if (result < 0)
            break;
        if (entry->type == DT_DIR) {
            int fd =
                openat(dirfd(dir), entry->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
            result = fd < 0 ? indir_fault(p->bytes, errno, f) : add_folder(list, p, fd, f);
        } else {
            result = entry->type == DT_REG ? add_file(list, p, f) : refuse(list, p, entry->type, f);
        }
        shorten(p, size);
    }
    return result;
}

// Adds the content of the folder `p`, open at fd, and closes fd. Its recursion is limited by the
// components of a name of at most MEMBER_NAME_MAX bytes.
static int add_folder(struct filelist *list, struct path *p, int fd, struct fault *f) {
    DIR *dir = fdopendir(fd);
    if (dir == NULL) {
        close(fd);
        return diag_fault_memory(f);
    }
    struct folder folder = {0};
    int result = read_folder(&folder, dir, p, f);
    if (result == 0)
        result = add_entries(list, p, dir, &folder, f);
    if (result == 0 && folder.count == 0 && p->size > 0)
        result = add_empty_folder(list, p, f);
    free_folder(&folder);
    closedir(dir);
    return result;
}

int filelist_add(struct filelist *list, const char *name, size_t size, struct fault *f) {
    struct path p = {0};
    if (size == 0 || name[0] == '/' || memchr(name, '\0', size) != NULL)
        return outdir_check_name(name, size, f);
    if (extend(&p, name, size, f) < 0 || (p.size > 0 && outdir_check_name(p.bytes, p.size, f) < 0))
        return -1;
    const char *opened = p.size > 0 ? p.bytes : ".";
    int fd = indir_open_file(list->settings->dir, opened, O_PATH, f);
    if (fd < 0)
        return -1;
    struct stat st;
    int looked = fstat(fd, &st), error = errno;
    close(fd);
    if (looked < 0)
        return indir_fault(opened, error, f);
    if (S_ISREG(st.st_mode))
        return add_file(list, &p, f);
    if (!S_ISDIR(st.st_mode))
        return refuse(list, &p, (unsigned char)IFTODT(st.st_mode), f);
    fd = indir_open_file(list->settings->dir, opened, O_RDONLY | O_DIRECTORY, f);
    return fd < 0 ? -1 : add_folder(list, &p, fd, f);
}

static int add_lines(struct filelist *list, FILE *file, const char *shown, int end,
                     struct fault *f) {
    char *line = NULL;
    size_t room = 0;
    ssize_t n;
    int result = 0;
    noclobber_add(fileno(file));
    while (result == 0 && (errno = 0, n = getdelim(&line, &room, end, file)) > 0) {
        size_t size = (size_t)n;
        if (line[size - 1] == end)
            size--;
        if (size > 0)
            result = filelist_add(list, line, size, f);
    }
    if (result == 0 && (ferror(file) || errno == ENOMEM))
        result = diag_fault_errno(f, errno == ENOMEM ? EX_OSERR : EX_IOERR, errno, "cannot read %s",
                                  shown);
    free(line);
    return result;
}

int filelist_add_from(struct filelist *list, const char *path, bool null, struct fault *f) {
    const char *shown = diag_shown(path, 256);
    if (strcmp(path, "-") == 0)
        return add_lines(list, stdin, "standard input", null ? '\0' : '\n', f);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return diag_fault_errno(f, diag_open_status(errno, EX_NOINPUT), errno, "cannot open %s",
                                shown);
    int result = add_lines(list, file, shown, null ? '\0' : '\n', f);
    fclose(file);
    return result;
}
