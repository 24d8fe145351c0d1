//! `nsx mounts`: mounts as `findmnt` shows them inside, what differs, and what keeps one busy.

use crate::support::{Need, Process, Session, Test, both, hang, procfs, root, schema, until};
use rustix::process::Signal;
use serde_json::Value;
use std::time::Duration;

pub(crate) fn tests() -> Vec<Test> {
    vec![
        both(mounts_agree_with_findmnt_inside).needs([Need::Tool("findmnt")]),
        both(two_targets_differ_in_what_one_mounted),
        both(a_busy_mount_names_processes_and_other_namespaces),
        both(a_shared_mount_names_the_namespace_it_is_shared_with),
        both(a_hostile_mount_point_is_escaped),
        both(a_mount_namespace_without_processes_is_read),
        root(a_hung_file_system_stalls_nothing).needs([Need::Fuse]),
        both(mounts_that_come_go_and_change_are_reported),
        both(documents_fit_the_schema),
        both(what_is_not_a_mount_is_refused),
    ]
    .into_iter()
    .map(|test| test.needs([Need::Namespaces]))
    .collect()
}

/// Runs a script in a new mount namespace. It ends as `sleep`.
fn private(session: &Session, script: &str) -> Process {
    session.namespaces("--mount", script)
}

fn json(session: &Session, words: &str) -> Value {
    let output = session.nsx(&format!("mounts -q --json {words}")).output();
    serde_json::from_str(&output).unwrap()
}

fn mounts_agree_with_findmnt_inside(session: &Session) {
    let process = private(
        session,
        "mkdir 'a b' c; mount -t tmpfs 'x y' 'a b'; mkdir 'a b/d'; mount --bind 'a b/d' c",
    );
    let id = process.id();
    let user = session.enter_user();
    let columns = "TARGET,SOURCE,FSTYPE,VFS-OPTIONS,ID,PARENT,MAJ:MIN,FSROOT";
    let theirs = session
        .command(&format!(
            "nsenter --target {id} {user}--mount findmnt --json --list --nofsroot -o {columns}"
        ))
        .output();
    let theirs: Value = serde_json::from_str(&theirs).unwrap();
    let ours = json(session, &id.to_string());
    let key = |mount: &Value| mount["id"].as_u64().unwrap();
    let sorted = |list: &Value| {
        let mut list = list.as_array().unwrap().clone();
        list.sort_by_key(key);
        list
    };
    let (ours, theirs) = (sorted(&ours["mounts"]), sorted(&theirs["filesystems"]));
    assert_eq!(ours.len(), theirs.len());
    assert!(ours.iter().any(|mount| mount["source"] == "x y"));
    for (ours, theirs) in ours.iter().zip(&theirs) {
        for (own, other) in [
            ("mount", "target"),
            ("type", "fstype"),
            ("options", "vfs-options"),
            ("id", "id"),
            ("parent", "parent"),
            ("device", "maj:min"),
            ("root", "fsroot"),
        ] {
            assert_eq!(ours[own], theirs[other], "{ours} {theirs}");
        }
    }
}

fn two_targets_differ_in_what_one_mounted(session: &Session) {
    let [one, other] = [
        private(session, "mkdir x; mount -t tmpfs first x"),
        private(session, "mount -t tmpfs -o nosuid second x"),
    ];
    let differences = json(session, &format!("{} {}", one.id(), other.id()));
    let differences = differences["differences"].as_array().unwrap();
    assert_eq!(differences.len(), 1, "{differences:?}");
    assert_eq!(differences[0]["mount"], session.path("x").to_str().unwrap());
    let sides = ["first", "second"].map(|side| &differences[0][side]);
    assert_eq!(sides.map(|side| &side["source"]), ["first", "second"]);
    let options = sides[1]["options"].as_str().unwrap();
    assert!(options.contains("nosuid"), "{options}");
    let same = session.nsx(&format!("mounts -q {0} {0}", one.id())).run();
    assert_eq!(same.exited(1).text(), "");
}

