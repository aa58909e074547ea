# shellcheck shell=bash
# cloud-init's copies on a disk that can discard blocks: once the sweep has been there is none, in no block.

case_discard() {
    title 'discard: user-data from a seed, on a disk that can discard'
    cloud_machine worker-discard on
    disk_holds_no_copy
    machine_done
}
