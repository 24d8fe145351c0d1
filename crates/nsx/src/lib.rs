//! The program `nsx`: from an argument vector to an exit status.
//!
//! One module a command, each from its options to what it prints; [`out`] is the only one that writes to a stream. What
//! the commands know about namespaces is in `nsx-core`, what people call a process in `nsx-target`.

#![forbid(unsafe_code)]

mod cell;
pub mod cli;
mod compat;
pub mod enter;
pub mod exit;
pub mod filter;
pub mod idmap;
mod inside;
pub mod ls;
pub mod out;
pub mod pidmap;
pub mod program;
mod status;
pub mod table;
mod target;
pub mod text;
pub mod unshare;
mod who;

/// What reads texts that others wrote, and what writes them again, for tests that feed them anything.
pub mod formats {
    pub use crate::{
        compat::{environment, quoted, raw},
        ls::census,
        unshare::asks_of_a_bundle as bundle,
    };
}

use exit::ExitStatus;
use std::{
    ffi::{CStr, OsStr},
    os::unix::ffi::OsStrExt,
};

/// Runs the command that `arguments`, the whole argument vector, ask for.
pub fn main(arguments: &[&CStr]) -> ExitStatus {
    nsx_core::sys::stdio::hold_closed();
    compat::run(arguments).unwrap_or_else(|| {
        cli::dispatch(arguments.iter().map(|word| OsStr::from_bytes(word.to_bytes()).to_owned()).collect())
    })
}
