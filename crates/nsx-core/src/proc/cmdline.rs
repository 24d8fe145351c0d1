//! The command line of a process: `/proc/PID/cmdline`, see `proc_pid_cmdline(5)`.
//!
//! A process may write anything there, and as much as it likes.

use super::{ProcRoot, Status, entry_path::EntryPath};
use crate::pid::Pid;

/// The number of bytes of a command line that are read, so that a row costs the same whatever a
/// process calls itself.
pub const LONGEST: usize = 8192;

impl ProcRoot {
    /// Returns the command line of a process, at most [`LONGEST`] bytes, its arguments separated by
    /// spaces. If it is empty, as that of a zombie or a kernel thread, or cannot be read, returns the
    /// name in `status`.
    pub fn command(&self, pid: Pid, status: &Status) -> Vec<u8> {
        self.command_line(pid)
            .unwrap_or_else(|| status.name.clone())
    }

    /// Like [`ProcRoot::command`], but returns `None` if the command line is empty or cannot be read.
    pub fn command_line(&self, pid: Pid) -> Option<Vec<u8>> {
        let path = EntryPath::of(pid).file("cmdline");
        self.with_text(&path, LONGEST, spaced).ok()?
    }
}

/// Returns the arguments with spaces between them; `None` if all of them are empty.
pub fn spaced(cmdline: &[u8]) -> Option<Vec<u8>> {
    let end = cmdline.iter().rposition(|&byte| byte != 0)? + 1;
    Some(
        cmdline[..end]
            .iter()
            .map(|&byte| if byte == 0 { b' ' } else { byte })
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn arguments_stand_apart() {
        assert_eq!(spaced(b"sleep\x00300\0").unwrap(), b"sleep 300");
        assert_eq!(spaced(b"nginx: master\0\0\0\0").unwrap(), b"nginx: master");
        assert_eq!(spaced(b"\0-l\0\0x\0").unwrap(), b" -l  x");
        assert_eq!(spaced(b"no end \xff").unwrap(), b"no end \xff");
        assert_eq!(spaced(b"\0"), None);
        assert_eq!(spaced(b""), None);
    }

    #[test]
    fn a_live_process_reads_as_procfs_reads_it() {
        let theirs = procfs::process::Process::myself()
            .unwrap()
            .cmdline()
            .unwrap()
            .join(" ");
        assert_eq!(
            spaced(&std::fs::read("/proc/self/cmdline").unwrap()),
            Some(theirs.into_bytes())
        );
    }

    proptest! {
        #[test]
        fn any_arguments_are_joined(arguments in prop::collection::vec("[^\0]{1,9}", 1..9)) {
            let cmdline: String = arguments.iter().map(|argument| format!("{argument}\0")).collect();
            prop_assert_eq!(spaced(cmdline.as_bytes()).unwrap(), arguments.join(" ").into_bytes());
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = spaced(&bytes);
        }
    }
}
