//! The entered namespaces, and the ways to name them: a process, a file, a thread, an inode number,
//! an id, a socket.

use super::{beside, beside_target, user};
use crate::{
    strict::{Side, assert_gives, assert_same, run, unshare::CHILD_OF},
    support::{Need, Session, Test, both, filter::Filter, procfs, root},
};
use rustix::process::Signal;

pub(super) fn tests() -> Vec<Test> {
    vec![
        both(each_kind_of_namespace_gives_the_same),
        both(all_namespaces),
        both(namespaces_of_files_give_the_same),
        both(files_without_a_namespace_give_the_same),
        both(a_thread).needs([Need::Tool("perl")]),
        both(a_pid_with_its_inode_gives_the_same).needs([Need::Kernel(6, 9)]),
        root(the_parent_of_a_user_namespace_is_entered),
        root(a_socket_of_the_target_is_entered).needs([Need::Kernel(5, 6), Need::Tool("perl")]),
        both(a_namespace_is_entered_by_its_id).needs([Need::Kernel(6, 18)]),
        root(kernels_without_setns_by_pidfd_give_the_same),
    ]
}

/// Prints the namespaces of its process.
const OWN: &str =
    "for kind in cgroup ipc mnt net pid time user uts; do readlink /proc/self/ns/$kind; done";

fn each_kind_of_namespace_gives_the_same(session: &Session) {
    let u = user(session);
    let options = [
        "-m", "-u", "-i", "-n", "-p", "-U", "-C", "-T", "-muin", "--mount", "--uts", "--ipc",
        "--net",
    ];
    for option in options.into_iter().chain([
        "--pid",
        "--user",
        "--cgroup",
        "--time",
        "-pF",
        "--pid --no-fork",
    ]) {
        // Those of its kinds that belong to the target.
        let script = format!(
            "for kind in cgroup ipc mnt net pid time user uts; do readlink /proc/$T/ns/$kind; done \
            >its; \
             nsenter -t $T {u} {option} sh -c '{OWN}' | grep -xFf its | cut -d: -f1"
        );
        assert_same(session, &beside_target(&script));
    }
}

fn all_namespaces(session: &Session) {
    let script = format!(
        "for kind in cgroup ipc mnt net pid time user uts; do readlink /proc/$T/ns/$kind; done \
        >its; nsenter -t $T -a \
         --preserve-credentials sh -c '{OWN}' | cmp - its && echo its; t -a -t $T \
        --preserve-credentials id -u"
    );
    assert_same(session, &beside_target(&script));
    // The file of a kind wins, in any position.
    let file = "readlink /proc/$$/ns/uts >own; for kind in -u/proc/$$/ns/uts \
    --uts=/proc/$$/ns/uts; do \
                nsenter $kind -a -t $T readlink /proc/self/ns/uts | cmp - own && echo own; done";
    if session.is_root() {
        assert_same(session, &beside_target(file));
    }
}

fn namespaces_of_files_give_the_same(session: &Session) {
    let users = if session.is_root() {
        ""
    } else {
        "-U/proc/$T/ns/user --preserve-credentials"
    };
    for option in [
        "-n/proc/$T/ns/net",
        "--net=/proc/$T/ns/net",
        "-u/proc/$T/ns/uts -i/proc/$T/ns/ipc",
        "-p/proc/$T/ns/pid",
    ] {
        let script = format!(
            "for kind in net uts ipc pid; do readlink /proc/$T/ns/$kind; done >its; t {users} \
            {option} -- sh -c \
             'for kind in net uts ipc pid; do readlink /proc/self/ns/$kind; done' | grep -cFf its"
        );
        assert_same(session, &beside_target(&script));
    }
    let attached = format!(
        "nsenter {users} -n=/proc/$T/ns/net readlink /proc/self/ns/net | grep -cF $(readlink \
        /proc/$T/ns/net)"
    );
    assert_gives(session, (2, 42), &beside_target(&attached), 0, "1\n", "");
}

