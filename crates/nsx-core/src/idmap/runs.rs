//! Runs of ids: a first id and a count.

use super::{Extent, MapError, RawExtent};
use std::collections::VecDeque;

/// Adds the extents that pair a run of ids inside with runs outside, in order, as long as there are
/// both. The ids that `single` takes are left out. Runs are a first id and a count.
pub(super) fn pair(
    inside: (u64, u64),
    outside: &[(u64, u64)],
    single: Option<Extent>,
    extents: &mut Vec<Extent>,
) -> Result<(), MapError> {
    let without = |(first, count): (u64, u64), claimed: Option<u32>| match claimed {
        Some(claimed) => free(first, first + count, claimed),
        None => vec![(first, count)],
    };
    let mut inside = VecDeque::from(without(inside, single.map(|single| single.inside())));
    let mut outside: VecDeque<_> = outside
        .iter()
        .flat_map(|run| without(*run, single.map(|single| single.outside())))
        .collect();
    while let (Some(&(in_first, in_count)), Some(&(out_first, out_count))) =
        (inside.front(), outside.front())
    {
        let count = in_count.min(out_count);
        let id = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        extents.push(Extent::new(RawExtent {
            inside: id(in_first),
            outside: id(out_first),
            count: id(count),
        })?);
        take(&mut inside, count);
        take(&mut outside, count);
    }
    Ok(())
}

/// Returns the ids of ranges as runs in the order of the ranges: none twice, and runs that continue
/// each other as one. A range that goes beyond the last id ends there.
pub(super) fn distinct(ranges: &[(u32, u32)]) -> Vec<(u64, u64)> {
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for &(first, count) in ranges {
        let end = (u64::from(first) + u64::from(count)).min(u32::MAX.into());
        let mut taken: Vec<_> = runs
            .iter()
            .map(|(first, count)| (*first, first + count))
            .collect();
        taken.sort_unstable();
        let mut next = u64::from(first);
        for (from, to) in taken.into_iter().chain([(end, end)]) {
            let until = from.min(end);
            if next < until {
                match runs.last_mut() {
                    Some((first, count)) if *first + *count == next => *count += until - next,
                    _ => runs.push((next, until - next)),
                }
            }
            next = next.max(to);
        }
    }
    runs
}

/// Returns the runs of `first..end` without `claimed`: first ids and counts.
fn free(first: u64, end: u64, claimed: u32) -> Vec<(u64, u64)> {
    let claimed = u64::from(claimed);
    let runs = if (first..end).contains(&claimed) {
        vec![(first, claimed), (claimed + 1, end)]
    } else {
        vec![(first, end)]
    };
    runs.into_iter()
        .filter(|(first, end)| first < end)
        .map(|(first, end)| (first, end - first))
        .collect()
}

/// Takes `count` ids from the first run.
fn take(runs: &mut VecDeque<(u64, u64)>, count: u64) {
    if let Some((first, left)) = runs.front_mut() {
        *first += count;
        *left -= count;
        if *left == 0 {
            runs.pop_front();
        }
    }
}
