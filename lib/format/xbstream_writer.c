// SPDX-License-Identifier: Apache-2.0
#include "format/xbstream_writer.h"

#include "base/byteorder.h"
#include "base/checksum.h"
#include "engine/head.h"
#include "format/xbstream.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

// Pieces of a chunk: this bounds the overhead of small pieces.
enum { PIECES_FIRST = 4, PIECES_MAX = 1024 };

struct writer {
    struct stage stage;
    struct stage *next;
    void (*done)(void *);
    void *context;
    struct chunk *chunk; // the chunk being gathered; NULL: none
    uint64_t position;   // bytes of the file in chunks, this one included
    uint64_t hole;       // bytes of a hole that no piece follows yet
    size_t name_size;
    uint8_t name[];
};

struct piece {
    uint32_t skip; // bytes of a hole before it
    struct view data;
};

struct chunk {
    struct unit unit;
    struct writer *writer;
    bool end; // of the file: an end chunk follows
    bool sparse;
    uint64_t offset;
    size_t size; // of the payload
    unsigned count, room;
    struct piece *pieces;
    struct slab *heads; // this chunk's header and map, then the end chunk, if there is one
    size_t head_size, end_size;
};

// The stage's own data, for entries of a sparse map that need some.
static const uint8_t zero;

// Writes the sparse map. A piece without a hole before it extends the entry before. Returns the
// size of the map.
static size_t write_map(const struct chunk *c, uint8_t *map) {
    size_t size = 0;
    for (unsigned i = 0; i < c->count; i++) {
        uint32_t length = (uint32_t)c->pieces[i].data.size;
        if (i > 0 && c->pieces[i].skip == 0) {
            le32_put(map + size - 4, le32_get(map + size - 4) + length);
            continue;
        }
        le32_put(map + size, c->pieces[i].skip);
        le32_put(map + size + 4, length);
        size += XBSTREAM_MAP_ENTRY;
    }
    return size;
}

// Makes the chunk's header and map.
static int make_head(struct chunk *c, struct slab *heads) {
    struct xbstream_chunk head = {.type = c->sparse ? XBSTREAM_SPARSE : XBSTREAM_PAYLOAD,
                                  .path = c->writer->name,
                                  .path_size = c->writer->name_size,
                                  .payload_size = c->size,
                                  .offset = c->offset};
    uint8_t *map = NULL;
    if (c->sparse) {
        map = malloc((size_t)c->count * XBSTREAM_MAP_ENTRY);
        if (map == NULL)
            return -1;
        head.map_size = write_map(c, map);
    }
    head.crc = checksum_crc32(0, map, head.map_size);
    for (unsigned i = 0; i < c->count; i++)
        head.crc = checksum_crc32(head.crc, c->pieces[i].data.data, c->pieces[i].data.size);
    c->head_size = xbstream_write_head(heads->data, &head);
    if (map != NULL)
        memcpy(heads->data + c->head_size, map, head.map_size);
    c->head_size += head.map_size;
    free(map);
    return 0;
}

static enum job_result run_chunk(struct job *job, unsigned thread) {
    (void)thread;
    struct chunk *c = (struct chunk *)job;
    struct slab *heads =
        slab_new(2 * HEAD_MAX + (c->sparse ? (size_t)c->count * XBSTREAM_MAP_ENTRY : 0));
    if (heads == NULL)
        return JOB_DONE;
    if (c->count > 0 && make_head(c, heads) < 0) {
        slab_unref(heads);
        return JOB_DONE;
    }
    if (c->end) {
        struct xbstream_chunk end = {
            .type = XBSTREAM_END, .path = c->writer->name, .path_size = c->writer->name_size};
        c->end_size = xbstream_write_head(heads->data + c->head_size, &end);
    }
    c->heads = heads;
    return JOB_DONE;
}

static void deliver_chunk(struct unit *unit) {
    struct chunk *c = (struct chunk *)unit;
    struct writer *w = c->writer;
    if (w->stage.broken)
        return;
    if (c->heads == NULL) {
        struct fault f;
        diag_fault_memory(&f);
        stage_break(&w->stage, &f);
        return;
    }
    struct view heads = {.data = c->heads->data, .slab = c->heads};
    heads.size = c->head_size + c->end_size;
    struct view head = view_split(&heads, c->head_size);
    if (head.size > 0)
        stage_push(w->next, head);
    for (unsigned i = 0; i < c->count; i++)
        stage_push(w->next, c->pieces[i].data);
    if (c->end) {
        stage_push(w->next, heads);
        w->done(w->context);
    }
}

static void release_chunk(struct unit *unit) {
    struct chunk *c = (struct chunk *)unit;
    for (unsigned i = 0; i < c->count; i++)
        slab_unref(c->pieces[i].data.slab);
    slab_unref(c->heads);
    free(c->pieces);
    free(c);
}

