# fetch URL SHA256 FILE: by https alone, a few times, and only what has this sum.
fetch() {
    attempt=1
    until download "$1" "$3"; do
        [ "$attempt" -lt 6 ] || die 75 "could not download $1: given up after $attempt attempts"
        say "could not download $1: attempt $attempt of 6, the next one in $((attempt * 5)) s"
        sleep $((attempt * 5))
        attempt=$((attempt + 1))
    done
    sum=$(sha256sum <"$3")
    [ "${sum%% *}" = "$2" ] || die 1 "$1 is not what was expected: its SHA-256 is ${sum%% *}, not $2"
}
download() {
    if [ -n "$authority" ]; then printf '%s\n' "$authority" >"$work/authority"; fi
    if command -v curl >/dev/null; then
        curl --proto '=https' --tlsv1.2 --fail --silent --show-error --connect-timeout 10 --max-time 120 \
            ${authority:+--cacert "$work/authority"} --output "$2" "$1"
    elif command -v wget >/dev/null; then
        wget --https-only --no-verbose --tries=1 --timeout=30 --max-redirect=0 \
            ${authority:+--ca-certificate="$work/authority"} --output-document="$2" "$1"
    else
        die 8 "neither curl nor wget is installed: install one of them, or worker-bootstrap itself"
    fi
}
