# shellcheck shell=bash
# The document as a credential of systemd: the file of the name in a store, plain and encrypted for this
# machine, is all that is delivered.

case_credential() {
    title 'credential: from a store'
    machine_new worker-credential
    issue
    document | put etc/credstore/worker-bootstrap.document 0600
    machine_boot
    check 'the boot comes to its end' wait_until 60 booted
    credential_joins etc/credstore

    # systemd of 254 and later imports it by itself; before, it takes this drop-in.
    title 'credential: encrypted in a store'
    machine_new worker-encrypted
    issue
    machine_boot
    check 'the boot comes to its end' wait_until 60 booted
    check 'the run comes to its end' wait_until 60 run_ended
    is 'without a credential the unit finds none' "$(run_end)" 'failed exit-code 3 0'
    inside mkdir -p /etc/credstore.encrypted
    check 'the store has it, encrypted for this machine' encrypt
    deliver /etc/systemd/system/worker-bootstrap.service.d/credential.conf \
        <<<$'[Service]\nLoadCredentialEncrypted=worker-bootstrap.document:/etc/credstore.encrypted/worker-bootstrap.document'
    inside systemctl daemon-reload
    inside systemctl start --no-block worker-bootstrap.service
    check 'the machine joins' wait_until 60 node_is_registered
    credential_joins etc/credstore.encrypted
}

encrypt() {
    document | inside systemd-creds encrypt --with-key=host --name=worker-bootstrap.document \
        - /etc/credstore.encrypted/worker-bootstrap.document
}

credential_joins() { # credential_joins STORE
    check 'the run comes to its end' wait_until 60 run_ended
    check 'the cluster has the node' node_is_registered
    is 'the unit ended well, without a restart' "$(run_end)" 'inactive success 0 0'
    journal_read
    is 'the journal says where it was found' "$(
        journal 'map(.MESSAGE | select(. == "credential worker-bootstrap.document: found")) | length'
    )" 1
    is 'the store has it no more' "$(inside ls -A "/$1")" ''
    is "systemd's own copy went with the unit" "$(inside sh -c 'ls -d /run/credentials/worker-bootstrap.service 2>/dev/null' || true)" ''
    token_is_nowhere
    machine_done
}
