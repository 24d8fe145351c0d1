//! From what people ask of a map to the map: single ids, ranges, and ranges that a user was given.
//!
//! A single id, the caller's own, goes before ranges: the ids that it takes are left out of each of them.

use super::{Extent, IdKind, IdMap, MapError, RawExtent};
use crate::proc::decimal;

/// A range as it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RangeRequest {
    /// These ids.
    Range(RawExtent),
    /// The first range that the caller was given in /etc/subuid or /etc/subgid, from 0 inside.
    Auto,
    /// The first range that the caller was given, with the same ids inside.
    Subids,
    /// Every id of the caller's user namespace, with the same ids inside.
    All,
}

/// A text that asks for no range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a range is INSIDE:OUTSIDE:COUNT, or one of auto, subids and all")]
pub struct ParseRangeError;

impl RangeRequest {
    /// Reads `inside:outside:count`, `outside,inside,count` as util-linux had it before 2.39, or one of the words.
    ///
    /// # Errors
    /// [`ParseRangeError`]; whether the numbers make an extent is not asked.
    pub fn parse(text: &[u8]) -> Result<Self, ParseRangeError> {
        match text {
            b"auto" => return Ok(Self::Auto),
            b"subids" => return Ok(Self::Subids),
            b"all" => return Ok(Self::All),
            _ => {}
        }
        let numbers = |separator: u8| -> Option<[u32; 3]> {
            let fields = text.split(|byte| *byte == separator).map(|field| u32::try_from(decimal(field)?).ok());
            fields.collect::<Option<Vec<_>>>()?.try_into().ok()
        };
        if let Some([inside, outside, count]) = numbers(b':') {
            return Ok(Self::Range(RawExtent { inside, outside, count }));
        }
        let [outside, inside, count] = numbers(b',').ok_or(ParseRangeError)?;
        Ok(Self::Range(RawExtent { inside, outside, count }))
    }
}

/// A whole map as it is asked for. Empty: no map.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MapRequest {
    /// The id inside that the caller's own is mapped to.
    pub single: Option<u32>,
    /// Ranges, in order.
    pub ranges: Vec<RangeRequest>,
}

/// What the caller has to map.
#[derive(Clone, Debug)]
pub struct Owned<'a> {
    /// The caller's own id.
    pub id: u32,
    /// The ranges that it was given, in the order of the file: the first id and how many.
    pub given: &'a [(u32, u32)],
    /// The map of the user namespace that it is in.
    pub own_map: &'a IdMap,
    /// Whether it may map any id of that namespace: it has CAP_SETUID or CAP_SETGID there.
    pub privileged: bool,
}

impl Owned<'_> {
    /// Whether the kernel, or newuidmap for it, takes this extent from the caller.
    fn may_map(&self, extent: &Extent) -> bool {
        let covers = |first: u32, count: u32| {
            first <= extent.outside() && extent.outside() + extent.count() <= first.saturating_add(count)
        };
        if extent.count() == 1 && extent.outside() == self.id {
            return true;
        }
        if self.privileged {
            return self.own_map.extents().iter().any(|own| covers(own.inside(), own.count()));
        }
        self.given.iter().any(|&(first, count)| covers(first, count))
    }
}

/// A request that leads to no map.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MapRequestError {
    /// The map is one that the kernel would not take.
    #[error(transparent)]
    Map(#[from] MapError),
    /// The caller was given no range.
    #[error("{} has no range of ids for you", .0.ranges_file())]
    NothingGiven(IdKind),
    /// The caller may not map these ids: they are not its own and were not given to it.
    #[error("the range {1} is of {0} ids that you may not map")]
    NotGiven(IdKind, Extent),
    /// A privileged caller cannot map ids that its own user namespace does not have.
    #[error("the range {1} is of {0} ids that the user namespace you are in does not have")]
    NotThere(IdKind, Extent),
}

impl MapRequest {
    /// Whether no map is asked for.
    pub fn is_empty(&self) -> bool {
        self.single.is_none() && self.ranges.is_empty()
    }

    /// The map, which is one that the caller may have.
    ///
    /// # Errors
    /// [`MapRequestError`].
    pub fn resolve(&self, ids: IdKind, owned: &Owned<'_>) -> Result<IdMap, MapRequestError> {
        let map = self.merge(ids, owned)?;
        match map.extents().iter().find(|extent| !owned.may_map(extent)) {
            None => Ok(map),
            Some(extent) if owned.privileged => Err(MapRequestError::NotThere(ids, *extent)),
            Some(extent) => Err(MapRequestError::NotGiven(ids, *extent)),
        }
    }

