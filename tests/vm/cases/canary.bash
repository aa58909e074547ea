# shellcheck shell=bash
# The search itself: it finds a secret in every form on a disk, in files and in the blocks of files that were
# deleted, and tells the two apart. One that could not find would prove nothing of the other cases.

case_canary() {
    title 'canary: the search finds what is there'
    name=canary
    token=$(random 6).$(random 16)
    mkdir -p "$work/$name/forms"
    disk=$work/$name/disk
    local secret=${token#*.} row form expected missed='' rows=(
        'plain              plain'
        'first-half         plain'
        'second-half        plain'
        'base64-0           base64 at 0'
        'base64-1           base64 at 1'
        'base64-2           base64 at 2'
        'base64-wrapped     base64 at 0'
        'base64-twice       base64 at 0 in base64 at 0'
        'hex                hex'
        'hex-capitals       HEX'
        'percent            percent'
        'percent-capitals   PERCENT'
        'utf-16le           UTF-16'
        'utf-16be           UTF-16'
        'gzip               plain in gzip'
        'gzip-base64        plain in gzip in base64'
        'after-a-hole       plain'
    )
    for row in "${rows[@]}"; do "canary_$(tr - _ <<<"${row%% *}")" "$secret" >"$work/$name/forms/${row%% *}"; done

    truncate -s 256M "$disk"
    mkfs.ext4 -q -b 4096 "$disk"
    {
        echo "lcd $work/$name/forms"
        for row in "${rows[@]}"; do printf 'write %s %s\n' "${row%% *}" "${row%% *}" "${row%% *}" "gone-${row%% *}"; done
        for row in "${rows[@]}"; do printf 'rm gone-%s\n' "${row%% *}"; done
    } | debugfs -w -f - "$disk" >"$work/$name/debugfs.log" 2>&1

    search --ext4 "$disk" >"$work/$name/hits" || true
    for row in "${rows[@]}"; do
        form=${row%% *}
        expected=${row#"$form"}
        expected=${expected#"${expected%%[! ]*}"}
        grep -Pq "\t\Q$expected\E\tinode \d+ /\Q$form\E\$" "$work/$name/hits" || missed+="$form "
    done
    is "it finds it in each of ${#rows[@]} forms, and names form and file" "$missed" ''
    is 'it finds each once more in a free block, and names that' \
        "$(awk -F '\t' '$4 == "free" { print $3 }' "$work/$name/hits" | sort)" \
        "$(awk -F '\t' '$4 != "free" { print $3 }' "$work/$name/hits" | sort)"
    is 'it finds nothing where there is nothing' "$(token=$(random 6).$(random 16) search --ext4 "$disk")" ''
    # The size of the parts in which a file is read, less some.
    head -c $(((32 << 20) - 5)) /dev/zero | tr '\0' . >"$work/$name/border"
    printf '%s' "$secret" >>"$work/$name/border"
    is 'it finds what lies across the border of two parts' "$(search "$work/$name/border" | cut -f 2 | tr '\n' ' ')" \
        "$(((32 << 20) - 5)) $(((32 << 20) + 3)) "
    rm "$disk" "$work/$name/border"
    disk=''
}

canary_plain() { printf 'token: abcdef.%s\n' "$1"; }
canary_first_half() { printf '%s' "${1:0:8}"; }
canary_second_half() { printf '%s' "${1:8}"; }
canary_base64_0() { printf '...%s...' "$1" | base64 -w 0; }
canary_base64_1() { printf '....%s...' "$1" | base64 -w 0; }
canary_base64_2() { printf '.....%s...' "$1" | base64 -w 0; }
# Broken within the first half, as a mail would.
canary_base64_wrapped() { printf '%54s%s' '' "$1" | base64 -w 76; }
canary_base64_twice() { printf '%s' "$1" | base64 -w 0 | base64 -w 0; }
canary_hex() { printf '%s' "$1" | od -An -v -tx1 | tr -d ' \n'; }
canary_hex_capitals() { canary_hex "$1" | tr a-f A-F; }
canary_percent() { canary_hex "$1" | sed 's/../%&/g'; }
canary_percent_capitals() { canary_hex_capitals "$1" | sed 's/../%&/g'; }
canary_utf_16le() { printf '%s' "$1" | iconv -f ascii -t utf-16le; }
canary_utf_16be() { printf '%s' "$1" | iconv -f ascii -t utf-16be; }
canary_gzip() { canary_plain "$1" | gzip; }
canary_gzip_base64() { canary_gzip "$1" | base64 -w 76; }
canary_after_a_hole() {
    head -c 1M /dev/zero
    canary_plain "$1"
}
