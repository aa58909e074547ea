#compdef worker-bootstrap

autoload -U is-at-least

_worker-bootstrap() {
    typeset -A opt_args
    typeset -a _arguments_options
    local ret=1

    if is-at-least 5.2; then
        _arguments_options=(-s -S -C)
    else
        _arguments_options=(-s -C)
    fi

    local context curcontext="$curcontext" state line
    _arguments "${_arguments_options[@]}" : \
'--root=[Work below this directory instead of /; another root starts nothing and needs no root rights]:DIR:_files' \
'-v[Show debug lines]' \
'--verbose[Show debug lines]' \
'-h[Print help]' \
'--help[Print help]' \
'-V[Print version]' \
'--version[Print version]' \
":: :_worker-bootstrap_commands" \
"*::: :->worker-bootstrap" \
&& ret=0
    case $state in
    (worker-bootstrap)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:worker-bootstrap-command-$line[1]:"
        case $line[1] in
            (run)
_arguments "${_arguments_options[@]}" : \
'(--token-file)--document=[The bootstrap, in any form; - reads standard input. Without it the well-known places are searched]:PATH|-:_files' \
'--token-file=[A file with a token alone, the rest being said by flags; - reads standard input]:PATH|-:_files' \
'*--server=[An API server, for a form that names none; can be repeated]:URL:_default' \
'(--ca-file)*--ca-cert-hash=[A hash of the cluster'\''s CA, for a form that has none; can be repeated]:sha256:HEX:_default' \
'--ca-file=[The cluster'\''s CA in PEM, for a form that has none]:PATH:_files' \
'(--no-expiry)--expires-at=[When the token ends, for a form that does not say\: Unix seconds or RFC 3339]:TIME:_default' \
'--node-name=[The node'\''s name, instead of the document'\''s or the host'\''s]:NAME:_default' \
'--wait=[How far to follow the join]:STATE:_default' \
'--timeout=[How long the join may take, as 90s, 10m or 1h30m]:DURATION:_default' \
'*--skip-check=[Leave out this check; can be repeated]:ID:_default' \
'--root=[Work below this directory instead of /; another root starts nothing and needs no root rights]:DIR:_files' \
'--no-expiry[The form does not say when the token ends, and nobody knows\: the cluster alone judges]' \
'--no-start[Do everything but start the kubelet]' \
'--json[Print the result as JSON on standard output]' \
'-v[Show debug lines]' \
'--verbose[Show debug lines]' \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(check)
_arguments "${_arguments_options[@]}" : \
'--document=[Check what this document requires as well; it is not changed]:PATH|-:_files' \
'*--skip-check=[Leave out this check; can be repeated]:ID:_default' \
'--root=[Work below this directory instead of /; another root starts nothing and needs no root rights]:DIR:_files' \
'--json[As JSON]' \
'-v[Show debug lines]' \
'--verbose[Show debug lines]' \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(plan)
_arguments "${_arguments_options[@]}" : \
'(--token-file)--document=[The bootstrap, in any form; - reads standard input. Without it the well-known places are searched]:PATH|-:_files' \
'--token-file=[A file with a token alone, the rest being said by flags; - reads standard input]:PATH|-:_files' \
'*--server=[An API server, for a form that names none; can be repeated]:URL:_default' \
'(--ca-file)*--ca-cert-hash=[A hash of the cluster'\''s CA, for a form that has none; can be repeated]:sha256:HEX:_default' \
'--ca-file=[The cluster'\''s CA in PEM, for a form that has none]:PATH:_files' \
'(--no-expiry)--expires-at=[When the token ends, for a form that does not say\: Unix seconds or RFC 3339]:TIME:_default' \
'--node-name=[The node'\''s name, instead of the document'\''s or the host'\''s]:NAME:_default' \
'--wait=[How far to follow the join]:STATE:_default' \
'--timeout=[How long the join may take, as 90s, 10m or 1h30m]:DURATION:_default' \
'*--skip-check=[Leave out this check; can be repeated]:ID:_default' \
'--root=[Work below this directory instead of /; another root starts nothing and needs no root rights]:DIR:_files' \
'--no-expiry[The form does not say when the token ends, and nobody knows\: the cluster alone judges]' \
'--no-start[Do everything but start the kubelet]' \
'--json[As JSON]' \
'-v[Show debug lines]' \
'--verbose[Show debug lines]' \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(status)
_arguments "${_arguments_options[@]}" : \
'--root=[Work below this directory instead of /; another root starts nothing and needs no root rights]:DIR:_files' \
'--json[As JSON]' \
'-v[Show debug lines]' \
'--verbose[Show debug lines]' \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(wipe)
_arguments "${_arguments_options[@]}" : \
'*--token-id=[Search for this token as well, by its public half\: the six characters before the dot. Can be repeated]:ID:_default' \
'--root=[Work below this directory instead of /; another root starts nothing and needs no root rights]:DIR:_files' \
'--dry-run[Say what is there and what would be done; change nothing]' \
'--unused[Erase a bootstrap that has not been used yet as well\: nothing can join with it afterwards]' \
'--until-expiry[Leave out tokens that have expired and have been swept for since, as the unit does at each boot]' \
'--json[As JSON]' \
'-v[Show debug lines]' \
'--verbose[Show debug lines]' \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(reset)
_arguments "${_arguments_options[@]}" : \
'--root=[Work below this directory instead of /; another root starts nothing and needs no root rights]:DIR:_files' \
'--dry-run[Say what would be done; change nothing]' \
'--json[As JSON]' \
'-v[Show debug lines]' \
'--verbose[Show debug lines]' \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(explain)
_arguments "${_arguments_options[@]}" : \
'--root=[Work below this directory instead of /; another root starts nothing and needs no root rights]:DIR:_files' \
'-v[Show debug lines]' \
'--verbose[Show debug lines]' \
'-h[Print help]' \
'--help[Print help]' \
'::code -- The code, as it stands in the failure'\''s line; all codes without one:_default' \
&& ret=0
;;
        esac
    ;;
