//! `nsx ls --watch`: namespaces that appear, disappear and are joined, and the screen that shows
//! them.

use crate::support::{Need, Session, Test, both, ordinary, procfs, root, schema, until};
use rustix::process::Signal;
use serde_json::Value;

pub(crate) fn tests() -> Vec<Test> {
    vec![
        both(namespaces_that_appear_and_disappear_are_reported),
        root(processes_that_join_are_reported_and_earlier_ones_are_not).needs([Need::Tool("perl")]),
        both(the_screen_is_restored_however_watching_ends),
        both(a_screen_that_does_not_fit_is_scrolled),
        both(only_selected_namespaces_are_reported),
        both(a_process_is_followed_until_it_ends),
        both(a_namespace_is_followed_until_it_is_gone),
        root(a_process_that_gets_the_followed_pid_is_not_followed)
            .needs([Need::Kernel(6, 18)])
            .alone(),
        both(a_missing_process_is_not_followed),
        root(ten_thousand_short_lived_namespaces_are_reported).needs([Need::Tool("perl")]),
        root(a_namespace_of_a_process_that_ends_at_once_is_reported),
        root(an_instance_of_tracefs_ends_with_the_watch),
        ordinary(namespaces_that_may_be_missed_are_noted),
    ]
    .into_iter()
    .map(|test| test.needs([Need::Namespaces]))
    .collect()
}

fn namespaces_that_appear_and_disappear_are_reported(session: &Session) {
    let watch = session.nsx("ls --watch=0.05").start();
    // Namespaces of the first look are not events; the first look is over once this event appears.
    let mut created = None;
    let mut seen: Vec<Value> = Vec::new();
    until("a namespace that is created", || {
        let process = session.original_unshare("--user --uts sleep 100").start();
        let sleep = process.program("sleep");
        let ns = procfs::ns(sleep.id(), "uts");
        std::thread::sleep(std::time::Duration::from_millis(150));
        seen = lines(&watch.stdout());
        // The inode number may have been another namespace's before.
        let is_own =
            |event: &&Value| event["pid"] == sleep.id() && format!("uts:[{}]", event["ns"]) == ns;
        created = seen
            .iter()
            .find(is_own)
            .cloned()
            .map(|event| (event, process));
        created.is_some()
    });
    let (event, process) = created.unwrap();
    assert_eq!(event["event"], "created");
    assert_eq!(event["type"], "uts");
    assert_eq!(event["pid"].as_u64().unwrap(), u64::from(process.id()));
    // It belongs to nothing but its process.
    assert_eq!(event["name"], process.id().to_string());
    process.signal(Signal::KILL);
    process.wait();
    let is_its_end = |it: &Value| {
        it["event"] == "destroyed" && it["ns"] == event["ns"] && it["name"] == event["name"]
    };
    until("its end", || lines(&watch.stdout()).iter().any(is_its_end));
    watch.signal(Signal::TERM);
    watch.wait().killed_by(Signal::TERM);
}

