# shellcheck shell=bash
# The cable is out: the boot goes on, the run is repeated, and joins once the cable is in.

case_waiting() {
    title 'waiting: no server can be reached'
    machine_new worker-waiting
    issue
    document | sed 's/timeout: 1m/timeout: 2s/' | put etc/worker-bootstrap/bootstrap.yaml 0600
    # The pause between two runs, shortened.
    put etc/systemd/system/worker-bootstrap.service.d/soon.conf 0644 <<<$'[Service]\nRestartSec=100ms'
    cable down
    machine_boot
    check 'the boot comes to its end while there is no server' wait_until 60 booted
    check 'the run is repeated' wait_until 60 ran_again
    journal_read
    is 'each time for a temporary reason' \
        "$(journal 'map(select(.PRIORITY == "3") | .REASON) | unique | join(" ")' -r)" server_unreachable
    is 'the last status was 75' "$(property ExecMainStatus)" 75
    check 'the journal says what is waited for, with the last error' \
        test "$(journal 'map(select(.STEP_STATE == "waiting" and .ATTEMPT != null)) | length')" -gt 0
    check 'the document is kept' inside test -s /etc/worker-bootstrap/bootstrap.yaml

    title 'waiting: the server comes back'
    cable up
    check 'the machine joins' wait_until 60 node_is_registered
    check 'the run comes to its end' wait_until 60 run_has_succeeded
    token_is_nowhere
    machine_done
}

ran_again() { [ "$(property NRestarts)" -ge 2 ]; }

run_has_succeeded() { [ "$(property ActiveState) $(property Result)" = 'inactive success' ]; }
