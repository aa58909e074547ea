# shellcheck shell=bash
# The document as a credential of systemd: the file of the name in a store, plain and encrypted for this
# machine, is all that is delivered.

case_credential() {
    credential_joins worker-credential 'from a store' plainly
    credential_joins worker-encrypted 'encrypted in a store' encrypted
}

plainly() {
    document | put etc/credstore/worker-bootstrap.document 0600
    store=etc/credstore
}

# As systemd of 254 and later imports it by itself; before, it takes this drop-in.
encrypted() {
    store=etc/credstore.encrypted
    mkdir -p "$root/$store"
    document | systemd-nspawn --quiet --directory="$root" --register=no --keep-unit --private-network --pipe \
        systemd-creds encrypt --with-key=host --name=worker-bootstrap.document - - |
        put "$store/worker-bootstrap.document" 0600
    printf '%s\n' '[Service]' "LoadCredentialEncrypted=worker-bootstrap.document:/$store/worker-bootstrap.document" |
        put etc/systemd/system/worker-bootstrap.service.d/credential.conf 0644
}

credential_joins() { # credential_joins NAME TITLE DELIVER
    local store
    title "credential: $2"
    machine_new "$1"
    issue
    "$3"
    check 'the store has it' test -s "$root/$store/worker-bootstrap.document"
    machine_boot
    check 'the boot comes to its end' wait_until 60 booted
    check 'the run comes to its end' wait_until 60 run_ended
    check 'the cluster has the node' node_is_registered
    is 'the unit ended well, without a restart' "$(run_end)" 'inactive success 0 0'
    journal_read
    is 'the journal says where it was found' \
        "$(journal 'map(.MESSAGE | select(startswith("credential worker-bootstrap.document: "))) | join(", ")' -r)" \
        'credential worker-bootstrap.document: found'
    is 'the store has it no more' "$(ls -A "$root/$store")" ''
    is "systemd's own copy went with the unit" "$(inside sh -c 'ls -d /run/credentials/worker-bootstrap.service 2>/dev/null' || true)" ''
    token_is_nowhere
    machine_done
}
