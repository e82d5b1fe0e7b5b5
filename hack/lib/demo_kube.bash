# demo_kube.bash - what hack/demo --kube does more: a cluster, its contents, the program as operator and
# as agent of one node.  Sourced by hack/demo, whose functions and variables it uses.
# shellcheck shell=bash disable=SC2154

installed=octopus-system # namespace of manifests/base

ctl() {
        "$scratch/cluster/bin/kubectl" --kubeconfig "$scratch/cluster/admin.kubeconfig" \
                --cache-dir "$scratch/cluster/kubectl-cache" "$@"
}

kube_cluster() {
        "$root/hack/kube" up --dir "$scratch/cluster" --owner $$ --crds "$root/crds" >/dev/null
        say "== a Kubernetes API server, etcd and controller manager of our own: $(cat "$scratch/cluster/server")"
        # No kubelet is here: node and Pods are objects only, the program is started below, by hand.
        ctl apply --server-side -k "$root/manifests/overlays/plain" >"$scratch/apply.log" 2>&1 ||
                { cat "$scratch/apply.log" >&2 && die "manifests/overlays/plain cannot be applied"; }
        ctl wait --for=condition=Established crd -l app.kubernetes.io/name=octopus --timeout=60s \
                >/dev/null
        ctl apply -f - >/dev/null <<'YAML'
{apiVersion: v1, kind: Node, metadata: {name: gateway-1}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: factory}}
---
# The Secrets that links of this namespace refer to.
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {namespace: factory, name: octopus-limb-references}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: octopus-limb-references}
subjects: [{kind: ServiceAccount, namespace: octopus-system, name: octopus-limb}]
YAML
        ctl patch node gateway-1 --subresource=status --type=merge -p \
                '{"status": {"addresses": [{"type": "InternalIP", "address": "127.0.0.1"}, {"type": "Hostname", "address": "gateway-1"}]}}' \
                >/dev/null
        say "== in it: manifests/overlays/plain, a node gateway-1, a namespace factory"
}

# The token that a Pod of this account on gateway-1 would get, and nothing more than its rights.
kube_identity() { # ACCOUNT
        ctl apply -f - >/dev/null <<YAML
apiVersion: v1
kind: Pod
metadata: {namespace: $installed, name: $1-on-gateway-1}
spec:
  nodeName: gateway-1
  serviceAccountName: $1
  containers: [{name: octopus, image: devicelink}]
YAML
        (
                umask 077
                ctl create token "$1" -n "$installed" --duration 24h --bound-object-kind Pod \
                        --bound-object-name "$1-on-gateway-1" >"$scratch/$1.token"
        )
        cat >"$scratch/$1.kubeconfig" <<YAML
apiVersion: v1
kind: Config
clusters:
- name: demo
  cluster: {server: "$(cat "$scratch/cluster/server")", certificate-authority: cluster/pki/ca.crt}
users:
- name: $1
  user: {tokenFile: $1.token}
contexts:
- name: demo
  context: {cluster: demo, user: $1, namespace: $installed}
current-context: demo
YAML
}

kube_programs() {
        kube_identity octopus-brain
        kube_identity octopus-limb
        start operator.log "$build/devicelink" operator --kubeconfig "$scratch/octopus-brain.kubeconfig" \
                --metrics-addr 0
        operator=${pids[-1]}
        start agent.log "$build/devicelink" agent --kubeconfig "$scratch/octopus-limb.kubeconfig" \
                --node-name gateway-1 --metrics-addr 0 --adaptors "$build/adaptors" \
                --state "$scratch/state"
        agent=${pids[-1]}
        say "== devicelink operator and devicelink agent, with the tokens of their service accounts"
        say "   what they say:    $scratch/operator.log, $scratch/agent.log"
        say "   look for yourself: $scratch/cluster/bin/kubectl --kubeconfig $scratch/cluster/admin.kubeconfig -n factory get dl"
}

kube_links() {
        for device in "${devices[@]}"; do
                ctl apply -f "$scratch/manifests/$device.yaml" >/dev/null
        done
        say "== applied: ${devices[*]}; kubectl get dl,modbus,dummyspecial each time it shows something new"
}

kube_watch() {
        python3 "$root/hack/lib/demo_kube.py" --kubectl "$scratch/cluster/bin/kubectl" \
                --kubeconfig "$scratch/cluster/admin.kubeconfig" --namespace factory \
                --seconds "$seconds" --program "$agent" --program "$operator" "${devices[@]}" &
        pids+=($!)
        judges+=($!)
}

kube_told() {
        say "== kubectl describe dl boiler-room, from its status on"
        ctl -n factory describe dl boiler-room | sed -n '/^Status:/,$p' || true
}

kube_said() {
        say "== the operator said:"
        tail -n 20 "$scratch/operator.log" >&2
        say "== and of the links the API server says:"
        ctl -n factory describe dl >&2 || true
}
