# shellcheck shell=bash
# The cable is out: the boot goes on, the run is repeated, and joins once the cable is in.

case_waiting() {
    title 'waiting: no server can be reached'
    machine_new worker-waiting
    issue
    document | sed 's/timeout: 1m/timeout: 5s/' | put etc/worker-bootstrap/bootstrap.yaml 0600
    # The pause between two runs, shortened.
    put etc/systemd/system/worker-bootstrap.service.d/soon.conf 0644 <<<$'[Service]\nRestartSec=100ms'
    cable down
    machine_boot
    check 'the boot comes to its end while there is no server' wait_until 60 booted
    check 'the run is repeated' wait_until 60 ran_again
    journal_read
    is 'each time for a temporary reason' \
        "$(journal 'map(select(.PRIORITY == "3") | .REASON) | unique | join(" ")' -r)" server_unreachable
    is 'each time with exit status 75' "$(of_systemd EXIT_STATUS)" 75
    is 'and each time it was ready before that' "$(of_systemd JOB_RESULT)" 'done'
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

ran_again() { [ "$(property NRestarts)" -ge 1 ]; }

# of_systemd FIELD: what systemd itself has logged of the unit, each value once.
of_systemd() {
    inside journalctl --boot --output json --no-pager --quiet _PID=1 UNIT=worker-bootstrap.service |
        jq -r ".$1 // empty" | sort -u
}

run_has_succeeded() { [ "$(property ActiveState) $(property Result)" = 'inactive success' ]; }
