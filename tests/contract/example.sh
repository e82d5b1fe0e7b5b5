#!/usr/bin/env bash
# Install what a plugin's author gets into a scratch prefix, and build the example outside of the tree
# against it, with CMake and with make.  Also: the installed header is C and C++ for every compiler.
# usage: example.sh BUILD-DIR OUT-DIR    leaves OUT-DIR/cmake/file.so and OUT-DIR/make/file.so
set -euo pipefail

build=$1
out=$2
here=$(cd "$(dirname "$0")" && pwd -P)

rm -rf "$out"
mkdir -p "$out/make" "$out/source"
cmake --install "$build" --component development --prefix "$out/prefix" >/dev/null
cp -r "$here/example/." "$out/source" # nothing of the tree can be found by accident
cd "$out"

pc=$(dirname "$(find "$out/prefix" -name devicelink.pc)")
export PKG_CONFIG_PATH=$pc

for variable in includedir adaptordir; do
        value=$(pkg-config --variable=$variable devicelink)
        case $(realpath -m "$value") in
        "$out/prefix"/*) ;;
        *)
                echo "pkg-config: $variable is '$value', expected a directory below $out/prefix"
                exit 1
                ;;
        esac
done

for compiler in gcc clang; do
        command -v "$compiler" >/dev/null || continue
        # shellcheck disable=SC2046 # several flags
        "$compiler" -std=c11 -Wall -Wextra -Wpedantic -Werror -fsyntax-only \
                $(pkg-config --cflags devicelink) source/header.c
done
for compiler in g++ clang++; do
        command -v "$compiler" >/dev/null || continue
        # shellcheck disable=SC2046
        "$compiler" -std=c++11 -Wall -Wextra -Wpedantic -Werror -fsyntax-only -x c++ \
                $(pkg-config --cflags devicelink) source/header.c
done

cmake -S source -B cmake -DCMAKE_PREFIX_PATH="$out/prefix" >cmake.log 2>&1 ||
        { cat cmake.log; exit 1; }
cmake --build cmake
cmake --install cmake >/dev/null
make -C source OUT="$out/make"
make -C source OUT="$out/make" install

installed=$(pkg-config --variable=adaptordir devicelink)/file.so
[ -f "$installed" ] || { echo "not installed: $installed"; exit 1; }
symbols=$(nm -D --defined-only "$out/make/file.so" | awk '{ print $3 }')
[ "$symbols" = dl_adaptor_v1 ] || { echo "exports more than its table: $symbols"; exit 1; }
