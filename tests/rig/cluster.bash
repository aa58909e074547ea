# shellcheck shell=bash
# The embedded cluster in a network namespace of its own, and the machines' namespace beside it, with a
# cable between the two. Sourced by rig.bash, which sets work and issuer.

cluster_namespace=wb-cluster-$$
machine_namespace=wb-machine-$$
# Of the range for benchmarks between networks (RFC 2544): seen by nobody outside the two namespaces.
cluster_address=198.18.0.1
machine_address=198.18.0.2
server=https://$cluster_address:6443
cluster=''

network_make() {
    ip netns add "$cluster_namespace"
    ip netns add "$machine_namespace"
    ip -n "$cluster_namespace" link add cable type veth peer name cable netns "$machine_namespace"
    ip -n "$cluster_namespace" address add "$cluster_address/24" dev cable
    ip -n "$machine_namespace" address add "$machine_address/24" dev cable
    local namespace
    for namespace in "$cluster_namespace" "$machine_namespace"; do
        ip -n "$namespace" link set lo up
        ip -n "$namespace" link set cable up
    done
    ip -n "$machine_namespace" route add default via "$cluster_address"
    # As on a machine that is prepared for pods; the setting belongs to the namespace.
    ip netns exec "$machine_namespace" sysctl -qw net.ipv4.ip_forward=1
}

network_remove() {
    ip netns delete "$machine_namespace" 2>/dev/null || true
    ip netns delete "$cluster_namespace" 2>/dev/null || true
}

cable() { ip -n "$cluster_namespace" link set cable "$1"; } # cable up|down

cluster_start() {
    ip netns exec "$cluster_namespace" "$issuer" cluster --state "$work/cluster" \
        --listen "$cluster_address:6443" >"$work/cluster.log" 2>&1 8>&- 9>&- &
    cluster=$!
    wait_until 60 test -s "$work/cluster/cluster.json"
}

of_cluster() { jq -r ".$1" "$work/cluster/cluster.json"; }

# api METHOD PATH: as the cluster's administrator. A body comes from standard input, never from argv.
api() {
    local body=()
    if [ "$1" != GET ]; then body=(--header 'content-type: application/json' --data @-); fi
    ip netns exec "$cluster_namespace" curl --silent --show-error --fail-with-body --max-time 10 \
        --cacert "$(of_cluster ca)" --cert "$(of_cluster adminCert)" --key "$(of_cluster adminKey)" \
        --request "$1" "${body[@]}" "$server$2"
}

random() { # random COUNT
    local text
    text=$(head -c 512 /dev/urandom | LC_ALL=C tr -dc 'a-z0-9')
    echo "${text:0:$1}"
}

# remember TOKEN: notes what to look for afterwards: its secret half, as it is and in base64 at each of the
# three offsets.
remember() {
    local secret=${1#*.} offset prefix
    # An empty pattern is everywhere.
    [ "${#secret}" = 16 ] || return
    printf '%s\n' "$secret" >"$work/secrets"
    for offset in 0 1 2; do
        prefix=$(printf '%*s' "$offset" '')
        # The characters at both ends depend on the neighbours.
        printf '%s%s' "$prefix" "$secret" | base64 -w 0 | sed -E 's/^.{4}//; s/.{4}$//' >>"$work/secrets"
        echo >>"$work/secrets"
    done
}

# Has the cluster accept a new token.
issue() {
    token_id=$(random 6)
    local secret
    secret=$(random 16)
    token=$token_id.$secret
    remember "$token"
    api POST /api/v1/namespaces/kube-system/secrets >"$work/secret.answer" <<SECRET
{"apiVersion": "v1", "kind": "Secret", "type": "bootstrap.kubernetes.io/token",
 "metadata": {"name": "bootstrap-token-$token_id", "namespace": "kube-system"},
 "stringData": {"token-id": "$token_id", "token-secret": "$secret",
  "usage-bootstrap-authentication": "true", "usage-bootstrap-signing": "true",
  "auth-extra-groups": "system:bootstrappers:demo:auto",
  "expiration": "$(date -u -d '+1 hour' +%Y-%m-%dT%H:%M:%SZ)"}}
SECRET
}

# document [EXPIRES_AT]: a bootstrap with the token that was issued last, for the machine under test.
document() {
    cat <<DOCUMENT
apiVersion: bootstrap.akua.dev/v1alpha1
kind: WorkerBootstrap
metadata: {id: wbs_$name, clusterId: clu_test}
expiresAt: ${1:-$(($(date +%s) + 3600))}
token: $token
cluster:
  servers: ["$server"]
  certificateAuthorityData: $(base64 -w 0 <"$(of_cluster ca)")
node: {name: $name}
packages: {policy: verify, require: [{name: containerd, version: ">=1.5"}]}
kubelet: {version: ">=1.20"}
join: {method: kubelet, waitFor: registered, timeout: 1m}
DOCUMENT
}

# user_data DOCUMENT: the example, with this document in place of its own.
user_data() {
    awk -v document="$1" '
        /^    content: \|/ { print; while ((getline line < document) > 0) print "      " line; skip = 1; next }
        skip && /^      / { next }
        { skip = 0; print }
    ' packaging/cloud-init/user-data.example.yaml
}

node_is_registered() { [ "$(api GET "/api/v1/nodes/$name" | jq -r .metadata.name)" = "$name" ]; }

csr_count() { api GET /apis/certificates.k8s.io/v1/certificatesigningrequests | jq '.items | length'; }
