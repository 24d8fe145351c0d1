//! `nsx ls --save`, `--from` and `--diff`: a census in a file.

use crate::{
    ls_views::row,
    support::{
        Need, Session, Test, both,
        procfs::{self, Pinned},
        root, until,
    },
};
use rustix::process::Signal;
use serde_json::Value;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        both(what_was_saved_is_shown_again_and_compared),
        both(what_nsx_did_not_save_is_refused),
        both(a_link_is_followed_and_a_file_keeps_its_mode),
        both(what_is_no_file_is_written_to),
        both(a_stream_is_as_good_as_a_file),
        root(a_device_stays_and_its_refusal_is_told),
    ]
    .into_iter()
    .map(|test| test.needs([Need::Namespaces]))
    .collect()
}

fn what_was_saved_is_shown_again_and_compared(session: &Session) {
    let file = session.path("census.json");
    let before = session.original_unshare("--user --uts sleep 100").start();
    let kept = before.program("sleep");
    session.nsx("ls -q --save").arg(&file).run().exited(0);
    assert!(
        !std::fs::read_dir(session.directory())
            .unwrap()
            .any(|entry| { entry.unwrap().file_name().to_string_lossy().starts_with("census.json.") })
    );
    let later = session.original_unshare("--user --uts sleep 100").start();
    let created = later.program("sleep");

    let shown = session.nsx("ls -q --json --from").arg(&file).output();
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(row(&shown["namespaces"], &kept, "uts")["nprocs"], 1);
    let text = session.nsx("ls -q --tree --from").arg(&file).arg("-Q").arg(format!("PID == {}", kept.id())).output();
    assert!(text.contains("└─"), "{text}");
    session.nsx("ls --tree=process --from").arg(&file).run().exited(2).says(&["does not say which process made which"]);

    let diff = session.nsx("ls -q --json --diff").arg(&file).output();
    let diff: Value = serde_json::from_str(&diff).unwrap();
    assert_eq!(row(&diff["created"], &created, "uts")["nprocs"], 1);
    let is = |row: &Value, process: &Pinned| format!("uts:[{}]", row["ns"]) == procfs::ns(process.id(), "uts");
    assert!(!diff["created"].as_array().unwrap().iter().any(|row| is(row, &kept)), "{diff}");
    assert!(!diff["destroyed"].as_array().unwrap().iter().any(|row| is(row, &kept)), "{diff}");
    // Nothing has changed between a census and itself.
    session.nsx("ls --diff").arg(&file).arg("--from").arg(&file).run().exited(1);

    let inode = row(&shown["namespaces"], &kept, "uts")["ns"].clone();
    before.signal(Signal::KILL);
    before.wait();
    until("its namespaces to go", || {
        let diff = session.nsx("ls -q --json --diff").arg(&file).output();
        let diff: Value = serde_json::from_str(&diff).unwrap();
        diff["destroyed"].as_array().unwrap().iter().any(|row| row["ns"] == inode)
    });
}

fn what_nsx_did_not_save_is_refused(session: &Session) {
    let file = session.path("census.json");
    session.nsx("ls -q --save").arg(&file).run().exited(0);
    let whole = std::fs::read_to_string(&file).unwrap();
    let refused = |text: &str, says: &str| {
        let other = session.path("other.json");
        std::fs::write(&other, text).unwrap();
        for option in ["--from", "--diff"] {
            let outcome = session.nsx("ls").arg(option).arg(&other).run().exited(2);
            outcome.says(&["is no census that nsx saved", says]);
        }
    };
    refused(&whole[..whole.len() / 2], "not all of it");
    refused("[1, 2]", "something else");
    refused(&whole.replace("\"version\": 1", "\"version\": 7"), "version 7");
    refused(&whole.replace("\"type\": \"user\"", "\"type\": \"nosuch\""), "has no type");
    let fifo = session.path("fifo");
    session.command("mkfifo").arg(&fifo).run().exited(0);
    session.nsx("ls --from").arg(&fifo).run().exited(2).says(&["it is no regular file"]);
    session.nsx("ls --from").arg(session.path("nosuch")).run().exited(2).says(&["No such file or directory"]);
    session.nsx("ls --save").arg(session.path("nosuch/file")).run().exited(2).says(&["failed to write"]);
}

/// That a text is a census, whole.
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
    // In one step: whoever had the old one open has it still.
    assert_eq!(std::io::read_to_string(reader).unwrap(), "old");
    assert!(link.is_symlink());
    let lost = session.path("lost.json");
    std::os::unix::fs::symlink("lost.json", &lost).unwrap();
    session.nsx("ls -q --save").arg(&lost).run().exited(2).says(&["Too many levels of symbolic links"]);
}

fn what_is_no_file_is_written_to(session: &Session) {
    let script = "mkfifo fifo && { cat fifo >copy & } && nsx ls -q --save fifo && wait";
    session.shell(script).run().exited(0);
    assert_census(&std::fs::read(session.path("copy")).unwrap());
    assert!(std::fs::symlink_metadata(session.path("fifo")).unwrap().file_type().is_fifo());
    let directory = session.path("directory");
    std::fs::create_dir(&directory).unwrap();
    session.nsx("ls -q --save").arg(&directory).run().exited(2).says(&["Is a directory"]);
    // What is open is written to, not put in the place of another file.
    // A link of our own as /dev/stdout is one: never the host's.
    std::os::unix::fs::symlink("/proc/self/fd/1", session.path("stdout")).unwrap();
    for name in ["stdout", "/proc/self/fd/3", "/dev/fd/3"] {
        let script = format!("{{ echo first; nsx ls -q --save {name} 3>&1; echo last; }} >all");
        session.shell(&script).run().exited(0);
        let all = std::fs::read_to_string(session.path("all")).unwrap();
        let census = all.strip_prefix("first\n").and_then(|rest| rest.strip_suffix("last\n"));
        assert_census(census.unwrap_or_else(|| panic!("{name}: {all}")).as_bytes());
    }
    assert_census(session.shell("nsx ls -q --save stdout | cat").output().as_bytes());
    session.nsx("ls -q --save /proc/self/fd/99").run().exited(2).says(&["failed to write /proc/self/fd/99"]);
}

fn a_stream_is_as_good_as_a_file(session: &Session) {
    let uts = procfs::ns("self", "uts");
    let inode = uts.trim_start_matches("uts:[").trim_end_matches(']');
    let script = format!("nsx ls -q --save - | nsx ls -q --from - -o ns -Q NS=={inode}");
    assert_eq!(session.shell(&script).output(), format!("NS\n{inode}"));
    session.shell("nsx ls -q --save - >census && nsx ls --diff - --from census <census").run().exited(1);
    session.shell("nsx ls -q --save - >/dev/full").run().exited(2).says(&["standard output: No space left on device"]);
    session.shell("echo | nsx ls --from -").run().exited(2).says(&["standard input is no census that nsx saved"]);
    assert!(!session.path("-").exists());
}

fn a_device_stays_and_its_refusal_is_told(session: &Session) {
    // Never the host's own.
    session.command("mknod full c 1 7").run().exited(0);
    session.nsx("ls -q --save full").run().exited(2).says(&["failed to write full: No space left on device"]);
    assert!(std::fs::symlink_metadata(session.path("full")).unwrap().file_type().is_char_device());
}
