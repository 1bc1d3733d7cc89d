# SPDX-License-Identifier: Apache-2.0
# examples/fleet: many backups on several hosts, which are sshd processes on loopback, or slots of
# this machine.
bats_require_minimum_version 1.5.0

setup() {
    load loops.bash
    command -v parallel >/dev/null || skip "GNU parallel is not installed (Debian: parallel)"
    command -v python3 >/dev/null || skip "python3 is not installed"
    command -v curl >/dev/null || skip "curl is not installed"
    cd "$BATS_TEST_TMPDIR" || return 1
    export HOME=$PWD
    fleet=$XBPIPE_TESTS/../examples/fleet
    fixtures=$XBPIPE_TESTS/fixtures
    mkdir served
    cp "$fixtures/rds/part_lz4_v3.xb" served/good
    # More than fits into a pipe, so that what fetches it is told that nobody reads on.
    { head -c 3000 served/good; printf X; tail -c +3002 served/good; head -c 2000000 /dev/zero; } >served/corrupt
    python3 -B "$XBPIPE_TESTS/fleet/server.py" served port log </dev/null >/dev/null 2>&1 3>&- &
    echo $! >pids
    disown # its end is no news
    for _ in {1..100}; do [ -e port ] && break; sleep 0.05; done
    url=http://127.0.0.1:$(cat port)
    # A wrapped key as the service gives it; the hosts have the master key.
    cp "$fixtures/kms/demo-master.key" master.key
    chmod 600 master.key
    ciphertext=$(b64hex -r <"$fixtures/rds/password.hex" | kmswrap --master-key=master.key)
    touch log
}

teardown() {
    [ ! -e pids ] || xargs kill -9 <pids 2>/dev/null || true
}

# backup NAME [FILE]: a line of the list.
backup() { printf '%s\t%s\t%s\n' "$1" "$url/${2:-good}" "$ciphertext" >>backups; }

fleet() { "$fleet/restore-fleet" -s hosts -t "$PWD/target" -w "$PWD/state" "$@" backups --master-key="$PWD/master.key"; }

whole() { (cd "target/$1" && sha256sum -c --quiet "$fixtures/rds/part.sha256" && [ "$(find . -type f | wc -l)" -eq "$(wc -l <"$fixtures/rds/part.sha256")" ]); }

# An sshd called $1 on loopback. What runs there has this test's PATH.
start_host() {
    local port
    [ -e id ] || ssh-keygen -q -t ed25519 -N '' -f id
    [ "$(id -u)" -ne 0 ] || mkdir -p /run/sshd
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    ssh-keygen -q -t ed25519 -N '' -f "key.$1"
    cat >"sshd.$1" <<END
Port $port
ListenAddress 127.0.0.1
HostKey $PWD/key.$1
AuthorizedKeysFile $PWD/id.pub
PidFile $PWD/pid.$1
StrictModes no
UsePAM no
PermitRootLogin yes
SetEnv PATH=$PATH FLEET_HOST=$1
END
    cat >>ssh_config <<END
Host $1
    HostName 127.0.0.1
    Port $port
    IdentityFile $PWD/id
    IdentitiesOnly yes
    UserKnownHostsFile /dev/null
    StrictHostKeyChecking no
    LogLevel ERROR
    BatchMode yes
END
    /usr/sbin/sshd -f "$PWD/sshd.$1" -E "$PWD/sshd.log.$1" 3>&- 4>&-
    for _ in {1..100}; do [ -s "pid.$1" ] && break; sleep 0.05; done
    cat "pid.$1" >>pids
}

# Kills every process whose environment or arguments grep finds by the arguments given.
kill_all() {
    local pid
    for pid in $(grep -lsaz "$@" /proc/[0-9]*/environ /proc/[0-9]*/cmdline | cut -d / -f 3 | sort -u); do
        [ "$pid" = $$ ] || kill -9 "$pid" 2>/dev/null || true
    done
}

