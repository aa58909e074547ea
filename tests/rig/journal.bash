# shellcheck shell=bash
# What the journal of the machine says, and where its token is not. Sourced by rig.bash.

catalog=$repository/packaging/generated/worker-bootstrap.catalog

# message_id SUBJECT: the id whose catalog entry begins so.
message_id() {
    local id
    id=$(awk -v subject="Subject: $1" '/^-- / { id = $2 } index($0, subject) == 1 { print id; exit }' "$catalog")
    : "${id:?no entry of the catalog begins with: $1}"
    echo "$id"
}

# Writes the events of the unit's own processes, in this boot, to journal.json as one array.
journal_read() {
    inside journalctl --boot --output json --no-pager --quiet \
        SYSLOG_IDENTIFIER=worker-bootstrap _SYSTEMD_UNIT=worker-bootstrap.service | jq -s . >"$work/$name/journal.json"
}

# journal FILTER [ARGUMENT...]: asks the array.
journal() {
    local filter=$1
    shift
    jq -c "$@" "$filter" "$work/$name/journal.json"
}

runs() { journal 'map(._SYSTEMD_INVOCATION_ID) | unique | length'; }

# Looks at the arguments and the environment of every process, here and in the machine, again and again.
watch_processes() {
    : >"$work/watch.hits"
    : >"$work/watch.rounds"
    while :; do
        grep -laFs -f "$work/secrets" /proc/[0-9]*/cmdline /proc/[0-9]*/environ >>"$work/watch.hits" || true
        echo >>"$work/watch.rounds"
        sleep 0.02
    done 8>&- 9>&- &
    watcher=$!
}

watch_processes_end() {
    # A process with the secret in its environment is one that the watch must find.
    local planted rounds
    planted=$(head -n 1 "$work/secrets")
    PLANTED=$planted sleep 30 8>&- 9>&- &
    local sleeper=$!
    rounds=$(wc -l <"$work/watch.rounds")
    check 'the watch of the processes sees one that has the token' wait_until 20 grep -qs "^/proc/$sleeper/" "$work/watch.hits"
    kill "$sleeper" "$watcher"
    wait "$sleeper" "$watcher" 2>/dev/null || true
    watcher=''
    is "the token was in no other process's arguments or environment (looked $rounds times)" \
        "$(grep -v "^/proc/$sleeper/" "$work/watch.hits")" ''
}

# files_with_token: every file of the machine that holds the token, by name. The patterns go in by standard
# input: the search itself must not carry what it searches for.
files_with_token() {
    inside grep -rlaFs --devices=skip --exclude-dir=proc --exclude-dir=sys -f - / <"$work/secrets" || true
}

# Each search finds what it must find before it is believed that there is nothing.
token_is_nowhere() {
    local planted=/var/tmp/planted exported
    head -n 1 "$work/secrets" | inside tee "$planted" >/dev/null
    is "the token is in no file of the machine but the one planted for the search" "$(files_with_token)" "$planted"
    inside rm "$planted"
    exported=$(inside journalctl --all --output export --no-pager | grep -ac '^__CURSOR=' || true)
    check "the journal is exported ($exported entries)" [ "$exported" -gt 0 ]
    is "the token is not in the journal, in no field" "$(
        inside journalctl --all --output export --no-pager | grep -caF -f "$work/secrets" || true
    )" 0
    check 'the console was kept' [ -s "$work/$name/console" ]
    is "the token is not on the console" "$(grep -caF -f "$work/secrets" "$work/$name/console" || true)" 0
}
