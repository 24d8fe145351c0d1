//! The program `nsx`: from an argument vector to an exit status.
//!
//! Each command is one module, from its options to what it prints; [`out`] is the only module that
//! writes to a stream. All that the commands know about namespaces is in `nsx-core`, and what
//! people call a process in `nsx-target`.

#![forbid(unsafe_code)]

mod answer;
pub mod cli;
mod compat;
pub mod enter;
mod error;
pub mod exit;
mod hints;
pub mod idmap;
pub mod ls;
mod meant;
pub mod out;
pub mod pidmap;
pub mod pin;
pub mod program;
pub mod query;
pub mod rm;
mod status;
pub mod style;
pub mod table;
mod target;
pub mod text;
pub mod unshare;

/// Readers of texts that others wrote, and writers of such texts, for tests that feed them
/// anything.
pub mod formats {
    pub use crate::{
        compat::{environment, quoted, raw},
        ls::census,
        unshare::bundle_request as bundle,
    };
}

use compat::Personality;
use exit::ExitStatus;
use nsx_core::{
    descriptor,
    gained::{self, Gained},
    memory,
};
use std::{
    ffi::{CStr, OsStr},
    os::unix::ffi::OsStrExt,
};

/// Runs the command that `arguments`, the whole argument vector, ask for.
pub fn main(arguments: &[&CStr]) -> ExitStatus {
    let personality = Personality::of(arguments);
    let (name, status) = match personality {
        Some((personality, _)) => (personality.name(), ExitStatus::COMPLAINT),
        None => ("nsx", cli::failure(arguments)),
    };
    memory::on_exhaustion(name, status.finish());
    if let Some(why) = borrowed_rights() {
        out::complain(format!("{name}: failed to start: {why}").as_bytes());
        return status;
    }
    descriptor::hold_closed();
    match personality {
        Some((personality, arguments)) => personality.run(arguments),
        None => cli::dispatch(
            arguments
                .iter()
                .map(|word| OsStr::from_bytes(word.to_bytes()).to_owned())
                .collect(),
        ),
    }
}

/// Returns why nsx must not run, if it has rights from its own file: nsx does whatever it is told
/// to, so all users would have them.
fn borrowed_rights() -> Option<String> {
    match gained::by_exec() {
        Ok(None) => None,
        Ok(Some(Gained::User)) => Some("the program must not be set-user-id".to_owned()),
        Ok(Some(Gained::Group)) => Some("the program must not be set-group-id".to_owned()),
        Ok(Some(Gained::Capabilities)) => {
            Some("the program must not have file capabilities".to_owned())
        }
        Err(errno) => Some(format!(
            "failed to read the process's capabilities: {}",
            out::reason(&errno)
        )),
    }
}
