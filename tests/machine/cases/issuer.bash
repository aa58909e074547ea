# shellcheck shell=bash
# The issuer's unit, installed by the very commands of its README, with the example configuration.

case_issuer() {
    title 'issuer: installed as the README says, with the example configuration'
    machine_new issuer
    issuer_checkout
    machine_boot
    check 'the boot comes to its end' wait_until 60 booted
    check 'the commands of the README work' inside sh -euc 'cd /root/checkout; . ./commands'
    is 'the unit runs' "$(property ActiveState bootstrap-issuer) $(property SubState bootstrap-issuer)" 'active running'
    is 'it is ready' "$(of_operations '.ready' -r)" true
    check 'it has its cluster' wait_until 20 cluster_is_up
    is 'its state is its own' \
        "$(inside stat -c '%U %a %n' /var/lib/bootstrap-issuer /var/lib/bootstrap-issuer/issuer.db /var/lib/bootstrap-issuer/master.key | xargs)" \
        'bootstrap-issuer 700 /var/lib/bootstrap-issuer bootstrap-issuer 600 /var/lib/bootstrap-issuer/issuer.db bootstrap-issuer 600 /var/lib/bootstrap-issuer/master.key'
    check 'a bootstrap is created with the token' of_installed create --json --output /root/bootstrap.json
    remember "$(of_created .token)"
    check 'the cluster has its Secret' secret_is_there
    check 'it serves what installs the agent' inside curl -sf --cacert /etc/bootstrap-issuer/ca.crt -o /root/script \
        "$(of_created .artifacts.linux.amd64.download_url)"
    check 'a reload is taken' inside systemctl reload bootstrap-issuer
    check 'a restart is survived' inside systemctl restart bootstrap-issuer
    is 'what was issued is there' "$(of_installed get "$(of_created .id)" --json | jq -r .status)" active
    check 'it stops' inside systemctl stop bootstrap-issuer
    is 'and stops well' "$(property Result bootstrap-issuer) $(property ExecMainStatus bootstrap-issuer)" 'success 0'
    is 'systemd finds nothing wrong with the unit' \
        "$(inside systemd-analyze --man=no verify bootstrap-issuer.service 2>&1)" ''
    check 'systemd finds it hardened to 2.0 or better' inside systemd-analyze --no-pager --threshold=20 security bootstrap-issuer.service
    inside rm /root/bootstrap.json
    token_is_nowhere
    machine_done
}

# What a checkout has after its builds, and the operator's own files beside it.
issuer_checkout() {
    local checkout=$root/root/checkout archive=${WORKER_BOOTSTRAP_ARCHIVE:-}
    if [ -z "$archive" ]; then archive=$(packaging/build-archive); fi
    mkdir -p "$checkout/target/release" "$checkout/packaging"
    install -m 755 "$issuer" "$checkout/target/release/bootstrap-issuer"
    cp -r "$repository/packaging/issuer" "$checkout/packaging/"
    cp "$archive" "$checkout/"
    printf '#!/bin/sh\necho /root/checkout/%s\n' "$(basename "$archive")" >"$checkout/packaging/build-archive"
    chmod +x "$checkout/packaging/build-archive"
    awk '/^install -m 755 target/ { on = 1 } /^```/ { on = 0 } on' "$repository/issuer/README.md" >"$checkout/commands"
    certificate_for "$machine_address" "$checkout"
    sed "s|issuer.example|$machine_address|" "$repository/packaging/issuer/config.example.yaml" >"$checkout/config.yaml"
    inlined_kubeconfig >"$checkout/clu_01.kubeconfig"
}

# The administrator's, which names files, with the files in it.
inlined_kubeconfig() {
    jq -n --arg server "$server" --arg ca "$(base64 -w0 <"$(of_cluster ca)")" \
        --arg cert "$(base64 -w0 <"$(of_cluster adminCert)")" --rawfile key "$(of_cluster adminKey)" '{
        apiVersion: "v1", kind: "Config", "current-context": "c",
        clusters: [{name: "c", cluster: {server: $server, "certificate-authority-data": $ca}}],
        users: [{name: "c", user: {"client-certificate-data": $cert, "client-key-data": ($key | @base64)}}],
        contexts: [{name: "c", context: {cluster: "c", user: "c"}}]}'
}

# of_installed VERB [ARGUMENT...]: asks its API.
of_installed() {
    local verb=$1
    shift
    inside bootstrap-issuer bootstrap "$verb" --url "https://$machine_address:8443" --ca-file /etc/bootstrap-issuer/ca.crt \
        --token-file /root/checkout/api.token --cluster clu_01 "$@"
}

of_created() { inside cat /root/bootstrap.json | jq -r "$1"; }

of_operations() { inside curl -s http://127.0.0.1:9090/readyz | jq "$@"; }

cluster_is_up() { [ "$(of_operations .clusters.clu_01 -r)" = reachable ]; }

secret_is_there() {
    api GET "/api/v1/namespaces/kube-system/secrets/bootstrap-token-$(of_created '.token | split(".")[0]')"
}
