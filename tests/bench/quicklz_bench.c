// SPDX-License-Identifier: Apache-2.0
// Usage: quicklz_bench [-l LEVEL] [-b BLOCK] [-r RUNS] FILE...
// Decodes all QuickLZ packets of the files, RUNS times, on the core that it runs on, and prints the
// median and best speed (processor time, bytes of output) of the decoder and of the tests' plain
// one. A qpress archive or an xbstream gives its packets; any other file is cut into blocks (65536
// bytes) and encoded first (level 1). For level 1 it also prints what the packets are made of.
#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/byteorder.h"
#include "format/quicklz.h"
#include "qp_walk.h"
#include "quicklz_encode.h"
#include "quicklz_plain.h"

struct packet {
    uint8_t *bytes;
    struct quicklz_header header;
};

struct packets {
    struct packet *list;
    size_t count, stored, size, largest;
};

static void fail(const char *what, const char *why) {
    fprintf(stderr, "quicklz_bench: %s: %s\n", what, why);
    exit(1);
}

static void add_packet(void *context, const uint8_t *bytes, size_t size) {
    struct packets *all = context;
    if ((all->count & (all->count + 1)) == 0) {
        all->list = realloc(all->list, 2 * (all->count + 1) * sizeof *all->list);
        if (all->list == NULL)
            fail("packets", "no memory");
    }
    struct packet *p = &all->list[all->count++];
    p->bytes = malloc(size);
    if (p->bytes == NULL)
        fail("packets", "no memory");
    memcpy(p->bytes, bytes, size);
    const char *wrong = quicklz_parse_header(bytes, size, &p->header);
    if (wrong != NULL)
        fail("packet", wrong);
    all->stored += size;
    all->size += p->header.size;
    if (p->header.size > all->largest)
        all->largest = p->header.size;
}

static void skip_name(void *context, const char *path) {
    (void)context;
    (void)path;
}

static void add_file(struct packets *all, const char *path, int level, size_t block) {
    size_t size;
    uint8_t *data = qp_read_file(path, &size);
    struct qp_visitor v = {skip_name, add_packet, all};
    if (size >= 8 && memcmp(data, "qpress10", 8) == 0) {
        qp_walk_archive(data, size, &v);
    } else if (size >= 8 && memcmp(data, "XBSTCK01", 8) == 0) {
        qp_walk_xbstream(data, size, &v);
    } else {
        uint8_t *packet = malloc(block + 400);
        if (packet == NULL)
            fail(path, "no memory");
        for (size_t at = 0; at < size; at += block) {
            size_t n = size - at < block ? size - at : block;
            add_packet(all, packet, quicklz_encode(level, data + at, n, packet));
        }
        free(packet);
    }
    free(data);
}

static void print_items(const struct packets *all) {
    size_t matches = 0, of_three = 0, matched = 0, runs = 0, literals = 0;
    for (size_t i = 0; i < all->count; i++) {
        const struct quicklz_header *h = &all->list[i].header;
        if (!h->compressed || h->level != 1)
            continue;
        const uint8_t *in = all->list[i].bytes + h->header_size;
        uint32_t control = 1;
        bool in_run = false;
        for (size_t at = 0; at + 11 < h->size; control >>= 1) {
            if (control == 1) {
                control = le32_get(in);
                in += 4;
            }
            if (control & 1) {
                bool is_short = (in[0] & 15) != 0;
                size_t length = is_short ? (in[0] & 15) + 2u : in[2];
                in += is_short ? 2 : 3;
                at += length;
                matches++;
                of_three += length == 3;
                matched += length;
                in_run = false;
            } else {
                in++;
                at++;
                literals++;
                runs += !in_run;
                in_run = true;
            }
        }
    }
    if (matches > 0 && runs > 0)
        printf(
            "level 1: %zu matches of %.1f bytes, %.0f %% of them of 3; %zu literal runs of %.1f\n",
            matches, (double)matched / (double)matches, 100 * (double)of_three / (double)matches,
            runs, (double)literals / (double)runs);
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double decode_all(const struct packets *all, uint8_t *out, bool plain) {
    double start = now();
    for (size_t i = 0; i < all->count; i++) {
        const struct packet *p = &all->list[i];
        size_t at;
        const char *wrong;
        if (plain)
            wrong = quicklz_plain_decode(p->bytes, p->header.stored_size, out, p->header.size)
                        ? NULL
                        : "refused by the plain decoder";
        else
            wrong = quicklz_decode(&p->header, p->bytes, out, &at);
        if (wrong != NULL)
            fail("packet", wrong);
    }
    return now() - start;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

struct speed {
    double median, best; // GB/s of output
};

static struct speed measure(const struct packets *all, uint8_t *out, bool plain, size_t runs) {
    double *seconds = malloc(runs * sizeof *seconds);
    if (seconds == NULL)
        fail("runs", "no memory");
    for (size_t i = 0; i < runs; i++)
        seconds[i] = decode_all(all, out, plain);
    qsort(seconds, runs, sizeof *seconds, by_value);
    double gigabytes = (double)all->size / 1e9;
    struct speed s = {gigabytes / seconds[runs / 2], gigabytes / seconds[0]};
    free(seconds);
    return s;
}

int main(int argc, char **argv) {
    int level = 1, option;
    size_t block = 65536, runs = 9;
    while ((option = getopt(argc, argv, "l:b:r:")) != -1) {
        if (option == 'l')
            level = atoi(optarg);
        else if (option == 'b')
            block = strtoul(optarg, NULL, 10);
        else if (option == 'r')
            runs = strtoul(optarg, NULL, 10);
        else
            return EXIT_FAILURE;
    }
    if (optind == argc || level < 1 || level > 3 || block == 0 || runs == 0)
        fail("usage", "quicklz_bench [-l LEVEL] [-b BLOCK] [-r RUNS] FILE...");
    struct packets all = {0};
    for (int i = optind; i < argc; i++)
        add_file(&all, argv[i], level, block);
    uint8_t *out = malloc(all.largest + QUICKLZ_SLACK);
    if (out == NULL)
        fail("output", "no memory");
    printf("%zu packets, %.1f MB stored, %.1f MB of output\n", all.count, (double)all.stored / 1e6,
           (double)all.size / 1e6);
    print_items(&all);
    decode_all(&all, out, false); // warms the caches and the page tables
    struct speed fast = measure(&all, out, false, runs);
    struct speed plain = measure(&all, out, true, (runs + 2) / 3);
    printf("decoder %.3f GB/s (best %.3f), plain %.3f (best %.3f), ratio %.2f\n", fast.median,
           fast.best, plain.median, plain.best, fast.median / plain.median);
    for (size_t i = 0; i < all.count; i++)
        free(all.list[i].bytes);
    free(all.list);
    free(out);
    return EXIT_SUCCESS;
}
