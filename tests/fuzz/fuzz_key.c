// SPDX-License-Identifier: Apache-2.0
// Files and texts that hold keys. First byte % 7: base64 text; a program's input; a wrapped key; a
// key to be wrapped; an xbcrypt key; a data key's file; a reply of GenerateDataKey.
//
// Parsers: keytext.c keywrap.c
#include "format/xbcrypt.h"
#include "fuzz.h"
#include "s3/s3_data_key.h"
#include "secret/json_secret.h"
#include "secret/keytext.h"
#include "secret/keywrap.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const int bad_data[] = {EX_DATAERR, 0};

// A function that gives a secret gives either that, with at least one byte, or a fault.
static void check(int result, struct secret *s, const struct fault *f) {
    if (result < 0)
        fuzz_check_fault(f, bad_data);
    if ((result == 0) != (s->data != NULL) || (result == 0 && s->size == 0))
        fuzz_broken("result %d and a secret of %zu bytes", result, s->size);
    secret_free(s);
}

static struct secret master_key(void) {
    static uint8_t bytes[] = "a master key of thirty-two bytes";
    return (struct secret){.size = 32, .data = bytes, .capacity = 32};
}

static void check_input(struct fuzz_input in) {
    struct secret s;
    struct fault f;
    int fd = open(fuzz_file(0, in.data, in.size), O_RDONLY | O_CLOEXEC);
    int result = keytext_read(&s, fd, "input", "a key", &f);
    if (result < 0)
        fuzz_check_fault(&f, bad_data);
    else if (s.size != in.size || memcmp(s.data, in.data, in.size) != 0)
        fuzz_broken("a text was read as another");
    secret_free(&s);
    close(fd);
}

static void check_wrapping(struct fuzz_input in) {
    struct secret master = master_key(), back;
    struct fault f;
    if (in.size == 0)
        return;
    uint8_t *wrapped = malloc(KEYWRAP_SIZE(in.size));
    if (wrapped == NULL)
        abort();
    if (keywrap_wrap(&master, in.data, in.size, wrapped, &f) < 0)
        fuzz_broken("cannot wrap %zu bytes: %s", in.size, f.text);
    if (keywrap_unwrap(&master, wrapped, KEYWRAP_SIZE(in.size), &back, &f) < 0)
        fuzz_broken("cannot unwrap %zu bytes: %s", in.size, f.text);
    if (back.size != in.size || memcmp(back.data, in.data, in.size) != 0)
        fuzz_broken("wrapped and unwrapped, and not the same");
    secret_free(&back);
    free(wrapped);
}

static void check_xbcrypt_key(struct fuzz_input in) {
    struct xbcrypt_key *key;
    struct fault f;
    uint8_t *copy = fuzz_copy(in.data, in.size);
    struct secret s = {.size = in.size, .data = copy, .capacity = in.size};
    bool trimmed;
    if (xbcrypt_key_new(&key, &s, 0, 1, &trimmed, &f) < 0)
        fuzz_check_fault(&f, bad_data);
    else if (trimmed != (in.size % 8 == 1))
        fuzz_broken("a key of %zu bytes, trimmed: %d", in.size, trimmed);
    xbcrypt_key_free(key);
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct fuzz_input in = {data, size};
    struct secret s, master = master_key();
    struct s3_generated_key generated;
    struct fault f;
    int result;
    switch (fuzz_byte(&in) % 7) {
    case 0:
        result = keytext_decode(&s, in.data, in.size, &f);
        check(result, &s, &f);
        break;
    case 1:
        check_input(in);
        break;
    case 2:
        result = keywrap_unwrap(&master, in.data, in.size, &s, &f);
        check(result, &s, &f);
        break;
    case 3:
        check_wrapping(in);
        break;
    case 4:
        check_xbcrypt_key(in);
        break;
    case 5:
        result = s3_data_key_read(&s, fuzz_file(0, in.data, in.size), &f);
        if (result == 0 && s.size != S3_DATA_KEY_SIZE)
            fuzz_broken("a data key of %zu bytes", s.size);
        check(result, &s, &f);
        break;
    default:
        result = s3_data_key_read_generated(&generated, fuzz_file(0, in.data, in.size), &f);
        if (result < 0)
            fuzz_check_fault(&f, bad_data);
        else if (generated.plaintext.size != S3_DATA_KEY_SIZE || generated.wrapped_size == 0)
            fuzz_broken("a generated key of %zu bytes", generated.plaintext.size);
        s3_data_key_free_generated(&generated);
    }
    return 0;
}

void fuzz_repair(uint8_t *data, size_t size, unsigned seed) {
    (void)data, (void)size, (void)seed;
}

void fuzz_seeds(fuzz_add *add) {
    static const char *const seeds[] = {
        "\7S14dTbl6ABEiM0RVZneImQ==\n",
        "\7S14dTbl6ABEiM0RVZneImQ",
        "\1 \n\t",
        "\1some text",
        "\2twenty-four bytes wrapped",
        "\3a key",
        "\4"
        "0123456789abcdef\n",
        "\4"
        "0123456789abcdef0123456789abcdef",
        "\4"
        "0123456789abcdef01234567\r\n",
        "\5"
        "0123456789abcdef0123456789abcdef",
        "\5MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\n",
        "\6{\"Plaintext\":\"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\",\"CiphertextBlob\":"
        "\"QUJD\",\"KeyId\":\"k\"}",
    };
    for (size_t i = 0; i < sizeof seeds / sizeof seeds[0]; i++)
        add(seeds[i], strlen(seeds[i]));
    fuzz_add_fixture(add, "\6", 1, "kms/aws-generate-data-key.json", 1000);
}