esac
}

(( $+functions[_worker-bootstrap_commands] )) ||
_worker-bootstrap_commands() {
    local commands; commands=(
'run:Do everything; a machine that is already joined is a fast no-op' \
'check:Run the host checks alone; needs no token, changes nothing' \
'plan:Show what run would do, step by step; changes nothing' \
'status:Show the current or last run' \
'wipe:Sweep now\: find and erase every local copy of the tokens that were used here' \
'reset:Take back exactly what the runs on this machine made, so that a new token can be used' \
'explain:Say what a reason code means, its usual causes, and what to do' \
    )
    _describe -t commands 'worker-bootstrap commands' commands "$@"
}
(( $+functions[_worker-bootstrap__subcmd__check_commands] )) ||
_worker-bootstrap__subcmd__check_commands() {
    local commands; commands=()
    _describe -t commands 'worker-bootstrap check commands' commands "$@"
}
(( $+functions[_worker-bootstrap__subcmd__explain_commands] )) ||
_worker-bootstrap__subcmd__explain_commands() {
    local commands; commands=()
    _describe -t commands 'worker-bootstrap explain commands' commands "$@"
}
(( $+functions[_worker-bootstrap__subcmd__plan_commands] )) ||
_worker-bootstrap__subcmd__plan_commands() {
    local commands; commands=()
    _describe -t commands 'worker-bootstrap plan commands' commands "$@"
}
(( $+functions[_worker-bootstrap__subcmd__reset_commands] )) ||
_worker-bootstrap__subcmd__reset_commands() {
    local commands; commands=()
    _describe -t commands 'worker-bootstrap reset commands' commands "$@"
}
(( $+functions[_worker-bootstrap__subcmd__run_commands] )) ||
_worker-bootstrap__subcmd__run_commands() {
    local commands; commands=()
    _describe -t commands 'worker-bootstrap run commands' commands "$@"
}
(( $+functions[_worker-bootstrap__subcmd__status_commands] )) ||
_worker-bootstrap__subcmd__status_commands() {
    local commands; commands=()
    _describe -t commands 'worker-bootstrap status commands' commands "$@"
}
(( $+functions[_worker-bootstrap__subcmd__wipe_commands] )) ||
_worker-bootstrap__subcmd__wipe_commands() {
    local commands; commands=()
    _describe -t commands 'worker-bootstrap wipe commands' commands "$@"
}

if [ "$funcstack[1]" = "_worker-bootstrap" ]; then
    _worker-bootstrap "$@"
else
    compdef _worker-bootstrap worker-bootstrap
fi
