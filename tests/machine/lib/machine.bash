# shellcheck shell=bash
# One machine at a time: a file system laid over the image, booted by systemd-nspawn in the network
# namespace of the machines. Sourced by run, which sets work, image and machine_namespace.

name=''   # of the machine under test
root=''   # where its file system is mounted
nspawn='' # the process that holds it
init=''   # its process 1, as seen from here

overlay() { # overlay LOWER DIRECTORY
    mkdir -p "$2/upper" "$2/work" "$2/root"
    mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" "$2/root"
}

# What all machines have over the image: the package, a kubelet, a clock that counts as synchronized.
# The package is installed as it is while an image is built: in a file system that is not running.
machine_base() { # machine_base PACKAGE
    overlay "$image" "$work/base"
    local base=$work/base/root
    install -m 0755 "$here/kubelet" "$base/usr/bin/kubelet"
    cp "$1" "$base/root/package.deb"
    systemd-nspawn --quiet --directory="$base" --register=no --keep-unit --private-network --pipe \
        dpkg --install /root/package.deb </dev/null
    rm "$base/root/package.deb"
    mkdir -p "$base/etc/tmpfiles.d"
    printf '%s\n' 'd /run/systemd/timesync 0755' 'f /run/systemd/timesync/synchronized 0644' \
        >"$base/etc/tmpfiles.d/clock-is-synchronized.conf"
    # The interface is configured from outside; there are no locales to choose from.
    printf '%s\n' 'network: {config: disabled}' 'locale: C.UTF-8' \
        >"$base/etc/cloud/cloud.cfg.d/99-machine.cfg"
    umount "$base"
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

booted() { [ "$(inside systemctl is-active multi-user.target)" = active ]; }

# property NAME [UNIT]
property() { inside systemctl show --property "$1" --value "${2:-worker-bootstrap.service}"; }

run_ended() { case $(property ActiveState) in inactive | failed) ;; *) return 1 ;; esac; }

# How the last run ended: state, result, exit status, restarts.
run_end() {
    echo "$(property ActiveState) $(property Result) $(property ExecMainStatus) $(property NRestarts)"
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