    /// The map, and whoever writes it may say that the caller may not have it.
    ///
    /// # Errors
    /// [`MapRequestError::Map`] and [`MapRequestError::NothingGiven`].
    pub fn merge(&self, ids: IdKind, owned: &Owned<'_>) -> Result<IdMap, MapRequestError> {
        let single =
            self.single.map(|inside| Extent::new(RawExtent { inside, outside: owned.id, count: 1 })).transpose()?;
        let mut extents: Vec<_> = single.into_iter().collect();
        let given = || owned.given.first().copied().ok_or(MapRequestError::NothingGiven(ids));
        for range in &self.ranges {
            match *range {
                RangeRequest::Range(raw) => leave_out(raw, End::Fixed, single, &mut extents)?,
                RangeRequest::Auto => {
                    let (outside, count) = given()?;
                    leave_out(RawExtent { inside: 0, outside, count }, End::Open, single, &mut extents)?;
                }
                RangeRequest::Subids => {
                    let (first, count) = given()?;
                    leave_out(RawExtent { inside: first, outside: first, count }, End::Fixed, single, &mut extents)?;
                }
                RangeRequest::All => {
                    for extent in owned.own_map.extents() {
                        let (first, count) = (extent.inside(), extent.count());
                        leave_out(
                            RawExtent { inside: first, outside: first, count },
                            End::Fixed,
                            single,
                            &mut extents,
                        )?;
                    }
                }
            }
        }
        Ok(IdMap::new(extents)?)
    }
}

/// What becomes of a range's last id inside where the single id takes a place before it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// It is lost: the ids inside were named.
    Fixed,
    /// It moves up: only their number matters.
    Open,
}

/// Adds the extents of a range to `extents`, without the ids that `single` takes: those left inside are paired in order
/// with those left outside, as long as there are both.
fn leave_out(range: RawExtent, end: End, single: Option<Extent>, extents: &mut Vec<Extent>) -> Result<(), MapError> {
    let whole = Extent::new(range)?;
    let Some(single) = single else {
        extents.push(whole);
        return Ok(());
    };
    let last = |first: u32| u64::from(first) + u64::from(range.count);
    let end = if end == End::Open { u64::from(u32::MAX) } else { last(range.inside) };
    let mut inside = free(range.inside.into(), end, single.inside());
    let mut outside = free(range.outside.into(), last(range.outside), single.outside());
    while let (Some(&(in_first, in_count)), Some(&(out_first, out_count))) = (inside.first(), outside.first()) {
        let count = in_count.min(out_count);
        let id = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        extents.push(Extent::new(RawExtent { inside: id(in_first), outside: id(out_first), count: id(count) })?);
        take(&mut inside, count);
        take(&mut outside, count);
    }
    Ok(())
}

/// The runs of `first..end` without `claimed`: first ids and counts.
fn free(first: u64, end: u64, claimed: u32) -> Vec<(u64, u64)> {
    let claimed = u64::from(claimed);
    let runs =
        if (first..end).contains(&claimed) { vec![(first, claimed), (claimed + 1, end)] } else { vec![(first, end)] };
    runs.into_iter().filter(|(first, end)| first < end).map(|(first, end)| (first, end - first)).collect()
}

