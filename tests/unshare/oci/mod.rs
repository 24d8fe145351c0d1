//! `nsx unshare --from-oci`: bundles as runc writes them, and files that are not bundles.

mod beside;
mod mounts;
mod process;

use crate::{
    support::{Need, Session, Test, both, filter::Filter, ordinary, procfs, root},
    unshare::root_directory::small_root,
};
use std::fs;

pub(crate) fn tests() -> Vec<Test> {
    let runc = |test: Test| test.needs([Need::Tool("runc")]);
    vec![
        runc(both(a_bundle_of_runc_runs)),
        runc(both(ignored_fields_are_named_once_and_in_one_line)),
        runc(both(a_program_on_the_command_line_replaces_the_bundles)),
        runc(ordinary(
            a_bundle_without_a_user_namespace_requires_privilege,
        )),
        both(user_directory_and_environment_come_from_the_file),
        both(mounts_come_from_the_file),
        root(supplementary_groups_come_from_the_file),
        both(a_namespace_with_a_path_is_joined),
        both(an_invalid_bundle_is_refused_before_anything_is_made),
        both(options_that_contradict_the_file_are_refused),
        both(a_bundle_is_a_file_a_directory_or_standard_input),
        both(a_file_without_user_and_directory_runs),
        both(a_host_name_and_mounts_are_added),
    ]
    .into_iter()
    .map(|test| test.needs([Need::Namespaces, Need::Tool("busybox")]))
    .chain(beside::tests())
    .chain(mounts::tests())
    .chain(process::tests())
    .collect()
}

/// A bundle as runc writes it for the test's user, with its root directory at `root`.
fn runc_bundle(session: &Session) {
    small_root(session);
    session
        .command(if session.is_root() {
            "runc spec"
        } else {
            "runc spec --rootless"
        })
        .run()
        .exited(0);
    session
        .shell("mkdir root/dev && sed -i 's/\"rootfs\"/\"root\"/' config.json")
        .run()
        .exited(0);
}

