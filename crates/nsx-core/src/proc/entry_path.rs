//! Paths below a procfs.

use crate::pid::Pid;
use std::ffi::CStr;

/// A path below a procfs, built without allocation: a scan makes one for every process.
#[derive(Debug)]
pub(super) struct EntryPath {
    bytes: [u8; 64],
    len: usize,
}

impl EntryPath {
    pub(super) fn of(pid: Pid) -> Self {
        Self::new(Digits::of(pid).text())
    }

    pub(super) fn of_caller() -> Self {
        Self::new(b"self")
    }

    fn new(entry: &[u8]) -> Self {
        let mut path = Self {
            bytes: [0; 64],
            len: entry.len(),
        };
        path.bytes[..entry.len()].copy_from_slice(entry);
        path
    }

    /// Returns the path of a thread in this directory.
    pub(super) fn number(mut self, tid: Pid) -> Self {
        self.len = self.append(Digits::of(tid).text());
        self
    }

    pub(super) fn file(mut self, name: &str) -> Self {
        self.len = self.append(name.as_bytes());
        self
    }

    /// Returns the path of an entry of this directory, which this path stays.
    pub(super) fn entry(&mut self, name: &str) -> &CStr {
        self.append(name.as_bytes());
        self.as_c_str()
    }

    /// Writes the name of an entry behind the path, and says where it ends. What does not fit is
    /// cut, and then does not exist.
    fn append(&mut self, name: &[u8]) -> usize {
        let last = self.bytes.len() - 1;
        let start = last.min(self.len + 1);
        let end = last.min(start + name.len());
        self.bytes[self.len] = b'/';
        self.bytes[start..end].copy_from_slice(&name[..end - start]);
        self.bytes[end] = 0;
        end
    }

    /// Returns whether the kernel writes the whole file at once, so that a short read is its end.
    pub(super) fn is_written_at_once(&self) -> bool {
        let name = self.bytes[..self.len].rsplit(|byte| *byte == b'/').next();
        matches!(
            name,
            Some(b"cgroup" | b"cmdline" | b"comm" | b"limits" | b"stat" | b"status")
        )
    }

    pub(super) fn as_c_str(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.bytes).unwrap_or(c"")
    }
}

/// A process's id as the kernel prints it.
struct Digits {
    bytes: [u8; 10],
    first: usize,
}

impl Digits {
    fn of(pid: Pid) -> Self {
        let mut digits = Self {
            bytes: [0; 10],
            first: 10,
        };
        let mut rest = pid.as_raw_nonzero().get().unsigned_abs();
        while rest > 0 {
            digits.first -= 1;
            digits.bytes[digits.first] = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        digits
    }

    fn text(&self) -> &[u8] {
        &self.bytes[self.first..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_what_they_would_be_printed() {
        for pid in [1, 9, 10, 4_194_304, i32::MAX] {
            let pid = Pid::from_raw(pid).unwrap();
            let mut path = EntryPath::of(pid).file("ns");
            for name in ["pid_for_children", "net", "cgroup"] {
                let printed = format!("{}/ns/{name}", pid.as_raw_nonzero());
                assert_eq!(path.entry(name).to_str(), Ok(printed.as_str()));
            }
            let path = EntryPath::of(pid).file("task").number(pid).file("ns/user");
            let printed = format!("{0}/task/{0}/ns/user", pid.as_raw_nonzero());
            assert_eq!(path.as_c_str().to_str(), Ok(printed.as_str()));
        }
    }

    #[test]
    fn a_path_that_does_not_fit_is_another_one_that_does_not_exist() {
        let name = "n".repeat(100);
        let mut path = EntryPath::of_caller().file(&name);
        assert_eq!(
            path.as_c_str().to_bytes(),
            format!("self/{}", "n".repeat(58)).as_bytes()
        );
        assert_eq!(path.entry("ns").to_bytes().len(), 63);
        let mut path = EntryPath::of_caller();
        assert_eq!(path.entry(&name).to_bytes().len(), 63);
        assert_eq!(path.entry("ns"), c"self/ns");
    }
}
