//! `nsx enter`: which namespaces are joined, where the program starts, and which targets are
//! refused.

mod accounts;
mod alike;
mod files;
mod host_tools;
mod hostile;
mod joined;
mod proc;
mod pty;
mod view;

use crate::{
    support::{
        Need, Process, Session, Test, both,
        filter::Filter,
        ordinary,
        procfs::{self, KINDS, Pinned},
        root, until,
    },
    unshare::root_directory::small_root,
    unshare::{PRINT_NAMESPACES, options},
};
use std::{fs, time::Duration};

pub(crate) fn tests() -> Vec<Test> {
    let areas = [
        joined_namespaces(),
        accounts::tests(),
        alike::tests(),
        files::tests(),
        host_tools::tests(),
        hostile::tests(),
        joined::tests(),
        proc::tests(),
        pty::tests(),
        view::tests(),
    ];
    areas.into_iter().flatten().collect()
}

fn joined_namespaces() -> Vec<Test> {
    vec![
        both(nsx_and_nsenter_enter_the_namespaces_that_unshare_made).needs([Need::Tool("ip")]),
        both(every_kind_that_differs_is_joined),
        both(only_the_kinds_that_are_named_are_joined),
        both(the_program_starts_in_the_targets_working_directory),
        both(the_program_has_the_targets_root_directory).needs([Need::Tool("busybox")]),
        both(it_enters_three_pid_namespaces_below),
        ordinary(the_program_has_the_ids_that_are_mapped),
        root(the_program_becomes_a_user_and_a_group),
        root(supplementary_groups_of_root_are_dropped),
        root(supplementary_groups_that_cannot_be_dropped_are_refused),
        both(a_process_that_has_ended_is_refused).needs([Need::Tool("strace")]),
        both(a_zombie_is_refused),
        both(a_thread_is_refused),
        both(a_process_with_another_inode_is_refused).needs([Need::Kernel(6, 9)]),
        both(words_that_are_not_targets_are_refused),
        both(a_target_without_a_namespace_of_its_own_is_refused),
        ordinary(another_users_process_is_refused_before_anything_is_joined),
        root(a_kind_that_may_not_be_joined_is_refused_before_anything_is_joined),
    ]
    .into_iter()
    .map(|test| test.needs([Need::Namespaces, Need::UtilLinux(2, 36), Need::Kernel(5, 6)]))
    .collect()
}

/// A `sleep` in new namespaces that util-linux made.
fn target(session: &Session, options: &str) -> (Process, Pinned) {
    let unshare = session
        .original_unshare(&format!("{options} sleep 100"))
        .start();
    let sleep = unshare.program("sleep");
    (unshare, sleep)
}

/// Every kind that util-linux can unshare, except the user namespace.
const MANY: &str =
    "--mount --uts --ipc --net --pid --cgroup --time --fork --kill-child --mount-proc";

/// The namespaces of a process, as [`PRINT_NAMESPACES`] prints them.
fn namespaces(process: &Pinned) -> String {
    KINDS.map(|kind| procfs::ns(process.id(), kind)).join("\n")
}

fn nsx_and_nsenter_enter_the_namespaces_that_unshare_made(session: &Session) {
    let nsx = session.unshare("--net --pid sleep 100").start();
    nsx.program("sleep");
    // The process that the caller knows as `$!` is in the new network, but is not PID 1 of the new
    // PID namespace.
    let (id, user) = (nsx.id(), if session.is_root() { "" } else { " -U" });
    let ours = format!("enter {id} --net{user} --");
    let theirs = format!(
        "nsenter -t {id} -n{}",
        if session.is_root() {
            ""
        } else {
            " -U --preserve-credentials"
        }
    );
    let link = session
        .nsx(&format!("{ours} readlink /proc/self/ns/net"))
        .output();
    assert_eq!(
        link,
        session
            .command(&format!("{theirs} readlink /proc/self/ns/net"))
            .output()
    );
    assert_eq!(link, procfs::ns(id, "net"));
    assert_ne!(link, procfs::ns("self", "net"));
    let devices = session.nsx(&format!("{ours} ip -br link")).output();
    assert_eq!(
        devices,
        session.command(&format!("{theirs} ip -br link")).output()
    );
    assert!(
        devices.starts_with("lo ") && devices.lines().count() == 1,
        "{devices}"
    );
}

