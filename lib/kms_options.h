// SPDX-License-Identifier: Apache-2.0
// The command line options of kmsunwrap and kmswrap that choose a provider and say how to ask it,
// as an argp child.
#ifndef XBPIPE_KMS_OPTIONS_H
#define XBPIPE_KMS_OPTIONS_H

#include "keytext.h"
#include "kms.h"

#include <argp.h>

// --provider, --output, -v, and the options of the providers. An option that the provider does not
// take, or one that it needs and that is missing, ends the program with EX_USAGE.
struct kms_options {
    const struct kms_provider *provider;
    struct kms_request request;
    enum keytext_format format;
    bool verbose;
    unsigned given; // of enum kms_option; for the parser
};
extern const struct argp kms_options_argp;

// For programs without operands: ends with EX_USAGE. The operand, which may be a key, is not shown.
void kms_options_no_operand(struct argp_state *state);

// Prints what -v promises.
void kms_options_report(const struct kms_options *options, const struct kms_report *report);

#endif
