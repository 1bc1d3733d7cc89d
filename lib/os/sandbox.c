// SPDX-License-Identifier: Apache-2.0
#include "os/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/landlock.h>
#include <linux/netlink.h>
#include <sched.h>
#include <seccomp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static void add(struct sandbox_rules *rules, struct sandbox_grant grant) {
    if (rules->count == SANDBOX_GRANTS_MAX)
        abort(); // the number of grants of a program is fixed
    rules->grants[rules->count++] = grant;
}

void sandbox_allow(struct sandbox_rules *rules, int fd, enum sandbox_access access) {
    if (fd >= 0)
        add(rules, (struct sandbox_grant){.fd = fd, .access = access});
}

void sandbox_allow_path(struct sandbox_rules *rules, const char *path, enum sandbox_access access) {
    if (path != NULL)
        add(rules, (struct sandbox_grant){.fd = -1, .path = path, .access = access});
}

void sandbox_allow_parent(struct sandbox_rules *rules, const char *path,
                          enum sandbox_access access) {
    if (path != NULL)
        add(rules,
            (struct sandbox_grant){.fd = -1, .path = path, .parent = true, .access = access});
}

// Landlock. <linux/landlock.h> may be older than the kernel, so the additions since version 1 are
// defined here. A kernel accepts a structure larger than its own if the rest is zero.
struct ruleset {
    uint64_t files;  // LANDLOCK_ACCESS_FS_*
    uint64_t net;    // version 4
    uint64_t scoped; // version 6
};
#define FS_VERSION_1 ((LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1)
#define FS_REFER (UINT64_C(1) << 13)     // version 2
#define FS_TRUNCATE (UINT64_C(1) << 14)  // version 3
#define FS_IOCTL_DEV (UINT64_C(1) << 15) // version 5
#define NET_BIND_TCP (UINT64_C(1) << 0)
#define NET_CONNECT_TCP (UINT64_C(1) << 1)
#define SCOPE_ABSTRACT_UNIX_SOCKET (UINT64_C(1) << 0)
#define SCOPE_SIGNAL (UINT64_C(1) << 1)

// The first version that confines every way to change a file.
enum { VERSION_WHOLE = 3 };

static struct ruleset handled_by(long version, bool network) {
    struct ruleset r = {.files = FS_VERSION_1};
    if (version >= 2)
        r.files |= FS_REFER;
    if (version >= 3)
        r.files |= FS_TRUNCATE;
    if (version >= 4)
        r.net = network ? NET_BIND_TCP : NET_BIND_TCP | NET_CONNECT_TCP;
    if (version >= 5)
        r.files |= FS_IOCTL_DEV;
    if (version >= 6)
        r.scoped = SCOPE_ABSTRACT_UNIX_SOCKET | SCOPE_SIGNAL;
    return r;
}

static uint64_t rights_of(enum sandbox_access access, bool directory) {
    const uint64_t read = LANDLOCK_ACCESS_FS_READ_FILE;
    const uint64_t write = LANDLOCK_ACCESS_FS_WRITE_FILE | FS_TRUNCATE;
    const uint64_t names = LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REMOVE_FILE;
    switch (access) {
    case SANDBOX_READ:
        return directory ? read | LANDLOCK_ACCESS_FS_READ_DIR : read;
    case SANDBOX_NAMES:
        return directory ? names | LANDLOCK_ACCESS_FS_READ_DIR : 0; // opened to be synced
    case SANDBOX_FOLDERS:
        return directory ? LANDLOCK_ACCESS_FS_REMOVE_DIR : 0;
    default:
        return directory ? read | LANDLOCK_ACCESS_FS_READ_DIR | write | names |
                               LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_REMOVE_DIR |
                               FS_REFER // files are renamed from one folder to another
                         : write;
    }
}

// Returns 0 or an errno value.
static int add_grant(int ruleset, uint64_t handled, int fd, enum sandbox_access access) {
    struct stat st;
    if (fstat(fd, &st) < 0)
        return errno;
    struct landlock_path_beneath_attr beneath = {
        .allowed_access = rights_of(access, S_ISDIR(st.st_mode)) & handled, .parent_fd = fd};
    if (beneath.allowed_access == 0 ||
        syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) == 0)
        return 0;
    return errno == EBADFD ? 0 : errno; // a pipe by the name /dev/fd/N: needs no rule
}

