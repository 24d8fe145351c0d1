//! Mounts of a mount namespace that no process shows, see `listmount(2)` and `statmount(2)` (6.11).

use super::Mount;
use crate::{ns::Namespace, sys};
use rustix::io::Errno;

/// The requested fields: the superblock's numbers, the mount's numbers, its root and its point.
const MASK: u64 = 1 | 2 | 8 | 16;

/// The length of the fixed part of `struct statmount`, behind which the strings are.
const FIXED: usize = 512;

/// Room for the longest two paths.
const LONGEST: usize = FIXED + 2 * 4096 + 2;

impl Mount {
    /// Returns the mounts of `namespace` that are namespaces bound to files. Their ids are the
    /// unique ones of `statmount(2)`, their points as seen from the root of the mount namespace.
    ///
    /// # Errors
    /// `ENOTTY` before 6.12, `ENOSYS` under a filter; `EPERM` without CAP_SYS_ADMIN over the
    /// namespace.
    pub fn pins_in(namespace: &Namespace) -> Result<Vec<Self>, Errno> {
        let namespace = sys::nsfs::mounts_id(namespace)?;
        let mut pins = Vec::new();
        let mut buffer = vec![0; LONGEST];
        let mut ids = [0; 512];
        let mut last = 0;
        loop {
            let count = sys::mount::list(namespace, last, &mut ids)?;
            for &id in &ids[..count] {
                // A mount that was unmounted meanwhile is gone.
                if sys::mount::stat(namespace, id, MASK, &mut buffer).is_ok() {
                    pins.extend(
                        Self::from_statmount(&buffer).filter(|mount| mount.namespace().is_some()),
                    );
                }
            }
            match ids[..count].last() {
                Some(&id) if count == ids.len() => last = id,
                _ => return Ok(pins),
            }
        }
    }

    /// Reads a `struct statmount`; none if it lacks what was requested.
    pub fn from_statmount(bytes: &[u8]) -> Option<Self> {
        let half = |offset: usize| {
            Some(u32::from_ne_bytes(
                bytes.get(offset..offset + 4)?.try_into().ok()?,
            ))
        };
        let whole = |offset: usize| {
            Some(u64::from_ne_bytes(
                bytes.get(offset..offset + 8)?.try_into().ok()?,
            ))
        };
        let text = |offset: usize| {
            let start = FIXED.checked_add(half(offset)?.try_into().ok()?)?;
            let rest = bytes.get(start..)?;
            Some(rest[..rest.iter().position(|byte| *byte == 0)?].to_vec())
        };
        if whole(8)? & MASK != MASK {
            return None;
        }
        let device = (half(16)?, half(20)?);
        Some(Self {
            id: whole(40)?,
            parent: whole(48)?,
            device,
            root: text(104)?,
            point: text(108)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn recorded(mask: u64, strings: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; FIXED];
        bytes[8..16].copy_from_slice(&mask.to_ne_bytes());
        bytes[20..24].copy_from_slice(&4_u32.to_ne_bytes());
        bytes[40..48].copy_from_slice(&4_294_967_299_u64.to_ne_bytes());
        bytes[48..56].copy_from_slice(&4_294_967_297_u64.to_ne_bytes());
        bytes[108..112].copy_from_slice(&9_u32.to_ne_bytes());
        bytes.extend(strings);
        bytes
    }

    #[test]
    fn the_structure_is_read_with_its_strings() {
        let mount = Mount::from_statmount(&recorded(MASK, b"net:[77]\0/a b\0")).unwrap();
        assert_eq!(mount.namespace(), "net:[77]".parse().ok());
        assert_eq!(
            (mount.id, mount.parent, mount.device),
            (4_294_967_299, 4_294_967_297, (0, 4))
        );
        assert_eq!(mount.point, b"/a b");
        assert_eq!(
            Mount::from_statmount(&recorded(MASK - 8, b"net:[77]\0/a b\0")),
            None
        );
        assert_eq!(
            Mount::from_statmount(&recorded(MASK, b"net:[77]\0/a b")),
            None
        );
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>, strings: Vec<u8>, offset in 0..FIXED - 8, number: u64) {
            let _ = Mount::from_statmount(&bytes);
            let mut whole = recorded(MASK, &strings);
            whole[offset..offset + 8].copy_from_slice(&number.to_ne_bytes());
            let _ = Mount::from_statmount(&whole);
        }
    }
}
