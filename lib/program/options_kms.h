// SPDX-License-Identifier: Apache-2.0
// The command line options of kmsunwrap and kmswrap that choose a provider and say how to call it,
// as an argp child.
#ifndef XBPIPE_OPTIONS_KMS_H
#define XBPIPE_OPTIONS_KMS_H

#include "kms/kms.h"
#include "secret/keytext.h"

#include <argp.h>

// An option that the provider does not support, or a missing one that it needs, ends the program
// with EX_USAGE. All zero at the start.
struct options_kms {
    const struct kms_provider *provider;
    const char *input; // the file to read; NULL: standard input
    // Set by the program: its own options name an S3 envelope; if no option names a provider, the
    // input decides whether it is a reply.
    bool has_envelope, may_guess;
    bool guessed; // the provider is `response` because no option says otherwise
    struct kms_request request;
    enum keytext_format format;
    bool format_given;
    const char **context; // arguments of --encryption-context
    size_t context_count;
    unsigned given; // a bit for each option of the providers; for the parser
};
extern const struct argp options_kms_argp;

// Takes the operand for the input if it is a file; else ends with EX_USAGE. The operand, which may
// be a key, is not shown.
void options_kms_operand(struct options_kms *options, const char *operand,
                         struct argp_state *state);

// Reads the input, as UTF-8 if PowerShell wrote it. `expected` as in keytext_read. Returns 0 and
// *text, which the caller frees; or -1 and a fault of keytext_read, EX_NOINPUT or EX_NOPERM.
int options_kms_read(const struct options_kms *options, const char *expected, struct secret *text,
                     struct fault *f);

// Enters the sandbox if the provider calls no service (kms_sandbox_local); the other providers do
// it by request.confine, which the options set. Call it before standard input is read. Returns 0;
// or -1 and a fault of kms_sandbox_local.
int options_kms_confine(const struct options_kms *options, struct fault *f);

// Prepares the call of the provider: reads the encryption context, unless request.context is set
// already, and starts the network's library. Returns 0; or -1 and a fault of kms_context_load or
// http_start.
int options_kms_load(struct options_kms *options, struct fault *f);

// Prints the report's warning and, with -v, the rest of it.
void options_kms_report(const struct options_kms *options, const struct kms_report *report);

void options_kms_free(struct options_kms *options);

#endif