// Returns a descriptor of the grant's file, or -1.
static int open_granted(const struct sandbox_grant *grant) {
    char directory[PATH_MAX];
    const char *slash = grant->parent ? strrchr(grant->path, '/') : NULL;
    size_t size = slash != NULL ? (size_t)(slash - grant->path) + 1 : 0;
    if (size >= sizeof directory)
        return -1;
    memcpy(directory, grant->path, size);
    directory[size] = '\0';
    return open(!grant->parent ? grant->path : size > 0 ? directory : ".", O_PATH | O_CLOEXEC);
}

static int add_grants(int ruleset, uint64_t handled, const struct sandbox_rules *rules) {
    int error = 0;
    for (unsigned i = 0; i < rules->count && error == 0; i++) {
        const struct sandbox_grant *grant = &rules->grants[i];
        int fd = grant->fd >= 0 ? grant->fd : open_granted(grant);
        if (fd < 0)
            continue; // a file that does not exist now cannot be opened later
        error = add_grant(ruleset, handled, fd, grant->access);
        if (fd != grant->fd)
            close(fd);
    }
    return error;
}

static int confine_files(const struct sandbox_rules *rules, void (*note)(const char *),
                         struct fault *f) {
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (version < 1) {
        if (note != NULL)
            note("sandbox: this kernel has no Landlock, or it is turned off: file names are not "
                 "confined");
        return 0;
    }
    if (version < VERSION_WHOLE && note != NULL) {
        char text[160];
        snprintf(
            text, sizeof text,
            "sandbox: this kernel's Landlock has version %ld, expected %d or later: truncating "
            "files is not confined",
            version, VERSION_WHOLE);
        note(text);
    }
    struct ruleset handled = handled_by(version, rules->network);
    int fd = (int)syscall(SYS_landlock_create_ruleset, &handled, sizeof handled, 0);
    int error = fd < 0 ? errno : add_grants(fd, handled.files, rules);
    if (error == 0 && syscall(SYS_landlock_restrict_self, fd, 0) < 0)
        error = errno;
    if (fd >= 0)
        close(fd);
    return error == 0 ? 0
                      : diag_fault_errno(f, EX_OSERR, error,
                                         "cannot confine the program by Landlock; with "
                                         "--no-sandbox it runs without");
}

// Calls for memory, threads, time, the process's own signals, and open descriptors: those that the
// programs and their libraries (C library, OpenSSL, libcurl) use, also in other versions.
static const int common_calls[] = {SCMP_SYS(read),
                                   SCMP_SYS(readv),
                                   SCMP_SYS(pread64),
                                   SCMP_SYS(preadv),
                                   SCMP_SYS(write),
                                   SCMP_SYS(writev),
                                   SCMP_SYS(pwrite64),
                                   SCMP_SYS(pwritev),
                                   SCMP_SYS(close),
                                   SCMP_SYS(lseek),
                                   SCMP_SYS(dup),
                                   SCMP_SYS(dup2),
                                   SCMP_SYS(dup3),
                                   SCMP_SYS(pipe2),
                                   SCMP_SYS(eventfd2),
                                   SCMP_SYS(signalfd4),
                                   SCMP_SYS(poll),
                                   SCMP_SYS(ppoll),
                                   SCMP_SYS(fstat),
                                   SCMP_SYS(newfstatat),
                                   SCMP_SYS(statx),
                                   SCMP_SYS(ftruncate),
                                   SCMP_SYS(fallocate),
                                   SCMP_SYS(fsync),
                                   SCMP_SYS(fdatasync),
                                   SCMP_SYS(sync_file_range),
                                   SCMP_SYS(fadvise64),
                                   SCMP_SYS(flock),
                                   SCMP_SYS(mmap),
                                   SCMP_SYS(munmap),
                                   SCMP_SYS(mremap),
                                   SCMP_SYS(mprotect),
                                   SCMP_SYS(madvise),
                                   SCMP_SYS(brk),
                                   SCMP_SYS(mlock),
                                   SCMP_SYS(mlock2),
                                   SCMP_SYS(munlock),
                                   SCMP_SYS(membarrier),
                                   SCMP_SYS(futex),
                                   SCMP_SYS(set_robust_list),
                                   SCMP_SYS(rseq),
                                   SCMP_SYS(exit),
                                   SCMP_SYS(exit_group),
                                   SCMP_SYS(sched_yield),
                                   SCMP_SYS(sched_getaffinity),
                                   SCMP_SYS(gettid),
                                   SCMP_SYS(getpid),
                                   SCMP_SYS(rt_sigaction),
                                   SCMP_SYS(rt_sigprocmask),
                                   SCMP_SYS(rt_sigreturn),
                                   SCMP_SYS(rt_sigtimedwait),
                                   SCMP_SYS(sigaltstack),
                                   SCMP_SYS(restart_syscall),
                                   SCMP_SYS(nanosleep),
                                   SCMP_SYS(clock_nanosleep),
                                   SCMP_SYS(clock_gettime),
                                   SCMP_SYS(gettimeofday),
                                   SCMP_SYS(time),
                                   SCMP_SYS(getrandom),
                                   SCMP_SYS(sysinfo),
                                   SCMP_SYS(uname)};