fn a_busy_mount_names_processes_and_other_namespaces(session: &Session) {
    let process = private(
        session,
        "mkdir x; mount -t tmpfs t x; mkdir x/y; mount -t tmpfs t x/y
        unshare --mount sh -c 'echo ready; exec sleep 100' > child &
        until grep -q ready child; do sleep 0.01; done
        echo $! > pid; cd x; exec 9<.",
    );
    let child = std::fs::read_to_string(session.path("pid")).unwrap();
    let (id, path) = (process.id(), session.path("x").display().to_string());
    let document = json(session, &format!("{id} --why {path}"));
    let holders = document["holders"].as_array().unwrap();
    let of = |kind: &str| {
        let found = holders.iter().filter(|holder| holder["holder"] == kind);
        found.collect::<Vec<_>>()
    };
    assert_eq!(of("mount below")[0]["at"], format!("{path}/y"));
    let [process] = of("process")[..] else {
        panic!("{holders:?}");
    };
    assert_eq!(process["name"], id);
    assert_eq!(
        process["at"],
        serde_json::json!(["working directory", "descriptor 9"])
    );
    let [mount] = of("mount")[..] else {
        panic!("{holders:?}");
    };
    assert_eq!(mount["name"], child.trim());
    assert_eq!(mount["at"], path);
}

fn a_shared_mount_names_the_namespace_it_is_shared_with(session: &Session) {
    let process = private(
        session,
        "mkdir x; mount -t tmpfs t x; mount --make-shared x
        unshare --mount --propagation unchanged sh -c 'echo ready; exec sleep 100' > child &
        until grep -q ready child; do sleep 0.01; done
        echo $! > pid",
    );
    let child = std::fs::read_to_string(session.path("pid")).unwrap();
    let document = json(session, &process.id().to_string());
    let mounts = document["mounts"].as_array().unwrap();
    let path = session.path("x").display().to_string();
    let mount = mounts.iter().find(|mount| mount["mount"] == path).unwrap();
    let words = mount["propagation"].as_str().unwrap();
    let expected = format!("shared with {}", child.trim());
    assert!(words.starts_with(&expected), "{words}");
}

fn a_hostile_mount_point_is_escaped(session: &Session) {
    let process = private(
        session,
        "name=$(printf 'a\\377\\033[2J'); mkdir \"$name\"; mount -t tmpfs t \"$name\"",
    );
    let table = session.nsx(&format!("mounts -q {}", process.id())).output();
    assert!(
        table.contains("a\\xff\\x1b[2J") && !table.contains('\x1b'),
        "{table}"
    );
}

fn a_mount_namespace_without_processes_is_read(session: &Session) {
    // Propagation within the pin's own mount namespace would make a circle. The kernel also takes a
    // namespace with a lower id for a circle, and each processor has its own batch of ids.
    let process = private(
        session,
        "mkdir x; mount -t tmpfs t x; touch x/pin; mount --make-private x
        until test -e bound; do
            unshare --mount sh -ec 'mkdir -p inside; mount -t tmpfs only-inside inside; touch ready; \
            exec sleep 100' &
            until test -e ready; do sleep 0.01; done
            if mount --bind /proc/$!/ns/mnt x/pin 2>/dev/null; then touch bound; fi
            kill $!; rm ready
        done",
    );
    let pin = format!(
        "/proc/{}/root{}",
        process.id(),
        session.path("x/pin").display()
    );
    let document = json(session, &pin);
    let mounts = document["mounts"].as_array().unwrap();
    assert!(
        mounts.iter().any(|mount| mount["source"] == "only-inside"),
        "{document}"
    );
}

fn a_hung_file_system_stalls_nothing(session: &Session) {
    let server = session
        .command("unshare --mount --propagation private sh -ec")
        .arg("mkdir dir; exec \"$0\" \"$@\"")
        .arg(std::env::current_exe().unwrap())
        .arg(hang::OPTION)
        .arg(session.path("dir"))
        .start();
    until("the mount hangs", || server.stdout().ends_with(b"hung\n"));
    let (id, path) = (server.id(), session.path("dir").display().to_string());
    for words in [
        id.to_string(),
        format!("{id} {}", std::process::id()),
        format!("{id} --why {path}"),
    ] {
        let process = session.nsx(&format!("mounts -q {words}")).start();
        let outcome = process.wait_for(Duration::from_secs(15));
        assert!(
            outcome.text().contains("fuse") || words.contains("why"),
            "{}",
            outcome.text()
        );
    }
}

