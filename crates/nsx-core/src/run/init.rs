//! Detection of signals that PID 1 of a PID namespace would drop, see `pid_namespaces(7)`.
//!
//! The kernel gives PID 1 only signals that it handles, and drops those that would end or stop any
//! other process. A user who types Ctrl-C at a program does not care that the program is PID 1, so
//! nsx gives the signal its effect from outside.

use crate::{
    pid::Pid,
    proc::{ProcError, ProcRoot, Status, decimal},
    sys::signal::{DefaultEffect, Signal, default_effect},
};
use rustix::fs::OFlags;
use std::time::{Duration, Instant};

/// Watches what PID 1 does with the signals that it gets.
pub(super) struct Watch<'a> {
    proc: &'a ProcRoot,
    init: Pid,
    watched: Vec<Watched>,
    /// The time of the next look, if anything is watched.
    due: Instant,
}

/// A signal whose fate nsx looks at again and again. A process shows its handling of signals only
/// in pieces, which may be of different moments, and while it makes a child it holds all of them
/// back: one look is none.
struct Watched {
    signal: Signal,
    looks: u32,
    /// The number of those looks that found the signal dropped.
    dropped: u32,
}

/// The number of looks that must find a signal dropped.
const SURE: u32 = 2;

/// After how many looks nsx leaves a signal to a program that holds it back and has taken it, as
/// one does that reads signals from a descriptor.
const LOOKS: u32 = 50;

impl Watched {
    /// Returns the time until the next look. It is not in step with a program that does the same
    /// thing over and over, and it grows, because a program that waits for a processor shows the
    /// same thing for a while.
    fn pause(&self) -> Duration {
        let longer = [0, 40, 900][(self.looks / 30).min(2) as usize];
        Duration::from_millis(u64::from(3 + self.looks % 5) + longer)
    }
}

impl<'a> Watch<'a> {
    /// Watches the process that `proc` shows as `init`.
    pub(super) fn new(proc: &'a ProcRoot, init: Pid) -> Self {
        Self {
            proc,
            init,
            watched: Vec::new(),
            due: Instant::now(),
        }
    }

    /// Takes a first look, to be taken before `signal` is sent: it changes what there is to see.
    pub(super) fn expect(&mut self, signal: Signal) {
        // A reader in the background is sent the same signal for as long as it drops it.
        if self.watched.iter().any(|watched| watched.signal == signal) {
            return;
        }
        let dropped = match fate(self.proc, self.init, signal) {
            Fate::TakenCareOf => return,
            Fate::Pending | Fate::HeldBack => 0,
            Fate::Dropped(_) => 1,
        };
        self.watched.push(Watched {
            signal,
            looks: 1,
            dropped,
        });
        self.set_due();
    }

    /// Watches no signal that stops any more: the program has stopped.
    pub(super) fn stopped(&mut self) {
        self.watched
            .retain(|watched| default_effect(watched.signal) != DefaultEffect::Stop);
    }

    /// Returns the time until the next look, or `None` if no signal is being watched.
    pub(super) fn pause(&self) -> Option<Duration> {
        (!self.watched.is_empty()).then(|| self.due.saturating_duration_since(Instant::now()))
    }

    fn set_due(&mut self) {
        let pause = self.watched.iter().map(Watched::pause).min();
        self.due = Instant::now() + pause.unwrap_or_default();
    }

    /// Looks again. Gives the signals that are surely dropped, with the effect that they would have
    /// on another program. Looks count against a program only once it `runs`.
    pub(super) fn look(&mut self, runs: bool) -> Vec<(Signal, DefaultEffect)> {
        let mut surely_dropped = Vec::new();
        for mut watched in std::mem::take(&mut self.watched) {
            watched.looks += u32::from(runs);
            match fate(self.proc, self.init, watched.signal) {
                Fate::TakenCareOf => {}
                Fate::Dropped(effect) if watched.dropped + 1 >= SURE => {
                    surely_dropped.push((watched.signal, effect))
                }
                Fate::Dropped(_) => self.watched.push(Watched {
                    dropped: watched.dropped + 1,
                    ..watched
                }),
                Fate::Pending => self.watched.push(watched),
                Fate::HeldBack if watched.looks < LOOKS => self.watched.push(watched),
                Fate::HeldBack => {}
            }
        }
        self.set_due();
        surely_dropped
    }
}

