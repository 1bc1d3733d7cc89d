// SPDX-License-Identifier: Apache-2.0
// The sandbox from inside: what the rules grant works, and every way out that was thought of is
// refused. Each case runs in a process of its own, which cannot leave again.
#include "os/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

// Below the test's directory: inside/ with file and sub/, outside/ with file, and link in inside/
// that leads to outside/.
static char directory[] = "/tmp/xbpipe-test-XXXXXX";
static long landlock; // version

static void make_file(const char *path) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0 && write(fd, "text", 4) == 4);
    close(fd);
}

static int set_up(void **state) {
    (void)state;
    landlock = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (mkdtemp(directory) == NULL || chdir(directory) < 0 || mkdir("inside", 0700) < 0 ||
        mkdir("inside/sub", 0700) < 0 || mkdir("outside", 0700) < 0 ||
        symlink("../outside", "inside/link") < 0)
        return -1;
    make_file("inside/file");
    make_file("outside/file");
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    char command[100];
    snprintf(command, sizeof command, "rm -rf %s", directory);
    return system(command);
}

// ---- What a case does inside. If a check fails, its line is the exit status.
static int failed_line;
#define CHECK(condition) (void)((condition) || failed_line != 0 || (failed_line = __LINE__))
#define REFUSED(call, ...)                                                                         \
    do {                                                                                           \
        errno = 0;                                                                                 \
        long result_ = (long)(call);                                                               \
        const int allowed_[] = {__VA_ARGS__};                                                      \
        bool as_expected_ = false;                                                                 \
        for (size_t i_ = 0; i_ < sizeof allowed_ / sizeof allowed_[0]; i_++)                       \
            as_expected_ = as_expected_ || errno == allowed_[i_];                                  \
        CHECK(result_ == -1 && as_expected_);                                                      \
    } while (0)

// Runs `inside` in a process of its own and returns its wait status, with its output passed on.
static int in_process(void (*inside)(void)) {
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct rlimit none = {0, 0};
        setrlimit(RLIMIT_CORE, &none);
        inside();
        _exit(failed_line != 0 ? 1 + failed_line % 200 : 0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

// Skips the test in a build under a sanitizer, or one that counts lines.
static void need_sandbox(void) {
#ifdef XBPIPE_NO_SANDBOX
    print_message("skipped: this build has no sandbox\n");
    skip();
#endif
    const uint32_t action = SECCOMP_RET_ERRNO;
    if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) < 0 && errno == ENOSYS) {
        print_message("skipped: this kernel, or qemu-user, has no seccomp\n");
        skip();
    }
}

// The lines of this file are more than a status has values: what matters is that it is 0.
static void check_inside(void (*inside)(void)) {
    need_sandbox();
    int status = in_process(inside);
    if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
        print_message("the check on a line that is %d (modulo 200) failed\n",
                      WEXITSTATUS(status) - 1);
    assert_int_equal(status, 0);
}

static void no_note(const char *text) {
    (void)text;
    failed_line = __LINE__;
}

static void enter(const struct sandbox_rules *rules) {
    struct fault f = {.text = ""};
    CHECK(sandbox_enter(rules, landlock >= 3 ? no_note : NULL, &f) == 0);
}

static void check_no_processes_and_sockets(bool network) {
#ifdef SYS_fork // newer processors have clone only
    REFUSED(syscall(SYS_fork), ENOSYS);
    REFUSED(syscall(SYS_vfork), ENOSYS);
#endif
    REFUSED(fork(), EPERM, ENOSYS);
    REFUSED(kill(getppid(), 0), ENOSYS);
    REFUSED(syscall(SYS_tgkill, getppid(), getppid(), 0), ENOSYS);
    REFUSED(socket(AF_UNIX, SOCK_STREAM, 0), ENOSYS);
    REFUSED(socket(AF_PACKET, SOCK_RAW, 0), ENOSYS);
    if (!network) {
        REFUSED(socket(AF_INET, SOCK_STREAM, 0), ENOSYS);
        REFUSED(socket(AF_INET6, SOCK_DGRAM, 0), ENOSYS);
    }
    REFUSED(ioctl(0, TIOCSTI, "x"), ENOSYS);
    int ends[2]; // a write into a pipe is a signal for whom its owner is
    CHECK(pipe(ends) == 0 && fcntl(ends[0], F_SETFL, O_NONBLOCK | O_ASYNC) == 0);
    REFUSED(fcntl(ends[0], F_SETOWN, getppid()), ENOSYS);
    REFUSED(fcntl(ends[0], F_SETOWN_EX, &(struct f_owner_ex){F_OWNER_PID, getppid()}), ENOSYS);
    REFUSED(fcntl(ends[0], F_SETSIG, SIGKILL), ENOSYS);
    CHECK(fcntl(ends[0], F_DUPFD_CLOEXEC, 0) >= 0 && fcntl(ends[0], F_GETFD) >= 0);
    REFUSED(mprotect(NULL, 0, 0) == 0 ? prctl(PR_SET_DUMPABLE, 1) : 0, ENOSYS);
    REFUSED(chdir("/"), ENOSYS);
    REFUSED(chmod("inside/file", 0777), ENOSYS);
    REFUSED(symlink("/", "inside/root"), ENOSYS);
    REFUSED(mknod("inside/fifo", S_IFIFO | 0600, 0), ENOSYS);
}

