//! `nsx ls` for people and for programs: groups, columns, filters, trees, graphs.

use crate::support::{
    Need, Process, Session, Test, both,
    procfs::{self, Pinned},
    root, until,
};
use rustix::process::Signal;
use serde_json::Value;
use std::collections::BTreeSet;

pub(crate) fn tests() -> Vec<Test> {
    vec![
        both(every_owner_of_namespaces_has_one_line),
        root(a_pinned_network_is_shown_by_its_name),
        both(columns_agree_with_the_kernel),
        both(wrong_filters_and_columns_are_refused),
        both(user_namespaces_have_the_namespaces_that_they_own_below_them),
        both(processes_stand_below_their_parents_in_their_namespace),
        both(the_process_tree_has_columns_and_a_filter),
        both(the_process_tree_begins_at_the_named_process),
        both(columns_that_a_process_tree_cannot_show_are_refused),
        both(processes_have_columns),
        both(processes_are_selected_by_a_filter_and_by_a_namespace_above_them),
        both(a_namespace_is_below_the_one_that_its_process_came_from),
        both(selected_rows_keep_their_ancestors_in_a_tree).needs([Need::UtilLinux(2, 38)]),
        both(a_tree_and_a_graph_show_the_same_namespaces).needs([Need::Tool("strace")]),
        both(graphs_are_well_formed_and_complete),
        both(a_graph_joins_processes_that_share_a_namespace).needs([Need::Tool("nsenter")]),
        both(every_json_document_fits_the_schema),
    ]
    .into_iter()
    .map(|test| test.needs([Need::Namespaces]))
    .collect()
}

fn document(session: &Session, words: &str) -> Value {
    let outcome = session.nsx(&format!("ls -q {words}")).run().exited(0);
    serde_json::from_slice(&outcome.stdout).unwrap_or_else(|error| panic!("{error}: {outcome}"))
}

/// The row of a process's namespace.
#[track_caller]
pub(crate) fn row(rows: &Value, process: &Pinned, kind: &str) -> Value {
    let ns = procfs::ns(process.id(), kind);
    let rows = rows.as_array().unwrap();
    let row = rows
        .iter()
        .find(|row| format!("{kind}:[{}]", row["ns"]) == ns);
    row.unwrap_or_else(|| panic!("no {ns} in {rows:?}")).clone()
}

fn every_owner_of_namespaces_has_one_line(session: &Session) {
    let unshare = session.original_unshare("--uts --net sleep 100").start();
    let sleep = unshare.program("sleep");
    let text = session.nsx("ls").run().exited(0).text().to_owned();
    let lines: Vec<_> = text.lines().collect();
    assert!(lines[0].starts_with("NAME"), "{text}");
    assert!(lines.last().unwrap().starts_with("host "), "{text}");
    let own = lines
        .iter()
        .find(|line| line.ends_with("sleep 100") && line.contains(&sleep.id().to_string()));
    let own = own.unwrap_or_else(|| panic!("{text}"));
    for kind in ["net", "uts"] {
        assert!(own.split([' ', ',']).any(|word| word == kind), "{own}");
    }
    // The program's form of it.
    let groups = document(session, "--groups --json");
    let is_own = |group: &&Value| group["pid"] == sleep.id();
    let group = groups["groups"]
        .as_array()
        .unwrap()
        .iter()
        .find(is_own)
        .unwrap_or_else(|| panic!("{groups}"));
    for kind in ["net", "uts"] {
        row(&group["namespaces"], &sleep, kind);
    }
    assert_eq!(
        (&group["seen"], &group["uid"]),
        (&Value::from(1), &Value::from(session.ids().0)),
        "{group}"
    );
    assert_eq!(
        (&group["name"], &group["command"]),
        (&own.split(' ').next().into(), &"sleep 100".into()),
        "{group}"
    );
    let lines = session.nsx("ls -q --groups --json-lines").output();
    assert!(
        lines
            .lines()
            .any(|line| serde_json::from_str::<Value>(line).unwrap() == *group),
        "{lines}"
    );
}