# kill_curls VARIABLE: the downloads in whose environment it is.
kill_curls() {
    local pid
    for pid in $(pgrep -x curl); do
        ! grep -qsxaz "$1" "/proc/$pid/environ" || kill -9 "$pid" || true
    done
}

# The host dies: its sshd, the connections, and all that runs in them.
kill_host() {
    kill -9 "$(cat "pid.$1")"
    kill_all -x "FLEET_HOST=$1"
}

@test "slots of this machine: good backups, a corrupt one, a wrong key; only what may help is tried again" {
    echo '2/:' >hosts
    backup one
    backup corrupt corrupt
    backup two
    backup gone missing
    printf 'here\t%s\t%s\n' "$PWD/served/corrupt" "$ciphertext" >>backups
    printf 'stranger\t%s\t%s\n' "$url/good" "$(head -c 16 /dev/zero | base64 | kmswrap --master-key=master.key)" >>backups
    run --separate-stderr fleet -n 2
    [ "$status" -eq 65 ]
    [ "$output" = "2 restored, 3 bad, 1 open" ]
    [[ $stderr == *"corrupt: status 65: xbunpack: "*CRC* && $stderr == *"here: status 65: xbunpack: "*CRC* ]]
    [[ $stderr == *"gone: status 75: no host has restored it: see joblog"* ]]
    [[ $stderr == *"stranger: status 65: xbunpack: "*"SHA-256"* ]]
    whole one
    whole two
    [ ! -e target/corrupt ]
    [ ! -e target/gone ]
    [ ! -e target/stranger ]
    [ "$(grep -cx corrupt log)" -eq 1 ]
    [ "$(grep -cx missing log)" -eq 2 ]
    # What failed comes to be there; the same command goes on, and redoes nothing.
    cp served/good served/missing
    : >log
    run --separate-stderr fleet
    [ "$status" -eq 65 ]
    [ "$output" = "3 restored, 3 bad, 0 open" ]
    [ "$(cat log)" = missing ]
    whole gone
    [ -z "$(find target -name '.*.part')" ]
}

@test "a run that is killed half-way goes on when it is called again" {
    echo '1/:' >hosts
    backup one
    backup two
    cp served/good served/slow
    touch served/slow.stall
    backup slow slow
    backup three
    fleet >out 2>err 3>&- &
    controller=$!
    for _ in {1..1200}; do grep -q slow log && break; sleep 0.05; done
    kill_all -F -e "$PWD/state/joblog" -e "$PWD/target" # the controller, and what it has started
    wait "$controller" || true
    whole one
    whole two
    [ ! -e target/slow ]
    [ ! -e target/three ]
    : >log
    run fleet
    [ "$status" -eq 0 ]
    [ "$output" = "4 restored, 0 bad, 0 open" ]
    [ "$(sort log | tr '\n' ' ')" = "good slow " ]
    whole slow
    whole three
    run fleet
    [ "$status" -eq 0 ]
    [ "$output" = "4 restored, 0 bad, 0 open" ]
}

