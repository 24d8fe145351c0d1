//! Links of a new network namespace: as typed, and as the host's own links allow.

mod pool;
mod settle;
mod spec;

pub(crate) use settle::{LinkError, settle};
pub(crate) use spec::LinkSpec;
