# shellcheck shell=bash
# What is refused stays refused until something changes, and then needs no hand but the one that
# delivers the right document.

case_refused() {
    title 'refused: a document with a mistake'
    machine_new worker-refused
    issue
    document | sed 's/^expiresAt:/expiresOn:/' | put etc/worker-bootstrap/bootstrap.yaml 0600
    machine_boot
    check 'the boot comes to its end' wait_until 60 booted
    check 'the run comes to its end' wait_until 60 run_ended
    journal_read
    is 'the unit failed with 4 and is not restarted' "$(run_end)" 'failed exit-code 4 0'
    local refused
    refused=$(message_id 'document_invalid: ')
    is 'the journal has one error, with its reason' \
        "$(journal 'map(select(.PRIORITY == "3") | "\(.MESSAGE_ID) \(.REASON) \(.STEP) \(.STEP_STATE)") | join(", ")' -r)" \
        "$refused document_invalid admit failed"
    check 'its line names the file, the place and the field' \
        grep -Eq '/etc/worker-bootstrap/bootstrap.yaml.*expiresOn' <(journal 'last | .MESSAGE' -r)
    check 'the document is still there' inside test -s /etc/worker-bootstrap/bootstrap.yaml
    is 'nothing was changed' "$(inside sh -c 'ls -d /etc/kubernetes /run/cluster-api 2>/dev/null' || true)" ''
    is 'it ran once' "$(runs)" 1

    title 'refused: the right document is put in its place'
    document | deliver /etc/worker-bootstrap/bootstrap.yaml
    check 'the machine joins' wait_until 60 node_is_registered
    check 'the run comes to its end' wait_until 60 run_ended
    journal_read
    is 'the unit ended well' "$(run_end)" 'inactive success 0 0'
    is 'it ran once more, and not again when the document was erased' "$(runs)" 2
    token_is_nowhere
    machine_done
}
