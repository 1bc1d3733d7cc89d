// SPDX-License-Identifier: Apache-2.0
#include "program/options_kms.h"

#include "kms/http.h"
#include "kms/kms_context.h"
#include "kms/kms_input.h"
#include "os/terminal.h"
#include "program/kms_sandbox.h"
#include "program/options_parse.h"
#include "program/options_sandbox.h"
#include "program/options_set.h"
#include "secret/key_hint.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    KEY_PROVIDER = 0x4101,
    KEY_OUTPUT,
    KEY_MASTER_KEY, // from here on, the options of the providers
    KEY_REGION,
    KEY_ENDPOINT,
    KEY_PROFILE,
    KEY_KEY_ID,
    KEY_CONTEXT,
    KEY_CACERT,
    KEY_TIMEOUT,
    KEY_RETRIES,
    KEY_END,
};

enum { TIMEOUT_DEFAULT = 10, TIMEOUT_MAX = 600, RETRIES_DEFAULT = 2, RETRIES_MAX = 20 };

// In the order of the keys.
static const struct {
    int key;
    enum kms_option option;
    const char *name;
} names[] = {
    {KEY_MASTER_KEY, KMS_OPTION_MASTER_KEY, "--master-key"},
    {KEY_REGION, KMS_OPTION_NETWORK, "--region"},
    {KEY_ENDPOINT, KMS_OPTION_NETWORK, "--endpoint"},
    {KEY_PROFILE, KMS_OPTION_NETWORK, "--profile"},
    {KEY_KEY_ID, KMS_OPTION_KEY_ID, "--key-id"},
    {KEY_CONTEXT, KMS_OPTION_CONTEXT, "--encryption-context"},
    {KEY_CACERT, KMS_OPTION_NETWORK, "--cacert"},
    {KEY_TIMEOUT, KMS_OPTION_NETWORK, "--timeout"},
    {KEY_RETRIES, KMS_OPTION_NETWORK, "--retries"},
};

static void choose_provider(struct options_kms *options, const char *name,
                            struct argp_state *state) {
    options->provider = kms_provider_find(name);
    if (options->provider != NULL)
        return;
    char known[100] = "";
    for (const struct kms_provider *p = kms_providers; p->name != NULL; p++) {
        size_t used = strlen(known);
        snprintf(known + used, sizeof known - used, "%s%s", used != 0 ? ", " : "", p->name);
    }
    argp_error(state, "--provider=%s: expected one of %s", options_parse_shown(name), known);
}

// Chooses the provider by the other options, if none was named.
static void guess_provider(struct options_kms *options, struct argp_state *state) {
    if (options->request.master_key != NULL || options->has_envelope) {
        options->provider = kms_provider_find(options->request.master_key != NULL ? "file" : "aws");
        return;
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if ((options->given >> (names[i].key - KEY_MASTER_KEY) & 1) != 0)
            argp_error(state, "%s: name the key service, by --provider=aliyun or --provider=aws",
                       names[i].name);
    if (!options->may_guess)
        argp_error(state, "--provider is missing: expected --provider=aliyun, --provider=aws, or "
                          "--master-key=FILE");
    options->guessed = true;
    options->provider = kms_provider_find("response");
}

static void check(const struct options_kms *options, struct argp_state *state) {
    const struct kms_provider *provider = options->provider;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        bool given = (options->given >> (names[i].key - KEY_MASTER_KEY) & 1) != 0;
        if (given && (provider->options & names[i].option) == 0)
            argp_error(state, "%s has no meaning with --provider=%s", names[i].name,
                       provider->name);
        if (!given && (provider->required & names[i].option) != 0)
            argp_error(state, "--provider=%s needs %s", provider->name, names[i].name);
    }
}

static void add_context(struct options_kms *options, const char *argument,
                        struct argp_state *state) {
    const char **longer =
        reallocarray(options->context, options->context_count + 1, sizeof *options->context);
    if (longer == NULL)
        argp_failure(state, EX_OSERR, 0, "out of memory");
    options->context = longer;
    options->context[options->context_count++] = argument;
}

