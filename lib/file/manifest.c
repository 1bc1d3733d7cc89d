// SPDX-License-Identifier: Apache-2.0
#include "file/manifest.h"

#include "base/hex.h"
#include "base/member_name.h"
#include "os/fdio.h"
#include "os/noclobber.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    HEX_SIZE = 2 * DIGEST_SIZE,
    NAME_AT = HEX_SIZE + 2,
    // A backslash, digits, two characters, a name of which each is escaped, a newline, a
    // terminator.
    LINE_SIZE = 1 + NAME_AT + 2 * (MEMBER_NAME_MAX + 2) + 2,
    SHOWN_SIZE = 200
};

int manifest_add(struct manifest *m, const char *name, size_t size, const uint8_t *sha256,
                 struct fault *f) {
    if (m->count == m->room) {
        size_t room = m->room == 0 ? 64 : 2 * m->room;
        struct manifest_entry *larger = reallocarray(m->entries, room, sizeof *larger);
        if (larger == NULL)
            return diag_fault_memory(f);
        m->entries = larger;
        m->room = room;
    }
    struct manifest_entry entry = {.name = malloc(size + 1), .size = size};
    if (entry.name == NULL)
        return diag_fault_memory(f);
    memcpy(entry.name, name, size);
    entry.name[size] = '\0';
    if (sha256 != NULL)
        memcpy(entry.sha256, sha256, DIGEST_SIZE);
    m->entries[m->count++] = entry;
    return 0;
}

static int compare(const void *a, const void *b) {
    const struct manifest_entry *x = a, *y = b;
    int order = memcmp(x->name, y->name, x->size < y->size ? x->size : y->size);
    return order != 0 ? order : (x->size > y->size) - (x->size < y->size);
}

void manifest_sort(struct manifest *m) {
    if (m->count > 0)
        qsort(m->entries, m->count, sizeof *m->entries, compare);
}

struct manifest_entry *manifest_find(const struct manifest *m, const char *name, size_t size) {
    char terminated[MEMBER_NAME_MAX + 1];
    if (m->count == 0 || size > MEMBER_NAME_MAX)
        return NULL;
    memcpy(terminated, name, size);
    struct manifest_entry key = {.name = terminated, .size = size};
    return bsearch(&key, m->entries, m->count, sizeof *m->entries, compare);
}

// Undoes the escapes of a name in place. Returns its size, or -1 if there is another escape.
static ssize_t unescape(char *name) {
    char *to = name;
    for (const char *from = name; *from != '\0'; from++) {
        char c = *from;
        if (c == '\\') {
            c = *++from;
            if (c != '\\' && c != 'n' && c != 'r')
                return -1;
            c = c == 'n' ? '\n' : c == 'r' ? '\r' : '\\';
        }
        *to++ = c;
    }
    return to - name;
}

// Parses a line, terminated and without its newline. Returns false if it is not in sha256sum
// format.
static bool parse_line(char *line, uint8_t sha256[static DIGEST_SIZE], const char **name,
                       size_t *size) {
    bool escaped = line[0] == '\\';
    if (escaped)
        line++;
    size_t digits = 0;
    while (digits < HEX_SIZE && isxdigit((unsigned char)line[digits]))
        digits++;
    if (digits < HEX_SIZE || line[HEX_SIZE] != ' ' ||
        (line[HEX_SIZE + 1] != ' ' && line[HEX_SIZE + 1] != '*'))
        return false;
    struct hex_decoder hex = {0};
    struct fault f;
    size_t decoded;
    if (hex_decode_push(&hex, line, HEX_SIZE, sha256, &decoded, &f) < 0)
        return false;
    char *text = line + NAME_AT;
    ssize_t length = escaped ? unescape(text) : (ssize_t)strlen(text);
    while (length >= 2 && memcmp(text, "./", 2) == 0) {
        text += 2;
        length -= 2;
    }
    *name = text;
    *size = length > 0 ? (size_t)length : 0;
    return length > 0 && length <= MEMBER_NAME_MAX;
}

