# Completions of nsx for bash. `nsx __complete` finds the words, and has put backslashes into them.
_nsx() {
    local nsx=${1/#\~\//$HOME/} kind number
    mapfile -t COMPREPLY < <("$nsx" __complete bash "${COMP_LINE:0:COMP_POINT}" "$2" "${COMP_WORDS[@]:0:COMP_CWORD+1}" 2>/dev/null)
    read -r kind number <<<"${COMPREPLY[0]-}"
    COMPREPLY=("${COMPREPLY[@]:1}")
    case $kind in
        open) compopt -o nospace ;;
        files) compopt -o filenames -o default ;;
        directories) compopt -o filenames -o dirnames ;;
        program)
            # These are functions of the package bash-completion.
            if declare -F _comp_command_offset >/dev/null; then
                _comp_command_offset "$number"
            elif declare -F _command_offset >/dev/null; then
                _command_offset "$number"
            elif [[ $number == "$COMP_CWORD" && $2 != */* ]]; then
                mapfile -t COMPREPLY < <(compgen -c -- "$2" | sort -u)
            else
                compopt -o filenames -o default
            fi
            ;;
    esac
}
complete -F _nsx nsx
