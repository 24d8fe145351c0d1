//! `nsenter`: each option, its messages, what is seen inside, what is inherited.

use super::{SIDES, Side, assert_gives, assert_same, run, unshare::CHILD_OF};
use crate::support::{Need, Session, Test, both, filter::Filter, ordinary, procfs, root, until};
use rustix::process::Signal;

pub(crate) fn tests() -> Vec<Test> {
    vec![
        both(usage),
        both(words_that_cannot_be),
        both(each_kind_of_namespace),
        both(all_namespaces),
        both(namespaces_of_files),
        both(files_that_hold_nothing_to_enter),
        both(ids),
        root(ids_of_the_program),
        ordinary(groups_that_must_go),
        both(capabilities_are_kept),
        both(root_and_directory),
        both(what_cannot_be_run),
        both(the_login_shell),
        both(how_it_ends),
        both(it_stops_with_the_program),
        both(what_the_caller_gave),
        both(targets_that_are_not_there),
        both(a_thread).needs([Need::Tool("perl")]),
        both(a_pid_with_its_inode).needs([Need::Kernel(6, 9)]),
        both(the_environment_of_the_target),
        root(a_user_and_a_group_to_follow),
        root(the_parent_of_a_user_namespace),
        root(a_socket_of_the_target).needs([Need::Kernel(5, 6), Need::Tool("perl")]),
        root(the_cgroups_of_the_target),
        both(a_namespace_by_its_id).needs([Need::Kernel(6, 18)]),
        root(kernels_that_do_not_enter_by_a_pidfd),
    ]
    .into_iter()
    .map(|test| test.needs([Need::Namespaces, Need::UtilLinux(2, 38)]))
    .collect()
}

/// Makes `T` a process in namespaces of its own, all of them, which lives as long as the script; then the script. There `t`
/// runs nsenter and tells its status.
fn beside_target(script: &str) -> String {
    beside("-rmuinpCTf", script)
}

/// The same with these options for the target's `unshare`, of which one must be `-f`.
pub(super) fn beside(options: &str, script: &str) -> String {
    format!(
        "{CHILD_OF}/usr/bin/unshare {options} sleep 1000 2>/dev/null & child_of $!; T=$child; trap 'kill -KILL $T' EXIT; \
         until grep -q sleep /proc/$T/comm; do sleep 0.01; done; t() {{ nsenter \"$@\"; echo \"rc $?\"; }}; {script}"
    )
}

/// What leaves a user namespace's ids alone, for who needs one to enter any other: `-U`, or nothing.
fn user(session: &Session) -> &'static str {
    if session.is_root() { "" } else { "-U --preserve-credentials" }
}

fn usage(session: &Session) {
    for script in [
        "nsenter --bogus",
        "nsenter -z",
        "nsenter -t",
        "nsenter --target",
        "nsenter --w",
        "nsenter --no-fork=1",
        "nsenter --version >/dev/full",
        "nsenter --help >/dev/full",
        "nsenter --help >&-",
        "nsenter -h --bogus | head -n 4",
        "nsenter -S foo --bogus",
    ] {
        assert_same(session, script);
    }
    let u = user(session);
    assert_same(session, &beside_target(&format!("t --targ $T {u} --ut -- readlink /proc/self/ns/uts | cut -d[ -f1")));
    assert_same(session, &beside_target(&format!("t -t$T {u} -u echo a -u --bogus")));
    let version = "nsenter from util-linux 2.42.2\n";
    assert_eq!(run(session, Side::Nsx, "nsenter --version").stdout, version);
    assert_eq!(session.nsx("compat nsenter -V").run().exited(0).stdout, version.as_bytes());
}

