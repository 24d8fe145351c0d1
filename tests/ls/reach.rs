//! The reach of `nsx ls`: through another procfs, past processes that are hidden, and only as long
//! as somebody reads.

use crate::support::{Need, Session, Test, both, ordinary, procfs, root};
use serde_json::Value;
use std::time::Duration;

pub(crate) fn tests() -> Vec<Test> {
    vec![
        both(another_procfs_has_its_own_pids),
        both(a_directory_that_is_not_a_procfs_is_refused),
        both(a_copied_procfs_is_read_as_far_as_it_goes),
        both(a_procfs_copy_with_few_files_is_read),
        both(nothing_outside_a_procfs_copy_is_read_or_waited_for),
        root(processes_hidden_by_hidepid_are_counted)
            .needs([Need::Tool("mount"), Need::Tool("setpriv")]),
        both(a_namespace_kept_by_descriptors_is_found_by_its_name),
        both(kinds_beside_a_namespace_are_refused),
        ordinary(the_callers_host_name_needs_no_privilege),
        both(a_watch_ends_when_its_reader_is_gone),
        ordinary(a_refusal_to_look_at_a_process_names_the_cause)
            .needs([Need::Root, Need::Tool("perl")]),
    ]
    .into_iter()
    .map(|test| test.needs([Need::Namespaces]))
    .collect()
}

fn json(session: &Session, words: &str) -> Value {
    serde_json::from_slice(&session.nsx(words).run().exited(0).stdout).unwrap()
}

fn another_procfs_has_its_own_pids(session: &Session) {
    let unshare = session
        .original_unshare("--pid --fork --kill-child --mount-proc sh -c")
        .arg("sleep 100 & wait")
        .start();
    let sleep = unshare.program("sleep");
    let other = format!("/proc/{}/root/proc", sleep.id());
    // The shell is 1 there, and the sleep 2.
    assert_eq!(
        procfs::status(sleep.id(), "NSpid")
            .split_whitespace()
            .last(),
        Some("2")
    );
    let document = json(session, &format!("ls --proc {other} 2 -q --json"));
    for row in document["namespaces"].as_array().unwrap() {
        let kind = row["type"].as_str().unwrap();
        let full = format!("{kind}:[{}]", row["ns"]);
        if row["for_children"] == false {
            assert_eq!(full, procfs::ns(sleep.id(), kind));
        }
        assert_eq!(row["shared"], procfs::ns("self", kind) == full, "{full}");
    }
    for words in ["-p 2", "--pids -p 2 --all"] {
        let document = json(session, &format!("ls --proc {other} {words} -q --json"));
        assert!(
            document.to_string().contains("sleep 100"),
            "{words}: {document}"
        );
    }
    session
        .nsx(&format!("ls --proc {other} 77"))
        .run()
        .exited(1)
        .says(&["process 77", "no such process"]);
}

fn a_directory_that_is_not_a_procfs_is_refused(session: &Session) {
    session
        .nsx("ls --proc .")
        .run()
        .exited(2)
        .says(&[". is neither a procfs nor a copy"]);
    let script = "mount -t tmpfs none /proc; nsx ls";
    session
        .original_unshare("--mount sh -c")
        .arg(script)
        .run()
        .exited(2)
        .says(&["/proc", "procfs"]);
}

