// SPDX-License-Identifier: Apache-2.0
// A target as an ordinary test: runs its seeds and tests/fuzz/found/NAME/* with 1 and 3 threads,
// and prints TAP. An input that breaks something ends the process, after its name was printed.
// `test_fuzz_NAME --seeds DIRECTORY` writes the seeds there instead, for the fuzzer;
// `test_fuzz_NAME FILE-OR-DIRECTORY...` runs those inputs, once each.
#include "fuzz.h"

#include "archives.h"
#include "os/fdio.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *seed_directory;
static unsigned seed_count;

// In memory that ends where the input ends.
static void run(const uint8_t *data, size_t size) {
    uint8_t *copy = fuzz_copy(data, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static void write_seed(const void *data, size_t size) {
    char path[4096];
    snprintf(path, sizeof path, "%s/seed-%03u", seed_directory, seed_count++);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0 || fdio_write_full(fd, data, size) < 0 || close(fd) < 0) {
        perror(path);
        exit(74);
    }
}

static void run_seed(const void *data, size_t size) {
    printf("# seed %u, %zu bytes\n", seed_count++, size);
    fflush(stdout);
    for (fuzz_threads = 1; fuzz_threads <= 3; fuzz_threads += 2)
        run(data, size);
}

static void run_file(const char *path, unsigned threads_max) {
    struct bytes input;
    printf("# %s\n", path);
    fflush(stdout);
    bytes_load(&input, path);
    for (fuzz_threads = 1; fuzz_threads <= threads_max; fuzz_threads += 2)
        run(input.data, input.size);
    bytes_free(&input);
}

static unsigned run_path(const char *path, unsigned threads_max) {
    struct dirent **entries;
    int count = scandir(path, &entries, NULL, alphasort);
    if (count < 0) {
        run_file(path, threads_max);
        return 1;
    }
    unsigned files = 0;
    for (int i = 0; i < count; i++) {
        char inner[4096];
        snprintf(inner, sizeof inner, "%s/%s", path, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.')
            files += run_path(inner, threads_max);
        free(entries[i]);
    }
    free(entries);
    return files;
}

int main(int argc, char **argv) {
    if (argc == 3 && strcmp(argv[1], "--seeds") == 0) {
        seed_directory = argv[2];
        fuzz_seeds(write_seed);
        return 0;
    }
    if (argc > 1) {
        for (int i = 1; i < argc; i++)
            run_path(argv[i], 1);
        return 0;
    }
    const char *name = strrchr(argv[0], '/');
    name = strstr(name != NULL ? name : argv[0], "fuzz_");
    char found[4096];
    struct stat status;
    snprintf(found, sizeof found, "%s/%s", FOUND, name != NULL ? name + 5 : "");
    printf("1..2\n");
    run_seed("", 0);
    fuzz_seeds(run_seed);
    printf("ok 1 - %u seeds\n", seed_count);
    fflush(stdout);
    unsigned cases = stat(found, &status) == 0 ? run_path(found, 3) : 0;
    printf("ok 2 - %u found cases\n", cases);
    return 0;
}