static void *start_nothing(void *argument) {
    return argument;
}

static void inside_without_files(void) {
    int fd = open("inside/file", O_RDWR);
    struct sandbox_rules rules = {.network = false};
    enter(&rules);
    char text[4];
    CHECK(read(fd, text, 4) == 4 && memcmp(text, "text", 4) == 0); // open before
    CHECK(ftruncate(fd, 2) == 0 && pwrite(fd, "text", 4, 0) == 4);
    REFUSED(open("inside/file", O_RDONLY), EACCES, ENOSYS);
    REFUSED(open("/etc/passwd", O_RDONLY), EACCES, ENOSYS);
    REFUSED(open("new", O_WRONLY | O_CREAT, 0600), EACCES, ENOSYS);
    REFUSED(unlink("inside/file"), EACCES, ENOSYS);
    REFUSED(unlinkat(AT_FDCWD, "inside/file", 0), EACCES, ENOSYS);
    REFUSED(truncate("inside/file", 0), EACCES, ENOSYS);
    check_no_processes_and_sockets(false);
    pthread_t thread; // threads are what programs are allowed
    CHECK(pthread_create(&thread, NULL, start_nothing, NULL) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
          MAP_FAILED);
}

static void test_without_files(void **state) {
    (void)state;
    check_inside(inside_without_files);
}

