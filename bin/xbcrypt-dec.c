// SPDX-License-Identifier: Apache-2.0
// xbcrypt-dec: xbcrypt chunks on standard input, plaintext on standard output.
#include "format/xbcrypt_dec.h"
#include "program/command_line.h"
#include "program/salvage_report.h"
#include "program/xbcrypt_filter.h"

#include <string.h>

enum { KEY_STRICT = 1, KEY_NO_STRICT };

struct options {
    struct xbcrypt_options common;
    uint64_t max_chunk;
    bool accept_random;
    struct salvage_options salvage;
};

static error_t parse_option(int key, char *arg, struct argp_state *state) {
    struct options *o = state->input;
    (void)arg;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &o->common;
        state->child_inputs[1] = &o->max_chunk;
        state->child_inputs[2] = &o->salvage;
        return 0;
    case 'd':
    case 's':
        return 0;
    case KEY_STRICT:
        o->accept_random = false;
        return 0;
    case KEY_NO_STRICT:
        o->accept_random = true;
        return 0;
    case ARGP_KEY_END:
        if (o->salvage.report != NULL && strcmp(o->salvage.report, "-") == 0 &&
            (o->common.output.path == NULL || strcmp(o->common.output.path, "-") == 0))
            argp_error(state, "--report=-: standard output is where the data go; use -o FILE");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option option_list[] = {
    {"strict", KEY_STRICT, NULL, 0,
     "Versions 1 and 2: fail, before any output, if the key looks wrong (the default)",
     OPTIONS_GROUP_DECODE},
    {"no-strict", KEY_NO_STRICT, NULL, 0,
     "Versions 1 and 2: only warn if the key looks wrong; for data that is random by nature",
     OPTIONS_GROUP_DECODE},
    {NULL, 0, NULL, 0, "Damage and limits:", OPTIONS_GROUP_CHECK},
    {"decrypt", 'd', NULL, 0, "This is what the program does", OPTIONS_GROUP_ORIGINAL},
    {"encrypt-chunk-size", 's', "SIZE", 0, "Has no effect", OPTIONS_GROUP_ORIGINAL},
    {0}};

static const struct argp_child children[] = {{&xbcrypt_filter_argp, 0, NULL, 0},
                                             {&options_limit_argp, 0, NULL, OPTIONS_GROUP_CHECK},
                                             {&salvage_report_argp, 0, NULL, OPTIONS_GROUP_CHECK},
                                             {0}};

static const struct argp parser = {
    .options = option_list,
    .parser = parse_option,
    .args_doc = "[FILE]",
    .doc = "Decrypt Percona XtraBackup's xbcrypt format, versions 1 to 3, from FILE or standard "
           "input to standard output.\v"
           "Example:\n"
           "  xbcrypt-dec -f key -i t1.ibd.xbcrypt -o t1.ibd",
    .children = children};

struct setup {
    struct xbcrypt_dec_settings settings;
    struct salvage_scope *salvage;
};

static struct stage *make_stage(struct ordered *o, struct stage *next, void *context) {
    struct setup *setup = context;
    struct stage *stage = xbcrypt_dec_new(o, &setup->settings, next);
    if (stage != NULL)
        stage->salvage = next->salvage = setup->salvage;
    return stage;
}

int main(int argc, char **argv) {
    struct options o = {0};
    struct fault f;
    diag_start();
    command_line_parse(&parser, argc, argv, &o);
    struct salvage_report report;
    struct setup setup = {.settings = {.max_chunk = o.max_chunk,
                                       .accept_random = o.accept_random,
                                       .warn = diag_warn_text}};
    int result = salvage_report_begin(&report, &o.salvage, o.common.output.overwrite, &f);
    setup.salvage = salvage_report_scope(&report);
    if (result == 0)
        result = xbcrypt_filter(&o.common, &setup.settings.key, make_stage, &setup, &f);
    if (result == 0 && xbcrypt_dec_doubt(&setup.settings) != NULL)
        diag_warn("%s", xbcrypt_dec_doubt(&setup.settings));
    result = salvage_report_end(&report, result, &f);
    return filter_end(result, &f);
}
