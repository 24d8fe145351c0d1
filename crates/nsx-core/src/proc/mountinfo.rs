//! `/proc/PID/mountinfo`, see `proc_pid_mountinfo(5)`: the fields that nsx reads.

use super::{ProcError, decimal};
use crate::ns::NsId;

/// A mount as its line shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Mount {
    /// Its id, which is handed out again once it is gone.
    pub id: u64,
    /// The id of the mount that it is mounted on; of one that is not listed for the topmost.
    pub parent: u64,
    /// The device of its file system, major and minor number.
    pub device: (u32, u32),
    /// The part of its file system that is mounted: a path from the top, or for a namespace its
    /// name, see [`Mount::namespace`].
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::serialize::bytes"))]
    pub root: Vec<u8>,
    /// The mount point, as the reader's root directory sees it. Any bytes but zero.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::serialize::bytes"))]
    pub point: Vec<u8>,
}

impl Mount {
    /// Reads one line, without its line feed.
    ///
    /// # Errors
    /// `Malformed`.
    pub fn parse(line: &[u8]) -> Result<Self, ProcError> {
        let malformed = ProcError::Malformed("mountinfo");
        let mut fields = line.split(|byte| *byte == b' ');
        let mut next = || fields.next().ok_or(malformed);
        let id = decimal(next()?).ok_or(malformed)?;
        let parent = decimal(next()?).ok_or(malformed)?;
        let device = device(next()?).ok_or(malformed)?;
        Ok(Self {
            id,
            parent,
            device,
            root: unescape(next()?),
            point: unescape(next()?),
        })
    }

    /// Reads the whole file.
    ///
    /// # Errors
    /// `Malformed` if a line is.
    pub fn parse_all(text: &[u8]) -> Result<Vec<Self>, ProcError> {
        text.split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(Self::parse)
            .collect()
    }

    /// Returns the namespace that is bound here, if one is. No directory is taken for one: the root
    /// of any other file system begins with a slash.
    pub fn namespace(&self) -> Option<NsId> {
        NsId::parse(&self.root).ok()
    }
}

/// `major:minor`.
fn device(field: &[u8]) -> Option<(u32, u32)> {
    let mut numbers = field
        .splitn(2, |byte| *byte == b':')
        .map(|number| decimal(number)?.try_into().ok());
    numbers.next()?.zip(numbers.next()?)
}

/// Decodes a field, in which space, tab, line feed, backslash and `#` are a backslash and three octal
/// digits.
pub(super) fn unescape(field: &[u8]) -> Vec<u8> {
    super::unescape(field, |rest| match rest {
        [
            b'\\',
            a @ b'0'..=b'3',
            b @ b'0'..=b'7',
            c @ b'0'..=b'7',
            tail @ ..,
        ] => Some(((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'), tail)),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_line_of_the_kernel_is_read() {
        let line = b"36 35 98:0 /mnt1 /mnt\\0402/a\\134b rw,noatime master:1 - ext3 /dev/root \
        rw,errors=continue";
        let mount = Mount::parse(line).unwrap();
        let (root, point) = (b"/mnt1".to_vec(), b"/mnt 2/a\\b".to_vec());
        assert_eq!(
            mount,
            Mount {
                id: 36,
                parent: 35,
                device: (98, 0),
                root,
                point
            }
        );
        assert_eq!(mount.namespace(), None);
        let pinned = b"1181 24 0:4 net:[4026532178] /run/netns/blue rw shared:592 - nsfs nsfs rw";
        assert_eq!(
            Mount::parse(pinned).unwrap().namespace(),
            "net:[4026532178]".parse().ok()
        );
        let directory = b"36 35 98:0 /net:[1] /mnt rw - ext3 /dev/root rw";
        assert_eq!(Mount::parse(directory).unwrap().namespace(), None);
        assert_eq!(
            Mount::parse(b"36 35 98:0 /"),
            Err(ProcError::Malformed("mountinfo"))
        );
        assert_eq!(
            Mount::parse(b"x 35 98:0 / /"),
            Err(ProcError::Malformed("mountinfo"))
        );
        assert_eq!(
            Mount::parse(b"36 35 98 / /"),
            Err(ProcError::Malformed("mountinfo"))
        );
    }

    #[test]
    fn the_callers_own_mounts_agree_with_the_procfs_crate() {
        let text = std::fs::read("/proc/self/mountinfo").unwrap();
        let ours = Mount::parse_all(&text).unwrap();
        let theirs = procfs::process::Process::myself()
            .unwrap()
            .mountinfo()
            .unwrap();
        assert_eq!(ours.len(), theirs.0.len());
        for (ours, theirs) in ours.iter().zip(theirs) {
            assert_eq!(ours.id, theirs.mnt_id as u64);
            assert_eq!(ours.parent, theirs.pid as u64);
            assert_eq!(
                format!("{}:{}", ours.device.0, ours.device.1),
                theirs.majmin
            );
            assert_eq!(
                ours.point,
                theirs.mount_point.as_os_str().as_encoded_bytes()
            );
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = Mount::parse_all(&bytes);
        }
    }
}
