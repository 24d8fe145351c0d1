//! Intended differences between the strict personalities and util-linux. The tests hold each
//! against both programs: an entry that no longer differs fails. `cargo xtask man` writes the
//! reasons into `nsx-compat(1)`.

/// A difference.
pub(super) struct Difference {
    /// The reason for the difference.
    pub(super) reason: &'static str,
    /// The first release of util-linux that has the options, and the first that behaves like nsx,
    /// if there is one.
    pub(super) releases: ((u32, u32), Option<(u32, u32)>),
    /// The user who runs the script.
    pub(super) who: Who,
    /// A script that shows the difference and ends with status 0.
    pub(super) script: &'static str,
    /// The output of the script with nsx.
    pub(super) nsx: &'static str,
}

/// The user that a script is run as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// The user who runs the tests: root, and the ordinary one.
    Anyone,
    /// Root.
    Root,
    /// User 4242 on a system that gives it a name and ranges of ids.
    WithRanges,
    /// Root on that system.
    RootBesideRanges,
}

pub(super) const UNSHARE: &[Difference] = &[
    Difference {
        reason: "--whitelist-env keeps no variable, instead of all, if none of the named ones \
        exists",
        releases: ((2, 43), None),
        who: Who::Anyone,
        script: "A=1 unshare -r --whitelist-env NOSUCHVAR /usr/bin/env | wc -l",
        nsx: "0",
    },
    Difference {
        reason: "--kill-child sets the death signal after -S and -G, which would clear it",
        releases: ((2, 34), None),
        who: Who::Root,
        script: "unshare --kill-child=TERM -S 5 sleep 100 & child_of $!; until grep -q sleep \
        /proc/$child/comm; do sleep 0.01; done; kill -KILL $!; sleep 0.3; \
                 grep -q '^State:.S' /proc/$child/status 2>/dev/null && echo lives on || echo has \
        ended; \
                 kill -KILL $child 2>/dev/null; true",
        nsx: "has ended",
    },
    Difference {
        reason: "--map-auto and --map-subids give root no range that /etc/subuid gives to another \
        user",
        releases: ((2, 38), None),
        who: Who::RootBesideRanges,
        script: "unshare --map-auto cat /proc/self/uid_map 2>&1; true",
        nsx: "unshare: no line matching user \"root\" in /etc/subuid",
    },
    Difference {
        reason: "--keep-caps survives a change of the user by -S",
        releases: ((2, 35), None),
        who: Who::WithRanges,
        script: "unshare -r --map-auto --keep-caps -S 5 grep CapEff /proc/self/status | grep -c \
        0000000000000000; true",
        nsx: "0",
    },
    Difference {
        reason: "--setgroups deny is written before a group map of ranges, when the kernel still \
        accepts it",
        releases: ((2, 38), None),
        who: Who::WithRanges,
        script: "unshare -r --map-auto --setgroups deny cat /proc/self/setgroups 2>&1; true",
        nsx: "deny",
    },
    Difference {
        reason: "--setgroups deny with a map of one group denies once, and does not fail if it is \
        denied already",
        releases: ((2, 26), None),
        who: Who::Anyone,
        script: "unshare -r --setgroups deny cat /proc/self/setgroups 2>&1; true",
        nsx: "deny",
    },
    Difference {
        reason: "--owner with the caller's own ids requires no privilege, because nothing changes",
        releases: ((2, 42), None),
        who: Who::WithRanges,
        script: "unshare --owner 4242:4242 -r id -u 2>&1; true",
        nsx: "0",
    },
    Difference {
        reason: "the program ignores SIGCHLD if the caller does, as it does with every other \
        signal",
        releases: ((2, 23), None),
        who: Who::Anyone,
        script: "env --ignore-signal=CHLD unshare -r grep SigIgn /proc/self/status | grep -c \
        10000; true",
        nsx: "1",
    },
    Difference {
        reason: "a number beyond the last id is refused, and not cut to its low 32 bits",
        releases: ((2, 34), None),
        who: Who::Anyone,
        script: "unshare -r -S 4294967296 id -u 2>&1; true",
        nsx: "unshare: failed to parse uid: '4294967296': Numerical result out of range",
    },
    Difference {
        reason: "a map that the kernel would refuse is refused before anything is created, and \
        newuidmap is not run",
        releases: ((2, 38), None),
        who: Who::WithRanges,
        script: "unshare --map-users 0,0,0 true 2>&1; true",
        nsx: "unshare: failed to write /proc/N/uid_map: Invalid argument",
    },
    Difference {
        reason: "a run that fails unmounts the namespaces that it has bound to files",
        releases: ((2, 27), None),
        who: Who::Root,
        script: "unshare=$(command -v unshare); /usr/bin/unshare -m sh -c 'mount -t tmpfs none \
        /mnt; : >/mnt/net; \
                 \"$0\" --net=/mnt/net nosuch 2>/dev/null; stat -fc %T /mnt/net' $unshare",
        nsx: "tmpfs",
    },
    Difference {
        reason: "no program runs if a namespace cannot be bound to its file; with util-linux the \
        program may be running already, and the status is 1 all the same",
        releases: ((2, 38), None),
        who: Who::Root,
        script: "i=0; while [ $((i += 1)) -le 100 ]; do \
                 [ -z \"$(unshare --fork --net=/nonexistent echo ran 2>/dev/null)\" ] || break; \
        done; \
                 [ $i -gt 100 ] && echo never || echo ran",
        nsx: "never",
    },
];

