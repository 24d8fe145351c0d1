//! The question that the options of `nsx idmap` ask.

use super::{file::Permissions, ids::Ids, mapping::Mapping, user_ns::UserNs};
use crate::{answer::Answer, error::Error};

/// The question that the options ask about a user namespace.
#[derive(Debug)]
pub(super) enum Action {
    /// Translate single ids.
    Ids(Ids),
    /// Describe the whole mapping.
    Mapping(Mapping),
    /// Tell what the target may do with a file.
    Permissions(Permissions),
}

impl Action {
    pub(super) fn answer(self, ns: &UserNs<'_>) -> Result<Answer, Error> {
        match self {
            Self::Ids(ids) => ids.answer(ns),
            Self::Mapping(mapping) => mapping.answer(ns),
            Self::Permissions(permissions) => permissions.answer(ns),
        }
    }
}
