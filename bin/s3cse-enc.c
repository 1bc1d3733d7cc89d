// SPDX-License-Identifier: Apache-2.0
// s3cse-enc: plaintext on standard input, the body of an object as an S3 encryption client writes
// it on standard output, and the object's metadata in a file.
#include "file/outfile.h"
#include "os/cpus.h"
#include "os/fdio.h"
#include "os/interrupt.h"
#include "os/terminal.h"
#include "program/command_line.h"
#include "program/filter.h"
#include "program/options.h"
#include "program/options_set.h"
#include "s3/s3_body.h"
#include "s3/s3_data_key.h"
#include "s3/s3_envelope_print.h"
#include "secret/crypto.h"
#include "secret/json_secret.h"
#include "secret/wiped.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_RDS = 1, KEY_CONTENT, KEY_CMK_ID, KEY_CONTEXT };

static const char cmk_name[] = "kms_cmk_id";
static const char bound_name[] = "aws:x-amz-cek-alg";

struct options {
    const char *input;
    struct options_output output;
    const char *envelope;
    const char *data_key;
    const char *cmk_id;
    enum s3_content content;
    bool rds, content_given, verbose, no_sandbox;
    struct progress_options progress;
    unsigned threads;
    struct s3_pair *context; // of the user; the strings are the argument's
    size_t context_count;
};

static void set_content(struct options *o, const char *name, struct argp_state *state) {
    static const struct {
        const char *name;
        enum s3_content content;
    } names[] = {{"cbc", S3_CONTENT_CBC}, {"gcm", S3_CONTENT_GCM}, {"commit", S3_CONTENT_COMMIT}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(name, names[i].name) == 0) {
            o->content = names[i].content;
            o->content_given = true;
            return;
        }
    argp_error(state, "--content=%s: expected cbc, gcm or commit", options_parse_shown(name));
}

static void add_context(struct options *o, char *arg, struct argp_state *state) {
    char *equals = strchr(arg, '=');
    if (equals == NULL || equals == arg) {
        argp_error(state, "--encryption-context=%s: expected NAME=VALUE", options_parse_shown(arg));
        return;
    }
    *equals = '\0';
    if (strcmp(arg, cmk_name) == 0 || strncmp(arg, "aws:", 4) == 0)
        argp_error(state, "--encryption-context: the pair %s is made by this program", arg);
    for (size_t i = 0; i < o->context_count; i++)
        if (strcmp(o->context[i].name, arg) == 0)
            argp_error(state, "--encryption-context: %s appears twice", arg);
    // One more than the user's: this program always adds a pair.
    struct s3_pair *more = reallocarray(o->context, o->context_count + 2, sizeof *more);
    if (more == NULL)
        argp_failure(state, EX_OSERR, 0, "out of memory");
    o->context = more;
    o->context[o->context_count++] = (struct s3_pair){.name = arg, .value = equals + 1};
}

static void check(const struct options *o, struct argp_state *state) {
    if (o->envelope == NULL)
        argp_error(state, "-e FILE is missing: without its envelope nobody can decrypt the object");
    if (o->data_key == NULL)
        argp_error(state, "--data-key=FILE is missing: the reply that kmswrap --generate prints");
    if (o->rds && o->content_given && o->content != S3_CONTENT_CBC)
        argp_error(state, "--rds and --content: RDS for SQL Server uses cbc");
    if (o->cmk_id != NULL && o->content != S3_CONTENT_CBC)
        argp_error(state, "--kms-cmk-id: only the envelopes of --content=cbc hold a %s", cmk_name);
    if (strcmp(o->envelope, "-") == 0 &&
        (o->output.path == NULL || strcmp(o->output.path, "-") == 0))
        argp_error(state, "-e -: the object goes to standard output; name its file by -o FILE");
    options_check_key_file(state, o->data_key);
    options_check_input(state, o->input, "the file to encrypt");
}

static const struct options_setting simple[] = {
    OPTIONS_SET('e', struct options, envelope), OPTIONS_SET('f', struct options, data_key),
    OPTIONS_SET(KEY_RDS, struct options, rds),  OPTIONS_SET(KEY_CMK_ID, struct options, cmk_id),
    OPTIONS_SET('v', struct options, verbose),  {0}};

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
    case KEY_CONTENT:
        set_content(o, arg, state);
        return 0;
    case KEY_CONTEXT:
        add_context(o, arg, state);
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
     "Write the envelope to FILE, as JSON for 'aws s3api put-object --metadata file://FILE'", 0},
    {"data-key", 'f', "FILE", 0, "Read the data key from FILE: the reply of kmswrap --generate", 0},
    {"rds", KEY_RDS, NULL, 0,
     "Write what RDS for SQL Server writes and restores: --content=cbc (the default)", 0},
    {"content", KEY_CONTENT, "ALGO", 0,
     "cbc: AES-CBC, key wrap kms; gcm: AES-GCM; commit: AES-GCM with key commitment (format 3); "
     "the last two with key wrap kms+context",
     0},
    {"kms-cmk-id", KEY_CMK_ID, "ID", 0,
     "The kms_cmk_id of the encryption context under which the key was generated (default: the "
     "KeyId of the reply)",
     0},
    {"encryption-context", KEY_CONTEXT, "NAME=VALUE", 0,
     "A further pair of that encryption context; may be repeated", 0},
    {"verbose", 'v', NULL, 0, "Print on standard error what the envelope says", 0},
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
    .doc = "Encrypt FILE or standard input as an Amazon S3 encryption client does, to standard "
           "output, for "
           "rds_restore_database or for such a client.\v"
           "Example:\n"
           "  s3cse-enc -e metadata.json -f reply -i db.bak -o db.bak.encrypted",
    .children = children};