/// Writes a small bundle, whose program is a shell script, with more properties of `process` and of
/// the bundle, and with these namespaces: `TYPE` or `TYPE=PATH`. The test's user is root in it.
fn bundle(session: &Session, script: &str, process: &str, more: &str, namespaces: &[&str]) {
    if !session.path("root").exists() {
        small_root(session);
    }
    let (user, group) = session.ids();
    let makes_user = !session.is_root()
        && !namespaces
            .iter()
            .any(|namespace| namespace.starts_with("user="));
    let own: &[&str] = if makes_user {
        &["mount", "user"]
    } else {
        &["mount"]
    };
    let namespaces =
        own.iter()
            .chain(namespaces)
            .map(|namespace| match namespace.split_once('=') {
                Some((kind, path)) => format!(r#"{{"type":"{kind}","path":"{path}"}}"#),
                None => format!(r#"{{"type":"{namespace}"}}"#),
            });
    let namespaces = namespaces.collect::<Vec<_>>().join(",");
    let map = |name: &str, id| format!(r#","{name}":[{{"containerID":0,"hostID":{id},"size":1}}]"#);
    let maps = if makes_user {
        map("uidMappings", user) + &map("gidMappings", group)
    } else {
        String::new()
    };
    let text = format!(
        r#"{{"ociVersion":"1.0.2","process":{{"args":["sh","-c","{script}"]{process}}},
        "root":{{"path":"root"}}{more},"linux":{{"namespaces":[{namespaces}]{maps}}}}}"#
    );
    fs::write(session.path("config.json"), text).unwrap();
}

/// The properties of a process without special settings.
const PLAIN: &str = r#","user":{"uid":0,"gid":0},"cwd":"/","env":["PATH=/bin"]"#;

/// The caller's procfs inside.
const PROC: &str =
    r#","mounts":[{"destination":"/proc","type":"bind","source":"/proc","options":["rbind"]}]"#;

fn a_bundle_of_runc_runs(session: &Session) {
    runc_bundle(session);
    let script = "id -u; cat /proc/sys/kernel/hostname; echo $$; touch /made 2>/dev/null || echo \
    read-only; ls /dev; \
                  ls /proc/self/fd/0; grep -E 'CapEff|NoNewPrivs' /proc/self/status; echo $TERM";
    let line = session
        .nsx("unshare --from-oci config.json sh -c")
        .arg(format!("export PATH=/bin; {script}"));
    for command in [line.clone(), line.under(Filter::NewCalls)] {
        let outcome = command.run().exited(0);
        let lines: Vec<&str> = outcome.text().lines().collect();
        assert_eq!(lines[..4], ["0", "runc", "1", "read-only"], "{outcome}");
        for name in ["null", "full", "ptmx", "pts", "shm", "mqueue", "stdin"] {
            assert!(lines.contains(&name), "{name}: {outcome}");
        }
        // CAP_KILL, CAP_NET_BIND_SERVICE and CAP_AUDIT_WRITE are in runc's file.
        assert!(
            lines.contains(&"CapEff:\t0000000020000420") && lines.contains(&"NoNewPrivs:\t1"),
            "{outcome}"
        );
        assert_eq!(lines.last(), Some(&"xterm"), "{outcome}");
    }
    assert!(!session.path("root/made").exists());
    assert_eq!(
        fs::read_dir(session.path("root/dev")).unwrap().count(),
        0,
        "nothing is left behind"
    );
}

fn ignored_fields_are_named_once_and_in_one_line(session: &Session) {
    runc_bundle(session);
    let outcome = session
        .nsx("unshare --from-oci config.json cat /where")
        .run()
        .exited(0);
    let stderr = String::from_utf8(outcome.stderr.clone()).unwrap();
    assert_eq!(stderr.lines().count(), 1, "{outcome}");
    outcome.says(&["not carried out", "process.terminal", "mounts[6] (cgroup)"]);
    bundle(session, "exit 0", PLAIN, "", &[]);
    let outcome = session
        .nsx("unshare --from-oci config.json")
        .run()
        .exited(0);
    assert!(outcome.stderr.is_empty(), "{outcome}");
}

fn a_program_on_the_command_line_replaces_the_bundles(session: &Session) {
    runc_bundle(session);
    let input = session
        .nsx("unshare --from-oci config.json")
        .input(b"echo $$; exit 7");
    assert_eq!(input.run().exited(7).text(), "1");
    assert_eq!(
        session
            .nsx("unshare --from-oci config.json -- cat -n /where")
            .output()
            .trim(),
        "1\tinside"
    );
    let explained = session
        .nsx("unshare --explain --from-oci config.json cat own")
        .output();
    assert!(
        explained.contains("execvp(cat own)") && explained.contains("pivot_root(root)"),
        "{explained}"
    );
}

fn a_bundle_without_a_user_namespace_requires_privilege(session: &Session) {
    small_root(session);
    session.command("runc spec").run().exited(0);
    let outcome = session.nsx("unshare --from-oci config.json true").run();
    outcome
        .exited(125)
        .says(&["no user namespace", "runc spec --rootless"]);
}

fn user_directory_and_environment_come_from_the_file(session: &Session) {
    let process = r#","user":{"uid":0,"gid":0},"cwd":"/tmp","env":["PATH=/bin","A=b=c","EMPTY="]"#;
    let script = r"pwd; echo $A ${EMPTY-unset} $HOME; id -u";
    bundle(
        session,
        script,
        process,
        r#","hostname":"box""#,
        &["uts", "pid"],
    );
    assert_eq!(
        session.nsx("unshare --from-oci config.json").output(),
        "/tmp\nb=c /\n0"
    );
    // Paths are relative to the bundle, not to the caller.
    let file = session.path("config.json");
    let elsewhere = session
        .nsx("unshare --from-oci")
        .arg(file)
        .args("cat /where")
        .directory("/".as_ref());
    assert_eq!(elsewhere.output(), "inside");
}

fn mounts_come_from_the_file(session: &Session) {
    let mounts = r#","mounts":[
        {"destination":"/proc","type":"proc","source":"proc"},
        {"destination":"/tmp","type":"tmpfs","source":"tmpfs","options":["mode=1711","size=64k","noexec"]},
        {"destination":"/tmp/made","type":"none","source":"where","options":["bind","ro"]}]"#;
    let script = r"stat -c %a /tmp; grep -c ' /tmp .*noexec' /proc/self/mountinfo; cat /tmp/made; echo x > /tmp/made";
    bundle(session, "true", PLAIN, mounts, &["pid"]);
    let line = session
        .nsx("unshare --from-oci config.json sh -c")
        .arg(script.replace("stat", "busybox stat"));
    let outcome = line.run();
    assert_eq!(outcome.text(), "1711\n1\noutside");
    outcome.says(&["read-only"]);
}

