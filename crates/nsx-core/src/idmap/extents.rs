//! Extents, and a map as an ordered list of them.

use super::IdKind;
use crate::{
    pid::Pid,
    proc::{ProcError, ProcRoot, decimal},
};
use std::fmt;

/// The most extents that the kernel takes in one map (4.15; 5 before).
const MOST_EXTENTS: usize = 340;

/// A run of `count` ids that starts at `inside` in the user namespace and at `outside` in the user
/// namespace of the reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    inside: u32,
    outside: u32,
    count: u32,
}

/// Three numbers that may or may not be an [`Extent`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawExtent {
    /// The first id in the user namespace.
    pub inside: u32,
    /// The first id in the user namespace of the reader.
    pub outside: u32,
    /// The number of ids.
    pub count: u32,
}

/// A map that the kernel would not take, or could not have written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MapError {
    /// An extent without ids.
    #[error("the range {0} is empty")]
    Empty(RawExtent),
    /// An extent that reaches 4294967295, which means no id.
    #[error("the range {0} goes beyond the last id, 4294967294")]
    TooHigh(RawExtent),
    /// Two extents that have an id in common, inside or outside.
    #[error("the ranges {0} and {1} overlap")]
    Overlap(Extent, Extent),
    /// More extents than the kernel takes.
    #[error("{0} ranges, and the kernel takes at most {MOST_EXTENTS}")]
    TooMany(usize),
    /// More text than the kernel takes in the one write that there may be: it must be shorter than
    /// a page.
    #[error("{0} bytes, and the kernel takes fewer than a page, which is {1}")]
    TooLong(usize, usize),
}

impl Extent {
    /// Returns the extent of these three numbers.
    ///
    /// # Errors
    /// [`MapError::Empty`] or [`MapError::TooHigh`].
    pub fn new(raw: RawExtent) -> Result<Self, MapError> {
        let RawExtent {
            inside,
            outside,
            count,
        } = raw;
        if count == 0 {
            return Err(MapError::Empty(raw));
        }
        // An end is the id after the last, so it may be u32::MAX itself.
        if inside.checked_add(count).is_none() || outside.checked_add(count).is_none() {
            return Err(MapError::TooHigh(raw));
        }
        Ok(Self {
            inside,
            outside,
            count,
        })
    }

    /// Returns the first id inside.
    pub fn inside(&self) -> u32 {
        self.inside
    }

    /// Returns the first id outside.
    pub fn outside(&self) -> u32 {
        self.outside
    }

    /// Returns the number of ids; never 0.
    pub fn count(&self) -> u32 {
        self.count
    }

    fn overlaps(&self, other: &Self) -> bool {
        let meet = |a: u32, b: u32| a < b + other.count && b < a + self.count;
        meet(self.inside, other.inside) || meet(self.outside, other.outside)
    }
}

/// A map from the ids inside a user namespace to those outside. Extents in the order of the
/// kernel's file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IdMap(Vec<Extent>);

impl IdMap {
    /// Returns a map of these extents.
    ///
    /// # Errors
    /// [`MapError::Overlap`], [`MapError::TooMany`] or [`MapError::TooLong`], which the kernel
    /// answers with `EINVAL`.
    pub fn new(extents: Vec<Extent>) -> Result<Self, MapError> {
        if extents.len() > MOST_EXTENTS {
            return Err(MapError::TooMany(extents.len()));
        }
        for (index, extent) in extents.iter().enumerate() {
            if let Some(other) = extents[..index].iter().find(|other| other.overlaps(extent)) {
                return Err(MapError::Overlap(*other, *extent));
            }
        }
        let map = Self(extents);
        let (bytes, page) = (map.to_string().len(), rustix::param::page_size());
        if bytes < page {
            Ok(map)
        } else {
            Err(MapError::TooLong(bytes, page))
        }
    }

    /// Returns a map of one id.
    ///
    /// # Errors
    /// [`MapError::TooHigh`] if one of them is 4294967295.
    pub fn single(inside: u32, outside: u32) -> Result<Self, MapError> {
        Ok(Self(vec![Extent::new(RawExtent {
            inside,
            outside,
            count: 1,
        })?]))
    }

    /// Reads the map of a process's user namespace.
    ///
    /// # Errors
    /// [`ProcError`].
    pub fn read(pid: Pid, ids: IdKind, proc: &ProcRoot) -> Result<Self, ProcError> {
        proc.read_with(pid, ids.file(), Self::parse)?
    }

    /// Reads the map of the caller's user namespace.
    ///
    /// # Errors
    /// [`ProcError`].
    pub fn read_own(ids: IdKind, proc: &ProcRoot) -> Result<Self, ProcError> {
        Self::parse(&proc.read_own(ids.file())?)
    }

    /// Parses `/proc/PID/uid_map` or `gid_map`: one line per extent, three numbers per line.
    ///
    /// An empty file is a namespace whose map is not written yet. The initial namespace's own
    /// extent reaches the last number there is.
    ///
    /// # Errors
    /// `Malformed` if a line is anything else.
    pub fn parse(text: &[u8]) -> Result<Self, ProcError> {
        let extents = text
            .split(|&byte| byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| {
                let mut numbers = line
                    .split(u8::is_ascii_whitespace)
                    .filter(|field| !field.is_empty())
                    .map(|field| u32::try_from(decimal(field)?).ok());
                let mut next = || numbers.next().flatten();
                let raw = RawExtent {
                    inside: next()?,
                    outside: next()?,
                    count: next()?,
                };
                let whole = numbers.next().is_none();
                whole.then(|| Extent::new(raw).ok()).flatten()
            });
        extents
            .collect::<Option<Vec<_>>>()
            .map(Self)
            .ok_or(ProcError::Malformed("an id map"))
    }

