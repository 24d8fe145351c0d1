//! `nsx ls --why`: each kind of holder keeps a namespace alive, alone, and is found.

use super::{mounts::private, process::rows_of};
use crate::support::{
    Need, Process, Session, Test, both,
    filter::Filter,
    procfs::{self, Pinned},
    root, until,
};
use rustix::{process::Signal, thread::LinkNameSpaceType};
use serde_json::Value;
use std::{collections::BTreeSet, fs::File, sync::mpsc, thread, time::Duration};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        both(a_process_holds_its_namespaces),
        root(a_thread_that_left_its_process_holds_its_namespaces),
        both(a_namespace_for_children_alone_is_found).needs([Need::Tool("perl")]),
        both(an_open_descriptor_holds_a_namespace),
        both(a_socket_holds_the_network_it_was_made_in).needs([Need::Tool("perl")]),
        both(child_namespaces_and_owned_ones_hold_a_namespace),
        both(a_namespace_without_holders_is_gone),
        both(a_namespace_is_named_in_each_way),
        both(a_word_that_is_not_a_namespace_is_refused),
        both(a_namespace_above_the_caller_is_hidden_and_not_absent),
        both(an_older_kernel_gives_the_same_answers),
    ]
    .into_iter()
    .map(|test| test.needs([Need::Namespaces]))
    .collect()
}

pub(super) fn json(session: &Session, words: &str) -> Value {
    let outcome = session.nsx(&format!("{words} --json")).run().exited(0);
    serde_json::from_slice(&outcome.stdout).unwrap_or_else(|error| panic!("{error}: {outcome}"))
}

/// The holders of a namespace such as `uts:[4026532177]`.
#[track_caller]
pub(super) fn why(session: &Session, ns: &str) -> Vec<Value> {
    let document = json(session, &format!("ls --why {ns}"));
    assert_eq!(
        format!(
            "{}:[{}]",
            document["type"].as_str().unwrap(),
            document["ns"]
        ),
        ns
    );
    document["holders"].as_array().unwrap().clone()
}

/// The only holder that it must have.
#[track_caller]
pub(super) fn only_holder(session: &Session, ns: &str) -> Value {
    let holders = why(session, ns);
    assert_eq!(holders.len(), 1, "holders of {ns}: {holders:#?}");
    // The list finds it too, and shows it in words.
    let deep = json(session, "ls --deep");
    let listed = deep["namespaces"].as_array().unwrap();
    assert!(
        listed
            .iter()
            .any(|row| format!("{}:[{}]", row["type"].as_str().unwrap(), row["ns"]) == ns),
        "{ns}"
    );
    let text = session.nsx(&format!("ls --why {ns}")).output();
    assert!(text.contains("t dies when "), "{text}");
    assert_is_entered(session, ns);
    holders[0].clone()
}

/// Checks that `ns` is entered by its name, and by its id if the kernel has ids.
#[track_caller]
pub(super) fn assert_is_entered(session: &Session, ns: &str) {
    // An ordinary user joins a namespace that another user namespace owns only through that one.
    if !session.is_root() {
        return;
    }
    let kind = ns.split(':').next().unwrap();
    let id = json(session, &format!("ls --why {ns}"))["id64"].as_u64();
    let words = [Some(ns.to_owned()), id.map(|id| format!("id:{id}"))];
    for word in words.into_iter().flatten() {
        let inside = session
            .nsx(&format!("enter {word} -- readlink /proc/self/ns/{kind}"))
            .output();
        assert_eq!(inside, ns, "{word}");
    }
}

/// A namespace of this kind with a process that sleeps in it.
pub(super) fn sleeping(session: &Session, kind: &str) -> (Process, Pinned, String) {
    let unshare = session
        .original_unshare(&format!("--{kind} sleep 100"))
        .start();
    let sleep = unshare.program("sleep");
    let ns = procfs::ns(sleep.id(), kind);
    (unshare, sleep, ns)
}

fn end(process: &Pinned) {
    process.signal(Signal::KILL);
    assert!(process.ended(Duration::from_secs(10)));
}