fn supplementary_groups_come_from_the_file(session: &Session) {
    let process =
        r#","user":{"uid":7,"gid":8,"additionalGids":[9,10]},"cwd":"/","env":["PATH=/bin"]"#;
    bundle(session, "id -u; id -G", process, "", &[]);
    session.shell("chmod 755 . root").run().exited(0);
    assert_eq!(
        session.nsx("unshare --from-oci config.json").output(),
        "7\n8 9 10"
    );
}

fn a_namespace_with_a_path_is_joined(session: &Session) {
    let other = session
        .original_unshare("--uts --pid --fork --kill-child sleep 100")
        .start();
    let id = other.program("sleep").id();
    let path = |kind: &str, link: &str| format!("{kind}=/proc/{id}/ns/{link}");
    let (uts, pid, user) = (path("uts", "uts"), path("pid", "pid"), path("user", "user"));
    let namespaces = if session.is_root() {
        vec![&*uts, &pid]
    } else {
        vec![&*uts, &pid, &user]
    };
    bundle(
        session,
        "readlink /proc/self/ns/uts; echo $$",
        PLAIN,
        PROC,
        &namespaces,
    );
    let output = session.nsx("unshare --from-oci config.json").output();
    let (joined, number) = output.split_once('\n').unwrap();
    assert_eq!(joined, procfs::ns(id, "uts"));
    assert_eq!(number, "2", "the first is PID 1 there");
    // A file of another kind, and one that does not hold a namespace.
    for (namespace, reason) in [
        (path("network", "uts"), "is of kind uts, not net"),
        ("ipc=/etc/passwd".into(), "passwd"),
    ] {
        bundle(session, "true", PLAIN, "", &[&namespace]);
        session
            .nsx("unshare --from-oci config.json touch ran")
            .run()
            .exited(125)
            .says(&[reason]);
    }
}

