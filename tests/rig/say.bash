# shellcheck shell=bash
# What the tests say, and how they wait. Sourced by rig.bash.

passed=0
failed=0

title() { printf '\n%s\n' "$1"; }

ok() {
    passed=$((passed + 1))
    printf 'ok      %s\n' "$1"
}

# failed TEXT [DETAIL]
failed() {
    failed=$((failed + 1))
    printf 'FAILED  %s\n' "$1"
    if [ -n "${2:-}" ]; then sed -n '1,20s/^/        | /p' <<<"$2"; fi
}

skipped() { printf 'skipped %s\n' "$1"; }

# check TEXT COMMAND...: the command succeeds.
check() {
    local text=$1 said
    shift
    if said=$("$@" 2>&1); then ok "$text"; else failed "$text" "$*: $said"; fi
}

# is TEXT SEEN EXPECTED
is() {
    if [ "$2" = "$3" ]; then ok "$1"; else failed "$1" "seen:     $2"$'\n'"expected: $3"; fi
}

# wait_until SECONDS COMMAND...: succeeds as soon as the command does, fails at the deadline.
wait_until() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        if [ "$SECONDS" -ge "$deadline" ]; then
            echo "not so in time"
            "$@"
            return
        fi
        sleep 0.1
    done
}