/// The fate of a signal that was sent to PID 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// A thread handles it, ignores it or waits for it, or it has no effect on any program; or that
    /// cannot be read: a program that takes care of its signals must not be killed by mistake.
    TakenCareOf,
    /// It has come and waits until a thread lets it through.
    Pending,
    /// A thread holds it back: for good, to read it from a descriptor, or for the moment in which
    /// it makes a child.
    HeldBack,
    /// It is dropped, although any other program would be ended or stopped.
    Dropped(DefaultEffect),
}

/// Returns the fate of `signal`, as `init` stands now.
fn fate(proc: &ProcRoot, init: Pid, signal: Signal) -> Fate {
    match default_effect(signal) {
        DefaultEffect::Nothing => Fate::TakenCareOf,
        effect => handling(proc, init, signal)
            .unwrap_or(Some(Fate::TakenCareOf))
            .unwrap_or(Fate::Dropped(effect)),
    }
}

/// Returns what the threads of the process do about the signal, or none if they do nothing.
fn handling(proc: &ProcRoot, process: Pid, signal: Signal) -> Result<Option<Fate>, ProcError> {
    let bit = 1_u64 << (signal - 1);
    let mut held_back = None;
    let tasks = proc.open_entry(process, "task", OFlags::RDONLY | OFlags::DIRECTORY)?;
    for entry in rustix::fs::Dir::new(tasks)? {
        let entry = entry?;
        let Some(thread) = decimal(entry.file_name().to_bytes()) else {
            continue;
        };
        let status = format!("task/{thread}/status");
        let status = proc.read_with(process, &status, Status::parse)??;
        if (status.sig_caught | status.sig_ignored) & bit != 0 {
            return Ok(Some(Fate::TakenCareOf));
        }
        if status.sig_blocked & bit != 0 {
            held_back = Some(if status.sig_pending & bit != 0 {
                Fate::Pending
            } else {
                Fate::HeldBack
            });
        }
        // While a thread waits for signals the kernel lists them nowhere, so a wait counts as
        // taking care of all.
        let call = format!("task/{thread}/syscall");
        if proc.read_with(process, &call, waits_for_signals)? {
            return Ok(Some(Fate::TakenCareOf));
        }
    }
    Ok(held_back)
}

/// Returns whether `/proc/PID/task/TID/syscall` shows a thread in `rt_sigtimedwait(2)`.
fn waits_for_signals(syscall: &[u8]) -> bool {
    let number = syscall.split(|byte| *byte == b' ').next().and_then(decimal);
    number == u64::try_from(libc::SYS_rt_sigtimedwait).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_for_signals_is_seen() {
        let line = format!(
            "{} 0x7ffd 0x0 0x0 0x8 0x0 0x0 0x7ffd 0x7f\n",
            libc::SYS_rt_sigtimedwait
        );
        assert!(waits_for_signals(line.as_bytes()));
        assert!(!waits_for_signals(
            b"230 0x0 0x0 0x7ffd 0x0 0x0 0x0 0x7ffd 0x7f\n"
        ));
        assert!(!waits_for_signals(b"running\n"));
        assert!(!waits_for_signals(b"-1 0x7ffd 0x7f\n"));
        assert!(!waits_for_signals(b""));
    }

    #[test]
    fn sleep_does_nothing_about_signals_and_a_shell_with_a_trap_does() {
        let proc = ProcRoot::system().unwrap();
        let mut sleep = std::process::Command::new("sleep")
            .arg("100")
            .spawn()
            .unwrap();
        let pid = Pid::from_child(&sleep);
        assert_eq!(
            fate(&proc, pid, libc::SIGTERM),
            Fate::Dropped(DefaultEffect::End)
        );
        assert_eq!(
            fate(&proc, pid, libc::SIGTSTP),
            Fate::Dropped(DefaultEffect::Stop)
        );
        assert_eq!(fate(&proc, pid, libc::SIGWINCH), Fate::TakenCareOf);
        sleep.kill().unwrap();
        sleep.wait().unwrap();

        // The caller of the tests may ignore hang-ups, as nohup does.
        let mut shell = std::process::Command::new("env");
        let mut shell = shell.args([
            "--default-signal=HUP",
            "sh",
            "-c",
            "trap : TERM; echo; read line",
        ]);
        shell = shell
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped());
        let mut shell = shell.spawn().unwrap();
        std::io::Read::read_exact(shell.stdout.as_mut().unwrap(), &mut [0]).unwrap();
        assert_eq!(
            fate(&proc, Pid::from_child(&shell), libc::SIGTERM),
            Fate::TakenCareOf
        );
        assert_eq!(
            fate(&proc, Pid::from_child(&shell), libc::SIGHUP),
            Fate::Dropped(DefaultEffect::End)
        );
        shell.kill().unwrap();
        shell.wait().unwrap();
    }
}
