// SPDX-License-Identifier: Apache-2.0
#include "program/kms_sandbox.h"

#include "program/options_sandbox.h"
#include "secret/crypto.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int kms_sandbox_local(const struct kms_request *request, const char *input, struct fault *f) {
    struct sandbox_rules rules = {.network = false};
    sandbox_allow_path(&rules, request->master_key, SANDBOX_READ);
    sandbox_allow_path(&rules, input, SANDBOX_READ);
    if (crypto_start(f) < 0)
        return -1;
    return options_sandbox_enter(request->no_sandbox, request->verbose, &rules, f);
}

// Directories of certificates, separated by colons.
enum { LIST_SIZE = 4096, LIST_MAX = 16 };
static void allow_list(struct sandbox_rules *rules, const char *value,
                       char copy[static LIST_SIZE]) {
    snprintf(copy, LIST_SIZE, "%s", value != NULL ? value : "");
    char *rest = copy, *directory;
    for (unsigned i = 0; i < LIST_MAX && (directory = strsep(&rest, ":")) != NULL; i++)
        sandbox_allow_path(rules, directory, SANDBOX_READ);
}

int kms_sandbox_remote(const struct kms_request *request, const char *const *files,
                       struct fault *f) {
    static const char *const variables[] = {"CURL_CA_BUNDLE", "SSL_CERT_FILE"};
    // Trusted certificates; the resolver, whose files may be links into /run; the modules of both,
    // which the C library and OpenSSL load at first use.
    static const char *const paths[] = {"/etc/ssl",
                                        "/etc/pki",
                                        "/etc/ca-certificates",
                                        "/etc/crypto-policies",
                                        "/usr/share/ca-certificates",
                                        "/usr/local/share/ca-certificates",
                                        "/usr/share/pki",
                                        "/etc/resolv.conf",
                                        "/etc/hosts",
                                        "/etc/host.conf",
                                        "/etc/gai.conf",
                                        "/etc/nsswitch.conf",
                                        "/etc/services",
                                        "/run/systemd/resolve",
                                        "/etc/ld.so.cache",
                                        "/lib",
                                        "/lib64",
                                        "/usr/lib",
                                        "/usr/lib64",
                                        "/dev/urandom"};
    struct sandbox_rules rules = {.network = true};
    const curl_version_info_data *curl = curl_version_info(CURLVERSION_NOW);
    sandbox_allow_path(&rules, request->ca_file, SANDBOX_READ);
    sandbox_allow_path(&rules, curl->cainfo, SANDBOX_READ);
    sandbox_allow_path(&rules, curl->capath, SANDBOX_READ);
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++)
        sandbox_allow_path(&rules, getenv(variables[i]), SANDBOX_READ);
    for (; *files != NULL; files++)
        sandbox_allow_parent(&rules, *files, SANDBOX_READ); // the file may be replaced by a new one
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        sandbox_allow_path(&rules, paths[i], SANDBOX_READ);
    char directories[LIST_SIZE];
    allow_list(&rules, getenv("SSL_CERT_DIR"), directories);
    return options_sandbox_enter(request->no_sandbox, request->verbose, &rules, f);
}
