//! [`TargetError`]: the reason why a word does not lead to a process or a namespace, with hints.

use crate::{
    container::{Container, State},
    grammar::{ParseTargetError, Target},
    no_namespace::NoNamespace,
    unread::{ReadError, Unread},
};
use nsx_core::{hash::HashSet, pid::PinError};
use std::{ffi::OsString, os::unix::ffi::OsStrExt};

/// An error that keeps a word from leading to the target that it names.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TargetError {
    /// The word is not a target.
    #[error("{word:?} is not a target")]
    NotATarget {
        /// The word. The message has its debug form, in which everything is escaped that a terminal
        /// could act on.
        word: OsString,
        /// The fault in the word.
        source: ParseTargetError,
    },
    /// The process that is named cannot be pinned.
    #[error("failed to find process {target}")]
    NotFound {
        /// The target that was named.
        target: Target,
        /// The reason why the process cannot be pinned.
        source: PinError,
    },
    /// Nothing carries the name.
    #[error("failed to find {target}: {}", nothing(target))]
    Nothing {
        /// The target that was named.
        target: Target,
        /// Suggestions, one per line: near names, and containers of other users that have the name.
        meant: Vec<String>,
        /// Records that could not be read.
        unread: Vec<Unread>,
    },
    /// The containers that carry the name have no process.
    #[error("{}: {}", no_process(target, containers), states(target, containers))]
    NotRunning {
        /// The target that was named.
        target: Target,
        /// The containers that carry the name; at least one.
        containers: Vec<Container>,
    },
    /// The owner that is named is not a user.
    #[error("failed to find {target}: there is no user {user:?}")]
    NoUser {
        /// The target that was named.
        target: Target,
        /// The owner's name. In its debug form everything is escaped that a terminal could act on.
        user: OsString,
    },
    /// A user gave the name to a namespace that does not belong to the user.
    #[error(
        "failed to open {target}: it does not belong to a user namespace that user {user} created"
    )]
    Unbelieved {
        /// The target that was named.
        target: Target,
        /// The user.
        user: String,
    },
    /// Several carry the name.
    #[error("{target} may be any of {}", listed(addresses, ", "))]
    Ambiguous {
        /// The target that was named.
        target: Target,
        /// The unambiguous address of each.
        addresses: Vec<String>,
    },
    /// The file that was named holds no namespace, or the namespace cannot be opened.
    #[error("failed to open {target}: {why}")]
    NoNamespace {
        /// The target that was named.
        target: Target,
        /// The reason why the namespace cannot be opened.
        why: Box<NoNamespace>,
    },
    /// A namespace was named though a process is needed, or the other way round.
    #[error("{target} is {is}, and {wanted} is needed here")]
    Unfit {
        /// The target that was named.
        target: Target,
        /// The kind of thing that the target is.
        is: &'static str,
        /// The kind of thing that is needed.
        wanted: &'static str,
    },
    /// The host's files or processes cannot be read.
    #[error("failed to {act}")]
    Host {
        /// The act that was tried.
        act: &'static str,
        /// The cause.
        source: ReadError,
    },
}

fn nothing(target: &Target) -> &'static str {
    match target {
        Target::Pod(_) => "no container of that pod is on this node",
        Target::Netns(_) | Target::Namespace(_) | Target::Inode(_) | Target::Id(_) => {
            "there is no such namespace in sight"
        }
        _ => "nothing has that name or id",
    }
}

/// Returns the start of the message. A container without a record of its process may run.
fn no_process(target: &Target, containers: &[Container]) -> String {
    if containers
        .iter()
        .any(|container| matches!(container.state, State::Unrecorded(_)))
    {
        format!("failed to find the process of {target}")
    } else {
        format!("{target} is not running")
    }
}

fn states(target: &Target, containers: &[Container]) -> String {
    let state = |container: &Container| {
        let address = container.address();
        match &container.state {
            State::Stale(why) => format!("the record of {address} is stale: {why}"),
            State::Unbelieved(why) => format!("the record of {address} is not believed: {why}"),
            State::Unrecorded(directory) if address == target.to_string() => {
                format!("there is no record of it in {}", directory.display())
            }
            State::Unrecorded(directory) => {
                format!(
                    "there is no record of the process of {address} in {}",
                    directory.display()
                )
            }
            state if address == target.to_string() => format!("its state is {state}"),
            state => format!("{address} is {state}"),
        }
    };
    listed(
        &containers
            .iter()
            .take(MOST_LISTED + 1)
            .map(state)
            .collect::<Vec<_>>(),
        "; ",
    )
}

/// The most containers that one message names: a user may have made thousands.
const MOST_LISTED: usize = 20;

/// Joins the elements, and cuts the list if there are too many.
fn listed(all: &[String], separator: &str) -> String {
    match all.get(..MOST_LISTED) {
        Some(first) if all.len() > MOST_LISTED => {
            format!("{}{separator}and more", first.join(separator))
        }
        _ => all.join(separator),
    }
}

impl TargetError {
    /// Returns whether the word is right, but nothing has that name: its process has ended, or
    /// never existed.
    pub fn is_absence(&self) -> bool {
        use PinError::{Ended, NoProcess, Reused};
        match self {
            Self::NotFound { source, .. } => matches!(source, NoProcess | Ended | Reused(_)),
            Self::Nothing { .. } | Self::NotRunning { .. } => true,
            Self::NoNamespace { why, .. } => why.is_absence(),
            _ => false,
        }
    }

    /// Returns hints, one per line.
    pub fn hints(&self) -> Vec<String> {
        match self {
            Self::NotATarget { word, source } => Target::proposed(word.as_bytes(), *source)
                .map(|target| format!("try {target}"))
                .into_iter()
                .collect(),
            Self::Nothing { meant, unread, .. } => [meant.clone(), refusals(unread)].concat(),
            _ => Vec::new(),
        }
    }
}

/// Returns the records that could not be read, one line per engine and reason, with a remedy.
pub(crate) fn refusals(unread: &[Unread]) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut told = HashSet::default();
    for Unread { engine, path, why } in unread {
        // A store that was cut off has a note of its own.
        if matches!(why, ReadError::CutOff { .. })
            || !told.insert((*engine, why))
            || told.len() > MOST_LISTED
        {
            continue;
        }
        let remedy = match why {
            ReadError::Denied => "; with sudo its names could be read",
            _ => "",
        };
        lines.push(format!(
            "{}: {}: {why}{remedy}",
            engine.title(),
            path.display()
        ));
    }
    lines
}
