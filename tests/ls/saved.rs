//! `nsx ls --save` and `--from`: a census in a file.

use crate::support::{
    Need, Session, Test, both,
    procfs::{self, Pinned},
    root,
};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        both(a_file_that_nsx_did_not_save_is_refused),
        both(a_link_is_followed_and_a_file_keeps_its_mode),
        both(a_census_is_saved_to_a_fifo_and_not_to_a_directory),
        both(a_census_is_read_from_a_stream_too),
        root(a_device_stays_and_its_failure_is_reported),
        both(a_saved_census_has_processes_groups_and_holders),
        root(a_user_without_a_name_is_a_number_only_in_a_table),
    ]
    .into_iter()
    .map(|test| test.needs([Need::Namespaces]))
    .collect()
}

/// Returns whether the UTS namespace of a process is among `rows`.
pub(super) fn has(rows: &Value, process: &Pinned) -> bool {
    rows.as_array()
        .unwrap()
        .iter()
        .any(|row| format!("uts:[{}]", row["ns"]) == procfs::ns(process.id(), "uts"))
}

fn a_file_that_nsx_did_not_save_is_refused(session: &Session) {
    let file = session.path("census.json");
    session.nsx("ls -q --save").arg(&file).run().exited(0);
    let whole = std::fs::read_to_string(&file).unwrap();
    let refused = |text: &str, says: &str| {
        let other = session.path("other.json");
        std::fs::write(&other, text).unwrap();
        for option in ["--from", "--diff"] {
            let outcome = session.nsx("ls").arg(option).arg(&other).run().exited(2);
            outcome.says(&["is not a census that nsx saved", says]);
        }
    };
    refused(&whole[..whole.len() / 2], "not all of it");
    refused("[1, 2]", "something else");
    refused(
        &whole.replace("\"version\": 2", "\"version\": 7"),
        "version 7",
    );
    refused(
        &whole.replace("\"type\": \"user\"", "\"type\": \"nosuch\""),
        "has no type",
    );
    let fifo = session.path("fifo");
    session.command("mkfifo").arg(&fifo).run().exited(0);
    session
        .nsx("ls --from")
        .arg(&fifo)
        .run()
        .exited(2)
        .says(&["it is not a regular file"]);
    session
        .nsx("ls --from")
        .arg(session.path("nosuch"))
        .run()
        .exited(2)
        .says(&["No such file or directory"]);
    session
        .nsx("ls --save")
        .arg(session.path("nosuch/file"))
        .run()
        .exited(2)
        .says(&["failed to write"]);
}

/// Checks that a text is a whole census.
#[track_caller]
fn assert_census(text: &[u8]) {
    let document: Value = serde_json::from_slice(text).unwrap();
    assert_eq!(document["kind"], "nsx census");
}

fn a_link_is_followed_and_a_file_keeps_its_mode(session: &Session) {
    let (file, link) = (session.path("file.json"), session.path("link.json"));
    std::os::unix::fs::symlink("file.json", &link).unwrap();
    let save = || session.nsx("ls -q --save").arg(&link).run().exited(0);
    // First made, then replaced.
    save();
    assert_census(&std::fs::read(&file).unwrap());
    let mode = || std::fs::metadata(&file).unwrap().permissions().mode() & 0o7777;
    std::fs::write(&file, "old").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o604)).unwrap();
    let reader = std::fs::File::open(&file).unwrap();
    save();
    assert_census(&std::fs::read(&file).unwrap());
    assert_eq!(mode(), 0o604);
    // Atomically: a process that has the old file open still has the old content.
    assert_eq!(std::io::read_to_string(reader).unwrap(), "old");
    assert!(link.is_symlink());
    let lost = session.path("lost.json");
    std::os::unix::fs::symlink("lost.json", &lost).unwrap();
    session
        .nsx("ls -q --save")
        .arg(&lost)
        .run()
        .exited(2)
        .says(&["Too many levels of symbolic links"]);
}

