//! The ids in `/proc/PID/status` and `/proc/PID/task/TID/status`, for scans of thousands of these
//! files.

use super::{Lines, ProcError, ProcRoot, decimal, entry_path::EntryPath};
use crate::pid::{Pid, PidChain};

/// The ids of a process or thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskIds {
    /// The process, as the procfs mount's PID namespace counts; for a thread the one that it
    /// belongs to.
    pub tgid: Pid,
    /// Its own ids, from the procfs mount's PID namespace to the innermost (4.1).
    pub chain: PidChain,
    /// Its process group as each of these namespaces counts, 0 if the group is not visible
    /// there.
    pub pgid: Vec<i32>,
    /// Its session, likewise.
    pub sid: Vec<i32>,
    /// The number of threads of the process.
    pub threads: u64,
}

impl TaskIds {
    /// Reads a text that holds these lines whole.
    ///
    /// # Errors
    /// `Vanished` if the process was reaped while the kernel wrote the text; `Malformed` if a
    /// line is missing or does not hold what it should.
    pub fn parse(text: &[u8]) -> Result<Self, ProcError> {
        let malformed = ProcError::Malformed("status");
        let mut lines = Lines(text);
        let tgid = decimal(lines.value(b"Tgid")?)
            .and_then(|id| id.try_into().ok())
            .ok_or(malformed)?;
        let tgid = Pid::from_raw(tgid).ok_or(ProcError::Vanished)?;
        let chain = PidChain::parse(lines.value(b"NSpid")?)?;
        let mut numbers = |key: &[u8]| -> Result<Vec<i32>, ProcError> {
            let fields = lines.value(key)?.split(|&byte| byte == b'\t');
            fields
                .map(|field| {
                    decimal(field)
                        .and_then(|id| id.try_into().ok())
                        .ok_or(malformed)
                })
                .collect()
        };
        let (pgid, sid) = (numbers(b"NSpgid")?, numbers(b"NSsid")?);
        let threads = decimal(lines.value(b"Threads")?).ok_or(malformed)?;
        Ok(Self {
            tgid,
            chain,
            pgid,
            sid,
            threads,
        })
    }
}

impl ProcRoot {
    /// Returns the ids of a process, or of a thread: `/proc/TID` is there too, though it is not
    /// listed.
    ///
    /// # Errors
    /// [`ProcError`].
    pub fn task_ids(&self, id: Pid) -> Result<TaskIds, ProcError> {
        self.read_with(id, "status", TaskIds::parse)?
    }

    /// Returns the ids of a thread of this process.
    ///
    /// # Errors
    /// [`ProcError`].
    pub fn thread_ids(&self, process: Pid, thread: Pid) -> Result<TaskIds, ProcError> {
        let path = EntryPath::of(process)
            .file("task")
            .number(thread)
            .file("status");
        self.with_text(&path, usize::MAX, TaskIds::parse)?
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proc::Recording;
    use proptest::prelude::*;

    #[test]
    fn the_caller_and_its_threads_read_as_their_whole_status_does() {
        let proc = ProcRoot::system().unwrap();
        let own = proc.own_status().unwrap();
        let ids = proc.task_ids(own.tgid).unwrap();
        assert_eq!((ids.tgid, &ids.chain), (own.tgid, &own.chain));
        let theirs = procfs::process::Process::myself()
            .unwrap()
            .status()
            .unwrap();
        assert_eq!(
            (Some(ids.pgid), Some(ids.sid)),
            (theirs.nspgid, theirs.nssid)
        );
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let thread = rustix::thread::gettid();
                let process = rustix::process::getpid();
                assert!(proc.threads(process).unwrap().contains(&thread));
                let ids = proc.thread_ids(process, thread).unwrap();
                assert_eq!((ids.tgid, ids.chain.outermost()), (process, thread));
                assert!(ids.threads >= 2);
                let ids = proc.task_ids(thread).unwrap();
                assert_eq!((ids.tgid, ids.chain.outermost()), (process, thread));
            });
        });
    }

    #[test]
    fn a_file_of_any_length_is_read_to_the_wanted_lines() {
        let recording = Recording::new();
        for length in [1, 4050, 4072, 4080, 4090, 4096, 70_000] {
            let groups = "1 ".repeat(length / 2);
            let text = format!(
                "Name:\tx\nTgid:\t7\nGroups:\t{groups}\nNSpid:\t7\t123\nNSpgid:\t0\t5\nNSsid:\t1\t0\nThreads:\t12\nrest:\t\n"
            );
            recording.file(7, "status", text);
            let ids = recording
                .root()
                .task_ids(Pid::from_raw(7).unwrap())
                .unwrap();
            assert_eq!(
                (ids.chain.to_string().as_str(), ids.threads),
                ("7 → 123", 12),
                "{length}"
            );
            assert_eq!((ids.pgid, ids.sid), (vec![0, 5], vec![1, 0]));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = TaskIds::parse(&bytes);
        }
    }
}
