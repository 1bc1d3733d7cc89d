# SPDX-License-Identifier: Apache-2.0
# examples/oss-stream.sh: from a URL to the files, over connections that break.
bats_require_minimum_version 1.5.0

setup() {
    load common.bash
    command -v curl >/dev/null || skip "curl is not installed (Debian: curl)"
    command -v python3 >/dev/null || skip "python3 is not installed; it plays the service"
    set -o pipefail
    for variable in $(compgen -e | grep -E '_proxy$|_PROXY$'); do unset "$variable"; done
    export OSS_STREAM_WAIT=0
    object=$fixtures/rds/full_v3_qp.xb
    size=$(stat -c %s "$object")
    python3 -B "$XBPIPE_TESTS/cli/http_object.py" "$object" port log </dev/null >server.log 2>&1 3>&- 4>&- &
    server=$!
    for _ in {1..200}; do [ -e port ] && break; sleep 0.05; done
    : >log
}

teardown() { [ -z "${server:-}" ] || kill "$server" || true; }

# stream HOW: the object, from a URL as a service signs them.
stream() {
    printf 'http://127.0.0.1:%s/%s/backup_qp.xb?Expires=1&Signature=a%%2Bsecret%%3D\n' "$(cat port)" "$1" >url
    "$XBPIPE_TESTS/../examples/oss-stream.sh" url
}

# ends STATUS PATTERN HOW: so it ends, with a message that the pattern matches and a correct beginning
# of the object at most.
ends() {
    local status=0
    stream "$3" >out 2>messages || status=$?
    [ "$status" -eq "$1" ] || { echo "status $status"; cat messages; return 1; }
    # shellcheck disable=SC2053 # the message is a pattern
    [[ $(cat messages) == "oss-stream.sh: "$2 ]] || { cat messages; return 1; }
    cmp -n "$(stat -c %s out)" out "$object"
}

@test "a download is restored on the way, and nothing else is on the disk" {
    stream cut-400000 | xbunpack -C restored --decrypt -f "$key" --decompress
    restored restored "$fixtures/mariadb/shop.sha256"
    [ "$(cut -d' ' -f2 log | tr '\n' ' ')" = "- bytes=400000- bytes=800000- bytes=1200000- bytes=1600000- " ]
    [ "$(files . | grep -v '^restored/')" = "$(printf '%s\n' log port server.log url)" ]
}

@test "whole, from a busy server, over connections that break: the same bytes" {
    for how in whole busy cut-700001; do
        stream $how | cmp - "$object"
    done
    "$XBPIPE_TESTS/../examples/oss-stream.sh" - <url | cmp - "$object"
}

@test "what cannot be continued fails, and nothing wrong goes out" {
    ends 69 "the server cannot continue at byte 1000000" noranges-1000000
    ends 65 "the object changed after byte 1000000: begin again" changes-1000000
    ends 77 "the server says 403: no permission, or the URL has expired, at byte 0" status-403
    ends 69 "the server says 404" status-404
    OSS_STREAM_RETRIES=2 ends 69 "gave up at byte 0: curl: (22) The requested URL returned error: 500" status-500
    [ "$(grep -c status-500 log)" -eq 3 ]
}

@test "a reply without a length: an error, whether it is whole or cut; chunks have an end of their own" {
    unsure="the server does not say how long the object is: it may be cut short after byte"
    ends 69 "$unsure 1000000" endless-1000000
    ends 69 "$unsure $size" "endless-$size"
    # Cut between two chunks of an encrypted stream, which looks whole: the pipeline fails.
    stream chunked-0 | cmp - "$object"
    run --separate-stderr stream chunked-1
    [ "$status" -eq 69 ]
}

@test "a curl that is killed is no reason to write the same bytes again" {
    mkdir bin
    printf '#!/bin/sh\nhead -c 3000 "%s"\nkill -9 $$\n' "$object" >bin/curl
    chmod +x bin/curl
    status=0
    PATH=$PWD/bin:$PATH stream whole >out 2>messages || status=$?
    [ "$status" -eq 69 ]
    [ "$(tail -n 1 messages)" = "oss-stream.sh: curl ended with status 137, and did not say how much it had written" ]
    cmp out <(head -c 3000 "$object")
}

@test "an object that changes under a server that does not look is an error too" {
    status=0
    stream unmatched-1000000 >out 2>messages || status=$?
    [ "$status" -eq 65 ]
    [ "$(cat messages)" = "oss-stream.sh: the object changed after byte 1000000: begin again" ]
}

@test "a connection that brings nothing any more is given up; the extraction fails as well" {
    OSS_STREAM_RETRIES=1 ends 69 "gave up at byte 5000: curl: (18) *$((size - 5000)) bytes *" silent-5000
    status=0
    (OSS_STREAM_RETRIES=1 stream silent-500000) 2>messages | xbunpack -C cut --decrypt -f "$key" --decompress 2>found || status=$?
    [ "$status" -ne 0 ]
    grep -q "ends too early" found
}

@test "the URL is in no argument" {
    mkdir bin
    printf '#!/bin/sh\ntr "\\0" " " </proc/$PPID/cmdline >>arguments\necho "$@" >>arguments\nexec %s "$@"\n' "$(command -v curl)" >bin/curl
    chmod +x bin/curl
    PATH=$PWD/bin:$PATH stream whole | cmp - "$object"
    grep -q -e --config arguments
    run -1 grep -E 'Signature|127\.0\.0\.1' arguments
}

@test "a closed reader, no file, no URL, usage" {
    status=0
    stream whole 2>messages | head -c 1000 >out || status=$?
    [ "$status" -eq 74 ]
    [ ! -s messages ]
    cmp -n 1000 out "$object"
    example=$XBPIPE_TESTS/../examples/oss-stream.sh
    fails 64 "oss-stream.sh: expected URLFILE; see --help" "$example"
    run -66 "$example" none
    : >empty
    fails 65 "oss-stream.sh: empty: expected a URL, found nothing" "$example" empty
    echo ftp://host/x >other
    fails 65 "oss-stream.sh: other: expected a URL that begins with https:// or http://" "$example" other
    printf 'http://host/x"\nurl = "file:///etc/passwd\n' >odd
    fails 65 "oss-stream.sh: odd: expected a URL in its first line" "$example" odd
    succeeds "$example" --help
    [[ $output == "Usage: oss-stream.sh URLFILE | xbunpack"*"status 0"* ]]
}
