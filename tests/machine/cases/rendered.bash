# shellcheck shell=bash
# What the issuer renders, on machines that have a runtime and a kubelet and not the agent: the user-data on
# a first boot, the command pasted into a shell, and an archive that is not the one that was named.

case_rendered() {
    issuer_start
    rendered_user_data
    rendered_command
    rendered_and_tampered_with
}

# A machine as machine_new makes it, without the agent's package.
machine_without_agent() {
    machine_new "$1"
    chroot "$root" dpkg --purge worker-bootstrap >"$work/$name/purge.log" 2>&1
    is 'the agent is not installed' "$(find "$root" -xdev -name '*worker-bootstrap*' ! -path '*/proc/*' -print)" ''
    bootstrap_create
}

rendered_seed() {
    put var/lib/cloud/seed/nocloud/user-data 0600
    put var/lib/cloud/seed/nocloud/meta-data 0644 <<<$'instance-id: i-'"$name"$'\nlocal-hostname: '"$name"
    check 'cloud-init finds the user-data valid' \
        chroot "$root" cloud-init schema --config-file /var/lib/cloud/seed/nocloud/user-data
}

rendered_user_data() {
    title 'rendered: the user-data, on the first boot of a machine without the agent'
    machine_without_agent worker-user-data
    of_bootstrap cloud_init | rendered_seed
    watch_processes
    machine_boot
    check 'the boot comes to its end' wait_until 60 booted
    check 'cloud-init comes to its end' wait_until 60 cloud_init_done
    check 'the cluster has the node' wait_until 60 node_is_registered
    check 'the run comes to its end' wait_until 60 run_has_ended
    watch_processes_end
    is 'cloud-init is content' "$(inside cloud-init status | head -n 1)" 'status: done'
    check 'no job of systemd is left waiting' wait_until 30 no_job_waits
    check 'the machine is up and nothing failed' inside systemctl is-system-running --wait
    is 'the unit ended well, without a restart' "$(run_end)" 'inactive success 0 0'
    is 'the document is gone' "$(inside ls /run/worker-bootstrap | grep bootstrap.yaml || true)" ''
    swept_clean
    user_data_is_void
    check 'the console tells what was installed' grep -qaE 'worker-bootstrap [0-9.]+ is installed' "$work/$name/console"
    is 'it enables what the package would have' "$(rendered_units)" 'enabled enabled enabled'
    check 'the issuer knows that it has joined, by the machine itself' wait_until 20 bootstrap_has 'joined'
    is 'the token is dead' "$(bootstrap get "$(of_bootstrap id)" --json | jq -r .status)" expired
    machine_off
    machine_boot
    title 'rendered: the second boot'
    check 'the boot comes to its end' wait_until 60 booted
    check 'the run comes to its end' wait_until 60 run_has_ended
    is 'the unit ended well, without a restart' "$(run_end)" 'inactive success 0 0'
    check 'the kubelet runs' wait_until 30 inside systemctl is-active kubelet
    check 'cloud-init comes to its end' wait_until 60 cloud_init_done
    swept_clean
    machine_done
}

rendered_units() {
    # The preset names every unit that is to be there.
    sed -n 's/^enable //p' "$repository/systemd/worker-bootstrap.preset" |
        while read -r unit; do inside systemctl is-enabled "$unit" </dev/null; done | xargs
}

# The unit is there from some moment on, and has run at least once.
run_has_ended() { run_ended && [ "$(property ExecMainStartTimestampMonotonic)" -gt 0 ]; }

rendered_command() {
    title 'rendered: the command, pasted into a shell of a machine without the agent'
    machine_without_agent worker-pasted
    machine_boot
    check 'the boot comes to its end' wait_until 60 booted
    watch_processes
    local status=0
    { of_bootstrap command; echo 'exit $?'; } |
        inside HISTFILE=/root/.bash_history HISTCONTROL=ignoreboth bash --norc -i >"$work/$name/shell" 2>&1 || status=$?
    watch_processes_end
    is 'it ends as the agent does' "$status" 0
    check 'the cluster has the node' node_is_registered
    check 'it says what it does' grep -q 'joins this machine to clu_test as a worker' "$work/$name/shell"
    check 'the kubelet runs' inside systemctl is-active kubelet
    # The shell shows what is pasted into it, here as anywhere: that is not a file.
    token_is_nowhere
    title 'rendered: the same command again'
    of_bootstrap command | inside bash >"$work/$name/shell" 2>&1 || status=$?
    is 'a joined machine is left as it is' "$status" 0
    check 'the agent that is there is used' grep -q 'is installed, and is used as it is' "$work/$name/shell"
    check 'it says so' grep -q "this machine is node $name already" "$work/$name/shell"
    machine_done
}

rendered_and_tampered_with() {
    title 'rendered: what is downloaded is not what was named'
    machine_without_agent worker-tampered
    of_bootstrap cloud_init | sed -E "s/(expected=')[0-9a-f]{8}/\\100000000/" | rendered_seed
    machine_boot
    check 'the boot comes to its end' wait_until 60 booted
    check 'cloud-init comes to its end' wait_until 60 cloud_init_done
    check 'the start comes to its end' wait_until 60 start_failed
    is 'the unit that failed is named' "$(inside systemctl --failed --plain --no-legend | awk '{ print $1 }')" 'worker-bootstrap-start.service'
    local text
    for text in 'is not what was expected: its SHA-256 is' 'once that is mended: sh /run/worker-bootstrap/start'; do
        check "the console says: $text" grep -qaF "$text" "$work/$name/console"
        is "the journal says: $text" "$(inside journalctl --quiet --output cat -t worker-bootstrap | grep -cF "$text")" 1
    done
    is 'nothing was installed' "$(inside find /usr /etc -xdev -name '*worker-bootstrap*')" ''
    machine_done
}

start_failed() { [ "$(property ActiveState worker-bootstrap-start.service)" = failed ]; }