pub(super) const NSENTER: &[Difference] = &[
    Difference {
        reason: "--join-cgroup leaves standard input alone and no descriptor open in the program, \
        and also joins the mounted cgroups of version 1; a waiting nsenter moves no part \
        of itself",
        releases: ((2, 40), None),
        who: Who::Root,
        script: "echo kept | nsenter -t $$ -u -c sh -c 'cat; ls -l /proc/self/fd | grep -c \
        cgroup.procs'; true",
        nsx: "kept\n0",
    },
    Difference {
        reason: "a waiting nsenter passes a signal that it can catch to the program, which would \
        otherwise live on alone",
        releases: ((2, 23), None),
        who: Who::Root,
        script: "exec 2>/dev/null; nsenter -t $$ -p sleep 100 & until child_of $! && grep -q sleep \
        /proc/$child/comm; do sleep \
                 0.01; done; kill -TERM $!; wait $!; echo $?; sleep 0.1; grep -q '^State:.S' \
        /proc/$child/status && \
                 echo lives on; kill -KILL $child; true",
        nsx: "143",
    },
    Difference {
        reason: "while nsenter waits for a program in a PID namespace, it stays outside all \
        namespaces that it entered",
        releases: ((2, 23), None),
        who: Who::Root,
        script: "/usr/bin/unshare -n sleep 100 & until grep -q sleep /proc/$!/comm; do sleep 0.01; \
        done; target=$!; \
                 nsenter -t $target -n -p sleep 100 & until child_of $! && grep -q sleep \
        /proc/$child/comm; do sleep 0.01; done; \
                 [ \"$(readlink /proc/$!/ns/net)\" = \"$(readlink /proc/$$/ns/net)\" ] && echo \
        outside; kill $child $target",
        nsx: "outside",
    },
    Difference {
        reason: "--all works without privilege if the target shares namespaces with the caller, \
        who is in those already",
        releases: ((2, 30), None),
        who: Who::WithRanges,
        script: "/usr/bin/unshare -Urn sleep 100 & until grep -q sleep /proc/$!/comm; do sleep \
        0.01; done; \
                 nsenter -t $! -a --preserve-credentials id -u 2>&1; kill $!",
        nsx: "0",
    },
    Difference {
        reason: "--all without --target names the missing option",
        releases: ((2, 42), None),
        who: Who::Anyone,
        script: "nsenter -a true 2>&1; true",
        nsx: "nsenter: no target PID specified for --all",
    },
    Difference {
        reason: "-r takes its directory after a = too, as other options of one letter do",
        releases: ((2, 23), None),
        who: Who::Root,
        script: "nsenter -t $$ -u -r=/ echo entered 2>&1; true",
        nsx: "entered",
    },
    Difference {
        reason: "--wdns without a directory means the target's working directory",
        releases: ((2, 38), None),
        who: Who::Root,
        script: "(cd /usr && exec sleep 100) & until grep -q sleep /proc/$!/comm; do sleep 0.01; \
        done; \
                 nsenter -t $! -u --wdns pwd; kill $!",
        nsx: "/usr",
    },
    Difference {
        reason: "a directory for -r or -w need only be searchable, as for cd, and not readable",
        releases: ((2, 23), None),
        who: Who::WithRanges,
        script: "mkdir -p dark; chmod 111 dark; /usr/bin/unshare -Ur sleep 100 & until grep -q \
        sleep /proc/$!/comm; do \
                 sleep 0.01; done; nsenter -t $! -U --preserve-credentials --wd=dark echo entered \
        2>&1; kill $!",
        nsx: "entered",
    },
    Difference {
        reason: "--setuid follow and --setgid follow use the target's ids even if the target is \
        not dumpable (PR_SET_DUMPABLE) and root owns its files in /proc",
        releases: ((2, 39), None),
        who: Who::Root,
        script: "perl -e '$) = 5; $> = 5; sleep 100' & until grep -q '^Uid:.0.5' /proc/$!/status; \
        do sleep 0.01; done; \
                 nsenter -t $! -u -S follow id -u; kill $!",
        nsx: "5",
    },
    Difference {
        reason: "--keep-caps survives a change of the user by -S",
        releases: ((2, 40), None),
        who: Who::WithRanges,
        script: "/usr/bin/unshare --map-auto -r sleep 100 & until grep -q sleep /proc/$!/comm; do \
        sleep 0.01; done; \
                 nsenter -t $! -U --keep-caps -S 5 grep CapEff /proc/self/status 2>&1 | grep -c \
        0000000000000000; kill $!",
        nsx: "0",
    },
    Difference {
        reason: "the program ignores SIGCHLD if the caller does, as it does with every other \
        signal",
        releases: ((2, 23), None),
        who: Who::Root,
        script: "env --ignore-signal=CHLD nsenter -t $$ -p grep SigIgn /proc/self/status | grep -c \
        10000; true",
        nsx: "1",
    },
    Difference {
        reason: "a number beyond the last id is refused, and not cut to its low 32 bits",
        releases: ((2, 24), None),
        who: Who::Root,
        script: "nsenter -t $$ -u -S 4294967296 id -u 2>&1; true",
        nsx: "nsenter: failed to parse uid: '4294967296': Numerical result out of range",
    },
];

