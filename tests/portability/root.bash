# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Bare roots of Debian releases, made by debootstrap from the mirror that this machine's apt uses.
# To be sourced by a script that runs as root.

# Why no root can be made here; nothing if one can.
why_no_roots() {
    if [ "$(id -u)" -ne 0 ]; then
        echo "only root can make one"
    elif ! command -v debootstrap >/dev/null; then
        echo "debootstrap is not installed"
    elif ! unshare --mount --pid --fork --kill-child mount -t tmpfs none /mnt 2>/dev/null; then
        echo "this machine allows no mounts"
    elif [ -z "$(debian_mirror)" ]; then
        echo "apt has no mirror of Debian"
    fi
}

# The mirror of this machine's apt.
debian_mirror() {
    # shellcheck disable=SC2016 # expanded by apt-get
    apt-get indextargets --format '$(COMPONENT) $(REPO_URI)' 'Identifier: Packages' 'Origin: Debian' 2>/dev/null |
        sed -n '/security/d; s/^main //p' | head -n 1
}

# make_root RELEASE DIR: a minimal root in the new folder DIR.
make_root() {
    local release=$1 root=$2 proxy=
    eval "$(apt-config shell proxy Acquire::http::Proxy)"
    env ${proxy:+http_proxy="$proxy"} debootstrap --variant=minbase "$release" "$root" "$(debian_mirror)" || return
    # What apt is told here about fetching holds there, too. Nothing needs to survive a crash.
    apt-config dump | grep '^Acquire::' >"$root/etc/apt/apt.conf.d/90machine"
    echo 'APT::Install-Recommends "true";' >>"$root/etc/apt/apt.conf.d/90machine"
    echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/90portability"
    printf '127.0.0.1 localhost\n::1 localhost\n127.0.1.1 %s\n' "$(hostname)" >"$root/etc/hosts"
    printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d" # no service is started by its package
    chmod 755 "$root/usr/sbin/policy-rc.d"
}

# in_root ROOT COMMAND [ARGUMENT...]: runs a command of bash there, as root with an environment of
# its own. The mounts and all processes are in namespaces that end with the command, however it
# ends: nothing stays mounted, and nothing that removes the root can reach through a mount.
in_root() {
    local root=$1
    shift
    # shellcheck disable=SC2016 # expanded by the inner shell
    unshare --mount --pid --fork --kill-child --propagation private bash -c '
        root=$1; shift
        mount -t proc proc "$root/proc" && mount -t sysfs -o ro sysfs "$root/sys" || exit 71
        mount -t tmpfs -o mode=755 dev "$root/dev" && mkdir "$root/dev/pts" "$root/dev/shm" || exit 71
        for device in null zero full random urandom tty; do
            touch "$root/dev/$device" && mount --bind "/dev/$device" "$root/dev/$device" || exit 71
        done
        mount -t devpts -o newinstance,ptmxmode=666,mode=620,gid=5 devpts "$root/dev/pts" || exit 71
        mount -t tmpfs -o mode=1777 shm "$root/dev/shm" || exit 71
        ln -s pts/ptmx "$root/dev/ptmx"; ln -s /proc/self/fd "$root/dev/fd"
        for n in 0 1 2; do ln -s "fd/$n" "$root/dev/$(echo "stdin stdout stderr" | cut -d " " -f $((n + 1)))"; done
        exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
            DEBIAN_FRONTEND=noninteractive MAKEFLAGS="-j$(nproc)" WERROR=1 chroot "$root" bash -c "$@"' in_root "$root" "$@" </dev/null
}

# stage NAME COMMAND...: runs it with its output in $roots/log, the end of which is shown if it fails,
# and says how long it took. `release` goes before the name.
stage() {
    local name=$1 begin=$SECONDS
    shift
    if "$@" >"$roots/log" 2>&1; then
        echo "ok  $release: $name ($((SECONDS - begin)) s)"
    else
        grep -vE '^(ok |  [A-Z]+ |Get:|Selecting|Preparing|Unpacking|Setting up)' "$roots/log" | tail -n 400
        echo "== $release: $name failed"
        return 1
    fi
}

# bare_root RELEASE: the root $roots/RELEASE, which may be there from an earlier run.
bare_root() {
    if [ ! -e "$roots/$1/made" ]; then
        rm -rf --one-file-system "${roots:?}/$1"
        stage "a bare root" make_root "$1" "$roots/$1" && touch "$roots/$1/made" || return
    fi
    stage "lists of packages" in_root "$roots/$1" "apt-get update"
}

# copy_sources DIR: the files of this repository that git knows or would add, or of an unpacked
# tarball all but what was built, as DIR.
copy_sources() {
    local top
    top=$(cd "${BASH_SOURCE[0]%/*}/../.." && pwd) && mkdir -p "$1" || return
    if git -C "$top" ls-files --error-unmatch Makefile >/dev/null 2>&1; then
        git -C "$top" ls-files -z --cached --others --exclude-standard |
            tar -C "$top" --null -T - -cf - --ignore-failed-read | tar -C "$1" -xf -
    else
        tar -C "$top" --exclude=./build -cf - . | tar -C "$1" -xf -
    fi
}

# Sets `roots`, the folder for roots: ROOTS, which is kept, with what is in it for the next run; else
# a temporary one, which is removed at the end.
roots=
roots_folder() {
    if [ -n "${ROOTS:-}" ]; then
        mkdir -p "$ROOTS" && roots=$(cd "$ROOTS" && pwd)
        return
    fi
    roots=$(mktemp -d "${TMPDIR:-/var/tmp}/xbpipe-roots.XXXXXX") || return
    trap 'rm -rf --one-file-system "$roots"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
}
