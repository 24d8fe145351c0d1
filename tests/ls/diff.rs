//! `nsx ls --diff`: the changes between a saved census and another one.

use super::saved::has;
use crate::{
    ls::views::row,
    support::{
        Need, Session, Test, both,
        procfs::{self},
        root, until,
    },
};
use rustix::{process::Signal, thread::CpuSet};
use serde_json::{Value, json};
use std::os::unix::ffi::OsStrExt;

pub(crate) fn tests() -> Vec<Test> {
    vec![
        both(a_saved_census_is_shown_again_and_compared),
        root(hidden_namespaces_are_neither_created_nor_destroyed),
        root(a_namespace_that_comes_into_view_may_be_older).needs([Need::Tool("taskset")]),
        both(names_that_are_not_utf8_do_not_count_as_changed),
        both(changes_are_printed_one_per_line),
        both(a_new_host_name_and_a_new_map_are_changes),
    ]
    .into_iter()
    .map(|test| test.needs([Need::Namespaces]))
    .collect()
}

/// The keys of namespaces in only one census: those that were certainly created or destroyed, and
/// those that the other census may just not have seen.
const CREATED: [&str; 2] = ["created", "created_or_hidden"];
const DESTROYED: [&str; 2] = ["destroyed", "gone_or_hidden"];

/// The rows under both of these. Which of them are certain depends on what the host shows to the
/// test.
fn of_either(diff: &Value, keys: [&str; 2]) -> Value {
    keys.iter()
        .flat_map(|key| diff[key].as_array().unwrap().clone())
        .collect()
}

fn a_saved_census_is_shown_again_and_compared(session: &Session) {
    let file = session.path("census.json");
    let before = session.original_unshare("--user --uts sleep 100").start();
    let kept = before.program("sleep");
    session.nsx("ls -q --save").arg(&file).run().exited(0);
    assert!(
        !std::fs::read_dir(session.directory())
            .unwrap()
            .any(|entry| {
                entry
                    .unwrap()
                    .file_name()
                    .to_string_lossy()
                    .starts_with("census.json.")
            })
    );
    let later = session.original_unshare("--user --uts sleep 100").start();
    let created = later.program("sleep");

    let shown = session.nsx("ls -q --json --from").arg(&file).output();
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(row(&shown["namespaces"], &kept, "uts")["seen"], 1);
    let text = session
        .nsx("ls -q --tree --from")
        .arg(&file)
        .arg("-Q")
        .arg(format!("PID == {}", kept.id()))
        .output();
    assert!(text.contains("└─"), "{text}");
    session
        .nsx("ls --tree=process --from")
        .arg(&file)
        .run()
        .exited(2)
        .says(&["does not say which process made which"]);

    let diff = session.nsx("ls -q --json --diff").arg(&file).output();
    let diff: Value = serde_json::from_str(&diff).unwrap();
    assert_eq!(row(&of_either(&diff, CREATED), &created, "uts")["seen"], 1);
    assert!(
        !has(&of_either(&diff, CREATED), &kept) && !has(&of_either(&diff, DESTROYED), &kept),
        "{diff}"
    );
    // Nothing has changed between a census and itself.
    session
        .nsx("ls --diff")
        .arg(&file)
        .arg("--from")
        .arg(&file)
        .run()
        .exited(1);

    let inode = row(&shown["namespaces"], &kept, "uts")["ns"].clone();
    before.signal(Signal::KILL);
    before.wait();
    until("its namespaces to go", || {
        let diff = session.nsx("ls -q --json --diff").arg(&file).output();
        let diff: Value = serde_json::from_str(&diff).unwrap();
        of_either(&diff, DESTROYED)
            .as_array()
            .unwrap()
            .iter()
            .any(|row| row["ns"] == inode)
    });
}

