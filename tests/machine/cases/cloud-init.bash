# shellcheck shell=bash
# The example user-data, with a real document in it, on the first boot of a cloud machine: once as the
# package installs its units, and once where runcmd is all that starts the service.

case_cloud_init() {
    cloud_init_joins worker-cloud 'the units as the package enables them'
    cloud_init_joins worker-runcmd 'the units disabled, started by runcmd alone'
}

cloud_init_joins() {
    title "cloud-init: $2"
    machine_new "$1"
    issue
    document >"$work/$name/document"
    user_data "$work/$name/document" | put var/lib/cloud/seed/nocloud/user-data 0600
    put var/lib/cloud/seed/nocloud/meta-data 0644 <<<$'instance-id: i-'"$name"$'\nlocal-hostname: '"$name"
    rm "$work/$name/document"
    if [ "$name" = worker-runcmd ]; then rm "$root"/etc/systemd/system/multi-user.target.wants/worker-bootstrap.*; fi
    check 'cloud-init finds the user-data valid' \
        chroot "$root" cloud-init schema --config-file /var/lib/cloud/seed/nocloud/user-data

    watch_processes
    machine_boot
    check 'the boot comes to its end' wait_until 60 booted
    check 'cloud-init comes to its end' wait_until 60 cloud_init_done
    check 'the run comes to its end' wait_until 60 run_ended
    watch_processes_end
    is 'cloud-init is content' "$(inside cloud-init status | head -n 1)" 'status: done'
    is 'no job of systemd is left waiting' "$(inside systemctl list-jobs --no-legend | grep -c . || true)" 0
    check 'the machine is up and nothing failed' inside systemctl is-system-running --wait
    check 'the cluster has the node' node_is_registered
    is 'the unit ended well, without a restart' "$(run_end)" 'inactive success 0 0'
    is 'the document is gone from where the program reads it' "$(inside ls -A /run/worker-bootstrap | grep bootstrap.yaml || true)" ''
    is 'the token is not in the journal, in no field' "$(
        inside journalctl --all --output export --no-pager | grep -caF -f "$work/secrets" || true
    )" 0
    check 'the sweep comes to its end' wait_until 60 sweep_ended
    is 'the sweep ended well' "$(property ExecMainStatus worker-bootstrap-sweep.service)" 0
    is 'by the result nothing that could be erased is left' "$(inside cat /var/lib/worker-bootstrap/result.json |
        jq '[.custody, .sweep] | map(.left // []) | add | length')" 0
    token_is_nowhere
    cloud_init_still_works
    title "cloud-init: $2, the second boot"
    machine_off
    machine_boot
    check 'the boot comes to its end' wait_until 60 booted
    check 'cloud-init comes to its end' wait_until 60 cloud_init_done
    check 'the sweep comes to its end' wait_until 60 sweep_ended
    is 'no job of systemd is left waiting' "$(inside systemctl list-jobs --no-legend | grep -c . || true)" 0
    token_is_nowhere
    cloud_init_still_works
    machine_done
}

sweep_ended() {
    [ -n "$(property ExecMainExitTimestamp worker-bootstrap-sweep.service)" ] &&
        [ "$(property ActiveState worker-bootstrap-sweep.service)" = inactive ]
}

# What was put over is read by cloud-init as before.
cloud_init_still_works() {
    is 'cloud-init status is done' "$(inside cloud-init status | head -n 1)" 'status: done'
    is 'cloud-init query knows the instance' "$(inside cloud-init query instance_id)" "i-$name"
    check 'cloud-init query gives the user-data, with another token in it' \
        grep -q 'token: erased.0000000000000000' <(inside cloud-init query userdata)
    check 'obj.pkl loads' inside python3 -c 'import pickle
it = pickle.load(open("/var/lib/cloud/instance/obj.pkl", "rb"))
assert it.get_userdata_raw()'
    is 'obj.pkl has its mode' "$(inside stat -c %a /var/lib/cloud/instance/obj.pkl)" 400
}

cloud_init_done() { inside test -e /run/cloud-init/result.json; }
