// SPDX-License-Identifier: Apache-2.0
#include "secret/secret.h"

#include "os/fdio.h"
#include "os/noclobber.h"
#include "secret/key_hint.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

// The secure heap is made at the first use: room for keys and the reply of a key service (at most
// 64 KiB, and its decoded form), not for data.
enum { HEAP_SIZE = 1 << 18, HEAP_UNIT = 32 };

void secret_forbid_core_dumps(void) {
    // A limit of 0 holds only for files; 1 also keeps the kernel from piping a dump to a collector.
    // A process that may not raise a limit of 0 (LimitCORE=0 of systemd) turns dumps off this way,
    // which also hides /proc.
    if (setrlimit(RLIMIT_CORE, &(struct rlimit){1, 1}) < 0)
        (void)prctl(PR_SET_DUMPABLE, 0);
}

static void release_heap(void) {
    if (CRYPTO_secure_malloc_initialized())
        CRYPTO_secure_malloc_done(); // does nothing while a secret is still held
}

static void make_heap(void) {
    // libcrypto releases the heap at exit only if another part of it was used.
    if (atexit(release_heap) == 0)
        CRYPTO_secure_malloc_init(HEAP_SIZE,
                                  HEAP_UNIT); // if this fails, malloc is used, with cleansing
}

int secret_new(struct secret *s, size_t capacity, struct fault *f) {
    *s = SECRET_NONE;
    if (!CRYPTO_secure_malloc_initialized()) {
        secret_forbid_core_dumps();
        make_heap();
    }
    s->data = OPENSSL_secure_zalloc(capacity);
    if (s->data == NULL)
        return diag_fault_memory(f);
    s->capacity = capacity;
    return 0;
}

void secret_free(struct secret *s) {
    OPENSSL_secure_clear_free(s->data, s->capacity);
    *s = SECRET_NONE;
}

static int read_fd(struct secret *s, int fd, const char *name, size_t limit, struct fault *f) {
    if (secret_new(s, limit + 1, f) < 0)
        return -1;
    struct stat st;
    s->exposed =
        fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & (S_IRGRP | S_IROTH)) != 0;
    noclobber_add(fd);
    ssize_t n = fdio_read_full(fd, s->data, limit + 1);
    if (n < 0) {
        secret_free(s);
        return diag_fault_errno(f, EX_IOERR, errno, "cannot read %s", name);
    }
    if ((size_t)n > limit) {
        secret_free(s);
        return diag_fault(f, EX_DATAERR, "%s: too long: expected at most %zu bytes", name, limit);
    }
    s->size = (size_t)n;
    return 0;
}

int secret_read_file(struct secret *s, const char *path, size_t limit, const char *what,
                     struct fault *f) {
    *s = SECRET_NONE;
    char name[300];
    const char *shown = diag_shown(path, 200);
    snprintf(name, sizeof name, "%s %s", what, shown);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ENAMETOOLONG) &&
        key_hint_is_key(path))
        return diag_fault(f, EX_NOINPUT,
                          "cannot open %s: there is no file of that name, which is not shown here "
                          "since it looks like a key; write the key into a file, and give its name",
                          what);
    if (fd < 0)
        return diag_fault_errno(f, diag_open_status(errno, EX_NOINPUT), errno, "cannot open %s",
                                name);
    int result = read_fd(s, fd, name, limit, f);
    close(fd); // opened for reading: nothing can be lost
    return result;
}

char *secret_exposed_write(const char *what, const char *path,
                           char out[static SECRET_EXPOSED_SIZE]) {
    const char *shown = diag_shown(path, 200);
    snprintf(out, SECRET_EXPOSED_SIZE, "%s %s can be read by others: chmod 600 %s", what, shown,
             shown);
    return out;
}

void secret_forget_env(const char *name) {
    char *value = getenv(name);
    if (value == NULL)
        return;
    OPENSSL_cleanse(value, strlen(value));
    unsetenv(name);
}

int secret_from_env(struct secret *s, const char *name, size_t limit, struct fault *f) {
    *s = SECRET_NONE;
    char *value = getenv(name);
    if (value == NULL || value[0] == '\0')
        return 0;
    size_t size = strlen(value);
    int result = 1;
    if (size > limit) {
        result = diag_fault(f, EX_DATAERR,
                            "environment variable %s: too long: expected at most %zu bytes", name,
                            limit);
    } else if (secret_new(s, size, f) < 0) {
        result = -1;
    } else {
        memcpy(s->data, value, size);
        s->size = size;
    }
    secret_forget_env(name);
    return result;
}
