// SPDX-License-Identifier: Apache-2.0
#include "secret/key_hint.h"

#include "base/utf16.h"

#include <ctype.h>
#include <string.h>
#include <sys/stat.h>

static bool is_hex(const char *text, size_t size) {
    for (size_t i = 0; i < size; i++)
        if (!isxdigit((unsigned char)text[i]))
            return false;
    return size > 0;
}

static bool is_base64(const char *text, size_t size) {
    while (size > 0 && text[size - 1] == '=')
        size--;
    for (size_t i = 0; i < size; i++)
        if (!isalnum((unsigned char)text[i]) && strchr("+/-_", text[i]) == NULL)
            return false;
    return size > 0;
}

static bool begins(const char *text, size_t size, const char *with) {
    return size >= strlen(with) && memcmp(text, with, strlen(with)) == 0;
}

const char *key_hint_content(const struct secret *content) {
    const char *text = (const char *)content->data;
    size_t size = content->size;
    if (size == 0)
        return "; the command that should have written the key has failed";
    if (utf16_has_mark(text, size))
        return "; it is UTF-16 text, as PowerShell's > writes it: save it as ASCII, without a line "
               "end";
    if (begins(text, size, "\xef\xbb\xbf"))
        return "; it begins with a byte order mark: save it without one, as ASCII";
    while (size > 0 && strchr(" \t\r\n", text[size - 1]) != NULL)
        size--;
    if (text[0] == '{' && memmem(text, size, "\"Plaintext\"", 11) != NULL)
        return "; it is the reply of a key service: -f <(kmsunwrap --output=raw < FILE), for a "
               "backup of ApsaraDB -f <(kmsunwrap --output=hex < FILE)";
    if (text[0] == '{' && memmem(text, size, "\"CiphertextBlob\"", 16) != NULL)
        return "; it is a wrapped key: a key service has to unwrap it, see kmsunwrap(1)";
    if (begins(text, size, "-----BEGIN "))
        return "; it is a PEM file";
    if (is_hex(text, size) && (size == 48 || size == 64))
        return "; it is a key as hexadecimal digits: -f <(xxd -r -p FILE)";
    if (is_base64(text, size) && size == 44)
        return "; it is a key as base64: -f <(base64 -d FILE)";
    if (is_base64(text, size) && size > 44)
        return "; it is base64 text: if it is a wrapped key, a key service has to unwrap it, see "
               "kmsunwrap(1)";
    return "";
}

const char *key_hint_wrong(const uint8_t *key, size_t size) {
    const char *text = (const char *)key;
    bool lower = false, upper = false, printable = true;
    for (size_t i = 0; i < size; i++) {
        lower = lower || islower(key[i]);
        upper = upper || isupper(key[i]);
        printable = printable && key[i] < 0x80 && isprint(key[i]);
    }
    if (size == 16 && !printable)
        return "; the key is 16 raw bytes: if it is the Plaintext of a backup of ApsaraDB, give it "
               "as "
               "hexadecimal digits: -f <(xxd -p FILE | tr -d '\\n')";
    if (is_hex(text, size))
        return size == 32 && upper && !lower ? "; the key is hexadecimal digits in upper case: the "
                                               "password of ApsaraDB has them "
                                               "in lower case: -f <(tr A-F a-f <FILE)"
                                             : "";
    if (size == 24 && text[23] == '=' && is_base64(text, size))
        return "; the key looks like base64: give its bytes in hexadecimal (b64hex)";
    if (size == 32 && is_base64(text, size))
        return "; the key may be base64 of 24 bytes: -f <(base64 -d FILE)";
    return "";
}

// Whether the folder of a path exists: then the path is more likely a mistyped file name than a
// key.
static bool has_folder(const char *path, const char *slash) {
    char folder[256];
    struct stat status;
    size_t size = (size_t)(slash - path);
    if (size >= sizeof folder)
        return false;
    memcpy(folder, path, size);
    folder[size] = '\0';
    return size == 0 || (stat(folder, &status) == 0 && S_ISDIR(status.st_mode));
}

static bool has_form_of_key(const char *name) {
    size_t size = strlen(name);
    return size == 16 || size == 24 || size == 32 || (size > 16 && is_base64(name, size));
}

bool key_hint_is_key(const char *name) {
    const char *slash = strrchr(name, '/');
    return (slash == NULL || !has_folder(name, slash)) && has_form_of_key(name);
}

bool key_hint_is_key_not_member(const char *name) {
    return has_form_of_key(name) && strpbrk(name, "0123456789") != NULL &&
           strpbrk(name, "_.") == NULL;
}