static int read_lines(struct manifest *m, FILE *file, const char *shown, struct fault *f) {
    char line[LINE_SIZE];
    uint8_t sha256[DIGEST_SIZE];
    for (uint64_t number = 1; fgets(line, sizeof line, file) != NULL; number++) {
        const char *name;
        size_t size, length = strlen(line);
        if (line[0] == '#' && length > 0 && line[length - 1] == '\n')
            continue;
        bool whole = length > 0 && (line[length - 1] == '\n' || feof(file));
        if (length > 0 && line[length - 1] == '\n')
            line[length - 1] = '\0';
        if (!whole || !parse_line(line, sha256, &name, &size))
            return diag_fault(
                f, EX_DATAERR,
                "%s: line %" PRIu64
                " is not in sha256sum format: expected 64 hexadecimal digits, two spaces "
                "and the name of a file",
                shown, number);
        if (manifest_add(m, name, size, sha256, f) < 0)
            return -1;
    }
    if (ferror(file))
        return diag_fault_errno(f, EX_IOERR, errno, "cannot read %s", shown);
    return 0;
}

// Refuses a sorted list that contradicts itself or is empty.
static int check_list(const struct manifest *m, const char *shown, struct fault *f) {
    for (size_t i = 1; i < m->count; i++) {
        const struct manifest_entry *last = &m->entries[i - 1], *entry = &m->entries[i];
        if (compare(last, entry) != 0)
            continue;
        return diag_fault(f, EX_DATAERR, "%s: %s appears twice", shown,
                          diag_shown_name(entry->name, entry->size, SHOWN_SIZE));
    }
    if (m->count == 0)
        return diag_fault(f, EX_DATAERR, "%s: expected lines of sha256sum, found none", shown);
    return 0;
}

int manifest_read(struct manifest *m, const char *path, struct fault *f) {
    const char *shown = diag_shown(path, SHOWN_SIZE);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return diag_fault_errno(f, diag_open_status(errno, EX_NOINPUT), errno, "cannot open %s",
                                shown);
    noclobber_add(fileno(file));
    int result = read_lines(m, file, shown, f);
    (void)fclose(file); // only read
    manifest_sort(m);
    return result == 0 ? check_list(m, shown, f) : result;
}

// For people at a terminal, which a name could otherwise control.
static void put_shown(FILE *text, const char *digits, const struct manifest_entry *entry) {
    (void)fprintf(text, "%.*s  %s\n", HEX_SIZE, digits,
                  diag_shown_name(entry->name, entry->size, 4 * MEMBER_NAME_MAX + 4));
}

static void put_entry(FILE *text, const struct manifest_entry *entry, bool shown) {
    char digits[HEX_SIZE];
    hex_encode(entry->sha256, DIGEST_SIZE, false, digits);
    if (shown) {
        put_shown(text, digits, entry);
        return;
    }
    bool escaped = strpbrk(entry->name, "\\\n\r") != NULL;
    (void)fprintf(text, "%s%.*s  ", escaped ? "\\" : "", HEX_SIZE, digits);
    for (const char *c = entry->name; *c != '\0'; c++)
        if (*c == '\\' || *c == '\n' || *c == '\r')
            (void)fprintf(text, "\\%c", *c == '\n' ? 'n' : *c == '\r' ? 'r' : '\\');
        else
            (void)fputc(*c, text);
    (void)fputc('\n', text);
}

int manifest_write(const struct manifest *m, int fd, const char *shown, struct fault *f) {
    char *bytes = NULL;
    size_t size = 0;
    FILE *text = open_memstream(&bytes, &size);
    if (text == NULL)
        return diag_fault_memory(f);
    bool terminal = isatty(fd);
    for (size_t i = 0; i < m->count; i++)
        put_entry(text, &m->entries[i], terminal);
    bool lost = ferror(text);
    int result = 0;
    // If the last allocation fails, glibc's fclose succeeds, but the bytes are missing.
    if (fclose(text) != 0 || lost || bytes == NULL)
        result = diag_fault_memory(f);
    else if (fdio_write_full(fd, bytes, size) < 0)
        result = errno == EPIPE ? diag_fault(f, EX_IOERR, "%s", "")
                                : diag_fault_errno(f, EX_IOERR, errno, "cannot write %s", shown);
    free(bytes);
    return result;
}

void manifest_clear(struct manifest *m) {
    for (size_t i = 0; i < m->count; i++)
        free(m->entries[i].name);
    free(m->entries);
    *m = (struct manifest){0};
}
