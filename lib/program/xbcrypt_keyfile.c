// SPDX-License-Identifier: Apache-2.0
#include "program/xbcrypt_keyfile.h"

#include "os/terminal.h"
#include "secret/wiped.h"

#include <string.h>
#include <strings.h>

// Longer than any key, so that the message about the size can name what is there.
enum { FILE_LIMIT = 4096 };

bool xbcrypt_keyfile_algorithm(const char *text, enum xbcrypt_algorithm *algorithm) {
    static const struct {
        const char *name;
        enum xbcrypt_algorithm algorithm;
    } names[] = {{"AES128", XBCRYPT_AES128},
                 {"AES192", XBCRYPT_AES192},
                 {"AES256", XBCRYPT_AES256},
                 {"NONE", XBCRYPT_NONE}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcasecmp(text, names[i].name) == 0) {
            *algorithm = names[i].algorithm;
            return true;
        }
    return false;
}

// Returns 0, or -1 and *f.
static int read_secret(struct secret *secret, const char *file, struct fault *f) {
    if (file != NULL && strcmp(file, "-") == 0)
        return diag_fault(f, EX_USAGE,
                          "-f -: standard input is for the data; use -f FILE or -f /dev/fd/N");
    if (file != NULL)
        secret_forget_env(XBCRYPT_KEY_VARIABLE); // not needed, but it may be the key
    if (file != NULL)
        terminal_announce(file, "the key");
    if (file != NULL)
        return secret_read_file(secret, file, FILE_LIMIT, "key file", f);
    int found = secret_from_env(secret, XBCRYPT_KEY_VARIABLE, FILE_LIMIT, f);
    if (found == 0)
        return diag_fault(f, EX_USAGE, "no key: use -f FILE, or set " XBCRYPT_KEY_VARIABLE);
    return found < 0 ? -1 : 0;
}

int xbcrypt_keyfile_load(struct xbcrypt_key **key, const char *file,
                         enum xbcrypt_algorithm algorithm, unsigned threads, bool verbose,
                         struct fault *f) {
    if (algorithm == XBCRYPT_NONE)
        return xbcrypt_key_new(key, NULL, 0, threads, NULL, f);
    struct secret secret;
    *key = NULL;
    if (read_secret(&secret, file, f) < 0)
        return -1;
    bool trimmed;
    int result = xbcrypt_key_new(key, &secret, algorithm, threads, &trimmed, f);
    if (result == 0 && secret.exposed)
        diag_warn("%s", secret_exposed_text("key file", file));
    secret_free(&secret);
    wiped_finish(); // remains of the key's expansion
    const char *source = file != NULL ? diag_shown(file, 200) : XBCRYPT_KEY_VARIABLE;
    if (result < 0)
        diag_prefix(f, source);
    else if (verbose) {
        diag_note("%s: key for %s%s", source, xbcrypt_key_algorithm(*key),
                  trimmed ? ", its trailing newline removed" : "");
        const char *wrong, *hash = xbcrypt_key_hash(*key, &wrong);
        if (wrong != NULL)
            diag_note("SHA-256 by %s: %s give a wrong hash on this machine", hash, wrong);
    }
    return result;
}
