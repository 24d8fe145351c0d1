//! The access of a process to a file, to read, write or execute it, and what decides: mode, ACL,
//! capabilities and maps.
//!
//! The rules are those of `path_resolution(7)`, `acl(5)` and `capabilities(7)`: a capability counts
//! over a file only if the process's user namespace has an id for the file's owner and for its
//! group. Security modules, immutable files and the directories above are not considered. All ids
//! are the caller's.

use crate::proc::Credentials;
use rustix::thread::CapabilitySet;
use std::fmt;

/// The wanted access to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// To read it.
    Read,
    /// To write it.
    Write,
    /// To execute it, or to look up names in a directory.
    Execute,
}

impl Want {
    /// Returns the bit of a mode's digit.
    const fn bit(self) -> u32 {
        match self {
            Self::Read => 4,
            Self::Write => 2,
            Self::Execute => 1,
        }
    }
}

/// The properties of a file that decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileIds {
    /// The owner.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// Mode and type, as `stat(2)` gives them.
    pub mode: u32,
    /// Its ACL, if it has one beyond its mode.
    pub acl: Option<Acl>,
    /// `true` if its mount is read-only.
    pub read_only: bool,
    /// `true` if programs may not be executed from its mount.
    pub noexec: bool,
}

/// A file's ACL: tag, permissions and id of each entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acl(Vec<(u16, u32, u32)>);

impl Acl {
    const USER_OBJ: u16 = 1;
    const USER: u16 = 2;
    const GROUP_OBJ: u16 = 4;
    const GROUP: u16 = 8;
    const MASK: u16 = 16;
    const OTHER: u16 = 32;

    /// Reads the attribute `system.posix_acl_access`: a version, 2, and entries of two 16-bit
    /// numbers and a 32-bit one.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let (version, entries) = text.split_first_chunk::<4>()?;
        if u32::from_le_bytes(*version) != 2 || !entries.len().is_multiple_of(8) {
            return None;
        }
        let entry = |entry: &[u8]| {
            let tag = u16::from_le_bytes([entry[0], entry[1]]);
            let bits = u16::from_le_bytes([entry[2], entry[3]]);
            let id = u32::from_le_bytes([entry[4], entry[5], entry[6], entry[7]]);
            (tag, u32::from(bits), id)
        };
        Some(Self(entries.chunks_exact(8).map(entry).collect()))
    }

    /// Returns whether the ACL allows access to a user who is not the owner, and what decides.
    fn lets(&self, file: &FileIds, who: &Credentials, bit: u32) -> (bool, By) {
        let mask = self
            .0
            .iter()
            .find(|(tag, ..)| *tag == Self::MASK)
            .map_or(7, |(_, bits, _)| *bits);
        let mut in_group = false;
        for &(tag, bits, id) in &self.0 {
            match tag {
                Self::USER if id == who.uid() => return (bits & mask & bit != 0, By::Acl),
                Self::GROUP_OBJ if is_in(who, file.gid) => in_group = true,
                Self::GROUP if is_in(who, id) => in_group = true,
                Self::OTHER if !in_group => return (bits & bit != 0, By::Mode("others")),
                _ => continue,
            }
            if bits & mask & bit != 0 && tag != Self::USER_OBJ {
                return (true, By::Acl);
            }
        }
        (false, By::Acl)
    }
}

/// The part of a file's permissions that decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    /// The part of the mode for these.
    Mode(&'static str),
    /// An entry of the ACL.
    Acl,
}

/// The answer to whether something may be done, and why or why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// `true` if it may be done.
    pub allowed: bool,
    /// The reason, in words: what decides.
    pub why: String,
}

/// A file, a process, and whether the process's user namespace has ids for the file's owner and
/// group.
#[derive(Clone, Copy, Debug)]
pub struct Access<'a> {
    /// The file.
    pub file: &'a FileIds,
    /// The process.
    pub who: &'a Credentials,
    /// `true` if the process's user namespace has an id for the file's owner.
    pub owner_mapped: bool,
    /// `true` if the process's user namespace has an id for the file's group.
    pub group_mapped: bool,
}

