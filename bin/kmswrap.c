// SPDX-License-Identifier: Apache-2.0
// kmswrap: a key in base64 on standard input, its wrapped form on standard output; or a new data
// key.
#include "base/diag.h"
#include "kms/child.h"
#include "kms/kms_text.h"
#include "program/command_line.h"
#include "program/options_kms.h"
#include "secret/keytext.h"
#include "secret/secret_start.h"
#include "secret/wiped.h"

enum { KEY_GENERATE = 0x4301 };

struct options {
    struct options_kms kms;
    bool generate;
};

static const struct argp_option option_list[] = {
    {"generate", KEY_GENERATE, NULL, 0,
     "Make a new data key of 256 bits, and write the service's JSON reply, which has the plain and "
     "the wrapped key",
     3},
    {0}};

static void check(const struct options *options, struct argp_state *state) {
    const struct kms_provider *provider = options->kms.provider;
    if (provider->wrap == NULL)
        argp_error(state, "--provider=%s cannot wrap keys", provider->name);
    if (options->generate && options->kms.format_given)
        argp_error(state, "--output has no meaning with --generate, which writes JSON");
    if ((provider->options & KMS_OPTION_KEY_ID) != 0 && options->kms.request.key_id == NULL)
        argp_error(state, "--provider=%s needs --key-id", provider->name);
}

static error_t parse(int key, char *arg, struct argp_state *state) {
    struct options *options = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &options->kms;
        return 0;
    case KEY_GENERATE:
        options->generate = true;
        return 0;
    case ARGP_KEY_ARG:
        options_kms_operand(&options->kms, arg, state);
        return 0;
    case ARGP_KEY_SUCCESS:
        check(options, state);
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
    .doc = "Wrap the key on standard input (base64) and write the wrapped key to standard output.\v"
           "Example:\n"
           "  kmswrap --provider=file --master-key=master.key < plaintext > ciphertext",
};

static int read_key(const struct options *options, struct secret *plaintext, struct fault *f) {
    struct secret text;
    if (options_kms_read(&options->kms, "the key in base64", &text, f) < 0)
        return -1;
    // Hexadecimal is base64, too, but a key whose base64 has no other characters is less likely
    // than 1 in 10^14.
    int result = kms_text_is_hex(&text)
                     ? diag_fault(f, EX_DATAERR,
                                  "the input is a key in hexadecimal: expected base64; turn it "
                                  "into that with b64hex -r")
                     : keytext_decode(plaintext, text.data, text.size, f);
    secret_free(&text);
    return result;
}

static int wrap(struct options *options, struct fault *f) {
    const struct kms_provider *provider = options->kms.provider;
    const struct kms_request *request = &options->kms.request;
    struct secret plaintext = SECRET_NONE, result_bytes = SECRET_NONE;
    struct kms_report report = {.asked = ""};
    int result = options_kms_confine(&options->kms, f);
    if (result == 0)
        result = options_kms_load(&options->kms, f);
    if (result == 0 && !options->generate)
        result = read_key(options, &plaintext, f);
    if (result == 0) {
        result = options->generate ? provider->generate(request, &result_bytes, &report, f)
                                   : provider->wrap(request, &plaintext, &result_bytes, &report, f);
        options_kms_report(&options->kms, &report);
    }
    secret_free(&plaintext);
    if (result == 0)
        result = keytext_write(options->generate ? KEYTEXT_RAW : options->kms.format,
                               result_bytes.data, result_bytes.size, f);
    secret_free(&result_bytes);
    options_kms_free(&options->kms);
    return result;
}

int main(int argc, char **argv) {
    diag_start();
    secret_start();
    struct options options = {.generate = false};
    command_line_parse(&argp, argc, argv, &options);
    struct fault f;
    int result = wrap(&options, &f);
    child_forget_secrets(); // that were not read
    wiped_finish();
    return result < 0 ? diag_print(&f) : 0;
}
