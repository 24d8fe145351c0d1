//! `nsx enter --mount` without `--pid`: the target's /proc shows a PID namespace that the program
//! is not in.

use crate::{
    support::{
        Need, Process, Session, Test, both,
        filter::Filter,
        procfs::{self, Pinned},
        root,
    },
    unshare::root_directory::small_root,
};
use std::fs;

pub(crate) fn tests() -> Vec<Test> {
    vec![
        root(the_program_finds_itself_in_proc_and_the_target_sees_no_mount),
        root(the_target_sees_no_mount_of_the_program_unless_it_is_requested),
        root(a_process_in_a_chroot_is_entered_in_its_root_directory).needs([Need::Tool("busybox")]),
        both(a_proc_that_shows_the_program_is_left_alone),
        both(a_target_without_a_procfs_gets_none).needs([Need::Tool("busybox")]),
        root(the_mount_namespace_of_a_file_gets_a_proc_too),
        both(a_caller_who_may_not_mount_proc_gets_a_remedy),
        root(a_caller_in_a_chroot_sees_the_right_sys),
    ]
    .into_iter()
    .map(|test| test.needs([Need::Namespaces, Need::UtilLinux(2, 36), Need::Kernel(5, 6)]))
    .collect()
}

/// A `sleep` with its own mounts and processes, and a procfs of these.
fn target(session: &Session, options: &str, script: &str) -> (Process, Pinned) {
    let unshare =
        session.original_unshare(&format!("--mount --pid --fork --kill-child {options}sh -c"));
    let unshare = unshare.arg(format!("{script}\nexec sleep 100")).start();
    let sleep = unshare.program("sleep");
    (unshare, sleep)
}

fn mounts(process: u32) -> String {
    fs::read_to_string(format!("/proc/{process}/mountinfo")).unwrap()
}

fn the_program_finds_itself_in_proc_and_the_target_sees_no_mount(session: &Session) {
    for propagation in ["--propagation private", "--propagation shared"] {
        // Shared only with copies of it.
        let (_unshare, sleep) = target(session, &format!("--mount-proc {propagation} "), "");
        let id = sleep.id();
        let before = mounts(id);
        for filter in [None, Some(Filter::NewCalls), Some(Filter::SetnsByPidfd)] {
            let enter = session.nsx(&format!("enter {id} -m -- sh -c"));
            // Meanwhile the program sees the target's earlier state.
            let script = format!(
                "readlink /proc/self/ns/pid; cat /proc/$$/comm /proc/{id}/comm /proc/{id}/mountinfo"
            );
            let enter = enter.arg(script);
            let outcome = filter
                .map_or(enter.clone(), |filter| enter.under(filter))
                .run()
                .exited(0);
            let own = procfs::ns("self", "pid");
            assert_eq!(
                outcome.text(),
                format!("{own}\nsh\nsleep\n{before}").trim_end(),
                "{filter:?}"
            );
            outcome.says(&["a copy for the program alone", "--pid or --no-fix"]);
        }
        assert_eq!(mounts(id), before);
        session
            .nsx(&format!("enter {id} -m --no-fix -- cat /proc/self/comm"))
            .run()
            .exited(1);
        assert_eq!(
            session
                .nsx(&format!("enter {id} -m -p -- cat /proc/1/comm"))
                .output(),
            "sleep"
        );
        let explained = session
            .nsx(&format!("enter {id} -m -n --explain true"))
            .output();
        assert!(
            explained.contains("unshare(CLONE_NEWNS), mount(proc, /proc)"),
            "{explained}"
        );
    }
}

fn the_target_sees_no_mount_of_the_program_unless_it_is_requested(session: &Session) {
    fs::create_dir(session.path("here")).unwrap();
    let (_unshare, sleep) = target(session, "--mount-proc ", "");
    let place = session.path("here").display().to_string();
    let mount = |options: &str| {
        let words = format!(
            "enter {} {options} -- mount -t tmpfs none {place}",
            sleep.id()
        );
        session.nsx(&words).run().exited(0);
        mounts(sleep.id()).contains(&place)
    };
    assert!(!mount("-m"));
    assert!(mount("-m --no-fix"));
    session
        .nsx(&format!("enter {} -m -p -- umount {place}", sleep.id()))
        .run()
        .exited(0);
    assert!(mount("-m -p"));
}

