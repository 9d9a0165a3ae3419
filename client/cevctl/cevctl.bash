# SPDX-License-Identifier: Apache-2.0
# bash completion for cevctl

# The command: the first word that is no option.
_cevctl_command() {
    local word

    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        if [[ $word != -* ]]; then
            printf '%s' "$word"
            return
        fi
    done
}

# The names of all triggers.
_cevctl_triggers() {
    cevctl trigger list --json 2>/dev/null | sed -n 's/^{"Name":"\([^"]*\)".*/\1/p'
}

# What may follow the option $1 of the command $2; fails if it takes no value that we know.
_cevctl_values() {
    case $2:$1 in
        events:-f|query:-f|wait:-f|timeline:-f|export:-f|events:--filter|query:--filter|\
        wait:--filter|timeline:--filter|export:--filter)
            compopt -o nospace
            printf '%s=\n' type event container image pod volume network name id engine exec \
                exit_code uid label ;;
        events:--format|query:--format|show:--format|wait:--format|exit-code:--format)
            echo json ;;
        events:-[SU]|query:-[SU]|wait:-S|timeline:-[SU]|export:-[SU]|\
        events:--since|query:--since|wait:--since|timeline:--since|export:--since|\
        events:--until|query:--until|timeline:--until|export:--until|emit:--time)
            printf '%s\n' now today yesterday tomorrow ;;
        emit:--engine)
            printf '%s\n' podman docker containerd cri isulad oci ;;
        verify:--directory|trigger:--root)
            compgen -d -- "$3" ;;
        events:--cursor-file|query:--cursor-file|wait:--cursor-file|verify:--config)
            compgen -f -- "$3" ;;
        export:*|import:*)
            [[ $3 != -* ]] && compgen -f -- "$3" ;;
        trigger:list|trigger:cat|trigger:test)
            [[ $3 == -* ]] && return 1
            _cevctl_triggers
            compgen -f -X '!*.trigger' -- "$3"
            return 0 ;;
        *)
            return 1 ;;
    esac
}

# bash takes "=" for a word of its own, so "--stream=tr" is three words, and "-f type=po" four.
_cevctl_after_equals() {
    case $1 in
        --stream|--no-trunc)
            printf '%s\n' true false ;;
        type)
            printf '%s\n' container pod image volume network secret artifact machine system ;;
        engine)
            printf '%s\n' podman docker containerd cri isulad oci ;;
        event)
            printf '%s\n' create init start exec exec_died died kill stop pause unpause remove \
                health_status pull push lost ;;
        *)
            return 1 ;;
    esac
}

_cevctl_words() {
    local commands="events query show wait timeline auto-update exit-code emit export import cursor"
    commands+=" trigger status verify version help"
    local common="--user --system --json --help"

    case $1 in
        "")
            echo "$commands $common --version" ;;
        events|query)
            echo "--filter --name --since --until --stream --format --no-trunc --after" \
                "--cursor-file $common" ;;
        wait)
            echo "--filter --name --since --timeout --propagate --format --no-trunc --after" \
                "--cursor-file $common" ;;
        timeline)
            echo "--filter --name --since --until --width --by-name $common" ;;
        export)
            echo "--filter --name --since --until $common" ;;
        exit-code)
            echo "--exec --container --wait --propagate --format $common" ;;
        emit)
            echo "container pod image volume network secret artifact machine system" \
                "--id --name --image --engine --time --attribute --exit-code --exec-id --pod-id" \
                "--network --health-status --error --reason --uid --evidence --oom-killed" \
                "--detail $common" ;;
        show)
            echo "--format $common" ;;
        trigger)
            echo "list cat test --event --root $common" ;;
        verify)
            echo "--repair --directory --config $common" ;;
        help)
            echo "$commands" ;;
        *)
            echo "$common" ;;
    esac
}

_cevctl() {
    local current=$2 before=${COMP_WORDS[COMP_CWORD-1]} command words

    command=$(_cevctl_command)
    if [[ $current == = ]]; then
        current=
        words=$(_cevctl_after_equals "$before")
    elif [[ $before == = ]]; then
        words=$(_cevctl_after_equals "${COMP_WORDS[COMP_CWORD-2]}")
    else
        words=$(_cevctl_values "$before" "$command" "$current") || words=$(_cevctl_words "$command")
    fi
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}

complete -F _cevctl cevctl