fn every_kind_that_differs_is_joined(session: &Session) {
    let user = format!("--map-root-user {MANY}");
    for options in [MANY, &user] {
        let (_unshare, sleep) = target(session, options);
        let expected = namespaces(&sleep);
        for words in [
            format!("{}", sleep.id()),
            format!("-t {} --", sleep.id()),
            format!("--target={}", sleep.id()),
        ] {
            let enter = session
                .nsx(&format!("enter {words} sh -c"))
                .arg(PRINT_NAMESPACES);
            assert_eq!(enter.clone().output(), expected, "{options}");
            assert_eq!(
                enter.under(Filter::SetnsByPidfd).output(),
                expected,
                "{options}, before Linux 5.8"
            );
        }
        let id = sleep.id();
        let output = session
            .nsx(&format!("enter {id} -- sh -c"))
            .arg("cat /proc/1/comm; [ $$ != 1 ] && pwd")
            .output();
        assert!(output.starts_with("sleep\n/"), "{output}");
    }
}

fn only_the_kinds_that_are_named_are_joined(session: &Session) {
    // Without a procfs of its own: a program that joins the mount namespace alone would not be in
    // it.
    let (_unshare, sleep) = target(
        session,
        "--mount --uts --ipc --net --pid --cgroup --time --fork --kill-child",
    );
    let id = sleep.id();
    let user = if session.is_root() { "" } else { "-U " };
    for kind in KINDS.into_iter().filter(|kind| *kind != "user") {
        let expected = KINDS.map(|other| {
            let joined = other == kind || (other == "user" && !session.is_root());
            if joined {
                procfs::ns(id, other)
            } else {
                procfs::ns("self", other)
            }
        });
        for option in options(kind) {
            let enter = session
                .nsx(&format!("enter {id} --no-fix {user}{option} sh -c"))
                .arg(PRINT_NAMESPACES);
            assert_eq!(enter.clone().output(), expected.join("\n"), "{option}");
            assert_eq!(
                enter.under(Filter::SetnsByPidfd).output(),
                expected.join("\n"),
                "{option}, before Linux 5.8"
            );
        }
    }
    // util-linux gets the same result.
    let preserve = session.enter_user();
    let theirs = session
        .command(&format!("nsenter -t {id} {preserve}-u -i sh -c"))
        .arg(PRINT_NAMESPACES)
        .output();
    assert_eq!(
        session
            .nsx(&format!("enter -t {id} {user}-ui sh -c"))
            .arg(PRINT_NAMESPACES)
            .output(),
        theirs
    );
}

fn the_program_starts_in_the_targets_working_directory(session: &Session) {
    let (_unshare, sleep) = target(session, "--mount --uts --wd=/usr/lib");
    let (id, own) = (sleep.id(), session.directory().to_str().unwrap());
    let user = if session.is_root() { "" } else { "-U " };
    for (options, directory) in [
        ("", "/usr/lib"),
        ("-m", "/usr/lib"),
        ("-u", own),
        ("--wd /etc", "/etc"),
    ] {
        let user = if options.starts_with("-m") || options.starts_with("-u") {
            user
        } else {
            ""
        };
        let words = format!("enter {id} {user}{options}");
        let output = session
            .nsx(&format!("{} -- pwd -P", words.trim_end()))
            .output();
        assert_eq!(output, directory, "{options}");
    }
}

fn the_program_has_the_targets_root_directory(session: &Session) {
    small_root(session);
    // util-linux only calls chroot, so its root is not that of the mount namespace.
    let (_unshare, sleep) = target(session, "--mount --root=root --wd=/tmp");
    for filter in [None, Some(Filter::SetnsByPidfd)] {
        let enter = session
            .nsx(&format!("enter {} -- sh -c", sleep.id()))
            .arg("pwd; echo /*; cat /where");
        let enter = filter.map_or(enter.clone(), |filter| enter.under(filter));
        assert_eq!(enter.output(), "/tmp\n/bin /proc /sys /tmp /where\ninside");
    }
}

fn it_enters_three_pid_namespaces_below(session: &Session) {
    let deeper = "--pid --fork --kill-child --mount-proc";
    let (_unshare, sleep) = target(
        session,
        &format!("{deeper} unshare {deeper} unshare {deeper}"),
    );
    let chain = procfs::status(sleep.id(), "NSpid");
    assert_eq!(
        chain.split_whitespace().count()
            - procfs::status("self", "NSpid").split_whitespace().count(),
        3
    );
    assert!(chain.ends_with("\t1"), "{chain}");
    for filter in [None, Some(Filter::SetnsByPidfd), Some(Filter::NewCalls)] {
        let script = "readlink /proc/self/ns/pid; cat /proc/1/comm; cd /proc && echo [0-9]*";
        let enter = session
            .nsx(&format!("enter {} -- sh -c", sleep.id()))
            .arg(script);
        let output = filter
            .map_or(enter.clone(), |filter| enter.under(filter))
            .output();
        let expected = format!("{}\nsleep\n1 ", procfs::ns(sleep.id(), "pid"));
        assert!(output.starts_with(&expected), "{filter:?}: {output}");
        assert_eq!(
            output.lines().last().unwrap().split(' ').count(),
            2,
            "PID 1 and the program: {output}"
        );
    }
}

