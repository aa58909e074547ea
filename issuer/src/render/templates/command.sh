 ( set -eu
bootstrap=@BOOTSTRAP@
cluster=@CLUSTER@
uses=@USES@
@SAY@
say "joins this machine to $cluster as a worker, with the bootstrap $bootstrap: $uses"
case $-${BASH_VERSION:+bash}:${HISTCONTROL:-} in
    *ignorespace* | *ignoreboth*) ;;
    *i*bash:*) say "this shell's history will have the bootstrap in it: 'history -d \$((HISTCMD-1))' takes it out again" ;;
esac
as_root=''
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || die 8 "this needs root, and there is no sudo here: run it as root"
    as_root=sudo
fi
@OBTAIN@
# A shell may keep a here-document in a temporary file. If so, in memory.
for TMPDIR in /dev/shm /run none; do
    if [ -d "$TMPDIR" ] && [ -w "$TMPDIR" ]; then break; fi
done
[ "$TMPDIR" != none ] || die 8 "neither /dev/shm nor /run can be written to: the bootstrap would touch a disk"
say "starts worker-bootstrap, which reads the bootstrap from its standard input"
$as_root worker-bootstrap run --document - <<'END_OF_DOCUMENT'
@DOCUMENT@
END_OF_DOCUMENT
)