fn words_that_cannot_be(session: &Session) {
    for script in [
        "nsenter -S abc -u true",
        "nsenter -S '' -u true",
        "nsenter -G 0x1 -u true",
        "nsenter -m/nonexistent true",
        "nsenter --mount=/nonexistent true",
        "nsenter --mount= true",
        "nsenter --all -u/nonexistent true",
        "nsenter --all true",
        "nsenter -r/nonexistent -u true",
        "nsenter --root= -u true",
        "nsenter --wd=/nonexistent -u true",
        "nsenter -n/proc/self/ns/net -r true",
        "nsenter -n/proc/self/ns/net -w true",
    ] {
        assert_same(session, script);
    }
    for (words, stderr) in [
        ("", "no namespace specified"),
        ("-t 1 -r -w -S 0", "no namespace specified"),
        ("-m", "no target PID specified"),
        ("-n/proc/self/ns/net -u", "no target PID specified"),
        ("-t 0 -u", "failed to parse PID argument '0': Numerical result out of range"),
        ("-t -1 -u", "failed to parse PID argument '-1': Numerical result out of range"),
        ("-t abc -u", "failed to parse PID argument 'abc': Invalid argument"),
        ("-t 1 -t 1 -u", "option --target may be given only once"),
        ("-w/ -W/ -t 1 -u", "options --wd and --wdns cannot be combined"),
        ("--wdns=/ --wd=/nonexistent", "options --wd and --wdns cannot be combined"),
        ("-u=/nonexistent", "cannot open /nonexistent: No such file or directory"),
        ("-w=/nonexistent", "cannot open /nonexistent: No such file or directory"),
    ] {
        assert_gives(session, (2, 42), &format!("nsenter {words} true"), 1, "", &format!("nsenter: {stderr}\n"));
    }
}

/// Prints the namespaces of whoever runs it.
const OWN: &str = "for kind in cgroup ipc mnt net pid time user uts; do readlink /proc/self/ns/$kind; done";

fn each_kind_of_namespace(session: &Session) {
    let u = user(session);
    let options = ["-m", "-u", "-i", "-n", "-p", "-U", "-C", "-T", "-muin", "--mount", "--uts", "--ipc", "--net"];
    for option in options.into_iter().chain(["--pid", "--user", "--cgroup", "--time", "-pF", "--pid --no-fork"]) {
        // Those of its kinds that are the target's.
        let script = format!(
            "for kind in cgroup ipc mnt net pid time user uts; do readlink /proc/$T/ns/$kind; done >its; \
             nsenter -t $T {u} {option} sh -c '{OWN}' | grep -xFf its | cut -d: -f1"
        );
        assert_same(session, &beside_target(&script));
    }
}

fn all_namespaces(session: &Session) {
    let script = format!(
        "for kind in cgroup ipc mnt net pid time user uts; do readlink /proc/$T/ns/$kind; done >its; nsenter -t $T -a \
         --preserve-credentials sh -c '{OWN}' | cmp - its && echo its; t -a -t $T --preserve-credentials id -u"
    );
    assert_same(session, &beside_target(&script));
    // A file of one kind wins, wherever it stands.
    let file = "readlink /proc/$$/ns/uts >own; for kind in -u/proc/$$/ns/uts --uts=/proc/$$/ns/uts; do \
                nsenter $kind -a -t $T readlink /proc/self/ns/uts | cmp - own && echo own; done";
    if session.is_root() {
        assert_same(session, &beside_target(file));
    }
}

fn namespaces_of_files(session: &Session) {
    let users = if session.is_root() { "" } else { "-U/proc/$T/ns/user --preserve-credentials" };
    for option in
        ["-n/proc/$T/ns/net", "--net=/proc/$T/ns/net", "-u/proc/$T/ns/uts -i/proc/$T/ns/ipc", "-p/proc/$T/ns/pid"]
    {
        let script = format!(
            "for kind in net uts ipc pid; do readlink /proc/$T/ns/$kind; done >its; t {users} {option} -- sh -c \
             'for kind in net uts ipc pid; do readlink /proc/self/ns/$kind; done' | grep -cFf its"
        );
        assert_same(session, &beside_target(&script));
    }
    let attached =
        format!("nsenter {users} -n=/proc/$T/ns/net readlink /proc/self/ns/net | grep -cF $(readlink /proc/$T/ns/net)");
    assert_gives(session, (2, 42), &beside_target(&attached), 0, "1\n", "");
}

fn files_that_hold_nothing_to_enter(session: &Session) {
    for script in [
        "nsenter -n/etc/passwd true",
        "nsenter -n/proc/self/ns/uts true",
        "nsenter -n/dev/null true",
        "nsenter -U/proc/self/ns/user true",
        "nsenter --user=/proc/self/ns/user --preserve-credentials true",
    ] {
        assert_same(session, script);
    }
    if !session.is_root() {
        assert_same(session, "nsenter -n/proc/self/ns/net true");
    }
}