fn a_census_is_saved_to_a_fifo_and_not_to_a_directory(session: &Session) {
    let script = "mkfifo fifo && { cat fifo >copy & } && nsx ls -q --save fifo && wait";
    session.shell(script).run().exited(0);
    assert_census(&std::fs::read(session.path("copy")).unwrap());
    assert!(
        std::fs::symlink_metadata(session.path("fifo"))
            .unwrap()
            .file_type()
            .is_fifo()
    );
    let directory = session.path("directory");
    std::fs::create_dir(&directory).unwrap();
    session
        .nsx("ls -q --save")
        .arg(&directory)
        .run()
        .exited(2)
        .says(&["Is a directory"]);
    // An open file is written to and not replaced. /dev/stdout is such a link; this test uses a
    // link of its own, never the host's.
    std::os::unix::fs::symlink("/proc/self/fd/1", session.path("stdout")).unwrap();
    for name in ["stdout", "/proc/self/fd/3", "/dev/fd/3"] {
        let script = format!("{{ echo first; nsx ls -q --save {name} 3>&1; echo last; }} >all");
        session.shell(&script).run().exited(0);
        let all = std::fs::read_to_string(session.path("all")).unwrap();
        let census = all
            .strip_prefix("first\n")
            .and_then(|rest| rest.strip_suffix("last\n"));
        assert_census(census.unwrap_or_else(|| panic!("{name}: {all}")).as_bytes());
    }
    assert_census(
        session
            .shell("nsx ls -q --save stdout | cat")
            .output()
            .as_bytes(),
    );
    session
        .nsx("ls -q --save /proc/self/fd/99")
        .run()
        .exited(2)
        .says(&["failed to write /proc/self/fd/99"]);
}

fn a_census_is_read_from_a_stream_too(session: &Session) {
    let uts = procfs::ns("self", "uts");
    let inode = uts.trim_start_matches("uts:[").trim_end_matches(']');
    let script = format!("nsx ls -q --save - | nsx ls -q --from - -o ns -Q NS=={inode}");
    assert_eq!(
        session
            .shell(&script)
            .output()
            .split_whitespace()
            .collect::<Vec<_>>(),
        ["NS", inode]
    );
    session
        .shell("nsx ls -q --save - >census && nsx ls --diff - --from census <census")
        .run()
        .exited(1);
    session
        .shell("nsx ls -q --save - >/dev/full")
        .run()
        .exited(2)
        .says(&["standard output: No space left on device"]);
    session
        .shell("echo | nsx ls --from -")
        .run()
        .exited(2)
        .says(&["standard input is not a census that nsx saved"]);
    assert!(!session.path("-").exists());
}

fn a_device_stays_and_its_failure_is_reported(session: &Session) {
    // Never the host's device.
    session.command("mknod full c 1 7").run().exited(0);
    session
        .nsx("ls -q --save full")
        .run()
        .exited(2)
        .says(&["failed to write full: No space left on device"]);
    assert!(
        std::fs::symlink_metadata(session.path("full"))
            .unwrap()
            .file_type()
            .is_char_device()
    );
}