fn a_copied_procfs_is_read_as_far_as_it_goes(session: &Session) {
    let unshare = session
        .original_unshare("--uts --net --pid --fork --kill-child sleep 100")
        .start();
    let sleep = unshare.program("sleep");
    let id = sleep.id();
    let script = format!(
        "for pid in $$ {id}; do mkdir -p copy/$pid && cp -a /proc/$pid/ns copy/$pid/ && \
         cp /proc/$pid/status /proc/$pid/cmdline /proc/$pid/stat /proc/$pid/cgroup copy/$pid/; done"
    );
    session.shell(&script).run().exited(0);
    let own = ["uts", "net", "pid"].map(|kind| procfs::ns(id, kind));
    // The process may have ended.
    sleep.signal(rustix::process::Signal::KILL);
    drop(unshare.wait());
    let document = json(session, &format!("ls --proc copy -q --json -Q PID=={id}"));
    let rows = document["namespaces"].as_array().unwrap();
    for ns in &own {
        let row = rows
            .iter()
            .find(|row| format!("{}:[{}]", row["type"].as_str().unwrap(), row["ns"]) == *ns);
        let row = row.unwrap_or_else(|| panic!("no {ns} in {document}"));
        assert_eq!(
            (&row["command"], &row["uid"]),
            (&"sleep 100".into(), &session.ids().0.into()),
            "{row}"
        );
    }
    let groups = session.nsx("ls -q --proc copy").output();
    let line = groups
        .lines()
        .find(|line| line.ends_with("sleep 100"))
        .unwrap_or_else(|| panic!("{groups}"));
    assert!(line.contains("net") && line.contains("uts"), "{line}");
    let pids = json(session, "ls --proc copy --pids --all -q --json");
    let row = pids["processes"]
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["pid"] == id)
        .unwrap();
    assert_eq!(
        (row["chain"].as_array().unwrap().last(), &row["command"]),
        (Some(&1.into()), &"sleep 100".into())
    );
    let of_it = json(session, &format!("ls --proc copy {id} -q --json"));
    let kinds = std::fs::read_dir(session.path(&format!("copy/{id}/ns"))).unwrap();
    let kinds = kinds.filter(|entry| {
        !entry
            .as_ref()
            .unwrap()
            .file_name()
            .to_string_lossy()
            .contains('_')
    });
    assert_eq!(
        of_it["namespaces"].as_array().unwrap().len(),
        kinds.count(),
        "{of_it}"
    );
    let holders = json(
        session,
        &format!("ls --proc copy --why {} -q --json", own[0]),
    );
    assert!(
        holders.to_string().contains(&format!("\"pid\":{id}")),
        "{holders}"
    );
    session
        .nsx("ls --proc copy web")
        .run()
        .exited(2)
        .says(&["number"]);
    session
        .nsx("ls --proc copy 4194303")
        .run()
        .exited(1)
        .says(&["4194303"]);
}

/// A support bundle has only some files of some processes.
fn a_procfs_copy_with_few_files_is_read(session: &Session) {
    let write = |path: &str, text: &str| {
        let path = session.path("sos").join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    let status = "Name:\tnginx\nTgid:\t70\nPid:\t70\nPPid:\t1\nUid:\t33\t33\t33\t33\nGid:\t33\t33\t33\t33\n\
        NSpid:\t70\t7\t1\nSigPnd:\t0\nShdPnd:\t0\nSigBlk:\t0\nSigIgn:\t0\nSigCgt:\t0\n";
    write("70/status", status);
    write("80/cmdline", "/usr/sbin/cron\0-f\0");
    write("90/environ", "");
    write("meminfo", "");
    std::fs::create_dir_all(session.path("sos/80/ns")).unwrap();
    for (kind, target) in [("net", "net:[4026532001]"), ("mnt", "mnt:[4026531841]")] {
        std::os::unix::fs::symlink(target, session.path("sos/80/ns").join(kind)).unwrap();
    }
    let listed = json(session, "ls --proc sos -a --json -o all");
    let net = listed["namespaces"]
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["ns"] == 4_026_532_001_u64)
        .unwrap();
    assert_eq!(
        (&net["pid"], &net["uid"], &net["owner"]),
        (&80.into(), &Value::Null, &Value::Null),
        "{net}"
    );
    // Two processes have no links.
    assert_eq!(listed["hidden"]["processes"], 2, "{listed}");
    let pids = json(session, "ls --proc sos --pids -q --json");
    let row = &pids["processes"][0];
    assert_eq!(row["chain"], serde_json::json!([70, 7, 1]), "{pids}");
    assert_eq!(
        (&row["ns"], &row["uid"], &row["user"]),
        (&Value::Null, &33.into(), &Value::Null),
        "{pids}"
    );
}

fn nothing_outside_a_procfs_copy_is_read_or_waited_for(session: &Session) {
    let script = "mkdir -p copy/70/ns copy/80/ns && ln -s /proc/self/status copy/70/status && \
        ln -s 'net:[7]' copy/70/ns/net && mkfifo copy/80/status copy/80/cmdline && ln -s 'net:[8]' \
    copy/80/ns/net && \
        ln -s /proc/1 copy/90 && ln -s /proc/self copy/self";
    session.shell(script).run().exited(0);
    let listed = json(session, "ls --proc copy -q -a --json -o all");
    let rows = listed["namespaces"].as_array().unwrap();
    assert_eq!(
        rows.iter()
            .map(|row| row["ns"].as_u64().unwrap())
            .collect::<Vec<_>>(),
        [7, 8],
        "{listed}"
    );
    assert!(
        rows.iter()
            .all(|row| row["command"].is_null() && row["uid"].is_null()),
        "{listed}"
    );
    session.nsx("ls --proc copy --deep -a").run().exited(0);
}

