// SPDX-License-Identifier: Apache-2.0
// kmswrap: a key in base64 on standard input, its wrapped form on standard output.
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
    case ARGP_KEY_SUCCESS: {
        const struct kms_options *options = state->input;
        if (options->provider->wrap == NULL)
            argp_error(state, "--provider=%s cannot wrap keys", options->provider->name);
        return 0;
    }
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {{&kms_options_argp, 0, NULL, 0}, {0}};
static const struct argp argp = {
    .parser = parse,
    .children = children,
    .doc = "Wrap the key on standard input (base64) and write the wrapped key to standard output.",
};

static int wrap(const struct kms_options *options, struct fault *f) {
    struct secret text = SECRET_NONE, plaintext = SECRET_NONE, wrapped = SECRET_NONE;
    struct kms_report report = {.asked = ""};
    int result = keytext_read(&text, STDIN_FILENO, "standard input", "the key in base64", f);
    if (result == 0)
        result = keytext_decode(&plaintext, text.data, text.size, f);
    secret_free(&text);
    if (result == 0)
        result = options->provider->wrap(&options->request, &plaintext, &wrapped, &report, f);
    secret_free(&plaintext);
    if (result == 0) {
        kms_options_report(options, &report);
        result = keytext_write(options->format, wrapped.data, wrapped.size, f);
    }
    secret_free(&wrapped);
    return result;
}

int main(int argc, char **argv) {
    diag_start();
    json_secret_start();
    struct kms_options options = {.provider = NULL};
    argp_parse(&argp, argc, argv, 0, NULL, &options);
    struct fault f;
    return wrap(&options, &f) < 0 ? diag_print(&f) : 0;
}
