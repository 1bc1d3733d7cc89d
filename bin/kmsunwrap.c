// SPDX-License-Identifier: Apache-2.0
// kmsunwrap: a wrapped key on standard input, its plaintext on standard output.
#include "diag.h"
#include "json_secret.h"
#include "keytext.h"
#include "kms_options.h"

#include <unistd.h>

static error_t parse(int key, char *arg, struct argp_state *state) {
    (void)arg;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = state->input;
        return 0;
    case ARGP_KEY_ARG:
        kms_options_no_operand(state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {{&kms_options_argp, 0, NULL, 0}, {0}};
static const struct argp argp = {
    .parser = parse,
    .children = children,
    .doc = "Unwrap the key on standard input and write its plaintext to standard output.\v"
           "With --provider=response standard input is what aliyun kms Decrypt or aws kms decrypt "
           "printed.",
};

static int unwrap(const struct kms_options *options, struct fault *f) {
    const struct kms_provider *provider = options->provider;
    struct secret input = SECRET_NONE, plaintext = SECRET_NONE;
    struct kms_report report = {.asked = ""};
    int result = keytext_read(&input, STDIN_FILENO, "standard input", provider->input, f);
    if (result == 0)
        result = provider->unwrap(&options->request, &input, &plaintext, &report, f);
    secret_free(&input);
    if (result == 0) {
        kms_options_report(options, &report);
        result = keytext_write(options->format, plaintext.data, plaintext.size, f);
    }
    secret_free(&plaintext);
    return result;
}

int main(int argc, char **argv) {
    diag_start();
    json_secret_start();
    struct kms_options options = {.provider = NULL};
    argp_parse(&argp, argc, argv, 0, NULL, &options);
    struct fault f;
    return unwrap(&options, &f) < 0 ? diag_print(&f) : 0;
}