fn hidden_namespaces_are_neither_created_nor_destroyed(session: &Session) {
    let unshare = session.original_unshare("--uts sleep 100").start();
    let sleep = unshare.program("sleep");
    let nobody = "setpriv --reuid 54242 --regid 54242 --clear-groups --inh-caps=-all nsx ls";
    let diff = |script: &str| {
        let outcome = session.shell(script).run().exited(0);
        let diff: Value = serde_json::from_slice(&outcome.stdout)
            .unwrap_or_else(|error| panic!("{error}: {outcome}"));
        (diff, outcome)
    };
    session.shell("nsx ls -q --save census").run().exited(0);
    let (lost, outcome) = diff(&format!("{nobody} --json --diff - <census"));
    assert!(
        has(&lost["gone_or_hidden"], &sleep) && !has(&lost["destroyed"], &sleep),
        "{lost}"
    );
    let hidden = lost["hidden"]["after"]["processes"].as_u64().unwrap();
    assert!(hidden > 0, "{lost}");
    outcome.says(&[
        &format!("the later census did not see {hidden} process"),
        "what is gone may still be there",
    ]);
    // A namespace that both see does not change because fewer of its processes are seen.
    let initial =
        |row: &Value| format!("uts:[{}]", row["after"]["ns"]) == procfs::ns("self", "uts");
    assert!(
        !lost["changed"].as_array().unwrap().iter().any(initial),
        "{lost}"
    );
    let text = session
        .shell(&format!("{nobody} -q --diff - -v <census"))
        .output();
    assert!(
        text.lines()
            .any(|line| line.starts_with("gone or hidden ") && line.contains("sleep 100")),
        "{text}"
    );

    let (found, outcome) = diff(&format!(
        "{nobody} -q --save - >census && nsx ls --json --diff census"
    ));
    assert!(
        has(&found["created_or_hidden"], &sleep) && !has(&found["created"], &sleep),
        "{found}"
    );
    assert!(
        found["hidden"]["before"]["processes"].as_u64().unwrap() > 0,
        "{found}"
    );
    outcome.says(&[
        "the earlier census did not see",
        "what is new may have been there",
    ]);
    // Everything that was not seen is reported again.
    let told = session.nsx("ls -q --json --from census").output();
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["hidden"], found["hidden"]["before"]);
}

fn a_namespace_that_comes_into_view_may_be_older(session: &Session) {
    session.command("mkfifo go").run().exited(0);
    // One on each processor, each of which has its own batch of ids, so that one of these ids is
    // above all that the user sees.
    let script =
        "read line <>go; exec setpriv --reuid 54242 --regid 54242 --clear-groups sleep 100";
    let on = |processor: usize| {
        let taskset = session
            .command(&format!("taskset -c {processor} unshare --uts sh -c"))
            .arg(script)
            .start();
        drop(taskset.program("sh"));
        taskset
    };
    let own = rustix::thread::sched_getaffinity(None).unwrap();
    let processes: Vec<_> = (0..CpuSet::MAX_CPU)
        .filter(|processor| own.is_set(*processor))
        .map(on)
        .collect();
    let user = "setpriv --reuid 54242 --regid 54242 --clear-groups --inh-caps=-all nsx ls -q";
    session
        .shell(&format!("{user} --save - >census"))
        .run()
        .exited(0);
    processes
        .iter()
        .for_each(|_| drop(session.shell("echo >go").run().exited(0)));
    let processes: Vec<_> = processes
        .into_iter()
        .map(|process| (process.program("sleep"), process))
        .collect();
    let diff = session
        .shell(&format!("{user} --json --diff - <census"))
        .output();
    let diff: Value = serde_json::from_str(&diff).unwrap();
    for (sleep, _) in &processes {
        assert!(
            has(&diff["created_or_hidden"], sleep) && !has(&diff["created"], sleep),
            "{diff}"
        );
    }
}

