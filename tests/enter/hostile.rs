//! `nsx enter` into a target that attacks its visitor.

use crate::support::{
    Need, Process, Session, Test, both,
    filter::Filter,
    procfs::{self, Pinned},
    root, until,
};
use rustix::process::Signal;
use std::{fs, os::unix::fs::MetadataExt, time::Duration};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        both(nobody_inside_can_trace_nsx_before_the_exec).needs([Need::Tool("strace")]),
        root(nothing_inside_can_write_to_the_file_that_nsx_runs_from).needs([Need::Tool("perl")]),
        root(no_copy_is_sealed_if_the_target_cannot_reach_nsx),
        root(a_script_with_proc_self_exe_is_run_by_the_sealed_copy).needs([Need::Tool("strace")]),
        both(no_descriptor_of_the_callers_leaks_in),
        both(the_callers_descriptors_stay_if_kinds_are_named),
        both(a_target_without_proc_sys_and_dev_is_entered).needs([Need::Tool("busybox")]),
        both(network_files_are_read_only_if_they_are_regular_files).needs([Need::Tool("busybox")]),
        both(links_in_the_target_never_reach_files_of_the_host).needs([Need::Tool("busybox")]),
    ]
    .into_iter()
    .map(|test| test.needs([Need::Namespaces, Need::UtilLinux(2, 36), Need::Kernel(5, 6)]))
    .collect()
}

/// A `sleep` in namespaces of its own, and a hostile script beside it.
fn target(session: &Session, options: &str, script: &str) -> (Process, Pinned) {
    let options = format!("--mount --pid --fork --kill-child --mount-proc {options}sh -c");
    let unshare = session
        .original_unshare(&options)
        .arg(format!("{script}\nexec sleep 100"))
        .start();
    let sleep = unshare.program("sleep");
    (unshare, sleep)
}

fn nobody_inside_can_trace_nsx_before_the_exec(session: &Session) {
    // Root of that user namespace has every capability over its processes.
    let options = if session.is_root() {
        "--user --map-root-user "
    } else {
        ""
    };
    // The file that the process runs from, as long as that is nsx: the process may already be the
    // program.
    let look = "while :; do for p in /proc/[0-9]*; do read name <$p/comm; [ \"$name\" = nsx ] || \
    continue; \
        if exe=$(readlink $p/exe); then case $exe in *nsx*) echo seen;; esac; else echo denied; \
    fi; \
        done; done >looked 2>/dev/null &";
    let (_unshare, sleep) = target(session, options, look);
    // Stopped after it has joined and before it becomes the program.
    let strace = "strace -f -o trace -e trace=execve -e inject=execve:delay_enter=300000 nsx enter";
    session
        .command(&format!("{strace} {} -- true", sleep.id()))
        .run()
        .exited(0);
    let looked = || fs::read_to_string(session.path("looked")).unwrap();
    until("it has looked", || looked().contains("denied"));
    assert!(!looked().contains("seen"), "{}", looked());
}

/// Checks that no process in the target can write to the file that nsx runs from, if the target
/// sees that file: neither while nsx runs nor later, through a descriptor that it kept.
fn nothing_inside_can_write_to_the_file_that_nsx_runs_from(session: &Session) {
    let (_unshare, sleep) = target(session, "", "");
    session
        .shell("cp \"$(command -v nsx)\" own && ln -s /proc/self/exe again")
        .run()
        .exited(0);
    let (own, again) = (session.path("own"), session.path("again"));
    let state = || {
        (
            fs::read(&own).unwrap(),
            fs::metadata(&own).unwrap().mode(),
            fs::metadata(&own).unwrap().mtime(),
        )
    };
    let before = state();
    // On a mount of its own, or a copy if the kernel has no such mounts.
    for (filter, runs_from) in [
        (None, "/"),
        (Some(Filter::NewCalls), "/memfd:nsx (deleted)"),
    ] {
        let enter = session.shell(&format!(
            "exec ./own enter {} -- {} unshare --pid sleep 105",
            sleep.id(),
            again.display()
        ));
        let enter = filter
            .map_or(enter.clone(), |filter| enter.under(filter))
            .start();
        enter.program("sleep");
        assert_eq!(
            fs::read_link(format!("/proc/{}/exe", enter.id()))
                .unwrap()
                .to_str(),
            Some(runs_from)
        );
        assert_eq!(procfs::comm(enter.id()), "nsx");
        let attack = session.command(&format!(
            "nsenter --all --target {} --wd={} perl -e",
            sleep.id(),
            session.directory().display()
        ));
        let tried = attack
            .arg(include_str!("../support/attack.pl"))
            .arg(&again)
            .run()
            .exited(0);
        let (done, refused): (Vec<_>, Vec<_>) = tried
            .text()
            .lines()
            .partition(|line| line.starts_with("DONE"));
        assert!(done.is_empty(), "{tried}");
        assert!(
            refused
                .iter()
                .any(|line| line.starts_with("refused ended WRONLY")),
            "{tried}"
        );
        enter.wait().killed_by(Signal::KILL);
        assert!(state() == before, "{} was changed", own.display());
    }
}

