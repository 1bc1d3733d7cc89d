// SPDX-License-Identifier: Apache-2.0
#include "kms/acs3.h"

#include "base/hex.h"
#include "secret/wiped.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { SHA256_SIZE = 32 };

// A text that grows; after a failed allocation, text is NULL at the end.
struct text {
    char *text;
    size_t size, capacity;
};

static void add(struct text *t, const char *more, size_t size) {
    if (t->text == NULL)
        return;
    if (t->size + size + 1 > t->capacity) {
        t->capacity = 2 * (t->size + size + 1);
        char *larger = wiped_realloc(t->text, t->capacity);
        if (larger == NULL)
            wiped_free(t->text);
        t->text = larger;
        if (larger == NULL)
            return;
    }
    memcpy(t->text + t->size, more, size);
    t->size += size;
    t->text[t->size] = '\0';
}

static void add_string(struct text *t, const char *more) {
    add(t, more, strlen(more));
}

static struct text start(void) {
    struct text t = {.text = wiped_malloc(512), .capacity = 512};
    if (t.text != NULL)
        t.text[0] = '\0';
    return t;
}

static void add_encoded(struct text *t, const char *value) {
    for (; *value != '\0'; value++) {
        unsigned char c = (unsigned char)*value;
        if ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
            c == '-' || c == '_' || c == '.' || c == '~') {
            add(t, value, 1);
        } else {
            char code[3] = "%";
            hex_encode(&c, 1, true, code + 1);
            add(t, code, 3);
        }
    }
}

char *acs3_query(const struct acs3_pair *parameters, size_t count) {
    struct text t = start();
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            add_string(&t, "&");
        add_encoded(&t, parameters[i].name);
        add_string(&t, "=");
        add_encoded(&t, parameters[i].value);
    }
    return t.text;
}

int acs3_sha256(const char *text, size_t size, char out[65], struct fault *f) {
    uint8_t digest[SHA256_SIZE];
    if (EVP_Digest(text, size, digest, NULL, EVP_sha256(), NULL) != 1)
        return diag_fault(f, EX_SOFTWARE, "SHA-256 failed");
    hex_encode(digest, sizeof digest, false, out);
    out[64] = '\0';
    return 0;
}

// The canonical request, whose hash is signed.
static struct text canonical_request(const char *method, const char *query,
                                     const struct acs3_pair *headers, size_t count,
                                     const struct text *names) {
    struct text t = start();
    add_string(&t, method);
    add_string(&t, "\n/\n");
    add_string(&t, query);
    add_string(&t, "\n");
    const char *body_hash = "";
    for (size_t i = 0; i < count; i++) {
        add_string(&t, headers[i].name);
        add_string(&t, ":");
        add_string(&t, headers[i].value);
        add_string(&t, "\n");
        if (strcmp(headers[i].name, "x-acs-content-sha256") == 0)
            body_hash = headers[i].value;
    }
    add_string(&t, "\n");
    add_string(&t, names->text != NULL ? names->text : "");
    add_string(&t, "\n");
    add_string(&t, body_hash);
    return t;
}

int acs3_sign(const char *method, const char *query, const struct acs3_pair *headers, size_t count,
              const char *key_id, const char *key_secret, char **authorization, struct fault *f) {
    *authorization = NULL;
    struct text names = start();
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            add_string(&names, ";");
        add_string(&names, headers[i].name);
    }
    struct text canonical = canonical_request(method, query, headers, count, &names);
    struct text result = start();
    char to_sign[17 + 65] = "ACS3-HMAC-SHA256\n";
    int status = 0;
    if (canonical.text != NULL)
        status = acs3_sha256(canonical.text, canonical.size, to_sign + 17, f);
    uint8_t digest[SHA256_SIZE];
    unsigned digest_size = 0;
    if (status == 0 &&
        HMAC(EVP_sha256(), key_secret, (int)strlen(key_secret), (const unsigned char *)to_sign,
             strlen(to_sign), digest, &digest_size) == NULL)
        status = diag_fault(f, EX_SOFTWARE, "HMAC-SHA256 failed");
    if (status == 0) {
        char signature[2 * SHA256_SIZE + 1] = "";
        hex_encode(digest, sizeof digest, false, signature);
        add_string(&result, "ACS3-HMAC-SHA256 Credential=");
        add_string(&result, key_id);
        add_string(&result, ",SignedHeaders=");
        add_string(&result, names.text != NULL ? names.text : "");
        add_string(&result, ",Signature=");
        add_string(&result, signature);
    }
    bool have_memory = names.text != NULL && canonical.text != NULL && result.text != NULL;
    if (status == 0 && !have_memory)
        status = diag_fault_memory(f);
    if (status == 0) {
        *authorization = result.text;
        result.text = NULL;
    }
    wiped_free(names.text);
    wiped_free(canonical.text);
    wiped_free(result.text);
    return status;
}