fn the_program_has_the_ids_that_are_mapped(session: &Session) {
    for (option, user) in [
        ("--map-root-user", 0),
        ("--map-current-user", session.ids().0),
    ] {
        let unshare = session
            .command(&format!("unshare {option} --uts sleep 100"))
            .start();
        let sleep = unshare.program("sleep");
        let output = session
            .nsx(&format!("enter {} -- id -u", sleep.id()))
            .output();
        assert_eq!(output, user.to_string(), "{option}");
    }
}

/// Prints user, group and all groups.
const PRINT_WHO: &str = "id -u; id -g; id -G";

fn the_program_becomes_a_user_and_a_group(session: &Session) {
    let (_unshare, sleep) = target(session, "--uts --ipc");
    let who = |options: &str| {
        let command = session
            .command("setpriv --groups=7,8 -- nsx enter")
            .arg(sleep.id().to_string());
        command
            .args(&format!("{options} -- sh -c"))
            .arg(PRINT_WHO)
            .output()
    };
    assert_eq!(who("--uts -S 4242 -G 4243"), "4242\n4243\n4243");
    assert_eq!(
        who("--setuid nobody --setgid nogroup"),
        "65534\n65534\n65534"
    );
    assert_eq!(
        who("--uts"),
        "0\n0\n0 7 8",
        "without a group option the groups stay"
    );
    assert_refused(
        session,
        &format!("{} --uts -S nobody-has-this-name touch ran", sleep.id()),
        &["nobody-has-this-name"],
    );
    assert_refused(
        session,
        &format!("{} --uts -G 4294967295 touch ran", sleep.id()),
        &["4294967295"],
    );
}

fn supplementary_groups_of_root_are_dropped(session: &Session) {
    // Inside, setgroups is denied, and it would be too late to drop them.
    let (_unshare, sleep) = target(session, "--user --map-root-user --uts");
    let enter = session
        .command("setpriv --groups=7,8 -- nsx enter")
        .arg(sleep.id().to_string());
    assert_eq!(enter.args("sh -c").arg(PRINT_WHO).output(), "0\n0\n0");
}

fn supplementary_groups_that_cannot_be_dropped_are_refused(session: &Session) {
    let as_user = |groups: &str, words: &str| {
        session.command(&format!(
            "setpriv --reuid=4242 --regid=4242 --groups={groups} -- {words}"
        ))
    };
    let unshare = as_user("4242", "unshare --user --map-root-user --uts sleep 100").start();
    let id = unshare.program("sleep").id();
    for words in [
        "unshare -r -G 0".to_owned(),
        "unshare -r --pid -G 0".to_owned(),
        format!("enter {id} -G 0"),
        format!("enter {id} -U -G 0"),
        format!("enter {id} -U --pid -G 0"),
        format!("enter /proc/{id}/ns/user -G 0"),
    ] {
        // Group shadow (42) may read /etc/shadow, which root of the user namespace may not.
        let refused = as_user("4242,42", &format!("nsx {words} -- cp /etc/shadow ran"))
            .run()
            .exited(125);
        refused.says(&[
            "failed to drop the supplementary groups: Operation not permitted",
            "setgroups is denied",
            "-G",
        ]);
        assert!(!session.path("ran").exists());
        // The program's own group need not be dropped, and root drops its groups in time.
        for groups in ["4242", "7,8"] {
            let command = match groups {
                "4242" => as_user(groups, &format!("nsx {words}")),
                _ => session.command(&format!("setpriv --groups={groups} -- nsx {words}")),
            };
            assert_eq!(
                command.args("-- sh -c").arg(PRINT_WHO).output(),
                "0\n0\n0",
                "{words} with {groups}"
            );
        }
    }
    // A caller who drops no group is not refused.
    as_user("4242,42", &format!("nsx enter {id} -U true"))
        .run()
        .exited(0);
    as_user("4242,42", &format!("nsx enter {id} true"))
        .run()
        .exited(0);
}