// With grants to read files.
static const int reading_calls[] = {SCMP_SYS(openat), SCMP_SYS(openat2), SCMP_SYS(getdents64)};

// If files may be created.
static const int naming_calls[] = {SCMP_SYS(mkdirat),   SCMP_SYS(unlinkat), SCMP_SYS(renameat),
                                   SCMP_SYS(renameat2), SCMP_SYS(linkat),   SCMP_SYS(readlinkat),
                                   SCMP_SYS(geteuid)};

// With a network: for libcurl, TLS, and the resolver.
static const int network_calls[] = {
    SCMP_SYS(connect),    SCMP_SYS(bind),        SCMP_SYS(sendto),      SCMP_SYS(recvfrom),
    SCMP_SYS(sendmsg),    SCMP_SYS(recvmsg),     SCMP_SYS(sendmmsg),    SCMP_SYS(getsockopt),
    SCMP_SYS(setsockopt), SCMP_SYS(getsockname), SCMP_SYS(getpeername), SCMP_SYS(shutdown),
    SCMP_SYS(select),     SCMP_SYS(pselect6),    SCMP_SYS(access),      SCMP_SYS(faccessat),
    SCMP_SYS(faccessat2), SCMP_SYS(readlink),    SCMP_SYS(readlinkat),  SCMP_SYS(getuid),
    SCMP_SYS(geteuid),    SCMP_SYS(getgid),      SCMP_SYS(getegid),     SCMP_SYS(fstatfs)};

// Calls that only an attacker's code would make.
static const int hostile_calls[] = {SCMP_SYS(execve), SCMP_SYS(execveat), SCMP_SYS(ptrace),
                                    SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev)};

static int add_calls(scmp_filter_ctx filter, uint32_t action, const int *calls, size_t count) {
    int error = 0;
    for (size_t i = 0; i < count && error == 0; i++)
        error = seccomp_rule_add_array(filter, action, calls[i], 0, NULL);
    return error;
}
#define ADD_CALLS(filter, action, calls)                                                           \
    add_calls(filter, action, calls, sizeof(calls) / sizeof(calls)[0])

// Sockets of IPv4 and IPv6; the netlink socket with which the resolver finds the machine's
// addresses; and the stream pair that libcurl's threads use (a pair of datagram sockets could send
// to any service of the machine).
static int add_sockets(scmp_filter_ctx filter) {
    enum { TYPE = 0xf }; // of a socket's type, without its flags
    int error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
                                 SCMP_A0_32(SCMP_CMP_EQ, AF_INET, 0));
    if (error == 0)
        error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
                                 SCMP_A0_32(SCMP_CMP_EQ, AF_INET6, 0));
    if (error == 0)
        error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2,
                                 SCMP_A0_32(SCMP_CMP_EQ, AF_NETLINK, 0),
                                 SCMP_A2_32(SCMP_CMP_EQ, NETLINK_ROUTE, 0));
    if (error == 0)
        error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socketpair), 2,
                                 SCMP_A0_32(SCMP_CMP_EQ, AF_UNIX, 0),
                                 SCMP_A1_32(SCMP_CMP_MASKED_EQ, TYPE, SOCK_STREAM));
    return error;
}