static const struct options_setting simple[] = {
    OPTIONS_SET(KEY_MASTER_KEY, struct kms_request, master_key),
    OPTIONS_SET(KEY_REGION, struct kms_request, region),
    OPTIONS_SET(KEY_ENDPOINT, struct kms_request, endpoint),
    OPTIONS_SET(KEY_PROFILE, struct kms_request, profile),
    OPTIONS_SET(KEY_KEY_ID, struct kms_request, key_id),
    OPTIONS_SET(KEY_CACERT, struct kms_request, ca_file),
    OPTIONS_SET('v', struct kms_request, verbose),
    {0}};

static error_t parse(int key, char *arg, struct argp_state *state) {
    struct options_kms *options = state->input;
    struct kms_request *request = &options->request;
    uint64_t value;
    if (key >= KEY_MASTER_KEY && key < KEY_END) {
        options->given |= 1U << (key - KEY_MASTER_KEY);
        if (arg[0] == '\0') // for example an unset shell variable
            argp_error(state, "%s: expected a value, found an empty one",
                       names[key - KEY_MASTER_KEY].name);
    }
    if (options_set(simple, request, key, arg))
        return 0;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &request->no_sandbox;
        request->confine = kms_sandbox_remote;
        request->timeout = TIMEOUT_DEFAULT;
        request->retries = RETRIES_DEFAULT;
        return 0;
    case KEY_PROVIDER:
        choose_provider(options, arg, state);
        return 0;
    case 'i':
        options->input = options->request.input = strcmp(arg, "-") == 0 ? NULL : arg;
        return 0;
    case KEY_OUTPUT:
        if (!keytext_parse_format(arg, &options->format))
            argp_error(state, "--output=%s: expected base64, hex or raw", options_parse_shown(arg));
        options->format_given = true;
        return 0;
    case KEY_CONTEXT:
        add_context(options, arg, state);
        return 0;
    case KEY_TIMEOUT:
        if (!options_parse_size(arg, 1, TIMEOUT_MAX, &value))
            argp_error(state, "--timeout=%s: expected seconds from 1 to %d",
                       options_parse_shown(arg), TIMEOUT_MAX);
        else
            request->timeout = (unsigned)value;
        return 0;
    case KEY_RETRIES:
        if (!options_parse_size(arg, 0, RETRIES_MAX, &value))
            argp_error(state, "--retries=%s: expected a number from 0 to %d",
                       options_parse_shown(arg), RETRIES_MAX);
        else
            request->retries = (unsigned)value;
        return 0;
    case ARGP_KEY_END:
        if (options->provider == NULL)
            guess_provider(options, state);
        check(options, state);
        if (options->format == KEYTEXT_RAW && isatty(STDOUT_FILENO))
            argp_error(state, "--output=raw: standard output is a terminal, and this is binary "
                              "data: use > FILE or a pipe");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option option_list[] = {
    {"provider", KEY_PROVIDER, "NAME", 0,
     "Use the provider NAME: aliyun, aws, file (the default with --master-key) or response", 0},
    {"input", 'i', "FILE", 0, "Read FILE (default or -: standard input)", 0},
    {"output", KEY_OUTPUT, "FORM", 0,
     "Write base64 (the default), hex, each with a newline, or raw bytes", 0},
    {"verbose", 'v', NULL, 0,
     "Print on standard error which service was called for what; never a secret", 0},
    {NULL, 0, NULL, 0, "The provider file:", 1},
    {"master-key", KEY_MASTER_KEY, "FILE", 0, "The master key: 16, 24 or 32 raw bytes in FILE", 1},
    {NULL, 0, NULL, 0, "The providers aliyun and aws:", 2},
    {"region", KEY_REGION, "REGION", 0,
     "The region (default: that of the vendor's client, then that of a key ARN)", 2},
    {"endpoint", KEY_ENDPOINT, "URL", 0, "Call the service at URL, or at this host by https", 2},
    {"profile", KEY_PROFILE, "NAME", 0, "Use this profile of the vendor's client", 2},
    {"key-id", KEY_KEY_ID, "KEY", 0,
     "The key to wrap with, or the only one that may have wrapped the input", 2},
    {"encryption-context", KEY_CONTEXT, "NAME=VALUE", 0,
     "A pair of the encryption context (may be repeated), or @FILE with a JSON object", 2},
    {"cacert", KEY_CACERT, "FILE", 0, "Trust the CA certificates in FILE, and no others", 2},
    {"timeout", KEY_TIMEOUT, "SECONDS", 0, "Timeout for each reply, in seconds (default 10)", 2},
    {"retries", KEY_RETRIES, "N", 0, "Try again at most N times if that can help (default 2)", 2},
    {0}};
static const struct argp_child children[] = {{&options_sandbox_argp, 0, NULL, 0}, {0}};
const struct argp options_kms_argp = {
    .options = option_list, .parser = parse, .children = children};

void options_kms_operand(struct options_kms *options, const char *operand,
                         struct argp_state *state) {
    if (options->input != NULL || access(operand, F_OK) < 0)
        argp_error(state, "unexpected operand, and no file: keys and ciphertexts come from "
                          "standard input or -i FILE, never from the command line");
    options->input = options->request.input = operand;
}

static int open_input(const char *path, struct fault *f) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd >= 0)
        return fd;
    if (errno == ENOENT && key_hint_is_key(path))
        return diag_fault(f, EX_NOINPUT,
                          "-i: there is no file of the name given, which is not shown here since "
                          "it looks like a key; write it into a file, and give its name");
    return diag_fault_errno(f, diag_open_status(errno, EX_NOINPUT), errno, "cannot open %s",
                            diag_shown(path, 200));
}

