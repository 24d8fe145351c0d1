//! Unambiguous addresses of containers.

use crate::container::Container;
use nsx_core::hash::{HashMap, HashSet};

/// Returns an unambiguous address of each of these containers.
pub fn addresses(containers: &[Container]) -> Vec<String> {
    let addresses: Vec<String> = containers.iter().map(Container::address).collect();
    let single = singles(addresses.iter());
    let one = |(container, address): (&Container, &String)| match &container.name {
        Some(_) if !single.contains(address) => container.address_by_id(),
        _ => address.clone(),
    };
    containers.iter().zip(&addresses).map(one).collect()
}

/// Returns the elements that occur once.
pub(crate) fn singles<T: std::hash::Hash + Eq>(all: impl Iterator<Item = T>) -> HashSet<T> {
    let mut counts: HashMap<T, usize> = HashMap::default();
    all.for_each(|one| *counts.entry(one).or_default() += 1);
    counts
        .into_iter()
        .filter(|(_, count)| *count == 1)
        .map(|(one, _)| one)
        .collect()
}
