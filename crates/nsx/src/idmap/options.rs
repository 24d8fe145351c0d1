//! The options of `nsx idmap`.

use super::{
    action::Action,
    file::Permissions,
    ids::{Form, Id, Ids},
    mapping::Mapping,
};
use crate::{error::Error, out::Output, style::Color};
use clap::Parser;
use std::ffi::OsString;

const EXAMPLES: &str = "\
Examples:
  nsx idmap 12345                      how its user namespace maps users and
                                       groups to this one
  nsx idmap 12345 0 33                 the ids of its users 0 and 33 here
  nsx idmap 12345 user www-data        the same for a user by the name that it
                                       has there
  nsx idmap --reverse 12345 1000       the id there of user 1000 of this one
  nsx idmap --file /srv/data 12345     the file's owner there, and what process
                                       12345 may do with it

Exit status: 0 if all have an id, 1 if some have none or the target does not exist, 2 for wrong \
usage or a failure.
With --file, 0 if the target may read it.";

/// Translate user and group ids between user namespaces
///
/// Prints a line for each user namespace from the caller's down to the target's: LEVEL, how far
/// below this one it is; ID, the id that the user or group has there, `-` if it has none; NS, the
/// namespace's inode number; RANGE, the range of the mapping that contains the id, as
/// inside:outside:count, with outside in this namespace; NAME, the name that is known for the id.
#[derive(Debug, Parser)]
#[command(name = "nsx idmap", version, bin_name = "nsx idmap", after_help = EXAMPLES)]
pub struct Options {
    /// A process or container, or a user namespace as `user:[INODE]`
    #[arg(value_name = "TARGET", allow_negative_numbers = true)]
    target: OsString,

    /// Ids as the target counts; after the word user, also names of users, and after the word
    /// group, ids and names of groups
    ///
    /// Without any, the whole mapping is described.
    #[arg(
        value_name = "ID",
        allow_negative_numbers = true,
        conflicts_with = "file"
    )]
    ids: Vec<OsString>,

    /// Read the ids and names as those of this user namespace
    #[arg(short, long, requires = "ids")]
    reverse: bool,

    /// Show who owns this file for the target, and whether the target may read, write and execute it
    ///
    /// PATH is as the caller sees it. The directories above it and security modules are not checked.
    #[arg(long, value_name = "PATH")]
    file: Option<OsString>,

    /// Print a JSON document
    #[arg(long)]
    json: bool,

    /// Print a line of JSON for each id
    #[arg(long, conflicts_with_all = ["json", "file"], requires = "ids")]
    json_lines: bool,

    /// Print numbers only: the id here of each, or with --reverse the id there
    #[arg(short, long, conflicts_with_all = ["json", "json_lines", "file"], requires = "ids")]
    quiet: bool,

    /// Control when to use colour
    #[arg(long, value_enum, value_name = "WHEN", default_value = "auto")]
    color: Color,
}

impl Options {
    /// Returns the target, the action that the options request, and how to print its answer.
    pub(super) fn action(self) -> Result<(OsString, Action, Output), Error> {
        let ids = Id::parse_all(&self.ids)?;
        let action = if let Some(path) = self.file {
            Action::Permissions(Permissions {
                path,
                json: self.json,
            })
        } else if ids.is_empty() {
            Action::Mapping(Mapping { json: self.json })
        } else {
            Action::Ids(Ids {
                ids,
                reverse: self.reverse,
                form: match (self.json, self.json_lines, self.quiet) {
                    (true, ..) => Form::Json,
                    (_, true, _) => Form::JsonLines,
                    (.., true) => Form::Numbers,
                    _ => Form::Table,
                },
            })
        };
        let output = Output {
            color: self.color,
            ..Output::default()
        };
        Ok((self.target, action, output))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contradictions_are_refused() {
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
