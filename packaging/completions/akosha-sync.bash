# bash completion for akosha-sync; written by ./dev reference
_akosha_sync() {
    local word=${COMP_WORDS[COMP_CWORD]} command=run options i
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in -*) ;; *) command=${COMP_WORDS[i]}; break ;; esac
    done
    case $command in
        run) options='--policy --target --no-fallback --dry-run --allow-env --limit --json --quiet --verbose --state --help --version' ;;
        enqueue) options='--policy --target --no-fallback --allow-env --limit --no-worker --json --quiet --verbose --state --help --version' ;;
        hook) options='--policy --target --no-fallback --allow-env --limit --no-worker --on-stop --json --quiet --verbose --state --help --version' ;;
        init) options='--policy --bucket --endpoint --region --prefix --credentials --mcp --http --dir --system-id --settings --no-hook --systemd --undo --yes --dry-run --force --json --quiet --verbose --state --help --version' ;;
        migrate) options='--write --to --mcp --force --json --quiet --verbose --state --help --version' ;;
        worker) options='--once --until-empty --inherited --json --quiet --verbose --state --help --version' ;;
        status) options='--json --quiet --verbose --state --help --version' ;;
        test) options='--filter --seed --jobs --timeout --format --report --coverage --list --new --json --quiet --verbose --state --help --version' ;;
        check) options='--policy --allow-env --limit --luarc --json --quiet --verbose --state --help --version' ;;
        explain) options='--policy --limit --event --at --replay --json --quiet --verbose --state --help --version' ;;
        list) options='--policy --target --allow-env --limit --json --quiet --verbose --state --help --version' ;;
        verify) options='--policy --target --upload --quick --identity --passphrase --passphrase-secret --allow-env --limit --json --quiet --verbose --state --help --version' ;;
        restore) options='--policy --target --upload --to --force --identity --passphrase --passphrase-secret --allow-env --limit --json --quiet --verbose --state --help --version' ;;
        prune) options='--policy --target --keep --apply --credentials --allow-env --limit --json --quiet --verbose --state --help --version' ;;
        cancel) options='--json --quiet --verbose --state --help --version' ;;
        secret) options='--env --file --command --host --force --json --quiet --verbose --state --help --version' ;;
        doctor) options='--policy --target --allow-env --limit --json --quiet --verbose --state --help --version' ;;
        bucket-policy) options='--bucket --prefix --system-id --principal --for --document --json --quiet --verbose --state --help --version' ;;
        support) options='--policy --output --keep-names --json --quiet --verbose --state --help --version' ;;
        audit) options='--policy --target --allow-env --limit --since --event --job --upload --lines --json --quiet --verbose --state --help --version' ;;
        mcp) options='--policy --allow-env --limit --identity --passphrase-secret --keep-names --json --quiet --verbose --state --help --version' ;;
        stats) options='--json --quiet --verbose --state --help --version' ;;
        metrics) options='--textfile --json --quiet --verbose --state --help --version' ;;
        fleet) options='--policy --target --stale --allow-env --limit --json --quiet --verbose --state --help --version' ;;
        *) options='--policy --target --no-fallback --dry-run --allow-env --limit --json --quiet --verbose --state --help --version' ;;
    esac
    COMPREPLY=()
    if [[ $word == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word")
    elif ((COMP_CWORD == 1)); then
        mapfile -t COMPREPLY < <(compgen -W 'run enqueue hook init migrate worker status test check explain list verify restore prune cancel secret doctor bucket-policy support audit mcp stats metrics fleet' -- "$word")
    fi
}
complete -o default -F _akosha_sync akosha-sync
