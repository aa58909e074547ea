# shellcheck shell=bash
# A joined machine is given back, and joins once more with a new token: the kubelet that the run started and
# enabled is stopped and disabled, one that ran before is not.

case_reset() {
    title 'reset: a node is given back'
    machine_new worker-reset
    issue
    document | put etc/worker-bootstrap/bootstrap.yaml 0600
    machine_boot
    check 'the boot comes to its end' wait_until 60 booted
    check 'the run comes to its end' wait_until 60 run_ended
    is 'the kubelet runs, and will at the next boot' "$(kubelet_is)" 'active enabled'
    inside sh -c 'echo {} >/var/lib/kubelet/cpu_manager_state'
    local planned
    planned=$(inside worker-bootstrap reset --dry-run --json | jq -c '[.items[] | "\(.what) \(.path)"]')
    is 'a dry run changes nothing' "$(kubelet_is)" 'active enabled'
    is 'a reset does what the dry run said' \
        "$(inside worker-bootstrap reset --json | jq -c '[.items[] | "\(.what) \(.path)"]')" "$planned"
    is 'the kubelet was stopped first and disabled' \
        "$(jq -c '.[:2]' <<<"$planned")" '["stopped kubelet.service","disabled kubelet.service"]'
    is 'it has no unit any more' "$(property LoadState kubelet) $(property ActiveState kubelet)" 'not-found inactive'
    is 'what it made of its own stays, and no credential' \
        "$(inside find /etc/kubernetes /var/lib/kubelet /etc/systemd/system -name '*kubelet*' 2>/dev/null | sort)" '/var/lib/kubelet'
    is 'status and result say so' \
        "$(inside cat /run/worker-bootstrap/status.json /var/lib/worker-bootstrap/result.json | jq -r .state | sort -u)" reset
    local told
    told=$(message_id 'What a worker bootstrap made is undone')
    is 'the journal has it' "$(inside journalctl --quiet --output cat --no-pager "MESSAGE_ID=$told" | wc -l)" 1
    is 'a second one has nothing to do' "$(inside worker-bootstrap reset)" 'nothing to undo'
    token_is_nowhere

    title 'reset: a new token joins'
    issue
    document | deliver /etc/worker-bootstrap/bootstrap.yaml
    check 'the kubelet comes up' wait_until 60 inside systemctl is-active kubelet
    check 'the run comes to its end' wait_until 60 run_ended
    is 'the unit ended well' "$(run_end)" 'inactive success 0 0'
    is 'the kubelet runs, and will at the next boot' "$(kubelet_is)" 'active enabled'
    token_is_nowhere
    machine_done

    title 'reset: a kubelet that ran before'
    machine_new worker-reset-mine
    printf '%s\n' '[Service]' 'ExecStart=/bin/sleep infinity' '[Install]' 'WantedBy=multi-user.target' |
        put etc/systemd/system/kubelet.service 0644
    mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
    ln -s ../kubelet.service "$root/etc/systemd/system/multi-user.target.wants/"
    issue
    machine_boot
    check 'the boot comes to its end' wait_until 60 booted
    is 'it runs' "$(kubelet_is)" 'active enabled'
    local mine
    mine=$(inside sha256sum /etc/systemd/system/kubelet.service)
    document | deliver /etc/worker-bootstrap/bootstrap.yaml
    check 'the machine joins' wait_until 60 node_is_registered
    check 'the run comes to its end' wait_until 60 run_ended
    check 'a reset comes to its end' inside worker-bootstrap reset
    is 'it runs as before' "$(kubelet_is)" 'active enabled'
    check 'with what it ran with' wait_until 10 sleeps
    is 'its unit is its own' "$(inside sha256sum /etc/systemd/system/kubelet.service)" "$mine"
    machine_done
}

sleeps() { inside systemctl show --property ExecStart --value kubelet | grep -q /bin/sleep && [ -n "$(inside pgrep -x sleep)" ]; }

kubelet_is() { echo "$(inside systemctl is-active kubelet || true) $(inside systemctl is-enabled kubelet || true)"; }
