// SPDX-License-Identifier: Apache-2.0
// Usage: qpress_pack NAME < FILE > ARCHIVE
// Packs standard input as the one file NAME of a qpress archive, as `qpress -i` does: QuickLZ
// level 1, blocks of 64 KiB. Debian has no qpress.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/byteorder.h"
#include "base/checksum.h"
#include "quicklz_encode.h"

enum { BLOCK = 65536, ROOM = BLOCK + 400, BLOCK_HEAD = 20 };

static void fail(const char *why) {
    fprintf(stderr, "qpress_pack: %s\n", why);
    exit(EXIT_FAILURE);
}

static void put(const void *data, size_t size) {
    if (fwrite(data, 1, size, stdout) != size)
        fail("cannot write");
}

int main(int argc, char **argv) {
    static uint8_t data[BLOCK], packet[ROOM];
    static const uint8_t end_mark[16] = "ENDSENDS";
    uint8_t head[BLOCK_HEAD];

    if (argc != 2)
        fail("usage: qpress_pack NAME < FILE > ARCHIVE");
    put("qpress10", 8);
    le64_put(head, BLOCK);
    put(head, 8);
    put("F", 1);
    le32_put(head, (uint32_t)strlen(argv[1]));
    put(head, 4);
    put(argv[1], strlen(argv[1]) + 1);
    memcpy(head, "NEWBNEWB", 8);
    uint64_t offset = 0;
    for (;;) {
        size_t size = fread(data, 1, BLOCK, stdin);
        if (size == 0)
            break;
        size_t packed = quicklz_encode(1, data, size, packet);
        le64_put(head + 8, offset);
        le32_put(head + 16, checksum_adler32(packet, packed));
        put(head, BLOCK_HEAD);
        put(packet, packed);
        offset += size;
    }
    if (ferror(stdin))
        fail("cannot read");
    put(end_mark, sizeof end_mark);
    if (fclose(stdout) != 0)
        fail("cannot write");
    return EXIT_SUCCESS;
}
