//! From a request for a map to the map: single ids, ranges, and ranges that a user was given.
//!
//! A single id, the caller's own, goes before ranges: the ids that it takes are left out of each of
//! them.

use super::{
    Extent, IdKind, IdMap, MapError, RangeRequest, RawExtent,
    runs::{distinct, pair},
};

/// A whole map as it is requested. Empty: no map.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MapRequest {
    /// The id inside that the caller's own is mapped to.
    pub single: Option<u32>,
    /// Ranges, in order.
    pub ranges: Vec<RangeRequest>,
}

/// The ids that the caller has to map.
#[derive(Clone, Debug)]
pub struct Owned<'a> {
    /// The caller's own id.
    pub id: u32,
    /// The ranges that it was given, in the order of the file: the first id and how many.
    pub given: &'a [(u32, u32)],
    /// The map of the user namespace that it is in.
    pub own_map: &'a IdMap,
    /// `true` if the caller may map any id of that namespace: it has CAP_SETUID or CAP_SETGID
    /// there.
    pub privileged: bool,
}

impl Owned<'_> {
    /// Returns whether the kernel, or newuidmap instead, accepts this extent from the caller.
    fn may_map(&self, extent: &Extent) -> bool {
        let last = u64::from(extent.outside()) + u64::from(extent.count());
        let covers =
            |first: u64, count: u64| first <= extent.outside().into() && last <= first + count;
        if extent.count() == 1 && extent.outside() == self.id {
            return true;
        }
        if self.privileged {
            return self
                .own_map
                .extents()
                .iter()
                .any(|own| covers(own.inside().into(), own.count().into()));
        }
        let mut given = self.given.to_vec();
        given.sort_unstable();
        distinct(&given)
            .into_iter()
            .any(|(first, count)| covers(first, count))
    }
}