fn ids(session: &Session) {
    for options in ["", "-S 0", "-S ' 0'", "-S +0"] {
        assert_same(session, &beside_target(&format!("t -t $T -U --preserve-credentials {options} id -u")));
    }
    assert_same(session, &beside_target("t -t $T -U --preserve-credentials -G 0 true"));
    assert_same(session, &beside_target("t -t $T -U sh -c 'id -u; id -G'"));
    let unmapped = "nsenter: setuid() failed: Invalid argument\n";
    let script = beside_target("nsenter -t $T -U --preserve-credentials -S 5 true");
    assert_gives(session, (2, 42), &script, 1, "", unmapped);
}

fn ids_of_the_program(session: &Session) {
    for options in ["-S 5 -G 6", "-S 5", "-G 6", "--preserve-credentials -S 5", "-U", "-U -G 0", "-a"] {
        let script = format!("setpriv --groups 3,4 -- $(command -v nsenter) -t $T -u {options} id; echo $?");
        assert_same(session, &beside_target(&script));
    }
}

fn groups_that_must_go(session: &Session) {
    // In the namespace of `unshare -r` they cannot be set.
    assert_same(session, &beside_target("t -t $T -U true; t -t $T -U -G 0 true; t -t $T -a true"));
}

fn capabilities_are_kept(session: &Session) {
    let show = "grep -e CapEff -e CapAmb /proc/self/status";
    assert_same(session, &beside_target(&format!("t -t $T -U --preserve-credentials {show}")));
    let script = beside(
        "-Uf",
        &format!(
            "nsenter -t $T -U --preserve-credentials --keep-caps {show} | uniq | cut -f2 | uniq | grep -vc 0000000000000000"
        ),
    );
    assert_gives(session, (2, 40), &script, 0, "1\n", "");
    // Nothing is to be kept where no user namespace is entered.
    if session.is_root() {
        let script = "nsenter -t $$ -u --keep-caps grep CapAmb /proc/self/status";
        assert_gives(session, (2, 40), script, 0, "CapAmb:\t0000000000000000\n", "");
    }
}

fn root_and_directory(session: &Session) {
    for options in [
        "-r pwd",
        "-w pwd",
        "-m pwd",
        "-m -w pwd",
        "-m -r pwd",
        "-m -r -w pwd",
        "-m -w/usr/lib pwd",
        "-w/usr/lib pwd",
        "--wd=/usr/lib pwd",
        "-r/ -w/usr/lib pwd",
        "-r/usr /bin/pwd",
        "-r/usr ls -d /lib /usr",
        "--root=/usr -W/bin /bin/pwd",
        "-r/usr -w/usr/bin /bin/pwd",
        "-r/usr -w/etc ls passwd",
        "-W/usr/lib pwd",
        "--wdns=/usr/lib pwd",
        "-W/nonexistent pwd",
        "--wdns= pwd",
        "-W/etc/passwd pwd",
        "-r/etc/passwd true",
        "-w/etc/passwd true",
        "-r/usr/lib/ true",
    ] {
        assert_same(session, &beside_target(&format!("cd /usr/share; t -t $T -U --preserve-credentials -u {options}")));
    }
    if !session.is_root() {
        assert_same(session, &beside_target("t -r/usr -n/proc/$T/ns/net true"));
    }
    // One's own user namespace gives no right to change the root directory.
    assert_same(session, &beside("-rnf", "cd /; t -t $T -U --preserve-credentials -n -r -w sh -c 'ls -d etc; pwd'"));
}

fn what_cannot_be_run(session: &Session) {
    let u = user(session);
    for program in ["nosuch", "/etc", "/etc/passwd", "/nosuch/program"] {
        assert_same(session, &beside_target(&format!("t -t $T {u} -u {program}; t -t $T {u} -p {program}")));
    }
    let script = "echo 'echo $0 ran' >script; chmod +x script";
    assert_same(session, &beside_target(&format!("{script}; t -t $T {u} -u ./script")));
}

