// SPDX-License-Identifier: Apache-2.0
// Names from archives: how they are shown, which are refused. The first byte: the room for the
// shown name, less one.
//
// Parsers: diag.c member_name.c outdir.c plaintext.c
#include "base/member_name.h"
#include "file/outdir.h"
#include "format/plaintext.h"
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

static void check_shown(struct fuzz_input in, size_t room) {
    char *out = malloc(room);
    if (out == NULL)
        abort();
    memset(out, 0x7f, room);
    if (diag_name(in.data, in.size, out, room) != out)
        fuzz_broken("diag_name returned something else");
    fuzz_check_text(out, room);
    free(out);
}

// What is taken for safe, looked at once more in another way.
static void check_safe(const char *name, size_t size) {
    if (size == 0 || size > MEMBER_NAME_MAX || strlen(name) != size || name[0] == '/' ||
        name[size - 1] == '/' || strstr(name, "//") != NULL)
        fuzz_broken("the name \"%s\" is not refused", name);
    for (const char *part = name; part != NULL; part = strchr(part, '/')) {
        part += *part == '/';
        size_t n = strcspn(part, "/");
        if ((n == 1 && part[0] == '.') || (n == 2 && part[0] == '.' && part[1] == '.'))
            fuzz_broken("the name \"%s\" is not refused", name);
    }
}

// A cleaned name is safe but for the size of its components, and is its own cleaned name. No name
// that is safe as it stands gets another.
static void check_cleaned(const char *name, size_t size) {
    struct member_name clean, again;
    struct fault f;
    bool safe = member_name_check(name, size, &f) == 0;
    if (member_name_clean(&clean, name, size, &f) < 0) {
        fuzz_check_fault(&f, (int[]){EX_DATAERR, 0});
        if (safe)
            fuzz_broken("the name \"%s\" is refused", name);
        return;
    }
    if (clean.size > 0)
        check_safe(clean.bytes, clean.size);
    else if (!clean.folder || clean.bytes[0] != '\0')
        fuzz_broken("nothing is left of \"%s\", as of a file", name);
    if (safe && (clean.size != size || memcmp(clean.bytes, name, size) != 0))
        fuzz_broken("\"%s\" becomes \"%s\"", name, clean.bytes);
    if (clean.size > 0 && (member_name_clean(&again, clean.bytes, clean.size, &f) < 0 ||
                           again.absolute || again.folder || again.size != clean.size))
        fuzz_broken("\"%s\" is not clean", clean.bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct fuzz_input in = {data, size};
    size_t room = 1U + fuzz_byte(&in);
    check_shown(in, room);
    check_shown(in, 4 * in.size + 4);
    char *name = malloc(in.size + 1);
    struct fault f;
    if (name == NULL)
        abort();
    if (in.size > 0)
        memcpy(name, in.data, in.size);
    name[in.size] = '\0';
    if (outdir_check_name(name, in.size, &f) < 0)
        fuzz_check_fault(&f, (int[]){EX_DATAERR, 0});
    else
        check_safe(name, in.size);
    check_cleaned(name, in.size);
    free(name);
    (void)plaintext_judge(in.data, in.size);
    return 0;
}

void fuzz_repair(uint8_t *data, size_t size, unsigned seed) {
    (void)data, (void)size, (void)seed;
}

void fuzz_seeds(fuzz_add *add) {
    static const char *const seeds[] = {
        "\x20plain",
        "\x40shop/order.ibd",
        "\x05../etc/passwd",
        "\x30/absolute",
        "\x10.a/./b",
        "\x11./a//b/./c",
        "\x11//a/..b/",
        "\x11gr\xc3\xbc\xc3\x9f",
        "\x08\xe2\x82\xac\xf0\x9f\x98\x80",
        "\x20\xc0\xaf\xed\xa0\x80\xf4\x90\x80\x80",
        "\x04tab\ttab\n\x1b[2J",
        "\x20"
        "back\\slash",
        "\x03..",
        "\x03"
        "a//b/",
        "\x09\xc2\x85\xe2\x80\xae",
    };
    for (size_t i = 0; i < sizeof seeds / sizeof seeds[0]; i++)
        add(seeds[i], strlen(seeds[i]));
}
