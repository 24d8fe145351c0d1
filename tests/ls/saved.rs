//! `nsx ls --save`, `--from` and `--diff`: a census in a file.

use crate::{
    ls::views::row,
    support::{
        Need, Session, Test, both,
        procfs::{self, Pinned},
        root, until,
    },
};
use rustix::{process::Signal, thread::CpuSet};
use serde_json::{Value, json};
use std::os::unix::{
    ffi::OsStrExt,
    fs::{FileTypeExt, PermissionsExt},
};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        both(a_saved_census_is_shown_again_and_compared),
        both(a_file_that_nsx_did_not_save_is_refused),
        both(a_link_is_followed_and_a_file_keeps_its_mode),
        both(a_census_is_saved_to_a_fifo_and_not_to_a_directory),
        both(a_census_is_read_from_a_stream_too),
        root(a_device_stays_and_its_failure_is_reported),
        root(hidden_namespaces_are_neither_created_nor_destroyed),
        root(a_namespace_that_comes_into_view_may_be_older).needs([Need::Tool("taskset")]),
        both(names_that_are_not_utf8_do_not_count_as_changed),
        both(changes_are_printed_one_per_line),
        both(a_saved_census_has_processes_groups_and_holders),
        both(a_new_host_name_and_a_new_map_are_changes),
        root(a_user_without_a_name_is_a_number_only_in_a_table),
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

/// Returns whether the UTS namespace of a process is among `rows`.
fn has(rows: &Value, process: &Pinned) -> bool {
    rows.as_array()
        .unwrap()
        .iter()
        .any(|row| format!("uts:[{}]", row["ns"]) == procfs::ns(process.id(), "uts"))
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

fn a_file_that_nsx_did_not_save_is_refused(session: &Session) {
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
        .says(&["it is no regular file"]);
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
        .says(&["standard input is no census that nsx saved"]);
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