/// Enters with `words`, which must be refused with 125 and these words, before anything is run.
#[track_caller]
fn assert_refused(session: &Session, words: &str, says: &[&str]) {
    session
        .nsx(&format!("enter {words} -- touch ran"))
        .run()
        .exited(125)
        .says(says);
    assert!(!session.path("ran").exists(), "the program ran");
}

fn a_process_that_has_ended_is_refused(session: &Session) {
    let ended = session.command("true").start();
    let id = ended.id();
    ended.wait().exited(0);
    for words in [format!("{id}"), format!("-t {id} --net")] {
        assert_refused(session, &words, &[&id.to_string()]);
        let calls = format!(
            "strace -f -o calls -e trace=setns,unshare,fork,clone,clone3 nsx enter {words} -- \
            touch ran"
        );
        session.command(&calls).run().exited(125);
        let calls = fs::read_to_string(session.path("calls")).unwrap();
        // The check that nsx has one thread, which changes nothing.
        let calls = calls.replace("unshare(CLONE_THREAD)", "");
        assert!(!calls.contains('('), "nothing is joined first: {calls}");
    }
}

fn a_zombie_is_refused(session: &Session) {
    let (unshare, sleep) = target(session, "--uts --net");
    sleep.signal(rustix::process::Signal::KILL);
    assert!(sleep.ended(Duration::from_secs(10)));
    // `unshare` became the sleep, and nobody has waited for it.
    assert_eq!(procfs::stat(unshare.id()).unwrap().state, 'Z');
    assert_refused(session, &sleep.id().to_string(), &[&sleep.id().to_string()]);
    assert_refused(
        session,
        &format!("{} --net", sleep.id()),
        &[&sleep.id().to_string()],
    );
}

fn a_thread_is_refused(session: &Session) {
    // /proc/TID exists though it is not listed. This is not the main thread of the tests.
    let (id, thread) = (
        std::process::id(),
        rustix::thread::gettid()
            .as_raw_nonzero()
            .get()
            .unsigned_abs(),
    );
    if id == thread {
        // With --test-threads=1 it is the main thread: request one that is not.
        return std::thread::scope(|scope| {
            scope.spawn(|| a_thread_is_refused(session)).join().unwrap()
        });
    }
    assert_refused(session, &thread.to_string(), &[&thread.to_string()]);
    assert_refused(session, &format!("{thread} --uts"), &[&thread.to_string()]);
}

fn a_process_with_another_inode_is_refused(session: &Session) {
    let (_unshare, sleep) = target(session, "--uts");
    let inode = rustix::fs::fstat(sleep.pidfd()).unwrap().st_ino;
    let output = session
        .nsx(&format!(
            "enter {}:{inode} readlink /proc/self/ns/uts",
            sleep.id()
        ))
        .output();
    assert_eq!(output, procfs::ns(sleep.id(), "uts"));
    assert_refused(
        session,
        &format!("{}:{}", sleep.id(), inode + 1),
        &[&sleep.id().to_string()],
    );
}

fn words_that_are_not_targets_are_refused(session: &Session) {
    for target in [
        "0",
        "-1",
        "4194305",
        "99999999999999999999",
        "1x",
        "+1",
        "1:",
        ":1",
        "1:x",
    ] {
        assert_refused(session, target, &[]);
    }
    session.nsx("enter").run().exited(125).says(&["target"]);
    session.nsx("enter --net").run().exited(125);
}

fn a_target_without_a_namespace_of_its_own_is_refused(session: &Session) {
    let sleep = session.command("sleep 100").start();
    sleep.program("sleep");
    assert_refused(session, &sleep.id().to_string(), &[&sleep.id().to_string()]);
    // A kind that was named and is shared is joined already.
    session
        .nsx(&format!("enter {} --net -- true", sleep.id()))
        .run()
        .exited(0);
}

fn another_users_process_is_refused_before_anything_is_joined(session: &Session) {
    assert_refused(session, "1", &["1", "permission"]);
    assert_refused(session, "1 --net", &["1", "permission"]);
}

fn a_kind_that_may_not_be_joined_is_refused_before_anything_is_joined(session: &Session) {
    // Root without CAP_SYS_ADMIN over the target's namespaces.
    let (_unshare, sleep) = target(session, "--net --uts");
    let drop = "setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin --";
    let id = sleep.id();
    let command = session.command(&format!("{drop} nsx enter {id} -- touch ran"));
    command.run().exited(125).says(&["permit"]);
    assert!(!session.path("ran").exists());
    until("the target is as it was", || procfs::comm(id) == "sleep");
}
