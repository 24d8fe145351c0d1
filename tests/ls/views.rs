//! `nsx ls` for people and for programs: groups, columns, filters, trees, graphs.

use crate::support::{
    Need, Session, Test, both,
    procfs::{self, Pinned},
    root, schema,
};
use serde_json::Value;
use std::collections::BTreeSet;

pub(crate) fn tests() -> Vec<Test> {
    vec![
        both(every_owner_of_namespaces_has_one_line),
        root(a_pinned_network_is_shown_by_its_name),
        both(columns_agree_with_the_kernel),
        both(a_caller_that_ignores_children_sees_the_hostname),
        both(wrong_filters_and_columns_are_refused),
        both(every_json_document_fits_the_schema),
    ]
    .into_iter()
    .map(|test| test.needs([Need::Namespaces]))
    .collect()
}

pub(super) fn document(session: &Session, words: &str) -> Value {
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

fn a_caller_that_ignores_children_sees_the_hostname(session: &Session) {
    // A child of nsx reads it. The kernel itself reaps the children of such a process.
    let unshare = session
        .nsx("unshare -r --uts --hostname box sleep 100")
        .start();
    let sleep = unshare.program("sleep");
    let list = "env --ignore-signal=CHLD nsx ls -q --all -t uts -o ns,hostname --json";
    let document: Value = serde_json::from_str(&session.command(list).output()).unwrap();
    let uts = row(&document["namespaces"], &sleep, "uts");
    assert_eq!(uts["hostname"], "box");
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
        "there is no column \"nosuch\"; --columns lists the columns",
    );
    refused(&["--watch=0"], "a number of seconds");
    refused(&["--tree=nosuch"], "owner, parent, process, pid");
    refused(
        &["--proc", "/nosuch"],
        "failed to open /nosuch: No such file or directory",
    );
    session.nsx("ls -Q").arg("NS == 1").run().exited(1);
}

/// The path of a process in the tree, from the process upwards.
pub(super) fn find(branches: &Value, pid: u32, path: &mut Vec<String>) -> bool {
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

fn every_json_document_fits_the_schema(session: &Session) {
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
        schema::assert_fit(documents, &format!("ls.json#/$defs/{part}"));
        schema::assert_fit(documents, "ls.json");
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
