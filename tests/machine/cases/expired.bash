# shellcheck shell=bash
# A bootstrap that has expired is erased, and the reason stays readable.

case_expired() {
    title 'expired: the machine boots too late'
    machine_new worker-expired
    issue
    document 1700000000 | put etc/worker-bootstrap/bootstrap.yaml 0600
    machine_boot
    check 'the boot comes to its end' wait_until 60 booted
    check 'the run comes to its end' wait_until 60 run_ended
    journal_read
    is 'the unit failed with 5 and is not restarted' "$(run_end)" 'failed exit-code 5 0'
    is 'the document is gone' "$(inside ls -A /etc/worker-bootstrap)" ''
    is 'it ran once: erasing the document is no delivery' "$(runs)" 1
    is 'the status says why' "$(inside cat /run/worker-bootstrap/status.json | jq -r .reason)" token_expired
    is 'the success file is not there' "$(inside sh -c 'ls -d /run/cluster-api 2>/dev/null' || true)" ''
    token_is_nowhere
    machine_done
}
