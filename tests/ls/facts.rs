//! Facts of `nsx ls`: the leader of a namespace, unknown values, and shared namespaces.

use crate::support::{
    Need, Process, Session, Test, both, ordinary,
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
        root(hidden_values_are_unknown_and_not_zero),
        root(a_sentence_names_what_was_not_seen),
        root(processes_that_proc_hides_are_not_counted_as_absent),
        root(unreadable_processes_are_named_if_they_matter).needs([Need::Tool("pgrep")]),
        ordinary(unknown_numbers_stay_unknown_in_a_saved_census),
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

fn json(session: &Session, words: &str) -> Value {
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

fn namespaces(group: &Value) -> BTreeSet<String> {
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

fn named(row: &Value) -> String {
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
fn alone(session: &Session, script: &str) -> String {
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

/// Words that run a command as the ordinary user.
const AS_USER: &str = "setpriv --reuid=4242 --regid=4242 --clear-groups";

/// Runs a script while four processes of root are in the network namespace that /run/netns/blue
/// holds. Returns the first line, which is the number of that namespace, and the output of the
/// script.
#[track_caller]
fn with_blue(session: &Session, script: &str) -> (String, String) {
    let script = format!(
        "mount -t tmpfs none /run; mkdir /run/netns; touch /run/netns/blue; unshare \
        --net=/run/netns/blue true
        for number in 1 2 3 4; do
            nsenter --net=/run/netns/blue sh -c 'echo >/run/in.$$; exec sleep 100' & pids=\"$pids \
        $!\"
        done
        until [ $(ls /run/in.* 2>/dev/null | wc -l) = 4 ]; do sleep 0.05; done
        stat -c %i /run/netns/blue; ns=$(stat -c %i /run/netns/blue)
        {script}
        kill $pids; wait"
    );
    let outcome = session
        .original_unshare("--mount sh -c")
        .arg(script)
        .run()
        .exited(0);
    let (number, rest) = outcome.text().split_once('\n').unwrap();
    (number.to_owned(), rest.to_owned())
}

fn hidden_values_are_unknown_and_not_zero(session: &Session) {
    let script = format!(
        "nsx ls -q -t net --json-lines -o ns,nprocs,seen,pid -Q \"NS == $ns\"
        {AS_USER} nsx ls -q -t net --json-lines -o ns,nprocs,seen,pid -Q \"NS == $ns\"
        {AS_USER} nsx ls -q -t net -o ns,nprocs,pid,user -Q \"NS == $ns\" | tail -n 1
        {AS_USER} nsx ls -q --groups | grep netns:blue
        for filter in 'NPROCS == 0' 'NPROCS > 0' '!(NPROCS == 4)' 'PID == 1'; do
            {AS_USER} nsx ls -t net --json -Q \"NS == $ns && $filter\" 2>&1 | tr '\\n' ' '; echo
        done
        {AS_USER} nsx ls -q -t net --json-lines -o ns -Q \"NS == $ns && (NPROCS == 0 || NSFS =~ \
        'blue')\""
    );
    let (ns, output) = with_blue(session, &script);
    let lines: Vec<&str> = output.lines().collect();
    let row = |line: &str| serde_json::from_str::<Value>(line).unwrap();
    assert_eq!(
        (&row(lines[0])["nprocs"], &row(lines[0])["seen"]),
        (&4.into(), &4.into()),
        "{output}"
    );
    let unseen = row(lines[1]);
    assert_eq!(
        (&unseen["nprocs"], &unseen["seen"], &unseen["pid"]),
        (&Value::Null, &0.into(), &Value::Null)
    );
    assert_eq!(
        lines[2].split_whitespace().collect::<Vec<_>>(),
        [&ns, "?", "?", "?"]
    );
    assert_eq!(
        lines[3].split_whitespace().collect::<Vec<_>>(),
        ["netns:blue", "net", "?", "?", "?", "?"]
    );
    for line in &lines[4..8] {
        assert!(
            line.contains("\"namespaces\": []") && line.contains("\"undecided\": 1"),
            "{line}"
        );
        assert!(
            line.contains("1 row is left out: the filter depends on what could not be seen of it"),
            "{line}"
        );
    }
    // The value that decides is known.
    assert_eq!(row(lines[8])["ns"].to_string(), ns);
}

fn a_sentence_names_what_was_not_seen(session: &Session) {
    let script =
        format!("{AS_USER} nsx ls -q --why net:[$ns]; {AS_USER} nsx ls -q --json --why net:[$ns]");
    let (_, output) = with_blue(session, &script);
    let (text, document) = output.split_at(output.find("\n{").unwrap());
    assert!(
        text.contains("As far as can be seen, it dies when /run/netns/blue is unmounted"),
        "{text}"
    );
    assert!(!text.contains("\nIt dies"), "{text}");
    assert!(
        text.contains("processes, which may be in it or hold it"),
        "{text}"
    );
    let document: Value = serde_json::from_str(document).unwrap();
    assert_eq!(document["certain"], false, "{document}");
}

fn processes_that_proc_hides_are_not_counted_as_absent(session: &Session) {
    // A process outside of the PID namespace shares the network.
    let script = "sleep 1001 & unshare --pid --fork --kill-child --mount-proc sh -ec '
        nsx ls -q --json-lines -o type,nprocs,seen -p $$; nsx ls -q --why /proc/self/ns/net'; kill \
    $!; wait";
    let output = session.original_unshare("--net sh -c").arg(script).output();
    let (rows, why) = output.split_at(output.find("\nnet:[").unwrap());
    for line in rows.lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        // Every process in the PID namespace is listed.
        assert_eq!(row["nprocs"].is_null(), row["type"] != "pid", "{row}");
        assert!(row["seen"].as_u64().unwrap() > 0, "{row}");
    }
    assert!(
        why.contains("As far as can be seen") && why.contains("/proc does not list"),
        "{why}"
    );
}

fn unreadable_processes_are_named_if_they_matter(session: &Session) {
    // Of root's processes only PID 1 exists.
    let script = "
        setpriv --reuid=4242 --regid=4242 --clear-groups sh -ec '
            unshare -r --pid --fork --kill-child sleep 1001 &
            until child=$(pgrep -x sleep) && [ $(grep -c ^NSpid /proc/$child/status) = 1 ] &&
                ns=$(stat -Lc %i /proc/$child/ns/pid) && [ $ns != $(stat -Lc %i /proc/self/ns/pid) \
    ]; do :; done
            echo named; nsx ls -t net 2>&1 >/dev/null
            echo quiet; nsx ls -t pid -Q \"NS == $ns\" 2>&1 >/dev/null
            echo count; nsx ls -q -t pid --json-lines -o nprocs -Q \"NS == $ns\"
            kill %1' || true";
    let output = alone(session, script);
    let lines: Vec<&str> = output.lines().collect();
    assert_eq!(lines[0], "named");
    assert!(
        lines[1].starts_with("nsx: note: process 1 (sh) could not be read: permission denied"),
        "{output}"
    );
    assert_eq!(lines[2..], ["quiet", "count", "{\"nprocs\":1}"], "{output}");
}

fn unknown_numbers_stay_unknown_in_a_saved_census(session: &Session) {
    let unshare = session.original_unshare("--uts sleep 100").start();
    let sleep = unshare.program("sleep");
    let file = session.path("census.json");
    session.nsx("ls -q --save").arg(&file).run().exited(0);
    let words = format!("ls -q --json -t uts -Q PID=={} --from", sleep.id());
    let output = session.nsx(&words).arg(&file).output();
    let row = serde_json::from_str::<Value>(&output).unwrap()["namespaces"][0].clone();
    assert_eq!(
        (&row["nprocs"], &row["seen"]),
        (&Value::Null, &1.into()),
        "{row}"
    );
    // A value that one of the two did not see does not count as a difference.
    session
        .nsx("ls --diff")
        .arg(&file)
        .arg("--from")
        .arg(&file)
        .run()
        .exited(1);
    let now = session.nsx("ls -q --json --diff").arg(&file).run();
    let now: Value = serde_json::from_slice(&now.stdout).unwrap();
    let is_own = |row: &&Value| named(&row["before"]) == procfs::ns(sleep.id(), "uts");
    assert!(
        !now["changed"]
            .as_array()
            .unwrap()
            .iter()
            .any(|row| is_own(&row)),
        "{now}"
    );
    let filter = format!("PID=={} && NPROCS == 1", sleep.id());
    let outcome = session
        .nsx("ls -t uts -Q")
        .arg(filter)
        .arg("--from")
        .arg(&file)
        .run()
        .exited(1);
    outcome.says(&["1 row is left out"]);
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