fn documents_fit_the_schema(session: &Session) {
    let process = private(session, "mkdir x; mount -t tmpfs t x; cd x");
    let id = process.id();
    for (part, words) in [
        ("mounts", id.to_string()),
        ("mounts", format!("{id} -o mount")),
        ("mounts", format!("{id} -Q ID==0")),
        ("comparison", format!("{id} {id}")),
        ("why", format!("{id} --why {}", session.path("x").display())),
    ] {
        let output = session
            .nsx(&format!("mounts -q --json {words}"))
            .run()
            .stdout;
        let document: Value = serde_json::from_slice(&output).unwrap();
        schema::assert_fit(&[document], &format!("mounts.json#/$defs/{part}"));
    }
    let other = private(session, "mkdir y; mount -t tmpfs t y");
    let why = format!("{id} --why {}", session.path("x").display());
    for (part, words) in [
        ("mount", id.to_string()),
        ("mount", format!("{id} -o mount")),
        ("difference", format!("{id} {}", other.id())),
        ("holder", why),
    ] {
        let rows = session.nsx(&format!("mounts -q --json-lines {words}"));
        schema::assert_lines_fit(&rows.output(), &format!("mounts.json#/$defs/{part}"));
    }
}

fn mounts_that_come_go_and_change_are_reported(session: &Session) {
    let process = private(session, "mkdir x");
    let id = process.id();
    let user = session.enter_user();
    let point = session.path("x");
    let point = point.to_str().unwrap();
    let watch = session
        .nsx(&format!("mounts --watch --json-lines {id}"))
        .start();
    let text = session.nsx(&format!("mounts --watch {id}")).start();
    let polls = |watch: &Process| {
        let call = std::fs::read_to_string(format!("/proc/{}/syscall", watch.id())).unwrap();
        call.starts_with(&format!("{} ", libc::SYS_ppoll))
    };
    until("both have read the list", || polls(&watch) && polls(&text));
    let steps = [
        ("mount -t tmpfs second", "mounted"),
        ("mount -o remount,bind,ro", "changed"),
        ("mount --make-unbindable", "changed"),
        ("umount", "unmounted"),
    ];
    for (index, (step, event)) in steps.iter().enumerate() {
        let enter = format!("nsenter --target {id} {user}--mount {step}");
        session.command(&enter).arg(point).run().exited(0);
        until(step, || events(&watch).len() > index);
        let seen = events(&watch);
        let last = seen.last().unwrap();
        assert_eq!(seen.len(), index + 1, "{seen:?}");
        assert_eq!(
            (&last["event"], &last["mount"], &last["source"]),
            (&(*event).into(), &point.into(), &"second".into())
        );
        until("the line", || {
            text.stdout().iter().filter(|byte| **byte == b'\n').count() > index
        });
    }
    let seen = events(&watch);
    schema::assert_fit(&seen, "mounts.json#/$defs/event");
    let options = |mount: &Value| mount["options"].as_str().unwrap().to_owned();
    assert!(options(&seen[1]["before"]).starts_with("rw"));
    assert!(options(&seen[1]).starts_with("ro"));
    assert_eq!(
        [&seen[2]["before"]["unbindable"], &seen[2]["unbindable"]],
        [false, true]
    );
    process.signal(Signal::KILL);
    process.wait();
    watch.wait().exited(0);
    let lines = text.wait().exited(0);
    let words: Vec<_> = (lines.text().lines())
        .filter_map(|line| line.split_once(' '))
        .map(|(what, _)| what)
        .collect();
    assert_eq!(words, steps.map(|(_, event)| event));
}

/// Returns the events that a watcher has printed.
fn events(watch: &Process) -> Vec<Value> {
    let text = String::from_utf8(watch.stdout()).unwrap();
    let whole = text
        .split_inclusive('\n')
        .filter(|line| line.ends_with('\n'));
    whole
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn what_is_not_a_mount_is_refused(session: &Session) {
    let uts = procfs::ns(std::process::id(), "uts");
    let refused = session.nsx(&format!("mounts {uts}")).run();
    refused.exited(2).says(&["is not a mount namespace"]);
    let own = procfs::ns(std::process::id(), "mnt");
    let refused = session.nsx(&format!("mounts --watch {own}")).run();
    refused.exited(2).says(&["follows the mounts of a process"]);
    let refused = session.nsx("mounts --why /no/such/mount").run();
    refused.exited(1).says(&["is not a mount point"]);
    session
        .nsx("mounts 1 2 -o id")
        .run()
        .exited(2)
        .says(&["comparison"]);
}