@test "two hosts by ssh, one of which dies half-way: the other takes over" {
    [ -x /usr/sbin/sshd ] || skip "sshd is not installed (Debian: openssh-server)"
    start_host first
    start_host second
    printf '2/first\n2/second\n' >hosts
    # Both slots of the host that dies are in the middle of a backup.
    for name in a b c d e f; do
        cp served/good "served/$name"
        touch "served/$name.stall"
        backup $name $name
    done
    backup corrupt corrupt
    fleet -e "ssh -F $PWD/ssh_config" >out 2>err 3>&- &
    controller=$!
    for _ in {1..1200}; do [ "$(wc -l <log)" -ge 4 ] && break; sleep 0.05; done
    [ "$(wc -l <log)" -eq 4 ] || { cat log out err state/joblog; false; }
    rm -f served/*.stall
    kill_host first
    # The other host's two are stalled as well: their downloads break, and they are tried again.
    sleep 0.3
    kill_curls FLEET_HOST=second
    status=0
    wait "$controller" || status=$?
    cat out err state/joblog
    [ "$status" -eq 65 ]
    [ "$(cat out)" = "6 restored, 1 bad, 0 open" ]
    for name in a b c d e f; do whole $name; done
    [ ! -e target/corrupt ]
    [ "$(grep -cx corrupt log)" -eq 1 ]
    # It was the second host that restored the backups of the first.
    [ "$(awk -F '\t' '$7 == 0' state/joblog | grep -c second)" -eq 7 ]
}

@test "links and folders that others have put into TARGET are not followed, locked or emptied" {
    mkdir target victim
    mkdir -m 700 victim/files
    chmod 700 victim
    echo precious >victim/files/db
    echo precious >secret
    cp "$fixtures/rds/part_zst.xb" served/plain
    printf 'n\t%s\t-\n' "$PWD/served/plain" >list
    ln -s "$PWD/secret" target/.n.lock
    ln -s "$PWD/victim" target/.n.part
    run -73 --separate-stderr "$fleet/restore-one" target n list
    [[ $stderr == *"restore-one: "*"/target/.n.part: expected a folder of this script, found something else: remove it" ]]
    [ "$(cat secret victim/files/db)" = "$(printf 'precious\nprecious')" ]
    rm target/.n.part
    # One with other things in it, or that others may write to.
    mkdir -m 700 target/.n.part
    echo mine >target/.n.part/mine
    run -73 "$fleet/restore-one" target n list
    rm target/.n.part/mine
    mkdir target/.n.part/files
    echo mine >target/.n.part/files/mine
    chmod 770 target/.n.part
    run -73 "$fleet/restore-one" target n list
    [ -e target/.n.part/files/mine ]
    # What an earlier try has left is removed; the source, the list and the target are relative.
    chmod 700 target/.n.part
    printf 'n\tserved/plain\t-\n' >list
    run -0 "$fleet/restore-one" target n list
    whole n
    [ ! -e target/.n.part ]
    [ ! -e target/n/mine ]
    [ "$(cat secret)" = precious ]
    run -0 "$fleet/restore-one" target n list
    [[ $output == *"was there already" ]]
    [ ! -e target/.n.part ]
    # Something else under the name of the backup is not taken for it.
    mv target/n target/m
    expected="restore-one: $PWD/target/n: expected nothing, or a folder of yours that was restored before"
    for put in "ln -s m target/n" "touch target/n" "ln -s missing target/n" "mkdir target/n"; do
        if [ "$put" = "mkdir target/n" ]; then
            [ "$(id -u)" -eq 0 ] || continue # its owner has to be another user
            put+=" && chown 65534 target/n"
        fi
        eval "$put"
        run -73 --separate-stderr "$fleet/restore-one" target n list
        [ "$stderr" = "$expected" ]
        [ ! -e target/.n.part ]
        rm -rf target/n
    done
}

@test "nothing is restored where others may rename what is there" {
    cp "$fixtures/rds/part_zst.xb" served/plain
    printf 'n\tserved/plain\t-\n' >list
    mkdir target
    for mode in 777 775 757 2775; do
        chmod $mode target
        run -73 --separate-stderr "$fleet/restore-one" target n list
        [ "$stderr" = "restore-one: $PWD/target: others may rename what is in it: chmod go-w, or chmod +t" ]
        [ -z "$(ls -A target)" ]
    done
    chmod 1777 target
    run -0 "$fleet/restore-one" target n list
    whole n
    # New folders are not of that kind, whatever the umask.
    umask 002
    run -0 "$fleet/restore-one" new/target n list
    [ -d new/target/n ]
}

@test "a list that is another user's is not read" {
    [ "$(id -u)" -eq 0 ] || skip "only root can make a file another user's"
    echo 1/: >hosts
    backup one
    mkdir -m 1777 target
    # A user cannot remove another's file from a sticky folder, as root can.
    mkdir bin
    printf '#!/bin/sh\ncase "$*" in *.fleet-*) exit 0 ;; esac\nexec /bin/rm "$@"\n' >bin/rm
    chmod +x bin/rm
    PATH=$PWD/bin:$PATH run -0 "$fleet/restore-fleet" -s hosts -t target -w state backups --master-key="$PWD/master.key"
    list=$(echo target/.fleet-*)
    [ -s "$list" ]
    rm -r target/one state/joblog state/answers
    cp "$fixtures/rds/part_zst.xb" served/other
    printf 'one\t%s\t-\n' "$PWD/served/other" >"$list"
    chown 65534 "$list"
    PATH=$PWD/bin:$PATH run -75 "$fleet/restore-fleet" -s hosts -t target -w state -n 1 backups --master-key="$PWD/master.key"
    [ ! -e target/one ]
}

@test "if no backup at all has an answer, all are open, and that is no success" {
    echo 1/: >hosts
    printf 'one\t%s\t-\ntwo\t%s\t-\n' "$PWD/served/missing" "$PWD/served/missing" >backups
    run -75 --separate-stderr fleet -n 1
    [ "$output" = "0 restored, 0 bad, 2 open" ]
    [ "$(cut -f 1-3 state/results)" = "$(printf 'one\t75\t0\ntwo\t75\t0')" ]
    # Nor if awk could take the folder for a variable.
    run -75 --separate-stderr "$fleet/restore-fleet" -s hosts -t target -w a=b -n 1 backups
    [ "$output" = "0 restored, 0 bad, 2 open" ]
}

@test "lists and folders with a leading dash, or that awk would take for a variable" {
    echo '1/:' >-hosts
    backup one
    cp backups a=b
    mv backups ./-backups
    run -0 "$fleet/restore-fleet" -s -hosts -t target -w -state -- -backups --master-key="$PWD/master.key"
    [ "$output" = "1 restored, 0 bad, 0 open" ]
    run -0 "$fleet/restore-fleet" -s -hosts -t target2 -w state a=b --master-key="$PWD/master.key"
    [ "$output" = "1 restored, 0 bad, 0 open" ]
    whole one
}

@test "the arithmetic: what bounds a host, and hosts and hours for a petabyte" {
    # 16 cores at 0.38 GB/s, 3.1 GB/s of network, a disk of 2 GB/s: the disk bounds.
    run -0 "$fleet/plan" 1e15 2.3 8 16 0.38e9 3.1e9 2e9
    [ "${lines[0]}" = "a host restores 2.00 GB/s, bounded by its disk (cores 6.08, network 7.13, disk 2.00)" ]
    [ "${lines[1]}" = "2300.00 TB are 319.4 hours of a host: 40 hosts for 8 hours" ]
    run -0 "$fleet/plan" 1e15 1 10 2 0.5e9 0.1e9 2e9
    [ "${lines[0]}" = "a host restores 0.10 GB/s, bounded by its network (cores 1.00, network 0.10, disk 2.00)" ]
    run -64 "$fleet/plan" 1e15
    run -64 "$fleet/plan" 1e15 2.3 0 16 0.38e9 3.1e9 2e9
    # The runbook's own figures.
    "$fleet/plan" 1e15 2.3 8 16 0.38e9 3.1e9 2e9 | while read -r line; do grep -qF "$line" "$fleet/README.md"; done
}

@test "a signed URL: in no file that others can read, on no command line, and gone from the host at the end" {
    echo '2/:' >hosts
    cp served/good served/slow
    touch served/slow.stall
    backup one
    printf 'slow\t%s\t%s\n' "$url/slow?Signature=TOPSECRETSIG" "$ciphertext" >>backups
    sed -i "s|$url/good|$url/good?Signature=TOPSECRETSIG|" backups
    (umask 022 && fleet >out 2>err 3>&-) &
    controller=$!
    for _ in {1..1200}; do grep -q slow log && break; sleep 0.05; done
    # While one is being fetched.
    grep -lsaz TOPSECRETSIG /proc/[0-9]*/cmdline /proc/[0-9]*/environ >seen || true
    [ ! -s seen ] || { xargs -a seen head -c 300; return 1; }
    ls target/.fleet-*
    find . -type f ! -perm 600 ! -path './served/*' -print0 | xargs -0 grep -l TOPSECRETSIG >readable || true
    [ "$(cat readable)" = ./backups ] # the user's own
    kill_curls "HOME=$HOME"
    wait "$controller" || true
    cat out err
    whole one
    run -1 grep -r TOPSECRETSIG target state/joblog state/answers state/results out err
    [ "$(stat -c %a state)" = 700 ]
    # The server's user may go in.
    [ "$(stat -c %a target)" = 755 ]
    [ "$(stat -c %a target/one)" = 750 ]
}

