// SPDX-License-Identifier: Apache-2.0
#include "secret/keytext.h"

#include "base/base64.h"
#include "base/hex.h"
#include "os/fdio.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

bool keytext_parse_format(const char *name, enum keytext_format *format) {
    static const char *const names[] = {
        [KEYTEXT_BASE64] = "base64", [KEYTEXT_HEX] = "hex", [KEYTEXT_RAW] = "raw"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(name, names[i]) == 0) {
            *format = (enum keytext_format)i;
            return true;
        }
    return false;
}

// Replaces *s by a copy in more room. Returns 0, or -1 with *s unchanged.
static int grow(struct secret *s, size_t capacity, struct fault *f) {
    struct secret larger;
    if (secret_new(&larger, capacity, f) < 0)
        return -1;
    memcpy(larger.data, s->data, s->size);
    larger.size = s->size;
    secret_free(s);
    *s = larger;
    return 0;
}

static bool only_white_space(const struct secret *text) {
    for (size_t i = 0; i < text->size; i++)
        if (memchr(" \t\r\n", text->data[i], 4) == NULL)
            return false;
    return true;
}

int keytext_read(struct secret *text, int fd, const char *name, const char *expected,
                 struct fault *f) {
    // The secure heap is small, and so are nearly all of these texts.
    if (secret_new(text, 4 << 10, f) < 0)
        return -1;
    for (;;) {
        ssize_t n = fdio_read_full(fd, text->data + text->size, text->capacity - text->size);
        if (n < 0) {
            diag_fault_errno(f, EX_IOERR, errno, "cannot read %s", name);
            break;
        }
        text->size += (size_t)n;
        if (text->size > KEYTEXT_MAX) {
            diag_fault(f, EX_DATAERR, "%s is too long: expected %s, at most %d bytes", name,
                       expected, KEYTEXT_MAX);
            break;
        }
        if (text->size < text->capacity) {
            if (!only_white_space(text))
                return 0;
            diag_fault(f, EX_DATAERR,
                       "%s is empty: expected %s; check whether the command before this one in the "
                       "pipeline failed",
                       name, expected);
            break;
        }
        // One byte more than the limit shows whether the text is too long.
        size_t room = text->capacity * 2;
        if (grow(text, room < KEYTEXT_MAX ? room : KEYTEXT_MAX + 1, f) < 0)
            break;
    }
    secret_free(text);
    return -1;
}

int keytext_decode(struct secret *bytes, const void *text, size_t size, struct fault *f) {
    if (secret_new(bytes, BASE64_DECODED_MAX(size) + 1, f) < 0)
        return -1;
    if (base64_decode(text, size, BASE64_PADDING_OPTIONAL, bytes->data, &bytes->size, f) < 0) {
        secret_free(bytes);
        return -1;
    }
    if (bytes->size == 0) {
        secret_free(bytes);
        return diag_fault(f, EX_DATAERR, "bad base64: expected at least one byte, found none");
    }
    return 0;
}

static int write_all(const void *data, size_t size, struct fault *f) {
    if (fdio_write_full(STDOUT_FILENO, data, size) == 0)
        return 0;
    if (errno == EPIPE)
        return diag_fault(f, EX_IOERR, "%s", ""); // the reader went away
    return diag_fault_errno(f, EX_IOERR, errno, "cannot write standard output");
}

int keytext_write(enum keytext_format format, const void *data, size_t size, struct fault *f) {
    if (format == KEYTEXT_RAW)
        return write_all(data, size, f);
    // In pieces of a multiple of 3 bytes, so that only the last one has padding.
    enum { PIECE = 3 << 10 };
    char text[2 * PIECE + 1];
    const uint8_t *bytes = data;
    int result = 0;
    for (size_t done = 0, now; done < size && result == 0; done += now) {
        now = size - done < PIECE ? size - done : PIECE;
        size_t length;
        if (format == KEYTEXT_BASE64) {
            length = base64_encode(bytes + done, now, text);
        } else {
            hex_encode(bytes + done, now, false, text);
            length = 2 * now;
        }
        if (done + now == size)
            text[length++] = '\n';
        result = write_all(text, length, f);
    }
    explicit_bzero(text, sizeof text);
    return result;
}
