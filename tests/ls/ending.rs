//! Processes that show little or nothing: they exit, their main thread has ended, or they are
//! kernel threads.

use crate::support::{
    Need, Session, Test, both,
    process::{Process, until},
    procfs::{self, KTHREADD},
    root,
};
use rustix::process::Signal;
use std::fs;

pub(crate) fn tests() -> Vec<Test> {
    vec![
        both(a_process_that_was_just_killed_is_not_listed),
        root(a_process_that_exits_slowly_is_not_listed).needs([Need::Tool("perl")]),
        both(a_process_without_its_main_thread_is_refused).needs([Need::Tool("perl")]),
        root(a_kernel_thread_is_called_a_kernel_thread).needs([Need::KernelThreads]),
    ]
}

/// Commands that read a process, each with its status if the process does not exist.
const COMMANDS: [(&str, i32); 4] = [
    ("ls PID", 1),
    ("ls -p PID", 1),
    ("enter PID -- true", 125),
    ("idmap PID", 1),
];

fn a_process_that_was_just_killed_is_not_listed(session: &Session) {
    for _ in 0..25 {
        for (words, _) in COMMANDS {
            let sleep = session.unshare("--uts sleep 100").start();
            let program = sleep.program("sleep");
            program.signal(Signal::KILL);
            let outcome = session
                .nsx(&words.replace("PID", &program.id().to_string()))
                .run();
            let said = String::from_utf8_lossy(&outcome.stderr);
            assert!(
                !said.contains("hidepid") && !said.contains("it is there"),
                "{outcome}"
            );
        }
    }
}

/// Each packet socket that the process holds delays its exit until the kernel has seen every
/// processor idle. By then it has no namespaces and is not yet a zombie.
fn a_process_that_exits_slowly_is_not_listed(session: &Session) {
    let script =
        "socket($s[$_], 17, 3, 768) or die for 0..60; $| = 1; print qq(open\\n); sleep 100";
    for (words, status) in COMMANDS {
        until("nsx reads while the process exits", || {
            let holder = session
                .original_unshare("--uts perl -e")
                .arg(script)
                .start();
            holder.line();
            let perl = holder.program("perl");
            perl.signal(Signal::KILL);
            let link = format!("/proc/{}/ns/net", perl.id());
            until("its namespaces are gone", || fs::read_link(&link).is_err());
            let outcome = session
                .nsx(&words.replace("PID", &perl.id().to_string()))
                .run();
            let was_read = perl.state() != 'Z' && perl.state() != 'X';
            if was_read && !words.starts_with("idmap") {
                outcome.exited(status).says(&[if status == 125 {
                    "has ended"
                } else {
                    "no such process"
                }]);
            }
            was_read
        });
    }
}

fn a_process_without_its_main_thread_is_refused(session: &Session) {
    let leaderless = leaderless(session);
    let id = leaderless.id();
    for words in ["ls PID", "ls -p PID", "enter PID -- true"] {
        let outcome = session.nsx(&words.replace("PID", &id.to_string())).run();
        let outcome = outcome.says(&["main thread has exited"]);
        assert_eq!(outcome.text(), "", "{outcome}");
        assert_ne!(outcome.status(), "exit status: 0", "{outcome}");
    }
    // Its ids exist until its last thread has ended.
    let chain = procfs::status(id, "NSpid");
    assert!(
        session
            .nsx(&format!("pidmap -q {id}"))
            .output()
            .ends_with(chain.rsplit('\t').next().unwrap())
    );
    assert!(!leaderless.pinned().ended(std::time::Duration::ZERO));
}

/// A process whose main thread has ended, and another thread has not.
fn leaderless(session: &Session) -> Process {
    let script = "threads->create(sub { sleep 100 }); syscall(shift, 0)";
    let process = session
        .command("perl -Mthreads -e")
        .arg(script)
        .arg(libc::SYS_exit.to_string())
        .start();
    until("its main thread ends", || process.pinned().state() == 'Z');
    process
}

fn a_kernel_thread_is_called_a_kernel_thread(session: &Session) {
    let outcome = session
        .original_unshare(&format!("--mount nsx enter {KTHREADD} -- true"))
        .run();
    outcome
        .exited(125)
        .says(&["environ", "thread of the kernel"]);
    session.nsx(&format!("ls {KTHREADD}")).run().exited(0);
}
