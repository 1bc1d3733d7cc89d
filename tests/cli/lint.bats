#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Each check of tests/lint finds the mistake that it is for, and nothing in a correct tree.

bats_require_minimum_version 1.5.0

setup() {
    load loops.bash
    lint=$XBPIPE_TESTS/lint
    cd "$BATS_TEST_TMPDIR" || return 1
    mkdir -p tree/{bin,lib/{base,engine},tests/lint}
    cat >tree/CONTRIBUTING.md <<'END'
| folder | holds | may include |
|---|---|---|
| `lib/base` | bytes | – |
| `lib/engine` | stages | base |
| `bin` | programs | all above |
END
    put lib/base/bytes.h 'int bytes_sum(int a);'
    put lib/base/bytes.c '#include "base/bytes.h"' 'int bytes_sum(int a) { return a; }'
    put lib/engine/stage.h 'int stage_push(int a);'
    put lib/engine/stage.c '#include "base/bytes.h"' '#include "engine/stage.h"' \
        'int stage_push(int a) { return bytes_sum(a); }'
    put bin/b64hex.c '#include "base/bytes.h"' 'int main(void) { return bytes_sum(0); }'
}

# put FILE LINE...: writes the file of the tree.
put() {
    local file=tree/$1
    shift
    printf '%s\n' "$@" >"$file"
}

