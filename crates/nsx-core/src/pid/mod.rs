//! Processes: one that is pinned, and the chain of ids that each has.

mod chain;
mod handle;

pub use chain::PidChain;
pub use handle::{PinError, Process};
pub use rustix::process::Pid;
