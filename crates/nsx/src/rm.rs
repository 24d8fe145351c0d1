//! `nsx rm`: takes away what `--pin` and `nsx pin` made.

use crate::{exit::ExitStatus, out, text::escape};
use clap::{Parser, builder::ValueHint};
use nsx_core::run::unpin::{self, UnpinError};
use nsx_target::NETNS;
use rustix::io::Errno;
use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

const EXAMPLES: &str = "\
Examples:
  nsx rm netns:blue              the network namespace that ip-netns(8) calls blue
  nsx rm ./web.net /run/x/uts    pins of any kind, by their files
  nsx rm /run/x                  every pin in a directory

Exit status: 0 if all were taken away, 1 if one is not there, 2 for wrong usage or a failure.";

/// Take away pins: files that keep namespaces
///
/// A namespace is unmounted from its file, and the file is removed if it is empty. The namespace
/// itself ends if nothing else keeps it: no process, no descriptor, no other pin. Nothing but a pin
/// is taken away.
#[derive(Debug, Parser)]
#[command(name = "nsx rm", bin_name = "nsx rm", after_help = EXAMPLES)]
pub struct Options {
    /// A pin as netns:NAME or as a path with a slash, or a directory of pins
    #[arg(value_name = "PIN", required = true, value_hint = ValueHint::AnyPath)]
    pins: Vec<OsString>,
}

/// The thing that a word of the command line names.
enum Named {
    /// A pin in a directory.
    Pin { directory: PathBuf, name: OsString },
    /// A directory.
    Directory(PathBuf),
}

/// Runs the command: takes away each pin, whatever becomes of the others.
pub(crate) fn run(options: Options) -> ExitStatus {
    options
        .pins
        .iter()
        .map(|word| remove(word))
        .fold(ExitStatus::SUCCESS, |worst, status| match (worst, status) {
            (ExitStatus::FAILURE, _) | (_, ExitStatus::FAILURE) => ExitStatus::FAILURE,
            (ExitStatus::NO_MATCH, _) | (_, ExitStatus::NO_MATCH) => ExitStatus::NO_MATCH,
            _ => ExitStatus::SUCCESS,
        })
}

fn remove(word: &OsStr) -> ExitStatus {
    let Some(named) = Named::parse(word) else {
        out::error(&format!(
            "{} is not a pin: name it as netns:NAME or as a path with a slash",
            out::shown(word)
        ));
        if let Some(meant) = meant(word) {
            out::hint(&format!("there is {}", out::shown(meant.as_os_str())));
        }
        return ExitStatus::FAILURE;
    };
    let outcome = match &named {
        Named::Pin { directory, name } => {
            unpin::directory(directory).and_then(|directory| unpin::unpin(&directory, name))
        }
        Named::Directory(directory) => all_in(directory),
    };
    outcome.map_or_else(|error| failed(word, &error), |()| ExitStatus::SUCCESS)
}

impl Named {
    fn parse(word: &OsStr) -> Option<Self> {
        if let Some(name) = word.as_bytes().strip_prefix(b"netns:") {
            let name = OsStr::from_bytes(name);
            let is_name =
                !name.is_empty() && !name.as_bytes().contains(&b'/') && name != "." && name != "..";
            return is_name.then(|| Self::Pin {
                directory: NETNS.into(),
                name: name.to_owned(),
            });
        }
        if !word.as_bytes().contains(&b'/') && word != "." && word != ".." {
            return None;
        }
        let path = Path::new(word);
        let is_directory = std::fs::symlink_metadata(path).is_ok_and(|found| found.is_dir());
        match (path.parent(), path.file_name()) {
            (Some(directory), Some(name)) if !is_directory && !word.as_bytes().ends_with(b"/") => {
                let directory = if directory.as_os_str().is_empty() {
                    Path::new(".")
                } else {
                    directory
                };
                Some(Self::Pin {
                    directory: directory.to_owned(),
                    name: name.to_owned(),
                })
            }
            _ => Some(Self::Directory(path.to_owned())),
        }
    }
}

fn all_in(path: &Path) -> Result<(), UnpinError> {
    let directory = unpin::directory(path)?;
    let pins = unpin::pins(&directory)?;
    if pins.is_empty() {
        return Err(UnpinError::NotAPin);
    }
    pins.iter()
        .try_for_each(|name| unpin::unpin(&directory, name))
}

/// The word for the pin that a word without a prefix or a slash may stand for, if there is one.
fn meant(word: &OsStr) -> Option<OsString> {
    let names_pin = |directory: &str| {
        let directory = unpin::directory(Path::new(directory)).ok()?;
        unpin::pins(&directory)
            .ok()?
            .iter()
            .any(|name| name == word)
            .then_some(())
    };
    let prefixed = |prefix: &str| {
        let mut prefixed = OsString::from(prefix);
        prefixed.push(word);
        prefixed
    };
    names_pin(NETNS)
        .map(|()| prefixed("netns:"))
        .or_else(|| names_pin(".").map(|()| prefixed("./")))
}

fn failed(word: &OsStr, error: &UnpinError) -> ExitStatus {
    out::failed(&format!("take away {}", out::shown(word)), error);
    match error {
        UnpinError::Link => {
            out::hint("`rm` removes the link, and the namespace that it leads to stays")
        }
        UnpinError::NotAPin => out::hint(
            "nothing but a pin is taken away; `nsx ls --why NAMESPACE` names the pins of a \
            namespace",
        ),
        UnpinError::Os(_, Errno::PERM) => {
            out::hint("run it as root: a pin is a mount in your own mount namespace")
        }
        UnpinError::Os(_, Errno::INVAL) => {
            out::hint(
                "its mount belongs to a mount namespace with more privilege: take it away there",
            );
        }
        UnpinError::Foreign(way, _) => out::hint(&format!(
            "name the path that {} leads to",
            escape(way.as_os_str().as_bytes())
        )),
        _ => {}
    }
    match error {
        UnpinError::Missing | UnpinError::NotAPin => ExitStatus::NO_MATCH,
        _ => ExitStatus::FAILURE,
    }
}
