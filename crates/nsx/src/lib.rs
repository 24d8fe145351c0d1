//! The program `nsx`: from an argument vector to an exit status.
//!
//! Each command has a module. It reads options, and returns an exit status or an error to [`cli`].
//! Only [`out`] writes to a stream. Namespaces are the subject of `nsx-core`, and the names of
//! processes and containers that of `nsx-target`.

#![forbid(unsafe_code)]
#![allow(
    rustdoc::private_intra_doc_links,
    reason = "only those who work on the program read its documentation, with private items"
)]

mod answer;
mod arguments;
pub mod bench;
pub mod can;
pub mod cli;
mod compat;
mod complete;
pub mod doctor;
pub mod enter;
mod error;
mod executable;
mod execution;
pub mod exit;
mod hints;
pub mod idmap;
mod kinds;
mod lab;
pub mod link;
mod links;
pub mod ls;
mod meant;
pub mod mounts;
pub mod net;
pub mod out;
mod paragraph;
pub mod pidmap;
pub mod pin;
pub mod program;
pub mod query;
mod remedy;
pub mod rm;
mod since_1970;
mod status;
pub mod style;
pub mod table;
mod target;
pub mod text;
pub mod trace;
pub mod unlink;
pub mod unshare;

/// Parsers of foreign texts, and writers of such texts, for fuzz targets.
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

/// Runs the command that `arguments`, the whole argument vector of `nsx`, name.
pub fn main(arguments: &[&CStr]) -> ExitStatus {
    match Personality::of(arguments) {
        Some((personality, arguments)) => strict(personality, arguments),
        None => begin("nsx", cli::failure(arguments)).unwrap_or_else(|| {
            cli::dispatch(
                arguments
                    .iter()
                    .map(|word| OsStr::from_bytes(word.to_bytes()).to_owned())
                    .collect(),
            )
        }),
    }
}

/// Runs the program of util-linux that `arguments`, the whole argument vector of `nsx-compat`, name.
pub fn main_compat(arguments: &[&CStr]) -> ExitStatus {
    match Personality::named(arguments) {
        Some((personality, arguments)) => strict(personality, arguments),
        None => {
            out::complain(
                b"nsx-compat: failed to run: the first argument must be lsns, nsenter or unshare",
            );
            ExitStatus::COMPLAINT
        }
    }
}

fn strict(personality: Personality, arguments: &[&CStr]) -> ExitStatus {
    begin(personality.name(), ExitStatus::COMPLAINT).unwrap_or_else(|| personality.run(arguments))
}

/// Makes the process ready for its work as the program `name`. Returns `failure` if it must not
/// work.
fn begin(name: &'static str, failure: ExitStatus) -> Option<ExitStatus> {
    memory::on_exhaustion(name, failure.finish());
    if let Err(reason) = refuse_gained_rights() {
        out::complain(format!("{name}: failed to start: {reason}").as_bytes());
        return Some(failure);
    }
    descriptor::hold_closed();
    None
}

/// Refuses to run with rights from the program's own file: nsx does what its user says, so every
/// user would have those rights.
fn refuse_gained_rights() -> Result<(), String> {
    let reason = match gained::by_exec() {
        Ok(None) => return Ok(()),
        Ok(Some(Gained::User)) => "the program must not be set-user-id".to_owned(),
        Ok(Some(Gained::Group)) => "the program must not be set-group-id".to_owned(),
        Ok(Some(Gained::Capabilities)) => "the program must not have file capabilities".to_owned(),
        Err(errno) => format!(
            "failed to read the process's capabilities: {}",
            text::reason(&errno)
        ),
    };
    Err(reason)
}
