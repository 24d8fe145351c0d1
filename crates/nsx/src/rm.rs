//! `nsx rm`: ends sets of namespaces, and removes pins.

use crate::{
    error::Error,
    exit::ExitStatus,
    lab::{self, Name},
    out, pin,
    text::escape,
};
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
  nsx rm lab:web                 the set of `nsx unshare --name web`, and what
                                 runs in it
  nsx rm netns:blue              the network namespace blue of ip-netns(8)
  nsx rm ./web.net /run/x/uts    pins of any kind, by their files
  nsx rm /run/x                  every pin in a directory

Exit status: 0 if all were removed, 1 if one does not exist, 2 for wrong usage or a failure.";

/// End sets of namespaces, and remove pins: files that keep namespaces
///
/// The processes in a set are killed, and its record and its name for `ip netns` are removed.
///
/// A namespace is unmounted from its file, and the file is removed if it is empty. The namespace
/// itself ends if nothing else keeps it: no process, no descriptor, no other pin. Nothing but pins
/// are removed.
#[derive(Debug, Parser)]
#[command(name = "nsx rm", version, bin_name = "nsx rm", after_help = EXAMPLES)]
pub struct Options {
    /// A set as lab:NAME, a pin as netns:NAME or as a path with a slash, or a directory of pins
    #[arg(value_name = "PIN", required = true, value_hint = ValueHint::AnyPath)]
    pins: Vec<OsString>,
}

/// A word of the command line.
enum Named {
    /// A pin in a directory.
    Pin { directory: PathBuf, name: OsString },
    /// A directory.
    Directory(PathBuf),
}

/// Runs the command: removes each pin, even if removing another one fails.
pub(crate) fn run(options: Options) -> Result<ExitStatus, Error> {
    let errors = options.pins.iter().filter_map(|word| remove(word).err());
    let errors: Vec<Error> = errors.collect();
    let mut worst = ExitStatus::SUCCESS;
    for error in errors {
        let status = out::report(&error, ExitStatus::FAILURE);
        if worst != ExitStatus::FAILURE {
            worst = status;
        }
    }
    Ok(worst)
}

fn remove(word: &OsStr) -> Result<(), Error> {
    if let Some(name) = set(word) {
        return lab::end(&name);
    }
    let named = Named::parse(word).ok_or_else(|| not_a_pin(word))?;
    let outcome = match &named {
        Named::Pin { directory, name } => {
            unpin::directory(directory).and_then(|directory| unpin::unpin(&directory, name))
        }
        Named::Directory(directory) => remove_all_in(directory),
    };
    outcome.map_err(|error| failed(word, error))
}

/// Returns the name of a set, if the word has the prefix of one.
fn set(word: &OsStr) -> Option<Name> {
    word.to_str()?.strip_prefix("lab:")?.parse().ok()
}

impl Named {
    fn parse(word: &OsStr) -> Option<Self> {
        if word.as_bytes().starts_with(b"netns:") {
            return Some(Self::Pin {
                directory: NETNS.into(),
                name: pin::netns(word)?.to_owned(),
            });
        }
        if !word.as_bytes().contains(&b'/') && word != "." && word != ".." {
            return None;
        }
        let path = Path::new(word);
        let is_directory = word.as_bytes().ends_with(b"/")
            || std::fs::symlink_metadata(path).is_ok_and(|found| found.is_dir());
        match (path.parent(), path.file_name()) {
            (Some(parent), Some(name)) if !is_directory => {
                let here = parent.as_os_str().is_empty();
                Some(Self::Pin {
                    directory: if here { ".".into() } else { parent.to_owned() },
                    name: name.to_owned(),
                })
            }
            _ => Some(Self::Directory(path.to_owned())),
        }
    }
}

fn remove_all_in(path: &Path) -> Result<(), UnpinError> {
    let directory = unpin::directory(path)?;
    let pins = unpin::pins(&directory)?;
    if pins.is_empty() {
        return Err(UnpinError::NotAPin);
    }
    pins.iter()
        .try_for_each(|name| unpin::unpin(&directory, name))
}

/// Returns the error for a word without a prefix or a slash, with the pin of that name if there is
/// one.
fn not_a_pin(word: &OsStr) -> Error {
    let is_pin_in = |directory: &str| {
        let pins = unpin::directory(Path::new(directory)).and_then(|it| unpin::pins(&it));
        pins.is_ok_and(|names| names.iter().any(|name| name == word))
    };
    let shown = escape(word.as_bytes());
    let directories = [("netns:", NETNS), ("./", ".")];
    let meant = directories
        .into_iter()
        .find(|(_, directory)| is_pin_in(directory));
    Error::usage(format!(
        "{shown} is not a pin: name it as netns:NAME or as a path with a slash"
    ))
    .with_hints(meant.map(|(prefix, _)| format!("there is {prefix}{shown}")))
}

fn failed(word: &OsStr, error: UnpinError) -> Error {
    let hint = match &error {
        UnpinError::Link => {
            Some("`rm` removes the link, and the namespace that it leads to stays".to_owned())
        }
        UnpinError::NotAPin => Some(
            "only pins are removed; `nsx ls --why NAMESPACE` names the pins of a \
            namespace"
                .to_owned(),
        ),
        UnpinError::Os(_, Errno::PERM) => {
            Some("run it as root: a pin is a mount in your own mount namespace".to_owned())
        }
        UnpinError::Os(_, Errno::INVAL) => Some(
            "its mount belongs to a mount namespace with more privilege: remove it there"
                .to_owned(),
        ),
        UnpinError::Foreign(link, _) => Some(format!(
            "name the path that {} leads to",
            escape(link.as_os_str().as_bytes())
        )),
        _ => None,
    };
    let is_absent = matches!(error, UnpinError::Missing | UnpinError::NotAPin);
    let failed = Error::failed(format!("remove {}", escape(word.as_bytes())), error);
    let failed = failed.with_hints(hint);
    if is_absent { failed.absent() } else { failed }
}
