//! Facts of `nsx ls`: the leader of a namespace, unknown values, and shared namespaces.

use crate::support::{
    Need, Process, Session, Test, both,
    procfs::{self, KTHREADD, Pinned},
    root,
};
use serde_json::Value;
use std::{collections::BTreeSet, fs};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        both(a_group_is_named_by_a_process_that_is_in_all_of_it).needs([Need::Tool("hostname")]),
        both(a_namespace_without_the_leader_is_a_group_of_its_own),
        root(the_oldest_process_leads_even_with_a_higher_pid),
        both(a_shared_namespace_is_not_the_processs_own),
        root(a_user_under_another_root_is_a_number).needs([Need::Tool("busybox")]),
        root(kernel_threads_are_in_no_group),
        root(a_remedy_leaves_nothing_behind),
        both(each_namespace_of_a_process_is_explained),
    ]
    .into_iter()
    .map(|test| test.needs([Need::Namespaces]))
    .collect()
}

pub(super) fn json(session: &Session, words: &str) -> Value {
    let outcome = session.nsx(words).run().exited(0);
    serde_json::from_slice(&outcome.stdout).unwrap_or_else(|error| panic!("{error}: {outcome}"))
}

/// The group that has a process's namespace of this kind.
#[track_caller]
fn group_of(session: &Session, process: &Pinned, kind: &str) -> Value {
    let groups = json(session, "ls -q --groups --json")["groups"].clone();
    let ns = procfs::ns(process.id(), kind);
    let has = |group: &&Value| namespaces(group).contains(&ns);
    groups
        .as_array()
        .unwrap()
        .iter()
        .find(has)
        .unwrap_or_else(|| panic!("no {ns} in {groups}"))
        .clone()
}

pub(super) fn namespaces(group: &Value) -> BTreeSet<String> {
    let rows = group["namespaces"].as_array().unwrap();
    rows.iter()
        .map(|row| format!("{}:[{}]", row["type"].as_str().unwrap(), row["ns"]))
        .collect()
}

/// A process in its own namespaces. Its parent, which waits, is not in the PID namespace.
fn boxed(session: &Session) -> (Process, Pinned) {
    let unshare = session
        .nsx("unshare -r --pid --net --hostname box sleep 3000")
        .start();
    let sleep = unshare.program("sleep");
    (unshare, sleep)
}

fn a_group_is_named_by_a_process_that_is_in_all_of_it(session: &Session) {
    let (unshare, sleep) = boxed(session);
    assert_eq!(
        procfs::ns(unshare.id(), "net"),
        procfs::ns(sleep.id(), "net")
    );
    let group = group_of(session, &sleep, "pid");
    assert_eq!(
        (&group["name"], &group["pid"]),
        (&sleep.id().to_string().into(), &sleep.id().into()),
        "{group}"
    );
    for ns in namespaces(&group) {
        assert_eq!(
            procfs::ns(sleep.id(), ns.split(':').next().unwrap()),
            ns,
            "{group}"
        );
    }
    let name = group["name"].as_str().unwrap();
    assert_eq!(
        session.nsx(&format!("enter {name} hostname")).output(),
        "box"
    );
    assert_eq!(
        session.nsx(&format!("pidmap -q --from {name} 1")).output(),
        sleep.id().to_string()
    );
    // So is each row alone.
    let rows = json(session, &format!("ls -q --json -p {}", sleep.id()));
    for row in rows["namespaces"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| namespaces(&group).contains(&named(row)))
    {
        assert_eq!(row["pid"], sleep.id(), "{row}");
    }
}

pub(super) fn named(row: &Value) -> String {
    format!("{}:[{}]", row["type"].as_str().unwrap(), row["ns"])
}

fn a_namespace_without_the_leader_is_a_group_of_its_own(session: &Session) {
    let script = "unshare --uts sleep 101 & unshare --ipc sleep 102 & wait";
    let outer = session.original_unshare("--net sh -c").arg(script).start();
    let (shell, inner) = (outer.program("sh"), ["sleep 101", "sleep 102"]);
    crate::support::until("both sleep", || {
        let programs = procfs::descendants(shell.id())
            .into_iter()
            .filter(|id| procfs::comm(*id) == "sleep");
        programs.count() == 2
    });
    for id in procfs::descendants(shell.id()) {
        let process = Pinned::new(id).unwrap();
        let command = fs::read_to_string(format!("/proc/{id}/cmdline"))
            .unwrap()
            .replace('\0', " ");
        let kind = if command.trim() == inner[0] {
            "uts"
        } else {
            "ipc"
        };
        let group = group_of(session, &process, kind);
        assert_eq!(group["pid"], id, "{group}");
        assert_eq!(namespaces(&group), [procfs::ns(id, kind)].into(), "{group}");
        let net = group["shared"]
            .as_array()
            .unwrap()
            .iter()
            .find(|row| row["type"] == "net")
            .unwrap();
        assert_eq!(
            (named(net), &net["with"]),
            (
                procfs::ns(shell.id(), "net"),
                &shell.id().to_string().into()
            )
        );
    }
    assert!(namespaces(&group_of(session, &shell, "net")).contains(&procfs::ns(shell.id(), "net")));
}

