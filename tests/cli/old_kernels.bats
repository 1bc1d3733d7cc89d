# SPDX-License-Identifier: Apache-2.0
# Kernels and containers that have less: system calls that fail with ENOSYS (an old kernel, gVisor) or
# EPERM (a seccomp profile of a container that does not know them).
bats_require_minimum_version 1.5.0

landlock="sandbox: this kernel has no Landlock, or it is turned off: file names are not confined"
seccomp="sandbox: this kernel takes no seccomp filter: system calls are not confined"

setup() {
    load common
    sanitized && skip "builds with sanitizers make calls of their own"
    without true openat2 || skip "no filter of system calls can be installed here"
}

# without COMMAND... CALLS: the last argument says which calls fail (without_call.py).
without() { python3 -S -E "$XBPIPE_TESTS/cli/without_call.py" "${@: -1}" "${@:1:$#-1}"; }

# all_work CALLS [LINE...]: the programs do what they do elsewhere; -v says these lines about the
# sandbox, and nothing is said without -v.
all_work() {
    local calls=$1
    shift
    echo "without: $calls"
    rm -rf restored part packed twice
    run --separate-stderr without xbunpack -v -C restored --auto -f "$key" -i "$fixtures/rds/full_v3_qp.xb" "$calls"
    [ "$status" -eq 0 ] || { echo "$stderr"; return 1; }
    # Builds that count lines have no sandbox.
    counts_lines || diff <([ $# -eq 0 ] || printf 'xbunpack: %s\n' "$@") <(grep sandbox: <<<"$stderr") || return
    restored restored "$fixtures/mariadb/shop.sha256" || return
    fails 0 "" without xbpack -C restored --compress=zstd:3 --encrypt -f "$key" -o packed "$calls" || return
    fails 0 "" without xbunpack -C twice --auto --manifest=list --fsync -f "$key" -i packed "$calls" || return
    restored twice "$fixtures/mariadb/shop.sha256" || return
    fails 0 "" without qpunpack -C part "$fixtures/rds/part_xb.qp" "$calls" || return
    [ "$(files part | wc -l)" -ge 1 ] || return
    fails 0 "" without xbcrypt-enc -f "$key" -i list -o list.xbcrypt --overwrite "$calls" || return
    fails 0 "" without xbcrypt-dec -f "$key" -i list.xbcrypt -o list.again --overwrite "$calls" || return
    cmp list list.again || return
    rm list
    # What may not be replaced, and what would lead out, is refused as elsewhere.
    fails 73 "$(xbunpack -C twice --auto -f "$key" -i packed 2>&1)" \
        without xbunpack -C twice --auto -f "$key" -i packed "$calls" || return
    rm -rf linked outside
    mkdir linked outside
    ln -s "$PWD/outside" linked/mysql
    run without xbunpack -C linked --auto -f "$key" -i packed "$calls"
    [ "$status" -eq 73 ] || return
    [ -z "$(files outside)" ]
}

@test "without openat2" {
    for error in ENOSYS EPERM; do all_work openat2:$error || return; done
}

@test "without clone3, where the C library falls back, or would not" {
    for error in ENOSYS EPERM; do all_work clone3:$error || return; done
}

@test "without renameat2, also if it is there and its flag is not" {
    for error in ENOSYS EPERM EINVAL; do all_work renameat2:$error || return; done
}

@test "without madvise" {
    for error in ENOSYS EPERM EINVAL; do all_work madvise:$error || return; done
}

@test "without Landlock" {
    for error in ENOSYS EPERM EOPNOTSUPP; do all_work landlock_create_ruleset:$error "$landlock" || return; done
}

@test "without seccomp" {
    for error in ENOSYS EPERM EINVAL; do all_work no-seccomp:$error "$seccomp" || return; done
}

@test "without any of them, as on an old kernel and in an old container" {
    for error in ENOSYS EPERM; do
        # Not clone3:EPERM: only a seccomp filter makes that, and the C library does not fall back.
        all_work "openat2:$error,clone3,renameat2:$error,madvise:$error,landlock_create_ruleset:$error,no-seccomp:ENOSYS" \
            "$landlock" "$seccomp" || return
    done
}

@test "in a container that allows what Docker's own profile does" {
    all_work openat2:EPERM,clone3,landlock_create_ruleset:EPERM "$landlock"
}
