//! The error for a name that nothing has or whose container does not run, with what may have been
//! meant.

use crate::{
    check::Checked,
    container::{Container, Owner},
    engine::Engine,
    error::TargetError,
    grammar::Target,
    host::{Host, Whose},
    namespace, near, patterns,
    stores::{self, Query, Unread},
    words::addresses,
};
use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

/// As many of other users' containers are told of.
const MOST_ELSEWHERE: usize = 10;
/// The most names that are proposed.
const MOST_NEAR: usize = 5;

impl Target {
    /// Why there is none that runs.
    pub(crate) fn absent(
        &self,
        host: &Host,
        (whose, engine, query): (Whose, Option<Engine>, &Query<'_>),
        stopped: Vec<Checked>,
        unread: Vec<Unread>,
    ) -> TargetError {
        let target = self.clone();
        if !stopped.is_empty() {
            let containers = stopped.into_iter().map(|it| it.container).collect();
            return TargetError::NotRunning { target, containers };
        }
        let word = match self {
            Self::Container { name, .. } | Self::Name(name) => name.as_os_str(),
            Self::Pod(pod) => pod.pod.as_os_str(),
            _ => OsStr::new(""),
        };
        let mut meant = Vec::new();
        // Only root may look into others' stores.
        if whose == Whose::Own && host.is_root() {
            let others = stores::look(host, Whose::Everybodys, engine, query).records;
            let others = others
                .into_iter()
                .filter(|record| host.is_anothers(record.claim))
                .map(|record| record.container);
            let told = |it: Container| {
                Some(format!(
                    "user {} has {}",
                    it.owner.as_ref()?.word,
                    it.address()
                ))
            };
            meant.extend(others.filter_map(told).take(MOST_ELSEWHERE));
            meant.dedup();
        }
        meant.extend(near_names(host, whose, word));
        TargetError::Nothing {
            target,
            meant,
            unread,
        }
    }
}

/// The names of containers and network namespaces that are near to a word, whatever their engine,
/// as one line.
fn near_names(host: &Host, whose: Whose, word: &OsStr) -> Option<String> {
    let nearness = |name: &OsStr| near::nearness(word.as_bytes(), name.as_bytes());
    let containers = patterns::all(host, whose, None)
        .into_iter()
        .map(|it| it.container);
    let of_container = |container: Container| {
        let nearest = container.names().into_iter().filter_map(nearness).min();
        Some((nearest?, container))
    };
    let (ranks, containers): (Vec<_>, Vec<_>) = containers.filter_map(of_container).unzip();
    let namespaces = namespace::names(host, whose).into_iter();
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
    /// Tells of the names that are near, if nothing has the name.
    pub(crate) fn with_near_names(mut self, name: &OsStr, host: &Host) -> Self {
        if let Self::Nothing { meant, .. } = &mut self {
            meant.extend(near_names(host, Whose::Own, name));
        }
        self
    }

    /// Tells of the namespaces that other users call so, if nothing has the name.
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
