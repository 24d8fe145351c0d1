//! newuidmap(1) and newgidmap(1), and what their files give them.
//!
//! This is looked up before the first step: inside the new user namespace every owner of a file is
//! nobody, and the bounding set is whole again.

use crate::idmap::IdKind;
use rustix::{
    fs::{Access, AtFlags, CWD, StatVfsMountFlags},
    thread::CapabilitySet,
};
use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

/// A program that maps ranges of ids for its caller, as PATH has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Helper {
    /// Its file.
    pub file: PathBuf,
    /// The capability that it needs.
    pub needed: CapabilitySet,
    /// `true` if the file is set-user-ID root or has that capability.
    pub is_privileged: bool,
    /// `true` if the file lies on a mount with the option `nosuid`, which takes the privilege away.
    pub is_nosuid: bool,
    /// `true` if the capability is in the caller's bounding set.
    pub is_in_bounding_set: bool,
}

impl Helper {
    /// Looks the program up. None if PATH has none.
    pub fn find(ids: IdKind) -> Option<Self> {
        let path = std::env::var_os("PATH").unwrap_or_else(|| OsString::from("/bin:/usr/bin"));
        let is_program = |file: &PathBuf| {
            rustix::fs::accessat(CWD, file, Access::EXEC_OK, AtFlags::EACCESS).is_ok()
        };
        let file = std::env::split_paths(&path)
            .map(|directory| directory.join(ids.helper()))
            .find(is_program)?;
        let needed = match ids {
            IdKind::User => CapabilitySet::SETUID,
            IdKind::Group => CapabilitySet::SETGID,
        };
        let stat = rustix::fs::stat(&file).ok()?;
        let is_set_user_id = stat.st_mode & libc::S_ISUID != 0 && stat.st_uid == 0;
        Some(Self {
            is_privileged: is_set_user_id || capabilities(&file).contains(needed),
            is_nosuid: rustix::fs::statvfs(&file)
                .is_ok_and(|found| found.f_flag.contains(StatVfsMountFlags::NOSUID)),
            is_in_bounding_set: rustix::thread::capability_is_in_bounding_set(needed)
                .unwrap_or(true),
            file,
            needed,
        })
    }
}

/// Returns the capabilities that a file permits, see "File capabilities" in `capabilities(7)`.
fn capabilities(file: &Path) -> CapabilitySet {
    let mut value = [0; 24];
    let length = rustix::fs::getxattr(file, c"security.capability", &mut value).unwrap_or(0);
    // A number that tells the version, and then two of 32 bits for each half: permitted,
    // inheritable.
    let number = |at: usize| -> u64 {
        let bytes = value[..length]
            .get(at..at + 4)
            .and_then(|bytes| bytes.try_into().ok());
        bytes.map_or(0, u32::from_le_bytes).into()
    };
    CapabilitySet::from_bits_retain(number(4) | number(12) << 32)
}