fn processes_that_join_are_reported_and_earlier_ones_are_not(session: &Session) {
    let unshare = session.original_unshare("--uts sleep 100").start();
    let sleep = unshare.program("sleep");
    let inode: u64 = procfs::ns(sleep.id(), "uts")
        .split(['[', ']'])
        .nth(1)
        .unwrap()
        .parse()
        .unwrap();
    let script = format!(
        "$| = 1; print \"ready\\n\"; <STDIN>; open(NS, '<', '/proc/{}/ns/uts') or die $!;
        syscall({}, fileno(NS), 0) == 0 or die $!; close(NS); sleep 100",
        sleep.id(),
        libc::SYS_setns
    );
    session.command("mkfifo go").run().exited(0);
    let mover = session
        .shell("exec perl -e \"$0\" <>go")
        .arg(&script)
        .start();
    mover.line();
    let watch = session.nsx("ls --watch=0.05").start();
    // The first look is over once a later event appears.
    until("a namespace that is created", || {
        let later = session.original_unshare("--uts sleep 100").start();
        let later = procfs::ns(later.program("sleep").id(), "uts");
        std::thread::sleep(std::time::Duration::from_millis(150));
        lines(&watch.stdout())
            .iter()
            .any(|it| it["event"] == "created" && format!("uts:[{}]", it["ns"]) == later)
    });
    session.shell("echo >go").run().exited(0);
    until("the process has moved", || {
        procfs::ns(mover.id(), "uts") == procfs::ns(sleep.id(), "uts")
    });
    until("that it has joined", || {
        lines(&watch.stdout())
            .iter()
            .any(|it| it["event"] == "joined" && it["ns"] == inode)
    });
    let seen = lines(&watch.stdout());
    let of_it: Vec<_> = seen.iter().filter(|it| it["ns"] == inode).collect();
    assert_eq!(of_it.len(), 1, "{of_it:?}");
    assert_eq!(
        (&of_it[0]["pid"], &of_it[0]["type"]),
        (&mover.id().into(), &"uts".into())
    );
}

fn the_screen_is_restored_however_watching_ends(session: &Session) {
    let mut terminal = session.terminal();
    let signals = [
        Signal::TERM,
        Signal::HUP,
        Signal::USR1,
        Signal::USR2,
        Signal::ALARM,
    ];
    let signals = signals
        .into_iter()
        .map(|signal| ("", Some(signal), (128 + signal.as_raw()).to_string()));
    let keys = [("q", "0"), ("jQ", "0"), ("\x03", "130"), ("\x1c", "131")];
    let keys = keys
        .into_iter()
        .map(|(keys, status)| (keys, None, status.to_owned()));
    for (keys, signal, status) in keys.chain(signals) {
        terminal.line("ulimit -c 0; nsx ls --watch=0.1");
        terminal.shows("NAMESPACES");
        match signal {
            Some(signal) => {
                let ids = procfs::descendants(terminal.shell().id());
                let nsx = ids
                    .into_iter()
                    .find(|id| procfs::comm(*id) == "nsx")
                    .unwrap();
                procfs::Pinned::new(nsx).unwrap().signal(signal);
            }
            None => terminal.press(keys),
        }
        // Back on the normal screen, with a cursor.
        terminal.shows("\x1b[?25h\x1b[?1049l");
        terminal.prompt();
        terminal.line("echo status $?");
        terminal.shows(&format!("status {status}"));
        // Lines are read whole again, and are echoed.
        terminal.line("stty -a | grep -Eo '[- ](icanon|echo) ' | tr -d '\\n'; echo .");
        terminal.shows(" icanon  echo .");
    }
}

fn a_screen_that_does_not_fit_is_scrolled(session: &Session) {
    let mut terminal = session.terminal();
    // There are namespaces of at least eight kinds.
    terminal.resize(7, 70);
    terminal.line("nsx ls --watch=0.1 -t mnt,net,uts,ipc,pid,user,cgroup,time");
    terminal.shows("q: quit  j/k, arrows, PgUp/PgDn: scroll  lines 1-");
    for (key, place) in [
        ("j", "lines 2-"),
        ("\x1b[B", "lines 3-"),
        ("k", "lines 2-"),
        ("\x1bOA", "lines 1-"),
        ("\x1b[6~", "lines "),
    ] {
        terminal.press(key);
        terminal.shows(place);
    }
    terminal.press("g");
    terminal.shows("lines 1-");
    // After a while everything has been shown, and there is nothing to scroll.
    terminal.resize(60, 200);
    terminal.press("k");
    let shown = terminal.shows("q: quit\x1b");
    assert!(
        shown.contains(
            procfs::ns("self", "cgroup")
                .split(['[', ']'])
                .nth(1)
                .unwrap()
        ),
        "{shown}"
    );
    terminal.press("q");
    terminal.prompt();
}

