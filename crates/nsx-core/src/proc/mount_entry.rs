//! `/proc/PID/mountinfo`, see `proc_pid_mountinfo(5)`: everything that a line has.

use super::{Mount, ProcError, decimal, mountinfo::unescape};

/// A mount with its options, its file system and its propagation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MountEntry {
    /// The ids, the device, the root and the point.
    pub mount: Mount,
    /// The options of the mount alone, with commas between them.
    pub options: Vec<u8>,
    /// The peer group that it shares mounts with, by a number that the whole host has in common.
    pub shared: Option<u64>,
    /// The peer group that it receives mounts from.
    pub master: Option<u64>,
    /// `true` if it cannot be bound elsewhere.
    pub is_unbindable: bool,
    /// The type of the file system.
    pub kind: Vec<u8>,
    /// The source, as named when it was mounted. Any bytes but zero.
    pub source: Vec<u8>,
    /// The options of the file system, with commas between them.
    pub fs_options: Vec<u8>,
}

impl MountEntry {
    /// Reads one line, without its line feed.
    ///
    /// # Errors
    /// `Malformed`.
    pub fn parse(line: &[u8]) -> Result<Self, ProcError> {
        let malformed = ProcError::Malformed("mountinfo");
        let mount = Mount::parse(line)?;
        let mut fields = line.splitn(7, |byte| *byte == b' ').skip(5);
        let options = fields.next().ok_or(malformed)?.to_vec();
        let mut rest = fields.next().ok_or(malformed)?;
        let mut entry = Self {
            mount,
            options,
            shared: None,
            master: None,
            is_unbindable: false,
            kind: Vec::new(),
            source: Vec::new(),
            fs_options: Vec::new(),
        };
        loop {
            let end = rest.iter().position(|byte| *byte == b' ');
            let (field, tail) = rest.split_at(end.ok_or(malformed)?);
            rest = &tail[1..];
            match field {
                b"-" => break,
                b"unbindable" => entry.is_unbindable = true,
                _ => {
                    let number = |prefix: &[u8]| decimal(field.strip_prefix(prefix)?);
                    entry.shared = entry.shared.or(number(b"shared:"));
                    entry.master = entry.master.or(number(b"master:"));
                }
            }
        }
        let mut last = rest.splitn(3, |byte| *byte == b' ');
        entry.kind = unescape(last.next().ok_or(malformed)?);
        entry.source = unescape(last.next().ok_or(malformed)?);
        entry.fs_options = unescape(last.next().ok_or(malformed)?);
        Ok(entry)
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

    /// Returns whether the mount has an option, such as `ro`, whatever its file system has.
    pub fn has_option(&self, option: &str) -> bool {
        has(&self.options, option)
    }

    /// Returns whether nothing can be written through the mount.
    pub fn is_read_only(&self) -> bool {
        self.has_option("ro") || has(&self.fs_options, "ro")
    }
}

fn has(options: &[u8], option: &str) -> bool {
    let mut options = options.split(|byte| *byte == b',');
    options.any(|it| it == option.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_line_of_the_kernel_is_read() {
        let line = b"36 35 98:0 /mnt1 /mnt\\0402 rw,noatime shared:7 master:1 propagate_from:2 - \
        fuse.x a\\040b rw,errors=continue";
        let entry = MountEntry::parse(line).unwrap();
        assert_eq!((entry.shared, entry.master), (Some(7), Some(1)));
        assert_eq!(entry.mount.point, b"/mnt 2");
        assert_eq!(entry.options, b"rw,noatime");
        assert_eq!(
            (&entry.kind[..], &entry.source[..]),
            (&b"fuse.x"[..], &b"a b"[..])
        );
        assert_eq!(entry.fs_options, b"rw,errors=continue");
        assert!(entry.has_option("noatime") && !entry.has_option("errors=continue"));
        assert!(!entry.is_read_only());
        // A source may be empty, and there may be no optional field.
        let entry = MountEntry::parse(b"36 35 0:5 / /x ro - tmpfs  rw").unwrap();
        assert_eq!((entry.shared, &entry.source[..]), (None, &b""[..]));
        assert!(entry.is_read_only());
        let entry = MountEntry::parse(b"36 35 0:5 / /x ro unbindable - tmpfs a rw").unwrap();
        assert!(entry.is_unbindable);
        for short in [
            &b"36 35 0:5 / /x ro"[..],
            b"36 35 0:5 / /x ro - tmpfs",
            b"1",
        ] {
            assert!(MountEntry::parse(short).is_err());
        }
    }

    #[test]
    fn the_callers_own_mounts_agree_with_the_procfs_crate() {
        let text = std::fs::read("/proc/self/mountinfo").unwrap();
        let ours = MountEntry::parse_all(&text).unwrap();
        let theirs = procfs::process::Process::myself()
            .unwrap()
            .mountinfo()
            .unwrap();
        for (ours, theirs) in ours.iter().zip(theirs) {
            assert_eq!(ours.kind, theirs.fs_type.as_bytes());
            assert_eq!(
                Some(&ours.source[..]),
                theirs.mount_source.as_deref().map(str::as_bytes)
            );
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = MountEntry::parse_all(&bytes);
        }
    }
}
