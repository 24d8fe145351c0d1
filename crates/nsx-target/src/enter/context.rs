//! The parties to a request.

use crate::{found::Subject, host::Host};
use nsx_core::plan::{Caller, enter::TargetProcess};

/// The target and the caller of a request.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) subject: &'a Subject,
    pub(super) target: TargetProcess<'a>,
    pub(super) host: &'a Host,
    pub(super) caller: &'a Caller,
}