// The calls that are allowed only with some arguments.
static int add_conditional(scmp_filter_ctx filter, const struct sandbox_rules *rules,
                           bool writing) {
    enum { SET_VMA = 0x53564d41 }; // PR_SET_VMA, by which newer C libraries name their memory
    // The last 0 has no meaning: clang warns of initializers that leave it out.
    const struct {
        int call;
        struct scmp_arg_cmp argument;
    } some[] = {
        // Threads, not processes. clone3 has its flags in memory, which a filter cannot read; the C
        // library uses clone if clone3 fails with ENOSYS.
        {SCMP_SYS(clone), SCMP_A0_64(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD)},
        {SCMP_SYS(tgkill), SCMP_A0_32(SCMP_CMP_EQ, (uint32_t)getpid(), 0)},
        {SCMP_SYS(prlimit64), SCMP_A0_32(SCMP_CMP_EQ, 0, 0)},
        {SCMP_SYS(prctl), SCMP_A0_32(SCMP_CMP_EQ, SET_VMA, 0)},
        {SCMP_SYS(prctl), SCMP_A0_32(SCMP_CMP_EQ, PR_SET_NAME, 0)},
        {SCMP_SYS(ioctl), SCMP_A1_32(SCMP_CMP_EQ, TCGETS, 0)},
        {SCMP_SYS(ioctl), SCMP_A1_32(SCMP_CMP_EQ, TIOCGWINSZ, 0)},
        {SCMP_SYS(ioctl), SCMP_A1_32(SCMP_CMP_EQ, FIONBIO, 0)},
        {SCMP_SYS(ioctl), SCMP_A1_32(SCMP_CMP_EQ, TIOCGPGRP, 0)},
        // Not F_SETOWN and F_SETSIG: with them a descriptor can send any signal to any process.
        {SCMP_SYS(fcntl), SCMP_A1_32(SCMP_CMP_EQ, F_DUPFD, 0)},
        {SCMP_SYS(fcntl), SCMP_A1_32(SCMP_CMP_EQ, F_DUPFD_CLOEXEC, 0)},
        {SCMP_SYS(fcntl), SCMP_A1_32(SCMP_CMP_EQ, F_GETFD, 0)},
        {SCMP_SYS(fcntl), SCMP_A1_32(SCMP_CMP_EQ, F_SETFD, 0)},
        {SCMP_SYS(fcntl), SCMP_A1_32(SCMP_CMP_EQ, F_GETFL, 0)},
        {SCMP_SYS(fcntl), SCMP_A1_32(SCMP_CMP_EQ, F_SETFL, 0)},
        {SCMP_SYS(fcntl), SCMP_A1_32(SCMP_CMP_EQ, F_GETPIPE_SZ, 0)},
        {SCMP_SYS(fcntl), SCMP_A1_32(SCMP_CMP_EQ, F_SETPIPE_SZ, 0)},
    };
    int error = 0;
    for (size_t i = 0; i < sizeof some / sizeof some[0] && error == 0; i++)
        error = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, some[i].call, 1, &some[i].argument);
    if (error == 0 && writing) // an empty file (rename.h), not a device
        error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mknodat), 1,
                                 SCMP_A2_32(SCMP_CMP_MASKED_EQ, S_IFMT, S_IFREG));
    return error == 0 && rules->network ? add_sockets(filter) : error;
}

// Returns 0 or a negative errno value.
static int fill_filter(scmp_filter_ctx filter, const struct sandbox_rules *rules) {
    bool writing = false;
    for (unsigned i = 0; i < rules->count; i++)
        writing = writing || rules->grants[i].access != SANDBOX_READ;
    // For threads that a library has already started. It does not matter if the kernel cannot do
    // this: the program has no threads of its own yet.
    (void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
    // A call of another ABI ends the whole program: others would wait for a thread that ended.
    (void)seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    // A search tree: loading a plain list of so many calls would take longer than everything else
    // here.
    int error = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    if (error == 0)
        error = ADD_CALLS(filter, SCMP_ACT_ALLOW, common_calls);
    if (error == 0)
        error = ADD_CALLS(filter, SCMP_ACT_KILL_PROCESS, hostile_calls);
    if (error == 0 && rules->count > 0)
        error = ADD_CALLS(filter, SCMP_ACT_ALLOW, reading_calls);
    if (error == 0 && writing)
        error = ADD_CALLS(filter, SCMP_ACT_ALLOW, naming_calls);
    if (error == 0 && rules->network)
        error = ADD_CALLS(filter, SCMP_ACT_ALLOW, network_calls);
    return error == 0 ? add_conditional(filter, rules, writing) : error;
}

static int confine_calls(const struct sandbox_rules *rules, void (*note)(const char *),
                         struct fault *f) {
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
    if (filter == NULL)
        return diag_fault_memory(f);
    // libseccomp first checks whether the kernel supports the actions of a rule.
    int error = fill_filter(filter, rules);
    if (error == 0)
        error = seccomp_load(filter);
    if (error != 0 && note != NULL)
        note("sandbox: this kernel takes no seccomp filter: system calls are not confined");
    seccomp_release(filter);
    return 0;
}

int sandbox_enter(const struct sandbox_rules *rules, void (*note)(const char *text),
                  struct fault *f) {
#ifdef XBPIPE_NO_SANDBOX
    // A build for tests, under a sanitizer or counting lines, which needs calls of its own.
    (void)rules, (void)note, (void)f, (void)confine_files, (void)confine_calls;
    return 0;
#else
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return diag_fault_errno(f, EX_OSERR, errno, "cannot give up new privileges");
    return confine_files(rules, note, f) < 0 ? -1 : confine_calls(rules, note, f);
#endif
}
