# SPDX-License-Identifier: Apache-2.0
# The content of the packages, and that its parts agree with each other.
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
    # What comes next may stand above it.
    [ "$(grep '^## ' "$root/CHANGELOG.md" | grep -vx '## Unreleased' | sed -n '1s/^## \([0-9.]*\) .*/\1/p')" = "$version" ]
    xbunpack --version | grep -qF "$version"
}

@test "the package is built from the libraries that the README installs" {
    grep -E '^sudo apt-get install .* && make demo$' "$root/README.md" | tr ' ' '\n' |
        grep -E '^lib.*-dev$|^zlib1g-dev$|^pkg-config$' | sort >readme
    sed -n '/^Build-Depends:/,/^[A-Z][^ ]*:/p' "$root/packaging/debian/control" | grep -v '^Standards' |
        sed 's/^Build-Depends://; s/ \[[a-z0-9 ]*\]//' | tr -d ' ' | tr ',' '\n' | grep -vE '^$|^debhelper-compat' | sort >control
    [ -s readme ]
    diff readme control
}

@test "a build for 32 bits is refused at once" {
    run make -n -C "$root" BUILD="$PWD/narrow" CFLAGS=-m32 all
    [[ $output != *"unrecognized command"* ]] || skip "this compiler has no 32 bits: $output"
    [ "$status" -eq 2 ]
    [[ $output == *"makes programs of 32 bits: xbpipe is for systems of 64 bits only"* ]]
    [ ! -e narrow ]
    run make -n -C "$root" BUILD="$PWD/wide" all
    [ "$status" -eq 0 ]
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

# A repository of the files here, with nothing uncommitted, in the folder repository.
repository() {
    (cd "$root" && git ls-files -z | tar -cf - --null -T -) | tar -xf - --one-top-level=repository
    cd repository || return 1
    git init -q -b main
    git config user.name Tester
    git config user.email tester@example.org
    git add -A
    git commit -q -m "All files"
}

# Git with no configuration of the machine's.
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null
export GIT_AUTHOR_NAME=Tester GIT_AUTHOR_EMAIL=tester@example.org
export GIT_COMMITTER_NAME=Tester GIT_COMMITTER_EMAIL=tester@example.org

@test "a release is prepared in a clone, and published nowhere" {
    git -C "$root" ls-files --error-unmatch Makefile >/dev/null 2>&1 || skip "not in a git repository"
    repository
    grep -qx '## Unreleased' CHANGELOG.md || sed -i '1a\\n## Unreleased\n\n- Something new.' CHANGELOG.md
    git commit -q --allow-empty -am "What is new"
    before=$(git rev-parse HEAD)
    CHECK="echo checked >checked" make -s release-dry-run RELEASE=97.1.2
    [ "$(git rev-parse HEAD)" = "$before" ]
    [ -z "$(git tag)" ]
    [ -z "$(git status --porcelain)" ]
    cd build/release
    [ -e checked ]
    [ "$(git log -1 --format=%s)" = "Release 97.1.2" ]
    [ "$(git rev-parse HEAD~1)" = "$before" ]
    grep -qx 'VERSION := 97.1.2' Makefile
    grep -qE '^## 97\.1\.2 \([0-9]{4}-[0-9]{2}-[0-9]{2}\)$' CHANGELOG.md
    run dpkg-parsechangelog -l packaging/debian/changelog -S Version
    [ "$status" -ne 0 ] || [ "$output" = 97.1.2-1 ]
    cd build
    sha256sum -c --quiet xbpipe-97.1.2.tar.gz.sha256
    tar -xOf xbpipe-97.1.2.tar.gz xbpipe-97.1.2/Makefile | grep -qx 'VERSION := 97.1.2'
    grep -q '^- ' announcement.md
    run grep -c '^## ' announcement.md
    [ "$output" = 0 ]
}

@test "no release is prepared of what is not ready for it" {
    git -C "$root" ls-files --error-unmatch Makefile >/dev/null 2>&1 || skip "not in a git repository"
    repository
    refused() { # STATUS MESSAGE VERSION
        run packaging/release "$3" dry
        [ "$status" -eq "$1" ]
        [[ $output == "release: $2"* ]]
        [ ! -e dry ]
    }
    refused 64 "next: expected a version" next
    refused 65 "0.0.1 is not newer than $version" 0.0.1
    refused 65 "$version is not newer than $version" "$version"
    git tag v97.0.0
    refused 65 "there is a tag v97.0.0" 97.0.0
    sed -i 's/^## Unreleased$/## 0.0.9/' CHANGELOG.md
    refused 65 "there are changes that are not committed" 97.1.0
    git commit -q --allow-empty -am "Nothing new"
    refused 65 "CHANGELOG.md has no section Unreleased" 97.1.0
}

# yaml FILE PYTHON: evaluates the expression with `d`, the list of the file's documents.
yaml() {
    /usr/bin/python3 -c 'import sys, yaml
with open(sys.argv[1]) as f: d = list(yaml.safe_load_all(f))
result = eval(sys.argv[2])
print(*result, sep="\n") if isinstance(result, list) else print(result)' "$root/$1" "$2"
}

need_yaml() { /usr/bin/python3 -c 'import yaml' 2>/dev/null || skip "no YAML parser for python3 (Debian: python3-yaml)"; }

@test "the hosted checks call scripts and targets that are here" {
    need_yaml
    [ "$(yaml .github/workflows/ci.yml 'd[0]["permissions"]')" = "{'contents': 'read'}" ]
    yaml .github/workflows/ci.yml '[s["run"] for j in d[0]["jobs"].values() for s in j["steps"] if "run" in s]' >runs
    grep -qxF .ci/run runs
    [ -x "$root/.ci/run" ]
    # shellcheck disable=SC2016 # as it stands in the file
    grep -qxF 'make ${{ matrix.target }}' runs
    yaml .github/workflows/ci.yml 'd[0]["jobs"]["portability"]["strategy"]["matrix"]["target"]' >targets
    [ "$(wc -l <targets)" -ge 4 ]
    while read -r target variable; do
        make -s -n -C "$root" "$target" "$variable" >commands
        read -r script argument <commands
        [ -x "$root/$script" ]
        [ "$argument" = "${variable#*=}" ]
    done <targets
}

@test "the jobs for Kubernetes restore what is mounted, locked in" {
    need_yaml
    pod='d[0]["spec"]["template"]["spec"]'
    all="(${pod}['initContainers'] + ${pod}['containers'])"
    for file in restore restore-kms; do
        path=examples/kubernetes/$file.yaml
        [ "$(yaml $path 'd[0]["apiVersion"] + " " + d[0]["kind"]')" = "batch/v1 Job" ]
        [ "$(yaml $path "${pod}['restartPolicy']")" = Never ]
        [ "$(yaml $path "${pod}['securityContext']['runAsNonRoot']")" = True ]
        [ "$(yaml $path "${pod}['securityContext']['seccompProfile']")" = "{'type': 'RuntimeDefault'}" ]
        [ "$(yaml $path "${pod}['automountServiceAccountToken']")" = False ]
        [ "$(yaml $path "all(c['securityContext'] == {'allowPrivilegeEscalation': False, 'readOnlyRootFilesystem': True, 'capabilities': {'drop': ['ALL']}} for c in $all)")" = True ]
        # Each volume that is mounted exists, and each that exists is mounted.
        [ "$(yaml $path "{m['name'] for c in $all for m in c['volumeMounts']} == {v['name'] for v in ${pod}['volumes']}")" = True ]
        yaml $path "[c for c in $all if c['name'] == 'restore'][0]['args']" >arguments
        rm -rf mounted
        mkdir -p mounted/key mounted/data mounted/backup
        install -m 600 "$XBPIPE_TESTS/fixtures/rds/password.hex" mounted/key/key
        cp "$XBPIPE_TESTS/fixtures/rds/full_v3_qp.xb" mounted/backup/backup
        mapfile -t arguments < <(sed "s,^/,$PWD/mounted/," arguments)
        "${arguments[@]}"
        (cd mounted/data/restored && sha256sum -c --quiet --strict "$XBPIPE_TESTS/fixtures/mariadb/shop.sha256")
    done
    [ "$(yaml examples/kubernetes/restore.yaml "[list(v) for v in ${pod}['volumes'] if v['name'] == 'key'][0]")" = $'name\nsecret' ]
    [ "$(yaml examples/kubernetes/restore-kms.yaml "[v['emptyDir']['medium'] for v in ${pod}['volumes'] if v['name'] == 'key'][0]")" = Memory ]
    command=$(yaml examples/kubernetes/restore-kms.yaml "${pod}['initContainers'][0]['args'][0]")
    [[ $command == *"kmsunwrap --provider=aws < /wrapped/ciphertext | b64hex -n > /key/key" ]]
    install -m 600 "$XBPIPE_TESTS/fixtures/kms/demo-master.key" master.key
    cp "$XBPIPE_TESTS/fixtures/kms/demo-ciphertext.b64" ciphertext
    command=${command/--provider=aws/--provider=file --master-key=master.key}
    command=${command/\/wrapped\//}
    bash -c "${command/\/key\//}"
    cmp key "$XBPIPE_TESTS/fixtures/rds/password.hex"
}

@test "the tree of the container holds the executable, links and pages, and runs alone" {
    [ -e "$BUILD_DIR/static/xbpipe" ] || skip "no static executables in this build"
    "$root/packaging/static/tree" "$BUILD_DIR/static/xbpipe" tree xbunpack b64hex
    [ "$(cd tree/usr/bin && echo *)" = "b64hex xbpipe xbunpack" ]
    [ -s tree/usr/share/man/man1/xbunpack.1 ]
    grep -qxF 'ENTRYPOINT ["/usr/bin/xbpipe"]' "$root/packaging/Containerfile"
    grep -qxF 'COPY . /' "$root/packaging/Containerfile"
    [ "$(id -u)" -eq 0 ] || skip "only root may call chroot"
    [ "$(chroot --userspec=65534:65534 tree /usr/bin/xbpipe b64hex -n <<<AQID)" = 010203 ]
    chroot --userspec=65534:65534 tree /usr/bin/xbunpack -t <"$XBPIPE_TESTS/fixtures/mariadb/shop_qp.xb" >members
    xbunpack -t <"$XBPIPE_TESTS/fixtures/mariadb/shop_qp.xb" | cmp - members
}
