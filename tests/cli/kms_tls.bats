# SPDX-License-Identifier: Apache-2.0
# The transport of kmsunwrap: TLS with a CA made here, and proxies.
bats_require_minimum_version 1.5.0
load ../kms/service.bash

setup_file() {
    export SERVICE=$BATS_FILE_TMPDIR/service
    cd "$BATS_FILE_TMPDIR" || return 1
    {
        openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj '/CN=Test CA' -keyout ca.key -out ca.pem
        openssl req -newkey rsa:2048 -nodes -subj '/CN=localhost' -keyout server.key -out server.csr
        printf 'subjectAltName=DNS:localhost\n' >extensions
        openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile extensions -out server.pem
        openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj '/CN=Other CA' -keyout other.key -out other.pem
    } 2>/dev/null
    service_start "$SERVICE" "$PWD/server.pem" "$PWD/server.key"
}

teardown_file() { service_stop "$SERVICE"; }

setup() {
    load loops.bash
    cd "$BATS_TEST_TMPDIR" || return 1
    clean_environment
    aliyun_keys
    aws_keys
    ca=$BATS_FILE_TMPDIR/ca.pem
    port=$(cat "$SERVICE/port")
    url=https://localhost:$port
    echo QUJD | kmswrap --provider=aliyun --endpoint="$url" --cacert="$ca" --key-id="$ALIYUN_KEY" >blob
}

decrypt() { kmsunwrap --provider=aliyun --endpoint="$url" --retries=0 "$@" <blob; }
from_blob() { "$@" <blob; }

@test "--cacert: a certificate of one's own CA is trusted" {
    run --separate-stderr decrypt --cacert="$ca"
    [ "$status" -eq 0 ]
    [ "$output" = QUJD ]
    [ -z "$stderr" ]
}

@test "AWS over TLS: libcurl's signature holds with the port in the Host header" {
    service_needs
    echo QUJD | kmswrap --provider=aws --endpoint="$url" --cacert="$ca" --key-id="$AWS_KEY" >aws-blob
    [ "$(kmsunwrap --provider=aws --endpoint="$url" --cacert="$ca" --region=us-east-1 <aws-blob)" = QUJD ]
}

@test "CURL_CA_BUNDLE and SSL_CERT_FILE count, and the option before them" {
    CURL_CA_BUNDLE=$ca run -0 decrypt
    SSL_CERT_FILE=$ca run -0 decrypt
    CURL_CA_BUNDLE=$BATS_FILE_TMPDIR/other.pem run -0 decrypt --cacert="$ca"
}

@test "SSL_CERT_DIR is a directory of certificates, or several" {
    mkdir none certificates
    cp "$ca" "certificates/$(openssl x509 -hash -noout -in "$ca").0"
    SSL_CERT_DIR=$PWD/certificates run -0 decrypt
    SSL_CERT_DIR=$PWD/none:$PWD/certificates run -0 decrypt
    SSL_CERT_DIR=$PWD/none run -69 decrypt
}

@test "a certificate of an unknown CA is refused, with what to do" {
    run --separate-stderr decrypt
    [ "$status" -eq 69 ]
    [ -z "$output" ]
    [[ $stderr == "kmsunwrap: localhost:$port is not trusted: "*"; if its certificate comes from a CA of your own, name that by --cacert" ]]
    run -69 decrypt --cacert="$BATS_FILE_TMPDIR/other.pem"
    [ "$(requests '"action": "Decrypt"')" -eq 0 ]
}

@test "a certificate of another name is refused" {
    run --separate-stderr kmsunwrap --provider=aliyun --endpoint="https://127.0.0.1:$port" --cacert="$ca" --retries=0 <blob
    [ "$status" -eq 69 ]
    [[ $stderr == "kmsunwrap: 127.0.0.1:$port is not trusted: "* ]]
}

@test "a CA file that cannot be used is a matter of configuration" {
    run --separate-stderr decrypt --cacert=none
    [ "$status" -eq 78 ]
    [[ $stderr == "kmsunwrap: cannot use the CA file: "*"; see --cacert" ]]
}

