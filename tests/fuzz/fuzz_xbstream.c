// SPDX-License-Identifier: Apache-2.0
// The xbstream reader, its chunks' parser included. First byte: the pieces of the second run; bit 7
// past damage.
//
// Parsers: xbstream.c xbstream_reader.c xbstream_salvage.c xbstream_roster.c
#include "archives.h"
#include "format/xbstream_reader.h"
#include "fuzz.h"
#include "members.h"
#include "repair.h"

enum { MAX_CHUNK = 1 << 16 };

static struct stage *make(struct ordered *o, struct stage *next, void *context) {
    return xbstream_reader_new(o, MAX_CHUNK, fuzz_members_target(context, next));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    fuzz_members_run(make, bytes, size);
    return 0;
}

void fuzz_repair(uint8_t *bytes, size_t size, unsigned seed) {
    if (size > 1)
        repair_xbstream(bytes + 1, size - 1, seed);
}

static void give(fuzz_add *add, struct bytes *seed) {
    add(seed->data, seed->size);
    bytes_free(seed);
}

void fuzz_seeds(fuzz_add *add) {
    struct bytes seed = {0};
    static const uint32_t map[][2] = {{4, 6}, {100, 3}, {7, 0}, {0, 4}};
    bytes_little(&seed, 0, 1);
    xbs_member(&seed, "a/b", "content", 7);
    give(add, &seed);
    bytes_little(&seed, 0x0a, 1);
    xbs_payload(&seed, "one", 0, "first");
    xbs_payload(&seed, "two", 0, "of the other");
    xbs_payload(&seed, "one", 5, "second");
    xbs_end(&seed, "one");
    xbs_any(&seed, 'X', 1, "ignored", 7, 9, "what is it", 10);
    xbs_end(&seed, "two");
    give(add, &seed);
    bytes_little(&seed, 0x40, 1);
    xbs_sparse(&seed, "sparse", 0, map, 4, "payload of it", 13);
    xbs_sparse(&seed, "sparse", 124, map + 2, 1, "", 0);
    xbs_sparse(&seed, "sparse", 131, map, 0, "", 0);
    xbs_end(&seed, "sparse");
    give(add, &seed);
    // Behind bytes that are no chunk, an offset of 128 GiB: alone, and with a chunk that goes on
    // from it.
    for (unsigned flags = 0; flags < 0x100; flags += 0x10) {
        bytes_little(&seed, flags, 1);
        bytes_add(&seed, "lost", 4);
        xbs_payload(&seed, "far", (uint64_t)1 << 37, "q");
        if (flags & 0x10)
            xbs_payload(&seed, "far", ((uint64_t)1 << 37) + 1, "q");
        xbs_end(&seed, "far");
        give(add, &seed);
    }
    bytes_little(&seed, 1, 1);
    xbs_end(&seed, "nothing");
    xbs_payload(&seed, "more", 0, "");
    give(add, &seed);
    bytes_little(&seed, 7, 1);
    xbs_member(&seed, "d/a", "one", 3);
    xbs_rename(&seed, "d/a", "d/t#P#p0");
    xbs_rewrite(&seed, "d/b", "two");
    xbs_rewrite(&seed, "d/b", "three");
    xbs_remove(&seed, "d/t#P#*");
    xbs_payload(&seed, "log", 0, "written once");
    xbs_seek(&seed, "log", 8);
    xbs_payload(&seed, "log", 8, "twice");
    xbs_end(&seed, "log");
    xbs_remove(&seed, "d");
    xbs_rename(&seed, "log", "log2");
    give(add, &seed);
    static const char hints[][10] = {"\0XBCRYP03", "\0qpress10", "\0\x1f\x8b",
                                     "\0\x28\xb5\x2f\xfd"};
    for (size_t i = 0; i < sizeof hints / sizeof hints[0]; i++) {
        bytes_add(&seed, hints[i], 10);
        bytes_zeros(&seed, 20);
        give(add, &seed);
    }
    fuzz_add_fixture(add, "\x1b", 1, "rds/part_zst.xb", 3000);
    fuzz_add_fixture(add, "\0", 1, "mariadb/shop_qp.xb", 1500);
}
