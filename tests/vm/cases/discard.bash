# shellcheck shell=bash
# cloud-init's copies on a disk that can discard blocks: once the sweep has been and the disk is trimmed there is
# none, in no block.

case_discard() {
    title 'discard: user-data from a seed, on a disk that can discard'
    cloud_machine worker-discard on
    is 'the sweep had the disk trimmed' "$(result '.sweep.trimmed')" '["/"]'
    is 'no erased copy waits for it' "$(result '[.custody, .sweep | .erased[] | select(.freeBlocks or .notGuaranteed)]')" '[]'
    disk_holds_no_copy
    machine_done
}