fn processes_hidden_by_hidepid_are_counted(session: &Session) {
    let drop = "setpriv --reuid=4242 --regid=4242 --clear-groups nsx";
    let script = |words: &str| format!("mount -t proc -o hidepid=2 proc /proc; {drop} {words}");
    let said = |words: &str| {
        let outcome = session
            .command("unshare --pid --fork --mount --kill-child sh -c")
            .arg(script(words))
            .run();
        String::from_utf8(outcome.stderr).unwrap()
    };
    for words in ["ls", "ls --all", "ls --pids --all"] {
        assert!(said(words).contains("hidepid"), "{words}");
        assert_eq!(said(&format!("{words} -q")), "", "{words}");
    }
    // PID 1 is there, though an ordinary user cannot tell from /proc.
    for words in ["ls 1", "ls -p 1", "idmap 1", "enter 1", "pidmap 1"] {
        let said = said(words);
        assert!(
            said.contains("it is there, but /proc does not show it (hidepid)"),
            "{words}: {said}"
        );
    }
}

fn a_namespace_kept_by_descriptors_is_found_by_its_name(session: &Session) {
    let holder = session
        .original_unshare("--uts sh -c")
        .arg("exec 9</proc/self/ns/uts; echo; exec unshare --uts sleep 100");
    let holder = holder.start();
    holder.line();
    let sleep = holder.program("sleep");
    let link = std::fs::read_link(format!("/proc/{}/fd/9", sleep.id())).unwrap();
    let inode = link
        .to_str()
        .unwrap()
        .split(['[', ']'])
        .nth(1)
        .unwrap()
        .to_owned();
    for word in [
        inode.clone(),
        format!("uts:[{inode}]"),
        format!("/proc/{}/fd/9", sleep.id()),
    ] {
        let document = json(session, &format!("ls {word} -q --json"));
        assert_eq!(document["ns"].to_string(), inode);
        let holders = document["holders"].as_array().unwrap();
        assert!(
            holders
                .iter()
                .any(|holder| holder["process"]["pid"] == sleep.id() && holder["fd"] == 9),
            "{document}"
        );
    }
}

fn kinds_beside_a_namespace_are_refused(session: &Session) {
    let own = procfs::ns("self", "user");
    session
        .nsx(&format!("ls {own} -t net"))
        .run()
        .exited(2)
        .says(&["-t", "is a namespace"]);
}

fn the_callers_host_name_needs_no_privilege(session: &Session) {
    let name = session.command("uname -n").output();
    let document = json(session, "ls -q --all -t uts -o ns,hostname --json");
    let own = procfs::ns("self", "uts");
    let row = document["namespaces"]
        .as_array()
        .unwrap()
        .iter()
        .find(|row| own.contains(&row["ns"].to_string()))
        .unwrap();
    assert_eq!(row["hostname"], name.trim_end());
}

fn a_watch_ends_when_its_reader_is_gone(session: &Session) {
    // If SIGPIPE is ignored, as in services, only a write can fail, and there may be nothing to
    // write.
    let script = "trap '' PIPE; nsx ls --watch=0.05 --json-lines -q | true";
    session
        .shell(script)
        .start()
        .wait_for(Duration::from_secs(20))
        .exited(0);
}

fn a_refusal_to_look_at_a_process_names_the_cause(session: &Session) {
    // Processes of root, such as this test's own.
    let own = std::process::id();
    for words in ["ls", "enter", "idmap"] {
        let outcome = session.nsx(&format!("{words} {own}")).run();
        outcome.says(&["permission denied", "CAP_SYS_PTRACE"]);
    }
    // It becomes undumpable before it prints.
    let script = "syscall(shift, 4, 0) == 0 or die; $| = 1; print qq(hidden\\n); sleep 100";
    let hidden = session
        .command("perl -e")
        .arg(script)
        .arg(libc::SYS_prctl.to_string())
        .start();
    hidden.line();
    session
        .nsx(&format!("enter {}", hidden.id()))
        .run()
        .exited(125)
        .says(&["PR_SET_DUMPABLE", "CAP_SYS_PTRACE"]);
}