impl Access<'_> {
    /// Returns whether the process may do this with the file.
    pub fn verdict(&self, want: Want) -> Verdict {
        let file = self.file;
        let is_directory = file.mode & 0o170_000 == 0o040_000;
        let no = |why: &str| Verdict {
            allowed: false,
            why: why.to_owned(),
        };
        if want == Want::Write && file.read_only {
            return no("its mount is read-only");
        }
        if want == Want::Execute && file.noexec && !is_directory {
            return no("its mount is noexec");
        }
        let (lets, by) = self.by_file(want.bit());
        if lets {
            return Verdict {
                allowed: true,
                why: by.to_string(),
            };
        }
        let searches = want == Want::Read || want == Want::Execute && is_directory;
        let has_search = searches && self.who.effective.contains(CapabilitySet::DAC_READ_SEARCH);
        let has = has_search || self.who.effective.contains(CapabilitySet::DAC_OVERRIDE);
        // The lesser of the two, if either does.
        let capability = if searches && (has_search || !has) {
            "CAP_DAC_READ_SEARCH"
        } else {
            "CAP_DAC_OVERRIDE"
        };
        if want == Want::Execute && !is_directory && file.mode & 0o111 == 0 {
            return no("nobody may execute it: its mode has no x");
        }
        match (has, self.owner_mapped, self.group_mapped) {
            (false, ..) => no(&format!(
                "{by}, and it has no {capability}{}",
                self.unmapped()
            )),
            (true, true, true) => Verdict {
                allowed: true,
                why: format!("{by}, but it has {capability}"),
            },
            (true, false, _) => no(&format!(
                "{by}, and {capability} does not count over a file whose owner has no id in its \
                user namespace"
            )),
            (true, true, false) => no(&format!(
                "{by}, and {capability} does not count over a file whose group has no id in its \
                user namespace"
            )),
        }
    }

    fn unmapped(&self) -> &'static str {
        if self.owner_mapped {
            ""
        } else {
            "; the owner has no id in its user namespace"
        }
    }

    /// Returns whether the file itself allows the access, and what decides.
    fn by_file(&self, bit: u32) -> (bool, By) {
        let (file, who) = (self.file, self.who);
        if who.uid() == file.uid {
            return (file.mode >> 6 & bit != 0, By::Mode("its owner"));
        }
        // With an ACL the group's part of the mode is its mask, and the kernel looks at no ACL that
        // is masked whole.
        if let Some(acl) = file.acl.as_ref().filter(|_| file.mode & 0o070 != 0) {
            return acl.lets(file, who, bit);
        }
        if is_in(who, file.gid) {
            return (file.mode >> 3 & bit != 0, By::Mode("its group"));
        }
        (file.mode & bit != 0, By::Mode("others"))
    }
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mode(whom) => write!(f, "the mode decides for {whom}"),
            Self::Acl => f.write_str("an ACL decides"),
        }
    }
}

fn is_in(who: &Credentials, group: u32) -> bool {
    who.gid() == group || who.groups.contains(&group)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_acl_of_the_kernel_is_read() {
        // user::rw-, user:7:r--, group::---, mask::r--, other::---
        let entries = [
            (1_u16, 6_u16, u32::MAX),
            (2, 4, 7),
            (4, 0, u32::MAX),
            (16, 4, u32::MAX),
            (32, 0, u32::MAX),
        ];
        let mut text = 2_u32.to_le_bytes().to_vec();
        for (tag, bits, id) in entries {
            text.extend([tag.to_le_bytes(), bits.to_le_bytes()].concat());
            text.extend(id.to_le_bytes());
        }
        let acl = Acl::parse(&text).unwrap();
        assert_eq!(acl.0.len(), 5);
        assert_eq!(acl.0[1], (2, 4, 7));
        assert_eq!(Acl::parse(&text[..text.len() - 1]), None);
        assert_eq!(Acl::parse(b"\x01\0\0\0"), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = Acl::parse(&bytes);
        }
    }
}
