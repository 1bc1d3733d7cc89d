// SPDX-License-Identifier: Apache-2.0
// Makes a fuzzer of a target: libFuzzer's own mutations, after most of which the target's checksums
// are made right again.
#include "fuzz.h"

#include <openssl/rand.h>
#include <sanitizer/lsan_interface.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

// OpenSSL keeps its random generators where the leak checker, which libFuzzer runs between inputs,
// does not look.
int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc, (void)argv;
    unsigned char byte;
    __lsan_disable();
    bool have = RAND_bytes(&byte, 1) == 1 && RAND_priv_bytes(&byte, 1) == 1;
    __lsan_enable();
    return have ? 0 : 1;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed) {
    size = LLVMFuzzerMutate(data, size, max_size);
    if (seed % 8 != 0)
        fuzz_repair(data, size, seed / 8);
    return size;
}
