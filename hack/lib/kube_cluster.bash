# kube_cluster.bash - a private cluster in one directory: making, starting, ending it.  Sourced by
# hack/kube, after common.bash and kube_build.bash.
#
#   server               "https://127.0.0.1:PORT"
#   admin.kubeconfig     of the administrator; pki/ has the certificates
#   bin/                 the four programs
#   start-PROGRAM        runs the program again with the same arguments
#   PROGRAM.pid, .log    of the running one; its command line holds the directory's name
# shellcheck shell=bash disable=SC2154

export servers=(etcd kube-apiserver kube-controller-manager)
ready_within=60 # seconds
end_within=3    # seconds, from asking to killing

# --- processes

# The process of a program, when it runs and is ours: a number alone says nothing after a restart of
# the machine.  Nothing for one that is dead and not yet buried.
pid_of() { # DIR PROGRAM
        local pid line
        pid=$(cat "$1/$2.pid" 2>/dev/null) || return 0
        [[ $pid =~ ^[1-9][0-9]*$ ]] || return 0
        line=$(tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline") || return 0
        [[ $line != *"$1/"* ]] || printf '%s\n' "$pid"
}

launch() { # DIR PROGRAM: on its own from now on
        rm -f "$1/$2.pid"
        # No descriptor of ours goes along: who reads our output waits for its end.
        setsid "$1/start-$2" </dev/null >>"$1/$2.log" 2>&1 8>&- 9>&- &
        disown
        for _ in {1..200}; do
                [ ! -s "$1/$2.pid" ] || return 0
                sleep 0.01
        done
        die "$2 was not started"
}

end_program() { # DIR PROGRAM
        local pid tries
        pid=$(pid_of "$1" "$2")
        if [ -n "$pid" ]; then
                kill -TERM "$pid" 2>/dev/null || true
                kill -CONT "$pid" 2>/dev/null || true
                for ((tries = 0; tries < end_within * 50; tries++)); do
                        [ -n "$(pid_of "$1" "$2")" ] || break
                        sleep 0.02
                done
                # It may wait for watches to end, or for an etcd that does not answer.
                pid=$(pid_of "$1" "$2")
                [ -z "$pid" ] || kill -KILL "$pid" 2>/dev/null || true
                for ((tries = 0; tries < 250; tries++)); do
                        [ -n "$(pid_of "$1" "$2")" ] || break
                        sleep 0.02
                done
                [ -z "$(pid_of "$1" "$2")" ] || die "$2 (process $pid) does not end"
        fi
        rm -f "$1/$2.pid"
}

# The API server before etcd: without its etcd it does not end when asked.
end_all() { # DIR
        end_program "$1" kube-controller-manager
        end_program "$1" kube-apiserver
        end_program "$1" etcd
}

# --- is it ready?

as_admin() { # DIR CURL_ARGUMENT...
        local dir=$1
        shift
        curl -sS --max-time 5 --cacert "$dir/pki/ca.crt" --cert "$dir/pki/admin.crt" \
                --key "$dir/pki/admin.key" "$@"
}

answers() { # DIR PROGRAM
        local where
        case $2 in
        kube-apiserver) as_admin "$1" -f "$(cat "$1/server")/readyz" ;;
        etcd)
                where=$(sed -n 's/^etcd=//p' "$1/ports")
                curl -sS --max-time 5 "http://127.0.0.1:$where/health" | grep -q '"health":"true"'
                ;;
        kube-controller-manager)
                where=$(sed -n 's/^controllers=//p' "$1/ports")
                curl -sSkf --max-time 5 "https://127.0.0.1:$where/healthz"
                ;;
        esac >/dev/null 2>&1
}

# Prints what is wrong with it, if anything is, and fails then.
wait_ready() { # DIR PROGRAM
        local until=$((SECONDS + ready_within)) other
        until answers "$1" "$2"; do
                for other in "$2" etcd; do
                        if [ -z "$(pid_of "$1" "$other")" ]; then
                                say "kube: $other ended; it said:"
                                tail -n 15 "$1/$other.log" >&2
                                return 1
                        fi
                done
                if [ "$SECONDS" -ge "$until" ]; then
                        say "kube: $2 is not ready after $ready_within s; it said:"
                        tail -n 15 "$1/$2.log" >&2
                        return 1
                fi
                sleep 0.1
        done
}

# --- making

# Below those that the kernel hands out to clients: nobody takes a server's port while it is down.
free_ports() { # COUNT
        python3 - "$1" <<'PYTHON'
import random, socket, sys
low = int(open("/proc/sys/net/ipv4/ip_local_port_range").read().split()[0])
first, last = (low - 12000, low - 1) if low > 14000 else (20000, 60000)
held = []
while len(held) < int(sys.argv[1]):
    s = socket.socket()
    try:
        s.bind(("127.0.0.1", random.randint(first, last)))
        held.append(s)
    except OSError:
        s.close()
print(*(s.getsockname()[1] for s in held))
PYTHON
}

ssl() { # ARGUMENT...: quiet unless it fails
        local said
        said=$(openssl "$@" 2>&1) || die "openssl $1: $said"
}

make_key() { # DIR NAME SUBJECT EXTENSIONS
        local pki=$1/pki
        printf '%s\n' "$4" >"$pki/$2.ext"
        ssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "$3" \
                -keyout "$pki/$2.key" -out "$pki/$2.csr"
        ssl x509 -req -in "$pki/$2.csr" -CA "$pki/ca.crt" -CAkey "$pki/ca.key" -CAcreateserial \
                -days 3650 -extfile "$pki/$2.ext" -out "$pki/$2.crt"
        rm "$pki/$2.csr" "$pki/$2.ext"
}

