//! The harness: what a test needs, who it runs as, and the processes that it starts.
//!
//! A test is a function of a [`Session`]. It may run beside any other, so nothing here changes what
//! the test program's threads share: no directory, no mask, no environment, no mount.

pub(crate) mod command;
pub(crate) mod filter;
pub(crate) mod hang;
pub(crate) mod harness;
pub(crate) mod host;
pub(crate) mod need;
pub(crate) mod place;
pub(crate) mod process;
pub(crate) mod procfs;
pub(crate) mod session;
pub(crate) mod terminal;
pub(crate) mod ways;

/// The first argument of the test program where it is to be a process with a second thread, for
/// some time.
pub(crate) const SLEEP_IN_A_THREAD: &str = "--sleep-in-a-thread";

pub(crate) use {
    command::Command,
    harness::{Test, both, ordinary, root},
    host::{Cgroups, Host},
    need::Need,
    process::{Process, until},
    session::Session,
    ways::Ways,
};