/// Takes `count` ids from the first run.
fn take(runs: &mut Vec<(u64, u64)>, count: u64) {
    if let Some((first, left)) = runs.first_mut() {
        *first += count;
        *left -= count;
        if *left == 0 {
            runs.remove(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GIVEN: &[(u32, u32)] = &[(100_000, 65536)];

    fn resolved(own: u32, single: Option<u32>, ranges: &[&str]) -> String {
        let own_map = IdMap::parse(b"0 0 4294967295\n").unwrap();
        let owned = Owned { id: own, given: GIVEN, own_map: &own_map, privileged: true };
        let ranges = ranges.iter().map(|range| RangeRequest::parse(range.as_bytes()).unwrap()).collect();
        let map = MapRequest { single, ranges }.resolve(IdKind::User, &owned).unwrap();
        map.to_string().trim_end().replace('\n', " / ")
    }

    /// What unshare of util-linux hands to newuidmap, by running 2.38.1, and the four examples of its merge.
    #[test]
    fn ranges_make_room_for_the_single_id_as_util_linux_has_it() {
        for (own, single, ranges, expected) in [
            (4242, Some(0), &["auto"][..], "0 4242 1 / 1 100000 65536"),
            (4242, Some(4242), &["auto"], "4242 4242 1 / 0 100000 4242 / 4243 104242 61294"),
            (4242, Some(0), &["subids"], "0 4242 1 / 100000 100000 65536"),
            (4242, Some(0), &["0:100000:10", "20:100100:5"], "0 4242 1 / 1 100000 9 / 20 100100 5"),
            (0, Some(0), &["0:0:10"], "0 0 1 / 1 1 9"),
            (0, Some(0), &["0,5,10"], "0 0 1 / 5 1 9"),
            (0, Some(3), &["0:0:10"], "3 0 1 / 0 1 3 / 4 4 6"),
            (0, Some(3), &["0:100:10"], "3 0 1 / 0 100 3 / 4 103 6"),
            (0, Some(20), &["0:0:10"], "20 0 1 / 0 1 9"),
            (0, None, &["0:0:10"], "0 0 10"),
            (0, Some(7), &["5:0:10"], "7 0 1 / 5 1 2 / 8 3 7"),
            (0, Some(12), &["5:0:10"], "12 0 1 / 5 1 7 / 13 8 2"),
            (0, Some(9), &["0:100:10"], "9 0 1 / 0 100 9"),
            (0, Some(0), &["0:100:1"], "0 0 1"),
            (103, Some(7), &["5:100:10"], "7 103 1 / 5 100 2 / 8 102 1 / 9 104 6"),
            (0, None, &["all"], "0 0 4294967295"),
        ] {
            assert_eq!(resolved(own, single, ranges), expected, "{own} {single:?} {ranges:?}");
        }
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for text in ["", "1:2", "1:2:3:4", "1:2:x", "a", "Auto", "-1:0:1", "4294967296:0:1", "1:2,3"] {
            assert_eq!(RangeRequest::parse(text.as_bytes()), Err(ParseRangeError), "{text}");
        }
    }

    #[test]
    fn a_range_that_was_not_given_is_missed() {
        let own_map = IdMap::default();
        let owned = Owned { id: 0, given: &[], own_map: &own_map, privileged: true };
        let request = MapRequest { single: None, ranges: vec![RangeRequest::Auto] };
        assert_eq!(request.resolve(IdKind::Group, &owned), Err(MapRequestError::NothingGiven(IdKind::Group)));
    }

    #[test]
    fn ids_that_are_not_the_callers_are_named() {
        let own_map = IdMap::parse(b"0 1000 10\n").unwrap();
        let request = |inside, outside, count| MapRequest {
            single: None,
            ranges: vec![RangeRequest::Range(RawExtent { inside, outside, count })],
        };
        let user = Owned { id: 5, given: GIVEN, own_map: &own_map, privileged: false };
        let extent = Extent::new(RawExtent { inside: 0, outside: 99_999, count: 2 }).unwrap();
        assert_eq!(
            request(0, 99_999, 2).resolve(IdKind::User, &user),
            Err(MapRequestError::NotGiven(IdKind::User, extent))
        );
        assert!(request(0, 165_535, 1).resolve(IdKind::User, &user).is_ok());
        assert!(request(0, 165_535, 2).resolve(IdKind::User, &user).is_err());
        assert!(request(0, 5, 1).resolve(IdKind::User, &user).is_ok());
        let root = Owned { id: 0, privileged: true, ..user };
        let extent = Extent::new(RawExtent { inside: 0, outside: 5, count: 6 }).unwrap();
        assert_eq!(request(0, 5, 6).resolve(IdKind::User, &root), Err(MapRequestError::NotThere(IdKind::User, extent)));
        assert!(request(0, 5, 5).resolve(IdKind::User, &root).is_ok());
    }

    proptest! {
        #[test]
        fn a_merged_map_is_one_that_the_kernel_takes(
            own in 0..300_000_u32, single in 0..300_000_u32, inside in 0..200_000_u32, outside in 0..200_000_u32, count in 1..100_000_u32
        ) {
            let own_map = IdMap::parse(b"0 0 4294967295").unwrap();
            let owned = Owned { id: own, given: GIVEN, own_map: &own_map, privileged: true };
            let range = RangeRequest::Range(RawExtent { inside, outside, count });
            for range in [range, RangeRequest::Auto, RangeRequest::Subids] {
                let map = MapRequest { single: Some(single), ranges: vec![range] }.resolve(IdKind::User, &owned).unwrap();
                prop_assert_eq!(map.to_outside(single), Some(own));
                prop_assert!(map.extents().len() <= 4);
            }
        }

        #[test]
        fn no_bytes_make_the_parser_panic(bytes: Vec<u8>) {
            let _ = RangeRequest::parse(&bytes);
        }
    }
}