fn a_process_holds_its_namespaces(session: &Session) {
    let (_unshare, sleep, ns) = sleeping(session, "uts");
    let holder = only_holder(session, &ns);
    assert_eq!(holder["holder"], "process");
    assert_eq!(holder["process"]["pid"], sleep.id());
    assert_eq!(holder["process"]["command"], "sleep 100");
    let text = session.nsx(&format!("ls --why {ns}")).output();
    assert!(
        text.contains(&format!("t dies when process {} ends.\n", sleep.id())),
        "{text}\n"
    );
}

fn a_thread_that_left_its_process_holds_its_namespaces(session: &Session) {
    let (unshare, sleep, ns) = sleeping(session, "uts");
    let (entered, has_entered) = mpsc::channel();
    let (leave, may_leave) = mpsc::channel::<()>();
    let file = File::open(format!("/proc/{}/ns/uts", sleep.id())).unwrap();
    let thread = thread::spawn(move || {
        rustix::thread::move_into_link_name_space(
            std::os::fd::AsFd::as_fd(&file),
            Some(LinkNameSpaceType::HostNameAndNISDomainName),
        )
        .unwrap();
        drop(file);
        entered
            .send(rustix::thread::gettid().as_raw_nonzero().get())
            .unwrap();
        let _ = may_leave.recv();
    });
    let tid = has_entered.recv().unwrap();
    end(&sleep);
    drop(unshare);
    let holder = only_holder(session, &ns);
    assert_eq!(holder["holder"], "thread");
    assert_eq!(
        (&holder["process"]["pid"], &holder["tid"]),
        (&std::process::id().into(), &tid.into())
    );
    drop(leave);
    thread.join().unwrap();
}

/// A perl script that may create namespaces, after it has printed a line.
fn perl(session: &Session, script: &str) -> (Process, String) {
    let perl = if session.is_root() {
        session.command("perl -e")
    } else {
        session.command("unshare -r perl -e")
    };
    let process = perl.arg(format!("$| = 1; {script}; sleep 100")).start();
    let line = process.line();
    (process, line)
}

fn a_namespace_for_children_alone_is_found(session: &Session) {
    let unshare = libc::SYS_unshare;
    let script = format!(
        "syscall({unshare}, 0x80) == 0 or die $!; print \
        readlink('/proc/self/ns/time_for_children'), \"\\n\""
    );
    let (process, ns) = perl(session, &script);
    assert_ne!(ns, procfs::ns(process.id(), "time"));
    let holder = only_holder(session, &ns);
    assert_eq!(holder["holder"], "for_children");
    assert_eq!(
        (&holder["process"]["pid"], &holder["tid"]),
        (&process.id().into(), &process.id().into())
    );
    let row = rows_of(session, process.id())
        .into_iter()
        .find(|row| row["for_children"] == true)
        .unwrap();
    assert_eq!(format!("time:[{}]", row["ns"]), ns);
}

fn an_open_descriptor_holds_a_namespace(session: &Session) {
    let (unshare, sleep, ns) = sleeping(session, "uts");
    let script = format!(
        "exec 7</proc/{}/ns/uts; echo open; exec sleep 100",
        sleep.id()
    );
    let keeper = session.shell(&script).start();
    keeper.line();
    end(&sleep);
    drop(unshare);
    keeper.program("sleep");
    let holder = only_holder(session, &ns);
    assert_eq!(
        (&holder["holder"], &holder["fd"]),
        (&"descriptor".into(), &7.into())
    );
    assert_eq!(holder["process"]["pid"], keeper.id());
}

