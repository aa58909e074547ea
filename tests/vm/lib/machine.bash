# shellcheck shell=bash
# One virtual machine at a time: a raw disk with one ext4 file system, a kernel, an emulated processor. Its
# network is QEMU's own, which goes out from the network namespace of the machines. Sourced by run, which sets
# work, image and machine_namespace.

name=''     # of the machine under test
disk=''     # its disk
emulator='' # the process that holds it

machine_base() { # machine_base PACKAGE
    base_make "$1"
    local base=$work/base/root stage
    # ssh, with a key of this run, is how commands get in.
    ssh-keygen -q -t ed25519 -N '' -C tests -f "$work/key"
    cp "$work/key.pub" "$base/etc/ssh/of_the_tests.pub"
    printf '%s\n' 'AuthorizedKeysFile /etc/ssh/of_the_tests.pub' 'PermitRootLogin prohibit-password' \
        >"$base/etc/ssh/sshd_config.d/tests.conf"
    # The addresses are those that QEMU's network has by default.
    printf '%s\n' '[Match]' 'Name=eth0' '[Network]' 'Address=10.0.2.15/24' 'Gateway=10.0.2.2' \
        >"$base/etc/systemd/network/eth0.network"
    chroot "$base" systemctl --quiet enable systemd-networkd
    # What one stage of cloud-init has written is on the disk before the next writes it anew, as on a machine
    # that takes longer than the kernel waits.
    for stage in cloud-init-local cloud-init cloud-config; do
        mkdir -p "$base/etc/systemd/system/$stage.service.d"
        printf '%s\n' '[Service]' ExecStartPost=/bin/sync >"$base/etc/systemd/system/$stage.service.d/sync.conf"
    done
    # The journal is kept on the disk, as copies of the token must not be in it either.
    mkdir -p "$base/var/log/journal"
    # Room for what cloud-init and the runtime write.
    truncate -s 2G "$work/base.disk"
    mkfs.ext4 -q -d "$base" "$work/base.disk"
    umount "$base"
}

machine_new() { # machine_new NAME
    name=$1
    mkdir -p "$work/$name"
    disk=$work/$name/disk
    cp --sparse=always "$work/base.disk" "$disk"
}

# machine_boot on|off [ARGUMENT...]: whether the disk can discard blocks; the arguments go to QEMU.
machine_boot() {
    local kernel=("$image"/boot/vmlinuz-*) initrd=("$image"/boot/initrd.img-*) discard=$1 drop=ignore
    shift
    # Both sides: one that offers to discard and then does not would be lying to the machine.
    if [ "$discard" = on ]; then drop=unmap; fi
    ip netns exec "$machine_namespace" qemu-system-x86_64 \
        -machine q35,accel=tcg -cpu max -m 1024 -nodefaults -no-reboot -display none \
        -kernel "${kernel[0]}" -initrd "${initrd[0]}" \
        -append 'root=/dev/vda rw console=ttyS0 net.ifnames=0 panic=-1 quiet systemd.firstboot=off' \
        -drive "file=$disk,format=raw,if=none,id=disk,discard=$drop" \
        -device "virtio-blk-pci,drive=disk,discard=$discard" \
        -netdev user,id=net,hostfwd=tcp:127.0.0.1:2222-:22 -device virtio-net-pci,netdev=net \
        -device virtio-rng-pci -serial "file:$work/$name/console" "$@" \
        </dev/null >"$work/$name/emulator" 2>&1 8>&- 9>&- &
    emulator=$!
    wait_until 180 door_opens
}

# One connection for all commands: to agree on keys takes the machine a second.
door() {
    ip netns exec "$machine_namespace" ssh -q -F none -i "$work/key" -p 2222 -S "$work/door" \
        -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o BatchMode=yes -o ConnectTimeout=10 "$@"
}
door_opens() { door -M -N -f root@127.0.0.1 >/dev/null 2>&1 8>&- 9>&-; }

# Runs a command in the machine. Its standard input goes with it.
inside() { door root@127.0.0.1 "$(printf '%q ' "$@")"; }

emulator_ended() { ! kill -0 "$emulator" 2>/dev/null; }

machine_off() {
    if [ -z "$emulator" ]; then return; fi
    inside systemctl --no-block poweroff </dev/null || true
    wait_until 90 emulator_ended >/dev/null || machine_kill
    wait "$emulator" 2>/dev/null || true
    emulator=''
}

machine_kill() {
    if [ -n "$emulator" ]; then kill -KILL "$emulator" 2>/dev/null || true; fi
}

machine_done() {
    machine_off
    if [ -z "$keep" ]; then rm "$disk"; fi
    disk=''
}
