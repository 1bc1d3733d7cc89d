// SPDX-License-Identifier: Apache-2.0
// b64hex: base64 to hexadecimal, and back. It links only with the C library, so that it costs a
// pipeline almost nothing.
#include "base/base64.h"
#include "base/diag.h"
#include "base/hex.h"
#include "os/fdio.h"
#include "os/terminal.h"
#include "program/command_line.h"

#include <argp.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

struct options {
    bool upper;
    bool no_newline;
    bool reverse;
};

static const struct argp_option option_list[] = {
    {"upper", 'u', NULL, 0, "Write the digits A-F in upper case", 0},
    {"no-newline", 'n', NULL, 0, "Write no newline at the end", 0},
    {"reverse", 'r', NULL, 0, "Turn hexadecimal into base64", 0},
    {0}};

static error_t parse(int key, char *arg, struct argp_state *state) {
    struct options *options = state->input;
    switch (key) {
    case 'u':
        options->upper = true;
        return 0;
    case 'n':
        options->no_newline = true;
        return 0;
    case 'r':
        options->reverse = true;
        return 0;
    case ARGP_KEY_ARG:
        // It may be a key: it is not shown.
        (void)arg;
        argp_error(state, "unexpected operand: the text comes from standard input");
        return 0;
    case ARGP_KEY_END:
        if (options->upper && options->reverse)
            argp_error(state, "-u has no meaning with -r: base64 has no upper case form");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp argp = {
    .options = option_list,
    .parser = parse,
    .doc = "Turn base64 on standard input into hexadecimal on standard output.\v"
           "White space is skipped; anything else that is not strict base64 is an error.\n"
           "\n"
           "Example:\n"
           "  b64hex -n < plaintext > key"};

enum { PIECE = 1 << 16 };

// One piece of input, its bytes, and their text. Wiped at the end: they may be a key.
static struct {
    char in[PIECE];
    uint8_t bytes[BASE64_DECODED_MAX(PIECE) + 2];
    char out[2 * (BASE64_DECODED_MAX(PIECE) + 2) + 1];
    struct base64_decoder base64_decoder;
    struct base64_encoder base64_encoder;
    struct hex_decoder hex_decoder;
} work;

// Decodes `size` characters of input (the end of it if `last`) into work.bytes.
static int decode(bool from_hex, size_t size, bool last, size_t *byte_count, struct fault *f) {
    if (from_hex) {
        if (hex_decode_push(&work.hex_decoder, work.in, size, work.bytes, byte_count, f) < 0)
            return -1;
        return last ? hex_decode_finish(&work.hex_decoder, f) : 0;
    }
    size_t tail = 0;
    if (base64_decode_push(&work.base64_decoder, work.in, size, work.bytes, byte_count, f) < 0 ||
        (last &&
         base64_decode_finish(&work.base64_decoder, work.bytes + *byte_count, &tail, f) < 0))
        return -1;
    *byte_count += tail;
    return 0;
}

// Encodes work.bytes into work.out; returns how many characters.
static size_t encode(const struct options *options, size_t byte_count, bool last) {
    size_t size;
    if (options->reverse) {
        size = base64_encode_push(&work.base64_encoder, work.bytes, byte_count, work.out);
        if (last)
            size += base64_encode_finish(&work.base64_encoder, work.out + size);
    } else {
        hex_encode(work.bytes, byte_count, options->upper, work.out);
        size = 2 * byte_count;
    }
    if (last && !options->no_newline)
        work.out[size++] = '\n';
    return size;
}

// A piece is written once all of it is decoded, so that a bad input of the size of a key gives no
// output.
static int convert(const struct options *options, struct fault *f) {
    bool empty = true;
    for (bool last = false; !last;) {
        ssize_t n = fdio_read_full(STDIN_FILENO, work.in, PIECE);
        if (n < 0)
            return diag_fault_errno(f, EX_IOERR, errno, "cannot read standard input");
        last = n < PIECE;
        size_t byte_count;
        if (decode(options->reverse, (size_t)n, last, &byte_count, f) < 0)
            return -1;
        empty = empty && byte_count == 0;
        if (last && empty)
            return diag_fault(f, EX_DATAERR,
                              "empty input: expected %s, found none; check whether the command "
                              "before this one in the pipeline failed",
                              options->reverse ? "hexadecimal digits" : "base64 text");
        size_t size = encode(options, byte_count, last);
        if (fdio_write_full(STDOUT_FILENO, work.out, size) < 0) {
            if (errno == EPIPE)
                return diag_fault(f, EX_IOERR, "%s", ""); // the reader went away
            return diag_fault_errno(f, EX_IOERR, errno, "cannot write standard output");
        }
    }
    return 0;
}

int main(int argc, char **argv) {
    diag_start();
    struct options options = {.upper = false};
    command_line_parse(&argp, argc, argv, &options);
    struct fault f;
    terminal_announce(NULL, options.reverse ? "hexadecimal digits" : "base64 text");
    int result = convert(&options, &f);
    explicit_bzero(&work, sizeof work);
    return result < 0 ? diag_print(&f) : 0;
}