make_pki() { # DIR
        local pki=$1/pki
        mkdir "$pki"
        ssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 \
                -subj /CN=devicelink-test-ca -keyout "$pki/ca.key" -out "$pki/ca.crt"
        make_key "$1" apiserver /CN=kube-apiserver \
                'subjectAltName=IP:127.0.0.1,DNS:localhost,DNS:kubernetes.default.svc'
        make_key "$1" admin /O=system:masters/CN=admin extendedKeyUsage=clientAuth
        make_key "$1" controllers /CN=system:kube-controller-manager extendedKeyUsage=clientAuth
        ssl ecparam -name prime256v1 -genkey -noout -out "$pki/tokens.key"
        ssl ec -in "$pki/tokens.key" -pubout -out "$pki/tokens.pub"
}

make_kubeconfig() { # DIR USER SERVER
        cat <<CONFIG
apiVersion: v1
kind: Config
clusters:
- name: test
  cluster: {server: "$3", certificate-authority: "$1/pki/ca.crt"}
users:
- name: $2
  user: {client-certificate: "$1/pki/$2.crt", client-key: "$1/pki/$2.key"}
contexts:
- name: test
  context: {cluster: test, user: $2}
current-context: test
CONFIG
}

make_start() { # DIR PROGRAM ARGUMENT...
        local dir=$1 program=$2
        shift 2
        {
                printf '#!/bin/sh\necho $$ >%q\nexec %q' "$dir/$program.pid" "$dir/bin/$program"
                printf ' %q' "$@"
                echo
        } >"$dir/start-$program"
        chmod 700 "$dir/start-$program"
}

make_starts() { # DIR ETCD PEER API CONTROLLERS APISERVER_ARGUMENT...
        local dir=$1 etcd=http://127.0.0.1:$2 peer=http://127.0.0.1:$3 port=$4 controllers_port=$5
        local controllers=garbage-collector-controller,namespace-controller
        controllers+=,serviceaccount-controller,root-ca-certificate-publisher-controller
        controllers+=,validatingadmissionpolicy-status-controller
        shift 5
        make_start "$dir" etcd --data-dir "$dir/etcd" --unsafe-no-fsync --log-level warn \
                --listen-client-urls "$etcd" --advertise-client-urls "$etcd" \
                --listen-peer-urls "$peer" --initial-advertise-peer-urls "$peer" \
                --initial-cluster "default=$peer"
        make_start "$dir" kube-apiserver --etcd-servers="$etcd" \
                --bind-address=127.0.0.1 --secure-port="$port" --endpoint-reconciler-type=none \
                --tls-cert-file="$dir/pki/apiserver.crt" \
                --tls-private-key-file="$dir/pki/apiserver.key" --client-ca-file="$dir/pki/ca.crt" \
                --service-account-issuer=https://kubernetes.default.svc \
                --service-account-key-file="$dir/pki/tokens.pub" \
                --service-account-signing-key-file="$dir/pki/tokens.key" \
                --service-cluster-ip-range=10.96.0.0/16 --authorization-mode=Node,RBAC \
                --enable-admission-plugins=NodeRestriction "$@"
        make_start "$dir" kube-controller-manager --kubeconfig="$dir/controllers.kubeconfig" \
                --authentication-kubeconfig="$dir/controllers.kubeconfig" \
                --authorization-kubeconfig="$dir/controllers.kubeconfig" \
                --service-account-private-key-file="$dir/pki/tokens.key" \
                --root-ca-file="$dir/pki/ca.crt" --use-service-account-credentials=true \
                --leader-elect=false --bind-address=127.0.0.1 --secure-port="$controllers_port" \
                --controllers="$controllers"
}

apply_crds() { # DIR
        local said ctl=("$1/bin/kubectl" --kubeconfig "$1/admin.kubeconfig" --cache-dir "$1/kubectl-cache")
        said=$("${ctl[@]}" apply --server-side -f "$crds" 2>&1 &&
                "${ctl[@]}" wait --for=condition=Established --timeout=60s -f "$crds" 2>&1) ||
                die "$crds: $said"
}

# What an earlier cluster left in this directory, running or not.  Anything else is not ours.
clear_cluster() { # DIR
        if [ -e "$1" ] && [ ! -e "$1/ports" ] && [ ! -e "$1/ended" ] && [ -n "$(ls -A "$1")" ]; then
                die "$1 holds something else than a cluster"
        fi
        end_all "$1"
        rm -rf --one-file-system "$1"
}

# One attempt: free ports are only free until somebody takes them.
start_cluster() { # DIR FILES_OF_PROGRAMS... -- APISERVER_ARGUMENT...
        local dir=$1 ports program
        shift
        read -r -a ports < <(free_ports 4)
        mkdir -p "$dir/bin"
        # First of all: from now on the directory is known as a cluster.
        printf 'etcd=%s\npeer=%s\napi=%s\ncontrollers=%s\n' "${ports[@]}" >"$dir/ports"
        for program in "${programs[@]}"; do
                ln -s "$1" "$dir/bin/$program"
                shift
        done
        shift
        printf 'https://127.0.0.1:%s\n' "${ports[2]}" >"$dir/server"
        printf '{"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"],
"rules": [{"level": "Metadata"}]}\n' >"$dir/audit.policy"
        make_starts "$dir" "${ports[@]}" "$@"
        launch "$dir" etcd
        make_pki "$dir"
        make_kubeconfig "$dir" admin "$(cat "$dir/server")" >"$dir/admin.kubeconfig"
        make_kubeconfig "$dir" controllers "$(cat "$dir/server")" >"$dir/controllers.kubeconfig"
        launch "$dir" kube-apiserver
        wait_ready "$dir" kube-apiserver
        [ -z "$crds" ] || apply_crds "$dir"
        launch "$dir" kube-controller-manager
        wait_ready "$dir" kube-controller-manager
}