# finds LINE...: the lint of the tree prints these lines and fails; without lines it succeeds.
finds() {
    local file
    for file in $(cd tree && echo bin/*.c lib/*/*.c); do
        mkdir -p "build/${file%/*}"
        cc -Itree/lib -c -o "build/${file%.c}.o" "tree/$file" || return 1
    done
    run "$lint/structure" tree build
    [ "$output" = "$(printf '%s\n' "$@")" ] || {
        printf 'expected: %s\n' "$@"
        printf 'found:\n%s\n' "$output"
        return 1
    }
    [ "$status" -eq $(($# > 0)) ]
}

@test "a tree that is right" {
    finds
}

@test "an include against the table, and a folder or a row too many" {
    put lib/base/bytes.h '#include "engine/stage.h"' 'int bytes_sum(int a);'
    finds "layer lib/base/bytes.h engine/stage.h: base may not include engine (CONTRIBUTING.md)"
    put lib/base/bytes.h 'int bytes_sum(int a);'
    echo '| `lib/file` | files | base |' >>tree/CONTRIBUTING.md
    mkdir tree/lib/s3
    finds "layer lib/file: stands only in the table of CONTRIBUTING.md" "layer lib/s3: stands only in lib/"
}

@test "objects that need each other" {
    put lib/base/bytes.c 'int names_of(int a);' 'int bytes_sum(int a) { return names_of(a); }'
    put lib/base/names.c 'int bytes_sum(int a);' 'int names_of(int a) { return bytes_sum(a); }'
    finds "cycle lib/base/bytes: these need each other: lib/base/bytes lib/base/names"
    # The halves of one module may.
    put lib/base/bytes_private.h 'int names_of(int a);' 'int bytes_sum(int a);'
    sed -i '1i#include "base/bytes_private.h"' tree/lib/base/bytes.c
    finds "cycle lib/base/bytes: these need each other: lib/base/bytes lib/base/names"
    sed -i '1i#include "base/bytes_private.h"' tree/lib/base/names.c
    finds
}

@test "an exported name without its module's prefix" {
    put lib/base/bytes.c 'int bytes_sum(int a) { return a; }' 'int sum_of_bytes;' 'static int hidden; int bytes(void) { return hidden; }'
    finds "prefix lib/base/bytes sum_of_bytes: does not begin with bytes_"
}

@test "a program that has to link small" {
    put bin/b64hex.c 'int stage_push(int); int main(void) { return stage_push(0); }'
    finds "small b64hex lib/engine/stage: b64hex links lib/engine/stage"
    mv tree/bin/b64hex.c tree/bin/xbunpack.c
    rm -r build
    finds
}

@test "a magic number in two files" {
    put lib/base/bytes.c 'int bytes_sum(int a) { return a; }' 'const char *bytes_magic = "XBSTCK01"; // "qpress10"'
    put lib/base/names.c 'const char *names_text = "expected XBSTCK01";' 'unsigned names_lz4 = 0x184D2204;'
    finds
    put lib/engine/stage.c 'const char *stage_magic = "XBSTCK01";' 'unsigned stage_lz4 = 0x184d2204u;'
    finds "magic xbstream: stands in lib/base/bytes.c lib/engine/stage.c" \
        "magic LZ4: stands in lib/base/names.c lib/engine/stage.c"
}

@test "a file that is too long" {
    yes '// more' | head -n 599 >>tree/lib/base/bytes.c
    finds "lines lib/base/bytes.c: 601 lines, at most 600"
    sed -i '$d' tree/lib/base/bytes.c
    finds
}

@test "exceptions are left out, and those that no longer apply are not" {
    put lib/base/bytes.c 'int bytes_sum(int a) { return a; }' 'int sum_of_bytes;'
    put tests/lint/exceptions '# known' 'prefix lib/base/bytes sum_of_bytes # until it is renamed'
    finds
    put lib/base/bytes.c 'int bytes_sum(int a) { return a; }'
    finds "prefix lib/base/bytes sum_of_bytes: is an exception that no longer applies: remove it from tests/lint/exceptions"
}

# shapes FILE-SUFFIX LINE:SHAPE...: what the lint finds in the file on standard input; its tests begin with @TEST.
shapes() {
    local file=t.$1
    shift
    sed 's/^@TEST/@test/' >"$file"
    run "$lint/bats_shapes" "$file"
    [ "$(sed -E 's/^[^:]*:([0-9]+): ([a-z]+): .*/\1:\2/' <<<"$output")" = "$(printf '%s\n' "$@")" ] || {
        echo "expected: $*"
        echo "found: $output"
        return 1
    }
    [ "$status" -eq $(($# > 0)) ]
}

@test "assertions in the middle of a test that cannot fail" {
    shapes bats 3:and 4:not 6:and 7:and <<'END'
helper() { [ a ] && [ b ]; }
@TEST "x" {
    [ a ] && [ b ]
    ! grep -q x y
    for j in 1 2; do
        [ a ] && [ b ]
        [ a ] && cat <<HERE && [ b ]
[ a ] && [ b ] "
HERE
    done # load loops.bash
    load loops.bash
    [ a ] && skip "a reason"
    [ -e a ] && break
    [ a ] || [ b ]
    ! true || return 1
    mkdir x && touch x/y # may fail
    (cd x && ls)
    [[ a && b ]]
    echo 'a && b' "c && d" | grep "$(a && b)"
    [ a ] && [ b ]
}
END
}

@test "comparisons with a literal star" {
    shapes bats 2:star 3:star 4:star <<'END'
@TEST "x" {
    [ "$output" = *text* ]
    [ "$(files .)" != "*x*" ]
    [[ $stderr == "*text*" ]]
    [[ $stderr == *"text"* ]]
    [ "$(ls *.c)" = "${a%%=*}" ]
    [ "$#" -eq 1 ]
}
END
}

@test "assertions that something is not there, which pass if the file is missing" {
    shapes bats 2:missing 3:missing 4:missing <<'END'
@TEST "x" {
    run ! grep -q x y
    run ! env LC_ALL=C grep -q x y
    run ! cmp a b
    run -1 grep -q x y
    run ! grepping
}
END
}

@test "failures that are said and passed over, hidden by local, or of a run that nothing looks at" {
    shapes bats 2:echo 5:run 8:local <<'END'
@TEST "x" {
    cmp a b || echo "not the same"
    cmp a b || { echo "not the same"; return 1; }
    cmp a b || echo $? >status
    run cmp a b
    run cmp a b
    [ "$status" -eq 0 ]
    local sum=$(sha256sum a)
    true
}
END
}

@test "loops whose rounds are not told on failure" {
    shapes bats 1:loop <<'END'
@TEST "x" {
    for j in 1 2; do
        [ "$j" -eq 2 ]
    done
}
END
}

@test "a test that fails in a loop says in which round" {
    sed 's/^@TEST/@test/' >t.bats <<END
setup() { load "$XBPIPE_TESTS/cli/loops.bash"; }
teardown() { echo "its own teardown"; }
@TEST "x" {
    for j in 1 2 3; do
        [ "\$j" -ne 2 ]
    done
}
END
    run bats --tap t.bats
    [ "$status" -eq 1 ]
    [[ $output == *"# loops: j=2"* ]]
    [[ $output == *"# its own teardown"* ]]
}

@test "a test whose fixtures are not there does not run" {
    mkdir -p tests/cli tests/fixtures/xbcrypt
    cp "$XBPIPE_TESTS"/cli/{common,loops}.bash tests/cli
    cp "$XBPIPE_TESTS"/fixtures/xbcrypt/* tests/fixtures/xbcrypt
    sed 's/^@TEST/@test/' >t.bats <<'END'
setup() { load "$XBPIPE_TESTS/cli/common.bash"; }
@TEST "x" {
    true
}
END
    XBPIPE_TESTS=$PWD/tests run bats --tap t.bats
    [ "$status" -eq 1 ]
    [[ $output == *"password.hex"* ]]
}

@test "a unit test that fails in a loop says in which round" {
    command -v gdb >/dev/null || skip "gdb is not installed"
    mkdir tests
    cat >loop.c <<'END'
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
static void check(int value) { assert_int_not_equal(value, 6); }
static void test_loop(void **state) {
    (void)state;
    for (int round = 0; round < 5; round++)
        check(2 * round);
}
int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_loop)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
END
    cc -g -Og -o tests/test_loop loop.c -lcmocka
    TESTS=test_loop LOGS=$PWD/logs run "$XBPIPE_TESTS/run" "$PWD"
    [ "$status" -eq 1 ]
    [[ $output == *"not ok 1 - test_loop"*"round = 3"* ]]
}
