//! The harness: requirements of tests, their users, and the processes that they start.
//!
//! A test is a function of a [`Session`]. It may run beside any other, so nothing here changes
//! state that the test program's threads share: no directory, mask, environment or mount.

pub(crate) mod command;
pub(crate) mod filter;
pub(crate) mod hang;
pub(crate) mod harness;
pub(crate) mod host;
pub(crate) mod need;
pub(crate) mod place;
pub(crate) mod process;
pub(crate) mod procfs;
pub(crate) mod schema;
pub(crate) mod session;
pub(crate) mod terminal;
pub(crate) mod ways;

/// The name by which the test program is the example `enter` of nsx-target.
pub(crate) const ENTER_EXAMPLE: &str = "enter-example";

/// The first argument of the test program if it has to be a process with a second thread, for some
/// time.
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