/// Returns what a script prints as PID 1 of a PID namespace with a procfs of its own.
#[track_caller]
pub(super) fn alone(session: &Session, script: &str) -> String {
    session
        .original_unshare("--pid --fork --kill-child --mount-proc sh -ec")
        .arg(script)
        .output()
}

fn the_oldest_process_leads_even_with_a_higher_pid(session: &Session) {
    // As after PIDs have wrapped around: the younger process has the lower PID.
    let script = "
        echo 500 >/proc/sys/kernel/ns_last_pid
        unshare --uts sh -c 'echo $$ >old; exec sleep 1001' &
        until [ -s old ] && [ $(cat /proc/$(cat old)/comm) = sleep ]; do sleep 0.05; done
        old=$(cat old); sleep 0.1; echo 100 >/proc/sys/kernel/ns_last_pid
        nsenter --uts=/proc/$old/ns/uts sh -c 'echo $$ >new; exec sleep 1002' &
        until [ -s new ] && [ $(cat /proc/$(cat new)/comm) = sleep ]; do sleep 0.05; done
        new=$(cat new); ns=$(stat -Lc %i /proc/$old/ns/uts)
        echo $old $new $(cut -d' ' -f22 /proc/$old/stat) $(cut -d' ' -f22 /proc/$new/stat)
        nsx ls -q --json-lines -Q \"NS == $ns\"
        nsx ls -q --groups --json-lines | grep \"\\\"ns\\\":$ns\"";
    let output = alone(session, script);
    let lines: Vec<&str> = output.lines().collect();
    let [old, new, began, began_later]: [u64; 4] = lines[0]
        .split(' ')
        .map(|number| number.parse().unwrap())
        .collect::<Vec<_>>()
        .try_into()
        .unwrap();
    assert!(new < old && began < began_later, "{output}");
    let row: Value = serde_json::from_str(lines[1]).unwrap();
    assert_eq!(
        (&row["pid"], &row["seen"], &row["command"]),
        (&old.into(), &2.into(), &"sleep 1001".into())
    );
    let group: Value = serde_json::from_str(lines[2]).unwrap();
    assert_eq!(
        (&group["name"], &group["pid"]),
        (&old.to_string().into(), &old.into())
    );
}

fn a_shared_namespace_is_not_the_processs_own(session: &Session) {
    let script = "sleep 1001 & exec sleep 1002";
    let first = session
        .original_unshare("--net --uts sh -c")
        .arg(script)
        .start();
    let owner = first.program("sleep");
    let user = if session.is_root() { "" } else { "-U " };
    let enter = format!(
        "nsenter --preserve-credentials -t {} {user}-n unshare --uts sleep 1003",
        owner.id()
    );
    let second = session.command(&enter).start();
    let second = second.program("sleep");
    assert_eq!(
        procfs::ns(owner.id(), "net"),
        procfs::ns(second.id(), "net")
    );
    let rows = json(session, &format!("ls --json {}", second.id()))["namespaces"].clone();
    let whose = |kind: &str| {
        rows.as_array()
            .unwrap()
            .iter()
            .find(|row| row["type"] == kind)
            .unwrap()["shared_with"]
            .clone()
    };
    let text = session.nsx(&format!("ls {}", second.id())).output();
    let line = |kind: &str| {
        text.lines()
            .find(|line| line.contains(&format!(" {kind} ")))
            .unwrap()
            .to_owned()
    };
    let group = group_of(session, &owner, "net")["name"].clone();
    assert_eq!(whose("net"), serde_json::json!([group]), "{rows}");
    assert!(
        line("net").contains(&format!("shared with {}", group.as_str().unwrap())),
        "{text}"
    );
    assert!(!line("net").contains("its own"), "{text}");
    if session.is_root() {
        assert_eq!(whose("uts"), serde_json::json!([]), "{rows}");
        assert!(line("uts").contains("its own"), "{text}");
    } else {
        // Another user may have a process there.
        assert_eq!(whose("uts"), Value::Null, "{rows}");
        assert!(line("uts").contains("may be shared"), "{text}");
    }
    let lines = session
        .nsx(&format!("ls --json-lines {}", second.id()))
        .output();
    let lines: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(Value::from(lines), rows);
}

fn a_user_under_another_root_is_a_number(session: &Session) {
    // A user with an account on the host runs under the host's root directory, and under another.
    let passwd = fs::read_to_string("/etc/passwd").unwrap();
    let (name, uid) = passwd
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>())
        .find(|fields| fields[2] != "0")
        .map(|fields| (fields[0].to_owned(), fields[2].parse::<u32>().unwrap()))
        .unwrap();
    let root = session.path("root");
    let script = format!(
        "mkdir $1; mount -t tmpfs none $1; cp /bin/busybox $1; exec chroot --userspec={uid}:{uid} \
        $1 /busybox sleep 100"
    );
    let inside = session
        .original_unshare("--uts --mount sh -c")
        .arg(script)
        .arg("sh")
        .arg(&root)
        .start();
    let inside = inside.program("busybox");
    let beside = format!("unshare --uts --mount setpriv --reuid={uid} --clear-groups sleep 100");
    let beside = session.command(&beside).start();
    let beside = beside.program("sleep");
    for (process, user) in [(&inside, Value::Null), (&beside, Value::from(name))] {
        let row = json(
            session,
            &format!("ls -q --json -t uts -Q PID=={}", process.id()),
        )["namespaces"][0]
            .clone();
        assert_eq!((&row["user"], &row["uid"]), (&user, &uid.into()), "{row}");
        let shown = session
            .nsx(&format!("ls -q -t uts -o user -Q PID=={}", process.id()))
            .output();
        let expected = user.as_str().map_or_else(|| uid.to_string(), str::to_owned);
        assert_eq!(shown.lines().last().unwrap().trim(), expected);
    }
}

