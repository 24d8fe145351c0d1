//! `/proc/PID/stat`, see `proc_pid_stat(5)`: when a process started, and whether it still runs a
//! program.
//!
//! The name in the file is in parentheses and may itself hold parentheses, spaces and line feeds,
//! so what follows it begins after the last `)`.

use super::{ProcError, ProcRoot, decimal};
use crate::pid::Pid;

/// The indexes of fields, counted from the first one after the name: field N of the manual page has
/// index N - 3.
const FLAGS: usize = 6;
const THREADS: usize = 17;
const START: usize = 19;

/// Flags of a task, from the kernel's `linux/sched.h`; the same numbers since 2.6.
const PF_EXITING: u64 = 0x4;
const PF_KTHREAD: u64 = 0x0020_0000;

/// The stage of a process's life, between running a program and being gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// A program of user space runs.
    Running,
    /// The process exits, or is a zombie: the kernel has taken its namespaces and files away, or is
    /// about to.
    Ending,
    /// The main thread has exited and other threads have not. What `/proc/PID` shows of the main
    /// thread is gone.
    WithoutMainThread,
    /// The process is a thread of the kernel.
    Kernel,
}

impl ProcRoot {
    /// Returns the start time of a process in clock ticks after the boot, field 22. The id and the
    /// start time tell two processes apart, because an id is not used again within a tick.
    ///
    /// # Errors
    /// [`ProcError`].
    pub fn start_time(&self, pid: Pid) -> Result<u64, ProcError> {
        self.read_with(pid, "stat", start_time)?
    }

    /// Reads how far a process is from running a program.
    ///
    /// # Errors
    /// [`ProcError`].
    pub fn stage(&self, pid: Pid) -> Result<Stage, ProcError> {
        self.read_with(pid, "stat", stage)?
    }
}

/// Reads the start from the whole text of the file.
///
/// # Errors
/// `Malformed`.
pub fn start_time(text: &[u8]) -> Result<u64, ProcError> {
    number(text, START)
}

/// Reads the stage from the whole text of the file.
///
/// # Errors
/// `Malformed`.
pub fn stage(text: &[u8]) -> Result<Stage, ProcError> {
    let (flags, threads) = (number(text, FLAGS)?, number(text, THREADS)?);
    Ok(
        match (flags & PF_KTHREAD != 0, flags & PF_EXITING != 0, threads) {
            (true, ..) => Stage::Kernel,
            (_, false, _) => Stage::Running,
            (_, true, 0 | 1) => Stage::Ending,
            (_, true, _) => Stage::WithoutMainThread,
        },
    )
}

/// Returns the number in the field that has this index.
fn number(text: &[u8], index: usize) -> Result<u64, ProcError> {
    let after = text
        .iter()
        .rposition(|&byte| byte == b')')
        .and_then(|end| text.get(end + 2..));
    let field = after.and_then(|fields| fields.split(|&byte| byte == b' ').nth(index));
    field.and_then(decimal).ok_or(ProcError::Malformed("stat"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_name_forges_no_field() {
        let fields = "S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 1153757 20 21\n";
        for name in ["sleep", "a) S 1 (b", ")", "a\n) ", "", "\u{fffd}"] {
            assert_eq!(
                start_time(format!("7 ({name}) {fields}").as_bytes()),
                Ok(1_153_757),
                "{name}"
            );
        }
        for text in [
            "",
            ")",
            "7 (a)",
            "7 (a) S 1 2",
            "7 (a) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 x",
        ] {
            assert_eq!(
                start_time(text.as_bytes()),
                Err(ProcError::Malformed("stat")),
                "{text}"
            );
        }
    }

    #[test]
    fn the_callers_own_agrees_with_procfs() {
        let theirs = procfs::process::Process::myself()
            .unwrap()
            .stat()
            .unwrap()
            .starttime;
        let proc = ProcRoot::system().unwrap();
        assert_eq!(proc.start_time(rustix::process::getpid()), Ok(theirs));
    }

    #[test]
    fn a_kernel_thread_and_a_zombie_run_no_program() {
        let proc = ProcRoot::system().unwrap();
        assert_eq!(proc.stage(rustix::process::getpid()), Ok(Stage::Running));
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = Pid::from_child(&child);
        let process = crate::pid::Process::hold(pid).unwrap();
        while !process.ended() {
            std::thread::yield_now();
        }
        assert_eq!(proc.stage(pid), Ok(Stage::Ending));
        child.wait().unwrap();
        // In the initial PID namespace, process 2 is the parent of all kernel threads.
        if std::fs::read("/proc/2/comm").is_ok_and(|name| name == b"kthreadd\n") {
            assert_eq!(proc.stage(Pid::from_raw(2).unwrap()), Ok(Stage::Kernel));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = start_time(&bytes);
            let _ = stage(&bytes);
        }
    }
}
