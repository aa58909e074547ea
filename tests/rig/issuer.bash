# shellcheck shell=bash
# The issuer's API in the cluster's namespace, over TLS with a CA of its own, and what it answers. Sourced
# by rig.bash, which sets work and issuer.

api_url=https://$cluster_address:8443
issuing=''

# certificate_for ADDRESS FOLDER: a CA, and a certificate of it for that address.
certificate_for() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj '/CN=authority of the test' \
        -keyout "$2/ca.key" -out "$2/ca.crt" 2>/dev/null
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj '/CN=issuer of the test' \
        -keyout "$2/tls.key" -out "$2/tls.csr" 2>/dev/null
    openssl x509 -req -days 2 -in "$2/tls.csr" -CA "$2/ca.crt" -CAkey "$2/ca.key" -CAcreateserial \
        -extfile <(echo "subjectAltName=IP:$1") -out "$2/tls.crt" 2>/dev/null
}

issuer_start() {
    if [ -n "$issuing" ]; then return; fi
    mkdir -p "$work/issuer/artifacts"
    certificate_for "$cluster_address" "$work/issuer"
    local archive=${WORKER_BOOTSTRAP_ARCHIVE:-}
    if [ -z "$archive" ]; then archive=$(packaging/build-archive); fi
    cp "$archive" "$work/issuer/artifacts/"
    cat >"$work/issuer/issuer.yaml" <<CONFIG
listen: $cluster_address:8443
externalUrl: $api_url
tls: {certificate: tls.crt, key: tls.key}
externalCertificateAuthority: ca.crt
database: state/issuer.db
artifacts: artifacts
clusters:
- id: clu_test
  workspace: ws_test
  kubernetes: {kubeconfig: $(of_cluster kubeconfig)}
  document:
    packages: {require: [{name: containerd, version: ">=1.5"}]}
    kubelet: {version: ">=1.20"}
    join: {timeout: 1m}
CONFIG
    "$issuer" token create --config "$work/issuer/issuer.yaml" --workspace ws_test --output "$work/issuer/token" >"$work/issuer/said"
    ip netns exec "$cluster_namespace" "$issuer" serve --config "$work/issuer/issuer.yaml" >"$work/issuer.log" 2>&1 8>&- 9>&- &
    issuing=$!
    wait_until 30 of_issuer /readyz
}

of_issuer() { # of_issuer PATH
    ip netns exec "$cluster_namespace" curl --silent --show-error --fail-with-body --max-time 10 \
        --cacert "$work/issuer/ca.crt" "$api_url$1"
}

# bootstrap VERB [ARGUMENT...]: asks the API.
bootstrap() {
    local verb=$1
    shift
    ip netns exec "$cluster_namespace" "$issuer" bootstrap "$verb" "$@" --url "$api_url" --ca-file "$work/issuer/ca.crt" \
        --token-file "$work/issuer/token" --cluster clu_test
}

# Creates a bootstrap; its texts are for of_bootstrap to give, and its token is remembered to be searched for.
bootstrap_create() {
    bootstrap create --json --output "$work/$name/bootstrap.json"
    remember "$(of_bootstrap token)"
}

# bootstrap_has WORD: whether something that happened to the bootstrap is told in this word.
bootstrap_has() { bootstrap events "$(of_bootstrap id)" | tee "$work/$name/events" | grep -qw "$1"; }

of_bootstrap() { jq -r ".$1" "$work/$name/bootstrap.json"; }
