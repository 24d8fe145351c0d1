//! `nsx enter --host-tools`: the host's programs beside the target's, in an image that has none.

use crate::support::{Need, Process, Session, Test, both, procfs, procfs::Pinned, root};
use std::fs;

pub(crate) fn tests() -> Vec<Test> {
    vec![
        both(the_hosts_programs_see_the_targets_processes_network_and_files),
        both(nothing_is_written_into_the_image),
        both(the_files_are_found_by_the_hosts_pid_if_processes_are_shared),
        both(mounts_for_the_program_are_seen_by_nobody_else),
        both(the_targets_environment_is_not_used),
        both(only_named_kinds_are_joined),
        both(other_options_about_files_are_refused),
        root(a_privileged_caller_stays_out_of_the_user_namespace),
        root(it_works_in_a_container_of_runc).needs([Need::Tool("runc")]),
    ]
    .into_iter()
    .map(|test| test.needs([Need::Namespaces, Need::Tool("busybox"), Need::Kernel(5, 6)]))
    .collect()
}

/// An image with one static program and no other file or directory.
fn image(session: &Session) {
    session
        .shell("mkdir image && cp \"$(command -v busybox)\" image/sleep")
        .run()
        .exited(0);
}

/// That program in new namespaces, with the image for its root directory.
fn target(session: &Session, options: &str) -> (Process, Pinned) {
    image(session);
    let evil = "--env LD_PRELOAD=/evil.so --env PATH=/evil";
    let options = format!("--root image --no-mount-proc --no-mount-sys {evil} --wd / {options}");
    let unshare = session.unshare(&format!("{options} /sleep 100")).start();
    let sleep = unshare.program("sleep");
    (unshare, sleep)
}

fn the_hosts_programs_see_the_targets_processes_network_and_files(session: &Session) {
    let (_unshare, sleep) = target(session, "--pid --net --uts --ipc");
    let enter = session.nsx(&format!("enter {} --host-tools -- sh -c", sleep.id()));
    let script = "cat /proc/1/comm; echo /sys/class/net/*; echo $NSX_TARGET_ROOT; echo \
    $NSX_TARGET_ROOT/*; pwd; \
        readlink /proc/self/root; ls /sys/fs/cgroup";
    let output = enter.arg(script).output();
    let expected = format!(
        "sleep\n/sys/class/net/lo\n/proc/1/root\n/proc/1/root/sleep\n{}\n/\n{}",
        session.directory().display(),
        session.command("ls /sys/fs/cgroup").output()
    );
    assert_eq!(output, expected);
    for kind in ["pid", "net", "uts", "ipc"] {
        let enter = session.nsx(&format!(
            "enter {} --host-tools readlink /proc/self/ns/{kind}",
            sleep.id()
        ));
        assert_eq!(enter.output(), procfs::ns(sleep.id(), kind));
    }
}

