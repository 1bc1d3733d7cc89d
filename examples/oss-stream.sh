#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Usage: oss-stream.sh URLFILE | xbunpack -C restored ...
#
# Downloads a URL to standard output, so that it can be restored without writing it to a disk. The URL
# is the first line of URLFILE, or of standard input if URLFILE is -. A signed URL, such as those of
# ApsaraDB's and OSS's downloads, is a secret, which does not belong on a command line.
#
# After a broken connection the download resumes, as long as the object is the same (the same ETag).
# It is an error if the server gives neither the length of the object nor the end of its reply: a
# download that was cut short would look whole. OSS_STREAM_RETRIES (5) is how many attempts in a row
# may bring nothing, OSS_STREAM_WAIT (1) the seconds before the second of them, doubled each time. Ends
# with status 0 only once all bytes of the object are written; 65 if it changed meanwhile, 69 if it is
# refused or cannot be reached, 77 if permission is missing or the URL has expired. Use set -o pipefail.
set -euo pipefail

program=${0##*/}
fail() {
    local status=$1
    shift
    printf '%s: %s\n' "$program" "$*" >&2
    exit "$status"
}

if [ "${1-}" = --help ]; then
    sed -n '3,/^[^#]/s/^# \{0,1\}//p' "$0"
    exit
fi
[ $# -eq 1 ] || fail 64 'expected URLFILE; see --help'
[ "$1" = - ] || exec <"$1" || exit 66
IFS= read -r url || [ -n "$url" ] || fail 65 "$1: expected a URL, found nothing"
case $url in
*[[:space:][:cntrl:]\"\\]*) fail 65 "$1: expected a URL in its first line" ;;
http://?* | https://?*) ;;
*) fail 65 "$1: expected a URL that begins with https:// or http://" ;;
esac
exec </dev/null

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# header NAME: its value in the reply with the data, the last one if there were redirects.
header() {
    tr -d '\r' <"$work/headers" |
        awk -v name="$1" 'BEGIN { IGNORECASE = 0 } /^HTTP\// { value = "" }
            tolower($1) == tolower(name) ":" { sub(/^[^:]*: */, ""); value = $0 } END { print value }'
}

# Whether the end of a reply without a length is marked: if it is chunked, and since HTTP/2.
ends_itself() {
    [[ $(header transfer-encoding) == *chunked ]] ||
        [[ $(grep '^HTTP/' "$work/headers" | tail -n 1) =~ ^HTTP/[23] ]]
}

# fetch FROM: the object's bytes from there on; curl writes none if the server sends others. Their
# number is the last word of $work/count, even if they end too early.
fetch() {
    local condition=()
    [ "$1" -eq 0 ] || condition=(--continue-at "$1" --header "If-Match: $etag")
    : >"$work/count"
    : >"$work/headers"
    curl --disable --config - --globoff --fail --silent --show-error --location --proto =https,http --connect-timeout 30 \
        --speed-limit 1 --speed-time 60 "${condition[@]}" \
        --dump-header "$work/headers" --write-out '%{stderr}%{http_code} %{size_download}\n' \
        2>"$work/count" <<<"url = \"$url\""
}

offset=0 size='' etag='' idle=0 wait=${OSS_STREAM_WAIT:-1}
while :; do
    status=0
    fetch "$offset" || status=$?
    read -r code got < <(tail -n 1 "$work/count") || true
    # 23: the reader of this has ended, and says why itself.
    [ "$status" -ne 23 ] || exit 74
    # curl was killed: it is not known where to go on.
    [[ ${code-} =~ ^[0-9]{3}$ && ${got-} =~ ^[0-9]+$ ]] ||
        fail 69 "curl ended with status $status, and did not say how much it had written"
    case $code in
    206)
        range=$(header content-range) # bytes FIRST-LAST/SIZE
        found=${range##*/}
        ;;
    200)
        [ "$offset" -eq 0 ] || fail 69 "the server cannot continue at byte $offset"
        found=$(header content-length)
        ;;
    412) fail 65 "the object changed after byte $offset: begin again" ;;
    401 | 403) fail 77 "the server says $code: no permission, or the URL has expired, at byte $offset" ;;
    000 | 408 | 429 | 5??) got=0 ;;
    *) fail 69 "the server says $code" ;;
    esac
    if [[ $code == 20[06] ]]; then
        found_etag=$(header etag)
        [ -n "$size" ] || size=$found etag=$found_etag
        [ "$found $found_etag" = "$size $etag" ] || fail 65 "the object changed after byte $offset: begin again"
    fi
    offset=$((offset + got))
    if [ "$status" -eq 0 ] && [[ $code == 20[06] ]]; then
        [ -n "$size" ] || ends_itself || fail 69 "the server does not say how long the object is: it may be cut short after byte $offset"
        [ -z "$size" ] || [ "$offset" -eq "$size" ] || fail 69 "expected $size bytes, got $offset"
        exit 0
    fi
    if [ "$got" -gt 0 ]; then
        idle=0 wait=${OSS_STREAM_WAIT:-1}
        [[ -n $etag && -n $size ]] || fail 69 "broke after byte $offset, with no size and ETag to continue by"
    fi
    idle=$((idle + 1))
    [ "$idle" -le "${OSS_STREAM_RETRIES:-5}" ] || fail 69 "gave up at byte $offset: $(grep '^curl:' "$work/count" | tail -n 1)"
    sleep "$wait"
    wait=$((wait * 2))
done
