//! `nsx ls --tree`: owners, parents and processes below one another.

use super::views::{document, find};
use crate::support::{
    Need, Process, Session, Test, both,
    procfs::{self, Pinned},
    until,
};
use serde_json::Value;
use std::collections::BTreeSet;

pub(crate) fn tests() -> Vec<Test> {
    vec![
        both(user_namespaces_have_the_namespaces_that_they_own_below_them),
        both(processes_stand_below_their_parents_in_their_namespace),
        both(the_process_tree_has_columns_and_a_filter),
        both(the_process_tree_begins_at_the_named_process),
        both(columns_that_a_process_tree_cannot_show_are_refused),
        both(a_namespace_is_below_the_one_that_its_process_came_from),
        both(selected_rows_keep_their_ancestors_in_a_tree).needs([Need::UtilLinux(2, 38)]),
    ]
    .into_iter()
    .map(|test| test.needs([Need::Namespaces]))
    .collect()
}

fn user_namespaces_have_the_namespaces_that_they_own_below_them(session: &Session) {
    let unshare = session
        .original_unshare("--user --net --pid --fork --kill-child sleep 100")
        .start();
    let sleep = unshare.program("sleep");
    let rows = document(session, "--tree --json -o ns,type,owner");
    let mut found = false;
    visit(&rows["namespaces"], &mut |branch| {
        for child in branch["children"].as_array().unwrap() {
            assert_eq!(child["owner"], branch["ns"], "{child}");
        }
        if format!("user:[{}]", branch["ns"]) == procfs::ns(sleep.id(), "user") {
            let children = branch["children"].as_array().unwrap();
            let kinds: BTreeSet<_> = children
                .iter()
                .map(|child| child["type"].as_str().unwrap())
                .collect();
            assert_eq!(kinds, BTreeSet::from(["net", "pid"]));
            found = true;
        }
    });
    assert!(found);
    let text = session.nsx("ls --tree -q").output();
    let inode = |kind: &str| {
        procfs::ns(sleep.id(), kind)
            .split(['[', ']'])
            .nth(1)
            .unwrap()
            .to_owned()
    };
    let drawn = |lead: &str, kind: &str| {
        text.lines()
            .any(|line| line.contains(&format!("{lead}{}", inode(kind))))
    };
    assert!(
        (drawn("├─", "pid") && drawn("└─", "net")) || (drawn("├─", "net") && drawn("└─", "pid")),
        "{text}"
    );
}

/// Each branch, from the top down.
fn visit(branches: &Value, see: &mut dyn FnMut(&Value)) {
    for branch in branches.as_array().unwrap() {
        see(branch);
        visit(&branch["children"], see);
    }
}

fn processes_stand_below_their_parents_in_their_namespace(session: &Session) {
    let unshare = session
        .nsx("unshare -r --pid --fork --kill-child sh -c")
        .arg("sleep 100 & wait")
        .start();
    let shell = unshare.program("sh");
    let sleep = unshare.program("sleep");
    let tree = document(session, "--tree=pid --json");
    let mut path = Vec::new();
    assert!(find(&tree["pid_tree"], sleep.id(), &mut path), "{tree}");
    let ns = procfs::ns(shell.id(), "pid");
    let expected = [
        format!("process {}", sleep.id()),
        format!("process {}", shell.id()),
        ns,
    ];
    assert_eq!(path[..3], expected);
    let text = session.nsx("ls --tree=pid -q").output();
    assert!(
        text.lines()
            .any(|line| line.contains(&format!("└─{}", sleep.id()))),
        "{text}"
    );
}

/// A shell in a PID namespace, and a sleep in a nested one whose PID 1 is a `timeout`, after both
/// have started.
pub(super) fn nested(session: &Session) -> (Process, Pinned, Pinned) {
    let script = "unshare --pid --fork --kill-child timeout 100 sleep 100; true";
    let unshare = session
        .nsx("unshare -r --pid --fork --kill-child sh -c")
        .arg(script)
        .start();
    let (shell, sleep) = (unshare.program("sh"), unshare.program("sleep"));
    until("the sleep is alone", || crate::ls::chain(&sleep).len() > 2);
    (unshare, shell, sleep)
}