fn names_that_are_not_utf8_do_not_count_as_changed(session: &Session) {
    let argument = std::ffi::OsStr::from_bytes(b"a\xffb");
    let unshare = session
        .original_unshare("--user --uts sh -c")
        .arg("sleep 100; true")
        .arg(argument)
        .start();
    let shell = unshare.program("sh");
    drop(unshare.program("sleep"));
    session.nsx("ls -q --save census").run().exited(0);
    let census: Value =
        serde_json::from_slice(&std::fs::read(session.path("census")).unwrap()).unwrap();
    assert!(
        row(&census["namespaces"], &shell, "uts")["command"]
            .as_str()
            .unwrap()
            .ends_with("a\u{fffd}b")
    );
    // Its holders may have changed: another lister may have it open meanwhile.
    let outcome = session.nsx("ls -q -v --diff census").run();
    let inode = row(&census["namespaces"], &shell, "uts")["ns"].to_string();
    let changed = |line: &str| line.contains(&inode) && line.contains("COMMAND:");
    assert!(!outcome.text().lines().any(changed), "{outcome}");
}

fn changes_are_printed_one_per_line(session: &Session) {
    let gone = session
        .original_unshare("--uts --ipc --mount sleep 100")
        .start();
    let id = gone.program("sleep").id();
    session.nsx("ls -q --save census").run().exited(0);
    gone.signal(Signal::KILL);
    gone.wait();
    let new = session
        .original_unshare("--uts --ipc --mount --net sleep 200")
        .start();
    let new = new.program("sleep");
    let outcome = session.nsx("ls --diff census").run().exited(0);
    let text = outcome.text();
    let line = |pid: u32| {
        let pid = pid.to_string();
        let lines: Vec<_> = text
            .lines()
            .filter(|line| line.split_whitespace().any(|word| word == pid))
            .collect();
        assert_eq!(lines.len(), 1, "{text}");
        lines[0].split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let (kinds, owner) = if session.is_root() {
        ("", "root")
    } else {
        (" user", "4242")
    };
    let created = line(new.id());
    let words = format!(
        " {} ipc mnt net{kinds} uts {} {owner} sleep 200",
        new.id(),
        new.id()
    );
    assert!(created.ends_with(&words), "{created}");
    // Which of them depends on whether the host shows everything to the test.
    assert!(
        ["created ", "created or hidden "]
            .iter()
            .any(|word| created.starts_with(&format!("{word}{}", new.id())))
    );
    let words = format!(" {id} ipc mnt{kinds} uts {id} {owner} sleep 100");
    assert!(line(id).ends_with(&words), "{text}");
    // One by one there are more.
    let details = session.nsx("ls -q -v --diff census").output();
    assert!(
        details
            .lines()
            .filter(|line| line.ends_with("sleep 200"))
            .count()
            >= 4,
        "{details}"
    );
    session.nsx("ls -v").run().exited(2).says(&["--diff"]);
}

fn a_new_host_name_and_a_new_map_are_changes(session: &Session) {
    let unshare = session.command("unshare --user --uts sleep 100").start();
    let sleep = unshare.program("sleep");
    session.nsx("ls -q --save census").run().exited(0);
    let (id, (uid, _)) = (sleep.id(), session.ids());
    std::fs::write(session.path("map"), format!("0 {uid} 1\n")).unwrap();
    session
        .shell(&format!("cat map >/proc/{id}/uid_map"))
        .run()
        .exited(0);
    let enter = format!("nsenter --preserve-credentials -U -u -t {id} hostname other.name");
    session.command(&enter).run().exited(0);
    let diff: Value =
        serde_json::from_slice(&session.nsx("ls -q --json --diff census").run().stdout).unwrap();
    let both = |kind: &str, column: &str| {
        let of = |side: &str| {
            diff["changed"]
                .as_array()
                .unwrap()
                .iter()
                .map(|changed| changed[side].clone())
                .collect()
        };
        ["before", "after"].map(|side| row(&of(side), &sleep, kind)[column].clone())
    };
    assert_eq!(
        both("user", "uidmap"),
        [json!([]), json!([format!("0 {uid} 1")])]
    );
    let old = session.command("uname -n").output();
    assert_eq!(both("uts", "hostname"), [json!(old), json!("other.name")]);
    let text = session.nsx("ls -q --verbose --diff census").output();
    assert!(
        text.contains(&format!("HOSTNAME: {old} → other.name")),
        "{text}"
    );
}
