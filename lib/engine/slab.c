// SPDX-License-Identifier: Apache-2.0
#include "engine/slab.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define REUSE 0 // so that the sanitizer finds every overrun and every use after free
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define REUSE 0
#endif
#endif
#ifndef REUSE
#define REUSE 1
#endif

// Sizes are rounded up to classes, four to each power of two (64, 80, 96, 112, 128, 160 ... bytes),
// so that units of nearly the same size reuse the same memory and little is wasted.
enum {
    CLASS_MIN_SHIFT = 6,
    CLASSES_A_DOUBLING = 4,
    CLASS_COUNT = 19 * CLASSES_A_DOUBLING + 1, // up to 32 MiB; larger ones are not kept
    KEPT_BYTES_MAX = 32 << 20
};

static struct {
    pthread_mutex_t lock;
    struct slab *free[CLASS_COUNT]; // linked through their data
    size_t bytes;
} kept = {.lock = PTHREAD_MUTEX_INITIALIZER};

static size_t class_capacity(unsigned class) {
    size_t base = (size_t)1 << (CLASS_MIN_SHIFT + class / CLASSES_A_DOUBLING);
    return base + base / CLASSES_A_DOUBLING * (class % CLASSES_A_DOUBLING);
}

// The smallest class whose slabs hold `capacity` bytes, or CLASS_COUNT.
static unsigned class_of(size_t capacity) {
    unsigned class = 0;
    while (class < CLASS_COUNT && class_capacity(class) < capacity)
        class ++;
    return class;
}

static struct slab *take_kept(unsigned class) {
    pthread_mutex_lock(&kept.lock);
    struct slab *s = kept.free[class];
    if (s != NULL) {
        memcpy(&kept.free[class], s->data, sizeof(struct slab *));
        kept.bytes -= s->capacity;
    }
    pthread_mutex_unlock(&kept.lock);
    return s;
}

static bool keep(struct slab *s, unsigned class) {
    bool room;
    pthread_mutex_lock(&kept.lock);
    room = kept.bytes + s->capacity <= KEPT_BYTES_MAX;
    if (room) {
        memcpy(s->data, &kept.free[class], sizeof(struct slab *));
        kept.free[class] = s;
        kept.bytes += s->capacity;
    }
    pthread_mutex_unlock(&kept.lock);
    return room;
}

static void destroy(struct slab *s) {
    free(s->data);
    free(s);
}

struct slab *slab_new(size_t capacity) {
    unsigned class = class_of(capacity);
    if (REUSE && class < CLASS_COUNT) {
        struct slab *s = take_kept(class);
        if (s != NULL) {
            s->references = 1;
            return s;
        }
        capacity = class_capacity(class);
    }
    struct slab *s = malloc(sizeof *s);
    uint8_t *data = malloc(capacity);
    if (s == NULL || data == NULL) {
        free(s);
        free(data);
        return NULL;
    }
    *s = (struct slab){.data = data, .capacity = capacity, .references = 1};
    return s;
}

struct slab *slab_ref(struct slab *s) {
    if (s != NULL)
        atomic_fetch_add_explicit(&s->references, 1, memory_order_relaxed);
    return s;
}

void slab_unref(struct slab *s) {
    if (s == NULL || atomic_fetch_sub_explicit(&s->references, 1, memory_order_acq_rel) > 1)
        return;
    unsigned class = class_of(s->capacity);
    if (REUSE && class < CLASS_COUNT && keep(s, class))
        return;
    destroy(s);
}

int slab_fit(struct slab **s, size_t size, size_t least) {
    if (size >= least || size >= (*s)->capacity / 4)
        return 0;
    struct slab *small = slab_new(size > 0 ? size : 1);
    if (small == NULL)
        return -1;
    memcpy(small->data, (*s)->data, size);
    slab_unref(*s);
    *s = small;
    return 0;
}

void slab_trim(void) {
    for (unsigned class = 0; class < CLASS_COUNT; class ++) {
        struct slab *s;
        while ((s = take_kept(class)) != NULL)
            destroy(s);
    }
}
