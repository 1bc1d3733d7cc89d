# SPDX-License-Identifier: Apache-2.0
# The completions of bash, zsh and fish: each option of each --help is offered.
bats_require_minimum_version 1.5.0

setup() {
    load loops.bash
    root=$XBPIPE_TESTS/..
    completions=$BUILD_DIR/completions
    cd "$BATS_TEST_TMPDIR" || return 1
}

programs() { (cd "$root/bin" && printf '%s\n' *.c | sed 's/\.c$//'); }

# The long options that the help lists, and the short ones.
longs() { "$1" --help | sed -nE 's/^  (-., |    )(--[a-z0-9-]+).*/\2/p' | LC_ALL=C sort; }
shorts() { "$1" --help | sed -nE 's/^  (-.), --.*/\1/p' | LC_ALL=C sort; }

# What bash offers for the last of the words.
offered() {
    bash --norc -c '
        compopt() { :; }
        source "$1"
        shift
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        "_xbpipe_${1//-/_}" "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
        printf "%s\n" "${COMPREPLY[@]}"' bash "$completions/bash/$1" "$@" 2>&1
}

@test "bash: every option of every program, and no other" {
    for program in $(programs); do
        longs "$program" >expected
        [ "$(wc -l <expected)" -ge 3 ]
        offered "$program" -- | sed 's/=$//' | LC_ALL=C sort -u | diff expected - || { echo "$program"; return 1; }
        grep -qx "complete -F _xbpipe_${program//-/_} $program" "$completions/bash/$program"
    done
}

@test "bash: values" {
    mkdir folder
    echo >file
    [ "$(offered xbpack -f f | sort | tr '\n' ' ')" = "file folder " ]
    [ "$(offered xbpack -C f)" = folder ]
    [ "$(offered xbpack --directory = f)" = folder ]
    [ "$(offered xbpack --compress =  | tr '\n' ' ')" = "lz4 zstd qp " ]
    [ "$(offered xbpack --compress = z)" = zstd ]
    [ "$(offered xbpack --encrypt = AES1 | tr '\n' ' ')" = "AES128 AES192 " ]
    # Its value may be left out: the next word is none.
    [ "$(offered xbpack --encrypt 'fi')" = file ]
    [ "$(offered xbpack --encrypt --enc | tr '\n' ' ')" = "--encrypt --encrypt= --encrypt-key-file --encrypt-key-file= --encrypt-threads --encrypt-threads= " ]
    [ "$(offered xbpack fo)" = folder ]
    [ -z "$(offered xbpack -j f)" ]
    [ -z "$(offered kmsunwrap f)" ] # it takes no names
    [ "$(offered kmsunwrap --provider a | tr '\n' ' ')" = "aliyun aws " ]
}

@test "the words that are offered are in the program's help or its manual page" {
    for file in "$completions"/bash/*; do
        program=${file##*/}
        sed -nE "s/^    [^)]*\) .*how=\(-W '(.+)'\) ;;/\1/p" "$file" | tr ' ' '\n' | sort -u >words
        while read -r word; do
            ("$program" --help && cat "$root/man/$program.1") | grep -qw -e "$word" ||
                { echo "$program: $word"; return 1; }
        done <words
    done
    [ "$(cat "$completions"/bash/* | grep -cE "how=\(-W '.+'\) ;;")" -ge 8 ]
}

@test "zsh: every option of every program, in specifications that _arguments takes" {
    command -v zsh >/dev/null || skip "zsh is not installed"
    for program in $(programs); do
        (longs "$program" && shorts "$program") | LC_ALL=C sort >expected
        zsh -f -c '
            _arguments() { shift 2; print -rl -- "$@" }
            source "$1"' zsh "$completions/zsh/_$program" >specs
        [ "$(sed -nE 's/^\*(-[^-=+[]|--[a-z0-9-]+)[-=+]*\[.*/\1/p' specs | LC_ALL=C sort)" = "$(cat expected)" ]
        # Completion itself, in a terminal of its own: the list is complete when its last word is.
        timeout 60 zsh -f -c '
            zmodload zsh/zpty
            zpty -b shell zsh -f -i
            zpty -w shell "setopt LIST_ROWS_FIRST; PS1=; fpath=($2 \$fpath); autoload -U compinit; compinit -u -D; zstyle \":completion:*\" verbose no; LISTMAX=10000; COLUMNS=500; LINES=500; print READY\$((1+1))"
            zpty -r -m shell line "*READY2*"
            zpty -w -n shell "$1 --"$'"'\t\t'"'
            zpty -r -m shell all "*$3*"
            print -r -- "$all"
            zpty -d shell' zsh "$program" "$completions/zsh" "$(longs "$program" | tail -n 1)" >screen
        while read -r option; do
            grep -qF -e "$option" screen || { echo "$program does not offer $option"; cat screen; return 1; }
        done < <(longs "$program")
    done
}

@test "fish: every option of every program, and no other" {
    command -v fish >/dev/null || skip "fish is not installed"
    export HOME=$PWD
    for program in $(programs); do
        longs "$program" >expected
        fish --no-config -c 'source $argv[1]; complete -C "$argv[2] --"' "$completions/fish/$program.fish" "$program" |
            cut -f 1 | sed 's/=$//' | LC_ALL=C sort -u | diff expected - || { echo "$program"; return 1; }
        shorts "$program" >expected
        sed -nE "s/^complete -c $program -s '(.)' .*/-\1/p" "$completions/fish/$program.fish" | LC_ALL=C sort | diff expected -
    done
    touch a-file
    [[ $(fish --no-config -c 'source $argv[1]; complete -C "xbpack --compress="' "$completions/fish/xbpack.fish") == *lz4*zstd* ]]
}
