# SPDX-License-Identifier: Apache-2.0
# What is packed, and that its parts agree with each other.
bats_require_minimum_version 1.5.0

setup() {
    load loops.bash
    root=$XBPIPE_TESTS/..
    version=$(sed -n 's/^VERSION := //p' "$root/Makefile")
    cd "$BATS_TEST_TMPDIR" || return 1
}

@test "the version is one everywhere" {
    [ -n "$version" ]
    [ "$(sed -n '1s/^xbpipe (\(.*\)-[0-9]*) .*/\1/p' "$root/packaging/debian/changelog")" = "$version" ]
    [ "$(sed -n '/^## /{s/^## \([0-9.]*\).*/\1/p;q}' "$root/CHANGELOG.md")" = "$version" ]
    xbunpack --version | grep -qF "$version"
}

@test "the package is built from the libraries that the README installs" {
    grep -E '^sudo apt-get install .* && make demo$' "$root/README.md" | tr ' ' '\n' |
        grep -E '^lib.*-dev$|^zlib1g-dev$|^pkg-config$' | sort >readme
    sed -n '/^Build-Depends:/,/^[A-Z][^ ]*:/p' "$root/packaging/debian/control" | grep -v '^Standards' |
        sed 's/^Build-Depends://' | tr -d ' ' | tr ',' '\n' | grep -vE '^$|^debhelper-compat' | sort >control
    [ -s readme ]
    diff readme control
}

@test "make dist packs every file that is tracked, and nothing else" {
    git -C "$root" ls-files --error-unmatch Makefile >/dev/null 2>&1 || skip "not in a git repository"
    echo old >dist.tar.gz # of an earlier version
    make -s -C "$root" dist DIST="$PWD/dist.tar.gz"
    tar -tzf dist.tar.gz | sed -n "s,^xbpipe-$version/,,p" | grep -v '/$' | sort | sed '/^$/d' >packed
    git -C "$root" ls-tree -r --name-only HEAD | sort >tracked
    diff tracked packed
    [ -s packed ]
}
