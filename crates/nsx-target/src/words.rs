//! The words that shells complete: addresses and names of everything that runs.

use crate::{
    addresses::{addresses, singles},
    all,
    container::{Container, Owner},
    grammar::Target,
    host::Host,
    namespace,
    person::Owners,
};
use std::os::unix::ffi::OsStrExt;

impl Host {
    /// Returns the words for everything that runs, for completion: each address, and each name that
    /// only one container or namespace has. A name alone never means another user's container.
    pub fn words(&self) -> Vec<String> {
        let containers: Vec<_> = all::running(self, Owners::All, None)
            .into_iter()
            .map(|it| it.container)
            .collect();
        let mut words = addresses(&containers);
        let is_own = |owner: &Option<Owner>| owner.as_ref().is_none_or(|owner| owner.is_caller);
        let netns = namespace::names(self, Owners::All);
        let own = containers
            .iter()
            .filter(|it| is_own(&it.owner))
            .map(Container::label);
        let own = own.chain(
            netns
                .iter()
                .filter(|it| is_own(&it.owner))
                .map(|it| it.name.clone()),
        );
        // A number by itself is a process.
        let single = singles(own)
            .into_iter()
            .filter(|label| matches!(Target::parse(label.as_bytes()), Ok(Target::Name(_))));
        words.extend(single.map(|label| label.to_string_lossy().into_owned()));
        words.extend(netns.iter().map(namespace::NetworkName::to_string));
        // Some shells expand the words that they read. Names with any other character are left out.
        words.retain(|word| {
            word.chars()
                .all(|letter| letter.is_ascii_alphanumeric() || "_.-:/@+".contains(letter))
        });
        words.sort_unstable();
        words.dedup();
        words
    }
}
