// SPDX-License-Identifier: Apache-2.0
// To be preloaded into a program: counts its calls by class, makes the requested call fail, and
// searches, when the program ends, for leaks: memory, descriptors, secrets. See inject.h.
//
// Functions that are only counted or made to fail are defined with six integer parameters, whatever
// they really have: the calling conventions of x86-64 and AArch64 pass that many in registers, so
// they are passed on unchanged.
#include "inject.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <ucontext.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))
#define CALLER ((uintptr_t)__builtin_return_address(0))

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *memory);

enum { DESCRIPTORS = 256 };
// Of a stream of glibc: a call failed; there may be something that is not yet written.
enum { STREAM_ERROR = 0x20, STREAM_WRITES = 0x800 };

static struct inject *shared; // NULL: nothing is requested
static bool active;           // main has begun, and the checks at the end have not

// ---- The caller

static struct range { uintptr_t start, end; } program, c_library, seccomp_library;

static int note_range(struct dl_phdr_info *info, size_t size, void *context) {
    (void)size, (void)context;
    struct range *range = program.end == 0                                    ? &program
                          : strstr(info->dlpi_name, "/libc.so") != NULL       ? &c_library
                          : strstr(info->dlpi_name, "/libseccomp.so") != NULL ? &seccomp_library
                                                                              : NULL;
    if (range == NULL)
        return 0;
    range->start = UINTPTR_MAX;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[i];
        if (p->p_type != PT_LOAD)
            continue;
        uintptr_t start = info->dlpi_addr + p->p_vaddr, end = start + p->p_memsz;
        range->start = start < range->start ? start : range->start;
        range->end = end > range->end ? end : range->end;
    }
    return 0;
}

static bool is_in(const struct range *range, uintptr_t address) {
    return address >= range->start && address < range->end;
}

static bool is_library(uintptr_t caller) {
    return !is_in(&program, caller) && !is_in(&c_library, caller);
}

// ---- Counting and failing

static void note_fired(const char *name, uintptr_t caller, bool loses) {
    if (shared->fired[0] != '\0')
        return;
    strncpy(shared->fired, name, INJECT_NAME - 1);
    shared->by_library = is_library(caller);
    shared->loses = loses;
}

// Counts a call. True if it is the one; errno is then set for a failure.
static bool strikes(enum inject_class class, const char *name, uintptr_t caller, bool loses) {
    if (!active)
        return false;
    uint64_t number =
        atomic_fetch_add_explicit(&shared->counts[class], 1, memory_order_relaxed) + 1;
    if (shared->class != class || shared->at == 0 || number < shared->at ||
        (number > shared->at && shared->mode != INJECT_FROM_HERE))
        return false;
    note_fired(name, caller, loses);
    errno = shared->mode == INJECT_INTERRUPTED ? EINTR : shared->error;
    return true;
}

static void *real(const char *name) {
    void *function = dlsym(RTLD_NEXT, name);
    if (function == NULL) {
        fprintf(stderr, "inject: %s: not found\n", name);
        abort();
    }
    return function;
}

// The C library's syscall(), for calls that must not be counted.
static long (*raw_found)(long number, ...);

static long (*find_raw(void))(long, ...) {
    if (raw_found == NULL)
        raw_found = (long (*)(long, ...))real("syscall");
    return raw_found;
}
#define raw(...) find_raw()(__VA_ARGS__)

typedef long function6(long, long, long, long, long, long);

