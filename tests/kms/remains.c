// SPDX-License-Identifier: Apache-2.0
// To be preloaded into a program: at its end, looks through all of its writable memory for secrets,
// and prints on standard error a line for each place where one remains, then the number of places.
// REMAINS holds the secrets, separated by commas, in hexadecimal with every bit inverted, so that
// it holds none of them itself. A control comes first: a copy in the heap must be found.
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 512 };

// The memory's map, opened before the program can shut itself in (lib/sandbox.h).
static FILE *maps;

__attribute__((constructor)) static void open_maps(void) {
    maps = fopen("/proc/self/maps", "re");
}

// Counts the places that hold the secret, whose bytes are given inverted.
static int places(const unsigned char *inverted, size_t size, const char *label) {
    char line[512];
    int found = 0;
    if (maps != NULL)
        rewind(maps);
    while (maps != NULL && fgets(line, sizeof line, maps) != NULL) {
        uintptr_t start, end;
        char access[5], name[300] = "";
        if (sscanf(line, "%lx-%lx %4s %*s %*s %*s %299s", &start, &end, access, name) < 3 ||
            access[0] != 'r' || access[1] != 'w' || strncmp(name, "[v", 2) == 0)
            continue;
        for (uintptr_t at = start; at + size <= end; at++) {
            const volatile unsigned char *bytes = (const volatile unsigned char *)at;
            size_t same = 0;
            while (same < size && (bytes[same] ^ inverted[same]) == 0xff)
                same++;
            if (same == size) {
                found++;
                if (label != NULL)
                    fprintf(stderr, "remains: secret %s in %s\n", label, name);
            }
        }
    }
    return found;
}

__attribute__((destructor)) static void look(void) {
    static unsigned char inverted[MOST];
    const char *text = getenv("REMAINS");
    int total = 0, number = 0;
    while (text != NULL && *text != '\0') {
        size_t size = 0;
        unsigned value;
        for (; size < MOST && sscanf(text, "%2x", &value) == 1 && *text != ','; text += 2)
            inverted[size++] = (unsigned char)value;
        if (*text == ',')
            text++;
        unsigned char *control = malloc(size);
        for (size_t i = 0; control != NULL && i < size; i++)
            control[i] = (unsigned char)~inverted[i];
        char label[20];
        snprintf(label, sizeof label, "%d", ++number);
        if (control == NULL || places(inverted, size, NULL) == 0)
            fprintf(stderr, "remains: the control of secret %s was not found\n", label);
        explicit_bzero(control, size);
        free(control);
        total += places(inverted, size, label);
    }
    fprintf(stderr, "remains: %d secrets, %d places\n", number, total);
}
