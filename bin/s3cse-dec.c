// SPDX-License-Identifier: Apache-2.0
// s3cse-dec: the body of an object of an S3 encryption client on standard input, plaintext on
// standard output.
#include "file/outfile.h"
#include "format/sniff.h"
#include "os/cpus.h"
#include "os/terminal.h"
#include "program/command_line.h"
#include "program/filter.h"
#include "program/options.h"
#include "program/options_set.h"
#include "s3/s3_body.h"
#include "s3/s3_data_key.h"
#include "s3/s3_envelope_print.h"
#include "secret/crypto.h"
#include "secret/secret_start.h"
#include "secret/wiped.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { KEY_WRAPPING_KEY = 1, KEY_STRICT, KEY_INFO, ENVELOPES_MAX = 2 };

struct options {
    const char *input;
    struct options_output output;
    const char *envelopes[ENVELOPES_MAX];
    size_t envelope_count;
    const char *data_key;
    const char *wrapping_key;
    bool strict, info, verbose, no_sandbox;
    struct progress_options progress;
    unsigned threads;
};

static bool is_stdin(const char *path) {
    return path == NULL || strcmp(path, "-") == 0;
}

static void check(const struct options *o, struct argp_state *state) {
    if (o->envelope_count == 0)
        argp_error(state, "-e FILE is missing: the object's metadata, as 'aws s3api head-object' "
                          "prints it, or its instruction file");
    size_t from_stdin = 0;
    for (size_t i = 0; i < o->envelope_count; i++)
        from_stdin += is_stdin(o->envelopes[i]);
    if (from_stdin + (!o->info && is_stdin(o->input)) > 1)
        argp_error(state, "-e -: standard input can be read only once; name the object by -i FILE");
    if (o->info)
        return;
    if (o->data_key != NULL && o->wrapping_key != NULL)
        argp_error(state, "-f and --wrapping-key: only one of them has the key");
    if (o->data_key == NULL && o->wrapping_key == NULL)
        argp_error(state, "the key is missing: -f FILE for the data key that kmsunwrap --envelope "
                          "prints, or --wrapping-key=FILE for an AES or RSA key");
    options_check_key_file(state, o->data_key != NULL ? o->data_key : o->wrapping_key);
    options_check_input(state, o->input, "the object");
}

static const struct options_setting simple[] = {
    OPTIONS_SET('f', struct options, data_key),
    OPTIONS_SET(KEY_WRAPPING_KEY, struct options, wrapping_key),
    OPTIONS_SET(KEY_STRICT, struct options, strict),
    OPTIONS_SET(KEY_INFO, struct options, info),
    OPTIONS_SET('v', struct options, verbose),
    {0}};

