# kube_build.bash - the four programs of a cluster: where they are, or making them.  Sourced by
# hack/kube, which has sourced common.bash.
# shellcheck shell=bash disable=SC2154

programs=(etcd kube-apiserver kube-controller-manager kubectl)
declare -A package=(
        [etcd]=go.etcd.io/etcd/server/v3
        [kube-apiserver]=k8s.io/kubernetes/cmd/kube-apiserver
        [kube-controller-manager]=k8s.io/kubernetes/cmd/kube-controller-manager
        [kubectl]=k8s.io/kubernetes/cmd/kubectl
)
modules=$root/hack/lib/kube
version=$(sed -n 's|^\tk8s\.io/kubernetes v||p' "$modules/go.mod")
cache=${XDG_CACHE_HOME:-${HOME:?}/.cache}/devicelink/kube
# The oldest that the tests can do with: fields that can be selected and the node of a token came
# with 1.32, a list as the start of a watch is there by itself since 1.34.
oldest_kube=1.34.0
oldest_etcd=3.5.0

# What is built is named by all that it is built from.
built_dir() {
        local sum
        sum=$(cat "$modules/go.mod" "$modules/go.sum" | sha256sum)
        printf '%s/%s-%s\n' "$cache" "$version" "${sum:0:12}"
}

at_least() { # VERSION OLDEST
        [ "$(printf '%s\n' "$1" "$2" | sort -V | head -n 1)" = "$2" ]
}

version_of() { # PROGRAM FILE
        local said
        case $1 in
        kubectl) said=$("$2" version --client 2>/dev/null) ;;
        *) said=$("$2" --version 2>/dev/null) ;;
        esac || return 0
        sed -nE '1s/^(etcd Version: |Kubernetes v|Client Version: v)([0-9]+\.[0-9]+\.[0-9]+).*/\2/p' <<<"$said"
}