static void inside_directory(void) {
    struct sandbox_rules rules = {.network = false};
    int dir = open("inside", O_RDONLY | O_DIRECTORY);
    int out = open("outside", O_RDONLY | O_DIRECTORY); // held, as an attacker may find one
    sandbox_allow(&rules, dir, SANDBOX_WRITE);
    sandbox_allow(&rules, -1, SANDBOX_WRITE);
    enter(&rules);
    int fd = openat(dir, "new", O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    CHECK(fd >= 0 && write(fd, "text", 4) == 4 && ftruncate(fd, 1) == 0 && fsync(fd) == 0);
    CHECK(mkdirat(dir, "made", 0700) == 0);
    CHECK(renameat2(dir, "new", dir, "renamed", RENAME_NOREPLACE) == 0);
    CHECK(linkat(dir, "renamed", dir, "linked", 0) == 0);
    CHECK(unlinkat(dir, "linked", 0) == 0 && unlinkat(dir, "renamed", 0) == 0);
    if (landlock >= 1) {
        REFUSED(open("outside/file", O_RDONLY), EACCES);
        REFUSED(open("outside/file", O_WRONLY), EACCES);
        REFUSED(open("/etc/passwd", O_RDONLY), EACCES);
        REFUSED(open("/etc", O_RDONLY | O_DIRECTORY), EACCES);
        REFUSED(open("new", O_WRONLY | O_CREAT, 0600), EACCES);
        REFUSED(openat(dir, "../outside/file", O_RDONLY), EACCES);
        REFUSED(openat(dir, "link/file", O_RDONLY), EACCES);
        REFUSED(openat(dir, "link/new", O_WRONLY | O_CREAT, 0600), EACCES);
        REFUSED(openat(out, "file", O_RDONLY), EACCES);
        REFUSED(renameat(dir, "file", out, "stolen"), EACCES, EXDEV);
        REFUSED(renameat(out, "file", dir, "fetched"), EACCES, EXDEV);
        REFUSED(linkat(out, "file", dir, "fetched", 0), EACCES, EXDEV);
        REFUSED(linkat(dir, "file", out, "stolen", 0), EACCES, EXDEV);
        REFUSED(unlinkat(out, "file", 0), EACCES);
        REFUSED(mkdirat(out, "made", 0700), EACCES);
    }
    REFUSED(symlinkat("/", dir, "root"), ENOSYS);
    check_no_processes_and_sockets(false);
}

static void test_directory(void **state) {
    (void)state;
    check_inside(inside_directory);
    assert_int_equal(access("outside/file", R_OK), 0);
}

static void inside_names(void) {
    int dir = open("inside", O_PATH | O_DIRECTORY);
    int fd = openat(dir, "temporary", O_RDWR | O_CREAT, 0600);
    struct sandbox_rules rules = {.network = false};
    sandbox_allow(&rules, dir, SANDBOX_NAMES);
    enter(&rules);
    CHECK(write(fd, "text", 4) == 4);
    CHECK(renameat(dir, "temporary", dir, "final") == 0 && unlinkat(dir, "final", 0) == 0);
    if (landlock >= 1) {
        REFUSED(openat(dir, "file", O_RDONLY), EACCES);
        REFUSED(openat(dir, "file", O_WRONLY), EACCES);
        REFUSED(openat(dir, "other", O_WRONLY | O_CREAT, 0600), EACCES);
        REFUSED(mkdirat(dir, "folder", 0700), EACCES);
    }
}

static void test_names(void **state) {
    (void)state;
    check_inside(inside_names);
}

static void inside_paths(void) {
    struct sandbox_rules rules = {.network = false};
    int ends[2];
    char of_pipe[40];
    CHECK(pipe(ends) == 0);
    snprintf(of_pipe, sizeof of_pipe, "/dev/fd/%d", ends[0]);
    sandbox_allow_path(&rules, "inside/file", SANDBOX_READ);
    sandbox_allow_path(&rules, "inside/link", SANDBOX_READ); // the directory outside
    sandbox_allow_path(&rules, "/nowhere", SANDBOX_READ);
    sandbox_allow_path(&rules, NULL, SANDBOX_READ);
    sandbox_allow_path(&rules, of_pipe, SANDBOX_READ); // as -f <(key) names it
    sandbox_allow_parent(&rules, "inside/sub/x", SANDBOX_WRITE);
    enter(&rules);
    CHECK(open("inside/file", O_RDONLY) >= 0);
    CHECK(open("outside/file", O_RDONLY) >= 0);
    CHECK(open("inside/sub/x", O_RDWR | O_CREAT, 0600) >= 0);
    CHECK(open(of_pipe, O_RDONLY) >= 0);
    if (landlock >= 1) {
        REFUSED(open("inside/file", O_WRONLY), EACCES);
        REFUSED(open("outside/new", O_WRONLY | O_CREAT, 0600), EACCES);
        REFUSED(open("inside/new", O_WRONLY | O_CREAT, 0600), EACCES);
        REFUSED(open("/etc/passwd", O_RDONLY), EACCES);
    }
}

static void test_paths(void **state) {
    (void)state;
    check_inside(inside_paths);
}

static void inside_network(void) {
    struct sandbox_rules rules = {.network = true};
    enter(&rules);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0);
    struct sockaddr_in loopback = {.sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (landlock >= 4)
        REFUSED(bind(fd, (struct sockaddr *)&loopback, sizeof loopback), EACCES);
    REFUSED(listen(fd, 1), ENOSYS);
    int pair[2]; // libcurl's; of datagrams, one could send to any socket that has a name
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
    REFUSED(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), ENOSYS);
    REFUSED(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), ENOSYS);
    CHECK(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE) >= 0); // getaddrinfo's
    REFUSED(socket(AF_NETLINK, SOCK_RAW, NETLINK_AUDIT), ENOSYS);
    REFUSED(open("/etc/passwd", O_RDONLY), EACCES, ENOSYS);
    check_no_processes_and_sockets(true);
}

static void test_network(void **state) {
    (void)state;
    check_inside(inside_network);
}

// ---- The calls that end the program.
static void enter_empty(void) {
    struct sandbox_rules rules = {.network = false};
    enter(&rules);
}

