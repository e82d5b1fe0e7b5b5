#!/usr/bin/env bash
# hack/kube keeps its promises: what it starts it ends, only its own, and it says what is wrong.
set -euo pipefail

here=$(cd "$(dirname "$0")/../.." && pwd -P)
kube=$here/hack/kube
scratch=$(mktemp -d)
failed=0

finish() {
        local rc=$?
        trap - EXIT
        local dir
        for dir in "$scratch"/*/; do
                [ ! -e "$dir/ports" ] || "$kube" down "$dir" || true
        done
        rm -rf "$scratch"
        exit "$rc"
}
trap finish EXIT

fail() { # TEXT...
        echo "FAIL $*"
        failed=1
}

# says CODE TEXT COMMAND...: it ends so, and says that
says() {
        local code=$1 text=$2 out rc=0
        shift 2
        out=$("$@" 2>&1) || rc=$?
        [ "$rc" -eq "$code" ] || fail "'$*' ended with $rc, not $code: $out"
        [[ $out == *"$text"* ]] || fail "'$*' does not say '$text', but: $out"
}

runs_in() { # DIR: does a process of a cluster there run?
        grep -qaF "$1/" /proc/[0-9]*/cmdline 2>/dev/null
}

gone_within() { # SECONDS DIR
        local tries
        for ((tries = 0; tries < $1 * 10; tries++)); do
                runs_in "$2" || return 0
                sleep 0.1
        done
        return 1
}

# --- what is no cluster, no program, no option
mkdir "$scratch/mine"
echo precious >"$scratch/mine/file"
says 2 'no verb' "$kube" nonsense
says 2 'unknown option' "$kube" up --nonsense
says 2 'the command is missing' "$kube" run --audit
says 2 'no directory' "$kube" up --crds "$scratch/nowhere"
says 2 'expected a process' "$kube" up --owner me
says 1 'is not the directory of a cluster' "$kube" down "$scratch/mine"
says 1 'something else than a cluster' "$kube" up --dir "$scratch/mine"
[ "$(cat "$scratch/mine/file")" = precious ] || fail "a directory of somebody else was changed"

# --- the programs of others are used when they are all there, and new enough
mkdir "$scratch/assets"
fake() { # PROGRAM OUTPUT
        printf '#!/bin/sh\necho "%s"\n' "$2" >"$scratch/assets/$1"
        chmod +x "$scratch/assets/$1"
}
fake etcd 'etcd Version: 3.6.1'
fake kube-apiserver 'Kubernetes v1.35.0'
fake kubectl 'Client Version: v1.35.0'
export KUBEBUILDER_ASSETS=$scratch/assets
says 0 'no kube-controller-manager' "$kube" status
fake kube-controller-manager 'Kubernetes v1.22.1'
says 0 'kube-controller-manager is 1.22.1, needed is' "$kube" status
fake kube-controller-manager 'Kubernetes v1.35.0'
says 0 'those of KUBEBUILDER_ASSETS' "$kube" status
# They are no servers: what they said is shown.
says 1 'Kubernetes v1.35.0' "$kube" up --dir "$scratch/fakes"
unset KUBEBUILDER_ASSETS

# --- run: the command's exit code, and nothing is left; two at once
(
        # shellcheck disable=SC2016 # for the inner shell
        says 7 'namespace/default' "$kube" run --dir "$scratch/one" -- \
                sh -c 'kubectl get namespace default -o name && exit 7'
        exit $failed
) &
first=$!
# shellcheck disable=SC2016 # for the inner shell
says 0 "$scratch/two https" "$kube" run --dir "$scratch/two" \
        sh -c 'echo "$DEVICELINK_KUBE $(cat "$DEVICELINK_KUBE/server")"'
wait $first || failed=1
for dir in "$scratch/one" "$scratch/two"; do
        ! runs_in "$dir" || fail "something of $dir still runs"
        [ ! -e "$dir" ] || fail "$dir is still there"
done

# --- run, killed: the cluster ends nevertheless
"$kube" run --dir "$scratch/killed" sh -c "touch '$scratch/began'; exec sleep 100" 2>/dev/null &
pid=$!
for _ in {1..600}; do
        [ ! -e "$scratch/began" ] || break
        sleep 0.1
done
[ -e "$scratch/began" ] || fail "the command did not begin"
kill -KILL $pid
gone_within 20 "$scratch/killed" || fail "a cluster outlives the script that was killed"

# --- up: it stays, and may be killed, stopped, started; another one in its place; down
says 0 "$scratch/stays" "$kube" up --audit --crds "$here/crds" --dir "$scratch/stays"
says 0 'No resources found' "$scratch/stays/bin/kubectl" --kubeconfig "$scratch/stays/admin.kubeconfig" \
        --cache-dir "$scratch/stays/kubectl-cache" get devicelinks
says 0 'kube-apiserver: process' "$kube" status "$scratch/stays"
"$kube" kill "$scratch/stays" kube-apiserver
says 1 'kube-apiserver: does not run' "$kube" status "$scratch/stays"
says 1 'does not run' "$kube" kill "$scratch/stays" kube-apiserver
"$kube" start "$scratch/stays" kube-apiserver
says 1 'runs already' "$kube" start "$scratch/stays" kube-apiserver
says 2 'expected one of' "$kube" kill "$scratch/stays" init
says 2 'no signal' "$kube" kill "$scratch/stays" etcd NONSENSE
grep -q '"requestURI":"/readyz"' "$scratch/stays/audit.log" || fail "no line per request"
"$kube" kill "$scratch/stays" etcd STOP
server=$(cat "$scratch/stays/server")
says 0 "$scratch/stays" "$kube" up --dir "$scratch/stays"
[ "$(cat "$scratch/stays/server")" != "$server" ] || fail "the earlier cluster was not replaced"
# A number in a file is no process of ours.
echo $$ >"$scratch/stays/kube-controller-manager.pid"
says 1 'kube-controller-manager: does not run' "$kube" status "$scratch/stays"
pgrep -f "$scratch/stays/bin/kube-controller-manager" >"$scratch/stays/kube-controller-manager.pid"
"$kube" down "$scratch/stays" --keep
gone_within 1 "$scratch/stays" || fail "down left something running"
[ -s "$scratch/stays/kube-apiserver.log" ] || fail "--keep did not keep the logs"
says 1 'is not the directory of a cluster' "$kube" down "$scratch/stays"

[ $failed -eq 0 ]
