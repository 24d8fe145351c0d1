//! The question that the options of `nsx doctor` ask.

use super::host;
use crate::{answer::Answer, error::Error};

/// The question that the options ask.
#[derive(Debug)]
pub(super) enum Action {
    /// Tell what the caller can do on this host.
    Host { json: bool },
}

impl Action {
    pub(super) fn answer(self) -> Result<Answer, Error> {
        match self {
            Self::Host { json } => host::examine()?.answer(json),
        }
    }
}
