//! `/proc/PID/status`, see `proc_pid_status(5)`: the lines that nsx reads.
//!
//! The name is the one thing in the file that the process chooses. The kernel escapes a newline in
//! it, so no name forges a line.

use super::{ProcError, ProcRoot, decimal, entry_path::EntryPath};
use crate::pid::{Pid, PidChain};

/// The contents of `/proc/PID/status`, or of a thread's `/proc/PID/task/TID/status`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The command's name, `comm`: any bytes but zero, 15 of them or fewer for a process that has a
    /// program.
    pub name: Vec<u8>,
    /// The process, as the procfs mount's PID namespace counts it; for a thread the process that it
    /// belongs to.
    pub tgid: Pid,
    /// The parent; none if it is outside the procfs mount's PID namespace, or if the kernel
    /// started the process.
    pub ppid: Option<Pid>,
    /// The real user id, in the reader's user namespace.
    pub ruid: u32,
    /// The effective user id, in the reader's user namespace.
    pub euid: u32,
    /// The ids from the procfs mount's PID namespace to the process's own (4.1).
    pub chain: PidChain,
    /// Signals that have come and were not taken yet, by the thread or by its process: bit `n - 1`
    /// is signal `n`, here and below.
    pub sig_pending: u64,
    /// Signals held back, by the one thread; those that follow are the process's.
    pub sig_blocked: u64,
    /// Signals ignored.
    pub sig_ignored: u64,
    /// Signals that a handler is set for.
    pub sig_caught: u64,
}

impl ProcRoot {
    /// Reads a process's status.
    ///
    /// # Errors
    /// [`ProcError`].
    pub fn status(&self, pid: Pid) -> Result<Status, ProcError> {
        self.read_with(pid, "status", Status::parse)?
    }

    /// Reads the caller's own status.
    ///
    /// # Errors
    /// [`ProcError`]; `Vanished` if this procfs is of a PID namespace that the caller is not in.
    pub fn own_status(&self) -> Result<Status, ProcError> {
        let path = EntryPath::of_caller().file("status");
        self.with_text(&path, usize::MAX, Status::parse)?
    }
}

impl Status {
    /// Reads the whole text of the file.
    ///
    /// # Errors
    /// `Vanished` if the process ended while the kernel wrote the text; `Malformed` if a line
    /// is missing or does not hold what it should.
    pub fn parse(text: &[u8]) -> Result<Self, ProcError> {
        let mut lines = Lines(text);
        let name = unescape(lines.value(b"Name")?);
        // A process that was reaped while it was read has no ids left: the kernel writes zeros.
        let tgid = pid(lines.value(b"Tgid")?)?.ok_or(ProcError::Vanished)?;
        let ppid = pid(lines.value(b"PPid")?)?;
        let [ruid, euid] = uids(lines.value(b"Uid")?)?;
        let chain = PidChain::parse(lines.value(b"NSpid")?)?;
        let sig_pending = signals(lines.value(b"SigPnd")?)? | signals(lines.value(b"ShdPnd")?)?;
        let sig_blocked = signals(lines.value(b"SigBlk")?)?;
        let sig_ignored = signals(lines.value(b"SigIgn")?)?;
        let sig_caught = signals(lines.value(b"SigCgt")?)?;
        Ok(Self {
            name,
            tgid,
            ppid,
            ruid,
            euid,
            chain,
            sig_pending,
            sig_blocked,
            sig_ignored,
            sig_caught,
        })
    }
}

const MALFORMED: ProcError = ProcError::Malformed("status");

/// The lines of `key:`, tab and value that are not yet read, in `status` and in the `fdinfo` of a
/// pidfd.
///
/// Their order has never changed, so one pass over the text finds all that are wanted.
#[derive(Clone)]
pub(crate) struct Lines<'a>(pub(crate) &'a [u8]);

impl<'a> Lines<'a> {
    /// Returns the value in the next line of that key.
    ///
    /// # Errors
    /// `Malformed` if there is none.
    pub(crate) fn value(&mut self, key: &[u8]) -> Result<&'a [u8], ProcError> {
        while !self.0.is_empty() {
            let end = memchr::memchr(b'\n', self.0).unwrap_or(self.0.len());
            let (line, rest) = self.0.split_at(end);
            self.0 = rest.get(1..).unwrap_or_default();
            if let Some(value) = line
                .strip_prefix(key)
                .and_then(|rest| rest.strip_prefix(b":\t"))
            {
                return Ok(value);
            }
        }
        Err(MALFORMED)
    }
}

/// Returns the name as it is: the kernel writes a newline in it as `\n` and a backslash as `\\`.
fn unescape(value: &[u8]) -> Vec<u8> {
    super::unescape(value, |rest| match rest {
        [b'\\', b'n', tail @ ..] => Some((b'\n', tail)),
        [b'\\', b'\\', tail @ ..] => Some((b'\\', tail)),
        _ => None,
    })
}

/// Parses an id; returns none if the kernel wrote 0.
fn pid(value: &[u8]) -> Result<Option<Pid>, ProcError> {
    decimal(value)
        .and_then(|number| number.try_into().ok())
        .map(Pid::from_raw)
        .ok_or(MALFORMED)
}

/// Returns the first two of the four ids in a `Uid` line: real and effective.
fn uids(value: &[u8]) -> Result<[u32; 2], ProcError> {
    let mut ids = value
        .split(|&byte| byte == b'\t')
        .map(|id| decimal(id)?.try_into().ok());
    match [ids.next(), ids.next()] {
        [Some(Some(real)), Some(Some(effective))] => Ok([real, effective]),
        _ => Err(MALFORMED),
    }
}