@test "a target with blanks and what a shell takes for code" {
    echo '2/:' >hosts
    backup one
    backup 'odd $(touch pwned);name'
    for target in "my target" 't$(touch pwned)' "it's" 'a;touch pwned'; do
        run "$fleet/restore-fleet" -s hosts -t "$PWD/$target" -w "state of $target" backups --master-key="$PWD/master.key"
        [ "$status" -eq 0 ] || { echo "$target: $output"; return 1; }
        [ "$output" = "2 restored, 0 bad, 0 open" ]
        [ -d "$target/odd \$(touch pwned);name" ]
        (cd "$target/one" && sha256sum -c --quiet "$fixtures/rds/part.sha256")
    done
    [ ! -e pwned ]
    run -64 "$fleet/restore-fleet" -s hosts -t "$PWD/{}" -w w backups
    run -64 "$fleet/restore-fleet" -s hosts -t t -w w backups '--master-key={1}'
}

@test "a tar archive; a download without a length, which may be cut: not restored" {
    echo '2/:' >hosts
    cp "$fixtures/rds/part.tar.gz" served/tarball
    cp served/good served/lengthless
    touch served/lengthless.lengthless
    backup tarball tarball
    backup lengthless lengthless
    run --separate-stderr fleet -n 1
    [ "$status" -eq 75 ]
    [ "$output" = "1 restored, 0 bad, 1 open" ]
    whole tarball
    [ ! -e target/lengthless ]
}

