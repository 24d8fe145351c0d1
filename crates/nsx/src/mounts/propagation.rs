//! Propagation of mounts in words: with whom mounts are shared, by name.

use super::tables::AllTables;
use crate::text::UNKNOWN;
use nsx_core::{hash::HashMap, ns::NsId, proc::MountEntry};

/// The peer groups of a host, each with the names of the mount namespaces that have a mount in it.
pub(super) struct PeerGroups {
    members: HashMap<u64, Vec<(NsId, Vec<u8>)>>,
    /// `true` if the mounts of every mount namespace were read.
    is_whole: bool,
}

impl PeerGroups {
    pub(super) fn new(all: &AllTables) -> Self {
        let mut members: HashMap<u64, Vec<(NsId, Vec<u8>)>> = HashMap::default();
        for (name, table) in &all.tables {
            for group in table.mounts.iter().filter_map(|mount| mount.shared) {
                let members = members.entry(group).or_default();
                if members.iter().all(|(ns, _)| *ns != table.ns) {
                    members.push((table.ns, name.clone()));
                }
            }
        }
        Self {
            members,
            is_whole: all.unread == 0,
        }
    }

    /// Returns the propagation of a mount of the namespace `own` in words.
    pub(super) fn words(&self, mount: &MountEntry, own: NsId) -> Vec<u8> {
        let shared = mount.shared.map(|group| {
            let others = self.names(group, Some(own));
            if others.is_empty() {
                b"shared".to_vec()
            } else {
                [b"shared with ", others.as_slice()].concat()
            }
        });
        let received = mount.master.map(|group| {
            let others = self.names(group, None);
            let from = if others.is_empty() {
                UNKNOWN.as_bytes()
            } else {
                &others
            };
            [b"receives from ", from].concat()
        });
        let words: Vec<_> = shared.into_iter().chain(received).collect();
        match (words.is_empty(), mount.is_unbindable) {
            (true, true) => b"unbindable".to_vec(),
            (true, false) => b"private".to_vec(),
            (false, _) => words.join(&b"; "[..]),
        }
    }

    /// Returns the names of the members of a group other than `own`, and `?` if there may be more.
    fn names(&self, group: u64, own: Option<NsId>) -> Vec<u8> {
        let members = self.members.get(&group).into_iter().flatten();
        let others = members.filter(|(ns, _)| Some(*ns) != own);
        let unknown = (!self.is_whole).then_some(UNKNOWN.as_bytes());
        let names: Vec<_> = others
            .map(|(_, name)| name.as_slice())
            .chain(unknown)
            .collect();
        names.join(&b", "[..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mount(propagation: &str) -> MountEntry {
        MountEntry::parse(format!("1 0 0:5 / / rw {propagation}- tmpfs a rw").as_bytes()).unwrap()
    }

    #[test]
    fn propagation_names_the_namespaces_that_take_part() {
        let [host, web] = [1, 2].map(|inode| format!("mnt:[{inode}]").parse::<NsId>().unwrap());
        let both = vec![(host, b"host".to_vec()), (web, b"web".to_vec())];
        let mut groups = PeerGroups {
            members: HashMap::default(),
            is_whole: true,
        };
        groups.members.insert(7, both);
        groups.members.insert(8, vec![(host, b"host".to_vec())]);
        let words = |groups: &PeerGroups, text: &str| {
            String::from_utf8(groups.words(&mount(text), host)).unwrap()
        };
        assert_eq!(words(&groups, ""), "private");
        assert_eq!(words(&groups, "unbindable "), "unbindable");
        assert_eq!(words(&groups, "shared:7 "), "shared with web");
        assert_eq!(words(&groups, "shared:8 "), "shared");
        assert_eq!(
            words(&groups, "shared:8 master:7 "),
            "shared; receives from host, web"
        );
        assert_eq!(words(&groups, "master:9 "), "receives from ?");
        groups.is_whole = false;
        assert_eq!(words(&groups, "shared:8 "), "shared with ?");
    }
}
