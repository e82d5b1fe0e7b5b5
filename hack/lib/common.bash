# common.bash - what the scripts in hack/ share.  Sourced, not run; the caller sets `set -euo pipefail`.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
jobs=$(nproc)
export root jobs

say() {
        printf '%s\n' "$*" >&2
}

die() { # TEXT...
        say "$(basename "$0"): $*"
        exit 1
}

bad_usage() { # TEXT...: the caller's usage() and exit code 2
        say "$(basename "$0"): $*"
        usage >&2
        exit 2
}

# A number of a command line: digits, 1 or more.
need_number() { # OPTION VALUE
        [[ ${2-} =~ ^[1-9][0-9]{0,5}$ ]] || bad_usage "$1: expected a number from 1, got '${2-}'"
}

# Files of the tree below root that match the patterns ("*.c"), one per line: what git knows or would
# add, else (a copy without .git) all that is not built.
tree_files() { # PATTERN...
        if [ "$(git -C "$root" rev-parse --show-toplevel 2>/dev/null)" = "$root" ]; then
                (cd "$root" && git ls-files -co --exclude-standard --deduplicate -- "$@") |
                        while IFS= read -r f; do
                                if [ -f "$root/$f" ]; then printf '%s\n' "$f"; fi
                        done
                return
        fi
        local p
        for p in "$@"; do
                (cd "$root" && find . -path ./build -prune -o -path ./.cache -prune -o \
                        -type f -path "./${p#./}" -print | sed 's|^\./||')
        done | sort -u
}

# Configure and build a preset; silent on success, the last lines of the log otherwise.
build_preset() { # PRESET [CMAKE_OPTION...] [-- TARGET...]
        local preset=$1 log options=() targets=()
        shift
        while [ $# -gt 0 ] && [ "$1" != -- ]; do
                options+=("$1")
                shift
        done
        while [ $# -gt 1 ]; do
                shift
                targets+=(--target "$1")
        done
        log=$root/build/$preset/build.log
        mkdir -p "$root/build/$preset"
        if ! (cd "$root" && cmake --preset "$preset" "${options[@]}" &&
                cmake --build "build/$preset" "${targets[@]}") >"$log" 2>&1; then
                tail -n 60 "$log" >&2
                say "build of preset $preset failed; all of it: build/$preset/build.log"
                return 1
        fi
}
