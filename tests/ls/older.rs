//! Equal answers on an older kernel: each view of `nsx ls` and of `nsx pidmap` with and without
//! features newer than 5.4.
//!
//! Each test has a PID namespace in which nothing else happens, so that whole outputs can be
//! compared.

use crate::support::{
    Command, Need, Session, Test, both,
    filter::Filter,
    procfs::{self, Pinned},
    until,
};
use serde_json::Value;

pub(crate) fn tests() -> Vec<Test> {
    vec![both(each_view_is_the_same_on_an_older_kernel)]
        .into_iter()
        .map(|test| test.needs([Need::Namespaces]))
        .collect()
}

/// A command in the namespaces of `init`.
fn inside(session: &Session, init: &Pinned, words: &str) -> Command {
    session.command(&format!(
        "nsenter --preserve-credentials -U -m -p -t {} {words}",
        init.id()
    ))
}

/// Returns what nsx prints in the namespaces of `init`, as process 301.
#[track_caller]
fn view(session: &Session, init: &Pinned, words: &str, filter: Option<Filter>) -> String {
    inside(session, init, "sh -c")
        .arg("echo 300 >/proc/sys/kernel/ns_last_pid")
        .run()
        .exited(0);
    let command = inside(session, init, &format!("nsx {words}"));
    let command = filter.into_iter().fold(command, Command::under);
    command.output()
}

fn each_view_is_the_same_on_an_older_kernel(session: &Session) {
    // A namespace with a process, one that only a descriptor holds, one that only a mount holds,
    // and a nested PID namespace.
    let script = "touch pin; unshare --uts=pin true
        unshare --ipc sleep 100 & until [ \"$(readlink /proc/$!/exe)\" = \"$(readlink -f \
    /bin/sleep)\" ]; do sleep 0.1; done
        exec 7</proc/$!/ns/ipc; kill $!; wait $! || :
        unshare --net --uts --pid --fork --kill-child sleep 100 & until [ \"$(cat /proc/*/comm | \
    grep -c sleep)\" = 1 ]; do sleep 0.1; done
        echo $! $(stat -c %i pin) $(stat -Lc %i /proc/self/fd/7); exec sleep 1000";
    let unshare = session
        .nsx("unshare -r --mount --pid --fork --kill-child --mount-proc sh -ec")
        .arg(script)
        .start();
    let init = unshare.program("sh");
    let line = unshare.line();
    until("nothing happens any more", || {
        procfs::comm(init.id()) == "sleep"
    });
    let [unshared, pin, held]: [&str; 3] = line.split(' ').collect::<Vec<_>>().try_into().unwrap();
    // The owner of an empty namespace is unknown: nsx would have to open its file, which may hang.
    let views = [
        "ls",
        "ls --all",
        "ls --deep --json",
        "ls --tree -Q NPROCS>0",
        "ls --tree --deep --json -Q NPROCS>0",
        "ls --tree=parent",
        "ls --tree=process",
        "ls --tree=pid",
        "ls --pids --all",
        "ls --pids --all --json",
        "ls --graph dot -Q NPROCS>0",
        &format!("ls --why uts:[{pin}]"),
        &format!("ls --why ipc:[{held}]"),
        "ls --why /proc/1/ns/net",
        "ls 1",
        &format!("ls --deep {unshared} -t uts,net,pid"),
        "pidmap 1",
        "pidmap --tree --namespace-of 1",
        &format!("pidmap --namespace-of {unshared}"),
    ];
    for words in views {
        let [newer, older] = [None, Some(Filter::Since5_4)].map(|filter| {
            let text = view(session, &init, words, filter);
            match words.split_once(' ').unwrap_or((words, "")) {
                // The first line has the id and the owner.
                ("ls", why) if why.starts_with("--why") => {
                    let (first, rest) = text.split_once('\n').unwrap();
                    assert_eq!(
                        first.contains(", id "),
                        filter.is_none(),
                        "{words}: {first}"
                    );
                    rest.to_owned()
                }
                // User names inside are not looked up if links cannot be kept from leading outside.
                ("pidmap", _) => text
                    .replace(" root ", " 0 ")
                    .split(' ')
                    .filter(|word| !word.is_empty())
                    .collect::<Vec<_>>()
                    .join(" "),
                _ => text,
            }
        });
        assert_eq!(newer, older, "{words}");
        assert!(!newer.is_empty(), "{words}");
    }
    let number = |inode: &str| inode.parse::<u64>().unwrap();
    // Every column except the id, which the kernel does not show, and the elapsed time.
    let rows = |filter| {
        let text = view(session, &init, "ls --deep --json -o all", filter);
        let document: Value = serde_json::from_str(&text).unwrap();
        let mut rows = document["namespaces"].as_array().unwrap().clone();
        assert!(
            rows.iter().any(|row| row["ns"] == number(pin))
                && rows.iter().any(|row| row["ns"] == number(held))
        );
        for row in &mut rows {
            row["age"] = Value::Null;
            // The objects that it owns are not known either.
            if row["type"] == "user" {
                row["holders"] = Value::Null;
            }
        }
        rows
    };
    let (mut newer, older) = (rows(None), rows(Some(Filter::Since5_4)));
    assert!(older.iter().all(|row| row["id64"].is_null()), "{older:?}");
    newer.iter_mut().for_each(|row| row["id64"] = Value::Null);
    // Facts that only an empty namespace itself could tell are unknown, and the others are true.
    for (newer, older) in newer
        .iter_mut()
        .zip(&older)
        .filter(|(_, older)| older["seen"] == 0)
    {
        newer
            .as_object_mut()
            .unwrap()
            .iter_mut()
            .filter(|(key, _)| older[key.as_str()].is_null())
            .for_each(|(_, it)| *it = Value::Null);
    }
    assert_eq!(newer, older);
}