fn kernel_threads_are_in_no_group(session: &Session) {
    let is_kernels = |id: &u32| procfs::stat(*id).is_some_and(|stat| stat.parent == KTHREADD);
    let own = procfs::ns("self", "mnt");
    let apart = |id: &u32| {
        fs::read_link(format!("/proc/{id}/ns/mnt")).is_ok_and(|ns| ns.to_str() != Some(&own))
    };
    let groups = json(session, "ls -q --groups --json")["groups"].clone();
    let listed = json(session, "ls -q --all --json")["namespaces"].clone();
    for id in procfs::processes().filter(is_kernels) {
        let named = id.to_string();
        assert!(
            groups
                .as_array()
                .unwrap()
                .iter()
                .all(|group| group["name"] != *named),
            "{groups}"
        );
        if apart(&id) {
            assert!(
                listed
                    .as_array()
                    .unwrap()
                    .iter()
                    .any(|row| row["pid"] == id),
                "{listed}"
            );
        }
    }
}

fn a_remedy_leaves_nothing_behind(session: &Session) {
    // In the caller's mount namespace, and in another one.
    let script = "touch pin; unshare --uts=pin true; ns=$(stat -c %i pin)
        nsx ls -q --json --why ./pin >why; sh -c \"$(grep -A1 '\"remedies\"' why | sed -n 's/^ \
    *\"\\(.*\\)\"$/\\1/p')\"
        [ ! -e pin ]; nsx ls -q --why uts:[$ns] 2>&1 || echo gone";
    let output = session
        .original_unshare("--mount sh -ec")
        .arg(script)
        .output();
    assert!(output.ends_with("gone"), "{output}");
    let name = "it's a pin";
    let script = format!(
        "touch \"{name}\"; unshare --uts=\"./{name}\" true; stat -c %i \"{name}\"; exec sleep 100"
    );
    let keeper = session
        .original_unshare("--mount sh -ec")
        .arg(script)
        .start();
    let sleep = keeper.program("sleep");
    let ns = format!("uts:[{}]", keeper.line());
    let document = json(session, &format!("ls -q --json --why {ns}"));
    // Another lister may have it open at this moment.
    let holders = document["holders"].as_array().unwrap();
    let holder = holders
        .iter()
        .find(|holder| holder["holder"] == "mount")
        .unwrap_or_else(|| panic!("{document}"));
    assert_eq!(holder["process"]["pid"], sleep.id(), "{holder}");
    let text = session.nsx(&format!("ls -q --why {ns}")).output();
    let row = text
        .lines()
        .find(|line| line.starts_with("mount "))
        .unwrap();
    assert!(
        row.contains(&sleep.id().to_string())
            && row.contains(" root ")
            && row.ends_with("sleep 100"),
        "{text}"
    );
    let remedy = document["remedies"][0].as_str().unwrap();
    session.shell(remedy).run().exited(0);
    assert!(!session.path(name).exists());
    session.nsx(&format!("ls -q --why {ns}")).run().exited(1);
}

fn each_namespace_of_a_process_is_explained(session: &Session) {
    let (_unshare, sleep) = boxed(session);
    let id = sleep.id();
    let expected: BTreeSet<String> = procfs::KINDS
        .into_iter()
        .filter(|kind| procfs::ns(id, kind) != procfs::ns("self", kind))
        .map(|kind| procfs::ns(id, kind))
        .collect();
    let document = json(session, &format!("ls -q --why {id} --json"));
    let told: BTreeSet<String> = document["namespaces"]
        .as_array()
        .unwrap()
        .iter()
        .map(named)
        .collect();
    assert_eq!(told, expected);
    assert_eq!(
        document["hosts"].as_array().unwrap().len(),
        procfs::KINDS.len() - expected.len()
    );
    let text = session.nsx(&format!("ls -q --why {id}")).output();
    for ns in &expected {
        assert!(
            text.lines().any(|line| line.starts_with(ns)),
            "{ns}: {text}"
        );
    }
    let lines = session
        .nsx(&format!("ls -q --why {id} --json-lines"))
        .output();
    let lines: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(
        lines
            .iter()
            .map(|line| named(&line["held"]))
            .collect::<BTreeSet<_>>(),
        expected
    );
    let is_sleep = |line: &&Value| line["holder"] == "process" && line["process"]["pid"] == id;
    assert_eq!(lines.iter().filter(is_sleep).count(), expected.len());
}
