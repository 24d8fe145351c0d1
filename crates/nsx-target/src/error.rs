//! Why a word does not lead to a process or a namespace, and what may help.

use crate::{
    container::{Container, State},
    files::ReadError,
    grammar::{ParseTargetError, Target},
    link::NoNamespace,
    stores::Unread,
};
use nsx_core::{hash::HashSet, pid::PinError};
use std::{ffi::OsString, fmt, os::unix::ffi::OsStrExt};

/// Why a word does not lead to what it names.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// It is no target.
    #[error("{word:?} is not a target")]
    NotATarget {
        /// The word. Its debug form, which the message shows, has everything escaped that could act on a terminal.
        word: OsString,
        /// What is wrong with it.
        source: ParseTargetError,
    },
    /// The process that it names cannot be had.
    #[error("failed to find process {target}")]
    NotFound {
        /// What was named.
        target: Target,
        /// What is in the way.
        source: PinError,
    },
    /// Nothing carries the name.
    #[error("failed to find {target}: {}", nothing(target))]
    Nothing {
        /// What was named.
        target: Target,
        /// Suggestions, one per line: names that are near, and what other users have of that name.
        meant: Vec<String>,
        /// Records that could not be read.
        unread: Vec<Unread>,
    },
    /// What carries the name has no process.
    #[error("{}: {}", no_process(target, containers), states(target, containers))]
    NotRunning {
        /// What was named.
        target: Target,
        /// What carries the name; at least one.
        containers: Vec<Container>,
    },
    /// The owner that is named is no user.
    #[error("failed to find {target}: there is no user {user:?}")]
    NoUser {
        /// What was named.
        target: Target,
        /// The owner's name. Its debug form has everything escaped that could act on a terminal.
        user: OsString,
    },
    /// The namespace of that name is a user's word for one that is not the user's.
    #[error("failed to open {target}: it does not belong to a user namespace that user {user} created")]
    Unbelieved {
        /// What was named.
        target: Target,
        /// The user.
        user: String,
    },
    /// Several carry the name.
    #[error("{target} may be any of {}", listed(addresses, ", "))]
    Ambiguous {
        /// What was named.
        target: Target,
        /// Words that name one each.
        addresses: Vec<String>,
    },
    /// The file that was named holds no namespace, or the namespace cannot be had.
    #[error("failed to open {target}: {why}")]
    NoNamespace {
        /// What was named.
        target: Target,
        /// What is in the way.
        why: Box<NoNamespace>,
    },
    /// A namespace was named where a process is needed, or the other way round.
    #[error("{target} is {is}, and {wanted} is needed here")]
    Unfit {
        /// What was named.
        target: Target,
        /// What it is.
        is: &'static str,
        /// What is needed.
        wanted: &'static str,
    },
    /// The host could not be looked at.
    #[error("failed to {act}")]
    Host {
        /// What was tried.
        act: &'static str,
        /// Why it failed.
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

/// Whether it runs is not known of a container without a record of its process.
fn no_process(target: &Target, containers: &[Container]) -> String {
    if containers.iter().any(|container| matches!(container.state, State::Unrecorded(_))) {
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
                format!("there is no record of the process of {address} in {}", directory.display())
            }
            state if address == target.to_string() => format!("its state is {state}"),
            state => format!("{address} is {state}"),
        }
    };
    listed(&containers.iter().take(MOST_LISTED + 1).map(state).collect::<Vec<_>>(), "; ")
}

/// The most that are named in one message: a user may have made thousands.
const MOST_LISTED: usize = 20;

/// These as one text, cut where there are too many.
fn listed(all: &[String], separator: &str) -> String {
    match all.get(..MOST_LISTED) {
        Some(first) if all.len() > MOST_LISTED => format!("{}{separator}and more", first.join(separator)),
        _ => all.join(separator),
    }
}

impl TargetError {
    /// Whether the word was right and what it names is not there: it has ended, or never was.
    pub fn is_absence(&self) -> bool {
        use PinError::{Ended, NoProcess, Reused};
        match self {
            Self::NotFound { source, .. } => matches!(source, NoProcess | Ended | Reused(_)),
            Self::Nothing { .. } | Self::NotRunning { .. } => true,
            Self::NoNamespace { why, .. } => why.is_absence(),
            _ => false,
        }
    }

    /// What may help, a line each.
    pub fn hints(&self) -> Vec<String> {
        match self {
            Self::NotATarget { word, source } => {
                Target::proposed(word.as_bytes(), *source).map(|target| format!("try {target}")).into_iter().collect()
            }
            Self::Nothing { meant, unread, .. } => [meant.clone(), refusals(unread)].concat(),
            _ => Vec::new(),
        }
    }
}

/// What could not be read, a line for each engine, and what would help.
pub(crate) fn refusals(unread: &[Unread]) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut told = HashSet::default();
    for Unread { engine, path, why } in unread {
        // That a store was cut off is said by itself.
        if matches!(why, ReadError::CutOff { .. }) || !told.insert((*engine, why)) || told.len() > MOST_LISTED {
            continue;
        }
        let remedy = match why {
            ReadError::Denied => "; with sudo its names could be read",
            _ => "",
        };
        lines.push(format!("{}: {}: {why}{remedy}", engine.title(), path.display()));
    }
    lines
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.why)
    }
}
