// SPDX-License-Identifier: Apache-2.0
// One HTTP/1.1 exchange with a service that handles keys, by libcurl: TLS 1.2 or later with the
// certificate checked, no redirects followed, replies of at most 64 KiB, and libcurl's own memory
// overwritten when freed.
#ifndef XBPIPE_HTTP_H
#define XBPIPE_HTTP_H

#include "base/diag.h"

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

enum { HTTP_REPLY_MAX = 64 << 10, HTTP_HEADERS_MAX = 16 };

// Strings belong to the caller; NULL: not used.
struct http_request {
    const char *method;                    // "GET", "PUT", "POST"
    const char *url;                       // checked by http_url_check
    const char *headers[HTTP_HEADERS_MAX]; // "Name: value"; "Name:" removes one of libcurl's own
    size_t header_count;
    const char *body; // POST and PUT
    // AWS Signature Version 4, made by libcurl: "aws:amz:REGION:SERVICE", then the key id and key.
    // The header list must then have no header without a value: libcurl 7.88 would sign it.
    const char *sigv4, *user, *password;
    const char *ca_file;
    unsigned timeout; // seconds, for the whole exchange
    bool no_proxy; // for addresses that exist only beside this machine; plain http never uses one
};

struct http_reply {
    int status;
    char *body; // with a NUL after its end
    size_t size;
    char request_id[72]; // x-amzn-RequestId or x-acs-request-id, printable
    char error_type[96]; // x-amzn-ErrorType, printable
    time_t date;         // the Date header; -1: none
};

enum http_result {
    HTTP_DONE,   // a reply came, of any status
    HTTP_AGAIN,  // a failure that may not happen again
    HTTP_FAILED, // a failure that will
};

// What http_url_check allows besides https.
enum http_plain {
    HTTP_PLAIN_NEVER,
    HTTP_PLAIN_LOOPBACK, // http to 127.0.0.0/8, ::1 and localhost
    HTTP_PLAIN_ANYWHERE
};

// Call it before everything else here, while no other thread runs. Removes SSLKEYLOGFILE from the
// environment. Returns 0, or -1 and EX_OSERR.
int http_start(struct fault *f);

// Checks that `url` is an absolute http or https URL of a host, without user name, query and
// fragment, and with an allowed scheme. Puts the value of the Host header, with the port if it is
// not the scheme's, into host. `what` names its source in messages. Returns 0, or -1 and EX_CONFIG.
int http_url_check(const char *url, enum http_plain plain, const char *what, char *host,
                   size_t host_size, struct fault *f);

// Does the exchange. With HTTP_DONE *reply is filled, and the caller calls http_reply_free;
// otherwise *f says what failed: EX_UNAVAILABLE (not reached, not trusted, a reply that is too
// long), EX_TEMPFAIL (no or half a reply), EX_CONFIG (the CA file), EX_OSERR.
enum http_result http_call(const struct http_request *request, struct http_reply *reply,
                           struct fault *f);

// Overwrites and frees it. An all-zero reply is allowed.
void http_reply_free(struct http_reply *reply);

#endif