fn nothing_is_written_into_the_image(session: &Session) {
    let (_unshare, sleep) = target(session, "--pid --net");
    session
        .nsx(&format!("enter {} --host-tools -- true", sleep.id()))
        .run()
        .exited(0);
    let names = fs::read_dir(session.path("image"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    assert_eq!(names.collect::<Vec<_>>(), ["sleep"]);
}

fn the_files_are_found_by_the_hosts_pid_if_processes_are_shared(session: &Session) {
    let (_unshare, sleep) = target(session, "--net --uts");
    let enter = session.nsx(&format!("enter {} --host-tools -- sh -c", sleep.id()));
    let output = enter
        .arg("echo $NSX_TARGET_ROOT; echo $NSX_TARGET_ROOT/*; cat /proc/1/comm")
        .output();
    let root = format!("/proc/{}/root", sleep.id());
    assert_eq!(output, format!("{root}\n{root}/sleep\n{}", procfs::comm(1)));
}

fn mounts_for_the_program_are_seen_by_nobody_else(session: &Session) {
    let (_unshare, sleep) = target(session, "--uts");
    let script = "mkdir here && mount -t tmpfs none here && touch here/file && ls here";
    let enter = session
        .nsx(&format!("enter {} --host-tools -- sh -c", sleep.id()))
        .arg(script);
    assert_eq!(enter.output(), "file");
    assert_eq!(fs::read_dir(session.path("here")).unwrap().count(), 0);
}

fn the_targets_environment_is_not_used(session: &Session) {
    let (_unshare, sleep) = target(session, "--pid --net");
    let enter = session.nsx(&format!("enter {} --host-tools -- sh -c", sleep.id()));
    let output = enter
        .env("NSX_TARGET_ROOT", "/old")
        .env("MINE", "a=b")
        .arg("echo $LD_PRELOAD; echo $MINE; env")
        .output();
    let lines: Vec<_> = output.lines().collect();
    assert_eq!(lines[..2], ["", "a=b"]);
    assert_eq!(
        lines
            .iter()
            .filter(|line| line.starts_with("NSX_TARGET_ROOT="))
            .count(),
        1,
        "{output}"
    );
    assert!(
        !output.contains("evil") && lines.contains(&"NSX_TARGET_ROOT=/proc/1/root"),
        "{output}"
    );
}

fn only_named_kinds_are_joined(session: &Session) {
    let (_unshare, sleep) = target(session, "--pid --net --uts");
    let user = if session.is_root() { "" } else { "-U " };
    let enter = session.nsx(&format!(
        "enter {} --host-tools {user}--net -- sh -c",
        sleep.id()
    ));
    let output = enter
        .arg("readlink /proc/self/ns/net /proc/self/ns/uts; ls $NSX_TARGET_ROOT")
        .output();
    let [net, uts] = [procfs::ns(sleep.id(), "net"), procfs::ns("self", "uts")];
    assert_eq!(output, format!("{net}\n{uts}\nsleep"));
}

fn other_options_about_files_are_refused(session: &Session) {
    for option in ["--mount", "--no-fix", "--all"] {
        let outcome = session
            .nsx(&format!("enter 1 --host-tools {option} touch ran"))
            .run();
        outcome
            .exited(125)
            .says(&["--host-tools", "cannot be used with"]);
    }
    assert!(!session.path("ran").exists());
}

fn a_privileged_caller_stays_out_of_the_user_namespace(session: &Session) {
    let (_unshare, sleep) = target(session, "--user --map-root-user --pid --net");
    let enter = session.nsx(&format!("enter {} --host-tools -- sh -c", sleep.id()));
    let script = "readlink /proc/self/ns/user; cat /proc/1/comm; ls $NSX_TARGET_ROOT; grep CapEff \
    /proc/self/status";
    let own = session.command("grep CapEff /proc/self/status").output();
    assert_eq!(
        enter.arg(script).output(),
        format!("{}\nsleep\nsleep\n{own}", procfs::ns("self", "user"))
    );
}

fn it_works_in_a_container_of_runc(session: &Session) {
    image(session);
    let name = format!("nsx-host-tools-{}", std::process::id());
    session.command("runc spec").run().exited(0);
    let script = "sed -i 's/\"rootfs\"/\"image\"/; s/\"sh\"/\"\\/sleep\",\"100\"/; s/\"terminal\": \
    true/\"terminal\": false/' \
        config.json";
    session.shell(script).run().exited(0);
    let runc = session
        .command(&format!("runc --root state run {name}"))
        .start();
    let sleep = runc.program("sleep");
    let enter = session.nsx(&format!("enter {} --host-tools -- sh -c", sleep.id()));
    let output = enter
        .arg("cat /proc/1/comm; hostname; ls $NSX_TARGET_ROOT; ls /sys/class/net")
        .output();
    assert_eq!(output, "sleep\nrunc\ndev\nproc\nsleep\nsys\nlo");
    session
        .command(&format!("runc --root state kill {name} KILL"))
        .run()
        .exited(0);
    runc.wait().exited(137);
}