fn the_login_shell(session: &Session) {
    let u = user(session);
    for script in [
        format!("echo 'echo $0; id -u' | SHELL=/bin/sh nsenter -t $T {u} -u"),
        format!("echo 'shopt login_shell' | SHELL=/bin/bash nsenter -t $T {u} -p"),
        format!("SHELL=/nosuch/shell nsenter -t $T {u} -u"),
    ] {
        assert_same(session, &beside_target(&script));
    }
    let shell = session.shell("grep ^root: /etc/passwd | sed 's,.*[:/],-,'").output() + "\n";
    let script = beside_target("echo 'echo $0' | SHELL= nsenter -t $T -U --preserve-credentials");
    assert_gives(session, (2, 42), &script, 0, &shell, "");
}

fn how_it_ends(session: &Session) {
    let u = user(session);
    for options in ["-u", "-p", "-pF"] {
        for program in ["exit 7", "kill -TERM $$; echo still there", "kill -KILL $$", "kill -QUIT $$", "exit 300"] {
            let script = format!("exec 3>&2 2>/dev/null; nsenter -t $T {u} {options} sh -c '{program}' 2>&3; echo $?");
            assert_same(session, &beside_target(&script));
        }
    }
    assert_same(session, &beside_target(&format!("nsenter -t $T {u} -p sh -c 'exit 5'")));
}

fn it_stops_with_the_program(session: &Session) {
    let target = session.command("/usr/bin/unshare -rpf sleep 1000").start();
    let inside = target.program("sleep");
    let options = if session.is_root() { "" } else { "-U --preserve-credentials " };
    for side in SIDES {
        let command = session.command(&format!("nsenter -t {} {options}-p sleep 77", inside.id()));
        let process = if side == Side::Nsx { session.strict(command) } else { command }.start();
        let sleep = process.program("sleep");
        sleep.signal(Signal::STOP);
        until("the program is stopped", || sleep.state() == 'T');
        until("nsenter stops with it", || process.pinned().state() == 'T');
        process.signal(Signal::CONT);
        until("nsenter goes on", || process.pinned().state() == 'S');
        until("the program goes on with it", || sleep.state() == 'S');
        sleep.signal(Signal::USR1);
        process.wait().killed_by(Signal::USR1);
    }
    inside.signal(Signal::KILL);
    target.wait();
}

fn what_the_caller_gave(session: &Session) {
    let signals = "grep -E '^(SigBlk|SigIgn|SigCgt)' /proc/self/status";
    let descriptors =
        "sh -c 'for fd in 0 1 2 3 4 5 6 7 8 9; do test -e /proc/$$/fd/$fd && echo $fd; done >seen'; cat seen";
    let u = user(session);
    for options in ["-u", "-p", "-u -r -w", "-p -r"] {
        let nsenter = format!("nsenter -t $T {u} {options}");
        let mut scripts = vec![
            format!("env --ignore-signal=HUP,INT,PIPE,USR2,TTOU {nsenter} {signals}"),
            format!("env --block-signal=TERM,INT,USR1,WINCH {nsenter} {signals}"),
            format!("umask 027; {nsenter} sh -c umask"),
            format!("ulimit -n 77; {nsenter} cat /proc/self/limits"),
            format!("A=1 {nsenter} sh -c 'echo $A; cat'"),
        ];
        for closed in ["", "<&-", ">&-", "2>&-", "<&- >&- 2>&-", "7</dev/null"] {
            scripts.push(format!("({nsenter} {descriptors}) {closed}; cat seen"));
        }
        scripts.iter().for_each(|script| assert_same(session, &beside_target(script)));
    }
}

fn targets_that_are_not_there(session: &Session) {
    for script in ["nsenter -t 4194303 -n true", "nsenter -t 4194303 -a true", "nsenter -t 4194303 -r -u true"] {
        assert_same(session, script);
    }
    // A zombie, whose parent does not ask how it ended.
    let zombie = "(sh -c 'exit 0' & exec sleep 5) & child_of $!; until grep -q '^State:.Z' /proc/$child/status; do \
                  sleep 0.01; done; nsenter -t $child -n true; kill $!";
    assert_same(session, &(CHILD_OF.to_owned() + zombie));
    if !session.is_root() {
        // Not one's own.
        assert_same(session, "nsenter -t 1 -a true");
        let root = "nsenter: cannot open /proc/N/root: Permission denied\n";
        assert_gives(session, (2, 42), "nsenter -t 1 -r -n true", 1, "", root);
    }
    let same = "nsenter: reassociate to namespaces failed: Invalid argument\n";
    assert_gives(session, (2, 42), "nsenter -t $$ -U true", 1, "", same);
    if !session.is_root() {
        let denied = "nsenter: reassociate to namespaces failed: Operation not permitted\n";
        assert_gives(session, (2, 42), "nsenter -t 1 -n true", 1, "", denied);
    }
}

