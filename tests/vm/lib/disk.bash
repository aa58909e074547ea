# shellcheck shell=bash
# What is on the disk of a machine that is off, read without mounting it. Sourced by run.

# of_disk PATH: the file's content.
of_disk() { debugfs -R "cat $1" "$disk" 2>/dev/null; }

# search ARGUMENT...: for the secret half of the token, as tests/vm/search has it.
search() { "$here/search" "$@" <<<"${token#*.}"; }

# search_journal: the journal packs what is long, so that it is searched as journalctl tells it.
search_journal() {
    mkdir -p "$work/$name/journal"
    debugfs -R "rdump /var/log/journal $work/$name/journal" "$disk" >/dev/null 2>&1
    journalctl --directory "$work/$name/journal/journal" --all --output export --no-pager >"$work/$name/exported"
    search "$work/$name/exported"
}

# What the run itself has written is found: the disk is the right one, and what the machine wrote is on it.
disk_is_the_one() {
    check 'the disk holds the result of this run' \
        grep -q 'inode [0-9]* /var/lib/worker-bootstrap/result.json$' <("$here/search" --ext4 "$disk" <<<"wbs_$name")
}

# The journal is searched in every case, the console is not on the disk.
token_is_not_told() {
    local said
    said=$(search_journal) || true
    check 'the journal was exported from the disk' grep -qa '^__CURSOR=' "$work/$name/exported"
    check 'the console was kept' [ -s "$work/$name/console" ]
    is 'the token is not in the journal, in no field' "$said" ''
    # Nothing takes the limit away from a unit here, as a container may.
    is 'no run complained that its memory is not locked' "$(grep -ca 'memory is not locked' "$work/$name/exported" || true)" 0
    is 'the token is not on the console' "$(search "$work/$name/console")" ''
}

disk_holds_no_copy() {
    disk_is_the_one
    is 'the token is nowhere on the raw disk, in no form, not in free blocks either' "$(search --ext4 "$disk")" ''
    token_is_not_told
}