fn no_copy_is_sealed_if_the_target_cannot_reach_nsx(session: &Session) {
    let (_unshare, sleep) = target(session, "", "");
    // The target does not see nsx, or sees only what the caller permits.
    let (_unshare, other) = target(session, "--user --map-root-user ", "");
    for words in [format!("{} --pid", sleep.id()), format!("{}", other.id())] {
        let explained = session
            .nsx(&format!("enter {words} --explain true"))
            .output();
        assert!(!explained.contains("sealed"), "{explained}");
    }
}

fn a_script_with_proc_self_exe_is_run_by_the_sealed_copy(session: &Session) {
    let (_unshare, sleep) = target(session, "", "");
    // The kernel runs `/proc/self/exe unshare FILE`, in which `/proc/self/exe` is the process that
    // runs it: nsx.
    fs::write(session.path("trick"), "#!/proc/self/exe unshare\n").unwrap();
    session.shell("chmod +x trick").run().exited(0);
    let strace = "strace -f -o trace -e trace=execve -e inject=execve:delay_exit=400000 nsx enter";
    let enter = session
        .command(&format!("{strace} {} --", sleep.id()))
        .arg(session.path("trick"))
        .start();
    let mut exe = None;
    until("the trick runs", || {
        let inside = procfs::descendants(enter.id()).into_iter().find(|id| {
            let line = fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
            line.starts_with(b"/proc/self/exe\0unshare\0")
        });
        exe = inside.and_then(|id| fs::read_link(format!("/proc/{id}/exe")).ok());
        exe.is_some()
    });
    assert_eq!(exe.unwrap().to_str(), Some("/"));
    enter.wait().exited(125).says(&["nothing to unshare"]);
}

/// The shell that lists its own descriptors. The descriptor of the directory that it reads comes
/// last.
const LIST: &str = "sh -c";

fn no_descriptor_of_the_callers_leaks_in(session: &Session) {
    let (_unshare, sleep) = target(session, "", "");
    let list = format!(
        "exec 5</etc/passwd 7</; nsx enter {} PRESERVE {LIST} 'echo /proc/self/fd/*'",
        sleep.id()
    );
    let open = |options: &str, filter: Option<Filter>| {
        let shell = session.shell(&list.replace("PRESERVE", options));
        filter
            .map_or(shell.clone(), |filter| shell.under(filter))
            .output()
            .replace("/proc/self/fd/", "")
    };
    let alone = open("", None);
    assert!(
        !alone.contains('5') && !alone.contains('7') && alone.starts_with("0 1 2"),
        "{alone}"
    );
    assert_eq!(open("", Some(Filter::NewCalls)), alone, "before 5.11");
    let some = open("--preserve-fds 3", None);
    assert!(some.contains('5') && !some.contains('7'), "{some}");
    let all = open("--preserve-fds 9", None);
    assert!(all.contains('5') && all.contains('7'), "{all}");
}

fn the_callers_descriptors_stay_if_kinds_are_named(session: &Session) {
    let (_unshare, sleep) = target(session, "", "");
    let user = if session.is_root() { "" } else { "-U " };
    let script = format!(
        "exec 7</etc/hostname; nsx enter {} {user}--mount --pid cat /proc/self/fd/7",
        sleep.id()
    );
    assert_eq!(
        session.shell(&script).output(),
        fs::read_to_string("/etc/hostname").unwrap().trim_end()
    );
    let none = session
        .shell(&script.replace("--mount", "--preserve-fds 0 --mount"))
        .run();
    none.exited(1);
}

/// An image with a shell, and the files that a script makes in it.
fn image(session: &Session, script: &str) -> (Process, Pinned) {
    let make = "mkdir -p image/bin && cp \"$(command -v busybox)\" image/bin/ && cd image && \
        for tool in sh ls cat sleep id; do ln bin/busybox bin/$tool; done; ";
    session.shell(&format!("{make}{script}")).run().exited(0);
    let options = "--root image --no-mount-proc --no-mount-sys --pid --net --wd /";
    let unshare = session.unshare(&format!("{options} sleep 100")).start();
    let sleep = unshare.program("sleep");
    (unshare, sleep)
}