fn a_pinned_network_is_shown_by_its_name(session: &Session) {
    let script = "mount -t tmpfs none /run && mkdir /run/netns && touch /run/netns/blue && \
                  unshare --net=/run/netns/blue true && exec nsx ls";
    let text = session
        .original_unshare("--mount sh -c")
        .arg(script)
        .run()
        .exited(0)
        .text()
        .to_owned();
    let blue = text
        .lines()
        .find(|line| line.starts_with("netns:blue "))
        .unwrap_or_else(|| panic!("{text}"));
    assert_eq!(
        blue.split_whitespace().collect::<Vec<_>>(),
        ["netns:blue", "net", "0"]
    );
    let script = script.replace("nsx ls", "nsx ls --groups --json");
    let groups = session
        .original_unshare("--mount sh -c")
        .arg(script)
        .run()
        .exited(0);
    let groups: Value = serde_json::from_slice(&groups.stdout).unwrap();
    let blue = groups["groups"]
        .as_array()
        .unwrap()
        .iter()
        .find(|group| group["name"] == "netns:blue")
        .unwrap();
    assert_eq!(
        (
            &blue["nprocs"],
            &blue["pid"],
            &blue["namespaces"][0]["type"]
        ),
        (&0.into(), &Value::Null, &"net".into())
    );
}

