//! [`Found`]: the process or namespace that a word leads to.

use crate::{container::Container, error::TargetError, grammar::Target};
use nsx_core::{ns::Namespace, pid::Process};

/// The process or namespace that a target leads to.
#[derive(Debug)]
pub enum Found {
    /// A process.
    Process(Subject),
    /// A namespace, open.
    Namespace(Namespace),
}

/// A process, and the container that was named.
#[derive(Debug)]
#[non_exhaustive]
pub struct Subject {
    /// The process, pinned. For a container, its first process.
    pub process: Process,
    /// The container, if the target names one.
    pub container: Option<Box<Container>>,
}

impl Found {
    /// Returns the process.
    ///
    /// # Errors
    /// [`TargetError::Unfit`] if this is a namespace. `target` is the word that was looked up.
    pub fn process(self, target: &Target) -> Result<Subject, TargetError> {
        match self {
            Self::Process(subject) => Ok(subject),
            Self::Namespace(_) => Err(TargetError::Unfit {
                target: target.clone(),
                is: "a namespace",
                wanted: "a process",
            }),
        }
    }
}
