// SPDX-License-Identifier: Apache-2.0
// All programs that need no network as one executable. It is the program whose name it is called
// by, through a link, or the one that its first argument names. PROGRAMS, a list of
// PROGRAM(function, "name"), comes from the Makefile.
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#define PROGRAM(function, name) int main_##function(int argc, char **argv);
PROGRAMS
#undef PROGRAM

static const struct {
    const char *name;
    int (*main)(int argc, char **argv);
} programs[] = {
#define PROGRAM(function, name) {name, main_##function},
    PROGRAMS
#undef PROGRAM
};

enum { COUNT = sizeof programs / sizeof *programs };

static void list(FILE *to) {
    fprintf(to, "Usage: xbpipe PROGRAM [ARGUMENT...], or a link to xbpipe with a program's name\n"
                "Programs:");
    for (size_t i = 0; i < COUNT; i++)
        fprintf(to, " %s", programs[i].name);
    fprintf(to, "\nEach has --help.\n");
}

// The status of the program `name`, or -1 if there is none.
static int call(const char *name, int argc, char **argv) {
    for (size_t i = 0; i < COUNT; i++)
        if (strcmp(name, programs[i].name) == 0) {
            program_invocation_name = argv[0];
            program_invocation_short_name = argv[0] + strlen(argv[0]) - strlen(name);
            return programs[i].main(argc, argv);
        }
    return -1;
}

int main(int argc, char **argv) {
    int status = argc > 0 ? call(program_invocation_short_name, argc, argv) : -1;
    if (status < 0 && argc > 1)
        status = call(argv[1], argc - 1, argv + 1);
    if (status >= 0)
        return status;
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        list(stdout);
        return fflush(stdout) == 0 ? EX_OK : EX_IOERR;
    }
    if (argc > 1 && strcmp(argv[1], "--version") == 0) {
        printf("xbpipe %s\n", XBPIPE_VERSION);
        return fflush(stdout) == 0 ? EX_OK : EX_IOERR;
    }
    // What was given may be a key: it is not shown.
    if (argc > 1)
        fprintf(stderr, "xbpipe: there is no such program here\n");
    list(stderr);
    return EX_USAGE;
}
