# shellcheck shell=bash
# The document as a systemd credential that the hypervisor hands over through SMBIOS: no disk ever holds it.

case_smbios() {
    title 'smbios: the document as a credential from the hypervisor'
    machine_new worker-smbios
    issue
    # Read from a file by QEMU, as an argument could be seen by everybody. Without a line end: it would count.
    (
        umask 077
        printf 'io.systemd.credential.binary:worker-bootstrap.document=%s' "$(document | base64 -w 0)" \
            >"$work/$name/smbios"
    )
    machine_boot off -smbios "type=11,path=$work/$name/smbios"
    check 'the boot comes to its end' wait_until 300 booted
    check 'the run comes to its end' wait_until 300 run_ended
    # An emulated processor that gets little time may answer for its runtime too late at first: tried again.
    is 'the unit ended well' "$(run_end | cut -d ' ' -f 1-3)" 'inactive success 0'
    check 'the cluster has the node' node_is_registered
    machine_off
    is 'the report names the one copy there is, which the hypervisor holds' \
        "$(of_disk /var/lib/worker-bootstrap/result.json | jq -c '[.custody.residue[].path]')" \
        '["/sys/firmware/dmi/tables/DMI"]'
    disk_holds_no_copy
    machine_done
}
