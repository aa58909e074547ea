# shellcheck shell=bash
# The same on a disk that cannot: there is none in any file; what free blocks hold is counted.

case_no_discard() {
    title 'no-discard: user-data from a seed, on a disk that cannot discard'
    cloud_machine worker-no-discard off
    disk_is_the_one
    search --ext4 "$disk" >"$work/$name/hits" || true
    is 'the token is in no file of the disk, in no form' "$(grep -v $'\tfree$' "$work/$name/hits")" ''
    printf '        (%d copies in free blocks)\n' "$(wc -l <"$work/$name/hits")"
    token_is_not_told
    machine_done
}