/// A request that leads to no map.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
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
    /// Returns whether no map is requested.
    pub fn is_empty(&self) -> bool {
        self.single.is_none() && self.ranges.is_empty()
    }

    /// Returns the map, which is one that the caller may have.
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

    /// Returns the map. Writing it may still be refused.
    ///
    /// # Errors
    /// [`MapRequestError::Map`] and [`MapRequestError::NothingGiven`].
    pub fn merge(&self, ids: IdKind, owned: &Owned<'_>) -> Result<IdMap, MapRequestError> {
        let single = self
            .single
            .map(|inside| {
                Extent::new(RawExtent {
                    inside,
                    outside: owned.id,
                    count: 1,
                })
            })
            .transpose()?;
        let mut extents: Vec<_> = single.into_iter().collect();
        let given = || match owned.given {
            [] => Err(MapRequestError::NothingGiven(ids)),
            given => Ok(distinct(given)),
        };
        for range in &self.ranges {
            match *range {
                RangeRequest::Range(raw) => leave_out(raw, single, &mut extents)?,
                // Only the number of ids matters: what the single id takes inside moves the rest
                // up.
                RangeRequest::Auto => pair((0, u32::MAX.into()), &given()?, single, &mut extents)?,
                RangeRequest::Subids => {
                    for (first, count) in given()? {
                        pair((first, count), &[(first, count)], single, &mut extents)?;
                    }
                }
                RangeRequest::All => {
                    for extent in owned.own_map.extents() {
                        let (first, count) = (extent.inside(), extent.count());
                        leave_out(
                            RawExtent {
                                inside: first,
                                outside: first,
                                count,
                            },
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

/// Adds the extents of a range to `extents`, without the ids that `single` takes.
fn leave_out(
    range: RawExtent,
    single: Option<Extent>,
    extents: &mut Vec<Extent>,
) -> Result<(), MapError> {
    let whole = Extent::new(range)?;
    if single.is_none() {
        extents.push(whole);
        return Ok(());
    }
    let count = u64::from(range.count);
    pair(
        (range.inside.into(), count),
        &[(range.outside.into(), count)],
        single,
        extents,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GIVEN: &[(u32, u32)] = &[(100_000, 65536)];

    fn resolved(own: u32, single: Option<u32>, ranges: &[&str]) -> String {
        let own_map = IdMap::parse(b"0 0 4294967295\n").unwrap();
        let owned = Owned {
            id: own,
            given: GIVEN,
            own_map: &own_map,
            privileged: true,
        };
        let ranges = ranges
            .iter()
            .map(|range| RangeRequest::parse(range.as_bytes()).unwrap())
            .collect();
        let map = MapRequest { single, ranges }
            .resolve(IdKind::User, &owned)
            .unwrap();
        map.to_string().trim_end().replace('\n', " / ")
    }

    /// The maps that unshare of util-linux hands to newuidmap, by running 2.38.1, and the four
    /// examples of its merge.
    #[test]
    fn ranges_make_room_for_the_single_id_as_util_linux_has_it() {
        for (own, single, ranges, expected) in [
            (4242, Some(0), &["auto"][..], "0 4242 1 / 1 100000 65536"),
            (
                4242,
                Some(4242),
                &["auto"],
                "4242 4242 1 / 0 100000 4242 / 4243 104242 61294",
            ),
            (4242, Some(0), &["subids"], "0 4242 1 / 100000 100000 65536"),
            (
                4242,
                Some(0),
                &["0:100000:10", "20:100100:5"],
                "0 4242 1 / 1 100000 9 / 20 100100 5",
            ),
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
            (
                103,
                Some(7),
                &["5:100:10"],
                "7 103 1 / 5 100 2 / 8 102 1 / 9 104 6",
            ),
            (0, None, &["all"], "0 0 4294967295"),
        ] {
            assert_eq!(
                resolved(own, single, ranges),
                expected,
                "{own} {single:?} {ranges:?}"
            );
        }
    }

    /// Each line of subuid(5) counts, and an id that several lines give counts once.
    #[test]
    fn every_range_that_was_given_is_mapped() {
        let own_map = IdMap::parse(b"0 0 4294967295\n").unwrap();
        let map = |given: &[(u32, u32)], single: Option<u32>, range: RangeRequest| {
            let owned = Owned {
                id: 4242,
                given,
                own_map: &own_map,
                privileged: false,
            };
            let map = MapRequest {
                single,
                ranges: vec![range],
            }
            .resolve(IdKind::User, &owned)
            .unwrap();
            map.to_string().trim_end().replace('\n', " / ")
        };
        let two = &[(100_000, 10), (300_000, 5)][..];
        for (given, single, range, expected) in [
            (two, None, RangeRequest::Auto, "0 100000 10 / 10 300000 5"),
            (
                two,
                Some(0),
                RangeRequest::Auto,
                "0 4242 1 / 1 100000 10 / 11 300000 5",
            ),
            (
                two,
                Some(12),
                RangeRequest::Auto,
                "12 4242 1 / 0 100000 10 / 10 300000 2 / 13 300002 3",
            ),
            (
                two,
                None,
                RangeRequest::Subids,
                "100000 100000 10 / 300000 300000 5",
            ),
            (
                &[(200, 10), (100, 10)],
                None,
                RangeRequest::Auto,
                "0 200 10 / 10 100 10",
            ),
            (
                &[(100, 10), (110, 10)],
                None,
                RangeRequest::Auto,
                "0 100 20",
            ),
            (
                &[(100, 10), (100, 10), (105, 10)],
                None,
                RangeRequest::Auto,
                "0 100 15",
            ),
            (
                &[(105, 2), (100, 10)],
                None,
                RangeRequest::Auto,
                "0 105 2 / 2 100 5 / 7 107 3",
            ),
            (
                &[(100, 0), (200, 1)],
                None,
                RangeRequest::Subids,
                "200 200 1",
            ),
            (
                &[(4240, 10)],
                Some(0),
                RangeRequest::Auto,
                "0 4242 1 / 1 4240 2 / 3 4243 7",
            ),
            // A range across two lines that continue each other, in whatever order.
            (
                &[(110, 10), (100, 10)],
                None,
                RangeRequest::Range(RawExtent {
                    inside: 0,
                    outside: 105,
                    count: 10,
                }),
                "0 105 10",
            ),
        ] {
            assert_eq!(
                map(given, single, range),
                expected,
                "{given:?} {single:?} {range:?}"
            );
        }
    }

    #[test]
    fn a_range_that_was_not_given_is_missed() {
        let own_map = IdMap::default();
        let owned = Owned {
            id: 0,
            given: &[],
            own_map: &own_map,
            privileged: true,
        };
        let request = MapRequest {
            single: None,
            ranges: vec![RangeRequest::Auto],
        };
        assert_eq!(
            request.resolve(IdKind::Group, &owned),
            Err(MapRequestError::NothingGiven(IdKind::Group))
        );
    }

    #[test]
    fn ids_that_are_not_the_callers_are_named() {
        let own_map = IdMap::parse(b"0 1000 10\n").unwrap();
        let request = |inside, outside, count| MapRequest {
            single: None,
            ranges: vec![RangeRequest::Range(RawExtent {
                inside,
                outside,
                count,
            })],
        };
        let user = Owned {
            id: 5,
            given: GIVEN,
            own_map: &own_map,
            privileged: false,
        };
        let extent = Extent::new(RawExtent {
            inside: 0,
            outside: 99_999,
            count: 2,
        })
        .unwrap();
        assert_eq!(
            request(0, 99_999, 2).resolve(IdKind::User, &user),
            Err(MapRequestError::NotGiven(IdKind::User, extent))
        );
        assert!(request(0, 165_535, 1).resolve(IdKind::User, &user).is_ok());
        assert!(request(0, 165_535, 2).resolve(IdKind::User, &user).is_err());
        assert!(request(0, 5, 1).resolve(IdKind::User, &user).is_ok());
        let root = Owned {
            id: 0,
            privileged: true,
            ..user
        };
        let extent = Extent::new(RawExtent {
            inside: 0,
            outside: 5,
            count: 6,
        })
        .unwrap();
        assert_eq!(
            request(0, 5, 6).resolve(IdKind::User, &root),
            Err(MapRequestError::NotThere(IdKind::User, extent))
        );
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

    }
}
