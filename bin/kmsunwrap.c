// SPDX-License-Identifier: Apache-2.0
// kmsunwrap: a wrapped key on standard input, its plaintext on standard output.
#include "base/diag.h"
#include "kms/child.h"
#include "kms/kms_input.h"
#include "os/terminal.h"
#include "program/command_line.h"
#include "program/options_kms.h"
#include "s3/s3_envelope.h"
#include "s3/s3_envelope_print.h"
#include "secret/keytext.h"
#include "secret/secret_start.h"
#include "secret/wiped.h"

#include <string.h>

enum { KEY_ENVELOPE = 0x4201 };

struct options {
    struct options_kms kms;
    const char *envelopes[2]; // paths
    size_t envelope_count;
};

static const struct argp_option option_list[] = {
    {"envelope", KEY_ENVELOPE, "FILE", 0,
     "aws: read the ciphertext and its encryption context from the metadata of an S3 object "
     "(twice: metadata and instruction file)",
     3},
    {0}};

static error_t parse(int key, char *arg, struct argp_state *state) {
    struct options *options = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &options->kms;
        options->kms.may_guess = true;
        return 0;
    case KEY_ENVELOPE:
        if (options->envelope_count == 2)
            argp_error(state, "--envelope: expected one file, or two");
        else
            options->envelopes[options->envelope_count++] = arg;
        options->kms.has_envelope = true;
        return 0;
    case ARGP_KEY_ARG:
        options_kms_operand(&options->kms, arg, state);
        return 0;
    case ARGP_KEY_SUCCESS:
        if (options->envelope_count == 0)
            return 0;
        if ((options->kms.provider->options & KMS_OPTION_ENVELOPE) == 0)
            argp_error(state, "--envelope has no meaning with --provider=%s",
                       options->kms.provider->name);
        if (options->kms.context_count != 0)
            argp_error(state, "--envelope brings its own encryption context: leave out "
                              "--encryption-context");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {{&options_kms_argp, 0, NULL, 0}, {0}};
static const struct argp argp = {
    .options = option_list,
    .parser = parse,
    .children = children,
    .doc = "Unwrap the key on standard input and write its plaintext to standard output.\v"
           "Without --provider, --master-key and --envelope the input must be the output of aliyun "
           "kms Decrypt or aws kms decrypt.\n"
           "\n"
           "Example:\n"
           "  kmsunwrap --provider=aliyun < ciphertext | b64hex -n > key",
};

// Reads the blob and the context from an envelope.
static int read_envelope(struct options *options, struct secret *input, struct fault *f) {
    struct s3_envelope envelope;
    for (size_t i = 0; i < options->envelope_count; i++)
        terminal_announce(options->envelopes[i], "the metadata of the object");
    int found = s3_envelope_load(&envelope, options->envelopes, options->envelope_count, f);
    int result = found < 0 ? -1 : 0;
    if (found == 0)
        result = diag_fault(f, EX_DATAERR,
                            "envelope: expected the metadata of an object that a client encrypted, "
                            "found none of its keys");
    else if (found > 0 && !s3_envelope_wrap_by_kms(envelope.wrap))
        result =
            diag_fault(f, EX_DATAERR,
                       "envelope: expected a data key wrapped by AWS KMS, found one wrapped by "
                       "%s; see --wrapping-key of s3cse-dec",
                       s3_envelope_wrap_name(envelope.wrap));
    size_t size = result == 0 ? strlen(envelope.wrapped_base64) : 0;
    if (result == 0)
        result = s3_envelope_print_context(&options->kms.request.context, &envelope, f);
    if (result == 0 && (result = secret_new(input, size, f)) == 0) {
        memcpy(input->data, envelope.wrapped_base64, size);
        input->size = size;
    }
    s3_envelope_free(&envelope);
    return result;
}

// Reads the input. Without --provider it must be a reply, because a wrapped key and a plaintext
// look alike in base64.
static int read_input(const struct options *options, struct secret *input, struct fault *f) {
    if (options_kms_read(&options->kms, options->kms.provider->input, input, f) < 0)
        return -1;
    if (!options->kms.guessed || kms_input_kind(input) == KMS_INPUT_REPLY)
        return 0;
    secret_free(input);
    return diag_fault(f, EX_USAGE,
                      "the input is no reply of a key service: name what unwraps it, by "
                      "--provider=aliyun, --provider=aws or --master-key=FILE (or by "
                      "--provider=response, if it is a Plaintext alone)");
}

static int unwrap(struct options *options, struct fault *f) {
    const struct kms_provider *provider = options->kms.provider;
    struct secret input = SECRET_NONE, plaintext = SECRET_NONE;
    struct kms_report report = {.asked = ""};
    int result = options_kms_confine(&options->kms, f);
    if (result < 0)
        return -1;
    if (options->envelope_count > 0)
        result = read_envelope(options, &input, f);
    else
        result = read_input(options, &input, f);
    if (result == 0)
        result = options_kms_load(&options->kms, f);
    if (result == 0) {
        result = provider->unwrap(&options->kms.request, &input, &plaintext, &report, f);
        options_kms_report(&options->kms, &report);
    }
    secret_free(&input);
    if (result == 0)
        result = keytext_write(options->kms.format, plaintext.data, plaintext.size, f);
    secret_free(&plaintext);
    options_kms_free(&options->kms);
    return result;
}

int main(int argc, char **argv) {
    diag_start();
    secret_start();
    struct options options = {.envelope_count = 0};
    command_line_parse(&argp, argc, argv, &options);
    struct fault f;
    int result = unwrap(&options, &f);
    child_forget_secrets(); // that were not read
    wiped_finish();
    return result < 0 ? diag_print(&f) : 0;
}
