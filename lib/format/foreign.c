// SPDX-License-Identifier: Apache-2.0
#include "format/foreign.h"

#include "format/plaintext.h"

#include <stdio.h>
#include <string.h>

static bool is_encrypted(enum sniff kind) {
    return kind == SNIFF_XBCRYPT || kind == SNIFF_OPENSSL || kind == SNIFF_OPENSSL_BASE64 ||
           kind == SNIFF_GPG || kind == SNIFF_AGE;
}

// The advice for formats that no command unpacks.
static const char *other_advice(enum sniff kind) {
    switch (kind) {
    case SNIFF_S3_METADATA:
        return "give it to s3cse-dec by -e, and the object itself by -i";
    case SNIFF_SQL_SERVER:
        return "SQL Server restores it as it is";
    case SNIFF_SQL:
        return "the client mysql or mariadb reads it";
    case SNIFF_ZEROS:
        return "a download that was allocated and not written: fetch it again";
    case SNIFF_MARKUP:
        return "read it: a storage service answers so if a link has expired or access is denied; "
               "then fetch the backup again";
    default:
        return NULL;
    }
}

const char *foreign_advice(enum sniff kind, char text[static FOREIGN_HINT_SIZE]) {
    if (sniff_command(kind) == NULL)
        return other_advice(kind);
    snprintf(text, FOREIGN_HINT_SIZE, "unpack it with %s", sniff_command(kind));
    return text;
}

const char *foreign_hint(const uint8_t *data, size_t size, char text[static FOREIGN_HINT_SIZE]) {
    enum sniff kind = sniff(data, size);
    text[0] = '\0';
    if (sniff_command(kind) != NULL)
        snprintf(text, FOREIGN_HINT_SIZE, "; this is %s: %s it first with %s", sniff_text(kind),
                 is_encrypted(kind) ? "decrypt" : "unpack", sniff_command(kind));
    else if (other_advice(kind) != NULL)
        snprintf(text, FOREIGN_HINT_SIZE, "; this is %s: %s", sniff_text(kind), other_advice(kind));
    return text;
}

static bool is_start(const struct place *place) {
    return place->exact && place->origin == 0;
}

void foreign_explain(struct fault *f, const uint8_t *data, size_t size, const struct place *place) {
    static const char text[] = "; it looks like random bytes: if an S3 encryption client has "
                               "encrypted it (RDS for SQL Server), s3cse-dec decrypts it";
    size_t used = strlen(f->text);
    if (is_start(place) && sniff(data, size) == SNIFF_UNKNOWN &&
        plaintext_judge(data, size) == PLAINTEXT_RANDOM && used + sizeof text <= sizeof f->text)
        memcpy(f->text + used, text, sizeof text);
}

bool foreign_wants_more(const uint8_t *data, size_t size, const struct place *place) {
    return is_start(place) && size < SNIFF_SIZE && sniff(data, size) == SNIFF_UNKNOWN;
}
