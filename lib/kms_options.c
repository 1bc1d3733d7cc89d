// SPDX-License-Identifier: Apache-2.0
#include "kms_options.h"

#include <stdio.h>
#include <string.h>

enum { KEY_PROVIDER = 0x4101, KEY_OUTPUT, KEY_MASTER_KEY };

static const struct {
    enum kms_option option;
    const char *name;
} names[] = {
    {KMS_OPTION_MASTER_KEY, "--master-key"},
};

static void choose_provider(struct kms_options *options, const char *name,
                            struct argp_state *state) {
    options->provider = kms_provider_find(name);
    if (options->provider != NULL)
        return;
    char known[100] = "";
    for (const struct kms_provider *p = kms_providers; p->name != NULL; p++) {
        size_t used = strlen(known);
        snprintf(known + used, sizeof known - used, "%s%s", used != 0 ? ", " : "", p->name);
    }
    argp_error(state, "--provider=%s: expected one of %s", name, known);
}

static void check(const struct kms_options *options, struct argp_state *state) {
    const struct kms_provider *provider = options->provider;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        unsigned option = names[i].option;
        if ((options->given & option & ~provider->options) != 0)
            argp_error(state, "%s has no meaning with --provider=%s", names[i].name,
                       provider->name);
        if ((provider->required & option & ~options->given) != 0)
            argp_error(state, "--provider=%s needs %s", provider->name, names[i].name);
    }
}

static error_t parse(int key, char *arg, struct argp_state *state) {
    struct kms_options *options = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        options->provider = &kms_providers[0];
        return 0;
    case KEY_PROVIDER:
        choose_provider(options, arg, state);
        return 0;
    case KEY_OUTPUT:
        if (!keytext_parse_format(arg, &options->format))
            argp_error(state, "--output=%s: expected base64, hex or raw", arg);
        return 0;
    case KEY_MASTER_KEY:
        options->request.master_key = arg;
        options->given |= KMS_OPTION_MASTER_KEY;
        return 0;
    case 'v':
        options->verbose = true;
        return 0;
    case ARGP_KEY_END:
        check(options, state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option option_list[] = {
    {"provider", KEY_PROVIDER, "NAME", 0, "Ask the provider NAME (default: file)", 0},
    {"output", KEY_OUTPUT, "FORM", 0,
     "Write base64 (the default), hex, each with a newline, or raw bytes", 0},
    {"master-key", KEY_MASTER_KEY, "FILE", 0,
     "file: the master key, 16, 24 or 32 raw bytes in FILE", 0},
    {"verbose", 'v', NULL, 0, "Say on standard error who was asked for what; never a secret", 0},
    {0}};
const struct argp kms_options_argp = {.options = option_list, .parser = parse};

void kms_options_no_operand(struct argp_state *state) {
    argp_error(state, "unexpected operand: keys and ciphertexts come from standard input, never "
                      "from the command line");
}

void kms_options_report(const struct kms_options *options, const struct kms_report *report) {
    if (!options->verbose)
        return;
    bool has_key = report->key_id[0] != '\0', has_id = report->request_id[0] != '\0';
    diag_note("provider %s%s%s%s%s%s%s", options->provider->name,
              report->asked[0] != '\0' ? ": " : "", report->asked, has_key ? ", key " : "",
              report->key_id, has_id ? ", request " : "", report->request_id);
}
