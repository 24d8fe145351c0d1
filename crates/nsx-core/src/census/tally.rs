//! The namespaces that were met so far, each with its numbers.

use super::{Entry, Holder};
use crate::{
    ns::{NsId, NsKind},
    pid::Pid,
    proc::ProcError,
};
use std::collections::BTreeMap;

/// Namespaces by id. A namespace keeps its index in [`Tally::entries`] while others
/// come.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) entries: Vec<Entry>,
    // A tree, because the few namespaces that a host has are found in one faster than they are
    // hashed.
    indices: BTreeMap<(u64, NsKind), usize>,
    /// Most processes are in the same namespaces as the one before: its links, by kind, need not be
    /// read again.
    last: [Last; NsKind::ALL.len()],
}

/// The text of a link and the index of what it names.
#[derive(Clone, Copy, Debug, Default)]
struct Last {
    text: [u8; 24],
    len: usize,
    index: usize,
}

impl Tally {
    /// Returns the index of the namespace with this id, which is new if it was not met before.
    pub(super) fn index(&mut self, ns: NsId) -> usize {
        *self.indices.entry((ns.inode, ns.kind)).or_insert_with(|| {
            self.entries.push(Entry::new(ns));
            self.entries.len() - 1
        })
    }

    /// Like `index`, but takes the target of a link to a namespace of this kind.
    pub(super) fn index_of_link(
        &mut self,
        kind: NsKind,
        target: &[u8],
    ) -> Result<usize, ProcError> {
        let last = &mut self.last[kind as usize];
        if last.len > 0 && last.text[..last.len] == *target {
            return Ok(last.index);
        }
        let ns = NsId::parse(target).map_err(|_| ProcError::Malformed("a link in ns"))?;
        let index = self.index(ns);
        if let Some(text) = self.last[kind as usize].text.get_mut(..target.len()) {
            text.copy_from_slice(target);
            self.last[kind as usize].len = target.len();
            self.last[kind as usize].index = index;
        }
        Ok(index)
    }

    /// Counts a process.
    pub(super) fn count(&mut self, index: usize, pid: Pid) {
        let entry = &mut self.entries[index];
        entry.processes += 1;
        if entry
            .lowest
            .is_none_or(|lowest| pid.as_raw_pid() < lowest.as_raw_pid())
        {
            entry.lowest = Some(pid);
        }
    }

    /// Notes a holder of a namespace.
    pub(super) fn hold(&mut self, ns: NsId, holder: Holder) {
        let index = self.index(ns);
        self.entries[index].holders.push(holder);
    }

    /// Adds the counts of another tally, of other processes.
    pub(super) fn absorb(&mut self, other: Self) {
        for theirs in other.entries {
            let index = self.index(theirs.ns);
            let ours = &mut self.entries[index];
            ours.processes += theirs.processes;
            ours.threads += theirs.threads;
            ours.lowest = lower(ours.lowest, theirs.lowest);
            ours.holders.extend(theirs.holders);
        }
    }
}

fn lower(one: Option<Pid>, other: Option<Pid>) -> Option<Pid> {
    [one, other]
        .into_iter()
        .flatten()
        .min_by_key(|pid| pid.as_raw_pid())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_leads_to_its_index_whatever_was_read_before() {
        let mut tally = Tally::default();
        let mut index = |text: &str| tally.index_of_link(NsKind::Net, text.as_bytes());
        assert_eq!(index("net:[7]"), Ok(0));
        assert_eq!(index("net:[7]"), Ok(0));
        assert_eq!(index("net:[70]"), Ok(1));
        assert_eq!(index("net:[7]"), Ok(0));
        // Longer than any that the kernel writes.
        assert_eq!(index("net:[00000000000000000000007]"), Ok(0));
        assert_eq!(index("net:[70]"), Ok(1));
        assert!(index("net:[").is_err());
        assert!(Tally::default().index_of_link(NsKind::Net, b"").is_err());
        assert_eq!(index("net:[70]"), Ok(1));
    }

    #[test]
    fn two_tallies_make_one() {
        let pid = |id| Pid::from_raw(id).unwrap();
        let ids: [NsId; 2] = ["net:[7]", "uts:[7]"].map(|text| text.parse().unwrap());
        let tally = |counted: &[(NsId, i32)]| {
            let mut tally = Tally::default();
            for (ns, id) in counted {
                let index = tally.index(*ns);
                tally.count(index, pid(*id));
            }
            tally
        };
        let mut one = tally(&[(ids[0], 9)]);
        let other = tally(&[(ids[1], 3), (ids[0], 5)]);
        one.absorb(other);
        let rows: Vec<_> = one
            .entries
            .iter()
            .map(|entry| (entry.ns, entry.processes, entry.lowest))
            .collect();
        assert_eq!(rows, [(ids[0], 2, Some(pid(5))), (ids[1], 1, Some(pid(3)))]);
    }
}
