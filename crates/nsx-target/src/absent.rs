//! The error for a name that nothing has, or that only stopped containers have, with suggestions.

use crate::{
    addresses::addresses,
    all,
    check::Checked,
    container::{Container, Owner},
    engine::Engine,
    error::TargetError,
    grammar::Target,
    host::Host,
    namespace, near,
    person::Owners,
    stores::{self, Query},
    unread::Unread,
};
use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

/// The most containers of other users that are suggested.
const MOST_ELSEWHERE: usize = 10;
/// The most near names that are suggested.
const MOST_NEAR: usize = 5;

/// Returns the error for a target that has no running container, with suggestions.
pub(crate) fn absent(
    host: &Host,
    target: &Target,
    (owners, engine, query): (Owners, Option<Engine>, &Query<'_>),
    stopped: Vec<Checked>,
    unread: Vec<Unread>,
) -> TargetError {
    let target = target.clone();
    if !stopped.is_empty() {
        let containers = stopped.into_iter().map(|it| it.container).collect();
        return TargetError::NotRunning { target, containers };
    }
    let word = match &target {
        Target::Container { name, .. } | Target::Name(name) => name.as_os_str(),
        Target::Pod(pod) => pod.pod.as_os_str(),
        _ => OsStr::new(""),
    };
    let mut meant = Vec::new();
    // Only root can read the stores of other users.
    if owners == Owners::Own && host.is_root() {
        let others = stores::look(host, Owners::All, engine, query).records;
        let others = others
            .into_iter()
            .filter(|record| host.is_anothers(record.claim))
            .filter_map(|record| owner_and_address(&record.container));
        meant.extend(others.take(MOST_ELSEWHERE));
        meant.dedup();
    }
    meant.extend(near_names(host, owners, word));
    TargetError::Nothing {
        target,
        meant,
        unread,
    }
}

fn owner_and_address(container: &Container) -> Option<String> {
    let owner = container.owner.as_ref()?;
    Some(format!("user {} has {}", owner.word, container.address()))
}

/// Returns a line with the names of containers and network namespaces that are near to a word.
fn near_names(host: &Host, owners: Owners, word: &OsStr) -> Option<String> {
    let nearness = |name: &OsStr| near::nearness(word.as_bytes(), name.as_bytes());
    let containers = all::all(host, owners, None)
        .into_iter()
        .map(|it| it.container);
    let of_container = |container: Container| {
        let nearest = container.names().into_iter().filter_map(nearness).min();
        Some((nearest?, container))
    };
    let (ranks, containers): (Vec<_>, Vec<_>) = containers.filter_map(of_container).unzip();
    let namespaces = namespace::names(host, owners).into_iter();
    let namespaces = namespaces.filter_map(|name| Some((nearness(&name.name)?, name.to_string())));
    let mut near: Vec<_> = ranks
        .into_iter()
        .zip(addresses(&containers))
        .chain(namespaces)
        .collect();
    near.sort();
    near.dedup();
    let words: Vec<_> = near
        .into_iter()
        .take(MOST_NEAR)
        .map(|(_, word)| word)
        .collect();
    (!words.is_empty()).then(|| format!("near names: {}", words.join(", ")))
}

impl TargetError {
    /// Adds the names that are near, if nothing has the name.
    pub(crate) fn with_near_names(mut self, name: &OsStr, host: &Host) -> Self {
        if let Self::Nothing { meant, .. } = &mut self {
            meant.extend(near_names(host, Owners::Own, name));
        }
        self
    }

    /// Adds the namespaces to which other users gave the name, if nothing has the name.
    pub(crate) fn with_namespaces(mut self, name: &OsStr, host: &Host) -> Self {
        if let Self::Nothing { meant, .. } = &mut self {
            let owners = namespace::elsewhere(name, host);
            let told =
                |owner: Owner| format!("user {0} has netns:{0}@{1}", owner.word, name.display());
            meant.splice(0..0, owners.into_iter().map(told));
        }
        self
    }
}