fn files_without_a_namespace_give_the_same(session: &Session) {
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

fn a_thread(session: &Session) {
    let u = user(session);
    let script = format!(
        "nsenter -t $T {u} -u perl -Mthreads -e 'threads->create(sub {{ sleep 100 }}); sleep 100' \
        & until set -- \
         /proc/$!/task/*; [ $# = 2 ]; do sleep 0.01; done; thread=${{2##*/}}; [ $thread = $! ] && \
        thread=${{1##*/}}; \
         nsenter -t $thread {u} -u readlink /proc/self/ns/uts | grep -cF $(readlink \
        /proc/$T/ns/uts); kill $!"
    );
    assert_same(session, &beside_target(&script));
}

fn a_pid_with_its_inode_gives_the_same(session: &Session) {
    let u = user(session);
    let target = session.command("/usr/bin/unshare -rnf sleep 1000").start();
    let sleep = target.program("sleep");
    let inode = rustix::fs::fstat(sleep.pidfd()).unwrap().st_ino;
    let id = sleep.id();
    let nsenter = |inode: u64| format!("nsenter -t {id}:{inode} {u} -n readlink /proc/self/ns/net");
    let net = procfs::ns(id, "net") + "\n";
    assert_gives(session, (2, 42), &nsenter(inode), 0, &net, "");
    let other = format!(
        "nsenter: failed to obtain a valid file descriptor for PID {id}: No such process\n"
    );
    assert_gives(session, (2, 42), &nsenter(inode + 1), 1, "", &other);
    sleep.signal(Signal::KILL);
    target.wait();
}

fn the_parent_of_a_user_namespace_is_entered(session: &Session) {
    let inner = "/usr/bin/unshare -rf /usr/bin/unshare -r sleep 1000 2>/dev/null & ";
    let script = format!(
        "{CHILD_OF}{inner} child_of $!; until grep -q sleep /proc/$child/comm; do sleep 0.01; \
        done; \
         readlink /proc/$!/ns/user >parent; for options in '' --user=/proc/$child/ns/user; do \
        nsenter -t $child $options \
         --user-parent readlink /proc/self/ns/user | cmp - parent && echo parent; done; kill -KILL \
        $child"
    );
    assert_gives(session, (2, 40), &script, 0, "parent\nparent\n", "");
    let above = "nsenter: failed to open parent namespace: Operation not permitted\n";
    assert_gives(
        session,
        (2, 40),
        "nsenter -t $$ -U/proc/$$/ns/user --user-parent true",
        1,
        "",
        above,
    );
}

fn a_socket_of_the_target_is_entered(session: &Session) {
    // Its socket was made in another namespace, and the target is back in the first one.
    let script = beside(
        "-nf",
        "nsenter -t $T -n perl -MSocket -e '$^F = 99; $| = 1; socket(S, AF_INET, SOCK_DGRAM, 0); \
        print fileno(S), \"\\n\"; \
         exec(\"/usr/bin/nsenter\", \"--net=/proc/$ARGV[0]/ns/net\", \"sleep\", 1000)' $$ >socket \
        & \
         until [ -s socket ] && grep -q sleep /proc/$!/comm; do sleep 0.01; done; \
         readlink /proc/$T/ns/net >its; readlink /proc/$!/ns/net | cmp -s - its; echo $?; \
         nsenter -t $! -N $(cat socket) readlink /proc/self/ns/net | cmp - its && echo its; \
         nsenter -t $! --net-socket 0 true; nsenter -t $! -N 77 true; nsenter -N 5 true; nsenter \
        -t $! -N x true; kill $!",
    );
    let seen = run(session, Side::Nsx, &script);
    assert_eq!(seen.stdout, "1\nits\n", "{seen:?}");
    for line in [
        ", SIOCGSKNS): ",
        "pidfd_getfd(",
        ", 77): Bad file descriptor",
        "no target PID specified",
        "parse file descriptor: 'x'",
    ] {
        assert!(seen.stderr.contains(line), "{line}: {seen:?}");
    }
}

fn a_namespace_is_entered_by_its_id(session: &Session) {
    for option in ["-n=:", "-n:", "--net=:"] {
        let error =
            "nsenter: cannot open namespace of id 18446744073709551615: Stale file handle\n";
        assert_gives(
            session,
            (2, 42),
            &format!("nsenter {option}18446744073709551615 true"),
            1,
            "",
            error,
        );
    }
    // A file with that name is given with a directory.
    let seen = run(session, Side::Nsx, "nsenter --net=./:5 true");
    assert_eq!(
        seen.stderr,
        "nsenter: cannot open ./:5: No such file or directory\n"
    );
}

fn kernels_without_setns_by_pidfd_give_the_same(session: &Session) {
    let target = session
        .command("/usr/bin/unshare -rmuinpCTf sleep 1000")
        .start();
    let sleep = target.program("sleep");
    let words = format!("nsenter -t {} -a readlink /proc/self/ns/net", sleep.id());
    let outcome = session
        .strict(session.command(&words))
        .under(Filter::SetnsByPidfd)
        .output();
    assert_eq!(outcome, procfs::ns(sleep.id(), "net"));
    sleep.signal(Signal::KILL);
    target.wait();
}