@test "an endpoint that does not speak TLS" {
    SERVICE=$BATS_TEST_TMPDIR/plain service_start "$BATS_TEST_TMPDIR/plain"
    run --separate-stderr kmsunwrap --provider=aliyun --endpoint="https://127.0.0.1:$(cat plain/port)" --retries=0 <blob
    service_stop "$BATS_TEST_TMPDIR/plain"
    [ "$status" -eq 69 ]
    [[ $stderr == "kmsunwrap: 127.0.0.1:"* ]]
}

@test "TLS below 1.2 is refused" {
    openssl s_server -help 2>&1 | grep -q -- -tls1_1 || skip "openssl was built without TLS 1.1"
    openssl s_server -accept 127.0.0.1:0 -cert "$BATS_FILE_TMPDIR/server.pem" -key "$BATS_FILE_TMPDIR/server.key" \
        -tls1_1 -cipher 'ALL@SECLEVEL=0' </dev/zero >server.out 2>&1 3>&- 4>&- &
    server=$!
    for _ in {1..100}; do
        old=$(sed -n 's/^ACCEPT.*:\([0-9]*\)$/\1/p' server.out)
        [ -n "$old" ] && break
        sleep 0.05
    done
    # The control: this server does speak TLS 1.1.
    openssl s_client -connect "127.0.0.1:$old" -tls1_1 -cipher 'ALL@SECLEVEL=0' </dev/null >client.out 2>&1 || true
    run --separate-stderr kmsunwrap --provider=aliyun --endpoint="https://localhost:$old" --cacert="$ca" --retries=0 <blob
    kill "$server"
    grep -q 'Protocol *: TLSv1.1' client.out
    [ "$status" -eq 69 ]
}

@test "NO_PROXY and https_proxy are heeded as curl's users know them" {
    https_proxy=http://127.0.0.1:1 run -69 decrypt --cacert="$ca"
    https_proxy=http://127.0.0.1:1 no_proxy=localhost run -0 decrypt --cacert="$ca"
}

@test "no password of a proxy or a URL is in a message" {
    for proxy in http://user:Secret1@host:99999999 ftp://user:Secret1@host 'http://user:Secret1 @host' user:Secret1@host:x; do
        https_proxy=$proxy run --separate-stderr decrypt --cacert="$ca"
        [ "$status" -eq 69 ]
        [[ $stderr == "kmsunwrap: cannot reach localhost:$port: "*"; see --region, --endpoint and the proxy" ]]
        [[ $stderr != *Secret1* ]]
    done
    wrong="expected a URL without user name, query and fragment"
    says 78 "kmsunwrap: --endpoint https://...@localhost: $wrong" \
        from_blob kmsunwrap --provider=aliyun --endpoint=https://user:Secret1@localhost
    says 78 "kmsunwrap: --endpoint https://...@localhost/b: expected https://HOST" \
        from_blob kmsunwrap --provider=aliyun --endpoint=https://user:Sec/ret1@localhost/b
    unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
    AWS_CONTAINER_CREDENTIALS_FULL_URI='http://localhost/a?token=Secret1' \
        says 78 "kmsunwrap: container credentials http://localhost/a?...: $wrong" \
        from_blob kmsunwrap --provider=aws --region=us-east-1
}

@test "SSLKEYLOGFILE is not obeyed" {
    for program in kmsunwrap kmswrap; do
        SSLKEYLOGFILE=$PWD/secrets run -0 --separate-stderr $program --provider=aliyun --endpoint="$url" --cacert="$ca" --key-id="$ALIYUN_KEY" -i blob
        [ ! -e secrets ] || { echo "$program"; false; }
    done
    # It would hold something: curl, built on the same library, obeys it.
    command -v curl >/dev/null || skip "curl is not installed, to show that the variable counts"
    run -0 env SSLKEYLOGFILE="$PWD/secrets" curl -s --cacert "$ca" -o /dev/null "$url/"
    grep -q CLIENT_ secrets
}

@test "a request that is not encrypted goes through no proxy" {
    export SERVICE=$BATS_TEST_TMPDIR/plain
    service_start "$SERVICE"
    plain=http://127.0.0.1:$(cat "$SERVICE/port")
    http_proxy=http://127.0.0.1:1 ALL_PROXY=http://127.0.0.1:1 run -0 kmsunwrap --provider=aliyun --endpoint="$plain" -i blob
    [ "$output" = QUJD ]
    service_stop "$SERVICE"
}
