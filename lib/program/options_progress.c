// SPDX-License-Identifier: Apache-2.0
#include "program/options_progress.h"

#include "program/options_parse.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

enum { KEY_PROGRESS = 0x4201, KEY_NO_PROGRESS, KEY_JSON };

static error_t parse_option(int key, char *arg, struct argp_state *state) {
    struct progress_options *o = state->input;
    sigset_t usr1;
    char *end;
    long fd;
    switch (key) {
    case ARGP_KEY_INIT:
        *o = (struct progress_options){.json = -1};
        progress_block_signal(
            &usr1); // it may arrive before progress_begin, and would end the program
        return 0;
    case KEY_PROGRESS:
    case KEY_NO_PROGRESS:
        o->wanted = key == KEY_PROGRESS;
        o->unwanted = key == KEY_NO_PROGRESS;
        return 0;
    case KEY_JSON:
        errno = 0;
        fd = strtol(arg, &end, 10);
        if (errno != 0 || end == arg || *end != '\0' || fd < 1 || fd > INT32_MAX)
            argp_error(state, "--json-progress=%s: expected the number of a descriptor",
                       options_parse_shown(arg));
        int flags = fcntl((int)fd, F_GETFL);
        if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY)
            argp_error(state, "--json-progress=%s: that descriptor is not open for writing", arg);
        o->json = (int)fd;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option option_list[] = {
    {"progress", KEY_PROGRESS, NULL, 0,
     "Print the progress on standard error once a second (the default on a terminal)", 0},
    {"no-progress", KEY_NO_PROGRESS, NULL, 0, "Print no progress, even on a terminal", 0},
    {"json-progress", KEY_JSON, "FD", 0, "Write the progress as lines of JSON to descriptor FD", 0},
    {0}};
const struct argp options_progress_argp = {.options = option_list, .parser = parse_option};
