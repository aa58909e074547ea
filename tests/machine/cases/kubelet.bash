# shellcheck shell=bash
# The same with a real kubelet, where one has been built: the unit, the drop-in, the flags and the
# configuration that the join writes are ones it starts with, and its node is registered by itself.

case_kubelet() {
    title 'kubelet: a real one'
    local program=${XDG_CACHE_HOME:-$HOME/.cache}/worker-bootstrap/kubernetes-1.20.2/kubelet
    if [ ! -x "$program" ]; then
        skipped 'all of it: there is no kubelet yet, tests/cluster/build-kubernetes makes one'
        return
    fi
    machine_new worker-kubelet
    install -m 0755 "$program" "$root/usr/bin/kubelet"
    own_sysctls
    issue
    {
        # A container gives no cgroup controllers of its own and no say about swap; the embedded cluster
        # speaks JSON alone.
        document | sed '/^kubelet:/d'
        cat <<'KUBELET'
kubelet:
  version: "1.20"
  config: {cgroupsPerQOS: false, enforceNodeAllocatable: [], failSwapOn: false, contentType: application/json}
KUBELET
    } | put etc/worker-bootstrap/bootstrap.yaml 0600
    machine_boot
    check 'the boot comes to its end' wait_until 60 booted
    check 'the run comes to its end' wait_until 90 run_ended
    is 'the unit ended well, without a restart' "$(run_end)" 'inactive success 0 0'
    is 'the cluster has the node, as the kubelet describes it' \
        "$(api GET "/api/v1/nodes/$name" | jq -r '.status.nodeInfo | "\(.kubeletVersion) \(.containerRuntimeVersion | split(":")[0])"')" \
        'v1.20.2 containerd'
    is 'the kubelet was started once and runs' "$(property ActiveState kubelet) $(property NRestarts kubelet)" 'active 0'
    token_is_nowhere
    machine_done
}

# A kubelet wants some of the kernel's settings changed, which are this machine's too: it is shown files
# in their place that hold what it wants.
own_sysctls() {
    put usr/local/sbin/own-sysctls 0755 <<'SCRIPT'
#!/bin/sh
set -e
mkdir -p /run/own-sysctls
for entry in vm/overcommit_memory=1 vm/panic_on_oom=0 kernel/panic=10 kernel/panic_on_oops=1 \
    kernel/keys/root_maxkeys=1000000 kernel/keys/root_maxbytes=25000000; do
    file=/run/own-sysctls/$(basename "${entry%=*}")
    echo "${entry#*=}" >"$file"
    mount --bind "$file" "/proc/sys/${entry%=*}"
done
SCRIPT
    put etc/systemd/system/own-sysctls.service 0644 <<'UNIT'
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/local/sbin/own-sysctls
UNIT
    mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
    ln -s ../own-sysctls.service "$root/etc/systemd/system/multi-user.target.wants/"
    put etc/systemd/system/worker-bootstrap.service.d/own-sysctls.conf 0644 <<<$'[Unit]\nAfter=own-sysctls.service'
}
