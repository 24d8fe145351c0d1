//! The actions that one process may take on another: the checks of the kernel in their order, to the
//! first that fails.
//!
//! The rules are those of `ptrace(2)` ("Ptrace access mode checking"), `kill(2)`, `setns(2)` and
//! `user_namespaces(7)` ("Capabilities"). Both processes are looked at from outside: nothing is
//! tried. Security modules other than Yama are not known here.

mod rules;
mod subject;

pub use rules::{Action, Check, Outcome, Over, checks, requires};
pub use subject::Subject;
