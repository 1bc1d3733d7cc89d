// SPDX-License-Identifier: Apache-2.0
#include "qp_walk.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/byteorder.h"

static void check(bool good, const char *what) {
    if (!good) {
        fprintf(stderr, "test data: %s\n", what);
        abort();
    }
}

uint8_t *qp_read_file(const char *path, size_t *size) {
    FILE *f = fopen(path, "rbe");
    check(f != NULL, path);
    check(fseeko(f, 0, SEEK_END) == 0, path);
    *size = (size_t)ftello(f);
    rewind(f);
    uint8_t *data = malloc(*size + 1);
    check(data != NULL && fread(data, 1, *size, f) == *size, path);
    fclose(f);
    return data;
}

struct reader {
    const uint8_t *at, *end;
};

static const uint8_t *take(struct reader *r, size_t n) {
    check((size_t)(r->end - r->at) >= n, "archive cut off");
    const uint8_t *taken = r->at;
    r->at += n;
    return taken;
}

static void take_name(struct reader *r, char *name, size_t room) {
    size_t n = le32_get(take(r, 4));
    check(n < room, "name too long");
    memcpy(name, take(r, n + 1), n + 1);
}

static void walk_blocks(struct reader *r, const struct qp_visitor *v) {
    while (memcmp(take(r, 8), "NEWBNEWB", 8) == 0) {
        take(r, 12);
        bool is_long = *take(r, 1) & 2;
        size_t packet_size = is_long ? le32_get(take(r, 4)) : *take(r, 1);
        r->at -= is_long ? 5 : 2;
        v->packet(v->context, take(r, packet_size), packet_size);
    }
    check(memcmp(r->at - 8, "ENDSENDS", 8) == 0, "neither block nor trailer");
    take(r, 8);
}

void qp_walk_archive(const uint8_t *archive, size_t size, const struct qp_visitor *v) {
    struct reader r = {archive, archive + size};
    char path[PATH_MAX] = "";
    size_t length = 0;
    check(memcmp(take(&r, 8), "qpress10", 8) == 0, "not a qpress archive");
    take(&r, 8);
    while (r.at < r.end) {
        char kind = (char)*take(&r, 1);
        if (kind == 'D') {
            take_name(&r, path + length, sizeof path - length - 1);
            strcat(path, "/");
            length = strlen(path);
        } else if (kind == 'U') {
            check(length > 0, "above the top");
            path[length - 1] = '\0';
            char *slash = strrchr(path, '/');
            length = slash == NULL ? 0 : (size_t)(slash + 1 - path);
            path[length] = '\0';
        } else {
            check(kind == 'F', "unknown item");
            take_name(&r, path + length, sizeof path - length);
            v->file(v->context, path);
            path[length] = '\0';
            walk_blocks(&r, v);
        }
    }
}

struct member {
    char path[512];
    uint8_t *data;
    size_t size, room;
};

static struct member *find_member(struct member **members, size_t *count, const char *path) {
    for (size_t i = *count; i > 0; i--)
        if (strcmp((*members)[i - 1].path, path) == 0)
            return *members + i - 1;
    *members = realloc(*members, (*count + 1) * sizeof **members);
    check(*members != NULL, "no memory");
    struct member *m = *members + (*count)++;
    *m = (struct member){0};
    memcpy(m->path, path, strlen(path) + 1);
    return m;
}

static void append(struct member *m, const uint8_t *data, size_t size) {
    if (m->room - m->size < size) {
        m->room = 2 * m->room + size;
        m->data = realloc(m->data, m->room);
        check(m->data != NULL, "no memory");
    }
    memcpy(m->data + m->size, data, size);
    m->size += size;
}

void qp_walk_xbstream(const uint8_t *stream, size_t size, const struct qp_visitor *v) {
    struct reader r = {stream, stream + size};
    struct member *members = NULL;
    size_t count = 0;
    while (r.at < r.end) {
        check(memcmp(take(&r, 9), "XBSTCK01", 8) == 0, "not an xbstream");
        char type = (char)*take(&r, 1), path[512];
        size_t n = le32_get(take(&r, 4));
        check(n < sizeof path, "path too long");
        memcpy(path, take(&r, n), n);
        path[n] = '\0';
        struct member *m = find_member(&members, &count, path);
        if (type == 'E')
            continue;
        check(type == 'P', "chunk of another type");
        size_t payload = (size_t)le64_get(take(&r, 8));
        take(&r, 12);
        append(m, take(&r, payload), payload);
    }
    for (size_t i = 0; i < count; i++) {
        struct member *m = members + i;
        size_t n = strlen(m->path);
        if (n > 3 && strcmp(m->path + n - 3, ".qp") == 0) {
            m->path[n - 3] = '\0';
            struct reader a = {m->data, m->data + m->size};
            check(memcmp(take(&a, 17), "qpress10", 8) == 0 && a.at[-1] == 'F', "not of one file");
            char name[512];
            take_name(&a, name, sizeof name);
            v->file(v->context, m->path);
            walk_blocks(&a, v);
        }
        free(m->data);
    }
    free(members);
}
