// SPDX-License-Identifier: Apache-2.0
// The shared state of the driver (walk.c) and the library that it preloads into a program
// (inject.c), in a file that both map.
#ifndef XBPIPE_TESTS_INJECT_H
#define XBPIPE_TESTS_INJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The variable that holds the path of the file.
#define INJECT_VARIABLE "INJECT_FILE"

// The calls of each are counted together, from main on.
enum inject_class {
    INJECT_MEMORY,         // by the program or the C library
    INJECT_LIBRARY_MEMORY, // by another library
    INJECT_MAP,
    INJECT_READ,
    INJECT_WRITE, // not to standard error, or to what else is there for progress
    INJECT_CLOSE,
    INJECT_SYNC,
    INJECT_RENAME,
    INJECT_OPEN,
    INJECT_STAT, // and what else asks about files and folders
    INJECT_RESIZE,
    INJECT_FOLDER,
    INJECT_DUPLICATE, // and other new descriptors of no file
    INJECT_THREAD,
    INJECT_PROCESS,
    INJECT_NETWORK,
    INJECT_CIPHER, // libcrypto's entry points, and those of the compression libraries
    INJECT_RANDOM,
    INJECT_HINT, // what a program may do without
    INJECT_CLASSES
};

enum inject_mode {
    INJECT_FAIL,       // the call fails, with inject.error
    INJECT_FROM_HERE,  // and so do all of the class that follow
    INJECT_SHORT,      // it transfers one byte
    INJECT_INTERRUPTED // it fails with EINTR, once
};

enum { INJECT_SECRETS = 12, INJECT_SECRET_MAX = 64, INJECT_NAME = 32 };

struct inject {
    // The request.
    uint32_t class;
    uint32_t mode;
    uint64_t at; // the number of the call, from 1; 0: none
    int error;   // errno
    bool chance; // random bytes are to be random
    // Bytes that may not be in the memory of the program at its end; each inverted, so that they
    // are not there by this.
    struct {
        size_t size;
        uint8_t inverted[INJECT_SECRET_MAX];
    } secrets[INJECT_SECRETS];

    // The findings.
    _Atomic uint64_t counts[INJECT_CLASSES];
    char fired[INJECT_NAME]; // the function that failed; empty: none
    bool by_library;         // called by neither the program nor the C library
    bool loses;              // the failed call may be the only sign of lost data
    // An invalid access by code of another library: the library, and the function if it has a name
    // that others can use; empty: none.
    char crash_place[64];
    uint64_t crash_address;  // what was accessed
    bool ended;              // the program ended in a way that let the rest be found
    uint64_t own_blocks;     // of memory that the program itself had and did not free
    uint64_t own_offset;     // where in the program the first of them was asked for
    uint64_t library_blocks; // the same, by libraries
    uint32_t descriptors;    // open, and not at the start
    bool searched;           // all of its memory was, for the secrets
    uint32_t secret;         // number, from 1, of a secret that was found; 0: none
    char secret_place[64];
};

#endif