int options_kms_read(const struct options_kms *options, const char *expected, struct secret *text,
                     struct fault *f) {
    const char *name = "standard input";
    int fd = STDIN_FILENO;
    *text = SECRET_NONE;
    if (options->input != NULL) {
        name = diag_shown(options->input, 200);
        fd = open_input(options->input, f);
    } else {
        terminal_announce(NULL, expected);
    }
    int result = fd < 0 ? -1 : keytext_read(text, fd, name, expected, f);
    if (options->input != NULL && fd >= 0)
        close(fd); // opened for reading: nothing can be lost
    if (result == 0 && (result = kms_input_clean(text, f)) < 0)
        secret_free(text);
    return result;
}

int options_kms_confine(const struct options_kms *options, struct fault *f) {
    bool network = (options->provider->options & KMS_OPTION_NETWORK) != 0;
    return network ? 0 : kms_sandbox_local(&options->request, options->input, f);
}

int options_kms_load(struct options_kms *options, struct fault *f) {
    if (options->request.context == NULL &&
        kms_context_load(&options->request.context, options->context, options->context_count, f) <
            0)
        return -1;
    return (options->provider->options & KMS_OPTION_NETWORK) != 0 ? http_start(f) : 0;
}

void options_kms_report(const struct options_kms *options, const struct kms_report *report) {
    if (report->warning[0] != '\0')
        diag_warn("%s", report->warning);
    if (!options->request.verbose)
        return;
    bool has_key = report->key_id[0] != '\0', has_id = report->request_id[0] != '\0';
    diag_note("provider %s%s%s%s%s%s%s", options->provider->name,
              report->asked[0] != '\0' ? ": " : "", report->asked, has_key ? ", key " : "",
              report->key_id, has_id ? ", request " : "", report->request_id);
}

void options_kms_free(struct options_kms *options) {
    free(options->context);
    options->context = NULL;
    json_decref(options->request.context);
    options->request.context = NULL;
}