    /// Returns the extents.
    pub fn extents(&self) -> &[Extent] {
        &self.0
    }

    /// Returns whether the map maps this id outside and no other.
    pub fn is_single(&self, outside: u32) -> bool {
        matches!(self.0.as_slice(), [one] if one.count == 1 && one.outside == outside)
    }

    /// Returns the id outside that `inside` stands for, if it is mapped.
    pub fn to_outside(&self, inside: u32) -> Option<u32> {
        self.0.iter().find_map(|extent| {
            let offset = inside.checked_sub(extent.inside)?;
            (offset < extent.count).then(|| extent.outside + offset)
        })
    }

    /// Returns the extent that maps `inside`, if one does.
    pub fn extent_of(&self, inside: u32) -> Option<Extent> {
        let has = |extent: &&Extent| {
            inside
                .checked_sub(extent.inside)
                .is_some_and(|offset| offset < extent.count)
        };
        self.0.iter().find(has).copied()
    }

    /// Returns the id inside that `outside` has, if it is mapped.
    pub fn to_inside(&self, outside: u32) -> Option<u32> {
        self.0.iter().find_map(|extent| {
            let offset = outside.checked_sub(extent.outside)?;
            (offset < extent.count).then(|| extent.inside + offset)
        })
    }
}

/// The text of the kernel's file: `0 1000 1` and a line feed for each extent.
impl fmt::Display for IdMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(
            |Extent {
                 inside,
                 outside,
                 count,
             }| writeln!(f, "{inside} {outside} {count}"),
        )
    }
}

/// `0:1000:1`, as the options write it.
impl fmt::Display for RawExtent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.inside, self.outside, self.count)
    }
}

impl fmt::Display for Extent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            inside,
            outside,
            count,
        } = *self;
        RawExtent {
            inside,
            outside,
            count,
        }
        .fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn extent(inside: u32, outside: u32, count: u32) -> Extent {
        Extent::new(RawExtent {
            inside,
            outside,
            count,
        })
        .unwrap()
    }

    #[test]
    fn ids_lead_out_and_back() {
        let map =
            IdMap::parse(b"         0       1000          1\n         1     100000      65536\n")
                .unwrap();
        assert_eq!(map.to_outside(0), Some(1000));
        assert_eq!(map.to_outside(65536), Some(165_535));
        assert_eq!(map.to_outside(65537), None);
        assert_eq!(map.to_inside(1000), Some(0));
        assert_eq!(map.to_inside(999), None);
        assert_eq!(map.to_string(), "0 1000 1\n1 100000 65536\n");
    }

    #[test]
    fn the_callers_own_map_is_read() {
        let map = IdMap::parse(&std::fs::read("/proc/self/uid_map").unwrap()).unwrap();
        let uid = rustix::process::getuid().as_raw();
        assert!(map.to_outside(uid).is_some());
    }

    #[test]
    fn the_initial_map_is_read() {
        let map = IdMap::parse(b"         0          0 4294967295\n").unwrap();
        assert_eq!(map.to_outside(4_294_967_294), Some(4_294_967_294));
        assert_eq!(map.to_outside(u32::MAX), None);
    }

    #[test]
    fn what_the_kernel_would_refuse_is_refused() {
        let raw = RawExtent {
            inside: 0,
            outside: 0,
            count: 0,
        };
        assert_eq!(Extent::new(raw), Err(MapError::Empty(raw)));
        let raw = RawExtent {
            inside: u32::MAX,
            outside: 0,
            count: 1,
        };
        assert_eq!(Extent::new(raw), Err(MapError::TooHigh(raw)));
        let (a, b) = (extent(0, 1000, 10), extent(9, 5000, 1));
        assert_eq!(IdMap::new(vec![a, b]), Err(MapError::Overlap(a, b)));
        let b = extent(20, 1009, 5);
        assert_eq!(IdMap::new(vec![a, b]), Err(MapError::Overlap(a, b)));
        let many: Vec<_> = (0..341).map(|id| extent(id, id, 1)).collect();
        assert_eq!(IdMap::new(many.clone()), Err(MapError::TooMany(341)));
        assert!(IdMap::new(many[..340].to_vec()).is_ok());
        let long: Vec<_> = (0..300)
            .map(|id| extent(4_000_000_000 + id, 3_000_000_000 + id, 1))
            .collect();
        assert_eq!(
            IdMap::new(long),
            Err(MapError::TooLong(300 * 24, rustix::param::page_size()))
        );
    }

    #[test]
    fn a_text_that_is_not_a_map_is_malformed() {
        for text in [
            "0 1000",
            "0 1000 1 1",
            "a b c",
            "0 0 0",
            "0 0 4294967296",
            "-1 0 1",
        ] {
            assert_eq!(
                IdMap::parse(text.as_bytes()),
                Err(ProcError::Malformed("an id map")),
                "{text}"
            );
        }
        assert_eq!(IdMap::parse(b""), Ok(IdMap::default()));
    }

    proptest! {
        #[test]
        fn out_and_back_is_the_same(inside in 0..1_000_000_u32, outside in 0..1_000_000_u32, count in 1..100_000_u32, offset: u32) {
            let map = IdMap::new(vec![extent(inside, outside, count)]).unwrap();
            let id = inside + offset % count;
            prop_assert_eq!(map.to_outside(id).and_then(|id| map.to_inside(id)), Some(id));
            prop_assert_eq!(IdMap::parse(map.to_string().as_bytes()), Ok(map));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = IdMap::parse(&bytes);
        }
    }
}
