#!/usr/bin/env bash
# What README.md shows is true: its adaptor compiles from the header alone and delivers through the
# agent, `validate` has nothing to say about its manifests, and what is installed, wherever that is,
# finds its adaptors.
# usage: test_readme.sh BUILD_DIR
set -euo pipefail

here=$(cd "$(dirname "$0")/../.." && pwd -P)
build=$(cd "$1" && pwd -P)
scratch=$(mktemp -d)
pids=()
finish() {
        local rc=$?
        trap - EXIT
        for pid in "${pids[@]}"; do
                kill -TERM "$pid" 2>/dev/null || true
                wait "$pid" 2>/dev/null || true
        done
        [ $rc -eq 0 ] || tail -n 20 "$scratch"/*.log >&2 || true
        rm -rf "$scratch"
        exit $rc
}
trap finish EXIT
PATH=$PATH:/usr/sbin:/sbin

# block LANGUAGE N: the Nth block of a language
block() {
        awk -v fence='```'"$1" -v wanted="$2" '
                $0 == fence { inside = ++n == wanted; next }
                $0 == "```" { inside = 0 }
                inside' "$here/README.md"
}

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
mkdir "$scratch/adaptors" "$scratch/manifests"
block c 1 >"$scratch/uptime.c"
block yaml 1 >"$scratch/boiler.yaml"
block yaml 2 | sed "s/127\.0\.0\.1:1883/127.0.0.1:$port/" >"$scratch/manifests/uptime.yaml"

gcc -std=gnu11 -Wall -Wextra -Werror -shared -fPIC -o "$scratch/adaptors/uptime.so" \
        "$scratch/uptime.c" -I"$here/adaptors/include"
"$build/devicelink" validate --adaptors "$build/adaptors:$scratch/adaptors" \
        "$scratch/boiler.yaml" "$scratch/manifests" "$here/manifests/standalone"

cmake --install "$build" --prefix "$scratch/prefix" >/dev/null
cp "$scratch/adaptors/uptime.so" "$(PKG_CONFIG_PATH=$(dirname "$(find "$scratch/prefix" -name devicelink.pc)") \
        pkg-config --variable=adaptordir devicelink)"
"$scratch/prefix/bin/devicelink" validate "$scratch/boiler.yaml" "$scratch/manifests"

printf 'listener %s 127.0.0.1\nallow_anonymous true\n' "$port" >"$scratch/mosquitto.conf"
mosquitto -c "$scratch/mosquitto.conf" >"$scratch/mosquitto.log" 2>&1 &
pids+=($!)
"$build/devicelink" agent --manifests "$scratch/manifests" --adaptors "$scratch/adaptors" \
        --state "$scratch/state" >"$scratch/agent.log" 2>&1 &
pids+=($!)

for _ in {1..20}; do
        said=$(mosquitto_sub -h 127.0.0.1 -p "$port" -t plant/this-machine -C 1 -W 5 2>/dev/null) && break
        sleep 0.2
done
if [[ ${said-} != '{"properties":[{"name":"seconds","value":"'[0-9]* ]]; then
        echo "expected the uptime on plant/this-machine, got '${said-}'" >&2
        exit 1
fi
