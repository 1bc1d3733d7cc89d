// SPDX-License-Identifier: Apache-2.0
// Lists of files with their SHA-256.
//
// Parsers: manifest.c
#include "base/member_name.h"
#include "file/manifest.h"
#include "fuzz.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void check_entries(const struct manifest *m) {
    if (m->count == 0)
        fuzz_broken("a list without a file");
    for (size_t i = 0; i < m->count; i++) {
        const struct manifest_entry *e = &m->entries[i];
        if (e->size == 0 || e->size > MEMBER_NAME_MAX || e->name[e->size] != '\0')
            fuzz_broken("a name of %zu bytes", e->size);
        if (manifest_find(m, e->name, e->size) != e)
            fuzz_broken("entry %zu is not found", i);
    }
}

// What is written is read as the same.
static void check_writing(const struct manifest *m) {
    struct manifest again = {0};
    struct fault f;
    const char *path = fuzz_file(1, "", 0);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || manifest_write(m, fd, "list", &f) < 0 || manifest_read(&again, path, &f) < 0)
        fuzz_broken("a list that was written is not read: %s", f.text);
    close(fd);
    bool same = again.count == m->count;
    for (size_t i = 0; same && i < m->count; i++)
        same = again.entries[i].size == m->entries[i].size &&
               memcmp(again.entries[i].name, m->entries[i].name, m->entries[i].size) == 0 &&
               memcmp(again.entries[i].sha256, m->entries[i].sha256, DIGEST_SIZE) == 0;
    if (!same)
        fuzz_broken("a list that was written is read as another");
    manifest_clear(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct manifest m = {0};
    struct fault f;
    if (manifest_read(&m, fuzz_file(0, data, size), &f) < 0) {
        fuzz_check_fault(&f, (int[]){EX_DATAERR, 0});
    } else {
        check_entries(&m);
        check_writing(&m);
    }
    manifest_clear(&m);
    return 0;
}

void fuzz_repair(uint8_t *data, size_t size, unsigned seed) {
    (void)data, (void)size, (void)seed;
}

#define DIGEST "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

void fuzz_seeds(fuzz_add *add) {
    static const char *const seeds[] = {
        DIGEST "  a\n" DIGEST " *b/c\n",
        "# made by\n" DIGEST "  ./x\n",
        "\\" DIGEST "  back\\\\slash\\nline\\r\n" DIGEST "  z",
        DIGEST "  a\n" DIGEST "  a\n",
        DIGEST "  a\n\n",
        DIGEST "  \\a\n\\" DIGEST "  \\x\n",
    };
    for (size_t i = 0; i < sizeof seeds / sizeof seeds[0]; i++)
        add(seeds[i], strlen(seeds[i]));
    fuzz_add_fixture(add, "", 0, "rds/part.sha256", 600);
}
