# Completions of nsx for fish. `nsx __complete` finds the words.
function __nsx_complete
    set -l words (commandline -opc)
    set -l token (commandline -ct)
    # A token with an open quote cannot be unescaped.
    set -l plain (string unescape -- $token; or string replace -r '^[\'"]' '' -- $token)
    set -l nsx (string replace -r '^~/' "$HOME/" -- $words[1])
    set -l reply (command $nsx __complete fish $words[2..] "$plain" 2>/dev/null)
    set -l kind (string split ' ' -- $reply[1])
    switch "$kind[1]"
        case words open
            printf '%s\n' $reply[2..]
        case files directories
            printf '%s\n' $reply[2..]
            set -l before (string sub -l $kind[2] -- $plain)
            set -l path (string sub -s (math $kind[2] + 1) -- $plain)
            set -l find __fish_complete_path
            test $kind[1] = directories; and set find __fish_complete_directories
            $find $path | string replace -r '^' -- (string replace -a '\\' '\\\\' -- $before | string replace -a '$' '\\$')
        case program
            complete -C (string join ' ' -- (string escape -- $words[(math $kind[2] + 1)..]) $token)
    end
end
complete -c nsx -f -a '(__nsx_complete)'
