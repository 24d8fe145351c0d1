//! `nsx pidmap`: from an id in any PID namespace to the process and its ids in every other.
//!
//! Four questions, each with its module: whose ids these are ([`levels`], or [`numbers`] where only
//! numbers are wanted), who is in a namespace ([`list`]), and what the ids in a text are
//! ([`filter`]). Which namespace a word means and what one belongs to is in [`namespace`].

mod filter;
mod ids;
mod levels;
mod list;
mod namespace;
mod numbers;
mod pattern;
mod tree;

use crate::{
    exit::ExitStatus,
    out::{self, Color},
    program,
};
use clap::{Parser, ValueEnum};
use nsx_core::{
    pid::{Numbering, Tasks},
    proc::ProcRoot,
};
use nsx_target::{ParseTargetError, Target};
use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt,
};

const EXAMPLES: &str = "\
Examples:
  nsx pidmap 12345                       its id in each PID namespace that sees it
  nsx pidmap --from 12345 1 17           what its PID namespace calls 1 and 17
  nsx pidmap -q --to 12345 12400         what its PID namespace calls 12400
  nsx pidmap --namespace-of 12345        who is in its PID namespace
  tail -f log | nsx pidmap --from 12345 --filter 'pid=(\\d+)'

Exit status: 0 if all were translated, 1 if some were not, 2 for wrong usage or a failure.";

/// Translate process ids between PID namespaces
///
/// Prints a line for each PID namespace that sees the process, the outermost first: LEVEL, how far
/// below this one it is; ID, what the process is called there; NS, the namespace's inode number,
/// `?` where the kernel hides it; OF, whose namespace it is. For a target that is no number, prints
/// a line for each process that its PID namespace sees.
#[derive(Debug, Parser)]
#[command(name = "nsx pidmap", bin_name = "nsx pidmap", after_help = EXAMPLES)]
pub struct Options {
    /// Processes by their ids, or - for ids on standard input, or one other target, whose processes
    /// are listed
    ///
    /// Without --from, PID:INODE is the process only if its pidfd has that inode number. One target
    /// that is no number is a container, or a PID namespace as pid:[INODE] or by a file that holds
    /// it.
    #[arg(value_name = "PID", allow_negative_numbers = true, required_unless_present_any = ["namespace_of", "filter"])]
    operands: Vec<OsString>,

    /// Read the ids as the PID namespace of this target counts
    #[arg(long, value_name = "TARGET", allow_negative_numbers = true)]
    from: Option<OsString>,

    /// Write the ids as the PID namespace of this target counts
    #[arg(long, value_name = "TARGET", allow_negative_numbers = true)]
    to: Option<OsString>,

    /// List the processes that the PID namespace of this process sees
    #[arg(long, value_name = "PID", allow_negative_numbers = true, conflicts_with_all = ["operands", "from", "to"])]
    namespace_of: Option<OsString>,

    /// List them as a tree
    #[arg(long, conflicts_with_all = ["from", "to", "json", "json_lines"])]
    tree: bool,

    /// Translate the ids of threads too, or list threads
    #[arg(long)]
    threads: bool,

    /// Show the process group and the session too: pgid, sid
    #[arg(
        long,
        value_enum,
        value_name = "IDS",
        value_delimiter = ',',
        conflicts_with = "quiet"
    )]
    with: Vec<With>,

    /// Write standard input through, with the ids that match translated
    ///
    /// Translate what each group of the regular expression matches, or the whole match if the
    /// expression has no group. A line is written as soon as it is there. An id without a
    /// translation stays as it is.
    #[arg(long, value_name = "REGEX", conflicts_with_all = ["operands", "namespace_of", "tree", "with", "json", "json_lines", "quiet"])]
    filter: Option<OsString>,

    /// With --filter, keep the id and write the other after an arrow
    #[arg(long)]
    both: bool,

    /// Print a JSON document
    #[arg(long)]
    json: bool,

    /// Print a line of JSON for each process
    #[arg(long, conflicts_with = "json")]
    json_lines: bool,

    /// Print numbers only: a line for each PID with its ids, or with --from or --to the one that it
    /// has there
    #[arg(short, long, conflicts_with_all = ["json", "json_lines"])]
    quiet: bool,

    /// When to use colour
    #[arg(long, value_enum, value_name = "WHEN", default_value = "auto")]
    color: Color,
}

/// Ids that a process shares with others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum With {
    /// Its process group
    Pgid,
    /// Its session
    Sid,
}