pub(super) const LSNS: &[Difference] = &[
    Difference {
        reason: "LSNS_DEBUG and LIBSMARTCOLS_DEBUG print nothing: they trace util-linux's own \
        code and libraries",
        releases: ((2, 38), None),
        who: Who::Anyone,
        script: "LSNS_DEBUG=all LIBSMARTCOLS_DEBUG=all lsns -l -n -t time -o TYPE -p $$ 2>&1 \
        >/dev/null | grep -c . ; true",
        nsx: "0",
    },
    Difference {
        reason: "-J without a tree prints namespaces side by side, and not as children of \
        unrelated ones",
        releases: ((2, 38), None),
        who: Who::Anyone,
        script: "/usr/bin/unshare -rpf --mount-proc sh -c 'unshare -u sleep 100 & until grep -qx \
        sleep /proc/$!/comm; do :; done; \
                 lsns -J -t uts -o NS,COMMAND | grep -c \"^ *.children\"; kill $!'",
        nsx: "0",
    },
    Difference {
        reason: "-J prints all mount points of a namespace, and not only the first",
        releases: ((2, 40), None),
        who: Who::Anyone,
        script: "/usr/bin/unshare -rm sh -c 'mount -t tmpfs none /mnt; : >/mnt/a; : >/mnt/b; \
        /usr/bin/unshare --uts=/mnt/a true; \
                 mount --bind /mnt/a /mnt/b; lsns -J -l -t uts -P -o NSFS | grep -c /mnt/b; true'",
        nsx: "1",
    },
    Difference {
        reason: "a namespace that is bound to a file is listed even if another mount covers that \
        file",
        releases: ((2, 42), None),
        who: Who::Anyone,
        script: "/usr/bin/unshare -rm sh -c 'mount -t tmpfs none /mnt; : >/mnt/a; /usr/bin/unshare \
        --uts=/mnt/a true; \
                 mount --bind /etc/passwd /mnt/a; lsns -n -l -t uts -P -o TYPE'",
        nsx: "uts",
    },
    Difference {
        reason: "JSON is UTF-8 whatever the name of a process is: other bytes become U+FFFD",
        releases: ((2, 38), None),
        who: Who::Anyone,
        script: "name=$(printf 'a\\377') /usr/bin/unshare -rpf --mount-proc bash -c 'unshare -u \
        bash -c \"exec -a \\$name sleep 100\" & \
                 until grep -qx sleep /proc/$!/comm; do :; done; lsns -J $(stat -Lc %i \
        /proc/$!/ns/uts) >seen; kill $!'; \
                 iconv -f UTF-8 -t UTF-8 seen >/dev/null 2>&1 && grep -q command seen && echo \
        valid || echo invalid",
        nsx: "valid",
    },
    Difference {
        reason: "-p with an unused PID is an error with a message and status 1, instead of an \
        empty list",
        releases: ((2, 38), None),
        who: Who::Anyone,
        script: "lsns -p 4194999 2>&1; echo $?",
        nsx: "lsns: not found process: 4194999\n1",
    },
    Difference {
        reason: "-p with a process that the caller may not examine is an error with a message and \
        status 1, instead of an empty list",
        releases: ((2, 38), None),
        who: Who::Root,
        script: "setpriv --reuid=4243 --regid=4243 --clear-groups lsns -p $$ >seen 2>&1; echo $?; \
        grep -c denied seen || :",
        nsx: "1\n1",
    },
    Difference {
        reason: "in a filter && binds closer than ||, as scols-filter(5) says",
        releases: ((2, 41), None),
        who: Who::Anyone,
        script: "lsns -n -l -p $$ -o TYPE -Q 'TYPE == \"uts\" || PID == 0 && TYPE == \"net\"'",
        nsx: "uts",
    },
    Difference {
        reason: "in a filter a comparison binds closer than the ! before it",
        releases: ((2, 41), None),
        who: Who::Anyone,
        script: "lsns -n -l -p $$ -t uts -t net -o TYPE -Q '!TYPE == \"uts\"'",
        nsx: "net",
    },
    Difference {
        reason: "--filter filters the processes of one namespace too; util-linux fails to apply \
        it",
        releases: ((2, 41), None),
        who: Who::Anyone,
        script: "lsns -n -o TYPE -Q 'PID == '$$ $(stat -Lc %i /proc/self/ns/uts) 2>&1; true",
        nsx: "uts",
    },
    Difference {
        reason: "0 is an invalid namespace number, and does not mean all namespaces",
        releases: ((2, 38), None),
        who: Who::Anyone,
        script: "lsns 0 >seen 2>&1; echo $?; wc -l <seen",
        nsx: "1\n1",
    },
    Difference {
        reason: "invisible characters that reorder text are printed on a terminal as \\xNN",
        releases: ((2, 38), None),
        who: Who::Anyone,
        script: "name=$(printf 'a\\342\\200\\256b') /usr/bin/unshare -rpf --mount-proc bash -c \
        'unshare -u bash -c \"exec -a \\$name sleep 100\" & \
                 until grep -qx sleep /proc/$!/comm; do :; done; \
                 script -qec \"lsns -n -o COMMAND $(stat -Lc %i /proc/$!/ns/uts)\" /dev/null | tr \
        -d \"\\r\"; kill $!'",
        nsx: "a\\xe2\\x80\\xaeb 100",
    },
    Difference {
        reason: "lines of trees and characters beyond ASCII are UTF-8 if the environment says so, \
        even if that locale is not installed",
        releases: ((2, 38), None),
        who: Who::Anyone,
        script: "LC_ALL=xx_XX.UTF-8 /usr/bin/unshare -rpf --mount-proc sh -c 'lsns -T -n -o NS | \
        grep -c \"^[|]-\"; true'",
        nsx: "0",
    },
];
