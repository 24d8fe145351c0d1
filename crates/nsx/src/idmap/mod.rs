//! `nsx idmap`: user and group ids between a target's user namespace and the caller's, and at every
//! level between.
//!
//! Three questions, each with its module: who these ids are ([`ids`]), who is who at all
//! ([`mapping`]), and what the target may do with a file ([`file`]).

mod file;
mod ids;
mod mapping;

use crate::{
    exit::ExitStatus,
    out::{self, Color},
    program, target,
};
use clap::Parser;
use nsx_core::{
    accounts,
    hash::HashMap,
    idmap::{IdKind, Ladder, LadderError, process_in},
    ns::{NsId, NsKind},
    pid::{Pid, Process},
    proc::{ProcError, ProcRoot},
};
use rustix::fs::OFlags;
use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt,
};

const EXAMPLES: &str = "\
Examples:
  nsx idmap 12345                      who is who between its user namespace and this one
  nsx idmap 12345 0 33                 who its users 0 and 33 are here
  nsx idmap 12345 user www-data        the same by the name that it has for a user
  nsx idmap --reverse 12345 1000       who user 1000 of this one is there
  nsx idmap --file /srv/data 12345     who owns it in there, and what process 12345 may do with it

Exit status: 0 if all have an id, 1 if some have not or the target is not there, 2 for wrong usage \
or a failure. With
--file, 0 if the target may read it.";

/// Translate user and group ids between user namespaces
///
/// Prints a line for each user namespace from the caller's down to the target's: LEVEL, how far
/// below this one it is; ID, what the user or group is called there, `-` where it has no id; NS,
/// the namespace's inode number; RANGE, the range of its map that the id is in, as
/// inside:outside:count where outside is this one; NAME, the name that is known for it.
#[derive(Debug, Parser)]
#[command(name = "nsx idmap", bin_name = "nsx idmap", after_help = EXAMPLES)]
pub struct Options {
    /// A process or container, or a user namespace as user:[INODE]
    #[arg(value_name = "TARGET", allow_negative_numbers = true)]
    target: OsString,

    /// Ids as the target counts; after the word user, also names of users, and after the word
    /// group, ids and names of groups
    ///
    /// Without any, the whole map is told in words.
    #[arg(
        value_name = "ID",
        allow_negative_numbers = true,
        conflicts_with = "file"
    )]
    ids: Vec<OsString>,

    /// Read the ids and names as this user namespace has them
    #[arg(short, long, requires = "ids")]
    reverse: bool,

    /// Say who owns this file for the target, and whether it may read, write and execute it
    ///
    /// PATH is as the caller sees it. The directories above it are not asked, nor security modules.
    #[arg(long, value_name = "PATH")]
    file: Option<OsString>,

    /// Print a JSON document
    #[arg(long)]
    json: bool,

    /// Print a line of JSON for each id
    #[arg(long, conflicts_with_all = ["json", "file"], requires = "ids")]
    json_lines: bool,

    /// Print numbers only: for each id what it is here, or with --reverse there
    #[arg(short, long, conflicts_with_all = ["json", "json_lines", "file"], requires = "ids")]
    quiet: bool,

    /// When to use colour
    #[arg(long, value_enum, value_name = "WHEN", default_value = "auto")]
    color: Color,
}

pub(crate) fn run(options: Options) -> ExitStatus {
    program::procfs()
        .map_err(ExitStatus::from)
        .and_then(|proc| answer(&options, &proc))
        .unwrap_or_else(|status| status)
}

/// An error is the status to end with, once its reason is on standard error.
fn answer(options: &Options, proc: &ProcRoot) -> Result<ExitStatus, ExitStatus> {
    // Wrong usage is all that is said of.
    let asked = ids::read(&options.ids)?;
    let subject = Subject::find(&options.target, proc)?;
    match &options.file {
        Some(path) => file::print(options, &subject, path),
        None if asked.is_empty() => mapping::print(options, &subject),
        None => ids::print(options, &subject, &asked),
    }
}

/// The process whose user namespace is asked about.
struct Subject<'a> {
    proc: &'a ProcRoot,
    process: Process,
    /// As the procfs calls it.
    shown: Pid,
    ladder: Ladder,
}

impl<'a> Subject<'a> {
    fn find(word: &OsStr, proc: &'a ProcRoot) -> Result<Self, ExitStatus> {
        let process = match NsId::parse(word.as_bytes()) {
            Ok(ns) if ns.kind == NsKind::User => process_in(ns, proc).map_err(|error| {
                out::failed(&format!("find a process in {ns}"), &error);
                ExitStatus::NO_MATCH
            })?,
            _ => {
                target::resolve(word)
                    .map_err(|error| target::failed(&error))?
                    .process
            }
        };
        let failed = |error: &dyn std::error::Error| {
            out::failed(
                &format!("read the id maps of process {}", process.pid()),
                error,
            )
        };
        let shown = process.pid_in(proc).map_err(|error| failed(&error))?;
        let ladder = Ladder::of(&process, proc).map_err(|error| {
            let status = failed(&error);
            if matches!(error, LadderError::Proc(ProcError::Denied)) {
                target::hint_at_guard(&process);
            }
            status
        })?;
        Ok(Self {
            proc,
            process,
            shown,
            ladder,
        })
    }

    /// The names that the files in the target's root directory have for users or groups.
    fn names(&self, ids: IdKind) -> HashMap<u32, Vec<u8>> {
        let Ok(root) = self
            .proc
            .open_entry(self.shown, "root", OFlags::PATH | OFlags::DIRECTORY)
        else {
            return HashMap::default();
        };
        let names = match ids {
            IdKind::User => accounts::user_names_below(root),
            IdKind::Group => accounts::group_names_below(root),
        };
        names.unwrap_or_default()
    }
}

/// The names that this system's own files have.
fn own_names(ids: IdKind) -> HashMap<u32, Vec<u8>> {
    let names = match ids {
        IdKind::User => accounts::user_names(),
        IdKind::Group => accounts::group_names(),
    };
    names.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read() {
        let read = |words: &[&str]| Options::try_parse_from([&["nsx idmap"], words].concat());
        assert_eq!(
            read(&["web", "0", "user", "www-data"]).unwrap().ids,
            ["0", "user", "www-data"]
        );
        assert!(read(&["--file", "/x", "web"]).is_ok());
        for wrong in [
            &[][..],
            &["web", "0", "--file", "/x"],
            &["web", "-q"],
            &["web", "-r"],
            &["web", "0", "-q", "--json"],
        ] {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
    }
}