// A function that fails by returning `failed`.
#define COUNTED(class, name, failed)                                                               \
    EXPORT long counted_##name(long a, long b, long c, long d, long e, long f) __asm__(#name);     \
    long counted_##name(long a, long b, long c, long d, long e, long f) {                          \
        static function6 *next;                                                                    \
        if (next == NULL)                                                                          \
            next = (function6 *)real(#name);                                                       \
        if (strikes(class, #name, CALLER, false))                                                  \
            return failed;                                                                         \
        return next(a, b, c, d, e, f);                                                             \
    }

// ---- Memory

enum { BLOCKS = 1 << 15 };
static struct block {
    void *memory; // NULL: free; TAKEN: was used
    uintptr_t caller;
} blocks[BLOCKS];
static pthread_mutex_t blocks_lock = PTHREAD_MUTEX_INITIALIZER;
static char was_used;
#define TAKEN ((void *)&was_used)

static size_t slot_of(const void *memory) {
    return ((uintptr_t)memory >> 4) * 0x9e3779b97f4a7c15u >> (64 - 15);
}

static void *remember(void *memory, uintptr_t caller) {
    if (!active || memory == NULL)
        return memory;
    pthread_mutex_lock(&blocks_lock);
    for (size_t i = slot_of(memory), n = 0; n < BLOCKS; i = (i + 1) % BLOCKS, n++)
        if (blocks[i].memory == NULL || blocks[i].memory == TAKEN) {
            blocks[i] = (struct block){memory, caller};
            break;
        }
    pthread_mutex_unlock(&blocks_lock);
    return memory;
}

static void forget(const void *memory) {
    if (memory == NULL || shared == NULL)
        return;
    pthread_mutex_lock(&blocks_lock);
    for (size_t i = slot_of(memory), n = 0; n < BLOCKS && blocks[i].memory != NULL;
         i = (i + 1) % BLOCKS, n++)
        if (blocks[i].memory == memory) {
            blocks[i].memory = TAKEN;
            break;
        }
    pthread_mutex_unlock(&blocks_lock);
}

// Notes for whom the C library has allocated that.
static void *adopt(void *memory, uintptr_t caller) {
    if (memory != NULL && active) {
        int error = errno;
        forget(memory);
        remember(memory, caller);
        errno = error;
    }
    return memory;
}

// libseccomp crashes, or goes on for ever, if most of its thousands of allocations fail; it
// works before any input is looked at or output made.
static bool memory_strikes(const char *name, uintptr_t caller) {
    if (is_in(&seccomp_library, caller))
        return false;
    return strikes(is_library(caller) ? INJECT_LIBRARY_MEMORY : INJECT_MEMORY, name, caller, false);
}

EXPORT void *malloc(size_t size) {
    return memory_strikes("malloc", CALLER) ? NULL : remember(__libc_malloc(size), CALLER);
}

EXPORT void *calloc(size_t count, size_t size) {
    return memory_strikes("calloc", CALLER) ? NULL : remember(__libc_calloc(count, size), CALLER);
}

static void *reallocate(void *memory, size_t size, uintptr_t caller) {
    forget(memory);
    void *moved = __libc_realloc(memory, size);
    return remember(moved, caller);
}

EXPORT void *realloc(void *memory, size_t size) {
    return memory_strikes("realloc", CALLER) ? NULL : reallocate(memory, size, CALLER);
}

EXPORT void *reallocarray(void *memory, size_t count, size_t size) {
    size_t total;
    if (__builtin_mul_overflow(count, size, &total) || memory_strikes("reallocarray", CALLER))
        return NULL;
    return reallocate(memory, total, CALLER);
}

EXPORT int posix_memalign(void **memory, size_t alignment, size_t size) {
    if (memory_strikes("posix_memalign", CALLER))
        return ENOMEM;
    *memory = remember(__libc_memalign(alignment, size), CALLER);
    return *memory != NULL ? 0 : ENOMEM;
}

EXPORT void *aligned_alloc(size_t alignment, size_t size) {
    return memory_strikes("aligned_alloc", CALLER)
               ? NULL
               : remember(__libc_memalign(alignment, size), CALLER);
}

EXPORT void free(void *memory) {
    forget(memory);
    __libc_free(memory);
}

EXPORT char *strdup(const char *text) {
    size_t size = strlen(text) + 1;
    char *copy = memory_strikes("strdup", CALLER) ? NULL : remember(__libc_malloc(size), CALLER);
    return copy != NULL ? memcpy(copy, text, size) : NULL;
}

EXPORT char *strndup(const char *text, size_t most) {
    size_t size = strnlen(text, most);
    char *copy =
        memory_strikes("strndup", CALLER) ? NULL : remember(__libc_malloc(size + 1), CALLER);
    if (copy == NULL)
        return NULL;
    copy[size] = '\0';
    return memcpy(copy, text, size);
}

extern int __vasprintf_chk(char **out, int flag, const char *format, va_list arguments);

// The program's asprintf.
EXPORT int __asprintf_chk(char **out, int flag, const char *format, ...);
int __asprintf_chk(char **out, int flag, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int size = __vasprintf_chk(out, flag, format, arguments);
    va_end(arguments);
    if (size >= 0)
        adopt(*out, CALLER);
    return size;
}

COUNTED(INJECT_MAP, mmap, (long)MAP_FAILED)

// ---- Descriptors

static bool partial(void) {
    return shared->mode == INJECT_SHORT;
}

EXPORT ssize_t read(int fd, void *data, size_t size) {
    if (!strikes(INJECT_READ, "read", CALLER, false))
        return raw(SYS_read, fd, data, size);
    return partial() ? raw(SYS_read, fd, data, size > 0 ? 1 : 0) : -1;
}

EXPORT ssize_t pread(int fd, void *data, size_t size, off_t offset) {
    if (!strikes(INJECT_READ, "pread", CALLER, false))
        return raw(SYS_pread64, fd, data, size, offset);
    return partial() ? raw(SYS_pread64, fd, data, size > 0 ? 1 : 0, offset) : -1;
}

static atomic_bool written[DESCRIPTORS];
static uint8_t open_at_start[DESCRIPTORS];

// Output for a user to watch may be lost.
static bool is_for_progress(int fd) {
    return fd != STDOUT_FILENO && fd >= 0 && fd < DESCRIPTORS && open_at_start[fd];
}

static bool write_strikes(int fd, const char *name, uintptr_t caller) {
    if (fd >= 0 && fd < DESCRIPTORS)
        written[fd] = true;
    return !is_for_progress(fd) && strikes(INJECT_WRITE, name, caller, true);
}

EXPORT ssize_t write(int fd, const void *data, size_t size) {
    if (!write_strikes(fd, "write", CALLER))
        return raw(SYS_write, fd, data, size);
    return partial() ? raw(SYS_write, fd, data, size > 0 ? 1 : 0) : -1;
}

EXPORT ssize_t pwrite(int fd, const void *data, size_t size, off_t offset) {
    if (!write_strikes(fd, "pwrite", CALLER))
        return raw(SYS_pwrite64, fd, data, size, offset);
    return partial() ? raw(SYS_pwrite64, fd, data, size > 0 ? 1 : 0, offset) : -1;
}

EXPORT ssize_t writev(int fd, const struct iovec *pieces, int count) {
    if (!write_strikes(fd, "writev", CALLER))
        return raw(SYS_writev, fd, pieces, count);
    return partial() ? raw(SYS_write, fd, pieces[0].iov_base, 1) : -1;
}

EXPORT ssize_t pwritev(int fd, const struct iovec *pieces, int count, off_t offset) {
    if (!write_strikes(fd, "pwritev", CALLER))
        return raw(SYS_pwritev, fd, pieces, count, offset, 0);
    return partial() ? raw(SYS_pwrite64, fd, pieces[0].iov_base, 1, offset) : -1;
}

// Through the C library's streams, which do not call the functions above.
EXPORT ssize_t getdelim(char **line, size_t *room, int end, FILE *stream) {
    static ssize_t (*next)(char **, size_t *, int, FILE *);
    if (next == NULL)
        next = (ssize_t(*)(char **, size_t *, int, FILE *))real("getdelim");
    if (!strikes(INJECT_READ, "getdelim", CALLER, false) || shared->mode != INJECT_FAIL) {
        ssize_t size = next(line, room, end, stream);
        adopt(*line, CALLER);
        return size;
    }
    stream->_flags |= STREAM_ERROR;
    return -1;
}

EXPORT char *fgets(char *line, int size, FILE *stream) {
    static char *(*next)(char *, int, FILE *);
    if (next == NULL)
        next = (char *(*)(char *, int, FILE *))real("fgets");
    // Of the C library's own and the kernel's files the program can do without.
    if (!active || !strikes(INJECT_READ, "fgets", CALLER, false) || shared->mode != INJECT_FAIL)
        return next(line, size, stream);
    stream->_flags |= STREAM_ERROR;
    return NULL;
}

// fclose writes the data that is still buffered.
EXPORT int fclose(FILE *stream) {
    static int (*next)(FILE *);
    if (next == NULL)
        next = (int (*)(FILE *))real("fclose");
    bool writes = (stream->_flags & STREAM_WRITES) != 0 && fileno(stream) >= 0;
    bool strikes_now = writes && strikes(INJECT_WRITE, "fclose", CALLER, true) &&
                       (shared->mode == INJECT_FAIL || shared->mode == INJECT_FROM_HERE);
    int error = errno;
    int result = next(stream);
    if (!strikes_now)
        return result;
    errno = error;
    return EOF;
}

// A file may report by the close of the descriptor that it was written through that data was lost.
static bool is_written_file(int fd) {
    struct stat st;
    return fd >= 0 && fd < DESCRIPTORS && atomic_exchange(&written[fd], false) &&
           raw(SYS_fstat, fd, &st) == 0 && S_ISREG(st.st_mode);
}

EXPORT int close(int fd) {
    bool strikes_now = strikes(INJECT_CLOSE, "close", CALLER, is_written_file(fd));
    int error = errno;
    int result = (int)raw(SYS_close, fd); // it is closed in any case, as Linux does it
    if (!strikes_now)
        return result;
    errno = error;
    return -1;
}

static int sync_call(long number, const char *name, int fd, uintptr_t caller) {
    return strikes(INJECT_SYNC, name, caller, true) ? -1 : (int)raw(number, fd);
}

EXPORT int fsync(int fd) {
    return sync_call(SYS_fsync, "fsync", fd, CALLER);
}

EXPORT int fdatasync(int fd) {
    return sync_call(SYS_fdatasync, "fdatasync", fd, CALLER);
}

EXPORT int syncfs(int fd) {
    return sync_call(SYS_syncfs, "syncfs", fd, CALLER);
}

static int open_file(int folder, const char *path, int flags, mode_t mode, const char *name,
                     uintptr_t caller) {
    if (strikes(INJECT_OPEN, name, caller, false))
        return -1;
    return (int)raw(SYS_openat, folder, path, flags, mode);
}

static mode_t mode_of(int flags, va_list arguments) {
    return (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(arguments, mode_t)
                                                                      : 0;
}

EXPORT int open(const char *path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = mode_of(flags, arguments);
    va_end(arguments);
    return open_file(AT_FDCWD, path, flags, mode, "open", CALLER);
}

EXPORT int openat(int folder, const char *path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = mode_of(flags, arguments);
    va_end(arguments);
    return open_file(folder, path, flags, mode, "openat", CALLER);
}

EXPORT int __open_2(const char *path, int flags);
int __open_2(const char *path, int flags) {
    return open_file(AT_FDCWD, path, flags, 0, "open", CALLER);
}

EXPORT int __openat_2(int folder, const char *path, int flags);
int __openat_2(int folder, const char *path, int flags) {
    return open_file(folder, path, flags, 0, "openat", CALLER);
}

// The program calls openat2, which the C library does not have, by syscall().
EXPORT long syscall(long number, ...) {
    va_list arguments;
    va_start(arguments, number);
    long a[6];
    for (size_t i = 0; i < 6; i++)
        a[i] = va_arg(arguments, long);
    va_end(arguments);
    if (number == SYS_openat2 && strikes(INJECT_OPEN, "openat2", CALLER, false))
        return -1;
    return raw(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

EXPORT int fcntl(int fd, int command, ...) {
    va_list arguments;
    va_start(arguments, command);
    long argument = va_arg(arguments, long);
    va_end(arguments);
    bool duplicates = command == F_DUPFD || command == F_DUPFD_CLOEXEC;
    if (duplicates ? strikes(INJECT_DUPLICATE, "fcntl", CALLER, false)
                   : command == F_SETPIPE_SZ && strikes(INJECT_HINT, "fcntl", CALLER, false))
        return -1;
    return (int)raw(SYS_fcntl, fd, command, argument);
}

COUNTED(INJECT_RENAME, rename, -1)
COUNTED(INJECT_RENAME, renameat, -1)
COUNTED(INJECT_RENAME, renameat2, -1)
COUNTED(INJECT_RENAME, linkat, -1)
COUNTED(INJECT_STAT, stat, -1)
COUNTED(INJECT_STAT, fstat, -1)
COUNTED(INJECT_STAT, fstatat, -1)
COUNTED(INJECT_STAT, lstat, -1)
COUNTED(INJECT_STAT, readdir, 0)

// A failure to open what the kernel says of itself is not the program's.
EXPORT FILE *fopen(const char *path, const char *mode) {
    static FILE *(*next)(const char *, const char *);
    if (next == NULL)
        next = (FILE * (*)(const char *, const char *)) real("fopen");
    bool hint = strncmp(path, "/proc/", 6) == 0 || strncmp(path, "/sys/", 5) == 0;
    return strikes(hint ? INJECT_HINT : INJECT_OPEN, "fopen", CALLER, false)
               ? NULL
               : adopt(next(path, mode), CALLER);
}

EXPORT FILE *fdopen(int fd, const char *mode) {
    static FILE *(*next)(int, const char *);
    if (next == NULL)
        next = (FILE * (*)(int, const char *)) real("fdopen");
    return strikes(INJECT_DUPLICATE, "fdopen", CALLER, false) ? NULL
                                                              : adopt(next(fd, mode), CALLER);
}

EXPORT FILE *open_memstream(char **bytes, size_t *size) {
    static FILE *(*next)(char **, size_t *);
    if (next == NULL)
        next = (FILE * (*)(char **, size_t *)) real("open_memstream");
    return adopt(next(bytes, size), CALLER);
}

EXPORT DIR *fdopendir(int fd) {
    static DIR *(*next)(int);
    if (next == NULL)
        next = (DIR * (*)(int)) real("fdopendir");
    return strikes(INJECT_STAT, "fdopendir", CALLER, false) ? NULL : adopt(next(fd), CALLER);
}

COUNTED(INJECT_DUPLICATE, dup, -1)
COUNTED(INJECT_DUPLICATE, pipe2, -1)
COUNTED(INJECT_DUPLICATE, eventfd, -1)
COUNTED(INJECT_DUPLICATE, signalfd, -1)
COUNTED(INJECT_RESIZE, ftruncate, -1)
COUNTED(INJECT_FOLDER, mkdir, -1)
COUNTED(INJECT_FOLDER, mkdirat, -1)
COUNTED(INJECT_RANDOM, getrandom, -1)
COUNTED(INJECT_THREAD, pthread_create, EAGAIN)
COUNTED(INJECT_PROCESS, posix_spawn, EAGAIN)
COUNTED(INJECT_PROCESS, waitpid, -1)

COUNTED(INJECT_NETWORK, socket, -1)
COUNTED(INJECT_NETWORK, socketpair, -1)
COUNTED(INJECT_NETWORK, connect, -1)
COUNTED(INJECT_NETWORK, send, -1)
COUNTED(INJECT_NETWORK, sendto, -1)
COUNTED(INJECT_NETWORK, recv, -1)
COUNTED(INJECT_NETWORK, recvfrom, -1)
COUNTED(INJECT_NETWORK, getsockopt, -1)
COUNTED(INJECT_NETWORK, setsockopt, -1)
COUNTED(INJECT_NETWORK, getsockname, -1)
COUNTED(INJECT_NETWORK, getpeername, -1)
COUNTED(INJECT_NETWORK, getaddrinfo, EAI_AGAIN)

// A program's own is for progress.
EXPORT int poll(struct pollfd *descriptors, nfds_t count, int timeout) {
    static int (*next)(struct pollfd *, nfds_t, int);
    if (next == NULL)
        next = (int (*)(struct pollfd *, nfds_t, int))real("poll");
    return strikes(is_library(CALLER) ? INJECT_NETWORK : INJECT_HINT, "poll", CALLER, false)
               ? -1
               : next(descriptors, count, timeout);
}

// If a file's holes cannot be found they count as data, which makes another archive.
EXPORT off_t lseek(int fd, off_t offset, int whence) {
    bool holes = whence == SEEK_DATA || whence == SEEK_HOLE;
    return !holes && strikes(INJECT_STAT, "lseek", CALLER, false)
               ? -1
               : raw(SYS_lseek, fd, offset, whence);
}

// A file system has locks or has none.
EXPORT int flock(int fd, int operation) {
    static atomic_bool no_locks;
    if (strikes(INJECT_HINT, "flock", CALLER, false))
        no_locks = true;
    if (!no_locks)
        return (int)raw(SYS_flock, fd, operation);
    errno = ENOLCK;
    return -1;
}

COUNTED(INJECT_HINT, madvise, -1)
COUNTED(INJECT_HINT, mlock, -1)
COUNTED(INJECT_HINT, mprotect, -1)
COUNTED(INJECT_HINT, posix_fadvise, EINVAL)
COUNTED(INJECT_HINT, sync_file_range, -1)
COUNTED(INJECT_HINT, setrlimit, -1)
COUNTED(INJECT_HINT, getrlimit, -1)
COUNTED(INJECT_HINT, sched_getaffinity, -1)

// ---- Ciphers, digests, decompressors

COUNTED(INJECT_CIPHER, EVP_CIPHER_fetch, 0)
COUNTED(INJECT_CIPHER, EVP_CIPHER_CTX_new, 0)
COUNTED(INJECT_CIPHER, EVP_CIPHER_CTX_ctrl, 0)
COUNTED(INJECT_CIPHER, EVP_CipherInit_ex2, 0)
COUNTED(INJECT_CIPHER, EVP_CipherUpdate, 0)
COUNTED(INJECT_CIPHER, EVP_EncryptInit_ex2, 0)
COUNTED(INJECT_CIPHER, EVP_EncryptUpdate, 0)
COUNTED(INJECT_CIPHER, EVP_EncryptFinal_ex, 0)
COUNTED(INJECT_CIPHER, EVP_DecryptInit_ex2, 0)
COUNTED(INJECT_CIPHER, EVP_DecryptUpdate, 0)
COUNTED(INJECT_CIPHER, EVP_DecryptFinal_ex, 0)
COUNTED(INJECT_CIPHER, EVP_MD_fetch, 0)
COUNTED(INJECT_CIPHER, EVP_MD_CTX_new, 0)
COUNTED(INJECT_CIPHER, EVP_Digest, 0)
COUNTED(INJECT_CIPHER, EVP_DigestInit_ex, 0)
COUNTED(INJECT_CIPHER, EVP_DigestInit_ex2, 0)
COUNTED(INJECT_CIPHER, EVP_DigestUpdate, 0)
COUNTED(INJECT_CIPHER, EVP_DigestFinal_ex, 0)
COUNTED(INJECT_CIPHER, EVP_KDF_fetch, 0)
COUNTED(INJECT_CIPHER, EVP_KDF_CTX_new, 0)
COUNTED(INJECT_CIPHER, EVP_KDF_derive, 0)
COUNTED(INJECT_CIPHER, EVP_PKEY_CTX_new, 0)
COUNTED(INJECT_CIPHER, EVP_PKEY_CTX_set_rsa_padding, 0)
COUNTED(INJECT_CIPHER, EVP_PKEY_CTX_set_rsa_oaep_md, 0)
COUNTED(INJECT_CIPHER, EVP_PKEY_CTX_set_rsa_mgf1_md, 0)
COUNTED(INJECT_CIPHER, EVP_PKEY_decrypt_init, 0)
COUNTED(INJECT_CIPHER, EVP_PKEY_decrypt, 0)
COUNTED(INJECT_CIPHER, PEM_read_bio_PrivateKey, 0)
COUNTED(INJECT_CIPHER, d2i_PrivateKey_bio, 0)
COUNTED(INJECT_CIPHER, BIO_new_mem_buf, 0)
COUNTED(INJECT_CIPHER, CRYPTO_secure_zalloc, 0)
COUNTED(INJECT_CIPHER, OPENSSL_init_crypto, 0)
COUNTED(INJECT_HINT, CRYPTO_secure_malloc_init, 0)

// Its seventh parameter is not passed in a register everywhere.
EXPORT uint8_t *HMAC(const void *digest, const void *key, int key_size, const uint8_t *data,
                     size_t size, uint8_t *out, unsigned *out_size);
uint8_t *HMAC(const void *digest, const void *key, int key_size, const uint8_t *data, size_t size,
              uint8_t *out, unsigned *out_size) {
    static uint8_t *(*next)(const void *, const void *, int, const uint8_t *, size_t, uint8_t *,
                            unsigned *);
    if (next == NULL)
        next = (uint8_t * (*)(const void *, const void *, int, const uint8_t *, size_t, uint8_t *,
                              unsigned *)) real("HMAC");
    return strikes(INJECT_CIPHER, "HMAC", CALLER, false)
               ? NULL
               : next(digest, key, key_size, data, size, out, out_size);
}

// Gives the same bytes in every run, so that what is encrypted can be compared.
EXPORT int RAND_bytes(unsigned char *bytes, int size);
int RAND_bytes(unsigned char *bytes, int size) {
    static int (*next)(unsigned char *, int);
    if (next == NULL)
        next = (int (*)(unsigned char *, int))real("RAND_bytes");
    if (strikes(INJECT_CIPHER, "RAND_bytes", CALLER, false) || next(bytes, size) != 1)
        return 0;
    if (!shared->chance)
        memset(bytes, 0x5a, (size_t)size);
    return 1;
}

// The libraries' error codes, those of the first two negated.
enum { LZ4F_NO_MEMORY = -9, ZSTD_NO_MEMORY = -64, ZLIB_NO_MEMORY = -4 };
COUNTED(INJECT_CIPHER, LZ4F_createDecompressionContext, LZ4F_NO_MEMORY)
COUNTED(INJECT_CIPHER, LZ4F_decompress, LZ4F_NO_MEMORY)
COUNTED(INJECT_CIPHER, LZ4F_compressFrame, LZ4F_NO_MEMORY)
COUNTED(INJECT_CIPHER, ZSTD_createCCtx, 0)
COUNTED(INJECT_CIPHER, ZSTD_compress2, ZSTD_NO_MEMORY)
COUNTED(INJECT_CIPHER, ZSTD_createDCtx, 0)
COUNTED(INJECT_CIPHER, ZSTD_decompressStream, ZSTD_NO_MEMORY)
COUNTED(INJECT_CIPHER, inflateInit2_, ZLIB_NO_MEMORY)
COUNTED(INJECT_CIPHER, inflate, ZLIB_NO_MEMORY)

// ---- The beginning and the end

static bool is_open(int fd) {
    return raw(SYS_fcntl, fd, F_GETFD) >= 0;
}

// Of files of /proc/self: at its end the program may be shut in, and can open nothing. Their
// numbers are ones that the program's own do not come to.
static int maps_fd = -1, pagemap_fd = -1;
enum { OWN_FDS = DESCRIPTORS - 4, PAGES = 512 };

static int open_own(const char *path) {
    int fd = (int)raw(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    int own = (int)raw(SYS_fcntl, fd, F_DUPFD_CLOEXEC, OWN_FDS);
    raw(SYS_close, fd);
    return own;
}

static void look_for_secrets_at(const uint8_t *start, const uint8_t *stop, const char *name) {
    static uint8_t needle[INJECT_SECRET_MAX];
    for (unsigned n = 0; n < INJECT_SECRETS; n++) {
        size_t size = shared->secrets[n].size;
        for (size_t i = 0; i < size; i++)
            needle[i] = (uint8_t)~shared->secrets[n].inverted[i];
        const uint8_t *at = start;
        while (size > 0 && at < stop &&
               (at = memmem(at, (size_t)(stop - at), needle, size)) != NULL) {
            if (at != needle) {
                shared->secret = n + 1;
                snprintf(shared->secret_place, sizeof shared->secret_place, "%.30s", name);
            }
            at++;
        }
        explicit_bzero(needle, sizeof needle);
    }
}

// Searches only existing pages: stacks of threads are large, and mostly untouched.
static bool look_for_secrets_in(uintptr_t start, uintptr_t end, const char *name) {
    static uint64_t entries[PAGES];
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uintptr_t from = 0; // of a run of pages; 0: none
    while (start < end) {
        size_t count = (end - start) / page < PAGES ? (end - start) / page : PAGES;
        ssize_t size = (ssize_t)(count * sizeof entries[0]);
        if (raw(SYS_pread64, pagemap_fd, entries, size, start / page * sizeof entries[0]) != size)
            return false;
        for (size_t i = 0; i < count; i++, start += page) {
            bool there = entries[i] >> 62 != 0; // in memory or swapped out
            if (there && from == 0)
                from = start;
            if (!there && from != 0)
                look_for_secrets_at((const uint8_t *)from, (const uint8_t *)start, name);
            if (!there)
                from = 0;
        }
    }
    if (from != 0)
        look_for_secrets_at((const uint8_t *)from, (const uint8_t *)end, name);
    return true;
}

// Looks for the secrets in all memory that can be written.
static void look_for_secrets(void) {
    FILE *maps = maps_fd >= 0 ? fdopen(maps_fd, "re") : NULL;
    char line[512];
    bool good = maps != NULL;
    while (good && fgets(line, sizeof line, maps) != NULL) {
        uintptr_t start, end;
        char access[5], name[300] = "";
        if (sscanf(line, "%lx-%lx %4s %*s %*s %*s %299s", &start, &end, access, name) >= 3 &&
            access[0] == 'r' && access[1] == 'w' && strncmp(name, "[v", 2) != 0)
            good = look_for_secrets_in(start, end, name);
    }
    shared->searched = good && feof(maps);
}

static void look(void) {
    if (!active)
        return;
    active = false;
    for (int fd = 0; fd < DESCRIPTORS; fd++)
        if (!open_at_start[fd] && is_open(fd))
            shared->descriptors++;
    for (size_t i = 0; i < BLOCKS; i++) {
        if (blocks[i].memory == NULL || blocks[i].memory == TAKEN)
            continue;
        if (!is_in(&program, blocks[i].caller))
            shared->library_blocks++;
        else if (shared->own_blocks++ == 0)
            shared->own_offset = blocks[i].caller - program.start;
    }
    look_for_secrets();
    shared->ended = true;
}

__attribute__((destructor)) static void at_exit(void) {
    look();
}

EXPORT void _exit(int status) {
    look();
    for (;;)
        raw(SYS_exit_group, status);
}

// The access is made again after this, and ends the program.
static void note_crash(int signal_number, siginfo_t *info, void *context) {
    (void)signal_number;
#if defined(__x86_64__)
    uintptr_t at = (uintptr_t)((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
    uintptr_t at = (uintptr_t)((ucontext_t *)context)->uc_mcontext.pc;
#endif
    Dl_info found;
    if (!is_library(at) || dladdr((void *)at, &found) == 0)
        return;
    const char *slash = strrchr(found.dli_fname, '/');
    shared->crash_address = (uintptr_t)info->si_addr;
    snprintf(shared->crash_place, sizeof shared->crash_place, "%s %s",
             slash != NULL ? slash + 1 : found.dli_fname,
             found.dli_sname != NULL ? found.dli_sname : "(no name)");
}

static int (*program_main)(int, char **, char **);

static int begin_main(int argc, char **argv, char **environment) {
    if (shared != NULL) {
        maps_fd = open_own("/proc/self/maps");
        pagemap_fd = open_own("/proc/self/pagemap");
    }
    for (int fd = 0; fd < DESCRIPTORS; fd++)
        open_at_start[fd] = is_open(fd);
    active = shared != NULL;
    struct sigaction crash = {.sa_sigaction = note_crash,
                              .sa_flags = (int)(SA_SIGINFO | SA_RESETHAND)};
    if (active)
        sigaction(SIGSEGV, &crash, NULL);
    return program_main(argc, argv, environment);
}

EXPORT int __libc_start_main(int (*main)(int, char **, char **), int argc, char **argv,
                             void (*init)(void), void (*fini)(void), void (*rtld_fini)(void),
                             void *stack_end);
int __libc_start_main(int (*main)(int, char **, char **), int argc, char **argv, void (*init)(void),
                      void (*fini)(void), void (*rtld_fini)(void), void *stack_end) {
    int (*next)(int (*)(int, char **, char **), int, char **, void (*)(void), void (*)(void),
                void (*)(void), void *) =
        (int (*)(int (*)(int, char **, char **), int, char **, void (*)(void), void (*)(void),
                 void (*)(void), void *))real("__libc_start_main");
    const char *path = getenv(INJECT_VARIABLE);
    int fd = path != NULL ? (int)raw(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0) : -1;
    if (fd >= 0) {
        // 0L: this one is given on the stack, where the upper half of an int may be anything.
        long map = raw(SYS_mmap, NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0L);
        shared = map != -1 ? (struct inject *)map : NULL;
        raw(SYS_close, fd);
    }
    unsetenv(INJECT_VARIABLE);
    unsetenv("LD_PRELOAD"); // not for children
    dl_iterate_phdr(note_range, NULL);
    program_main = main;
    return next(begin_main, argc, argv, init, fini, rtld_fini, stack_end);
}
