#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Usage: examples/demo.sh BUILD. Restores the encrypted sample backup that is in tests/fixtures with
# the programs in the folder BUILD, as a user would, and compares every file with its known SHA-256.
# It writes only below BUILD, and removes its files.
set -euo pipefail

fail() {
    printf 'demo: %s\n' "$*" >&2
    exit 1
}

[ $# -eq 1 ] || fail "usage: examples/demo.sh BUILD"
[ -x "$1/xbunpack" ] || fail "$1/xbunpack is missing: run make first"
build=$(cd -- "$1" && pwd)
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d "$build/demo.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
PATH=$build:$PATH
unset XBCRYPT_ENCRYPTION_KEY
cd "$work"
cp "$root/tests/fixtures/rds/full_v3_qp.xb" backup_qp.xb
cp "$root/tests/fixtures/kms/demo-ciphertext.b64" ciphertext
install -m 600 "$root/tests/fixtures/kms/demo-master.key" master.key
cp "$root/tests/fixtures/mariadb/shop.sha256" shop.sha256

# Prints a command and runs the same text.
step() {
    printf '\n# %s\n$ %s\n' "$1" "$2"
    eval "$2" || fail "this step failed: $1"
}

echo 'A backup as a cloud database service delivers it: an xbstream whose files are compressed'
echo 'and encrypted, and the key of its encryption, wrapped by a key management service.'
echo 'A master key in a file stands for the service here.'
step 'What is there' \
    'ls -l backup_qp.xb ciphertext master.key'
step 'What is in the backup: the first files, and how many there are' \
    'xbunpack -t < backup_qp.xb > members && head -n 3 members && wc -l < members'
step 'Unwrap the key, decrypt, decompress and unpack, all in one pass' \
    'xbunpack -C restored --decrypt -f <(kmsunwrap --provider=file --master-key=master.key < ciphertext | b64hex -n) --decompress < backup_qp.xb'
step 'What came out' \
    'ls -l restored'
step 'Compare each file with the SHA-256 of the original' \
    '(cd restored && sha256sum -c --quiet --strict ../shop.sha256) && echo every file is as it was'

# The list of sums does not show files that should not exist.
(cd restored && find . -type f | sed 's,^\./,,' | LC_ALL=C sort) >found
sed 's/^[0-9a-f]*  //' shop.sha256 | LC_ALL=C sort >expected
cmp -s expected found || fail "the restored files are not the expected ones: $(diff expected found | head -n 5)"

files=$(wc -l <found)
bytes=$(find restored -type f -printf '%s\n' | awk '{ sum += $1 } END { printf "%d", sum }')
printf '\nRestored and verified: %s files, %s bytes, from a backup of %s bytes.\n' \
    "$files" "$bytes" "$(stat -c %s backup_qp.xb)"
