//! `nsx ls --watch`: what comes, goes and joins, and the screen that shows it.

use crate::support::{Need, Session, Test, both, procfs, root, until};
use rustix::process::Signal;
use serde_json::Value;

pub(crate) fn tests() -> Vec<Test> {
    vec![
        both(what_comes_and_goes_is_told_of),
        root(who_joins_is_told_of_and_who_was_there_is_not).needs([Need::Tool("perl")]),
        both(the_screen_is_given_back_however_watching_ends),
    ]
    .into_iter()
    .map(|test| test.needs([Need::Namespaces]))
    .collect()
}

fn what_comes_and_goes_is_told_of(session: &Session) {
    let watch = session.nsx("ls --watch=0.05").start();
    // What is there before the first look is no event; that look has been made once this one is told of.
    let mut created = None;
    let mut seen: Vec<Value> = Vec::new();
    until("a namespace that is created", || {
        let process = session.original_unshare("--user --uts sleep 100").start();
        let sleep = process.program("sleep");
        let ns = procfs::ns(sleep.id(), "uts");
        std::thread::sleep(std::time::Duration::from_millis(150));
        seen = lines(&watch.stdout());
        // An inode number may have been another's before.
        let is_own = |event: &&Value| event["pid"] == sleep.id() && format!("uts:[{}]", event["ns"]) == ns;
        created = seen.iter().find(is_own).cloned().map(|event| (event, process));
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
    let is_its_end = |it: &Value| it["event"] == "destroyed" && it["ns"] == event["ns"] && it["name"] == event["name"];
    until("its end", || lines(&watch.stdout()).iter().any(is_its_end));
    watch.signal(Signal::TERM);
    watch.wait().killed_by(Signal::TERM);
}

fn who_joins_is_told_of_and_who_was_there_is_not(session: &Session) {
    let unshare = session.original_unshare("--uts sleep 100").start();
    let sleep = unshare.program("sleep");
    let inode: u64 = procfs::ns(sleep.id(), "uts").split(['[', ']']).nth(1).unwrap().parse().unwrap();
    let script = format!(
        "$| = 1; print \"ready\\n\"; <STDIN>; open(NS, '<', '/proc/{}/ns/uts') or die $!;
        syscall({}, fileno(NS), 0) == 0 or die $!; close(NS); sleep 100",
        sleep.id(),
        libc::SYS_setns
    );
    session.command("mkfifo go").run().exited(0);
    let mover = session.shell("exec perl -e \"$0\" <>go").arg(&script).start();
    mover.line();
    let watch = session.nsx("ls --watch=0.05").start();
    // The first look has been made once something that came later is told of.
    until("a namespace that is created", || {
        let later = session.original_unshare("--uts sleep 100").start();
        let later = procfs::ns(later.program("sleep").id(), "uts");
        std::thread::sleep(std::time::Duration::from_millis(150));
        lines(&watch.stdout()).iter().any(|it| it["event"] == "created" && format!("uts:[{}]", it["ns"]) == later)
    });
    session.shell("echo >go").run().exited(0);
    until("the process has moved", || procfs::ns(mover.id(), "uts") == procfs::ns(sleep.id(), "uts"));
    until("that it has joined", || {
        lines(&watch.stdout()).iter().any(|it| it["event"] == "joined" && it["ns"] == inode)
    });
    let seen = lines(&watch.stdout());
    let of_it: Vec<_> = seen.iter().filter(|it| it["ns"] == inode).collect();
    assert_eq!(of_it.len(), 1, "{of_it:?}");
    assert_eq!((&of_it[0]["pid"], &of_it[0]["type"]), (&mover.id().into(), &"uts".into()));
}

fn the_screen_is_given_back_however_watching_ends(session: &Session) {
    let mut terminal = session.terminal();
    for (keys, status) in [("q", "0"), ("\x03", "130")] {
        terminal.line("nsx ls --watch=0.1");
        terminal.shows("NAMESPACES");
        terminal.press(keys);
        terminal.prompt();
        terminal.line("echo status $?");
        terminal.shows(&format!("status {status}"));
        // Lines are read whole again, and shown as they are typed.
        terminal.line("stty -a | grep -Eo '[- ](icanon|echo) ' | tr -d '\\n'; echo .");
        terminal.shows(" icanon  echo .");
    }
}

fn lines(text: &[u8]) -> Vec<Value> {
    let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let lines = text[..whole].split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).unwrap()).collect()
}
