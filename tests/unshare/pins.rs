//! `nsx unshare --pin`: namespaces that a file keeps, and the state after failures and kills.
//!
//! Each test works in its own mount namespace, so that no pin is left on the host.

use crate::support::{Command, Need, Session, Test, both, root};
use std::time::Duration;

pub(crate) fn tests() -> Vec<Test> {
    vec![
        both(every_kind_outlives_its_processes),
        both(the_file_is_created_unless_it_exists),
        both(a_failure_leaves_nothing_behind),
        both(files_that_hold_a_namespace_and_links_are_refused),
        both(wrong_words_are_refused),
        both(a_file_that_cannot_be_created_is_refused_with_the_reason),
        both(the_directory_of_ip_netns_is_created),
        both(an_empty_pid_namespace_is_not_pinned),
        root(an_ordinary_users_pin_is_refused_with_the_reason),
        root(a_mount_namespace_is_pinned_though_mounts_are_shared)
            .needs([Need::Tool("mountpoint")]),
        both(a_mount_namespace_is_pinned_on_any_processor).needs([Need::Tool("taskset")]),
        root(pins_and_ip_netns_know_each_other).needs([Need::Tool("ip")]),
        both(a_kill_at_any_step_leaves_a_whole_pin_or_none)
            .needs([Need::Tool("strace")])
            .alone(),
    ]
    .into_iter()
    .map(|test| test.needs([Need::Namespaces]))
    .collect()
}

/// A shell in a private mount namespace, in which the caller may mount.
fn private(session: &Session, script: &str) -> Command {
    let map = session.map_root();
    session
        .command(&format!("unshare {map}--mount sh -ec"))
        .arg(script)
}