fn a_target_without_proc_sys_and_dev_is_entered(session: &Session) {
    let (_unshare, sleep) = image(session, "true");
    for options in ["", "--host-env ", "--no-pty "] {
        let output = session
            .nsx(&format!("enter {} {options}-- sh -c", sleep.id()))
            .arg("echo /*; echo $$")
            .output();
        let (files, pid) = output.split_once('\n').unwrap();
        assert_eq!(files, "/bin");
        assert_ne!(pid, "1");
    }
    let mut terminal = session.terminal();
    terminal.line(&format!(
        "nsx enter {} -- sh -c '[ -t 0 ] && echo a''terminal'",
        sleep.id()
    ));
    terminal.shows("aterminal");
    terminal.prompt();
    // The host's programs use their own.
    let tools = session.nsx(&format!("enter {} --host-tools -- sh -c", sleep.id()));
    assert_eq!(
        tools
            .arg("cat /proc/1/comm; ls /sys/class/net; ls $NSX_TARGET_ROOT")
            .output(),
        "sleep\nlo\nbin"
    );
}

/// `/proc/kmsg` is a regular file by its mode, and reading it waits for the kernel's next message.
fn network_files_are_read_only_if_they_are_regular_files(session: &Session) {
    fs::write(session.path("outside"), "outside\n").unwrap();
    let own = session.command("cat /etc/resolv.conf").output();
    let outside = session.path("outside").display().to_string();
    for (what, make, seen) in [
        ("a file", "echo inside >FILE".to_owned(), "inside"),
        (
            "a link below the root",
            "echo inside >etc/it; ln -s /etc/it FILE".to_owned(),
            "inside",
        ),
        ("an empty file", "touch FILE".to_owned(), ""),
        ("a link to outside", format!("ln -s {outside} FILE"), &own),
        (
            "a link that climbs",
            format!("ln -s ../../../../../../../..{outside} FILE"),
            &own,
        ),
        (
            "a link to itself",
            "ln -s resolv.conf FILE".to_owned(),
            &own,
        ),
        ("a FIFO", "mkfifo FILE".to_owned(), &own),
        ("a directory", "mkdir FILE".to_owned(), &own),
        ("a file of 5 GB", "truncate -s 5G FILE".to_owned(), &own),
    ] {
        let make = format!("mkdir etc; {}", make.replace("FILE", "etc/resolv.conf"));
        let (_unshare, sleep) = image(session, &make);
        let user = if session.is_root() { "" } else { "-U " };
        let words = format!(
            "enter {} {user}--net -v -- cat /etc/resolv.conf",
            sleep.id()
        );
        let limited = session.shell(&format!("ulimit -v 300000; exec nsx {words}"));
        let outcome = limited.start().wait_for(Duration::from_secs(15)).exited(0);
        assert_eq!(outcome.text(), seen, "{what}");
        if seen == own {
            outcome.says(&["its /etc/resolv.conf", "the program sees yours"]);
        }
        session.shell("rm -rf image").run().exited(0);
    }
    if session.is_root() {
        let (_unshare, sleep) = target(
            session,
            "--net ",
            "mount -t tmpfs none /etc; ln -s /proc/kmsg /etc/resolv.conf",
        );
        let enter = session
            .nsx(&format!(
                "enter {} --net -- wc -c /etc/resolv.conf",
                sleep.id()
            ))
            .start();
        enter.wait_for(Duration::from_secs(15)).exited(0);
        let (_unshare, sleep) = target(
            session,
            "",
            "mount -t tmpfs none /etc; ln -s /proc/kmsg /etc/passwd",
        );
        let enter = session
            .nsx(&format!("enter {} --user 5:6 -- true", sleep.id()))
            .start();
        enter.wait_for(Duration::from_secs(15)).exited(0);
    }
}

fn links_in_the_target_never_reach_files_of_the_host(session: &Session) {
    fs::write(session.path("outside"), "root:x:0:0::/outside:/bin/sh\n").unwrap();
    let outside = session.directory().display().to_string();
    let links = format!(
        "mkdir dev etc; for name in proc sys dev/ptmx dev/tty etc/passwd etc/group; do ln -s \
        {outside}/outside $name; done"
    );
    let (_unshare, sleep) = image(session, &links);
    let output = session
        .nsx(&format!("enter {} -- sh -c", sleep.id()))
        .arg("cat /proc; echo $HOME")
        .run()
        .exited(0);
    assert!(!output.text().contains("outside"), "{output}");
    let mut terminal = session.terminal();
    terminal.line(&format!(
        "nsx enter {} -- sh -c '[ -t 0 ] && echo a''terminal'",
        sleep.id()
    ));
    terminal.shows("aterminal");
    terminal.prompt();
    assert_eq!(
        fs::read_to_string(session.path("outside")).unwrap(),
        "root:x:0:0::/outside:/bin/sh\n"
    );
}