fn a_thread(session: &Session) {
    let u = user(session);
    let script = format!(
        "nsenter -t $T {u} -u perl -Mthreads -e 'threads->create(sub {{ sleep 100 }}); sleep 100' & until set -- \
         /proc/$!/task/*; [ $# = 2 ]; do sleep 0.01; done; thread=${{2##*/}}; [ $thread = $! ] && thread=${{1##*/}}; \
         nsenter -t $thread {u} -u readlink /proc/self/ns/uts | grep -cF $(readlink /proc/$T/ns/uts); kill $!"
    );
    assert_same(session, &beside_target(&script));
}

fn a_pid_with_its_inode(session: &Session) {
    let u = user(session);
    let target = session.command("/usr/bin/unshare -rnf sleep 1000").start();
    let sleep = target.program("sleep");
    let inode = rustix::fs::fstat(sleep.pidfd()).unwrap().st_ino;
    let id = sleep.id();
    let nsenter = |inode: u64| format!("nsenter -t {id}:{inode} {u} -n readlink /proc/self/ns/net");
    let net = procfs::ns(id, "net") + "\n";
    assert_gives(session, (2, 42), &nsenter(inode), 0, &net, "");
    let other = format!("nsenter: failed to obtain a valid file descriptor for PID {id}: No such process\n");
    assert_gives(session, (2, 42), &nsenter(inode + 1), 1, "", &other);
    sleep.signal(Signal::KILL);
    target.wait();
}

fn the_environment_of_the_target(session: &Session) {
    let u = user(session);
    // Backwards, the last of a name alone, and in it the program is looked up.
    let start = "/usr/bin/env -i A=1 B=2 PATH=$PWD/bin:/usr/bin /usr/bin/unshare -rnf sleep 1000 2>/dev/null & ";
    let script = format!(
        "{CHILD_OF}mkdir -p bin; printf '#!/bin/sh\\n/usr/bin/cat -v /proc/$$/environ' >bin/show; chmod +x bin/show; \
         {start} child_of $!; until grep -q sleep /proc/$child/comm; do sleep 0.01; done; \
         nsenter -t $child {u} -n -e show | sed 's/PATH=[^^]*/PATH/'; kill -KILL $child"
    );
    assert_gives(session, (2, 39), &script, 0, "PATH^@B=2^@A=1^@", "");
    if !session.is_root() {
        let denied = "nsenter: cannot open /proc/N/environ: Permission denied\n";
        assert_gives(session, (2, 39), "nsenter -n/proc/self/ns/net -t 1 -e true", 1, "", denied);
    }
}

fn a_user_and_a_group_to_follow(session: &Session) {
    let start = "setpriv --reuid=55 --regid=66 --clear-groups sleep 1000 & until grep -q '^Uid:.55' /proc/$!/status; do \
                 sleep 0.01; done; ";
    for (options, ids) in [("-S follow -G follow", "55:66:66"), ("-S follow", "55:0:0"), ("-G follow -S 7", "7:66:66")]
    {
        let show = "sh -c 'echo $(id -u):$(id -g):$(id -G)'";
        let script = format!("{start}setpriv --clear-groups $(command -v nsenter) -t $! -u {options} {show}; kill $!");
        assert_gives(session, (2, 39), &script, 0, &format!("{ids}\n"), "");
    }
    // As the user namespace counts them that is entered.
    let script = beside("-rf", "nsenter -t $T -U -S follow -G follow id -u; nsenter -t $T -U -S follow id -g");
    assert_gives(session, (2, 39), &script, 0, "0\n0\n", "");
}

fn the_parent_of_a_user_namespace(session: &Session) {
    let inner = "/usr/bin/unshare -rf /usr/bin/unshare -r sleep 1000 2>/dev/null & ";
    let script = format!(
        "{CHILD_OF}{inner} child_of $!; until grep -q sleep /proc/$child/comm; do sleep 0.01; done; \
         readlink /proc/$!/ns/user >parent; for options in \"-t $child\" --user=/proc/$child/ns/user; do nsenter $options \
         --user-parent readlink /proc/self/ns/user | cmp - parent && echo parent; done; kill -KILL $child"
    );
    assert_gives(session, (2, 40), &script, 0, "parent\nparent\n", "");
    let above = "nsenter: failed to open parent namespace: Operation not permitted\n";
    assert_gives(session, (2, 40), "nsenter -U/proc/$$/ns/user --user-parent true", 1, "", above);
}

