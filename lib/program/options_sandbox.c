// SPDX-License-Identifier: Apache-2.0
#include "program/options_sandbox.h"

#include <stddef.h>

enum { KEY_NO_SANDBOX = 0x4401 };

static error_t parse_sandbox(int key, char *arg, struct argp_state *state) {
    (void)arg;
    if (key != KEY_NO_SANDBOX)
        return ARGP_ERR_UNKNOWN;
    *(bool *)state->input = true;
    return 0;
}

static const struct argp_option sandbox_options[] = {
    {"no-sandbox", KEY_NO_SANDBOX, NULL, 0,
     "Do not confine the program to what it needs (see SECURITY in xbpipe(7))", 0},
    {0}};
const struct argp options_sandbox_argp = {.options = sandbox_options, .parser = parse_sandbox};

int options_sandbox_enter(bool no_sandbox, bool verbose, const struct sandbox_rules *rules,
                          struct fault *f) {
    return no_sandbox ? 0 : sandbox_enter(rules, verbose ? diag_note_text : NULL, f);
}