@test "mistakes are found before anything runs: 64, 65, 66" {
    echo : >hosts
    backup one
    run -64 "$fleet/restore-fleet"
    run -64 "$fleet/restore-fleet" -s hosts backups
    run -66 "$fleet/restore-fleet" -s none -t t -w w backups
    printf 'one\tx\ty\n' >>backups
    run -65 fleet
    [[ $output == *"backups: line 2: expected NAME, SOURCE and CIPHERTEXT"* ]]
    echo '2/ssh -p 22 host' >other-hosts
    sed -i 2d backups
    run -65 "$fleet/restore-fleet" -s other-hosts -t t -w w backups
    [[ $output == *"expected the name of a host only"* ]]
    for line in 'host[1-3]' '@group/host' .. - '/etc/hosts' 'a;b' '2/-oProxyCommand=x'; do
        echo "$line" >other-hosts
        run -65 "$fleet/restore-fleet" -s other-hosts -t t -w w backups
        [[ $output == "restore-fleet: other-hosts: $line: expected the name of a host only"* ]]
    done
    mkdir state
    echo other >state/backups
    run -64 fleet
    [[ $output == *"is of a run with other backups"* ]]
    run -64 "$fleet/restore-one" target ../x backups
    run -75 "$fleet/restore-one" target two backups
    run -75 "$fleet/restore-one" target one none
    run -64 "$fleet/restore-one" target
    [ ! -e target ]
    [ ! -s log ]
}