/// The namespaces and the processes of a tree, from the top down.
fn nodes(tree: &Value) -> (Vec<String>, Vec<u64>) {
    let (mut namespaces, mut processes) = (Vec::new(), Vec::new());
    let mut branches: Vec<&Value> = tree["pid_tree"].as_array().unwrap().iter().rev().collect();
    while let Some(branch) = branches.pop() {
        let inner = match (&branch["process"], &branch["namespace"]) {
            (Value::Null, namespace) => {
                namespaces.push(format!("pid:[{}]", namespace["ns"]));
                namespace
            }
            (process, _) => {
                processes.push(process["pid"].as_u64().unwrap());
                process
            }
        };
        branches.extend(inner["children"].as_array().unwrap().iter().rev());
    }
    (namespaces, processes)
}

fn the_process_tree_has_columns_and_a_filter(session: &Session) {
    let (_unshare, shell, sleep) = nested(session);
    let id = sleep.id();
    let only = format!("--tree=pid -Q PID=={id}");
    // Its ancestors are there too, and nothing else.
    let tree = document(session, &format!("{only} --json -o pid,ppid,command"));
    let (namespaces, processes) = nodes(&tree);
    let parent = procfs::status(id, "PPid").parse::<u64>().unwrap();
    assert_eq!(processes, [parent, id.into()]);
    assert_eq!(
        namespaces[namespaces.len() - 2..],
        [procfs::ns(shell.id(), "pid"), procfs::ns(id, "pid")]
    );
    let mut path = Vec::new();
    assert!(find(&tree["pid_tree"], id, &mut path));
    assert_eq!(path.len(), namespaces.len() + processes.len());
    let mut row = &tree["pid_tree"][0];
    while row["process"]["pid"] != id {
        let inner = if row["process"].is_null() {
            &row["namespace"]
        } else {
            &row["process"]
        };
        row = &inner["children"][0];
    }
    let expected =
        serde_json::json!({ "pid": id, "ppid": parent, "command": "sleep 100", "children": [] });
    assert_eq!(row["process"], expected);

    let table = session
        .nsx(&format!("ls -q {only} -o uid,command,ns"))
        .output();
    let last: Vec<_> = table.lines().last().unwrap().split_whitespace().collect();
    let inode = |id| {
        procfs::ns(id, "pid")
            .split(['[', ']'])
            .nth(1)
            .unwrap()
            .to_owned()
    };
    let uid = session.ids().0;
    assert_eq!(last.last().unwrap(), &inode(id));
    assert!(
        last.join(" ")
            .ends_with(&format!("└─{uid} sleep 100 {}", inode(id))),
        "{table}"
    );
    let of_ns = table
        .lines()
        .find(|line| line.contains(&format!("─{} ", procfs::ns(id, "pid"))))
        .unwrap();
    // The ordinary user may not see another PID namespace that is as deep as this one.
    let counted = ["(2 processes)", "(2+ processes)"];
    assert!(
        counted.iter().any(|count| of_ns.contains(count)) && of_ns.ends_with(&inode(id)),
        "{table}"
    );
    let heading = |options: &str| {
        let table = session.nsx(&format!("ls -q {only}{options}")).output();
        table
            .lines()
            .next()
            .unwrap()
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(heading(""), "PID CHAIN USER COMMAND");
    assert_eq!(heading(" -o +age"), "PID CHAIN USER AGE COMMAND");

    let none = session
        .nsx(&format!("ls --tree=pid -Q PID=={}", i32::MAX))
        .run()
        .exited(1);
    assert!(none.says(&["no process matches"]).stdout.is_empty());
}

fn the_process_tree_begins_at_the_named_process(session: &Session) {
    let (_unshare, shell, sleep) = nested(session);
    let beside = session
        .original_unshare("--user --pid --fork --kill-child sleep 100")
        .start();
    let beside = beside.program("sleep");
    until("the other sleep is alone", || {
        crate::ls::chain(&beside).len() > 1
    });
    let tree = |options: &str| nodes(&document(session, &format!("--tree=pid --json {options}")));
    let (namespaces, processes) = tree(&format!("-p {}", shell.id()));
    assert_eq!(
        namespaces,
        [procfs::ns(shell.id(), "pid"), procfs::ns(sleep.id(), "pid")]
    );
    let init = procfs::status(sleep.id(), "PPid").parse::<u64>().unwrap();
    let sleep_id = u64::from(sleep.id());
    assert!(
        [shell.id().into(), init, sleep_id]
            .iter()
            .all(|id| processes.contains(id)),
        "{processes:?}"
    );
    assert!(!processes.contains(&beside.id().into()));
    assert_eq!(
        tree(&format!("-p {sleep_id}")),
        (vec![procfs::ns(sleep.id(), "pid")], vec![init, sleep_id])
    );
    // Only --all adds the processes outside nested namespaces.
    let own = session.command("sleep 100").start();
    let own = u64::from(own.program("sleep").id());
    let (_, nested) = tree("--color=never");
    assert!(nested.contains(&beside.id().into()) && !nested.contains(&own));
    let (_, all) = tree("--all");
    assert!(all.contains(&beside.id().into()) && all.contains(&own));
}

fn columns_that_a_process_tree_cannot_show_are_refused(session: &Session) {
    let file = session.path("census.json");
    session.nsx("ls -q --save").arg(&file).run().exited(0);
    let refused = |words: &str, says: &str| {
        session
            .nsx(&format!("ls --tree=pid {words}"))
            .run()
            .exited(2)
            .says(&[says])
    };
    refused("-t net", "--type cannot be given with it");
    refused("--deep", "--deep");
    refused("--json-lines", "--json-lines");
    refused("-o type", "there is no column \"type\"");
    refused("-Q TYPE==1", "unknown column: TYPE");
    refused("-p no:such", "no:such");
    session
        .nsx("ls --tree=pid --from")
        .arg(&file)
        .run()
        .exited(2)
        .says(&["does not say which process made which"]);
}

fn a_namespace_is_below_the_one_that_its_process_came_from(session: &Session) {
    let unshare = session
        .nsx("unshare -r --uts sh -c")
        .arg("unshare --uts sleep 100; true")
        .start();
    let outer = unshare.program("sh");
    let inner = unshare.program("sleep");
    let tree = document(session, "--tree=process --json -t uts");
    let mut above = None;
    visit(&tree["namespaces"], &mut |branch| {
        let children = branch["children"].as_array().unwrap();
        if children
            .iter()
            .any(|child| format!("uts:[{}]", child["ns"]) == procfs::ns(inner.id(), "uts"))
        {
            above = Some(format!("uts:[{}]", branch["ns"]));
        }
    });
    assert_eq!(above, Some(procfs::ns(outer.id(), "uts")));
}

fn selected_rows_keep_their_ancestors_in_a_tree(session: &Session) {
    // As in lsns: the owners of a process's namespaces up to the caller's, or the parents.
    for order in ["owner", "parent"] {
        let script = format!(
            "unshare --user --net sleep 100 & until grep -qx sleep /proc/$!/comm; do :; done
            nsx ls -q --tree={order} -p $! -o NS,TYPE; echo; lsns --tree={order} -p $! -o NS,TYPE"
        );
        // Alone, because lsns fails if a process ends.
        let isolate = format!(
            "unshare {}--pid --fork --kill-child --mount-proc sh -ec",
            session.map_root()
        );
        let output = session.command(&isolate).arg(script).output();
        let (ours, theirs) = output.split_once("\n\n").unwrap();
        let words = |text: &str| -> BTreeSet<String> {
            let lines = text.lines().skip(1);
            lines
                .map(|line| {
                    line.trim_start_matches(|letter: char| !letter.is_ascii_digit())
                        .to_owned()
                })
                .collect()
        };
        assert_eq!(words(ours), words(theirs), "{order}");
        assert!(ours.matches("user").count() == 2, "{ours}");
    }
    // Only a network namespace has two parents.
    let unshare = session.original_unshare("--user --net sleep 100").start();
    let inode = procfs::ns(unshare.program("sleep").id(), "net")
        .split(['[', ']'])
        .nth(1)
        .unwrap()
        .to_owned();
    let document = document(session, &format!("--tree --json -Q NS=={inode}"));
    let mut kinds = Vec::new();
    let mut branch = &document["namespaces"][0];
    while branch.is_object() {
        kinds.push(branch["type"].as_str().unwrap());
        branch = &branch["children"][0];
    }
    assert_eq!(kinds, ["user", "user", "net"]);
}
