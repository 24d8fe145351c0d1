//! What people call a process, resolved to one that is pinned.
//!
//! One grammar for every command. So far it knows processes by number:
//!
//! | form | means |
//! |---|---|
//! | `1234` | a PID as the caller sees it |
//! | `1234:5678` | the same, only if its pidfs inode is 5678: proof against a number that was used again |
//!
//! Resolving has two halves. [`Target::parse`] reads the word and asks the system nothing; [`Target::pin`] finds the
//! process. [`resolve`] does both.

#![forbid(unsafe_code)]

use nsx_core::{
    pid::{self, ParsePidError, Pid, PinError, Process},
    proc::decimal,
};
use std::{ffi::OsStr, ffi::OsString, fmt, os::unix::ffi::OsStrExt};

/// What a word names. Whether that exists is another question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// A process by its number.
    Process {
        /// Its id in the caller's PID namespace.
        pid: Pid,
        /// The inode of its pidfd, if it must have that one (6.9).
        inode: Option<u64>,
    },
}

/// Why a word is no target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseTargetError {
    /// What should be a PID is none.
    #[error(transparent)]
    Pid(#[from] ParsePidError),
    /// What follows the colon is no inode number.
    #[error("what follows the colon is not the inode number of a pidfd")]
    Inode,
}

/// Why a word does not lead to a process.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// It is no target.
    #[error("{word:?} is not a target")]
    NotATarget {
        /// The word. Its debug form, which the message shows, has everything escaped that could act on a terminal.
        word: OsString,
        /// What is wrong with it.
        source: ParseTargetError,
    },
    /// The process that it names cannot be had.
    #[error("failed to find process {target}")]
    NotFound {
        /// What was named.
        target: Target,
        /// What is in the way.
        source: PinError,
    },
}

impl TargetError {
    /// Whether the word was right and what it names is not there: it has ended, or never was.
    pub fn is_absence(&self) -> bool {
        use PinError::{Ended, NoProcess, Reused};
        matches!(self, Self::NotFound { source: NoProcess | Ended | Reused(_), .. })
    }
}

impl Target {
    /// Reads a word.
    ///
    /// # Errors
    /// [`ParseTargetError`] where it has none of the forms.
    pub fn parse(word: &[u8]) -> Result<Self, ParseTargetError> {
        let (pid, inode) = match word.iter().position(|&byte| byte == b':') {
            None => (word, None),
            Some(colon) => (&word[..colon], Some(&word[colon + 1..])),
        };
        let pid = pid::parse(pid)?;
        let inode = inode.map(|digits| decimal(digits).ok_or(ParseTargetError::Inode)).transpose()?;
        Ok(Self::Process { pid, inode })
    }

    /// Pins the process.
    ///
    /// # Errors
    /// [`PinError`]; `Reused` where the number belongs to a process with another inode than the one that was named,
    /// `Os(ENOSYS)` where an inode was named and the kernel gives processes none.
    pub fn pin(&self) -> Result<Process, PinError> {
        let Self::Process { pid, inode } = *self;
        let process = Process::pin(pid)?;
        match inode {
            Some(wanted) => match process.inode().map_err(PinError::Os)? {
                inode if inode == wanted => Ok(process),
                inode => Err(PinError::Reused(inode)),
            },
            None => Ok(process),
        }
    }
}

/// As it is typed.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Process { pid, inode: None } => write!(f, "{pid}"),
            Self::Process { pid, inode: Some(inode) } => write!(f, "{pid}:{inode}"),
        }
    }
}

/// The process that `word` names, pinned.
///
/// # Errors
/// [`TargetError`].
pub fn resolve(word: &OsStr) -> Result<Process, TargetError> {
    let target =
        Target::parse(word.as_bytes()).map_err(|source| TargetError::NotATarget { word: word.to_owned(), source })?;
    target.pin().map_err(|source| TargetError::NotFound { target, source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn refusal(word: &[u8]) -> String {
        let error = resolve(OsStr::from_bytes(word)).unwrap_err();
        format!("{error}: {}", std::error::Error::source(&error).unwrap())
    }

    #[test]
    fn words_that_are_no_target_are_refused_with_the_reason() {
        assert_eq!(refusal(b"0"), "\"0\" is not a target: a PID is never 0");
        assert_eq!(refusal(b"-1"), "\"-1\" is not a target: a PID is never negative");
        assert_eq!(refusal(b"4194304:1"), "\"4194304:1\" is not a target: a PID is less than 4194304");
        assert_eq!(refusal(b"a\x1b\xff"), "\"a\\u{1b}\\xFF\" is not a target: a PID is a decimal number");
        for word in [&b"1:"[..], b"1:x", b"1:2:3", b"1:-2", b"1:18446744073709551616"] {
            assert_eq!(Target::parse(word), Err(ParseTargetError::Inode));
        }
    }

    #[test]
    fn a_process_is_found_by_its_number_and_inode() {
        let caller = std::process::id();
        let process = resolve(OsStr::new(&caller.to_string())).unwrap();
        assert_eq!(process.pid().as_raw_pid(), caller as i32);
        // Before 6.9 there are no inodes, and to name one is refused.
        match process.inode() {
            Ok(inode) => {
                assert!(resolve(OsStr::new(&format!("{caller}:{inode}"))).is_ok());
                let other = inode.wrapping_add(1);
                assert_eq!(
                    refusal(format!("{caller}:{other}").as_bytes()),
                    format!(
                        "failed to find process {caller}:{other}: the id now belongs to another process (its pidfd \
                         inode is {inode})"
                    )
                );
            }
            Err(_) => assert!(resolve(OsStr::new(&format!("{caller}:1"))).is_err()),
        }
        assert_eq!(refusal(b"4194303"), "failed to find process 4194303: no such process");
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_back(pid in 1..pid::LIMIT, inode: Option<u64>) {
            let target = Target::Process { pid: Pid::from_raw(pid).unwrap(), inode };
            prop_assert_eq!(Target::parse(target.to_string().as_bytes()), Ok(target));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = Target::parse(&bytes);
        }
    }
}