// The chunk being gathered, a new one if there is none. NULL if the allocation failed.
static struct chunk *open_chunk(struct writer *w) {
    if (w->chunk != NULL)
        return w->chunk;
    struct chunk *c = calloc(1, sizeof *c);
    if (c == NULL)
        return NULL;
    c->unit.job.run = run_chunk;
    c->unit.deliver = deliver_chunk;
    c->unit.release = release_chunk;
    c->writer = w;
    c->offset = w->position;
    w->chunk = c;
    return c;
}

static void submit_chunk(struct writer *w) {
    struct chunk *c = w->chunk;
    w->chunk = NULL;
    c->unit.cost = sizeof *c + c->size + c->room * sizeof c->pieces[0];
    ordered_submit(w->stage.ordered, &c->unit);
}

// Adds a piece to the chunk, which then owns its slab. Returns 0, or -1 with the slab still the
// caller's.
static int add_piece(struct writer *w, uint32_t skip, struct view data) {
    struct chunk *c = open_chunk(w);
    if (c == NULL)
        return -1;
    if (c->count == c->room) {
        unsigned room = c->room > 0 ? 2 * c->room : PIECES_FIRST;
        struct piece *pieces = reallocarray(c->pieces, room, sizeof *pieces);
        if (pieces == NULL)
            return -1;
        c->pieces = pieces;
        c->room = room;
    }
    c->pieces[c->count++] = (struct piece){.skip = skip, .data = data};
    c->sparse |= skip > 0;
    c->size += data.size;
    w->position += skip + data.size;
    if (c->size == XBSTREAM_CHUNK_SIZE || c->count == PIECES_MAX)
        submit_chunk(w);
    return 0;
}

// Skips as much of the hole as one entry can express.
static int pass_hole(struct writer *w) {
    while (w->hole > UINT32_MAX) {
        if (add_piece(w, UINT32_MAX, (struct view){.data = &zero, .size = 1}) < 0)
            return -1;
        w->hole -= UINT32_MAX + UINT64_C(1);
    }
    return 0;
}

static int add_data(struct writer *w, struct view data) {
    if (pass_hole(w) < 0 || view_hold(&data) < 0)
        return -1;
    if (add_piece(w, (uint32_t)w->hole, data) < 0) {
        slab_unref(data.slab);
        return -1;
    }
    w->hole = 0;
    return 0;
}

static void push(struct stage *stage, struct view v) {
    struct writer *w = (struct writer *)stage;
    if (v.data == NULL) {
        w->hole += v.size;
        return;
    }
    while (v.size > 0 && !stage_is_closed(stage)) {
        size_t room = XBSTREAM_CHUNK_SIZE - (w->chunk != NULL ? w->chunk->size : 0);
        if (add_data(w, view_split(&v, v.size < room ? v.size : room)) < 0)
            stage_fail_memory(stage);
    }
}

static void finish(struct stage *stage) {
    struct writer *w = (struct writer *)stage;
    if (stage_is_closed(stage))
        return;
    if (w->hole > 0) { // a hole at the end: its last byte is stored
        w->hole--;
        if (add_data(w, (struct view){.data = &zero, .size = 1}) < 0) {
            stage_fail_memory(stage);
            return;
        }
    }
    struct chunk *c = open_chunk(w);
    if (c == NULL) {
        stage_fail_memory(stage);
        return;
    }
    c->end = true;
    submit_chunk(w);
}

static void free_writer(struct stage *stage) {
    struct writer *w = (struct writer *)stage;
    if (w->chunk != NULL)
        release_chunk(&w->chunk->unit);
    free(w);
}

struct stage *xbstream_writer_new(struct ordered *o, const char *name, size_t size,
                                  struct stage *next, void (*done)(void *context), void *context) {
    static const struct stage_operations operations = {
        .push = push, .finish = finish, .free = free_writer};
    assert(size > 0 && size <= MEMBER_NAME_MAX);
    struct writer *w = stage_new(sizeof *w + size, &operations, o);
    if (w == NULL)
        return NULL;
    w->next = next;
    w->done = done;
    w->context = context;
    w->name_size = size;
    memcpy(w->name, name, size);
    return &w->stage;
}

void xbstream_writer_leave_open(struct stage *stage) {
    struct writer *w = (struct writer *)stage;
    struct slab *slab = slab_new(HEAD_MAX);
    if (slab == NULL)
        return;
    struct xbstream_chunk head = {.type = XBSTREAM_PAYLOAD,
                                  .path = w->name,
                                  .path_size = w->name_size,
                                  .offset = w->chunk != NULL ? w->chunk->offset : w->position};
    size_t size = xbstream_write_head(slab->data, &head);
    stage_push(w->next, (struct view){.data = slab->data, .size = size, .slab = slab});
    slab_unref(slab);
}
