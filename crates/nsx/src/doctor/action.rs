//! The question that the options of `nsx doctor` ask.

use super::{
    host,
    target::{self, Syscalls},
};
use crate::{answer::Answer, error::Error};
use std::ffi::OsString;

/// The question that the options ask.
#[derive(Debug)]
pub(super) enum Action {
    /// Tell what the caller can do on this host.
    Host { json: bool },
    /// Tell what isolates a target.
    Target { word: OsString, json: bool },
    /// Tell which system calls a target may make.
    Syscalls(OsString, Syscalls),
}

impl Action {
    pub(super) fn answer(self) -> Result<Answer, Error> {
        match self {
            Self::Host { json } => host::examine()?.answer(json),
            Self::Target { word, json } => target::Facts::find(&word)?.examine()?.answer(json),
            Self::Syscalls(word, syscalls) => syscalls.answer(&word),
        }
    }
}