# The four in one place, which is a directory or "PATH"; says nothing when none of them is there.
usable() { # PLACE
        local program file found=() here missing=() oldest
        for program in "${programs[@]}"; do
                file=$1/$program
                [ "$1" != PATH ] || file=$(command -v "$program" || true)
                if [ ! -x "$file" ]; then
                        missing+=("no $program")
                        continue
                fi
                oldest=$oldest_kube
                [ "$program" != etcd ] || oldest=$oldest_etcd
                here=$(version_of "$program" "$file")
                if [ -z "$here" ] || ! at_least "$here" "$oldest"; then
                        missing+=("$program is ${here:-of no known version}, needed is $oldest")
                fi
                found+=("$file")
        done
        if [ ${#missing[@]} -gt 0 ]; then
                [ ${#found[@]} -lt 2 ] || say "kube: not with what $1 names: ${missing[0]}"
                return 1
        fi
        printf '%s\n' "${found[@]}"
}

# The files of the four programs, one a line, in the order of `programs`; fails when they have to be
# built first.
find_programs() {
        local built
        built=$(built_dir)
        if [ -n "${KUBEBUILDER_ASSETS-}" ] && usable "$KUBEBUILDER_ASSETS"; then
                say "kube: the programs are those of KUBEBUILDER_ASSETS ($KUBEBUILDER_ASSETS)"
        elif usable PATH; then
                say "kube: the programs are those of PATH ($(command -v kube-apiserver))"
        elif [ -d "$built" ]; then
                printf '%s\n' "${programs[@]/#/$built/}"
        else
                return 1
        fi
}

# --- the go command

go_version() { # GO: "1.26.8", or nothing
        (cd / && GOTOOLCHAIN=local "$1" version 2>/dev/null) | sed -n 's/^go version go\([0-9.]*\).*/\1/p'
}

# A go command as new as go.mod asks for, in go_command; its environment in go_env.  From 1.21 on the
# command itself gets a newer one; an older one can at least download it as a module.
choose_go() { # SCRATCH
        local have need_go want arch toolchain
        command -v go >/dev/null || die "there is no go command; hack/deps installs one"
        have=$(go_version go)
        need_go=$(sed -n 's/^go //p' "$modules/go.mod")
        want=$(sed -n 's/^toolchain go//p' "$modules/go.mod")
        go_command=go
        go_env=(GOTOOLCHAIN=local)
        if at_least "$have" "$need_go"; then
                return
        fi
        say "kube: go $have is older than $need_go: getting go $want"
        if at_least "$have" 1.21; then
                go_env=("GOTOOLCHAIN=go$want")
                (cd / && env "${go_env[@]}" go version >/dev/null) || die "go $want is not to be had"
                return
        fi
        arch=$(go env GOARCH)
        mkdir "$1/scratch"
        toolchain=$(cd "$1/scratch" &&
                GOFLAGS=-mod=mod go mod download -json "golang.org/toolchain@v0.0.1-go$want.linux-$arch" |
                sed -n 's/^[[:space:]]*"Dir": "\(.*\)",\{0,1\}$/\1/p')
        [ -d "$toolchain" ] || die "go $want is not to be had as a module"
        complete_toolchain "$toolchain"
        go_command=$toolchain/bin/go
        go_env=(GOTOOLCHAIN=local "GOROOT=$toolchain")
}

# A module holds no execute bits and no go.mod but its own.
complete_toolchain() { # DIR
        if [ ! -x "$1/bin/go" ] || [ ! -e "$1/src/go.mod" ]; then
                chmod -R u+w "$1"
                cp "$1/src/_go.mod" "$1/src/go.mod"
                find "$1/bin" "$1/pkg/tool" -type f -exec chmod a+x {} +
        fi
        [ "$(go_version "$1/bin/go")" = "$want" ] || die "$1/bin/go does not run"
}

# --- building

build_one() { # NUMBER PROGRAM DIR BEGAN
        local stamp=k8s.io/component-base/version flags pid ticks=0 rc=0
        flags="-s -w -X $stamp.gitVersion=v$version -X $stamp.gitMajor=${version%%.*}"
        flags+=" -X $stamp.gitMinor=$(cut -d. -f2 <<<"$version")"
        say "kube: $2 ($1 of ${#programs[@]}), $((SECONDS - $4)) s"
        (
                cd "$modules" || exit
                exec env "${go_env[@]}" CGO_ENABLED=0 GOWORK=off GO111MODULE=on setpriv --pdeathsig TERM \
                        "$go_command" build -mod=readonly -trimpath -ldflags "$flags" -o "$3/$2" \
                        "${package[$2]}"
        ) >"$3/build.log" 2>&1 &
        pid=$!
        while kill -0 "$pid" 2>/dev/null; do
                sleep 0.5
                if ! ((++ticks % 40)); then
                        say "kube: $2 ($1 of ${#programs[@]}), $((SECONDS - $4)) s"
                fi
        done
        wait "$pid" || rc=$?
        if [ $rc -ne 0 ]; then
                tail -n 20 "$3/build.log" >&2
                die "$2 was not built"
        fi
}

# All four, or none: made beside the place and renamed.  Who comes second waits and finds them there.
build_programs() {
        local place began=$SECONDS n=0 program
        place=$(built_dir)
        mkdir -p "$cache"
        exec 8>"$cache/lock"
        if ! flock --nonblock 8; then
                say "kube: somebody is building already, waiting"
                flock 8
        fi
        if [ -d "$place" ]; then
                exec 8>&-
                return
        fi
        rm -rf "$cache"/new.*
        building=$(mktemp -d "$cache/new.XXXXXX")
        chmod 755 "$building"
        say "kube: building etcd and Kubernetes $version from Go modules into $place"
        say "kube: once on this machine; that takes minutes"
        choose_go "$building"
        for program in "${programs[@]}"; do
                n=$((n + 1))
                build_one "$n" "$program" "$building" "$began" 8>&-
        done
        rm -rf "$building/build.log" "$building/scratch"
        mv "$building" "$place"
        exec 8>&-
        building=
        say "kube: built in $((SECONDS - began)) s"
}
