//! A program and all that it starts, watched for system calls that fail, see `ptrace(2)`.
//!
//! The program is traced from its first instruction. Set-user-ID programs get no privilege under an
//! unprivileged tracer, and each call costs two stops.

use crate::{
    descriptor::write_all,
    hash::HashMap,
    pid::Pid,
    sys::{
        process::{Forked, SingleThread, execvp, exit_now, fork},
        signal::Mask,
        trace::{self, CallStop},
    },
};
use rustix::{
    fd::OwnedFd,
    io::Errno,
    pipe::PipeFlags,
    process::{WaitOptions, WaitStatus, wait},
};
use std::ffi::CString;

/// A system call that failed. Its thread is stopped while it is looked at.
#[derive(Clone, Copy, Debug)]
pub struct FailedCall {
    /// The thread that made it.
    pub thread: Pid,
    /// The call's number.
    pub number: u64,
    /// Its arguments.
    pub arguments: [u64; 6],
    /// Its error.
    pub errno: Errno,
}

/// The end of a program that was watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It exited with this status.
    Exited(i32),
    /// This signal killed it.
    Killed(i32),
    /// It could not be run.
    NotRun(Errno),
}

/// Runs a program, looked up in PATH, and calls `watch` for each system call of it or its
/// descendants that fails, until the program ends. Its descendants then go on unwatched.
///
/// # Errors
/// Those of `fork(2)`, `ptrace(2)` and `waitpid(2)`; `EINVAL` if this process has several threads.
pub fn watch(arguments: &[CString], mut watch: impl FnMut(&FailedCall)) -> Result<Ending, Errno> {
    let name = arguments.first().ok_or(Errno::INVAL)?;
    let thread = SingleThread::check()?;
    let (wait_for_tracer, go) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?;
    let (failure, tell) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?;
    // The terminal sends these to the program, too, which decides what they mean.
    let mask = Mask::block(&[libc::SIGINT, libc::SIGQUIT])?;
    let program = match fork(thread)? {
        Forked::Child => {
            drop((go, failure));
            let _ = mask.restore();
            let mut byte = [0];
            let _ = rustix::io::read(&wait_for_tracer, &mut byte);
            if byte != [1] {
                exit_now(125);
            }
            let errno = execvp(name, arguments);
            let _ = write_all(&tell, &errno.raw_os_error().to_ne_bytes());
            exit_now(125)
        }
        Forked::Parent(program) => program,
    };
    drop((wait_for_tracer, tell));
    trace::follow(program)?;
    write_all(&go, &[1])?;
    drop(go);
    let ending = follow(program, &mut watch)?;
    Ok(error_of(&failure).map_or(ending, Ending::NotRun))
}

/// Follows the program and its descendants to the program's end.
fn follow(program: Pid, watch: &mut impl FnMut(&FailedCall)) -> Result<Ending, Errno> {
    let mut begun: HashMap<Pid, (u64, [u64; 6])> = HashMap::default();
    // The program does not stop before its first call unless it is told to.
    trace::interrupt(program)?;
    loop {
        let Some((thread, status)) = rustix::io::retry_on_intr(|| wait(WaitOptions::empty()))?
        else {
            continue;
        };
        if let Some(ending) = ending(status) {
            begun.remove(&thread);
            if thread == program {
                return Ok(ending);
            }
            continue;
        }
        let signal = match Stop::of(status) {
            Stop::Call => {
                match trace::call_stop(thread) {
                    Ok(Some(CallStop::Start(number, arguments))) => {
                        begun.insert(thread, (number, arguments));
                    }
                    Ok(Some(CallStop::End(errno))) => {
                        let call = begun.remove(&thread).zip(errno);
                        if let Some(((number, arguments), errno)) = call {
                            watch(&FailedCall {
                                thread,
                                number,
                                arguments,
                                errno,
                            });
                        }
                    }
                    // Killed meanwhile: its end comes next.
                    _ => {}
                }
                0
            }
            Stop::JobControl => {
                let _ = trace::stay_stopped(thread);
                continue;
            }
            Stop::Event => 0,
            Stop::Signal(signal) => signal,
        };
        // It may have been killed meanwhile.
        let _ = trace::go_on(thread, signal);
    }
}

/// The reason why a traced thread is stopped, see "Stopped states" in `ptrace(2)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    /// At the start or end of a system call.
    Call,
    /// By SIGSTOP, SIGTSTP, SIGTTIN or SIGTTOU, until SIGCONT.
    JobControl,
    /// At a fork, an exec, or the start of tracing.
    Event,
    /// Before this signal is delivered.
    Signal(i32),
}

impl Stop {
    fn of(status: WaitStatus) -> Self {
        const STOP: i32 = 128;
        const CALL: i32 = libc::SIGTRAP | 0x80;
        let raw = status.as_raw();
        match (raw >> 16, raw >> 8 & 0xff) {
            (0, CALL) => Self::Call,
            (0, signal) => Self::Signal(signal),
            (STOP, libc::SIGSTOP | libc::SIGTSTP | libc::SIGTTIN | libc::SIGTTOU) => {
                Self::JobControl
            }
            _ => Self::Event,
        }
    }
}

fn ending(status: WaitStatus) -> Option<Ending> {
    let exited = status.exit_status().map(Ending::Exited);
    exited.or_else(|| status.terminating_signal().map(Ending::Killed))
}

/// Returns the error with which the program could not be run.
fn error_of(failure: &OwnedFd) -> Option<Errno> {
    let mut bytes = [0; 4];
    let length = rustix::io::read(failure, &mut bytes).ok()?;
    (length == 4).then(|| Errno::from_raw_os_error(i32::from_ne_bytes(bytes)))
}