fn a_process_in_a_chroot_is_entered_in_its_root_directory(session: &Session) {
    let root = small_root(session);
    // The jail is an ordinary directory and not a mount.
    let script = format!(
        "mount -t proc proc {0}/proc; cd {0}; exec chroot . sleep 100",
        root.display()
    );
    let (_unshare, sleep) = target(session, "", &script);
    let enter = session.nsx(&format!("enter {} -m -- sh -c", sleep.id()));
    let output = enter
        .arg("cat /where; pwd; readlink /proc/self/ns/pid; cd /proc; ls -d $$")
        .run()
        .exited(0);
    let lines: Vec<_> = output.text().lines().collect();
    assert_eq!(
        lines[..3],
        ["inside", "/", &procfs::ns("self", "pid")],
        "{output}"
    );
    assert!(lines[3].parse::<u32>().is_ok(), "{output}");
    assert!(!mounts(std::process::id()).contains(&root.display().to_string()));
}

fn a_proc_that_shows_the_program_is_left_alone(session: &Session) {
    // Mounts of its own, and the caller's processes.
    let unshare = session.original_unshare("--mount sleep 100").start();
    let sleep = unshare.program("sleep");
    let user = if session.is_root() { "" } else { "-U " };
    let outcome = session
        .nsx(&format!(
            "enter {} {user}-m -- readlink /proc/self/ns/mnt",
            sleep.id()
        ))
        .run()
        .exited(0);
    assert_eq!(outcome.text(), procfs::ns(sleep.id(), "mnt"));
    assert!(outcome.stderr.is_empty(), "{outcome}");
}

fn a_target_without_a_procfs_gets_none(session: &Session) {
    small_root(session);
    let options = "--root root --no-mount-proc --no-mount-sys --pid --wd /";
    let unshare = session.unshare(&format!("{options} sleep 100")).start();
    let sleep = unshare.program("sleep");
    let user = if session.is_root() { "" } else { "-U " };
    let outcome = session
        .nsx(&format!("enter {} {user}-m -- ls /proc", sleep.id()))
        .run()
        .exited(0);
    assert!(
        outcome.text().is_empty() && outcome.stderr.is_empty(),
        "{outcome}"
    );
}

fn the_mount_namespace_of_a_file_gets_a_proc_too(session: &Session) {
    let (_unshare, sleep) = target(session, "--mount-proc ", "");
    let before = mounts(sleep.id());
    let own = procfs::ns("self", "pid");
    let enter =
        |target: &str, words: &str| session.nsx(&format!("enter {target} -- {words}")).output();
    let file = format!("/proc/{}/ns/mnt", sleep.id());
    assert_eq!(enter(&file, "readlink /proc/self/ns/pid"), own);
    assert_eq!(
        enter(
            &format!("{} --uts --mount={file}", sleep.id()),
            "readlink /proc/self/ns/pid"
        ),
        own
    );
    assert_eq!(mounts(sleep.id()), before);
    // A target whose /proc is the caller's is joined as it is.
    let unshare = session.original_unshare("--mount sleep 100").start();
    let other = unshare.program("sleep");
    let mnt = procfs::ns(other.id(), "mnt");
    assert_eq!(
        enter(
            &format!("/proc/{}/ns/mnt", other.id()),
            "readlink /proc/self/ns/mnt"
        ),
        mnt
    );
}

/// Mounting the procfs of a PID namespace requires a right over the user namespace that owns it,
/// which an ordinary user lacks.
fn a_caller_who_may_not_mount_proc_gets_a_remedy(session: &Session) {
    let script = "unshare --mount --pid --fork --kill-child --mount-proc sleep 100 &
        until read target </proc/$!/task/$!/children; [ \"$(cat /proc/$target/comm)\" = sleep ]; \
    do sleep 0.01; done 2>/dev/null
        trap 'kill -9 $!' EXIT; nsx enter $target -m OPTIONS";
    let inside = session.command("unshare --user --map-root-user sh -c");
    let run = |options: &str| inside.clone().arg(script.replace("OPTIONS", options)).run();
    run("-- cat /proc/self/comm")
        .exited(1)
        .says(&["PID namespace in which the program is not", "add --pid"]);
    assert_eq!(run("--pid -- cat /proc/self/comm").exited(0).text(), "cat");
}

fn a_caller_in_a_chroot_sees_the_right_sys(session: &Session) {
    let unshare = session.original_unshare("--net --uts sleep 100").start();
    let sleep = unshare.program("sleep");
    let script = format!(
        "mkdir -p jail/proc jail/sys jail/usr jail/etc; cd jail; ln -s usr/bin usr/sbin usr/lib \
        usr/lib64 .
         cp \"$(command -v nsx)\" nsx; for name in proc sys usr; do mount --rbind /$name $name; done
         exec chroot . /nsx enter {} --net -- ls /sys/class/net",
        sleep.id()
    );
    assert_eq!(
        session
            .command("unshare --mount sh -ec")
            .arg(script)
            .output(),
        "lo"
    );
}