fn a_socket_of_the_target(session: &Session) {
    // Its socket is where it was made, and the target is back where it came from.
    let script = beside(
        "-nf",
        "nsenter -t $T -n perl -MSocket -e '$^F = 99; $| = 1; socket(S, AF_INET, SOCK_DGRAM, 0); print fileno(S), \"\\n\"; \
         exec(\"/usr/bin/nsenter\", \"--net=/proc/$ARGV[0]/ns/net\", \"sleep\", 1000)' $$ >socket & \
         until [ -s socket ] && grep -q sleep /proc/$!/comm; do sleep 0.01; done; \
         readlink /proc/$T/ns/net >its; readlink /proc/$!/ns/net | cmp -s - its; echo $?; \
         nsenter -t $! -N $(cat socket) readlink /proc/self/ns/net | cmp - its && echo its; \
         nsenter -t $! --net-socket 0 true; nsenter -t $! -N 77 true; nsenter -N 5 true; nsenter -t $! -N x true; kill $!",
    );
    let seen = run(session, Side::Nsx, &script);
    assert_eq!(seen.stdout, "1\nits\n", "{seen:?}");
    for line in [
        "ioctl(SIOCGSKNS): ",
        "pidfd_getfd(",
        ", 77): Bad file descriptor",
        "no target PID specified",
        "parse file descriptor: 'x'",
    ] {
        assert!(seen.stderr.contains(line), "{line}: {seen:?}");
    }
}

fn the_cgroups_of_the_target(session: &Session) {
    // A cgroup in each hierarchy that is mounted, for a program that stays there.
    let script = beside(
        "-nf",
        "name=nsxt-nsenter-$$; for mount in $(grep -e '- cgroup2\\? ' /proc/self/mountinfo | cut -d' ' -f5); do \
         mkdir $mount/$name && if [ -e $mount/$name/cpuset.cpus ]; then cat $mount/cpuset.cpus >$mount/$name/cpuset.cpus; \
         cat $mount/cpuset.mems >$mount/$name/cpuset.mems; fi && echo $T >$mount/$name/cgroup.procs && echo $mount >>mounts; \
         done 2>/dev/null; cat /proc/$T/cgroup >its; grep -c $name its >/dev/null && echo moved; \
         for fork in -n -p/proc/$$/ns/pid; do nsenter -t $T $fork -c cat /proc/self/cgroup | cmp - its && echo its; done; \
         kill -KILL $T; for mount in $(cat mounts); do until rmdir $mount/$name; do sleep 0.01; done; done 2>/dev/null",
    );
    assert_eq!(run(session, Side::Nsx, &script).stdout, "moved\nits\nits\n");
}

fn a_namespace_by_its_id(session: &Session) {
    let words = "failed to open the namespace with id 18446744073709551615";
    let seen = run(session, Side::Nsx, "nsenter -n=:18446744073709551615 true");
    assert!(seen.stderr.contains(words) && seen.status == "exit status: 1", "{seen:?}");
    let seen = run(session, Side::Nsx, "nsenter --net=:x true");
    assert!(seen.stderr.contains("failed to parse namespace id: 'x'"), "{seen:?}");
    // A file that is called so has a directory before it.
    let seen = run(session, Side::Nsx, "nsenter --net=./:5 true");
    assert_eq!(seen.stderr, "nsenter: cannot open ./:5: No such file or directory\n");
}

fn kernels_that_do_not_enter_by_a_pidfd(session: &Session) {
    let target = session.command("/usr/bin/unshare -rmuinpCTf sleep 1000").start();
    let sleep = target.program("sleep");
    let words = format!("nsenter -t {} -a readlink /proc/self/ns/net", sleep.id());
    let outcome = session.strict(session.command(&words)).under(Filter::SetnsByPidfd).output();
    assert_eq!(outcome, procfs::ns(sleep.id(), "net"));
    sleep.signal(Signal::KILL);
    target.wait();
}