/// Starts processes with their own namespaces until one is reported; returns that one and all
/// output.
fn told_of(
    session: &Session,
    watch: &crate::support::Process,
) -> (crate::support::Process, Vec<Value>) {
    let (mut process, mut seen) = (None, Vec::new());
    until("a namespace that is created", || {
        let started = session.original_unshare("--uts --ipc sleep 100").start();
        let sleep = started.program("sleep");
        std::thread::sleep(std::time::Duration::from_millis(150));
        seen = lines(&watch.stdout());
        let found = seen
            .iter()
            .any(|event| event["pid"] == sleep.id() && event["type"] == "uts");
        process = found.then_some(started);
        found
    });
    (process.unwrap(), seen)
}

/// Returns whether a watcher waits between two looks, so that its first look is over.
fn is_between_looks(watch: &crate::support::Process) -> bool {
    let call = std::fs::read_to_string(format!("/proc/{}/syscall", watch.id())).unwrap();
    call.starts_with(&format!("{} ", libc::SYS_ppoll))
}

/// Stops a watcher between two looks.
fn stop_between_looks(watch: &crate::support::Process) {
    until("it stops between two looks", || {
        watch.signal(Signal::CONT);
        until("it waits", || is_between_looks(watch));
        watch.signal(Signal::STOP);
        until("it stops", || {
            procfs::status(watch.id(), "State").starts_with('T')
        });
        is_between_looks(watch)
    });
}

fn only_selected_namespaces_are_reported(session: &Session) {
    for words in [&["-t", "uts"][..], &["-Q", "TYPE == \"uts\" && PID > 0"]] {
        let watch = words
            .iter()
            .fold(session.nsx("ls --watch=0.05"), |watch, word| {
                watch.arg(word)
            })
            .start();
        let (process, _) = told_of(session, &watch);
        let id = process.id();
        process.signal(Signal::KILL);
        process.wait();
        until("its end", || {
            lines(&watch.stdout())
                .iter()
                .any(|event| event["event"] == "destroyed" && event["pid"] == id)
        });
        assert!(
            lines(&watch.stdout())
                .iter()
                .all(|event| event["type"] == "uts"),
            "{words:?}"
        );
        watch.signal(Signal::TERM);
        watch.wait();
    }
}

fn a_process_is_followed_until_it_ends(session: &Session) {
    let unshare = session.original_unshare("--uts --ipc sleep 100").start();
    let sleep = unshare.program("sleep");
    let own = ["uts", "ipc"].map(|kind| procfs::ns(sleep.id(), kind));
    let watch = session
        .nsx(&format!("ls --watch=0.05 --json-lines {}", sleep.id()))
        .start();
    let others = session.nsx("ls --watch=0.05").start();
    until("it has looked", || is_between_looks(&watch));
    // Once the other watcher reports something, the first one has looked too, but reports only
    // selected namespaces.
    let (_other, _) = told_of(session, &others);
    std::thread::sleep(std::time::Duration::from_millis(200));
    assert_eq!(lines(&watch.stdout()), [] as [Value; 0]);
    unshare.signal(Signal::KILL);
    unshare.wait();
    let told = lines(&watch.wait().exited(0).stdout);
    let names: Vec<_> = told
        .iter()
        .map(|it| format!("{}:[{}]", it["type"].as_str().unwrap(), it["ns"]))
        .collect();
    assert!(own.iter().all(|own| names.contains(own)), "{told:?}");
    assert!(
        told.iter().all(|event| event["event"] == "destroyed"),
        "{told:?}"
    );
    others.signal(Signal::TERM);
    others.wait();
}

fn a_namespace_is_followed_until_it_is_gone(session: &Session) {
    let unshare = session.original_unshare("--uts --ipc sleep 100").start();
    let ns = procfs::ns(unshare.program("sleep").id(), "ipc");
    let mut terminal = session.terminal();
    terminal.line(&format!("nsx ls --watch=0.05 '{ns}'; echo status $?"));
    let inode = ns.split(['[', ']']).nth(1).unwrap();
    terminal.shows("\x1b[H");
    terminal.shows(&format!("{inode} ipc"));
    unshare.signal(Signal::KILL);
    unshare.wait();
    let shown = terminal.shows("status 0");
    assert!(!shown.contains(" uts "), "{shown:?}");
}

