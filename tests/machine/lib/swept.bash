# shellcheck shell=bash
# A machine that cloud-init delivered the token to, after its sweep: nothing is left, and cloud-init works as
# before. To be asked of every boot. Sourced by run.

swept_clean() {
    check 'the sweep comes to its end' wait_until 60 sweep_ended
    check 'no job of systemd is left waiting' wait_until 30 no_job_waits
    is 'the sweep ended well' "$(property ExecMainStatus worker-bootstrap-sweep.service)" 0
    is 'by the result nothing that could be erased is left' "$(of_result '[.custody, .sweep] | map(.left // []) | add | length')" 0
    token_is_nowhere
    cloud_init_still_works
}

of_result() { inside cat /var/lib/worker-bootstrap/result.json | jq "$@"; }

# What was put over is read by cloud-init as before.
cloud_init_still_works() {
    is 'cloud-init status is done' "$(inside cloud-init status | head -n 1)" 'status: done'
    is 'cloud-init query knows the instance' "$(inside cloud-init query instance_id)" "i-$name"
    check 'cloud-init query gives the user-data' [ -n "$(inside cloud-init query userdata)" ]
    check 'obj.pkl loads' inside python3 -c 'import pickle
it = pickle.load(open("/var/lib/cloud/instance/obj.pkl", "rb"))
assert it.get_userdata_raw()'
    is 'obj.pkl has its mode' "$(inside stat -c %a /var/lib/cloud/instance/obj.pkl)" 400
}

cloud_init_done() { inside test -e /run/cloud-init/result.json; }
