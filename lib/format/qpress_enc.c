// SPDX-License-Identifier: Apache-2.0
#include "format/qpress_enc.h"

#include "base/byteorder.h"
#include "base/checksum.h"
#include "engine/block_enc.h"
#include "format/qpress.h"
#include "format/quicklz_enc.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCK_SIZE = QUICKLZ_ENC_SIZE_MAX, END_SIZE = QPRESS_TAG + 8 };

// ---- the items before a file ----

static uint8_t *add(struct qpress_enc_items *items, size_t size) {
    if (items->room - items->size < size) {
        size_t room = 2 * (items->size + size);
        uint8_t *bytes = realloc(items->bytes, room);
        if (bytes == NULL)
            return NULL;
        items->bytes = bytes;
        items->room = room;
    }
    uint8_t *at = items->bytes + items->size;
    items->size += size;
    return at;
}

static int add_name(struct qpress_enc_items *items, char kind, const char *name, size_t size) {
    uint8_t *at = add(items, 5 + size + 1);
    if (at == NULL)
        return -1;
    at[0] = (uint8_t)kind;
    le32_put(at + 1, (uint32_t)size);
    memcpy(at + 5, name, size);
    at[5 + size] = 0;
    return 0;
}

int qpress_enc_items_archive(struct qpress_enc_items *items) {
    uint8_t *at = add(items, QPRESS_ARCHIVE_HEAD);
    if (at == NULL)
        return -1;
    memcpy(at, QPRESS_ARCHIVE_TAG, QPRESS_TAG);
    le64_put(at + QPRESS_TAG, BLOCK_SIZE);
    return 0;
}

// How many bytes of the items' folder are also the beginning of the named folder, as whole names.
static size_t common_size(const struct qpress_enc_items *items, const char *name, size_t size) {
    size_t common = 0;
    for (size_t i = 0;; i++) {
        bool ends = i == items->folder_size || items->folder[i] == '/';
        if (ends && (i == size || (i < size && name[i] == '/')))
            common = i;
        if (i == items->folder_size || i >= size || items->folder[i] != name[i])
            return common;
    }
}

int qpress_enc_items_folder(struct qpress_enc_items *items, const char *name, size_t size) {
    size_t common = common_size(items, name, size);
    while (items->folder_size > common) {
        uint8_t *at = add(items, 1);
        if (at == NULL)
            return -1;
        *at = 'U';
        const char *slash = memrchr(items->folder, '/', items->folder_size);
        items->folder_size = slash != NULL ? (size_t)(slash - items->folder) : 0;
    }
    while (items->folder_size < size) {
        const char *from = name + items->folder_size + (items->folder_size > 0);
        const char *slash = memchr(from, '/', (size_t)(name + size - from));
        const char *to = slash != NULL ? slash : name + size;
        if (add_name(items, 'D', from, (size_t)(to - from)) < 0)
            return -1;
        items->folder_size = (size_t)(to - name);
        memcpy(items->folder, name, items->folder_size);
    }
    return 0;
}

int qpress_enc_items_file(struct qpress_enc_items *items, const char *name, size_t size) {
    const char *slash = memrchr(name, '/', size);
    const char *base = slash != NULL ? slash + 1 : name;
    if (qpress_enc_items_folder(items, name, slash != NULL ? (size_t)(slash - name) : 0) < 0)
        return -1;
    return add_name(items, 'F', base, (size_t)(name + size - base));
}

void qpress_enc_items_free(struct qpress_enc_items *items) {
    free(items->bytes);
    *items = (struct qpress_enc_items){0};
}

static void empty_items(struct qpress_enc_items *items) {
    free(items->bytes);
    items->bytes = NULL;
    items->size = items->room = 0;
}

void qpress_enc_items_push(struct qpress_enc_items *items, struct stage *next) {
    if (items->size > 0)
        stage_push(next, (struct view){.data = items->bytes, .size = items->size});
    empty_items(items);
}

// ---- blocks ----

struct qpress_enc {
    int level;
    unsigned threads;
    struct quicklz_enc *encoders[]; // one for each thread, made when it is first needed
};

int qpress_enc_new(struct qpress_enc **out, int level, unsigned threads, struct fault *f) {
    *out = calloc(1, sizeof **out + threads * sizeof(*out)->encoders[0]);
    if (*out == NULL)
        return diag_fault_memory(f);
    (*out)->level = level;
    (*out)->threads = threads;
    return 0;
}

void qpress_enc_free(struct qpress_enc *e) {
    if (e == NULL)
        return;
    for (unsigned i = 0; i < e->threads; i++)
        quicklz_enc_free(e->encoders[i]);
    free(e);
}

static size_t bound(size_t size) {
    return QPRESS_BLOCK_HEAD + size + QUICKLZ_ENC_SLACK;
}

static int encode(void *context, unsigned thread, uint64_t offset, const uint8_t *data, size_t size,
                  struct slab **out, size_t *out_size, struct fault *f) {
    struct qpress_enc *e = context;
    if (e->encoders[thread] == NULL)
        e->encoders[thread] = quicklz_enc_new(e->level);
    *out = slab_new(bound(size));
    if (*out == NULL || e->encoders[thread] == NULL)
        return diag_fault_memory(f);
    uint8_t *head = (*out)->data, *packet = head + QPRESS_BLOCK_HEAD;
    size_t packet_size = quicklz_enc_packet(e->encoders[thread], data, size, packet);
    memcpy(head, QPRESS_BLOCK_TAG, QPRESS_TAG);
    le64_put(head + QPRESS_TAG, offset);
    le32_put(head + QPRESS_TAG + 8, checksum_adler32(packet, packet_size));
    *out_size = QPRESS_BLOCK_HEAD + packet_size;
    block_enc_trim(out, *out_size);
    return 0;
}

static size_t cost(void *context, size_t size) {
    (void)context;
    return size + bound(size);
}

struct stage *qpress_enc_blocks_new(struct ordered *o, struct qpress_enc *e, struct stage *next) {
    static const struct block_enc_codec codec = {.encode = encode, .cost = cost};
    return block_enc_new(o, &codec, e, BLOCK_SIZE, next);
}

// ---- the file around its blocks ----

struct file {
    struct stage stage;
    struct qpress_enc_items items;
    struct stage *next;
    void (*done)(void *);
    void *context;
};

static void push(struct stage *stage, struct view v) {
    struct file *file = (struct file *)stage;
    qpress_enc_items_push(&file->items, file->next);
    stage_push(file->next, v);
}

static void finish(struct stage *stage) {
    static const uint8_t end[END_SIZE] = QPRESS_END_TAG;
    struct file *file = (struct file *)stage;
    push(stage, (struct view){.data = end, .size = sizeof end});
    if (file->done != NULL)
        file->done(file->context);
    else
        stage_finish(file->next);
}

static void free_file(struct stage *stage) {
    struct file *file = (struct file *)stage;
    qpress_enc_items_free(&file->items);
    free(file);
}

struct stage *qpress_enc_file_new(struct ordered *o, struct qpress_enc_items *items,
                                  struct stage *next, void (*done)(void *context), void *context) {
    static const struct stage_operations operations = {
        .push = push, .finish = finish, .free = free_file};
    struct file *file = stage_new(sizeof *file, &operations, o);
    if (file == NULL)
        return NULL;
    file->items = *items;
    file->next = next;
    file->done = done;
    file->context = context;
    items->bytes = NULL;
    empty_items(items);
    return &file->stage;
}

void qpress_enc_file_leave_open(struct stage *stage) {
    struct file *file = (struct file *)stage;
    qpress_enc_items_push(&file->items, file->next);
}
