# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The recipes of the README, as they stand there. To be loaded in setup().

readme=$XBPIPE_TESTS/../README.md

# The code block after the mark of that name.
block() {
    awk -v mark="<!-- run: $1 -->" '
        $0 == mark { found = 1; next }
        found && /^```/ { if (on) exit; on = 1; next }
        on' "$readme" >block
    [ -s block ] || { echo "README.md has no block $1" >&2; return 1; }
    cat block
}

# Runs the recipe $1 with the function that the block $2 makes, in one shell, as a user would.
recipe() {
    block "${2:-key-file}" >commands || return 1
    block "$1" >>commands || return 1
    bash commands
}

# Runs the commands $1 with the function that the block key-file makes.
steps() {
    block key-file >commands || return 1
    printf '%s\n' "$1" >>commands
    bash commands
}
