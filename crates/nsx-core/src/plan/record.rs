//! The record of a set of namespaces that a keeper holds.

use crate::{ns::NsSet, pid::Pid};
use std::path::{Path, PathBuf};

/// A file that names the process that holds a set of namespaces.
///
/// The text has one line each for the process id as the caller sees it, the time of its start in
/// clock ticks since the boot, the inode number of its pidfd, and the kinds of namespaces that are
/// the set's own: `pid=`, `start=`, `inode=` and `kinds=`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The file, which must not exist. Missing directories above the file are made, for their owner
    /// alone to write in.
    pub path: PathBuf,
    /// The kinds of namespaces that are new.
    pub kinds: NsSet,
    /// Further lines, `key=value` each.
    pub lines: Vec<String>,
}

/// Lines for the record of a set that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addition {
    /// The file.
    pub path: PathBuf,
    /// The lines, `key=value` each. None of them is in the file.
    pub lines: Vec<String>,
}

impl Record {
    /// Returns the directory that the file is in.
    pub fn directory(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("/"))
    }

    /// Returns the text about a process.
    pub(crate) fn text(&self, pid: Pid, start: u64, inode: u64) -> String {
        let kinds: Vec<_> = self.kinds.iter().map(|kind| kind.to_string()).collect();
        let mut text = format!(
            "pid={}\nstart={start}\ninode={inode}\nkinds={}\n",
            pid.as_raw_pid(),
            kinds.join(",")
        );
        for line in &self.lines {
            text += line;
            text.push('\n');
        }
        text
    }
}
