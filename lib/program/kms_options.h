// SPDX-License-Identifier: Apache-2.0
// The command line options of kmsunwrap and kmswrap that choose a provider and say how to ask it,
// as an argp child.
#ifndef XBPIPE_KMS_OPTIONS_H
#define XBPIPE_KMS_OPTIONS_H

#include "kms/kms.h"
#include "secret/keytext.h"

#include <argp.h>

// An option that the provider does not take, or one that it needs and that is missing, ends the
// program with EX_USAGE. All zero at the start.
struct kms_options {
    const struct kms_provider *provider;
    struct kms_request request;
    enum keytext_format format;
    bool format_given;
    const char **context; // arguments of --encryption-context
    size_t context_count;
    unsigned given; // a bit for each option of the providers; for the parser
};
extern const struct argp kms_options_argp;

// For programs without operands: ends with EX_USAGE. The operand, which may be a key, is not shown.
void kms_options_no_operand(struct argp_state *state);

// Shuts the program in where the provider asks nobody (kms_sandbox_local); kms_call does it for the
// others. To be called before standard input is read. Returns 0; or -1 and a fault of it.
int kms_options_confine(const struct kms_options *options, struct fault *f);

// Does what must be done before the provider is asked: reads the encryption context, unless
// request.context is set already, and starts the network's library. Returns 0; or -1 and a fault of
// kms_context_load or http_start.
int kms_options_load(struct kms_options *options, struct fault *f);

// Prints the report's warning and, with -v, the rest of it.
void kms_options_report(const struct kms_options *options, const struct kms_report *report);

void kms_options_free(struct kms_options *options);

#endif