fn a_process_that_gets_the_followed_pid_is_not_followed(session: &Session) {
    for follow in ["process", "inode"] {
        let unshare = session.original_unshare("--uts --ipc sleep 100").start();
        let sleep = unshare.program("sleep");
        let own = procfs::ns(sleep.id(), "uts");
        let target = if follow == "process" {
            sleep.id().to_string()
        } else {
            own.clone()
        };
        let watch = session
            .nsx("ls --watch=0.05 --json-lines")
            .arg(&target)
            .start();
        // The watcher looks before the PID is reused and after that, but not in between.
        stop_between_looks(&watch);
        unshare.signal(Signal::KILL);
        unshare.wait();
        let mut later = Vec::new();
        until("the number is used again", || {
            let next = session.original_unshare("--uts sleep 100").start();
            let is_again = procfs::ns(next.program("sleep").id(), "uts") == own;
            later.push(next);
            is_again
        });
        watch.signal(Signal::CONT);
        let told = lines(&watch.wait().exited(0).stdout);
        let of_it = told
            .iter()
            .filter(|it| format!("uts:[{}]", it["ns"]) == own);
        assert_eq!(
            of_it
                .map(|it| it["event"].as_str().unwrap())
                .collect::<Vec<_>>(),
            ["destroyed"],
            "{told:?}"
        );
        assert!(told.iter().all(|it| it["event"] == "destroyed"), "{told:?}");
    }
}

fn a_missing_process_is_not_followed(session: &Session) {
    session
        .nsx("ls --watch net:[7]")
        .run()
        .exited(1)
        .says(&["net:[7]"]);
    session
        .nsx("ls 4194303 --watch")
        .run()
        .exited(1)
        .says(&["4194303"]);
    session
        .nsx("ls --watch --why net:[7]")
        .run()
        .exited(2)
        .says(&["--why"]);
}

/// Creates namespaces by unshare and clone, and makes calls that fail.
const STORM: &str = "
    use strict;
    my %flags = (uts => 0x04000000, ipc => 0x08000000, mnt => 0x00020000, cgroup => 0x02000000);
    sub unshare { return syscall(UNSHARE, $_[0]) == 0 }
    for (1..9_600) { unshare($flags{uts}) or die $! }
    for my $kind ('ipc', 'mnt', 'cgroup') { for (1..100) { unshare($flags{$kind}) or die $! } }
    for (1..100) { unshare(0x7) and die; syscall(SETNS, -1, 0) == -1 or die }
    for (1..50) {
        my $child = syscall(CLONE, $flags{uts} | $flags{ipc} | 17, 0, 0, 0, 0);
        die $! if $child < 0;
        syscall(EXIT, 0) if $child == 0;
        waitpid($child, 0);
    }
    # The second one fails.
    unshare(0x20000000) or die $!;
    unshare(0x20000000) and die;
    print \"$$\\n\";
";