fn columns_agree_with_the_kernel(session: &Session) {
    let unshare = session
        .nsx("unshare -r --uts --net --mount --pid --fork --kill-child sleep 100")
        .start();
    let sleep = unshare.program("sleep");
    let rows = &document(session, "--json -o all")["namespaces"];
    let in_namespace = |command: &str| {
        let enter = format!(
            "nsenter --preserve-credentials -U -u -n -m -p -t {} {command}",
            sleep.id()
        );
        session.command(&enter).output()
    };
    let uts = row(rows, &sleep, "uts");
    assert_eq!(uts["hostname"], in_namespace("uname -n").trim());
    let net = row(rows, &sleep, "net");
    assert_eq!(
        net["nlinks"].as_u64().unwrap(),
        in_namespace("cat /proc/net/dev").lines().count() as u64 - 2
    );
    assert_eq!(net["hostname"], Value::Null);
    let mounts = std::fs::read_to_string(format!("/proc/{}/mountinfo", sleep.id())).unwrap();
    assert_eq!(
        row(rows, &sleep, "mnt")["nmounts"].as_u64().unwrap(),
        mounts.lines().count() as u64
    );
    let user = row(rows, &sleep, "user");
    let map = std::fs::read_to_string(format!("/proc/{}/uid_map", sleep.id())).unwrap();
    assert_eq!(
        user["uidmap"],
        serde_json::json!([map.split_whitespace().collect::<Vec<_>>().join(" ")])
    );
    assert_eq!(net["owner"], user["ns"]);
    assert_eq!(
        user["owneruid"].as_u64().unwrap(),
        u64::from(session.ids().0)
    );
    let pid = row(rows, &sleep, "pid");
    let chain: Vec<_> = crate::ls::chain(&sleep)
        .iter()
        .map(u64::to_string)
        .collect();
    assert_eq!(pid["nspid"], chain.join(" → "));
    assert_eq!(pid["path"], format!("/proc/{}/ns/pid", sleep.id()));
    assert!(pid["age"].as_u64().unwrap() < 3600);
    // The list of columns has each of them.
    let listed = session.nsx("ls --columns").output();
    let listed: BTreeSet<_> = listed
        .lines()
        .skip(1)
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    let catalog: Value =
        serde_json::from_str(&session.nsx("ls --columns --json").output()).unwrap();
    let names = catalog["columns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|column| column["name"].as_str().unwrap());
    assert_eq!(listed, names.collect());
    let keys: BTreeSet<_> = pid
        .as_object()
        .unwrap()
        .keys()
        .map(|key| key.to_uppercase())
        .collect();
    assert_eq!(listed, keys.iter().map(String::as_str).collect());
}

fn wrong_filters_and_columns_are_refused(session: &Session) {
    let refused = |words: &[&str], says: &str| {
        let command = words
            .iter()
            .fold(session.nsx("ls"), |command, word| command.arg(word));
        command.run().exited(2).says(&[says]);
    };
    refused(&["-Q", "NS =="], "failed to parse \"NS ==\"");
    refused(&["-Q", "NOSUCH == 1"], "unknown column: NOSUCH");
    refused(
        &["-o", "ns,nosuch"],
        "there is no column \"nosuch\"; --columns lists those there are",
    );
    refused(&["--watch=0"], "a number of seconds");
    refused(&["--tree=nosuch"], "owner, parent, process, pid");
    refused(
        &["--proc", "/nosuch"],
        "failed to open /nosuch: No such file or directory",
    );
    session.nsx("ls -Q").arg("NS == 1").run().exited(1);
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
fn nested(session: &Session) -> (Process, Pinned, Pinned) {
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

fn processes_have_columns(session: &Session) {
    let unshare = session
        .original_unshare("--user --map-root-user --pid --fork --kill-child sleep 100")
        .start();
    let sleep = unshare.program("sleep");
    until("the sleep is alone", || crate::ls::chain(&sleep).len() > 1);
    let id = sleep.id();
    let row = &document(session, &format!("--pids --json -o all -Q PID=={id}"))["processes"][0];
    assert_eq!(row["pid"], id);
    assert_eq!(row["chain"], Value::from(crate::ls::chain(&sleep)));
    assert_eq!(format!("pid:[{}]", row["ns"]), procfs::ns(id, "pid"));
    assert_eq!(row["ppid"].to_string(), procfs::status(id, "PPid"));
    assert_eq!(row["uid"], session.ids().0);
    assert_eq!(row["command"], "sleep 100");
    let cgroups = std::fs::read_to_string(format!("/proc/{id}/cgroup")).unwrap();
    assert!(
        cgroups
            .lines()
            .any(|line| line.splitn(3, ':').nth(2) == row["cgroup"].as_str()),
        "{row} {cgroups}"
    );
    assert!(row["age"].as_u64().unwrap() < 3600);
    // The list of columns has each of them.
    let listed = session.nsx("ls --columns --pids").output();
    let listed: BTreeSet<_> = listed
        .lines()
        .skip(1)
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    let keys: BTreeSet<_> = row
        .as_object()
        .unwrap()
        .keys()
        .map(|key| key.to_uppercase())
        .collect();
    assert_eq!(listed, keys.iter().map(String::as_str).collect());

    let only = format!("ls -q --pids -Q PID=={id}");
    let own = crate::ls::chain(&sleep)
        .iter()
        .map(u64::to_string)
        .collect::<Vec<_>>()
        .join(" → ");
    let table = session.nsx(&format!("{only} -o chain,pid")).output();
    assert_eq!(
        table.split_whitespace().collect::<Vec<_>>().join(" "),
        format!("CHAIN PID {own} {id}")
    );
    // These columns come after the usual ones. No container is involved, so there is no container
    // column.
    let heading = |options: &str| {
        let table = session.nsx(&format!("{only}{options}")).output();
        table
            .lines()
            .next()
            .unwrap()
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(heading(""), "CHAIN NS USER COMMAND");
    assert_eq!(heading(" -o +ppid"), "CHAIN NS USER PPID COMMAND");
    let line = session
        .nsx(&format!("{only} --json-lines -o pid,command"))
        .output();
    assert_eq!(line, format!("{{\"pid\":{id},\"command\":\"sleep 100\"}}"));
    // Without requested columns, a line has the fields of the document.
    let line = session.nsx(&format!("{only} --json-lines")).output();
    let line: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(
        line,
        document(session, &format!("--pids --json -Q PID=={id}"))["processes"][0]
    );
}

fn processes_are_selected_by_a_filter_and_by_a_namespace_above_them(session: &Session) {
    let (_unshare, shell, sleep) = nested(session);
    let beside = session
        .original_unshare("--user --pid --fork --kill-child sleep 100")
        .start();
    let beside = beside.program("sleep");
    until("the other sleep is alone", || {
        crate::ls::chain(&beside).len() > 1
    });
    let chosen = |options: &str| -> BTreeSet<u64> {
        let output = session
            .nsx(&format!("ls -q --pids --json -o pid {options}"))
            .run()
            .exited(0);
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        document["processes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["pid"].as_u64().unwrap())
            .collect()
    };
    let [shell_id, sleep_id, beside_id] =
        [&shell, &sleep, &beside].map(|process| u64::from(process.id()));
    let init = procfs::status(sleep.id(), "PPid").parse().unwrap();
    assert_eq!(chosen(&format!("-p {sleep_id}")), [init, sleep_id].into());
    let inside = chosen(&format!("-p {shell_id}"));
    assert!(
        inside.contains(&shell_id) && inside.contains(&sleep_id) && !inside.contains(&beside_id),
        "{inside:?}"
    );
    // The caller's own namespace, with all below it.
    let own = session.command("sleep 100").start();
    let all = chosen(&format!("-p {}", own.program("sleep").id()));
    assert!(all.contains(&own.id().into()) && all.is_superset(&inside) && all.contains(&beside_id));
    assert_eq!(
        chosen(&format!(
            "-p {shell_id} -Q NS=={}",
            procfs::ns(sleep.id(), "pid")
                .split(['[', ']'])
                .nth(1)
                .unwrap()
        )),
        [init, sleep_id].into()
    );

    let none = session
        .nsx(&format!("ls --pids -Q PID=={}", i32::MAX))
        .run()
        .exited(1);
    none.says(&["no process matches"]);
    sleep.signal(Signal::KILL);
    let refused = |words: &str, says: &str| {
        session
            .nsx(&format!("ls --pids {words}"))
            .run()
            .exited(2)
            .says(&[says])
    };
    refused("-t net", "--type");
    refused("--tree", "--tree");
    refused(
        "-o type",
        "there is no column \"type\"; --pids --columns lists those there are",
    );
    refused("-Q TYPE==1", "unknown column: TYPE");
    refused("-p no:such", "no:such");
}

/// The path of a process in the tree, from the process upwards.
fn find(branches: &Value, pid: u32, path: &mut Vec<String>) -> bool {
    branches.as_array().unwrap().iter().any(|branch| {
        let (name, inner) = match (&branch["process"], &branch["namespace"]) {
            (Value::Null, namespace) => (format!("pid:[{}]", namespace["ns"]), namespace),
            (process, _) => (format!("process {}", process["pid"]), process),
        };
        let here = name == format!("process {pid}") || find(&inner["children"], pid, path);
        if here {
            path.push(name);
        }
        here
    })
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

fn a_tree_and_a_graph_show_the_same_namespaces(session: &Session) {
    for words in ["--tree=process", "--tree", "--graph dot", "--all"] {
        // Alone: for a process of a container whose daemon is unknown, nsx searches all processes
        // for the daemon.
        let strace = "strace -f -y -o calls -e trace=getdents64 nsx ls -q";
        let isolate = format!(
            "unshare {}--pid --fork --kill-child --mount-proc",
            session.map_root()
        );
        session
            .command(&format!("{isolate} sh -ec"))
            .arg(format!("unshare --uts sleep 100 & {strace} {words}"))
            .run()
            .exited(0);
        let calls = std::fs::read_to_string(session.path("calls")).unwrap();
        // A list of all processes ends after the kernel's last one.
        let lists = calls
            .lines()
            .filter(|call| call.contains("</proc>") && call.ends_with("= 0"))
            .count();
        assert_eq!(lists, 1, "{words}: {calls}");
    }
}

fn graphs_are_well_formed_and_complete(session: &Session) {
    let unshare = session
        .original_unshare("--user --net sh -c")
        .arg("sleep 100; true # <\"&\\>")
        .start();
    drop(unshare.program("sleep"));
    let inode = procfs::ns(unshare.id(), "net")
        .trim_start_matches("net:[")
        .trim_end_matches(']')
        .to_owned();
    let picture = |language: &str| session.nsx(&format!("ls -q --graph {language}")).output();
    let dot = picture("dot");
    assert!(
        dot.starts_with("digraph namespaces {") && dot.ends_with('}') && dot.contains(&inode),
        "{dot}"
    );
    assert!(dot.contains(r#"# <\"&\\>"#), "{dot}");
    let mermaid = picture("mermaid");
    assert!(
        mermaid.starts_with("flowchart LR\n") && mermaid.contains(&inode),
        "{mermaid}"
    );
    let svg = picture("svg");
    assert!(
        svg.contains(&inode) && svg.contains("# &lt;&quot;&amp;\\&gt;"),
        "{svg}"
    );
    // Well-formed: every opened element is closed.
    for tag in ["svg", "g", "text", "title"] {
        let opened =
            svg.matches(&format!("<{tag} ")).count() + svg.matches(&format!("<{tag}>")).count();
        assert_eq!(
            opened,
            svg.matches(&format!("</{tag}>")).count(),
            "{tag} in {svg}"
        );
    }
}

fn a_graph_joins_processes_that_share_a_namespace(session: &Session) {
    let first = session
        .original_unshare("--mount --net --uts sleep 100")
        .start();
    let id = first.program("sleep").id();
    let user = if session.is_root() {
        ""
    } else {
        "-U --preserve-credentials "
    };
    let second = session
        .command(&format!(
            "nsenter {user}-n -t {id} unshare --mount --uts sleep 200"
        ))
        .start();
    let other = second.program("sleep").id();
    let owner = if session.is_root() { "root" } else { "4242" };
    let (first_box, second_box) = (
        format!("process {id} of {owner}"),
        format!("process {other} of {owner}"),
    );
    let dot = session.nsx("ls -q --graph dot").output();
    let number = |title: &str| {
        let line = dot
            .lines()
            .find(|line| line.contains(&format!("label=\"{title}\\l")))
            .unwrap_or_else(|| panic!("{dot}"));
        line.split_whitespace().next().unwrap().to_owned()
    };
    let edge = format!("{} -> {} [label=", number(&second_box), number(&first_box));
    let line = dot
        .lines()
        .find(|line| line.trim_start().starts_with(&edge))
        .unwrap_or_else(|| panic!("{edge}: {dot}"));
    assert!(line.contains("net"), "{line}");
    let svg = session.nsx("ls -q --graph svg").output();
    let named =
        |line: &str| line.contains("net") && line.ends_with(&format!(" of {first_box}</text>"));
    // A user namespace is a frame around the namespaces that it owns, without lines to them.
    assert!(
        svg.lines().any(named) && (svg.contains("<path ") || !session.is_root()),
        "{svg}"
    );
    // As wide as it is high, or wider.
    let size = |name: &str| -> u32 {
        svg.split(&format!(" {name}=\""))
            .nth(1)
            .unwrap()
            .split('"')
            .next()
            .unwrap()
            .parse()
            .unwrap()
    };
    assert!(
        size("width") * 10 >= size("height") * 8,
        "{} by {}",
        size("width"),
        size("height")
    );
}

fn every_json_document_fits_the_schema(session: &Session) {
    let schema = concat!(env!("CARGO_MANIFEST_DIR"), "/crates/nsx/schema/ls.json");
    let unshare = session
        .nsx("unshare -r --uts --net --pid --fork --kill-child sleep 100")
        .start();
    let sleep = unshare.program("sleep");
    let file = session.path("census.json");
    session.nsx("ls -q --save").arg(&file).run().exited(0);
    let path = file.display().to_string();
    let documents = [
        ("list", "--json".to_owned()),
        ("list", "--json -Q NS==1".to_owned()),
        ("tree", "--json --tree -Q NS==1".to_owned()),
        ("pids", format!("--json --pids -Q PID=={}", i32::MAX)),
        ("columns", "--json --columns".to_owned()),
        ("groups", "--json --groups".to_owned()),
        ("columns", "--json --columns --pids".to_owned()),
        ("list", "--json -o all".to_owned()),
        ("list", "--json -o ns,ns --deep".to_owned()),
        ("tree", "--json --tree -o all".to_owned()),
        ("tree", "--json --tree=process".to_owned()),
        ("pids", "--json --pids --all".to_owned()),
        ("pids", "--json --pids --all -o all".to_owned()),
        ("pid_tree", "--json --tree=pid".to_owned()),
        ("pid_tree", "--json --tree=pid --all -o all".to_owned()),
        ("process", format!("--json {}", sleep.id())),
        ("process", format!("--json --deep {}", sleep.id())),
        (
            "why",
            format!("--json --why {}", procfs::ns(sleep.id(), "user")),
        ),
        ("why", format!("--json {}", procfs::ns(sleep.id(), "net"))),
        ("why_process", format!("--json --why {}", sleep.id())),
        ("list", format!("--json -o all --from {path}")),
        ("diff", format!("--json --diff {path} --from {path}")),
    ];
    let check_all = |part: &str, documents: &[Value]| {
        // Against its own schema, and against the schema of all output.
        for place in [format!("{schema}#/$defs/{part}"), schema.to_owned()] {
            let mut schemas = boon::Schemas::new();
            let part = boon::Compiler::new().compile(&place, &mut schemas).unwrap();
            for document in documents {
                if let Err(error) = schemas.validate(document, part) {
                    panic!("{error:#}");
                }
            }
        }
    };
    let check = |part: &str, document: Value| check_all(part, &[document]);
    for (part, words) in documents {
        let output = session.nsx(&format!("ls -q {words}")).run().stdout;
        check(part, serde_json::from_slice(&output).unwrap());
    }
    let lines = [
        ("row", "--json-lines"),
        ("row", "--json-lines -o all"),
        ("group", "--json-lines --groups"),
        ("process_namespace", "--json-lines PID"),
        ("holder", "--json-lines --why PID"),
        ("resident", "--json-lines --pids --all"),
        ("resident_columns", "--json-lines --pids --all -o all"),
    ];
    for (part, words) in lines {
        let words = words.replace("PID", &sleep.id().to_string());
        let output = session.nsx(&format!("ls -q {words}")).output();
        assert!(!output.is_empty());
        let lines: Vec<_> = output
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        check_all(part, &lines);
    }
    check(
        "saved",
        serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap(),
    );
    let bogus = serde_json::json!({ "version": 1, "namespaces": [{ "ns": "x" }], "hidden": { "processes": 0 } });
    assert!(std::panic::catch_unwind(|| check("list", bogus)).is_err());
}
