# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# To be loaded in setup(): if the test fails, the variables of the loops of its file are printed, so
# that one sees which round failed.

show_loops() {
    [ -z "${BATS_TEST_COMPLETED-}" ] || return 0
    local loop_variable shown=
    for loop_variable in $(grep -oE '\bfor (\(\()?[a-z][a-z_]*|\bwhile (IFS=\S* )?read -r( [a-z_]+)+' "$BATS_TEST_FILENAME" |
        sed -E 's/^for (\(\()?//; s/^while (IFS=\S* )?read -r //' | tr ' ' '\n' | sort -u); do
        [ -z "${!loop_variable-}" ] || shown+=" $loop_variable=${!loop_variable}"
    done
    if [ -n "$shown" ]; then
        echo "loops:$shown"
    fi
}

# The file's own teardown comes after that. Loaded twice, this would call itself for ever.
! declare -F own_teardown >/dev/null || return 0
eval "$(declare -f teardown | sed '1s/^teardown /own_teardown /')"
teardown() {
    show_loops
    own_teardown
}
