# shellcheck shell=bash
# A machine of a cloud: user-data on a seed disk, which the real cloud-init copies all over the root disk.
# Sourced by run.

# seed_make: the example user-data, with this machine's document in it, on an ISO image.
seed_make() {
    seed=$work/$name/seed.iso
    mkdir -p "$work/$name/seed"
    (
        umask 077
        document >"$work/$name/document"
        user_data "$work/$name/document" >"$work/$name/seed/user-data"
        # What an editor or a provisioning tool does: a copy that is removed and stays in free blocks.
        printf '  - [sh, -c, "%s"]\n' \
            'cp /var/lib/cloud/instance/user-data.txt /var/tmp/draft && sync && rm /var/tmp/draft && sync' \
            >>"$work/$name/seed/user-data"
    )
    printf '%s\n' "instance-id: i-$name" "local-hostname: $name" >"$work/$name/seed/meta-data"
    genisoimage -quiet -output "$seed" -volid cidata -joliet -rock "$work/$name/seed"
}

# cloud_machine NAME on|off: boots it, waits for join and sweep, and turns it off.
cloud_machine() {
    machine_new "$1"
    issue
    seed_make
    machine_boot "$2" -drive "file=$seed,format=raw,if=virtio,readonly=on"
    check 'the boot comes to its end' wait_until 300 booted
    check 'cloud-init comes to its end' wait_until 300 inside test -e /run/cloud-init/result.json
    check 'the run comes to its end' wait_until 300 run_ended
    check 'the sweep comes to its end' wait_until 300 sweep_ended
    # An emulated processor that gets little time may answer for its runtime too late at first: tried again.
    is 'the unit ended well' "$(run_end | cut -d ' ' -f 1-3)" 'inactive success 0'
    is 'the sweep ended well' "$(property Result worker-bootstrap-sweep)" success
    is 'cloud-init is content' "$(inside cloud-init status | head -n 1)" 'status: done'
    check 'the cluster has the node' node_is_registered
    machine_off
    of_disk /var/lib/worker-bootstrap/result.json >"$work/$name/result.json"
    is 'the sweep erased what cloud-init read to its end' "$(swept_kinds)" 'cloud-config.txt obj.pkl user-data.txt'
    is 'it left nothing that could have been erased' "$(result '[.sweep.left[], .sweep.pending[]]')" '[]'
    is 'it names the seed, which is another disk' "$(result '[.sweep.residue[].path]')" '["/dev/vdb"]'
}

result() { jq -c "$1" "$work/$name/result.json"; }

swept_kinds() { result '.sweep.erased[].path | split("/") | last' | jq -r . | LC_ALL=C sort -u | paste -s -d ' '; }
