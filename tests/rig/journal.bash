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
    kill "$watcher"
    wait "$watcher" 2>/dev/null || true
    watcher=''
    is "the token was in no process's arguments or environment (looked $(wc -l <"$work/watch.rounds") times)" \
        "$(cat "$work/watch.hits")" ''
}

token_is_nowhere() {
    # The patterns go in by standard input: the search itself must not carry what it searches for.
    is "the token is in no file of the machine" "$(
        inside grep -rlaFs --devices=skip --exclude-dir=proc --exclude-dir=sys -f - / <"$work/secrets" || true
    )" ''
    is "the token is not in the journal, in no field" "$(
        inside journalctl --all --output export --no-pager | grep -caF -f "$work/secrets" || true
    )" 0
    is "the token is not on the console" "$(grep -caF -f "$work/secrets" "$work/$name/console" || true)" 0
}