fn a_saved_census_has_processes_groups_and_holders(session: &Session) {
    let unshare = session
        .original_unshare("--uts --pid --fork --kill-child sleep 100")
        .start();
    let sleep = unshare.program("sleep");
    let id = sleep.id();
    let [uts, pid] = ["uts", "pid"].map(|kind| procfs::ns(id, kind));
    let chain: Vec<u64> = procfs::status(id, "NSpid")
        .split_whitespace()
        .map(|id| id.parse().unwrap())
        .collect();
    let waiter = unshare.id();
    session.nsx("ls -q --save census").run().exited(0);
    sleep.signal(Signal::KILL);
    unshare.wait();
    let read =
        |words: &str| -> Value { serde_json::from_str(&session.nsx(words).output()).unwrap() };
    let pids = read("ls -q --from census --pids --json");
    let row = pids["processes"]
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["pid"] == id)
        .unwrap();
    assert_eq!(
        (&row["chain"], &row["command"]),
        (&json!(chain), &json!("sleep 100")),
        "{row}"
    );
    assert_eq!(format!("pid:[{}]", row["ns"]), pid);
    let text = session
        .nsx(&format!(
            "ls -q --from census --pids -p {id} -o pid,command"
        ))
        .output();
    assert!(
        text.lines().skip(1).all(|line| line.contains("sleep 100"))
            && text.contains(&id.to_string()),
        "{text}"
    );
    for words in [format!("-p {id}"), format!("{id}")] {
        let of_it = read(&format!("ls -q --from census {words} --json"));
        let kinds = of_it["namespaces"].as_array().unwrap();
        assert!(
            kinds
                .iter()
                .any(|row| format!("uts:[{}]", row["ns"]) == uts),
            "{of_it}"
        );
        assert_eq!(kinds.len(), procfs::KINDS.len(), "{of_it}");
    }
    let why = read(&format!("ls -q --from census --why {uts} --json"));
    let holders = why["holders"].as_array().unwrap();
    for process in [id, waiter] {
        assert!(
            holders
                .iter()
                .any(|holder| holder["process"]["pid"] == process),
            "{why}"
        );
    }
    let text = session
        .nsx(&format!("ls -q --from census --why {uts}"))
        .output();
    assert!(
        text.contains("dies when") && text.contains(&format!("process {id} ends")),
        "{text}"
    );
    let groups = session.nsx("ls -q --from census --groups").output();
    assert!(
        groups
            .lines()
            .any(|line| line.contains("uts") && line.ends_with("sleep 100")),
        "{groups}"
    );
    // Each row is the same as without a file; a count is never left out.
    assert!(
        groups
            .lines()
            .any(|line| line.starts_with("host ") && line.contains(" one of each ")),
        "{groups}"
    );
    let column = groups.find("NPROCS").unwrap() + "NPROCS".len();
    assert!(
        groups.lines().all(|line| line
            .chars()
            .nth(column - 1)
            .is_some_and(|letter| letter != ' ')),
        "{groups}"
    );
    session
        .nsx("ls --from census 4194303")
        .run()
        .exited(1)
        .says(&["no process 4194303"]);
    session
        .nsx("ls --from census --why net:[7]")
        .run()
        .exited(1)
        .says(&["no namespace net:[7]"]);
    // A file of an earlier nsx has only namespaces.
    let whole: Value =
        serde_json::from_slice(&std::fs::read(session.path("census")).unwrap()).unwrap();
    let mut old = whole.clone();
    old["version"] = json!(1);
    ["processes", "groups", "held"]
        .iter()
        .for_each(|key| drop(old.as_object_mut().unwrap().remove(*key)));
    std::fs::write(session.path("old"), old.to_string()).unwrap();
    session.nsx("ls -q --from old").run().exited(0);
    session
        .nsx("ls --from old --pids")
        .run()
        .exited(2)
        .says(&["earlier nsx"]);
}

fn a_user_without_a_name_is_a_number_only_in_a_table(session: &Session) {
    session.command("getent passwd 54242").run().exited(2);
    let command = "--uts setpriv --reuid 54242 --regid 54242 --clear-groups sleep 100";
    let unshare = session.original_unshare(command).start();
    let sleep = unshare.program("sleep");
    let id = sleep.id();
    session.nsx("ls -q --save census").run().exited(0);
    let from = format!("--from census -Q PID=={id}");
    for (words, at) in [
        (format!("{id}"), ""),
        (format!("-Q PID=={id}"), "/namespaces/0"),
        (from.clone(), "/namespaces/0"),
        (format!("--pids --all -Q PID=={id}"), "/processes/0"),
        (
            format!("--pids --all -Q PID=={id} -o user,uid"),
            "/processes/0",
        ),
    ] {
        let output = session.nsx(&format!("ls -q --json {words}")).output();
        let document: Value = serde_json::from_str(&output).unwrap();
        let row = document.pointer(at).unwrap();
        assert_eq!(
            (&row["user"], &row["uid"]),
            (&Value::Null, &json!(54242)),
            "{words}: {document}"
        );
    }
    for words in [
        format!("-Q PID=={id}"),
        from,
        format!("--pids --all -Q PID=={id}"),
    ] {
        let table = session.nsx(&format!("ls -q {words} -o user")).output();
        assert_eq!(
            table.split_whitespace().collect::<Vec<_>>(),
            ["USER", "54242"],
            "{words}"
        );
    }
}
