# SPDX-License-Identifier: Apache-2.0
# Temporary files: the next run removes those of a killed run, and never those in use.
bats_require_minimum_version 1.5.0

setup() {
    load common.bash
    make_xbstream 'MEMBER name=first data=1' 'P name=d/half data=2' >start
    make_xbstream 'E name=d/half' >end # of the stream that start begins
    make_xbstream 'MEMBER name=d/whole data=3' 'MEMBER name=top data=4' >other
}

temporary() { find . -name '.xbpipe-*' -printf '%P\n' | LC_ALL=C sort; }

# begin COMMAND...: starts it in the background with a pipe as input, descriptor 8 at its other end,
# and waits until it has a temporary file.
begin() {
    rm -f pipe
    mkfifo pipe
    temporary >before
    "$@" <pipe &
    pid=$!
    exec 8>pipe
    cat start >&8
    for _ in $(seq 200); do temporary | grep -qvxFf before && break; sleep 0.02; done
    temporary | grep -qvxFf before
}

# kill_it: ends what begin started without a chance to clean up.
kill_it() {
    kill -KILL $pid
    wait $pid || [ $? -eq 137 ]
    exec 8>&-
}

@test "what a killed run left is removed by the next one, and said with -v" {
    for _ in 1 2; do
        begin xbunpack -C out --overwrite
        kill_it
    done
    # What is of the first is gone already.
    [[ $(temporary) =~ ^out/d/\.xbpipe-[0-9a-f]{16}\.tmp$ ]]
    cp "$(temporary)" out/.xbpipe-0123456789abcdef.tmp
    fails 0 "xbunpack: d/whole
xbunpack: top
xbunpack: removed 2 temporary files of runs that did not end
xbunpack: restored, 2 files" xbunpack -v -C out -i other
    [ "$(files out)" = "d/whole
first
top" ]
    begin xbunpack -C out --overwrite
    kill_it
    rm out/d/whole out/top
    succeeds xbunpack -C out -i other
    [ -z "$(temporary)" ]
    # A folder that a run does not enter stays as it is.
    begin xbunpack -C out --overwrite
    kill_it
    make_xbstream 'MEMBER name=e/x data=' >elsewhere
    succeeds xbunpack -C out -i elsewhere
    [ "$(temporary | wc -l)" -eq 1 ]
    make_qpress ARCHIVE 'D name=d' 'F name=y' 'B data=x' 'END' U >in.qp
    run --separate-stderr qpunpack -v -C out -i in.qp
    [[ $stderr == *"qpunpack: removed 1 temporary file of runs that did not end" ]]
    [ -z "$(temporary)" ]
}

@test "the files of a run that is alive stay, and it ends well" {
    for j in 1 3; do
        begin xbunpack -j $j -C out
        in_use=$(temporary)
        succeeds xbunpack -j $j -C out -i other
        succeeds xbunpack -j $j -C out -i other --overwrite
        [ "$(temporary)" = "$in_use" ]
        cat end >&8
        exec 8>&-
        wait $pid
        [ "$(files out)" = "d/half
d/whole
first
top" ]
        [ "$(cat out/d/half)" = 2 ]
        rm -r out
    done
}

@test "many runs into one directory at a time: each gets all its files" {
    for i in $(seq 8); do
        make_xbstream "MEMBER name=d/a$i data=*100000" "MEMBER name=d/b$i data=*3" "MEMBER name=c$i data=*70000" >in$i
    done
    # Also into one that each of them may be the first to create.
    for round in $(seq 20); do
        rm -rf out
        pids=()
        for i in $(seq 8); do
            xbunpack -j 2 -C out -i in$i 2>err$i &
            pids+=($!)
        done
        for pid in "${pids[@]}"; do
            wait "$pid" || { cat err*; echo "round $round"; return 1; }
        done
        [ "$(files out | wc -l)" -eq 24 ]
        [ -z "$(temporary)" ]
        [ "$(sha256sum out/d/a* | cut -c 1-64 | sort -u | wc -l)" -eq 1 ]
    done
}

@test "filters: the folder of the output" {
    begin xbcrypt-enc -f "$key" -o f
    kill_it
    [ "$(temporary | wc -l)" -eq 1 ]
    succeeds xbcrypt-enc -f "$key" -o f -i start
    [ -z "$(temporary)" ]
    begin xbcrypt-enc -f "$key" -o g
    succeeds xbcrypt-enc -f "$key" -o h -i start
    [ "$(temporary | wc -l)" -eq 1 ]
    exec 8>&-
    wait $pid
    cmp <(xbcrypt-dec -f "$key" -i g) start
}

@test "only such files: no other name, no folder, no link, not what is being read" {
    mkdir -p out/.xbpipe-0000000000000001.tmp outside
    touch out/.xbpipe-000000000000000.tmp out/.xbpipe-0000000000000002.tmpx out/.xbpipe-000000000000000G.tmp outside/kept
    ln -s ../outside/kept out/.xbpipe-0000000000000003.tmp
    mkfifo out/.xbpipe-0000000000000004.tmp
    cp other out/.xbpipe-0000000000000005.tmp
    touch out/.xbpipe-0000000000000006.tmp
    before=$(temporary | grep -v 6.tmp)
    succeeds timeout 20 xbunpack -C out -i out/.xbpipe-0000000000000005.tmp
    [ "$(temporary)" = "$before" ]
    [ -e outside/kept ]
    for name in .xbpipe-0000000000000007.tmp d/.xbpipe-0000000000000007.tmp .xbpipe-0000000000000007.tmp/x; do
        make_xbstream "MEMBER name=$name data=x" >bad
        fails 65 "xbunpack: refused member name \"$name\": it has a component that is the name of a temporary file" xbunpack -C out -i bad
    done
}
