# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_nsx_global_optspecs
    string join \n h/help V/version
end

function __fish_nsx_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_nsx_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_nsx_using_subcommand
    set -l cmd (__fish_nsx_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c nsx -n "__fish_nsx_needs_command" -s h -l help -d 'Print help'
complete -c nsx -n "__fish_nsx_needs_command" -s V -l version -d 'Print version'
complete -c nsx -n "__fish_nsx_needs_command" -f -a "unshare" -d 'Run a program in new namespaces'
complete -c nsx -n "__fish_nsx_needs_command" -f -a "enter" -d 'Run a program in a container, or in the namespaces of a process'
complete -c nsx -n "__fish_nsx_needs_command" -f -a "ls" -d 'List namespaces, or the processes in nested PID namespaces'
complete -c nsx -n "__fish_nsx_needs_command" -f -a "net" -d 'List network devices of all network namespaces, and what each is connected to'
complete -c nsx -n "__fish_nsx_needs_command" -f -a "mounts" -d 'List the mounts that a process or container sees'
complete -c nsx -n "__fish_nsx_needs_command" -f -a "pidmap" -d 'Translate process ids between PID namespaces'
complete -c nsx -n "__fish_nsx_needs_command" -f -a "idmap" -d 'Translate user and group ids between user namespaces'
complete -c nsx -n "__fish_nsx_needs_command" -f -a "doctor" -d 'Find out what you can do on this host, or what isolates a container'
complete -c nsx -n "__fish_nsx_needs_command" -f -a "can" -d 'Find out whether one process may do something to another'
complete -c nsx -n "__fish_nsx_needs_command" -f -a "trace" -d 'Run a program, and say why its system calls are refused'
complete -c nsx -n "__fish_nsx_needs_command" -f -a "pin" -d 'Keep namespaces of a process or container in files'
complete -c nsx -n "__fish_nsx_needs_command" -f -a "rm" -d 'Remove pins: files that keep namespaces'
complete -c nsx -n "__fish_nsx_needs_command" -f -a "compat" -d 'Run as a program of util-linux, exactly, as a link to nsx of that name does'
complete -c nsx -n "__fish_nsx_using_subcommand unshare" -l from-oci -d 'Run the OCI runtime bundle that this config.json describes' -r -F
complete -c nsx -n "__fish_nsx_using_subcommand unshare" -l name -d 'Keep the namespaces under NAME when the program has ended' -r
complete -c nsx -n "__fish_nsx_using_subcommand unshare" -l like -d 'Make namespaces like those of TARGET: the walls, not what is inside' -r -f
complete -c nsx -n "__fish_nsx_using_subcommand unshare" -l pin -d 'Keep the new namespace of KIND in FILE, like --KIND=FILE; implies that kind' -r -F
complete -c nsx -n "__fish_nsx_using_subcommand unshare" -l join -d 'Join these kinds of TARGET; kinds that are named otherwise are new; repeatable' -r -f
complete -c nsx -n "__fish_nsx_using_subcommand unshare" -l map-user -d 'Map the caller to this user inside; implies --user' -r
complete -c nsx -n "__fish_nsx_using_subcommand unshare" -l map-group -d 'Map the caller\'s group to this one inside; implies --user' -r
complete -c nsx -n "__fish_nsx_using_subcommand unshare" -l map-users -d 'Map a range of users; implies --user; repeatable' -r
complete -c nsx -n "__fish_nsx_using_subcommand unshare" -l map-groups -d 'Map a range of groups; implies --user; repeatable' -r
complete -c nsx -n "__fish_nsx_using_subcommand unshare" -l owner -d 'Make this user and group the owner of the new user namespace; implies --user' -r
complete -c nsx -n "__fish_nsx_using_subcommand unshare" -l setgroups -d 'Set whether programs inside may call setgroups(2)' -r -f -a "allow\t'They may'
deny\t'They may not'"
complete -c nsx -n "__fish_nsx_using_subcommand unshare" -s S -l setuid -d 'Run the program as this user' -r
complete -c nsx -n "__fish_nsx_using_subcommand unshare" -s G -l setgid -d 'Run the program as this group, without supplementary groups' -r
complete -c nsx -n "__fish_nsx_using_subcommand unshare" -l hostname -d 'Host name in the new UTS namespace; implies --uts' -r -f -a "(__fish_print_hostnames)"
complete -c nsx -n "__fish_nsx_using_subcommand unshare" -l domainname -d 'NIS domain name in the new UTS namespace; implies --uts' -r
complete -c nsx -n "__fish_nsx_using_subcommand unshare" -s R -l root -d 'Make DIR the root directory; implies --mount' -r -f -a "(__fish_complete_directories)"
complete -c nsx -n "__fish_nsx_using_subcommand unshare" -s w -l wd -d 'Start the program in DIR, as the new root has it' -r -f -a "(__fish_complete_directories)"
complete -c nsx -n "__fish_nsx_using_subcommand unshare" -l propagation -d 'Set how mount events pass between the new mount namespace and the caller\'s' -r -f -a "private\t'Neither side sees mounts of the other'
shared\t'Both sides see mounts of the other'
slave\t'Mounts outside are seen inside'
unchanged\t'As each mount point has it'"
complete -c nsx -n "__fish_nsx_using_subcommand unshare" -s l -l load-interp -d 'Register an interpreter there, in the format of binfmt_misc; implies --mount-binfmt' -r
complete -c nsx -n "__fish_nsx_using_subcommand unshare" -l link -d 'Connect the new network to this one; implies --net' -r
complete -c nsx -n "__fish_nsx_using_subcommand unshare" -l publish -d 'Let a port of this host lead to a port inside; implies a link, as --nat does' -r
complete -c nsx -n "__fish_nsx_using_subcommand unshare" -l bind -d 'Show the directory or file SRC at DST, by default at the same path; implies --mount' -r
complete -c nsx -n "__fish_nsx_using_subcommand unshare" -l ro-bind -d 'Show SRC at DST read-only; implies --mount' -r
complete -c nsx -n "__fish_nsx_using_subcommand unshare" -l tmpfs -d 'Mount an empty directory in memory on DIR; implies --mount' -r
complete -c nsx -n "__fish_nsx_using_subcommand unshare" -l overlay -d 'Show directories merged at DST, the first on top; implies --mount' -r
complete -c nsx -n "__fish_nsx_using_subcommand unshare" -l status-fd -d 'Write one line of JSON at each stage to descriptor N; implies --fork' -r
complete -c nsx -n "__fish_nsx_using_subcommand unshare" -l limit -d 'Limit what the program and its children use together; implies --fork; repeatable' -r
complete -c nsx -n "__fish_nsx_using_subcommand unshare" -l cap-drop -d 'Take a capability, or `all`, away from the program for good; repeatable' -r
complete -c nsx -n "__fish_nsx_using_subcommand unshare" -l cap-keep -d 'Let the program keep this capability, also as another user and in spite of --cap-drop; repeatable' -r
complete -c nsx -n "__fish_nsx_using_subcommand unshare" -l env -d 'Set a variable of the program\'s environment; repeatable' -r
complete -c nsx -n "__fish_nsx_using_subcommand unshare" -l unset-env -d 'Remove a variable from the environment; repeatable' -r
complete -c nsx -n "__fish_nsx_using_subcommand unshare" -l keep-env -d 'Start from an empty environment, but keep this variable; repeatable' -r
complete -c nsx -n "__fish_nsx_using_subcommand unshare" -l whitelist-env -d 'Apply --keep-env to each of NAMES, with commas between them' -r
complete -c nsx -n "__fish_nsx_using_subcommand unshare" -l monotonic -d 'Set the monotonic clock ahead by OFFSET; implies --time' -r
complete -c nsx -n "__fish_nsx_using_subcommand unshare" -l boottime -d 'Set the boot-time clock ahead by OFFSET; implies --time' -r
complete -c nsx -n "__fish_nsx_using_subcommand unshare" -l changes -d 'Print the paths that the program added, changed and deleted in its overlays, once it has ended'
complete -c nsx -n "__fish_nsx_using_subcommand unshare" -l explain -d 'Print the plan, one line per step, and run nothing'
complete -c nsx -n "__fish_nsx_using_subcommand unshare" -s v -l verbose -d 'Report on standard error which steps were skipped'
complete -c nsx -n "__fish_nsx_using_subcommand unshare" -s m -l mount -d 'Mount points'
complete -c nsx -n "__fish_nsx_using_subcommand unshare" -s u -l uts -d 'Host name and NIS domain name'
complete -c nsx -n "__fish_nsx_using_subcommand unshare" -s i -l ipc -d 'System V IPC and POSIX message queues'
complete -c nsx -n "__fish_nsx_using_subcommand unshare" -s n -l net -d 'Network devices, addresses, ports'
complete -c nsx -n "__fish_nsx_using_subcommand unshare" -s p -l pid -d 'Process ids'
complete -c nsx -n "__fish_nsx_using_subcommand unshare" -s C -l cgroup -d 'The root of the cgroup tree'
complete -c nsx -n "__fish_nsx_using_subcommand unshare" -s T -l time -d 'Offsets of the monotonic and boot-time clocks'
complete -c nsx -n "__fish_nsx_using_subcommand unshare" -s U -l user -d 'User and group ids, capabilities'
complete -c nsx -n "__fish_nsx_using_subcommand unshare" -s a -l all -d 'Every kind that the kernel has; implies --map-root-user if no other option maps ids'
complete -c nsx -n "__fish_nsx_using_subcommand unshare" -s r -l map-root-user -d 'Be root inside: map the caller to user 0 and group 0; implies --user'
complete -c nsx -n "__fish_nsx_using_subcommand unshare" -s c -l map-current-user -d 'Keep your own user and group ids inside; implies --user'
complete -c nsx -n "__fish_nsx_using_subcommand unshare" -l map-auto -d 'Map ids like --map-users=auto --map-groups=auto'
complete -c nsx -n "__fish_nsx_using_subcommand unshare" -l map-subids -d 'Map ids like --map-users=subids --map-groups=subids'
complete -c nsx -n "__fish_nsx_using_subcommand unshare" -l mount-proc -d 'Mount a procfs on DIR, by default /proc; implies --mount'
complete -c nsx -n "__fish_nsx_using_subcommand unshare" -l no-mount-proc -d 'With --pid, leave /proc as it is'
complete -c nsx -n "__fish_nsx_using_subcommand unshare" -l mount-binfmt -d 'Mount a binfmt_misc of the new user namespace on DIR, by default below /proc; implies --user and --mount'
complete -c nsx -n "__fish_nsx_using_subcommand unshare" -l no-mount-sys -d 'With --net, leave /sys as it is'
complete -c nsx -n "__fish_nsx_using_subcommand unshare" -l no-mount-mqueue -d 'With --ipc, leave /dev/mqueue as it is'
complete -c nsx -n "__fish_nsx_using_subcommand unshare" -l no-mount-cgroup -d 'With --cgroup, leave /sys/fs/cgroup as it is'
complete -c nsx -n "__fish_nsx_using_subcommand unshare" -l nat -d 'Let connections from inside leave with this host\'s address, through nftables; implies a link'
complete -c nsx -n "__fish_nsx_using_subcommand unshare" -l no-lo -d 'With --net, leave the loopback device down'
complete -c nsx -n "__fish_nsx_using_subcommand unshare" -l ro-root -d 'Make all files read-only; implies --mount'
complete -c nsx -n "__fish_nsx_using_subcommand unshare" -l dev -d 'Mount a minimal /dev; implies --mount'
complete -c nsx -n "__fish_nsx_using_subcommand unshare" -s f -l fork -d 'Run the program as a child of nsx'
complete -c nsx -n "__fish_nsx_using_subcommand unshare" -l no-fork -d 'With --pid, exec the program without forking: only its children are in the new PID namespace'
complete -c nsx -n "__fish_nsx_using_subcommand unshare" -l init -d 'Make nsx PID 1, and run the program as its child; implies --pid'
complete -c nsx -n "__fish_nsx_using_subcommand unshare" -l no-kill-child -d 'If nsx forks, let the program live on when nsx is killed'
complete -c nsx -n "__fish_nsx_using_subcommand unshare" -l kill-child -d 'Send the program SIGNAL when nsx ends, by default KILL, which it gets anyway; implies --fork'
complete -c nsx -n "__fish_nsx_using_subcommand unshare" -l forward-signals -d 'Pass TERM and INT on to the program, which nsx does with every signal; implies --fork'
complete -c nsx -n "__fish_nsx_using_subcommand unshare" -l keep-caps -d 'Let the program keep all its capabilities in the new user namespace, also as another user'
complete -c nsx -n "__fish_nsx_using_subcommand unshare" -l no-new-privs -d 'Let no exec give the program more privilege than it has, as a set-user-id one would'
complete -c nsx -n "__fish_nsx_using_subcommand unshare" -l clear-env -d 'Start from an empty environment'
complete -c nsx -n "__fish_nsx_using_subcommand unshare" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c nsx -n "__fish_nsx_using_subcommand enter" -s t -l target -d 'The process, as nsenter(1) takes it' -r -f -a "(nsx __targets 2>/dev/null)"
complete -c nsx -n "__fish_nsx_using_subcommand enter" -s w -l wd -d 'Start the program in DIR, as the target sees it; the default is the target\'s directory, if its mount namespace is joined' -r -f -a "(__fish_complete_directories)"
complete -c nsx -n "__fish_nsx_using_subcommand enter" -l user -d 'Run the program as this user of the target, by its own /etc/passwd and /etc/group' -r
complete -c nsx -n "__fish_nsx_using_subcommand enter" -s S -l setuid -d 'Run the program with this user id' -r
complete -c nsx -n "__fish_nsx_using_subcommand enter" -s G -l setgid -d 'Run the program with this group id and no supplementary groups' -r
complete -c nsx -n "__fish_nsx_using_subcommand enter" -l env -d 'Set a variable of the program\'s environment, without VALUE to the caller\'s value; repeatable' -r
complete -c nsx -n "__fish_nsx_using_subcommand enter" -l unset-env -d 'Remove a variable from the program\'s environment; repeatable' -r
complete -c nsx -n "__fish_nsx_using_subcommand enter" -l all-of -d 'Run the program in each running container whose name matches PATTERN, such as \'docker:*\' or \'web-?\', in each pod, as \'k8s://default/*\', or in each network namespace, as \'netns:*\'' -r
complete -c nsx -n "__fish_nsx_using_subcommand enter" -s j -l jobs -d 'Run at most COUNT at a time' -r
complete -c nsx -n "__fish_nsx_using_subcommand enter" -l unique -d 'Enter only one of those that share a namespace of this kind' -r
complete -c nsx -n "__fish_nsx_using_subcommand enter" -l preserve-fds -d 'Give the program N more of the caller\'s descriptors after 0, 1 and 2; with kinds named it has all' -r
complete -c nsx -n "__fish_nsx_using_subcommand enter" -l no-cgroup -d 'Do not put the program into the target\'s cgroup'
complete -c nsx -n "__fish_nsx_using_subcommand enter" -l explain -d 'Print the plan, one line per step, and run nothing'
complete -c nsx -n "__fish_nsx_using_subcommand enter" -s v -l verbose -d 'Print on standard error what was skipped'
complete -c nsx -n "__fish_nsx_using_subcommand enter" -l privileged -d 'Run the program unconfined: with the caller\'s user, capabilities and label, and no seccomp filter'
complete -c nsx -n "__fish_nsx_using_subcommand enter" -l host-caps -d 'Keep the caller\'s capabilities, as far as the program\'s user may have them'
complete -c nsx -n "__fish_nsx_using_subcommand enter" -l no-seccomp -d 'Do not put the target\'s seccomp filters on the program'
complete -c nsx -n "__fish_nsx_using_subcommand enter" -l no-label -d 'Leave the program the caller\'s AppArmor or SELinux label'
complete -c nsx -n "__fish_nsx_using_subcommand enter" -l no-limits -d 'Leave the program the caller\'s resource limits and out-of-memory score'
complete -c nsx -n "__fish_nsx_using_subcommand enter" -l host-env -d 'Give the program the caller\'s environment, not the target\'s'
complete -c nsx -n "__fish_nsx_using_subcommand enter" -l json-lines -d 'Print a JSON object for each line and for each end, instead of lines with names before them'
complete -c nsx -n "__fish_nsx_using_subcommand enter" -l host-tools -d 'Run a program of the caller\'s beside the target: in its namespaces, but with the caller\'s files; $NSX_TARGET_ROOT leads to the target\'s'
complete -c nsx -n "__fish_nsx_using_subcommand enter" -l no-fix -d 'Leave /proc, /sys, /dev/mqueue and /etc as they are, though they show other namespaces than those that the program is in'
complete -c nsx -n "__fish_nsx_using_subcommand enter" -l pty -d 'Give the program a terminal of its own; the default at a terminal, if the mount namespace is joined'
complete -c nsx -n "__fish_nsx_using_subcommand enter" -l no-pty -d 'Leave the program the caller\'s terminal'
complete -c nsx -n "__fish_nsx_using_subcommand enter" -s m -l mount -d 'Mount points'
complete -c nsx -n "__fish_nsx_using_subcommand enter" -s u -l uts -d 'Host name and NIS domain name'
complete -c nsx -n "__fish_nsx_using_subcommand enter" -s i -l ipc -d 'System V IPC and POSIX message queues'
complete -c nsx -n "__fish_nsx_using_subcommand enter" -s n -l net -d 'Network devices, addresses, ports'
complete -c nsx -n "__fish_nsx_using_subcommand enter" -s p -l pid -d 'Process ids'
complete -c nsx -n "__fish_nsx_using_subcommand enter" -s C -l cgroup -d 'The root of the cgroup tree'
complete -c nsx -n "__fish_nsx_using_subcommand enter" -s T -l time -d 'Offsets of the monotonic and boot-time clocks'
complete -c nsx -n "__fish_nsx_using_subcommand enter" -s U -l userns -d 'User and group ids, capabilities: nsenter\'s --user'
complete -c nsx -n "__fish_nsx_using_subcommand enter" -s a -l all -d 'All in which the target differs from the caller; the default'
complete -c nsx -n "__fish_nsx_using_subcommand enter" -s h -l help -d 'Print help'
complete -c nsx -n "__fish_nsx_using_subcommand ls" -s t -l type -d 'List only namespaces of this type: cgroup, ipc, mnt, net, pid, time, user or uts' -r
complete -c nsx -n "__fish_nsx_using_subcommand ls" -s p -l task -d 'List only the namespaces that this process is in; with --pids or --tree=pid, only the processes in its PID namespace and below' -r -f -a "(nsx __targets 2>/dev/null)"
complete -c nsx -n "__fish_nsx_using_subcommand ls" -s Q -l filter -d 'List only the namespaces, or with --pids or --tree=pid the processes, for which EXPR is true, such as \'TYPE == "net" && NPROCS > 0\'' -r
complete -c nsx -n "__fish_nsx_using_subcommand ls" -s o -l output -d 'Show these columns, with commas between them; a leading + adds them to the usual ones, before COMMAND; all shows all' -r
complete -c nsx -n "__fish_nsx_using_subcommand ls" -l graph -d 'Draw user namespaces with the namespaces that they own, for graphviz, Markdown or a browser' -r -f -a "dot\t'For graphviz'
mermaid\t'For Markdown pages'
svg\t'For a browser'"
complete -c nsx -n "__fish_nsx_using_subcommand ls" -l save -d 'Save everything that can be found out to FILE, for --from and --diff, here or on another machine' -r -F
complete -c nsx -n "__fish_nsx_using_subcommand ls" -l from -d 'List what was saved in FILE, or - for standard input, instead of what exists now' -r -F
complete -c nsx -n "__fish_nsx_using_subcommand ls" -l diff -d 'Show what has changed since FILE, or - for standard input, was saved; with --from, until that file was saved' -r -F
complete -c nsx -n "__fish_nsx_using_subcommand ls" -l proc -d 'Read the procfs that is mounted on DIR instead of /proc, such as that of a container, or a copy of a procfs in plain files' -r -f -a "(__fish_complete_directories)"
complete -c nsx -n "__fish_nsx_using_subcommand ls" -l color -d 'Control when to use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set or TERM is dumb'
always\t'Always'
never\t'Never'"
complete -c nsx -n "__fish_nsx_using_subcommand ls" -l why -d 'Show everything that keeps the namespace TARGET alive, and what would have to happen for it to die'
complete -c nsx -n "__fish_nsx_using_subcommand ls" -l deep -d 'Search everywhere: every thread, descriptor and socket, and the mounts of every mount namespace'
complete -c nsx -n "__fish_nsx_using_subcommand ls" -s a -l all -d 'List all namespaces, one per line; with --pids or --tree=pid, all processes'
complete -c nsx -n "__fish_nsx_using_subcommand ls" -l groups -d 'List what has namespaces of its own, as without options, also with --json and --json-lines, which otherwise list namespaces'
complete -c nsx -n "__fish_nsx_using_subcommand ls" -l tree -d 'Show a tree by owner, parent, process or pid'
complete -c nsx -n "__fish_nsx_using_subcommand ls" -l watch -d 'Follow namespaces as they come and go: on a terminal on a screen that is kept up to date, otherwise with one line of JSON per event'
complete -c nsx -n "__fish_nsx_using_subcommand ls" -l columns -d 'List the columns, with --pids those of processes: the meaning of each, and the cost of finding it'
complete -c nsx -n "__fish_nsx_using_subcommand ls" -l pids -d 'List the processes in nested PID namespaces'
complete -c nsx -n "__fish_nsx_using_subcommand ls" -l json -d 'Print a JSON document'
complete -c nsx -n "__fish_nsx_using_subcommand ls" -l json-lines -d 'Print one JSON object per row, each on a line of its own'
complete -c nsx -n "__fish_nsx_using_subcommand ls" -s v -l verbose -d 'With --diff, show each namespace that came, went or changed, and how it changed'
complete -c nsx -n "__fish_nsx_using_subcommand ls" -s q -l quiet -d 'Do not report on standard error what could not be seen'
complete -c nsx -n "__fish_nsx_using_subcommand ls" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c nsx -n "__fish_nsx_using_subcommand net" -l graph -d 'Draw the network namespaces and the connections between them, for graphviz, Markdown or a browser' -r -f -a "dot\t'For graphviz'
mermaid\t'For Markdown pages'
svg\t'For a browser'"
complete -c nsx -n "__fish_nsx_using_subcommand net" -s Q -l filter -d 'List only the devices or sockets for which EXPR is true, such as \'KIND == "veth" && MTU < 1500\'' -r
complete -c nsx -n "__fish_nsx_using_subcommand net" -s o -l output -d 'Show these columns, with commas between them; a leading + adds them to the usual ones; all shows all' -r
complete -c nsx -n "__fish_nsx_using_subcommand net" -l color -d 'Control when to use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set or TERM is dumb'
always\t'Always'
never\t'Never'"
complete -c nsx -n "__fish_nsx_using_subcommand net" -l sockets -d 'List sockets instead of devices, with the processes at both ends'
complete -c nsx -n "__fish_nsx_using_subcommand net" -s l -l listening -d 'With --sockets, list only sockets that accept connections or datagrams of anyone'
complete -c nsx -n "__fish_nsx_using_subcommand net" -s x -l unix -d 'With --sockets, list Unix sockets, too'
complete -c nsx -n "__fish_nsx_using_subcommand net" -s a -l all -d 'List loopback devices, too, which are left out if the namespace has other devices'
complete -c nsx -n "__fish_nsx_using_subcommand net" -l deep -d 'Search everywhere for network namespaces, as nsx ls --deep does'
complete -c nsx -n "__fish_nsx_using_subcommand net" -l columns -d 'List the columns: the meaning of each, and the cost of finding it'
complete -c nsx -n "__fish_nsx_using_subcommand net" -l json -d 'Print a JSON document'
complete -c nsx -n "__fish_nsx_using_subcommand net" -l json-lines -d 'Print one JSON object per row, each on a line of its own'
complete -c nsx -n "__fish_nsx_using_subcommand net" -s q -l quiet -d 'Do not report on standard error what could not be seen'
complete -c nsx -n "__fish_nsx_using_subcommand net" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c nsx -n "__fish_nsx_using_subcommand mounts" -l why -d 'Show what keeps the mount at PATH busy: mounts below it, processes that use it, and mounts of the same file system in every mount namespace' -r
complete -c nsx -n "__fish_nsx_using_subcommand mounts" -s Q -l filter -d 'List only the mounts for which EXPR is true, such as \'TYPE == "tmpfs"\'' -r
complete -c nsx -n "__fish_nsx_using_subcommand mounts" -s o -l output -d 'Show these columns, with commas between them; a leading + adds them to the usual ones; all shows all' -r
complete -c nsx -n "__fish_nsx_using_subcommand mounts" -l color -d 'Control when to use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set or TERM is dumb'
always\t'Always'
never\t'Never'"
complete -c nsx -n "__fish_nsx_using_subcommand mounts" -s l -l list -d 'List the mounts in the kernel\'s order instead of a tree'
complete -c nsx -n "__fish_nsx_using_subcommand mounts" -l columns -d 'List the columns: the meaning of each, and the cost of finding it'
complete -c nsx -n "__fish_nsx_using_subcommand mounts" -l json -d 'Print a JSON document'
complete -c nsx -n "__fish_nsx_using_subcommand mounts" -l json-lines -d 'Print one JSON object per row, each on a line of its own'
complete -c nsx -n "__fish_nsx_using_subcommand mounts" -s q -l quiet -d 'Do not report on standard error what could not be seen'
complete -c nsx -n "__fish_nsx_using_subcommand mounts" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c nsx -n "__fish_nsx_using_subcommand pidmap" -l from -d 'Read the ids as the PID namespace of this target counts' -r -f -a "(nsx __targets 2>/dev/null)"
complete -c nsx -n "__fish_nsx_using_subcommand pidmap" -l to -d 'Write the ids as the PID namespace of this target counts' -r -f -a "(nsx __targets 2>/dev/null)"
complete -c nsx -n "__fish_nsx_using_subcommand pidmap" -l namespace-of -d 'List the processes that the PID namespace of this process sees' -r -f -a "(nsx __targets 2>/dev/null)"
complete -c nsx -n "__fish_nsx_using_subcommand pidmap" -l with -d 'Show the process group and the session too: pgid, sid' -r -f -a "pgid\t'Its process group'
sid\t'Its session'"
complete -c nsx -n "__fish_nsx_using_subcommand pidmap" -l filter -d 'Copy standard input to standard output, with the ids that match translated' -r
complete -c nsx -n "__fish_nsx_using_subcommand pidmap" -l color -d 'Control when to use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set or TERM is dumb'
always\t'Always'
never\t'Never'"
complete -c nsx -n "__fish_nsx_using_subcommand pidmap" -l tree -d 'List them as a tree'
complete -c nsx -n "__fish_nsx_using_subcommand pidmap" -l threads -d 'Translate the ids of threads too, or list threads'
complete -c nsx -n "__fish_nsx_using_subcommand pidmap" -l both -d 'With --filter, keep the id and write the other after an arrow'
complete -c nsx -n "__fish_nsx_using_subcommand pidmap" -l json -d 'Print a JSON document'
complete -c nsx -n "__fish_nsx_using_subcommand pidmap" -l json-lines -d 'Print a line of JSON for each process'
complete -c nsx -n "__fish_nsx_using_subcommand pidmap" -s q -l quiet -d 'Print numbers only: a line for each PID with its ids, or with --from or --to the id that it has there'
complete -c nsx -n "__fish_nsx_using_subcommand pidmap" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c nsx -n "__fish_nsx_using_subcommand idmap" -l file -d 'Show who owns this file for the target, and whether the target may read, write and execute it' -r
complete -c nsx -n "__fish_nsx_using_subcommand idmap" -l color -d 'Control when to use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set or TERM is dumb'
always\t'Always'
never\t'Never'"
complete -c nsx -n "__fish_nsx_using_subcommand idmap" -s r -l reverse -d 'Read the ids and names as those of this user namespace'
complete -c nsx -n "__fish_nsx_using_subcommand idmap" -l json -d 'Print a JSON document'
complete -c nsx -n "__fish_nsx_using_subcommand idmap" -l json-lines -d 'Print a line of JSON for each id'
complete -c nsx -n "__fish_nsx_using_subcommand idmap" -s q -l quiet -d 'Print numbers only: the id here of each, or with --reverse the id there'
complete -c nsx -n "__fish_nsx_using_subcommand idmap" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c nsx -n "__fish_nsx_using_subcommand doctor" -l color -d 'Control when to use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set or TERM is dumb'
always\t'Always'
never\t'Never'"
complete -c nsx -n "__fish_nsx_using_subcommand doctor" -l syscalls -d 'Show which system calls its seccomp filters let through, whatever their arguments'
complete -c nsx -n "__fish_nsx_using_subcommand doctor" -l json -d 'Print a JSON document'
complete -c nsx -n "__fish_nsx_using_subcommand doctor" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c nsx -n "__fish_nsx_using_subcommand can" -l color -d 'Control when to use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set or TERM is dumb'
always\t'Always'
never\t'Never'"
complete -c nsx -n "__fish_nsx_using_subcommand can" -l json -d 'Print a JSON document'
complete -c nsx -n "__fish_nsx_using_subcommand can" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c nsx -n "__fish_nsx_using_subcommand trace" -s h -l help -d 'Print help'
complete -c nsx -n "__fish_nsx_using_subcommand pin" -s h -l help -d 'Print help'
complete -c nsx -n "__fish_nsx_using_subcommand rm" -s h -l help -d 'Print help'
complete -c nsx -n "__fish_nsx_using_subcommand compat" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c nsx -n "__fish_nsx_using_subcommand enter" -a "(nsx __targets 2>/dev/null)"
complete -c nsx -n "__fish_nsx_using_subcommand ls" -a "(nsx __targets 2>/dev/null)"
complete -c nsx -n "__fish_nsx_using_subcommand net" -a "(nsx __targets 2>/dev/null)"
complete -c nsx -n "__fish_nsx_using_subcommand mounts" -a "(nsx __targets 2>/dev/null)"
complete -c nsx -n "__fish_nsx_using_subcommand pidmap" -a "(nsx __targets 2>/dev/null)"
complete -c nsx -n "__fish_nsx_using_subcommand idmap" -a "(nsx __targets 2>/dev/null)"
complete -c nsx -n "__fish_nsx_using_subcommand doctor" -a "(nsx __targets 2>/dev/null)"
complete -c nsx -n "__fish_nsx_using_subcommand can" -a "(nsx __targets 2>/dev/null)"
complete -c nsx -n "__fish_nsx_using_subcommand pin" -a "(nsx __targets 2>/dev/null)"