impl Options {
    fn tasks(&self) -> Tasks {
        if self.threads {
            Tasks::Threads
        } else {
            Tasks::Processes
        }
    }

    fn shows(&self, ids: With) -> bool {
        self.with.contains(&ids)
    }
}

pub(crate) fn run(options: Options) -> ExitStatus {
    program::procfs()
        .map_err(ExitStatus::from)
        .and_then(|proc| answer(&options, &proc))
        .unwrap_or_else(|status| status)
}

/// An error is the status to end with, once its reason is on standard error.
fn answer(options: &Options, proc: &ProcRoot) -> Result<ExitStatus, ExitStatus> {
    // clap does not see it where there are operands, which the filter excludes.
    if options.both && options.filter.is_none() {
        out::error("--both is for --filter");
        return Err(ExitStatus::FAILURE);
    }
    if let Some(process) = &options.namespace_of {
        return list::list(options, proc, &namespace::of_process(process, proc)?);
    }
    if let [target] = options.operands.as_slice()
        && !is_id(target)
        && options.from.is_none()
        && options.to.is_none()
    {
        return list::list(options, proc, &namespace::named(target, proc)?);
    }
    if options.tree {
        out::error("--tree is for the processes of a target, not for ids");
        return Err(ExitStatus::FAILURE);
    }
    let asked = ids::operands(options)?;
    let ends = Ends::of(options, proc)?;
    match &options.filter {
        Some(expression) => filter::run(options, proc, &ends, expression),
        None if options.quiet && ends.is_named() => numbers::print(options, proc, &ends, asked),
        None => levels::print(options, proc, &ends, asked),
    }
}

/// Returns whether a word is meant as the id of a process, right or wrong, or as `-`.
fn is_id(word: &OsStr) -> bool {
    let id = Target::parse(word.as_bytes());
    word.as_bytes() == ids::STANDARD_INPUT
        || matches!(
            id,
            Ok(Target::Process { .. }) | Err(ParseTargetError::Pid(_) | ParseTargetError::Inode)
        )
}

/// The two PID namespaces between which ids are translated.
struct Ends {
    /// The caller's own, by whose numbers processes are pinned.
    own: Numbering,
    /// That of `--from`.
    from: Option<Numbering>,
    /// That of `--to`.
    to: Option<Numbering>,
}

impl Ends {
    fn of(options: &Options, proc: &ProcRoot) -> Result<Self, ExitStatus> {
        let own = Numbering::own(proc).map_err(|error| {
            out::failed(
                "find this process in /proc, which may be of another PID namespace",
                &error,
            )
        })?;
        let named = |word: &Option<OsString>| {
            word.as_ref()
                .map(|word| namespace::named(word, proc))
                .transpose()
        };
        Ok(Self {
            own,
            from: named(&options.from)?,
            to: named(&options.to)?,
        })
    }

    fn is_named(&self) -> bool {
        self.from.is_some() || self.to.is_some()
    }

    fn from(&self) -> &Numbering {
        self.from.as_ref().unwrap_or(&self.own)
    }

    fn to(&self) -> &Numbering {
        self.to.as_ref().unwrap_or(&self.own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read() {
        let read = |words: &[&str]| Options::try_parse_from([&["nsx pidmap"], words].concat());
        assert!(read(&[]).is_err());
        assert!(read(&["1", "-q", "--json"]).is_err());
        assert_eq!(read(&["-5", "1:2"]).unwrap().operands, ["-5", "1:2"]);
        assert_eq!(read(&["--from", "7", "1"]).unwrap().from.unwrap(), "7");
        assert_eq!(read(&["-q", "-"]).unwrap().operands, ["-"]);
        assert_eq!(
            read(&["1", "--with", "pgid,sid"]).unwrap().with,
            [With::Pgid, With::Sid]
        );
        for wrong in [
            &["--filter", "x", "1"][..],
            &["--namespace-of", "1", "2"],
            &["--namespace-of", "1", "--from", "2"],
            &["1", "--with", "uid"],
            &["1", "--json", "--json-lines"],
        ] {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn ids_are_told_from_other_targets() {
        for id in ["1", "0", "-1", "1:7", "1:x", "99999999999", "-"] {
            assert!(is_id(OsStr::new(id)), "{id}");
        }
        for target in ["web", "pid:[7]", "1x", "", "/run/x", "docker:web", "-x"] {
            assert!(!is_id(OsStr::new(target)), "{target}");
        }
    }
}