fn ten_thousand_short_lived_namespaces_are_reported(session: &Session) {
    let watch = session.nsx("ls --watch=0.05").start();
    until("it has looked", || is_between_looks(&watch));
    let numbers = [
        ("UNSHARE", libc::SYS_unshare),
        ("SETNS", libc::SYS_setns),
        ("CLONE", libc::SYS_clone),
        ("EXIT", libc::SYS_exit_group),
    ];
    let script = numbers
        .iter()
        .fold(STORM.to_owned(), |script, (name, number)| {
            script.replace(name, &number.to_string())
        });
    let pid = session.shell("exec perl -e \"$0\"").arg(&script).output();
    let pid: u64 = pid.trim().parse().unwrap();
    let counts = |seen: &[Value]| {
        let mut counts = std::collections::BTreeMap::new();
        let by_perl = |it: &&Value| it["creator"] == pid || it["ppid"] == pid;
        for event in seen.iter().filter(by_perl) {
            if event["event"] == "created" {
                let kind = event["type"].as_str().unwrap().to_owned();
                *counts.entry(kind).or_insert(0) += 1;
            }
        }
        counts
    };
    let expected = [
        ("cgroup", 100),
        ("ipc", 150),
        ("mnt", 100),
        ("pid", 1),
        ("uts", 9650),
    ];
    let expected = expected
        .map(|(kind, count)| (kind.to_owned(), count))
        .into();
    until("all namespaces", || {
        lines(&watch.stdout()).len() >= 10_000 && counts(&lines(&watch.stdout())) == expected
    });
    // Whatever was invented would have been reported before a later namespace.
    let (_later, seen) = told_of(session, &watch);
    assert_eq!(counts(&seen), expected);
    assert!(seen.iter().all(|event| event["event"] != "lost"));
    watch.signal(Signal::TERM);
    watch.wait();
}

fn a_namespace_of_a_process_that_ends_at_once_is_reported(session: &Session) {
    let watch = session.nsx("ls --watch=5").start();
    until("it has looked", || is_between_looks(&watch));
    let script = "for i in 1 2 3 4 5 6 7 8 9 10; do unshare --uts true & echo $!; wait; done";
    let pids: Vec<u64> = (session.shell(script).output().lines())
        .map(|pid| pid.parse().unwrap())
        .collect();
    until("all processes", || {
        let seen = lines(&watch.stdout());
        pids.iter().all(|pid| {
            let mut of_it = seen.iter().filter(|event| {
                event["event"] == "created" && event["creator"] == *pid && event["type"] == "uts"
            });
            of_it.next().is_some() && of_it.next().is_none()
        })
    });
    watch.signal(Signal::TERM);
    watch.wait();
}

fn an_instance_of_tracefs_ends_with_the_watch(session: &Session) {
    let instance = |pid: u32| {
        let script = "mount -t tracefs none /sys/kernel/tracing; ls /sys/kernel/tracing/instances";
        let listed = session
            .original_unshare("--mount sh -c")
            .arg(script)
            .output();
        let name = format!("nsx-{pid}-");
        listed.lines().any(|line| line.starts_with(&name))
    };
    let mounts = || std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    let killed = session.nsx("ls --watch").start();
    until("it has looked", || is_between_looks(&killed));
    assert!(instance(killed.id()));
    assert_eq!(mounts().matches("- tracefs").count(), 0);
    let killed_id = killed.id();
    killed.signal(Signal::KILL);
    killed.wait();
    let watch = session.nsx("ls --watch").start();
    until("it has looked", || is_between_looks(&watch));
    assert!(!instance(killed_id) && instance(watch.id()));
    watch.signal(Signal::TERM);
    until("its end", || !instance(watch.id()));
}

fn namespaces_that_may_be_missed_are_noted(session: &Session) {
    let commands = [
        ("ls --watch", true),
        ("ls --watch -q", false),
        ("ls --watch -Q NPROCS>0", false),
    ];
    for (command, is_noted) in commands {
        let watch = session.nsx(command).start();
        until("it has looked", || is_between_looks(&watch));
        watch.signal(Signal::TERM);
        let ended = watch.wait().killed_by(Signal::TERM);
        let text = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(text.contains("two looks are missed"), is_noted, "{text}");
    }
}

fn lines(text: &[u8]) -> Vec<Value> {
    let whole = text
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |end| end + 1);
    let lines = text[..whole]
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty());
    let events: Vec<Value> = lines
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    // A hundred are enough of ten thousand.
    let few: Vec<_> = events
        .iter()
        .step_by(1 + events.len() / 100)
        .cloned()
        .collect();
    schema::assert_fit(&few, "ls.json#/$defs/event");
    events
}
