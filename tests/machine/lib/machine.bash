# shellcheck shell=bash
# One machine at a time: a file system laid over the image, booted by systemd-nspawn in the network
# namespace of the machines. Sourced by run, which sets work, image and machine_namespace.

name=''   # of the machine under test
root=''   # where its file system is mounted
nspawn='' # the process that holds it
init=''   # its process 1, as seen from here

machine_base() { # machine_base PACKAGE
    base_make "$1"
    umount "$work/base/root"
}

machine_new() { # machine_new NAME
    name=$1
    overlay "$work/base/upper:$image" "$work/$name"
    root=$work/$name/root
    echo "$name" >"$root/etc/hostname"
    # The runtime's own overlays cannot lie upon an overlay.
    mkdir -p "$work/$name/containerd"
}

# All capabilities and bpf: what systemd needs to sandbox a unit here as it does on a machine. The other
# calls and /dev/kmsg are for the kubelet and the runtime.
machine_boot() {
    setsid systemd-nspawn --quiet --directory="$root" --boot \
        --register=no --keep-unit --machine="$name" --network-namespace-path="/run/netns/$machine_namespace" \
        --resolv-conf=off --timezone=off --link-journal=no --capability=all \
        --system-call-filter='bpf @keyring @privileged @mount' --bind=/dev/kmsg --bind="$work/$name/containerd:/var/lib/containerd" \
        </dev/null >>"$work/$name/console" 2>&1 8>&- 9>&- &
    nspawn=$!
    wait_until 10 find_init
}

find_init() {
    init=$(pgrep -P "$nspawn") && [ "$(cat "/proc/$init/comm")" = systemd ] && [ -S "/proc/$init/root/run/systemd/private" ]
}

# Runs a command in the machine. Its standard input goes with it.
inside() {
    nsenter -t "$init" -m -u -i -n -p -r -w env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 "$@"
}

# put PATH MODE: standard input becomes a file of the machine that is not running.
put() {
    mkdir -p "$root/${1%/*}"
    (umask 077 && cat >"$root/$1")
    chmod "$2" "$root/$1"
}

# deliver PATH: standard input becomes a file of the running machine, by a rename, as writers should.
deliver() {
    # shellcheck disable=SC2016 # expanded inside
    inside sh -c 'umask 077 && mkdir -p "${1%/*}" && cat >"$1.new" && mv "$1.new" "$1"' sh "$1"
}

machine_off() {
    if [ -z "$nspawn" ]; then return; fi
    # systemd(1): SIGRTMIN+4 powers off.
    kill -s RTMIN+4 "$init" 2>/dev/null || true
    wait_until 30 nspawn_ended >/dev/null || machine_kill
    wait "$nspawn" 2>/dev/null || true
    nspawn='' init=''
}

nspawn_ended() { ! kill -0 "$nspawn" 2>/dev/null; }

machine_kill() {
    if [ -n "$init" ]; then kill -KILL "$init" 2>/dev/null || true; fi
    if [ -n "$nspawn" ]; then kill -KILL "$nspawn" 2>/dev/null || true; fi
}

machine_done() {
    machine_off
    umount "$root"
    root=''
}
