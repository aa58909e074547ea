# shellcheck shell=bash
# The document stands in the user-data and nowhere else: cloud-init stores it and does nothing with it, and
# the service finds it there by itself.

case_user_data() {
    user_data_joins worker-part 'a part of a multipart message, compressed' in_a_message
    # cloud-init has ended by then: what tells where the scripts lie is erased with them.
    user_data_joins worker-script 'a here-document in scripts that cloud-init does not run, and a server that comes late' \
        in_scripts late

    title "user-data: another machine's disk"
    machine_new worker-stale
    issue
    in_a_message | put var/lib/cloud/instances/i-old/user-data.txt 0600
    ln -s /var/lib/cloud/instances/i-old "$root/var/lib/cloud/instance"
    echo i-old | put var/lib/cloud/data/instance-id 0644
    seed <<<'#cloud-config'
    machine_boot
    check 'the boot comes to its end' wait_until 60 booted
    check 'the run comes to its end' wait_until 60 run_ended
    is 'the unit found none, and is not restarted' "$(run_end)" 'failed exit-code 3 0'
    machine_done
}

# cloud-init's own type for a part that it is to leave alone.
in_a_message() {
    {
        printf '%s\n' 'Content-Type: multipart/mixed; boundary="==of=this=test=="' 'MIME-Version: 1.0' '' \
            '--==of=this=test==' 'Content-Type: text/cloud-config' '' '#cloud-config' 'packages: []' '' \
            '--==of=this=test==' 'Content-Type: text/x-worker-bootstrap' 'Content-Transfer-Encoding: base64' ''
        document | base64
        printf '%s\n' '' '--==of=this=test==--'
    } | gzip --best
}

# In a home, and where the programs of the machine's owner lie.
in_scripts() {
    echo '#cloud-config'
    echo 'write_files:'
    local path
    for path in /root/later /usr/local/bin/later /var/tmp/later; do
        printf '%s\n' "- path: $path" '  permissions: "0600"' '  content: |' '    #!/bin/sh' \
            "    worker-bootstrap run --document - <<'END'"
        document | sed 's/^/    /'
        printf '%s\n' '    END'
    done
}

# Standard input is the user-data of the machine that is made next.
seed() {
    put var/lib/cloud/seed/nocloud/user-data 0600
    put var/lib/cloud/seed/nocloud/meta-data 0644 <<<$'instance-id: i-'"$name"$'\nlocal-hostname: '"$name"
}

user_data_joins() { # user_data_joins NAME TITLE FORM [late]
    title "user-data: $2"
    machine_new "$1"
    issue
    "$3" | seed
    if [ -n "${4:-}" ]; then
        cable down
    else
        # As a board has it whose boot partition is the seed.
        document | put boot/firmware/user-data 0755
    fi
    machine_boot
    check 'the boot comes to its end' wait_until 60 booted
    if [ -n "${4:-}" ]; then
        check 'cloud-init comes to its end while there is no server' wait_until 60 cloud_init_done
        cable up
    fi
    check 'the run comes to its end' wait_until 60 run_ended
    check 'cloud-init comes to its end' wait_until 60 cloud_init_done
    check 'the cluster has the node' node_is_registered
    is 'the unit ended well, without a restart' "$(run_end)" 'inactive success 0 0'
    journal_read
    is 'the journal says where it was found' \
        "$(journal 'map(.MESSAGE | select(startswith("/var/lib/cloud/") and endswith(": found"))) | join(", ")' -r)" \
        "/var/lib/cloud/instances/i-$name/user-data.txt: found"
    check "cloud-init's own files are still there" inside test -s "/var/lib/cloud/instances/i-$name/user-data.txt"
    swept_clean
    title "user-data: $2, the second boot"
    machine_off
    machine_boot
    check 'the boot comes to its end' wait_until 60 booted
    check 'cloud-init comes to its end' wait_until 60 cloud_init_done
    check 'the run comes to its end' wait_until 60 run_ended
    swept_clean
    machine_done
}