// Puts the program's own pair before those of the user. The strings stay where they are, so
// e->context is not for s3_envelope_free.
static int set_context(struct s3_envelope *e, const struct options *o,
                       const struct s3_generated_key *k, struct fault *f) {
    char *own_name = (char *)(uintptr_t)(o->content == S3_CONTENT_CBC ? cmk_name : bound_name);
    const char *own_value = s3_envelope_content_name(o->content);
    if (o->content == S3_CONTENT_CBC)
        own_value = o->cmk_id != NULL ? o->cmk_id : k->key_id;
    if (own_value == NULL)
        return diag_fault(f, EX_DATAERR,
                          "the data key file has no KeyId: give --kms-cmk-id, as in the encryption "
                          "context under which the key was generated");
    e->context = calloc(o->context_count + 1, sizeof *e->context);
    if (e->context == NULL)
        return diag_fault_memory(f);
    e->context[0] = (struct s3_pair){.name = own_name, .value = (char *)(uintptr_t)own_value};
    for (size_t i = 0; i < o->context_count; i++)
        e->context[i + 1] = o->context[i];
    e->context_count = o->context_count + 1;
    return 0;
}

// Checks, before anything is encrypted, that the envelope can be written.
static int rehearse(struct s3_envelope *e, struct fault *f) {
    char *text;
    e->has_length = e->format == 2;
    e->length = UINT64_MAX; // the most digits possible
    int result = s3_envelope_print_json(e, &text, f);
    free(text);
    return result;
}

static int write_envelope(const struct s3_envelope *e, struct outfile *out, struct fault *f) {
    char *text;
    if (s3_envelope_print_json(e, &text, f) < 0)
        return -1;
    int result = 0;
    if (fdio_write_full(outfile_fd(out), text, strlen(text)) < 0)
        result = diag_fault_errno(f, EX_IOERR, errno, "cannot write %s", outfile_shown(out));
    free(text);
    return result;
}

struct outputs {
    struct outfile *body, *envelope;
};

// Encrypts, and gives both files their names: the envelope first, because an object without its
// envelope is useless.
static int run_between(const struct options *o, struct s3_envelope *e,
                       struct s3_content_stream *stream, struct input *in, struct outputs *out,
                       struct fault *f) {
    struct s3_body body = {.stream = stream};
    if (filter_into(in, out->body, o->output.path, o->threads, s3_body_new, &body, f) < 0)
        return -1;
    e->length = s3_content_plain_size(stream);
    if (write_envelope(e, out->envelope, f) < 0)
        return -1;
    struct outfile *envelope = out->envelope;
    out->envelope = NULL;
    if (options_commit_output(&o->output, envelope, f) < 0)
        return -1;
    struct outfile *object = out->body;
    out->body = NULL;
    return options_commit_output(&o->output, object, f);
}

static int encrypt(const struct options *o, struct s3_envelope *e, struct s3_content_stream *stream,
                   struct fault *f) {
    struct outputs out = {NULL, NULL};
    struct input in;
    if (input_open(&in, o->input, f) < 0)
        return -1;
    int result = outfile_begin(&out.envelope, o->envelope, o->output.overwrite, f);
    if (result == 0)
        result = outfile_begin(&out.body, o->output.path, o->output.overwrite, f);
    if (result == 0) {
        interrupt_catch();
        result = run_between(o, e, stream, &in, &out, f);
    }
    outfile_discard(out.body);
    outfile_discard(out.envelope);
    input_close(&in);
    return result;
}

// All files are opened by name later: no output is created before the key is right.
static int confine(const struct options *o, struct fault *f) {
    struct sandbox_rules rules = {.count = 0};
    sandbox_allow_path(&rules, o->data_key, SANDBOX_READ);
    sandbox_allow_path(&rules, o->input, SANDBOX_READ);
    options_allow_output(&rules, o->envelope);
    options_allow_output(&rules, o->output.path);
    if (crypto_start(f) < 0 || options_confine(o->no_sandbox, o->verbose, &rules, f) < 0)
        return -1;
    return progress_begin(&o->progress, f);
}

static int run(const struct options *o, struct fault *f) {
    struct s3_generated_key key;
    struct s3_envelope e = {.content = o->content,
                            .wrap =
                                o->content == S3_CONTENT_CBC ? S3_WRAP_KMS : S3_WRAP_KMS_CONTEXT};
    struct s3_content_stream *stream = NULL;
    terminal_announce(o->data_key, "the reply that holds the key");
    if (confine(o, f) < 0 || s3_data_key_read_generated(&key, o->data_key, f) < 0)
        return -1;
    if (key.plaintext.exposed)
        diag_warn("%s", secret_exposed_text("data key file", o->data_key));
    e.wrapped = key.wrapped;
    e.wrapped_size = key.wrapped_size;
    int result = set_context(&e, o, &key, f);
    if (result == 0)
        result = s3_content_encrypt(&stream, &e, &key.plaintext, f);
    secret_free(&key.plaintext);
    if (result == 0)
        result = rehearse(&e, f);
    if (result == 0)
        result = encrypt(o, &e, stream, f);
    if (result == 0 && o->verbose)
        s3_envelope_print_words(&e, diag_note_text);
    s3_content_free(stream);
    free(e.context);
    s3_data_key_free_generated(&key);
    slab_trim();
    return result;
}

int main(int argc, char **argv) {
    struct options o = {.content = S3_CONTENT_CBC};
    struct fault f;
    diag_start();
    json_secret_start();
    command_line_parse(&parser, argc, argv, &o);
    o.threads = cpus_available() > 1 ? 2 : 1; // one for the cipher, one for the output
    int result = run(&o, &f);
    free(o.context);
    wiped_finish();
    return filter_end(result, &f);
}
