# shellcheck shell=bash
# A document in /etc, a boot, a node; then a second boot, and the package taken away again.

case_join() {
    title 'join: a document in /etc, a boot, a node'
    machine_new worker-join
    issue
    document | put etc/worker-bootstrap/bootstrap.yaml 0400

    is 'installing has enabled its units' "$(enabled_units)" 'worker-bootstrap.path worker-bootstrap.service'
    is 'installing has run nothing' "$(ls -A "$root/var/lib/worker-bootstrap")" ''

    watch_processes
    machine_boot
    check 'the boot comes to its end' wait_until 60 booted
    check 'the run comes to its end' wait_until 60 run_ended
    watch_processes_end
    journal_read

    is 'the unit ended well, without a restart' "$(run_end)" 'inactive success 0 0'
    check 'the machine is up and nothing failed' inside systemctl is-system-running --wait
    check 'the cluster has the node' node_is_registered
    is 'the kubelet runs, and will at the next boot' \
        "$(inside systemctl is-active kubelet) $(inside systemctl is-enabled kubelet)" 'active enabled'
    join_left_the_right_files
    join_told_the_journal
    token_is_nowhere
    unit_is_well_formed

    title 'join: the second boot of a joined machine'
    local certificate
    certificate=$(inside sha256sum /var/lib/kubelet/pki/kubelet-client-current.pem)
    machine_off
    machine_boot
    check 'the boot comes to its end' wait_until 60 booted
    check 'the run comes to its end' wait_until 60 run_ended
    journal_read
    is 'the unit ended well, without a restart' "$(run_end)" 'inactive success 0 0'
    is 'nothing was left to do but to look for copies of the token' \
        "$(journal 'map("\(.STEP) \(.STEP_STATE) \(.REASON)") | join(", ")' -r)" 'wipe done null, report done joined'
    check 'the sweep is made at this boot as well, without cloud-init' wait_until 60 sweep_told
    is 'the credential is the same' "$(inside sha256sum /var/lib/kubelet/pki/kubelet-client-current.pem)" "$certificate"
    check 'the kubelet runs' wait_until 30 inside systemctl is-active kubelet

    title 'join: the package is purged, the node stays'
    check 'purging works' inside dpkg --purge worker-bootstrap
    check 'the kubelet still runs' inside systemctl is-active kubelet
    check 'its credential is there' inside test -s /var/lib/kubelet/pki/kubelet-client-current.pem
    is 'the marks, the status and the units are gone' "$(
        inside sh -c 'ls -d /var/lib/worker-bootstrap /etc/worker-bootstrap /run/worker-bootstrap \
            /etc/systemd/system/*/worker-bootstrap* /etc/systemd/system/worker-bootstrap* 2>/dev/null' || true
    )" ''
    machine_done
}

# A unit that has ended and that nothing wants is forgotten by systemd.
sweep_told() {
    inside journalctl --boot --quiet --output cat --no-pager _SYSTEMD_UNIT=worker-bootstrap-sweep.service |
        grep -F 'no copy on this machine to erase'
}

enabled_units() {
    local links=("$root"/etc/systemd/system/multi-user.target.wants/worker-bootstrap.*)
    echo "${links[@]##*/}"
}

join_left_the_right_files() {
    is 'the success file says so' "$(inside cat /run/cluster-api/bootstrap-success.complete)" success
    is 'the status and the result say so' \
        "$(inside cat /run/worker-bootstrap/status.json /var/lib/worker-bootstrap/result.json |
            jq -r '"\(.state) \(.reason) \(.exit_code // .exitCode)"' | sort -u)" 'joined joined 0'
    check 'worker-bootstrap status says so' inside worker-bootstrap status
    is 'the document is gone' "$(inside ls -A /etc/worker-bootstrap)" ''
    is 'the credential is for root alone' \
        "$(inside stat -L -c '%U %a' /var/lib/kubelet/pki/kubelet-client-current.pem)" 'root 600'
    check 'the console was told' grep -qa 'worker-bootstrap: this machine has joined' "$work/$name/console"
}

# The steps that come before the end each tell when they are through, in order; the end is the last event.
join_told_the_journal() {
    local through joined
    through=$(message_id 'A step of the worker bootstrap is through')
    joined=$(message_id 'joined: ')
    # shellcheck disable=SC2016 # $id is jq's
    is 'the journal has the steps in order' \
        "$(journal 'map(select(.MESSAGE_ID == $id) | "\(.STEP_NUMBER) \(.STEP)") | join(", ")' -r --arg id "$through")" \
        '1 find, 2 admit, 3 plan, 4 check, 5 prepare, 6 join, 7 mark, 8 wipe, 9 start'
    is 'its last event is the end' \
        "$(journal 'last | "\(.MESSAGE_ID) \(.STEP_NUMBER) \(.STEP) \(.STEP_STATE) \(.REASON)"' -r)" \
        "$joined 10 report done joined"
    is 'every event has a message, an id, a step, its number and their total' \
        "$(journal 'map(select((.MESSAGE | length) < 3 or (.MESSAGE_ID | length) != 32 or .STEP == null
            or .STEP_NUMBER == null or .STEP_TOTAL != "10") | .MESSAGE)')" '[]'
    is 'every event after admission names bootstrap, cluster, node and token' \
        "$(journal 'map(select((.STEP_NUMBER | tonumber) > 2)
            | "\(.BOOTSTRAP_ID) \(.CLUSTER_ID) \(.NODE_NAME) \(.TOKEN_ID)") | unique | join(", ")' -r)" \
        "wbs_$name clu_test $name $token_id"
    # shellcheck disable=SC2016 # $id is jq's
    is 'information has the priority of information, warnings that of warnings' \
        "$(journal 'map(select(.PRIORITY != (if .MESSAGE_ID == $id then "4" else "6" end)) | .MESSAGE)' \
            --arg id "$(message_id 'A warning of the worker bootstrap')")" '[]'
    is 'no line stands twice' \
        "$(inside journalctl --boot --quiet --output cat --no-pager _SYSTEMD_UNIT=worker-bootstrap.service | wc -l)" \
        "$(journal length)"
    inside journalctl --boot --quiet --no-pager --catalog _SYSTEMD_UNIT=worker-bootstrap.service >"$work/$name/explained"
    check 'journalctl -x explains, with the values of the event' \
        grep -q 'Step 6 of 10, join, took [0-9]* ms' "$work/$name/explained"
    check 'journalctl -x names the subject' \
        grep -q 'Subject: joined: the machine is a node of the cluster' "$work/$name/explained"
}

# systemd's own judgement. The figure is exposure in tenths; what is left is what the program does: root,
# the network, files in /etc, the homes and /tmp, the console.
unit_is_well_formed() {
    is 'systemd finds nothing wrong with the units' \
        "$(inside systemd-analyze --man=no verify worker-bootstrap.service worker-bootstrap.path worker-bootstrap-sweep.service worker-bootstrap-trim@-.service 2>&1)" ''
    check 'systemd finds the service hardened to 3.0 or better' \
        inside systemd-analyze --no-pager --threshold=30 security worker-bootstrap.service
}
