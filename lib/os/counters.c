// SPDX-License-Identifier: Apache-2.0
#include "os/counters.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static atomic_uint_fast64_t in, out, expected = COUNTERS_UNKNOWN;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char member[COUNTERS_MEMBER_SIZE]; // under the lock

void counters_add_in(uint64_t bytes) {
    atomic_fetch_add_explicit(&in, bytes, memory_order_relaxed);
}

void counters_add_out(uint64_t bytes) {
    atomic_fetch_add_explicit(&out, bytes, memory_order_relaxed);
}

void counters_expect(uint64_t size) {
    atomic_store_explicit(&expected, size, memory_order_relaxed);
}

void counters_set_member(const char *name) {
    pthread_mutex_lock(&lock);
    snprintf(member, sizeof member, "%s", name);
    pthread_mutex_unlock(&lock);
}

void counters_read(struct counters *c) {
    c->in = atomic_load_explicit(&in, memory_order_relaxed);
    c->out = atomic_load_explicit(&out, memory_order_relaxed);
    c->expected = atomic_load_explicit(&expected, memory_order_relaxed);
    pthread_mutex_lock(&lock);
    memcpy(c->member, member, sizeof c->member);
    pthread_mutex_unlock(&lock);
}
