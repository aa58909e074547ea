# shellcheck shell=bash
# What systemd of the machine under test says. Sourced by rig.bash; the machine defines inside.

booted() { [ "$(inside systemctl is-active multi-user.target)" = active ]; }

# Of units that wait for one another there would be some for ever.
no_job_waits() { [ -z "$(inside systemctl list-jobs --no-legend)" ]; }

# property NAME [UNIT]
property() { inside systemctl show --property "$1" --value "${2:-worker-bootstrap.service}"; }

run_ended() { case $(property ActiveState) in inactive | failed) ;; *) return 1 ;; esac; }

# How the last run ended: state, result, exit status, restarts.
run_end() {
    echo "$(property ActiveState) $(property Result) $(property ExecMainStatus) $(property NRestarts)"
}

sweep_ended() {
    [ -n "$(property ExecMainExitTimestamp worker-bootstrap-sweep.service)" ] &&
        [ "$(property ActiveState worker-bootstrap-sweep.service)" = inactive ]
}
