# bash completion for iperfspec and iperfref: the programs are asked for their own tables.

_iperfspec_words() { # COMMAND...: its options
    "$program" "$@" --list-options 2>/dev/null | sed 's/=$//'
}

# What the option before the word wants; fails if it wants nothing that is known.
_iperfspec_value() { # OPTION WORD
    local words
    case $1 in
        --case) words=$("$program" list 2>/dev/null | awk '{print $1}') ;;
        --role) words="server client" ;;
        --level)
            for words in MUST 'MUST\ NOT' SHOULD 'SHOULD\ NOT' MAY IS INFO; do
                [[ $words != "$2"* ]] || COMPREPLY+=("$words")
            done
            return 0
            ;;
        --segment) words="whole bytes random coalesced" ;;
        --as) words="client server" ;;
        --format) words="text json html" ;;
        --clause | --tag | --without | --needs | --jobs | --seed | --details | --max-skip | \
            --timeout-scale | --port | --time | --runs | --session | --speed | --shard | --repeat | \
            --budget | --limit | --tests | --at-once | --mode | --options | --max-loss | --patience | --profile | --require | -D | --define) words="" ;;
        *) return 1 ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$2")
}

_iperfspec() {
    local program=$1 word=$2 before=$3 command=()
    COMPREPLY=()
    if [ "$COMP_CWORD" -eq 1 ]; then
        mapfile -t COMPREPLY < <(compgen -W "--help --version $("$program" --help 2>/dev/null |
            sed -nE 's/^  ([a-z]+) .*/\1/p')" -- "$word")
        return
    fi
    command=("${COMP_WORDS[1]}")
    if [ "${command[0]}" = report ]; then
        if [ "$COMP_CWORD" -eq 2 ]; then
            mapfile -t COMPREPLY < <(compgen -W "$("$program" report --help 2>/dev/null |
                sed -nE 's/^  ([a-z]+) .*/\1/p')" -- "$word")
            return
        fi
        case ${COMP_WORDS[2]} in diff | merge | normalise) command+=("${COMP_WORDS[2]}") ;; esac
    fi
    if [[ $word == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(_iperfspec_words "${command[@]}")" -- "$word")
    elif ! _iperfspec_value "$before" "$word"; then
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
    fi
}

_iperfref() {
    local word=$2
    COMPREPLY=()
    if [[ $word == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$("$1" --help 2>/dev/null |
            grep -oE -- '(^|[ ,])--[a-z0-9-]+' | tr -d ' ,' | sort -u)" -- "$word")
    else
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
    fi
}

complete -F _iperfspec iperfspec
complete -F _iperfref iperfref
