# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_worker_bootstrap_global_optspecs
    string join \n root= v/verbose h/help V/version
end

function __fish_worker_bootstrap_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_worker_bootstrap_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_worker_bootstrap_using_subcommand
    set -l cmd (__fish_worker_bootstrap_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c worker-bootstrap -n "__fish_worker_bootstrap_needs_command" -l root -d 'Work below this directory instead of /; another root starts nothing and needs no root rights' -r -F
complete -c worker-bootstrap -n "__fish_worker_bootstrap_needs_command" -s v -l verbose -d 'Show debug lines'
complete -c worker-bootstrap -n "__fish_worker_bootstrap_needs_command" -s h -l help -d 'Print help'
complete -c worker-bootstrap -n "__fish_worker_bootstrap_needs_command" -s V -l version -d 'Print version'
complete -c worker-bootstrap -n "__fish_worker_bootstrap_needs_command" -f -a "run" -d 'Do everything; a machine that is already joined is a fast no-op'
complete -c worker-bootstrap -n "__fish_worker_bootstrap_needs_command" -f -a "check" -d 'Run the host checks alone; needs no token, changes nothing'
complete -c worker-bootstrap -n "__fish_worker_bootstrap_needs_command" -f -a "plan" -d 'Show what run would do, step by step; changes nothing'
complete -c worker-bootstrap -n "__fish_worker_bootstrap_needs_command" -f -a "status" -d 'Show the current or last run'
complete -c worker-bootstrap -n "__fish_worker_bootstrap_needs_command" -f -a "wipe" -d 'Sweep now: find and erase every local copy of the tokens that were used here'
complete -c worker-bootstrap -n "__fish_worker_bootstrap_needs_command" -f -a "reset" -d 'Take back exactly what the runs on this machine made, so that a new token can be used'
complete -c worker-bootstrap -n "__fish_worker_bootstrap_needs_command" -f -a "explain" -d 'Say what a reason code means, its usual causes, and what to do'
complete -c worker-bootstrap -n "__fish_worker_bootstrap_using_subcommand run" -l document -d 'The bootstrap, in any form; - reads standard input. Without it the well-known places are searched' -r -F
complete -c worker-bootstrap -n "__fish_worker_bootstrap_using_subcommand run" -l token-file -d 'A file with a token alone, the rest being said by flags; - reads standard input' -r -F
complete -c worker-bootstrap -n "__fish_worker_bootstrap_using_subcommand run" -l server -d 'An API server, for a form that names none; can be repeated' -r
complete -c worker-bootstrap -n "__fish_worker_bootstrap_using_subcommand run" -l ca-cert-hash -d 'A hash of the cluster\'s CA, for a form that has none; can be repeated' -r
complete -c worker-bootstrap -n "__fish_worker_bootstrap_using_subcommand run" -l ca-file -d 'The cluster\'s CA in PEM, for a form that has none' -r -F
complete -c worker-bootstrap -n "__fish_worker_bootstrap_using_subcommand run" -l expires-at -d 'When the token ends, for a form that does not say: Unix seconds or RFC 3339' -r
complete -c worker-bootstrap -n "__fish_worker_bootstrap_using_subcommand run" -l node-name -d 'The node\'s name, instead of the document\'s or the host\'s' -r
complete -c worker-bootstrap -n "__fish_worker_bootstrap_using_subcommand run" -l wait -d 'How far to follow the join' -r
complete -c worker-bootstrap -n "__fish_worker_bootstrap_using_subcommand run" -l timeout -d 'How long the join may take, as 90s, 10m or 1h30m' -r
complete -c worker-bootstrap -n "__fish_worker_bootstrap_using_subcommand run" -l skip-check -d 'Leave out this check; can be repeated' -r
complete -c worker-bootstrap -n "__fish_worker_bootstrap_using_subcommand run" -l root -d 'Work below this directory instead of /; another root starts nothing and needs no root rights' -r -F
complete -c worker-bootstrap -n "__fish_worker_bootstrap_using_subcommand run" -l no-expiry -d 'The form does not say when the token ends, and nobody knows: the cluster alone judges'
complete -c worker-bootstrap -n "__fish_worker_bootstrap_using_subcommand run" -l no-start -d 'Do everything but start the kubelet'
complete -c worker-bootstrap -n "__fish_worker_bootstrap_using_subcommand run" -l json -d 'Print the result as JSON on standard output'
complete -c worker-bootstrap -n "__fish_worker_bootstrap_using_subcommand run" -s v -l verbose -d 'Show debug lines'
complete -c worker-bootstrap -n "__fish_worker_bootstrap_using_subcommand run" -s h -l help -d 'Print help'
complete -c worker-bootstrap -n "__fish_worker_bootstrap_using_subcommand check" -l document -d 'Check what this document requires as well; it is not changed' -r -F
complete -c worker-bootstrap -n "__fish_worker_bootstrap_using_subcommand check" -l skip-check -d 'Leave out this check; can be repeated' -r
complete -c worker-bootstrap -n "__fish_worker_bootstrap_using_subcommand check" -l root -d 'Work below this directory instead of /; another root starts nothing and needs no root rights' -r -F
complete -c worker-bootstrap -n "__fish_worker_bootstrap_using_subcommand check" -l json -d 'As JSON'
complete -c worker-bootstrap -n "__fish_worker_bootstrap_using_subcommand check" -s v -l verbose -d 'Show debug lines'
complete -c worker-bootstrap -n "__fish_worker_bootstrap_using_subcommand check" -s h -l help -d 'Print help'
complete -c worker-bootstrap -n "__fish_worker_bootstrap_using_subcommand plan" -l document -d 'The bootstrap, in any form; - reads standard input. Without it the well-known places are searched' -r -F
complete -c worker-bootstrap -n "__fish_worker_bootstrap_using_subcommand plan" -l token-file -d 'A file with a token alone, the rest being said by flags; - reads standard input' -r -F
complete -c worker-bootstrap -n "__fish_worker_bootstrap_using_subcommand plan" -l server -d 'An API server, for a form that names none; can be repeated' -r
complete -c worker-bootstrap -n "__fish_worker_bootstrap_using_subcommand plan" -l ca-cert-hash -d 'A hash of the cluster\'s CA, for a form that has none; can be repeated' -r
complete -c worker-bootstrap -n "__fish_worker_bootstrap_using_subcommand plan" -l ca-file -d 'The cluster\'s CA in PEM, for a form that has none' -r -F
complete -c worker-bootstrap -n "__fish_worker_bootstrap_using_subcommand plan" -l expires-at -d 'When the token ends, for a form that does not say: Unix seconds or RFC 3339' -r
complete -c worker-bootstrap -n "__fish_worker_bootstrap_using_subcommand plan" -l node-name -d 'The node\'s name, instead of the document\'s or the host\'s' -r
complete -c worker-bootstrap -n "__fish_worker_bootstrap_using_subcommand plan" -l wait -d 'How far to follow the join' -r
complete -c worker-bootstrap -n "__fish_worker_bootstrap_using_subcommand plan" -l timeout -d 'How long the join may take, as 90s, 10m or 1h30m' -r
complete -c worker-bootstrap -n "__fish_worker_bootstrap_using_subcommand plan" -l skip-check -d 'Leave out this check; can be repeated' -r
complete -c worker-bootstrap -n "__fish_worker_bootstrap_using_subcommand plan" -l root -d 'Work below this directory instead of /; another root starts nothing and needs no root rights' -r -F
complete -c worker-bootstrap -n "__fish_worker_bootstrap_using_subcommand plan" -l no-expiry -d 'The form does not say when the token ends, and nobody knows: the cluster alone judges'
complete -c worker-bootstrap -n "__fish_worker_bootstrap_using_subcommand plan" -l no-start -d 'Do everything but start the kubelet'
complete -c worker-bootstrap -n "__fish_worker_bootstrap_using_subcommand plan" -l json -d 'As JSON'
complete -c worker-bootstrap -n "__fish_worker_bootstrap_using_subcommand plan" -s v -l verbose -d 'Show debug lines'
complete -c worker-bootstrap -n "__fish_worker_bootstrap_using_subcommand plan" -s h -l help -d 'Print help'
complete -c worker-bootstrap -n "__fish_worker_bootstrap_using_subcommand status" -l root -d 'Work below this directory instead of /; another root starts nothing and needs no root rights' -r -F
complete -c worker-bootstrap -n "__fish_worker_bootstrap_using_subcommand status" -l json -d 'As JSON'
complete -c worker-bootstrap -n "__fish_worker_bootstrap_using_subcommand status" -s v -l verbose -d 'Show debug lines'
complete -c worker-bootstrap -n "__fish_worker_bootstrap_using_subcommand status" -s h -l help -d 'Print help'
complete -c worker-bootstrap -n "__fish_worker_bootstrap_using_subcommand wipe" -l token-id -d 'Search for this token as well, by its public half: the six characters before the dot. Can be repeated' -r
complete -c worker-bootstrap -n "__fish_worker_bootstrap_using_subcommand wipe" -l root -d 'Work below this directory instead of /; another root starts nothing and needs no root rights' -r -F
complete -c worker-bootstrap -n "__fish_worker_bootstrap_using_subcommand wipe" -l dry-run -d 'Say what is there and what would be done; change nothing'
complete -c worker-bootstrap -n "__fish_worker_bootstrap_using_subcommand wipe" -l unused -d 'Erase a bootstrap that has not been used yet as well: nothing can join with it afterwards'
complete -c worker-bootstrap -n "__fish_worker_bootstrap_using_subcommand wipe" -l until-expiry -d 'Leave out tokens that have expired and have been swept for since, as the unit does at each boot'
complete -c worker-bootstrap -n "__fish_worker_bootstrap_using_subcommand wipe" -l json -d 'As JSON'
complete -c worker-bootstrap -n "__fish_worker_bootstrap_using_subcommand wipe" -s v -l verbose -d 'Show debug lines'
complete -c worker-bootstrap -n "__fish_worker_bootstrap_using_subcommand wipe" -s h -l help -d 'Print help'
complete -c worker-bootstrap -n "__fish_worker_bootstrap_using_subcommand reset" -l root -d 'Work below this directory instead of /; another root starts nothing and needs no root rights' -r -F
complete -c worker-bootstrap -n "__fish_worker_bootstrap_using_subcommand reset" -l dry-run -d 'Say what would be done; change nothing'
complete -c worker-bootstrap -n "__fish_worker_bootstrap_using_subcommand reset" -l json -d 'As JSON'
complete -c worker-bootstrap -n "__fish_worker_bootstrap_using_subcommand reset" -s v -l verbose -d 'Show debug lines'
complete -c worker-bootstrap -n "__fish_worker_bootstrap_using_subcommand reset" -s h -l help -d 'Print help'
complete -c worker-bootstrap -n "__fish_worker_bootstrap_using_subcommand explain" -l root -d 'Work below this directory instead of /; another root starts nothing and needs no root rights' -r -F
complete -c worker-bootstrap -n "__fish_worker_bootstrap_using_subcommand explain" -s v -l verbose -d 'Show debug lines'
complete -c worker-bootstrap -n "__fish_worker_bootstrap_using_subcommand explain" -s h -l help -d 'Print help'