fn a_socket_holds_the_network_it_was_made_in(session: &Session) {
    let (unshare, setns) = (libc::SYS_unshare, libc::SYS_setns);
    let script = format!(
        "use Socket; syscall({unshare}, 0x40000000) == 0 or die $!; open(OLD, '<', \
        '/proc/self/ns/net') or die $!;
        syscall({unshare}, 0x40000000) == 0 or die $!; my $new = readlink('/proc/self/ns/net');
        socket(S, AF_UNIX, SOCK_DGRAM, 0) or die $!; syscall({setns}, fileno(OLD), 0) == 0 or die \
        $!; close(OLD);
        print \"$new \", (stat(S))[1], ' ', fileno(S), \"\\n\""
    );
    let (process, line) = perl(session, &script);
    let [ns, inode, fd] = line.split(' ').collect::<Vec<_>>().try_into().unwrap();
    assert_ne!(ns, procfs::ns(process.id(), "net"));
    let holder = only_holder(session, ns);
    assert_eq!(
        (&holder["holder"], &holder["process"]["pid"]),
        (&"socket".into(), &process.id().into())
    );
    assert_eq!(
        (holder["inode"].to_string(), holder["fd"].to_string()),
        (inode.to_owned(), fd.to_owned())
    );
}

fn child_namespaces_and_owned_ones_hold_a_namespace(session: &Session) {
    // The process goes deeper twice, and leaves two namespaces without processes.
    let unshare = session
        .command("unshare --user --map-root-user --uts unshare --user sleep 100")
        .start();
    let sleep = unshare.program("sleep");
    let (child, uts) = (
        procfs::ns(sleep.id(), "user"),
        procfs::ns(sleep.id(), "uts"),
    );
    let parent = format!(
        "user:[{}]",
        json(session, &format!("ls --why {child}"))["parent"]
    );
    assert_ne!(parent, procfs::ns("self", "user"));
    let holders = why(session, &parent);
    let held: Vec<String> = holders
        .iter()
        .map(|holder| {
            format!(
                "{} {}:[{}]",
                holder["holder"].as_str().unwrap(),
                holder["type"].as_str().unwrap(),
                holder["ns"]
            )
        })
        .collect();
    assert_eq!(held, [format!("child {child}"), format!("owned {uts}")]);
    let deep = json(session, "ls --deep -t user");
    let row = deep["namespaces"]
        .as_array()
        .unwrap()
        .iter()
        .find(|row| format!("user:[{}]", row["ns"]) == parent)
        .cloned();
    assert_eq!(row.unwrap()["seen"], 0);
    assert_is_entered(session, &parent);

    let unshare = session
        .original_unshare("--pid --fork --kill-child unshare --pid --fork --kill-child sleep 100")
        .start();
    let sleep = unshare.program("sleep");
    let mut inner = String::new();
    until("the sleep is in the inner namespace", || {
        inner = procfs::ns(sleep.id(), "pid");
        procfs::status(sleep.id(), "NSpid")
            .split_whitespace()
            .count()
            == 3
    });
    let outer = format!(
        "pid:[{}]",
        json(session, &format!("ls --why {inner}"))["parent"]
    );
    assert!(
        why(session, &outer)
            .iter()
            .any(|holder| holder["holder"] == "child" && format!("pid:[{}]", holder["ns"]) == inner)
    );
}

fn a_namespace_without_holders_is_gone(session: &Session) {
    let (unshare, sleep, ns) = sleeping(session, "uts");
    end(&sleep);
    drop(unshare);
    // The number may be another namespace's as soon as it is free, so that the first look counts.
    let mut gone = None;
    until("the namespace is gone", || {
        let outcome = session.nsx(&format!("ls --why {ns}")).run();
        let is_gone = outcome.status().contains("status: 1");
        gone = Some(outcome);
        is_gone
    });
    gone.unwrap().exited(1).says(&[&ns, "found"]);
}

fn a_namespace_is_named_in_each_way(session: &Session) {
    let (_unshare, sleep, ns) = sleeping(session, "ipc");
    let inode = &ns[5..ns.len() - 1];
    // The number of hidden processes on the host varies.
    let json = |words: &str| {
        let mut document = json(session, words);
        document["hidden"] = Value::Null;
        document
    };
    let by_name = json(&format!("ls --why {ns}"));
    let path = format!("/proc/{}/ns/ipc", sleep.id());
    for word in [inode, &path] {
        assert_eq!(json(&format!("ls --why {word}")), by_name, "{word}");
    }
    if let Some(id) = by_name["id64"].as_u64() {
        assert_eq!(json(&format!("ls --why id:{id}")), by_name);
    }
    // Without --why, from cheap sources.
    let short = json(&format!("ls {ns}"));
    assert_eq!(
        (&short["ns"], &short["to_die"]),
        (&by_name["ns"], &Value::Null)
    );
    assert_eq!(short["holders"], by_name["holders"]);
}

