//! Programs that are run from a process with several threads.

#![allow(clippy::unwrap_used)]

mod support;

use nsx_core::{
    ns::{NsKind, NsSet},
    pid::{Pid, Process},
    plan::{Caller, Clock, ClockOffset, Pin, Plan, PlanError, enter, unshare},
    proc::ProcRoot,
    run::{self, Child, Ended, RunError, Stream, Streams},
};
use rustix::{
    event::{PollFd, PollFlags, Timespec},
    io::Errno,
};
use std::{
    ffi::CString,
    fs,
    io::{Read, Write},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};
use support::{forking, plan, state};

/// Threads that allocate and read the environment until they are dropped.
struct BusyThreads(Arc<AtomicBool>, Vec<JoinHandle<()>>);

impl BusyThreads {
    fn start() -> Self {
        let done = Arc::new(AtomicBool::new(false));
        let threads = (0..8).map(|_| {
            let done = Arc::clone(&done);
            thread::spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    let texts: Vec<String> = (0..100).map(|size| "x".repeat(size * 37)).collect();
                    assert!(std::env::var_os("PATH").is_some() && texts.len() == 100);
                }
            })
        });
        let threads = threads.collect();
        Self(done, threads)
    }
}

impl Drop for BusyThreads {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
        for thread in self.1.drain(..) {
            thread.join().unwrap();
        }
    }
}

const LONG: Duration = Duration::from_secs(20);

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + LONG;
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_program_runs_beside_busy_threads() {
    let _busy = BusyThreads::start();
    for round in 0..40 {
        let status = round % 7;
        let script = format!("exit {status}");
        let plan = if round % 2 == 0 {
            forking(&script)
        } else {
            plan(&script, |_| {})
        };
        let mut child = run::spawn(&plan, Streams::default()).unwrap();
        until("the program ends", || child.try_wait().unwrap().is_some());
        assert_eq!(child.wait().unwrap(), Ended::Exited(status));
    }
}

#[test]
fn standard_streams_are_pipes_files_or_null() {
    let path = std::env::temp_dir().join(format!("nsx-spawn-{}", std::process::id()));
    let streams = Streams {
        stdin: Stream::Piped,
        stdout: Stream::Piped,
        stderr: fs::File::create(&path).unwrap().into(),
    };
    let mut child = run::spawn(&forking("tr a-z A-Z; echo wrong >&2"), streams).unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(b"typed").unwrap();
    drop(input);
    let mut text = String::new();
    let mut output = child.stdout.take().unwrap();
    output.read_to_string(&mut text).unwrap();
    assert_eq!(child.wait().unwrap(), Ended::Exited(0));
    assert_eq!(text, "TYPED");
    assert_eq!(fs::read_to_string(&path).unwrap(), "wrong\n");
    fs::remove_file(path).unwrap();

    let streams = Streams {
        stdin: Stream::Null,
        stdout: Stream::Piped,
        ..Streams::default()
    };
    let plan = plan("cat; readlink /proc/self/fd/0", |_| {});
    let mut child = run::spawn(&plan, streams).unwrap();
    text.clear();
    let mut output = child.stdout.take().unwrap();
    output.read_to_string(&mut text).unwrap();
    assert_eq!(text, "/dev/null\n");
    assert_eq!(child.wait().unwrap(), Ended::Exited(0));
}

#[test]
fn a_killed_program_ends_by_the_signal() {
    for plan in [plan("exec sleep 100", |_| {}), forking("sleep 100; exit 3")] {
        let mut child = run::spawn(&plan, Streams::default()).unwrap();
        let process = Process::pin(child.id()).unwrap();
        assert_eq!(child.try_wait().unwrap(), None);
        child.kill().unwrap();
        assert_eq!(child.wait().unwrap(), Ended::Killed(9));
        assert!(process.ended());
        child.kill().unwrap();
    }
}

#[test]
fn the_pidfd_tells_of_the_end() {
    let streams = Streams {
        stdin: Stream::Piped,
        ..Streams::default()
    };
    let mut child = run::spawn(&forking("exec cat"), streams).unwrap();
    let is_ready = |child: &Child| {
        let mut fds = [PollFd::new(child, PollFlags::IN)];
        rustix::event::poll(&mut fds, Some(&Timespec::default())).unwrap() > 0
    };
    assert!(!is_ready(&child));
    drop(child.stdin.take());
    until("the pidfd is readable", || is_ready(&child));
    assert_eq!(child.try_wait().unwrap(), Some(Ended::Exited(0)));
}

#[test]
fn a_dropped_child_runs_on() {
    let child = run::spawn(&forking("sleep 100"), Streams::default()).unwrap();
    let program = Process::pin(child.id()).unwrap();
    drop(child);
    thread::sleep(Duration::from_millis(100));
    assert!(!program.ended());
    rustix::process::kill_process(program.pid(), rustix::process::Signal::KILL).unwrap();
}