/// Returns a set of signals, in hexadecimal.
fn signals(value: &[u8]) -> Result<u64, ProcError> {
    if value.is_empty() || value.len() > 16 {
        return Err(MALFORMED);
    }
    value.iter().try_fold(0, |set, &byte| {
        let digit = char::from(byte).to_digit(16).ok_or(MALFORMED)?;
        Ok(set << 4 | u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use procfs::FromRead;
    use proptest::prelude::*;

    /// Returns the lines of Linux 6.18 up to those that nsx reads last.
    fn text(name: &str, ids: [i32; 3], uids: [u32; 4], signals: [u64; 3]) -> String {
        let [pid, ppid, inner] = ids;
        let [ruid, euid, suid, fsuid] = uids;
        let [blocked, ignored, caught] = signals;
        format!(
            "Name:\t{name}\nUmask:\t0022\nState:\tS \
            (sleeping)\nTgid:\t{pid}\nNgid:\t0\nPid:\t{pid}\nPPid:\t{ppid}\n\
             TracerPid:\t0\nUid:\t{ruid}\t{euid}\t{suid}\t{fsuid}\nGid:\t0\t0\t0\t0\nFDSize:\t64\nGroups:\t0 \n\
             NStgid:\t{pid}\t{inner}\nNSpid:\t{pid}\t{inner}\nNSpgid:\t{pid}\t{inner}\nNSsid:\t{pid}\t{inner}\n\
             Threads:\t1\nSigQ:\t0/96343\nSigPnd:\t0000000000000001\nShdPnd:\t0000000000004000\n\
             SigBlk:\t{blocked:016x}\nSigIgn:\t{ignored:016x}\nSigCgt:\t{caught:016x}\n\
             CapInh:\t0000000000000000\nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\n\
             CapBnd:\t0000000000000000\nCapAmb:\t0000000000000000\n"
        )
    }

    #[test]
    fn names_come_out_as_the_process_set_them() {
        let name = |written: &str| {
            Status::parse(text(written, [7, 1, 1], [0; 4], [0; 3]).as_bytes())
                .unwrap()
                .name
        };
        assert_eq!(name("a:b) c"), b"a:b) c");
        assert_eq!(name(r"x\nUid:"), b"x\nUid:");
        assert_eq!(name(r"\\n"), br"\n");
        assert_eq!(name(""), b"");
        let text = text("@", [7, 1, 1], [0; 4], [0; 3]).into_bytes();
        let raw: Vec<u8> = text
            .iter()
            .map(|&byte| if byte == b'@' { 0xff } else { byte })
            .collect();
        assert_eq!(Status::parse(&raw).unwrap().name, [0xff]);
    }

    #[test]
    fn what_is_pending_for_the_thread_and_for_the_process_is_one() {
        let status = Status::parse(text("sh", [7, 1, 1], [0; 4], [0; 3]).as_bytes()).unwrap();
        assert_eq!(status.sig_pending, 0x4001);
    }

    #[test]
    fn one_that_was_reaped_has_vanished() {
        let text = text("gone", [0, 0, 0], [0; 4], [0; 3]);
        assert_eq!(Status::parse(text.as_bytes()), Err(ProcError::Vanished));
    }

    #[test]
    fn a_text_that_was_cut_is_malformed() {
        let whole = text("sh", [7, 1, 1], [0; 4], [0; 3]);
        let end = whole.find("SigCgt").unwrap();
        assert!((0..end).all(|end| Status::parse(&whole.as_bytes()[..end]).is_err()));
    }

    #[test]
    fn a_live_process_reads_as_procfs_reads_it() {
        let text = std::fs::read("/proc/self/status").unwrap();
        agrees_with_procfs(&text).unwrap();
    }

    fn agrees_with_procfs(text: &[u8]) -> Result<(), TestCaseError> {
        let ours = Status::parse(text).unwrap();
        let theirs = procfs::process::Status::from_read(text).unwrap();
        prop_assert_eq!(ours.name, theirs.name.into_bytes());
        prop_assert_eq!(Some(ours.tgid), Pid::from_raw(theirs.tgid));
        prop_assert_eq!(ours.ppid, Pid::from_raw(theirs.ppid));
        prop_assert_eq!([ours.ruid, ours.euid], [theirs.ruid, theirs.euid]);
        let ids: Vec<i32> = ours
            .chain
            .ids()
            .iter()
            .map(|id| id.as_raw_nonzero().get())
            .collect();
        prop_assert_eq!(Some(ids), theirs.nspid);
        prop_assert_eq!(
            [ours.sig_blocked, ours.sig_ignored, ours.sig_caught],
            [theirs.sigblk, theirs.sigign, theirs.sigcgt]
        );
        Ok(())
    }

    proptest! {
        #[test]
        fn any_well_behaved_process_reads_as_procfs_reads_it(
            name in "[a-zA-Z0-9/_()-]{1,15}",
            pid in 1..=i32::MAX,
            ppid in 0..=i32::MAX,
            inner in 1..=i32::MAX,
            uids: [u32; 4],
            signals: [u64; 3],
        ) {
            agrees_with_procfs(text(&name, [pid, ppid, inner], uids, signals).as_bytes())?;
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>, at: prop::sample::Index) {
            let _ = Status::parse(&bytes);
            let mut whole = text("sh", [7, 1, 1], [0; 4], [0; 3]).into_bytes();
            let at = at.index(whole.len());
            whole.splice(at..at, bytes);
            let _ = Status::parse(&whole);
        }
    }
}