fn a_word_that_is_not_a_namespace_is_refused(session: &Session) {
    session.shell("mkfifo fifo").run().exited(0);
    for (word, status, said) in [
        ("net:[1]", 1, "no namespace net:[1] is found"),
        ("id:0", 1, "id:0"),
        ("/proc/self/ns/nothing", 1, "no such file"),
        ("./fifo", 2, "not the file of a namespace"),
        ("/proc/self/status", 2, "not the file of a namespace"),
        ("no-such-name", 1, "nothing has that name"),
        ("\x1b", 1, "\\x1b"),
    ] {
        let said = said.replace('"', "");
        session
            .nsx("ls --why")
            .arg(word)
            .run()
            .exited(status)
            .says(&[&said]);
    }
    session.nsx("ls --why").run().exited(2);
}

fn a_namespace_above_the_caller_is_hidden_and_not_absent(session: &Session) {
    // In a user namespace the caller's network namespace is owned by an ancestor, which the kernel
    // hides.
    let outcome = session
        .command("unshare -r nsx ls --why /proc/self/ns/net --json")
        .run()
        .exited(0);
    let document: Value = serde_json::from_slice(&outcome.stdout).unwrap();
    assert_eq!(document["owner"], "hidden");
    let outcome = session
        .command("unshare -r nsx ls --why /proc/self/ns/user --json")
        .run()
        .exited(0);
    let document: Value = serde_json::from_slice(&outcome.stdout).unwrap();
    assert_eq!(document["parent"], "hidden");
    let text = session
        .command("unshare -r nsx ls --why /proc/self/ns/user")
        .output();
    assert!(
        text.lines().next().unwrap().ends_with("parent ?, owner ?"),
        "{text}"
    );
}

fn an_older_kernel_gives_the_same_answers(session: &Session) {
    let (_unshare, sleep, ns) = sleeping(session, "uts");
    let script = format!(
        "exec 7</proc/{}/ns/uts; echo open; exec sleep 100",
        sleep.id()
    );
    let keeper = session.shell(&script).start();
    keeper.line();
    keeper.program("sleep");
    let pin = private(
        session,
        "touch pin; mount --bind /proc/self/ns/net pin; stat -c 'net:[%i]' pin; exec sleep 100",
    );
    let pinned = pin.line();
    pin.program("sleep");
    let holders = |document: &Value| {
        document["holders"]
            .as_array()
            .unwrap()
            .iter()
            .map(Value::to_string)
            .collect::<BTreeSet<_>>()
    };
    for ns in [&ns, &pinned] {
        let newer = json(session, &format!("ls --why {ns}"));
        let outcome = session
            .nsx(&format!("ls --why {ns} --json"))
            .under(Filter::Since5_4)
            .run()
            .exited(0);
        let older: Value = serde_json::from_slice(&outcome.stdout).unwrap();
        // The host's own namespaces change, so only those of this test are compared.
        let marks = [sleep.id(), keeper.id(), pin.id()].map(|id| format!("\"pid\":{id}"));
        let place = session.directory().display().to_string();
        let mut own = holders(&older);
        own.retain(|holder| {
            holder.contains(&place) || marks.iter().any(|mark| holder.contains(mark))
        });
        assert!(
            own.is_subset(&holders(&newer)) && !own.is_empty(),
            "{own:?}\n{newer}"
        );
        assert_eq!(
            (&older["owner"], &older["parent"]),
            (&newer["owner"], &newer["parent"])
        );
        assert_eq!(older["id64"], Value::Null);
    }
}