static void run_program(void) {
    enter_empty();
    execl("/bin/true", "true", (char *)NULL);
}

static void trace_parent(void) {
    enter_empty();
    ptrace(PTRACE_ATTACH, getppid(), NULL, NULL);
}

static void read_parent(void) {
    enter_empty();
    syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0);
}

#if defined __x86_64__ && !defined __ILP32__
// A call of another ABI, by a thread beside which the program would go on.
static void *call_by_x32(void *argument) {
    syscall(0x40000000 | SYS_getppid);
    return argument;
}

static void use_x32(void) {
    enter_empty();
    pthread_t thread;
    if (pthread_create(&thread, NULL, call_by_x32, NULL) == 0)
        pthread_join(thread, NULL);
}
#endif

static void test_hostile_calls(void **state) {
    (void)state;
    need_sandbox();
    static void (*const calls[])(void) = {
        run_program,
        trace_parent,
        read_parent,
#if defined __x86_64__ && !defined __ILP32__
        use_x32
#endif
    };
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        int status = in_process(calls[i]);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), SIGSYS);
    }
}

// ---- Threads that are there already.
static pthread_barrier_t barrier;
static int thread_error;

static void *try_socket(void *argument) {
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    if (socket(AF_INET, SOCK_STREAM, 0) < 0)
        thread_error = errno;
    return argument;
}

static void inside_thread(void) {
    pthread_t thread;
    pthread_barrier_init(&barrier, NULL, 2);
    CHECK(pthread_create(&thread, NULL, try_socket, NULL) == 0);
    pthread_barrier_wait(&barrier);
    enter_empty();
    pthread_barrier_wait(&barrier);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK(thread_error == ENOSYS);
}

static void test_running_thread(void **state) {
    (void)state;
    check_inside(inside_thread);
}

// ---- If the kernel has less.
static char noted[400];

static void note(const char *text) {
    size_t used = strlen(noted);
    snprintf(noted + used, sizeof noted - used, "%s\n", text);
}

// Makes one call fail with ENOSYS; if `first` is not 0, only if that is its first argument.
static void take_call_away(uint32_t call, uint32_t first) {
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args)),
        BPF_JUMP(BPF_JMP | (first == 0 ? BPF_JGE : BPF_JEQ) | BPF_K, first, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof filter / sizeof filter[0], .filter = filter};
    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

static void inside_without_landlock(void) {
    struct sandbox_rules rules = {.network = false};
    struct fault f;
    sandbox_allow_path(&rules, "inside", SANDBOX_WRITE);
    take_call_away(SYS_landlock_create_ruleset, 0);
    CHECK(sandbox_enter(&rules, note, &f) == 0);
    CHECK(strcmp(noted, "sandbox: this kernel has no Landlock, or it is turned off: file names are "
                        "not confined\n") == 0);
    CHECK(open("inside/file", O_RDONLY) >= 0);
    CHECK(open("outside/file", O_RDONLY) >= 0); // this is what is lacking
    REFUSED(truncate("inside/file", 0), ENOSYS);
    REFUSED(socket(AF_INET, SOCK_STREAM, 0), ENOSYS);
}

static void test_without_landlock(void **state) {
    (void)state;
    check_inside(inside_without_landlock);
}

static void inside_without_either(void) {
    struct sandbox_rules rules = {.network = false};
    struct fault f;
    take_call_away(SYS_landlock_create_ruleset, 0);
    take_call_away(SYS_seccomp, 0);
    take_call_away(SYS_prctl, PR_SET_SECCOMP);
    CHECK(sandbox_enter(&rules, NULL, &f) == 0); // nobody to tell
    CHECK(sandbox_enter(&rules, note, &f) == 0);
    CHECK(strstr(noted, "\nsandbox: this kernel takes no seccomp filter: system calls are not "
                        "confined\n") != NULL);
}

static void test_without_either(void **state) {
    (void)state;
    check_inside(inside_without_either);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_files),  cmocka_unit_test(test_directory),
        cmocka_unit_test(test_names),          cmocka_unit_test(test_paths),
        cmocka_unit_test(test_network),        cmocka_unit_test(test_hostile_calls),
        cmocka_unit_test(test_running_thread), cmocka_unit_test(test_without_landlock),
        cmocka_unit_test(test_without_either),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
