//! The credentials of a process in `/proc/PID/status`, for a process that is to have the same.

use super::{Lines, ProcError, ProcRoot, decimal, entry_path::EntryPath};
use crate::pid::Pid;
use rustix::{fs::AtFlags, thread::CapabilitySet};

/// A process's ids and capabilities, and the other limits of its rights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// The permissions that new files do not get (4.7).
    pub umask: Option<u32>,
    /// The real, effective, saved and file system user id, in the reader's user namespace.
    pub uids: [u32; 4],
    /// The group ids, likewise.
    pub gids: [u32; 4],
    /// The supplementary groups, likewise.
    pub groups: Vec<u32>,
    /// Capabilities that outlive an exec of a file that has them too.
    pub inheritable: CapabilitySet,
    /// Capabilities that it may bring into force.
    pub permitted: CapabilitySet,
    /// Capabilities that are in force.
    pub effective: CapabilitySet,
    /// Capabilities that an exec may give it.
    pub bounding: CapabilitySet,
    /// Capabilities that outlive any exec (4.3).
    pub ambient: CapabilitySet,
    /// `true` if no exec gives the process more than it has (4.10).
    pub no_new_privs: bool,
    /// `true` if the process has filters of system calls: seccomp mode 2.
    pub filtered: bool,
}

impl ProcRoot {
    /// Reads a process's credentials.
    ///
    /// # Errors
    /// [`ProcError`].
    pub fn credentials(&self, pid: Pid) -> Result<Credentials, ProcError> {
        self.read_with(pid, "status", Credentials::parse)?
    }

    /// Reads the caller's own credentials.
    ///
    /// # Errors
    /// [`ProcError`]; `Vanished` if this procfs is of a PID namespace that the caller is not in.
    pub fn own_credentials(&self) -> Result<Credentials, ProcError> {
        let path = EntryPath::of_caller().file("status");
        self.with_text(&path, usize::MAX, Credentials::parse)?
    }

    /// Returns whether only a process with CAP_SYS_PTRACE may look at a process with these
    /// credentials, as after a change of ids: then the files of the process are root's. Unknown if
    /// the process is root's itself.
    ///
    /// # Errors
    /// [`ProcError`].
    pub fn hides(&self, pid: Pid, credentials: &Credentials) -> Result<Option<bool>, ProcError> {
        let uid = credentials.uid();
        let status = rustix::fs::statat(self, format!("{pid}/status"), AtFlags::empty())?;
        let hides = status.st_uid != uid;
        Ok(Some(hides).filter(|hides| *hides || uid != 0))
    }
}

impl Credentials {
    /// Returns the effective user id.
    pub fn uid(&self) -> u32 {
        self.uids[1]
    }

    /// Returns the effective group id.
    pub fn gid(&self) -> u32 {
        self.gids[1]
    }

    /// Reads the whole text of the file.
    ///
    /// # Errors
    /// `Malformed` if a line is missing or does not hold what it should.
    pub fn parse(text: &[u8]) -> Result<Self, ProcError> {
        let mut lines = Lines(text);
        let umask = lines.clone().value(b"Umask").ok().and_then(octal);
        let uids = four(lines.value(b"Uid")?)?;
        let gids = four(lines.value(b"Gid")?)?;
        let groups = ids(lines.value(b"Groups")?)
            .collect::<Option<_>>()
            .ok_or(MALFORMED)?;
        let inheritable = capabilities(lines.value(b"CapInh")?)?;
        let permitted = capabilities(lines.value(b"CapPrm")?)?;
        let effective = capabilities(lines.value(b"CapEff")?)?;
        let bounding = capabilities(lines.value(b"CapBnd")?)?;
        let ambient = capabilities(lines.value(b"CapAmb")?)?;
        // Kernels may be built without what follows.
        let no_new_privs = lines
            .clone()
            .value(b"NoNewPrivs")
            .is_ok_and(|value| value == b"1");
        let filtered = lines.value(b"Seccomp").is_ok_and(|value| value == b"2");
        Ok(Self {
            umask,
            uids,
            gids,
            groups,
            inheritable,
            permitted,
            effective,
            bounding,
            ambient,
            no_new_privs,
            filtered,
        })
    }
}

const MALFORMED: ProcError = ProcError::Malformed("status");

fn four(value: &[u8]) -> Result<[u32; 4], ProcError> {
    let four = ids(value).collect::<Option<Vec<_>>>().ok_or(MALFORMED)?;
    four.try_into().map_err(|_| MALFORMED)
}

fn ids(value: &[u8]) -> impl Iterator<Item = Option<u32>> {
    let fields = value
        .split(u8::is_ascii_whitespace)
        .filter(|field| !field.is_empty());
    fields.map(|field| u32::try_from(decimal(field)?).ok())
}

fn octal(value: &[u8]) -> Option<u32> {
    u32::from_str_radix(str::from_utf8(value).ok()?, 8).ok()
}

fn capabilities(value: &[u8]) -> Result<CapabilitySet, ProcError> {
    let text = str::from_utf8(value).map_err(|_| MALFORMED)?;
    u64::from_str_radix(text, 16)
        .map(CapabilitySet::from_bits_retain)
        .map_err(|_| MALFORMED)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_callers_own_are_what_the_kernel_says_otherwise() {
        let proc = ProcRoot::system().unwrap();
        let own = proc.credentials(rustix::process::getpid()).unwrap();
        let capabilities = rustix::thread::capabilities(None).unwrap();
        assert_eq!(
            (own.uid(), own.gid()),
            (
                rustix::process::geteuid().as_raw(),
                rustix::process::getegid().as_raw()
            )
        );
        let [permitted, effective] = [capabilities.permitted, capabilities.effective];
        assert_eq!(
            (own.permitted, own.effective, own.inheritable),
            (permitted, effective, capabilities.inheritable)
        );
        assert_eq!(own.no_new_privs, rustix::thread::no_new_privs().unwrap());
    }

    #[test]
    fn each_line_is_read() {
        let text = "Umask:\t0027\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\nFDSize:\t64\nGroups:\t9 10 \nCapInh:\t0000000000000001\n\
            CapPrm:\t0000000000000003\nCapEff:\t0000000000000002\nCapBnd:\t000001ffffffffff\nCapAmb:\t0000000000000001\n\
            NoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t1\n";
        let read = Credentials::parse(text.as_bytes()).unwrap();
        assert_eq!(read.umask, Some(0o27));
        assert_eq!((read.uid(), read.gid(), read.groups), (2, 6, vec![9, 10]));
        assert_eq!((read.uids, read.gids), ([1, 2, 3, 4], [5, 6, 7, 8]));
        assert_eq!(
            (
                read.permitted.bits(),
                read.effective.bits(),
                read.ambient.bits()
            ),
            (3, 2, 1)
        );
        assert_eq!(
            (read.bounding.bits(), read.inheritable.bits()),
            (0x1ff_ffff_ffff, 1)
        );
        assert!(read.no_new_privs && read.filtered);
        let cut = text.find("CapAmb").unwrap();
        assert!(Credentials::parse(&text.as_bytes()[..cut]).is_err());
        let before = text.find("NoNewPrivs").unwrap();
        assert!(
            !Credentials::parse(&text.as_bytes()[..before])
                .unwrap()
                .filtered
        );
    }

    #[test]
    fn a_line_of_ids_has_four() {
        assert_eq!(four(b"1\t2\t3\t4"), Ok([1, 2, 3, 4]));
        assert_eq!(four(b"5\t6\t7"), Err(MALFORMED));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = Credentials::parse(&bytes);
        }
    }
}