#[test]
fn a_helper_keeps_no_pipe_of_the_caller_open() {
    let (mut reader, writer) = std::io::pipe().unwrap();
    let mut child = run::spawn(&forking("sleep 100"), Streams::default()).unwrap();
    drop(writer);
    // At once, and not when the program ends.
    assert_eq!(reader.read(&mut [0]).unwrap(), 0);
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn the_program_has_the_callers_environment_and_default_signals() {
    let script = "test -n \"$PATH\" && grep -q 'SigIgn:.*0000$' /proc/self/status \
        && grep -q 'SigBlk:.*0000$' /proc/self/status";
    for plan in [plan(script, |_| {}), forking(script)] {
        assert_eq!(run::run(&plan).unwrap(), Ended::Exited(0));
    }
}

#[test]
fn the_callers_process_stays_as_it_is_whichever_step_fails() {
    type Change = fn(&mut unshare::Request);
    let changes: [(&str, Change); 8] = [
        ("execute /no/such", |request| {
            request.programs = vec![vec![c"/no/such".into()]];
        }),
        ("change to directory /no/such", |request| {
            request.directory = Some("/no/such".into());
        }),
        ("make /no/such the root directory", |request| {
            request.root = Some("/no/such".into());
        }),
        ("mount procfs", |request| {
            request.mount_proc = Some("/no/such".into())
        }),
        ("become user 7", |request| request.uid = Some(7)),
        ("join the groups 7", |request| {
            request.gid = Some(0);
            request.supplementary_groups = vec![7];
        }),
        ("set the clock offset", |request| {
            request.clocks = vec![ClockOffset {
                clock: Clock::Boottime,
                seconds: i64::MIN,
                nanoseconds: 0,
            }];
        }),
        ("pin the uts namespace", |request| {
            request.pins = vec![Pin::new(NsKind::Uts, "/no/such/pin".into())];
        }),
    ];
    let _busy = BusyThreads::start();
    let before = state();
    for (act, change) in changes {
        for fork in [false, true] {
            let plan = plan("true", |request| {
                let kinds = [
                    NsKind::User,
                    NsKind::Mnt,
                    NsKind::Uts,
                    NsKind::Pid,
                    NsKind::Time,
                ];
                request.kinds = kinds.into_iter().collect();
                request.fork = fork;
                change(request);
            });
            match run::run(&plan) {
                Err(RunError::Step(failure)) if failure.to_string().contains(act) => {}
                other => panic!("{act}: {other:?}"),
            }
            assert_eq!(state(), before, "{act}");
        }
    }
    run::run(&forking("true")).unwrap();
    assert_eq!(state(), before);
}

#[test]
fn a_failure_names_its_step() {
    for plan in [
        plan("", |request| {
            request.programs = vec![vec![c"/no/such".into()]]
        }),
        plan("", |request| {
            request.fork = true;
            request.programs = vec![vec![c"/no/such".into()]];
        }),
    ] {
        let Err(RunError::Step(failure)) = run::spawn(&plan, Streams::default()) else {
            panic!("the program ran")
        };
        assert_eq!(failure.to_string(), "failed to execute /no/such");
        assert_eq!(failure.errno, Errno::NOENT);
    }
}

fn enter(target: Pid, exactly: bool, program: CString) -> Result<Plan, PlanError> {
    let proc = ProcRoot::system().unwrap();
    let request = enter::Request {
        target: Process::pin(target).ok(),
        kinds: NsSet::ALL,
        exactly,
        program: enter::Program::First(vec![vec![program]]),
        ..enter::Request::default()
    };
    enter::plan(request, &Caller::read(&proc).unwrap(), &proc)
}

#[test]
fn all_kinds_enter_a_container_that_shares_some() {
    let apart = forking("exec sleep 100");
    // The user namespace is the caller's, which nobody can join again.
    let shared = plan("exec sleep 100", |request| {
        request.kinds = NsSet::EMPTY.with(NsKind::Uts);
        (request.users, request.groups) = (None, None);
    });
    for (container, shares_user) in [(apart, false), (shared, true)] {
        let mut container = run::spawn(&container, Streams::default()).unwrap();
        let plan = enter(container.id(), false, c"true".into()).unwrap();
        assert_eq!(run::run(&plan).unwrap(), Ended::Exited(0));
        let outcome = run::run(&enter(container.id(), true, c"true".into()).unwrap());
        match outcome {
            Err(RunError::Step(failure)) if shares_user => assert_eq!(failure.errno, Errno::INVAL),
            Ok(Ended::Exited(0)) if !shares_user => {}
            outcome => panic!("{outcome:?}"),
        }
        container.kill().unwrap();
        container.wait().unwrap();
    }
    let own = rustix::process::getpid();
    let nothing = enter(own, false, c"true".into());
    assert!(matches!(nothing, Err(PlanError::NothingToEnter)));
}

#[test]
fn a_failed_entry_leaves_later_children_outside() {
    let mut container = run::spawn(&forking("exec sleep 100"), Streams::default()).unwrap();
    let before = state();
    let plan = enter(container.id(), false, c"/no/such".into()).unwrap();
    let outcome = run::run(&plan);
    let Err(RunError::Step(failure)) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(failure.to_string(), "failed to execute /no/such");
    assert_eq!(state(), before);
    container.kill().unwrap();
    container.wait().unwrap();
}

#[test]
fn a_process_with_several_threads_carries_no_plan_out_in_place() {
    let outcome = run::in_place(&forking("true"), None, &mut |_| {});
    assert!(
        matches!(outcome, Err(RunError::SeveralThreads)),
        "{outcome:?}"
    );
}

#[test]
fn plans_children_and_errors_can_go_to_another_thread() {
    fn is_shared<T: Send + Sync + 'static>() {}
    is_shared::<Plan>();
    is_shared::<RunError>();
    is_shared::<Child>();
}
