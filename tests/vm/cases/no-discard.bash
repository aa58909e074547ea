# shellcheck shell=bash
# The same on a disk that cannot: there is none in any file, and the report names what free blocks may hold.

case_no_discard() {
    title 'no-discard: user-data from a seed, on a disk that cannot discard'
    cloud_machine worker-no-discard off
    disk_is_the_one
    search --ext4 "$disk" >"$work/$name/hits" || true
    is 'the token is in no file of the disk, in no form' "$(grep -v $'\tfree$' "$work/$name/hits")" ''
    check 'free blocks hold what was removed' grep -q $'\tfree$' "$work/$name/hits"
    is 'the report says so of every copy on that disk' \
        "$(result '[.custody, .sweep | .erased[].notGuaranteed | values | capture("^(?<w>the disk does not discard)").w] | unique')" \
        '["the disk does not discard"]'
    is 'and claims nothing was trimmed' "$(result '[.custody.trimmed, .sweep.trimmed]')" '[[],[]]'
    token_is_not_told
    machine_done
}