static error_t parse_option(int key, char *arg, struct argp_state *state) {
    struct options *o = state->input;
    if (options_set(simple, o, key, arg))
        return 0;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &o->input;
        state->child_inputs[1] = &o->output;
        state->child_inputs[2] = &o->no_sandbox;
        state->child_inputs[3] = &o->progress;
        return 0;
    case 'e':
        if (o->envelope_count == ENVELOPES_MAX)
            argp_error(state, "-e: expected at most two files: metadata and instruction file");
        o->envelopes[o->envelope_count++] = arg;
        return 0;
    case ARGP_KEY_ARG:
        options_take_operand(state, arg, &o->input);
        return 0;
    case ARGP_KEY_END:
        check(o, state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option option_list[] = {
    {"envelope", 'e', "FILE", 0,
     "Read the envelope from FILE: what 'aws s3api head-object', 'mc stat --json', 'rclone lsjson "
     "--metadata' or 's3cmd info' prints, the table of the S3 console, HTTP header lines, or an "
     "instruction file; twice for metadata and instruction file",
     0},
    {"data-key", 'f', "FILE", 0,
     "Read the data key from FILE: 32 bytes, or base64 as kmsunwrap prints it", 0},
    {"wrapping-key", KEY_WRAPPING_KEY, "FILE", 0,
     "Unwrap the data key with the AES or RSA private key in FILE", 0},
    {"strict", KEY_STRICT, NULL, 0, "Refuse content that is not authenticated (AES-CBC)", 0},
    {"info", KEY_INFO, NULL, 0, "Describe the envelope on standard output and stop", 0},
    {"verbose", 'v', NULL, 0, "Print on standard error what the envelope says and what was found",
     0},
    {0}};

static const struct argp_child children[] = {{&options_input_argp, 0, NULL, 0},
                                             {&options_output_argp, 0, NULL, 0},
                                             {&options_sandbox_argp, 0, NULL, 0},
                                             {&options_progress_argp, 0, NULL, 0},
                                             {0}};

static const struct argp parser = {
    .options = option_list,
    .parser = parse_option,
    .args_doc = "[FILE]",
    .doc = "Decrypt an object that an Amazon S3 encryption client encrypted, such as a backup of "
           "RDS for SQL Server, from FILE or standard input to standard output.\v"
           "Example:\n"
           "  s3cse-dec -e metadata.json -f data.key -i db.bak.encrypted -o db.bak",
    .children = children};

// Whether a file that begins with the data is a SQL Server backup: returns "TAPE" (not compressed)
// or "MSSQLBAK" (compressed), or NULL.
static const char *backup_magic(const uint8_t *data, size_t size) {
    static const char *const magics[] = {"TAPE", "MSSQLBAK"};
    for (size_t i = 0; i < sizeof magics / sizeof magics[0]; i++)
        if (size >= strlen(magics[i]) && memcmp(data, magics[i], strlen(magics[i])) == 0)
            return magics[i];
    return NULL;
}

static void print_line(const char *text) {
    printf("%s\n", text);
}

static int plain_fault(const struct s3_envelope *e, struct fault *f) {
    if (e->has_length)
        return diag_fault(f, EX_DATAERR,
                          "no envelope in the metadata but a length of the plaintext: the envelope "
                          "is in the instruction file (the object's name and '.instruction'); give "
                          "that file by -e");
    return diag_fault(f, EX_DATAERR,
                      "no envelope in the metadata: the object is not encrypted by a client, or a "
                      "copy of it lost its metadata, or the envelope is in an instruction file "
                      "(the object's name and '.instruction'): then give that by -e");
}

static int describe(const struct s3_envelope *e, bool found) {
    if (found)
        s3_envelope_print_words(e, print_line);
    else
        printf("format: none (not encrypted by a client, or the envelope is in an instruction "
               "file)\n");
    return 0; // a failed write is reported at exit
}

// A file that a client library or a proxy downloaded may already be decrypted.
static void look_at_input(const uint8_t *data, size_t size) {
    const char *magic = backup_magic(data, size);
    enum sniff kind = sniff(data, size);
    if (magic != NULL)
        diag_warn("the input begins with %s: it may be a backup that is decrypted already", magic);
    else if (sniff_is_layer(kind) || kind == SNIFF_XBSTREAM || kind == SNIFF_TAR)
        diag_warn("the input begins as %s: it may be decrypted already, or no S3 encryption client "
                  "encrypted it",
                  sniff_text(kind));
}

static void look_at_output(const struct s3_body *body, const struct s3_envelope *e, bool verbose) {
    const char *magic = backup_magic(body->head, body->head_size);
    if (verbose && magic != NULL)
        diag_note("%" PRIu64 " bytes, beginning with %s: a SQL Server backup, %s", body->size,
                  magic, strcmp(magic, "TAPE") == 0 ? "not compressed" : "compressed");
    else if (magic == NULL && !s3_envelope_authenticated(e->content))
        diag_warn("the plaintext begins with neither TAPE nor MSSQLBAK, as a SQL Server backup "
                  "does; if it is to be one, the IV is wrong or the start is damaged");
    else if (verbose)
        diag_note("%" PRIu64 " bytes, authenticated", body->size);
}

// Reads the key and makes the stream: nothing is read or created before the key commitment is
// right.
static int begin(struct s3_content_stream **stream, const struct options *o,
                 const struct s3_envelope *e, struct fault *f) {
    struct secret key;
    int result = o->data_key != NULL ? s3_data_key_read(&key, o->data_key, f)
                                     : s3_data_key_unwrap(&key, e, o->wrapping_key, f);
    if (result == 0 && key.exposed)
        diag_warn("%s", o->data_key != NULL
                            ? secret_exposed_text("data key file", o->data_key)
                            : secret_exposed_text("wrapping key file", o->wrapping_key));
    if (result == 0)
        result = s3_content_decrypt(stream, e, &key, f);
    secret_free(&key);
    return result;
}

// Data written before a failure was not verified, and cannot be taken back: the fault says so.
static void disown(uint64_t written, struct fault *f) {
    static const char text[] = "; the output must not be used";
    size_t used = strlen(f->text);
    if (f->status == EX_DATAERR && written > 0 && used + sizeof text <= sizeof f->text)
        memcpy(f->text + used, text, sizeof text);
}

static int run_between(const struct options *o, const struct s3_envelope *e,
                       struct s3_content_stream *stream, struct input *in, struct fault *f) {
    if (in->size != UINT64_MAX && s3_content_check_size(e, in->size, f) < 0)
        return -1;
    struct outfile *out;
    if (outfile_begin(&out, o->output.path, o->output.overwrite, f) < 0)
        return -1;
    bool whole = outfile_seekable(out);
    struct s3_body body = {.stream = stream, .first = look_at_input};
    if (filter_into(in, out, o->output.path, o->threads, s3_body_new, &body, f) < 0) {
        if (!whole)
            disown(body.size, f);
        outfile_discard(out);
        return -1;
    }
    if (options_commit_output(&o->output, out, f) < 0)
        return -1;
    look_at_output(&body, e, o->verbose);
    uint64_t size = s3_content_plain_size(stream);
    if (e->has_length && e->length != size)
        diag_warn("x-amz-unencrypted-content-length says %" PRIu64
                  " bytes, the authenticated object has %" PRIu64,
                  e->length, size);
    return 0;
}

static int decrypt(const struct options *o, const struct s3_envelope *e, struct fault *f) {
    if (o->verbose)
        s3_envelope_print_words(e, diag_note_text);
    if (o->strict && !s3_envelope_authenticated(e->content))
        return diag_fault(f, EX_DATAERR,
                          "%s: this content is not authenticated, and --strict refuses it",
                          s3_envelope_content_name(e->content));
    struct s3_content_stream *stream = NULL;
    struct input in;
    int result = begin(&stream, o, e, f);
    if (result == 0)
        result = input_open(&in, o->input, f);
    if (result == 0) {
        result = run_between(o, e, stream, &in, f);
        input_close(&in);
    }
    s3_content_free(stream);
    slab_trim();
    return result;
}

// All files are opened by name later: the key is read only once the envelope is right, and the
// output is created only once the key is.
static int confine(const struct options *o, struct fault *f) {
    struct sandbox_rules rules = {.count = 0};
    for (size_t i = 0; i < o->envelope_count; i++)
        sandbox_allow_path(&rules, o->envelopes[i], SANDBOX_READ);
    sandbox_allow_path(&rules, o->data_key, SANDBOX_READ);
    sandbox_allow_path(&rules, o->wrapping_key, SANDBOX_READ);
    sandbox_allow_path(&rules, o->input, SANDBOX_READ);
    if (!o->info)
        options_allow_output(&rules, o->output.path);
    if (crypto_start(f) < 0 || options_confine(o->no_sandbox, o->verbose, &rules, f) < 0)
        return -1;
    return o->info ? 0 : progress_begin(&o->progress, f);
}

int main(int argc, char **argv) {
    struct options o = {0};
    struct s3_envelope e = {.context = NULL};
    struct fault f;
    diag_start();
    secret_start();
    command_line_parse(&parser, argc, argv, &o);
    o.threads = cpus_available() > 1 ? 2 : 1; // one for the cipher, one for the output
    for (size_t i = 0; i < o.envelope_count; i++)
        terminal_announce(o.envelopes[i], "the metadata of the object");
    if (!o.info)
        terminal_announce(o.data_key != NULL ? o.data_key : o.wrapping_key, "the key");
    int result = confine(&o, &f);
    if (result == 0)
        result = s3_envelope_load(&e, o.envelopes, o.envelope_count, &f);
    if (result >= 0 && o.info)
        result = describe(&e, result == 1);
    else if (result == 0)
        result = plain_fault(&e, &f);
    else if (result > 0)
        result = decrypt(&o, &e, &f);
    s3_envelope_free(&e);
    wiped_finish();
    return filter_end(result, &f);
}
