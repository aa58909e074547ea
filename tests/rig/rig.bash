# shellcheck shell=bash
# What tests/machine and tests/vm have in common: the package and the cluster, a folder that is taken away at
# the end, the cases one after the other, the count. Sourced by their run, which sets here and defines the
# kind of machine: machine_base, machine_new, machine_boot, inside, machine_off, machine_kill, machine_done.

rig=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repository=$rig/../..
for file in say cluster issuer base unit journal; do
    # shellcheck source=/dev/null
    . "$rig/$file.bash"
done

work=''
watcher=''

# rig_tools TOOL...: installs what is missing, by the packages' names.
rig_tools() {
    local tool missing=()
    for tool in "$@"; do
        if ! command -v "${tool%%:*}" >/dev/null; then missing+=("${tool##*:}"); fi
    done
    if [ "${#missing[@]}" = 0 ]; then return; fi
    apt-get update -qq >&2
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends --no-remove "${missing[@]}" >&2
}

# Builds what is to be tested where the environment does not name it, and starts the network and the cluster.
rig_begin() {
    cd "$repository" || return
    local package=${WORKER_BOOTSTRAP_DEB:-}
    if [ -z "$package" ]; then package=$(packaging/build-deb); fi
    issuer=${BOOTSTRAP_ISSUER:-}
    if [ -z "$issuer" ]; then
        cargo build --quiet --locked --package bootstrap-issuer
        issuer=${CARGO_TARGET_DIR:-$PWD/target}/debug/bootstrap-issuer
    fi
    work=$(mktemp -d "/tmp/worker-bootstrap-${here##*/}.XXXXXX")
    trap rig_end EXIT
    trap 'exit 130' INT TERM
    # Told where the standard output goes, whatever the failing command's own goes to.
    exec 8>&1
    trap '[ "$BASH_SUBSHELL" != 0 ] || echo "FAILED  the test itself, at ${BASH_SOURCE[0]##*/}:$LINENO: $BASH_COMMAND" >&8' ERR
    set -o errtrace
    network_make
    cluster_start
    machine_base "$package" >"$work/install.log" 2>&1
}

rig_end() {
    local status=$?
    set +e
    trap '' INT TERM
    if [ -n "$watcher" ]; then kill "$watcher"; fi
    machine_kill
    if [ -n "$issuing" ]; then kill "$issuing"; fi
    if [ -n "$cluster" ]; then kill "$cluster"; fi
    wait 2>/dev/null
    network_remove
    local mounted
    for mounted in "$work"/*/root; do
        if mountpoint -q "$mounted"; then umount "$mounted"; fi
    done
    if [ -n "$keep" ]; then
        echo "kept: $work"
    else
        rm -rf --one-file-system "$work"
    fi
    if [ "$status" != 0 ]; then failed=$((failed + 1)); fi
    printf '\n%d passed, %d failed\n' "$passed" "$failed"
    if [ "$failed" = 0 ]; then exit 0; else exit 1; fi
}

# rig_cases [CASE...]: those named, else every one there is.
rig_cases() {
    local file case began
    for file in "$here"/cases/*.bash; do
        # shellcheck source=/dev/null
        . "$file"
    done
    if [ "$#" = 0 ]; then
        for file in "$here"/cases/*.bash; do set -- "$@" "$(basename "$file" .bash)"; done
    fi
    for case in "$@"; do
        began=$SECONDS
        "case_${case//-/_}"
        printf '        (%s: %d s)\n' "$case" $((SECONDS - began))
    done
}
