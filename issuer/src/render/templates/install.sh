#!/bin/sh
# Installs worker-bootstrap on this machine: the program, its units and its manual, below /usr, and enables
# the units. Starts nothing and holds no token. Needs root, tar, gzip, and curl or wget.
set -eu
origin=@ORIGIN@
# The SHA-256 of each architecture's archive; empty where there is none.
amd64=@AMD64@
arm64=@ARM64@
# The CA of origin's certificate; empty where the system's own authorities are meant.
authority=@AUTHORITY@
@SAY@
@FETCH@

[ "$(id -u)" = 0 ] || die 8 "installing worker-bootstrap needs root"
for tool in tar gzip sha256sum systemctl; do
    command -v "$tool" >/dev/null || die 8 "installing worker-bootstrap needs $tool"
done
machine=$(uname -m)
case $machine in
    x86_64) architecture=amd64 expected=$amd64 ;;
    aarch64) architecture=arm64 expected=$arm64 ;;
    *) architecture=$machine expected='' ;;
esac
[ -n "$expected" ] || die 8 "$origin has no worker-bootstrap for this machine's architecture, $architecture"

umask 022
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' HUP TERM
name=worker-bootstrap-linux-$architecture.tar.gz
say "downloads $name from $origin"
fetch "$origin/artifacts/$expected/$name" "$expected" "$work/archive"

# The program last, and by a rename: it is there when all else is.
tar -xzf "$work/archive" -C / --no-same-owner --exclude=usr/bin/worker-bootstrap
systemctl --quiet preset worker-bootstrap.service worker-bootstrap.path worker-bootstrap-sweep.service
if [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
systemd-tmpfiles --create worker-bootstrap.conf || say "systemd-tmpfiles did not like worker-bootstrap.conf"
journalctl --update-catalog || say "the journal will not explain worker-bootstrap's messages"
trap 'rm -rf "$work" /usr/bin/.worker-bootstrap.new' EXIT
tar -xzOf "$work/archive" usr/bin/worker-bootstrap >/usr/bin/.worker-bootstrap.new
chmod 0755 /usr/bin/.worker-bootstrap.new
mv /usr/bin/.worker-bootstrap.new /usr/bin/worker-bootstrap
say "$(/usr/bin/worker-bootstrap --version) is installed"