fn every_kind_outlives_its_processes(session: &Session) {
    let script = "for kind in cgroup ipc mnt net pid time user uts; do
            link=$kind; case $kind in pid|time) link=${kind}_for_children;; esac
            inside=$(nsx unshare --no-mount-sys --no-mount-proc --pin $kind=$PWD/$kind --fork \
    readlink /proc/self/ns/$kind)
            [ \"$inside\" = \"$kind:[$(stat -c %i $kind)]\" ] || echo $kind: $inside is not $(stat \
    -c %i $kind)
            [ \"$(stat -f -c %T $kind)\" = nsfs ] || echo $kind is not a namespace
        done
        [ $(nsenter --uts=uts readlink /proc/self/ns/uts) = \"uts:[$(stat -c %i uts)]\" ] && echo \
    entered";
    assert_eq!(private(session, script).output(), "entered");
}

fn the_file_is_created_unless_it_exists(session: &Session) {
    let script =
        "touch there; nsx unshare --uts=there true; nsx unshare --ipc=made --net=made-too \
    --no-mount-sys true
        stat -f -c %T there made made-too";
    assert_eq!(private(session, script).output(), "nsfs\nnsfs\nnsfs");
}

fn a_failure_leaves_nothing_behind(session: &Session) {
    // The program, a later step, and the second of two pins; with nsx as the program and with a
    // child.
    for failing in [
        "nosuch-program",
        "-w /nonexistent true",
        "--ipc=/nonexistent/file true",
    ] {
        for fork in [
            "",
            "--fork ",
            "--pid --no-mount-proc ",
            "--init --no-mount-proc ",
        ] {
            let script = format!(
                "touch there; nsx unshare {fork}--uts=there --cgroup=made {failing} 2>/dev/null || \
                echo $?
                [ -s there ] || [ $(stat -f -c %T there) != nsfs ] && [ ! -e made ] && echo clean; \
                grep -c \"$PWD/.* nsfs \" /proc/self/mountinfo || :"
            );
            let expected = if failing == "nosuch-program" {
                "127\nclean\n0"
            } else {
                "125\nclean\n0"
            };
            assert_eq!(
                private(session, &script).output(),
                expected,
                "{fork}{failing}"
            );
        }
    }
}

fn files_that_hold_a_namespace_and_links_are_refused(session: &Session) {
    private(
        session,
        "nsx unshare --uts=pin true; nsx unshare --uts=pin touch ran",
    )
    .run()
    .exited(125)
    .says(&["pin the uts namespace to pin", "holds a namespace already"]);
    private(
        session,
        "touch file; ln -s file link; nsx unshare --uts=link touch ran",
    )
    .run()
    .exited(125)
    .says(&["link", "symbolic link"]);
    private(
        session,
        "ln -s nowhere dangling; nsx unshare --uts=dangling touch ran",
    )
    .run()
    .exited(125)
    .says(&["link"]);
    assert!(!session.path("ran").exists() && !session.path("nowhere").exists());
}

fn wrong_words_are_refused(session: &Session) {
    for word in ["net", "net=", "foo=/x", "=/x"] {
        session
            .unshare("--pin")
            .arg(word)
            .args("touch ran")
            .run()
            .exited(125)
            .says(&["KIND=FILE"]);
    }
    assert!(!session.path("ran").exists());
}

fn a_file_that_cannot_be_created_is_refused_with_the_reason(session: &Session) {
    let refused = |file: &str, words: &[&str]| {
        let script =
            format!("mkdir directory; touch file; exec nsx unshare --uts={file} touch ran");
        private(session, &script).run().exited(125).says(words);
        assert!(!session.path("ran").exists() && !session.path("no").exists());
        std::fs::remove_dir(session.path("directory")).unwrap();
    };
    refused(
        "no/file",
        &["no such file", "there is no directory no\n", "make it"],
    );
    refused(
        "$PWD/no/such/file",
        &["there is no directory /", "/no/such\n"],
    );
    refused(
        "directory",
        &["it is a directory", "--pin uts=directory/NAME"],
    );
    refused("file/file", &["file is not a directory"]);
}

/// `ip netns add` creates it for the first network, with the same mode.
fn the_directory_of_ip_netns_is_created(session: &Session) {
    let script = "umask 022; mount -t tmpfs none /run; mkdir /run/other
        for failing in nosuch '--uts=/nonexistent/file true' '--fork -w /nonexistent true'; do
            ! nsx unshare --pin net=/run/netns/blue --no-mount-sys $failing 2>/dev/null; ls -A /run
        done
        nsx unshare --pin net=/run/netns/blue --no-mount-sys true
        stat -c %a /run/netns; stat -f -c %T /run/netns/blue
        ! nsx unshare --pin net=/run/netns/green --no-mount-sys nosuch 2>/dev/null; ls /run/netns";
    assert_eq!(
        private(session, script).output(),
        "other\nother\nother\n755\nnsfs\nblue"
    );
}

fn an_empty_pid_namespace_is_not_pinned(session: &Session) {
    for options in ["--pid=made --no-fork", "--pin pid=made --no-fork"] {
        let script = format!("exec nsx unshare {options} touch ran");
        private(session, &script)
            .run()
            .exited(125)
            .says(&["--no-fork", "nobody is in"]);
    }
    assert!(!session.path("made").exists() && !session.path("ran").exists());
}

fn an_ordinary_users_pin_is_refused_with_the_reason(session: &Session) {
    let command = "setpriv --reuid=4242 --regid=4242 --clear-groups nsx unshare -r \
    --uts=/tmp/nsx-no-such-pin touch ran";
    session
        .command(command)
        .run()
        .exited(125)
        .says(&["not permitted", "CAP_SYS_ADMIN"]);
    assert!(!std::path::Path::new("/tmp/nsx-no-such-pin").exists());
}

fn a_mount_namespace_is_pinned_though_mounts_are_shared(session: &Session) {
    let script = "mkdir dir; mount -t tmpfs none dir; mount --make-shared dir; mkdir dir/sub
        nsx unshare --mount=dir/sub/pin true; stat -f -c %T dir/sub/pin
        ! nsx unshare --mount=dir/sub/other nosuch 2>/dev/null; ls dir/sub; umount dir/sub/pin; \
    umount dir/sub; mountpoint dir/sub || :
        ! nsx unshare --mount=dir/sub/other nosuch 2>/dev/null; ls dir/sub; mountpoint dir/sub || :";
    let expected = "nsfs\npin\ndir/sub is not a mountpoint\npin\ndir/sub is not a mountpoint";
    assert_eq!(private(session, script).output(), expected);
}

/// Linux 6.18 refuses to pin a mount namespace that seems older than the one that it is pinned in,
/// which depends on the processors that both were created on.
fn a_mount_namespace_is_pinned_on_any_processor(session: &Session) {
    let script = "for outer in $(seq 0 $(($(nproc --all) - 1))); do for inner in $(seq 0 \
    $(($(nproc --all) - 1))); do
            for options in '' '--pid --no-mount-proc '; do
                taskset -c $outer unshare --mount sh -ec \"
                    mount -t tmpfs none .; cd .; taskset -c $inner nsx unshare $options--mount=pin \\
                        sed -n s/^Cpus_allowed_list:.//p /proc/self/status >on
                    [ \\$(cat on) = $inner ] && stat -f -c %T pin\" || echo $outer $inner $options
            done
        done; done";
    let output = private(session, script).output();
    assert!(
        output.lines().count() >= 2 && output.lines().all(|line| line == "nsfs"),
        "{output}"
    );
}

fn pins_and_ip_netns_know_each_other(session: &Session) {
    let script = "mount -t tmpfs none /run; mkdir /run/netns
        nsx unshare --net=/run/netns/blue true; ip netns list
        [ \"$(ip netns exec blue readlink /proc/self/ns/net)\" = \"net:[$(stat -c %i \
    /run/netns/blue)]\" ] && echo entered
        ip netns delete blue; ip netns list
        ip netns add green; nsenter --net=/run/netns/green readlink /proc/self/ns/net | grep -c \"$(stat -c %i /run/netns/green)\"
        nsx unshare --net=/run/netns/green true 2>/dev/null || echo held";
    assert_eq!(private(session, script).output(), "blue\nentered\n1\nheld");
}

/// nsx is killed at its first system call, then in another run at its second, and so on.
fn a_kill_at_any_step_leaves_a_whole_pin_or_none(session: &Session) {
    let script = "nsx='nsx unshare --pid --init --uts=pin --ipc=second'
        strace -qq -o calls $nsx true; umount pin second; rm pin second
        grep -o '^[a-z0-9_]*(' calls | tr -d '(' | awk 'NR > 1 { print $1, ++count[$1] }' >steps # \
    its own exec is strace's
        while read call when; do
            # strace ends as nsx does.
            sh -c \"exec strace -qq -o trace -e inject=$call:signal=KILL:when=$when $nsx flock \
    lock sleep 1\" 2>/dev/null && echo $call $when: not killed || [ $? = 137 ] || echo $call \
    $when: not by KILL
            sleep 0.03 # for those who see that nsx is gone
            flock -n lock true || echo $call $when: the program lives on
            for file in pin second; do
                case $(stat -f -c %T $file 2>/dev/null) in nsfs) umount $file;; esac
                [ ! -s $file ] || echo $call $when: $file is neither pin nor empty
            done
            # The next run of these names takes what is left.
            nsx unshare --uts=pin --ipc=second true || echo $call $when: no next run
            umount pin second; rm pin second
        done <steps
        [ $(grep -c . steps) -gt 50 ] && echo done";
    let outcome = private(session, script)
        .start()
        .wait_for(Duration::from_secs(120));
    assert_eq!(outcome.exited(0).text(), "done");
}