fn an_invalid_bundle_is_refused_before_anything_is_made(session: &Session) {
    let refused = |reasons: &[&str]| {
        session
            .nsx("unshare --from-oci config.json")
            .run()
            .exited(125)
            .says(reasons);
        assert!(!session.path("root/ran").exists());
    };
    bundle(session, "touch /ran", PLAIN, "", &["pid", "uts", "pid"]);
    refused(&["pid twice"]);
    bundle(session, "touch /ran", PLAIN, "", &["planet"]);
    refused(&["linux.namespaces", "planet"]);
    bundle(session, "touch /ran", PLAIN, r#","hostname":"box""#, &[]);
    refused(&["hostname needs a uts namespace"]);
    let missing = r#","mounts":[{"destination":"/new","source":"missing","options":["bind"]}]"#;
    bundle(session, "touch /ran", PLAIN, missing, &[]);
    refused(&["missing", "no such file"]);
    let mapped = r#","mounts":[{"destination":"/new","source":"/","options":["bind","idmap"]}]"#;
    bundle(session, "touch /ran", PLAIN, mapped, &[]);
    refused(&["mounts[0]", "id-mapped"]);
    bundle(session, "touch /ran", PLAIN, "", &[]);
    fs::rename(session.path("root"), session.path("away")).unwrap();
    refused(&["root", "no such file"]);
    fs::write(session.path("config.json"), "{\"ociVersion\":").unwrap();
    refused(&["config.json", "line 1"]);
    session
        .nsx("unshare --from-oci missing.json touch ran")
        .run()
        .exited(125)
        .says(&["missing.json", "no such file"]);
    assert!(!session.path("ran").exists());
}

fn options_that_contradict_the_file_are_refused(session: &Session) {
    bundle(session, "true", PLAIN, "", &[]);
    for options in [
        "--net",
        "-r",
        "--root /",
        "--wd /",
        "--env A=b",
        "--cap-drop all",
        "--boottime 5",
    ] {
        let outcome = session
            .nsx(&format!(
                "unshare --from-oci config.json {options} touch ran"
            ))
            .run();
        outcome
            .exited(125)
            .says(&["--from-oci", "cannot be used with"]);
    }
    assert!(!session.path("ran").exists());
}

fn a_bundle_is_a_file_a_directory_or_standard_input(session: &Session) {
    bundle(session, "cat /where", PLAIN, "", &[]);
    let text = fs::read(session.path("config.json")).unwrap();
    for place in [".", "./", "config.json", "./config.json"] {
        assert_eq!(
            session.nsx(&format!("unshare --from-oci {place}")).output(),
            "inside",
            "{place}"
        );
    }
    let elsewhere = session
        .nsx("unshare --from-oci")
        .arg(session.directory())
        .directory("/".as_ref());
    assert_eq!(elsewhere.output(), "inside");
    assert_eq!(
        session.nsx("unshare --from-oci -").input(&text).output(),
        "inside"
    );
    session
        .nsx("unshare --from-oci -")
        .input(b"{")
        .run()
        .exited(125)
        .says(&["standard input", "line 1"]);
    session
        .nsx("unshare --from-oci root")
        .run()
        .exited(125)
        .says(&["root/config.json", "no such file"]);
}

fn a_file_without_user_and_directory_runs(session: &Session) {
    small_root(session);
    let (user, group) = session.ids();
    let text = format!(
        r#"{{"process":{{"args":["/bin/sh","-c","pwd; id -u; cat /where"]}},"root":{{"path":"root"}},"linux":{{
        "namespaces":[{{"type":"mount"}},{{"type":"user"}}],
        "uidMappings":[{{"containerID":0,"hostID":{user},"size":1}}],
        "gidMappings":[{{"containerID":0,"hostID":{group},"size":1}}]}}}}"#
    );
    fs::write(session.path("config.json"), text).unwrap();
    assert_eq!(
        session.nsx("unshare --from-oci config.json").output(),
        "/\n0\ninside"
    );
}

fn a_host_name_and_mounts_are_added(session: &Session) {
    let tmpfs = r#","mounts":[{"destination":"/tmp","type":"tmpfs","source":"tmpfs"}]"#;
    bundle(
        session,
        "true",
        PLAIN,
        &format!("{tmpfs},\"hostname\":\"box\""),
        &["uts"],
    );
    let run = |options: &str, script: &str| {
        session
            .nsx(&format!("unshare {options}--from-oci . -- sh -c"))
            .arg(format!("export PATH=/bin; {script}"))
            .output()
    };
    assert_eq!(run("--hostname other ", "busybox hostname"), "other");
    assert_eq!(run("", "busybox hostname"), "box");
    // A bundle's mounts come first, and a missing mount point is created as for the bundle's.
    assert_eq!(
        run(
            "--bind where:/tmp/made --ro-bind where:/new/file ",
            "cat /tmp/made /new/file"
        ),
        "outside\noutside"
    );
    // Paths that the file hides stay hidden.
    bundle(session, "cat /tmp/x", PLAIN, tmpfs, &[]);
    let text = fs::read_to_string(session.path("config.json")).unwrap();
    let masked = text.replace(r#""linux":{"#, r#""linux":{"maskedPaths":["/tmp/x"],"#);
    fs::write(session.path("config.json"), masked).unwrap();
    assert_eq!(
        session
            .nsx("unshare --from-oci . --bind where:/tmp/x")
            .output(),
        ""
    );
    // The host name of a joined namespace belongs to its processes.
    let other = session
        .original_unshare("--uts --fork --kill-child sleep 100")
        .start();
    let id = other.program("sleep").id();
    let (uts, user) = (
        format!("uts=/proc/{id}/ns/uts"),
        format!("user=/proc/{id}/ns/user"),
    );
    let namespaces = if session.is_root() {
        vec![&*uts]
    } else {
        vec![&*uts, &user]
    };
    bundle(session, "true", PLAIN, "", &namespaces);
    session
        .nsx("unshare --from-oci . --hostname x")
        .run()
        .exited(125)
        .says(&["joins a UTS namespace", "--hostname"]);
}
