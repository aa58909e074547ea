# shellcheck shell=bash
# The file system that every machine under test begins with: the image, and over it the package, a kubelet
# and a clock that counts as synchronized. Sourced by rig.bash; run sets work and image.

overlay() { # overlay LOWER DIRECTORY
    mkdir -p "$2/upper" "$2/work" "$2/root"
    mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" "$2/root"
}

# The package is installed as it is while an image is built: in a file system that is not running. It stays
# mounted, at $work/base/root.
base_make() { # base_make PACKAGE
    overlay "$image" "$work/base"
    local base=$work/base/root
    install -m 0755 "$rig/kubelet" "$base/usr/bin/kubelet"
    install -m 0755 "$rig/register-node" "$base/usr/lib/register-node"
    cp "$1" "$base/root/package.deb"
    systemd-nspawn --quiet --directory="$base" --register=no --keep-unit --private-network --pipe \
        dpkg --install /root/package.deb </dev/null
    rm "$base/root/package.deb"
    mkdir -p "$base/etc/tmpfiles.d"
    printf '%s\n' 'd /run/systemd/timesync 0755' 'f /run/systemd/timesync/synchronized 0644' \
        >"$base/etc/tmpfiles.d/clock-is-synchronized.conf"
    # The interface is not cloud-init's to configure; there are no locales to choose from.
    printf '%s\n' 'network: {config: disabled}' 'locale: C.UTF-8' \
        >"$base/etc/cloud/cloud.cfg.d/99-machine.cfg"
}
