//! `/proc/PID/stat`, see `proc_pid_stat(5)`: when a process started.
//!
//! The name in the file is in parentheses and may itself hold parentheses, spaces and line feeds, so what follows it begins
//! after the last `)`.

use super::{ProcError, ProcRoot, decimal};
use crate::pid::Pid;

/// How many fields stand between the name and the time of the start, which is the 22nd of all.
const BEFORE_START: usize = 19;

impl ProcRoot {
    /// When a process started: clock ticks after the boot, field 22. The id and this tell two processes apart, for an id is
    /// not used again within a tick.
    ///
    /// # Errors
    /// [`ProcError`].
    pub fn start_time(&self, pid: Pid, buffer: &mut Vec<u8>) -> Result<u64, ProcError> {
        self.read(pid, "stat", buffer)?;
        start_time(buffer)
    }
}

/// Reads the start from the whole text of the file.
///
/// # Errors
/// `Malformed`.
pub fn start_time(text: &[u8]) -> Result<u64, ProcError> {
    let after = text.iter().rposition(|&byte| byte == b')').and_then(|end| text.get(end + 2..));
    let field = after.and_then(|fields| fields.split(|&byte| byte == b' ').nth(BEFORE_START));
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
            assert_eq!(start_time(format!("7 ({name}) {fields}").as_bytes()), Ok(1_153_757), "{name}");
        }
        for text in ["", ")", "7 (a)", "7 (a) S 1 2", "7 (a) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 x"] {
            assert_eq!(start_time(text.as_bytes()), Err(ProcError::Malformed("stat")), "{text}");
        }
    }

    #[test]
    fn the_callers_own_agrees_with_procfs() {
        let theirs = procfs::process::Process::myself().unwrap().stat().unwrap().starttime;
        let proc = ProcRoot::system().unwrap();
        assert_eq!(proc.start_time(rustix::process::getpid(), &mut Vec::new()), Ok(theirs));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = start_time(&bytes);
        }
    }
}
