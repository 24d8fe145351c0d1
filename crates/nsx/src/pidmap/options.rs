//! The options of `nsx pidmap`.

use super::{
    action::Action,
    columns::With,
    ends::Ends,
    filter::Filter,
    ids::{self, Operand},
    levels::{self, Levels},
    list::{self, List},
    namespace::Named,
    numbers::Numbers,
    pattern::Pattern,
};
use crate::{error::Error, out::Output, style::Color};
use clap::Parser;
use nsx_core::pid::IdsOf;
use nsx_target::{ParseTargetError, Target};
use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt,
};

const EXAMPLES: &str = "\
Examples:
  nsx pidmap 12345                       its id in each PID namespace
  nsx pidmap --from 12345 1 17           what its PID namespace calls 1 and 17
  nsx pidmap -q --to 12345 12400         what its PID namespace calls 12400
  nsx pidmap --namespace-of 12345        the processes in its PID namespace
  tail -f log | nsx pidmap --from 12345 --filter 'pid=(\\d+)'

Exit status: 0 if all were translated, 1 if some were not, 2 for wrong usage or a failure.";

/// Translate process ids between PID namespaces
///
/// Prints a line for each PID namespace that sees the process, the outermost first: LEVEL, how far
/// below this one it is; ID, the id that the process has there; NS, the namespace's inode number,
/// `?` if the kernel hides it; OF, the owner of the namespace. For a target that is not a number,
/// prints a line for each process that its PID namespace sees.
#[derive(Debug, Parser)]
#[command(name = "nsx pidmap", version, bin_name = "nsx pidmap", after_help = EXAMPLES)]
pub struct Options {
    /// Processes by their ids, or - for ids on standard input, or one other target, whose processes
    /// are listed
    ///
    /// Without --from, PID:INODE is the process only if its pidfd has that inode number. One target
    /// that is not a number is a container, or a PID namespace as `pid:[INODE]` or by a file that
    /// holds it. Beside other operands, or with --to or --quiet, a container is its first process.
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

    /// Copy standard input to standard output, with the ids that match translated
    ///
    /// Translates the match of each group of the regular expression, or the whole match if the
    /// expression has no group. A line is written as soon as it is read. An id without a
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

    /// Print numbers only: a line for each PID with its ids, or with --from or --to the id that it
    /// has there
    #[arg(short, long, conflicts_with_all = ["json", "json_lines"])]
    quiet: bool,

    /// Control when to use colour
    #[arg(long, value_enum, value_name = "WHEN", default_value = "auto")]
    color: Color,
}

impl Options {
    /// Returns the action that the options request, and how to print its answer.
    pub(super) fn action(self) -> Result<(Action, Output), Error> {
        // clap does not see this if there are operands, which conflict with --filter.
        if self.both && self.filter.is_none() {
            return Err(Error::usage("--both is for --filter"));
        }
        let output = Output {
            color: self.color,
            ..Output::default()
        };
        let action = if let Some(process) = self.namespace_of.clone() {
            if self.quiet {
                return Err(Error::usage(
                    "a list of processes cannot be combined with --quiet",
                ));
            }
            self.list(Named::NamespaceOf(process))
        } else if let Some(target) = self.listed() {
            let target = Named::Target(target.clone());
            self.list(target)
        } else if self.tree {
            return Err(Error::usage(
                "--tree is for the processes of a target, not for ids",
            ));
        } else {
            self.translation()?
        };
        Ok((action, output))
    }

    /// Returns the operand whose processes are listed, if it is one.
    fn listed(&self) -> Option<&OsString> {
        match self.operands.as_slice() {
            [target]
                if !is_id(target) && !self.quiet && self.from.is_none() && self.to.is_none() =>
            {
                Some(target)
            }
            _ => None,
        }
    }

    fn list(self, namespace: Named) -> Action {
        Action::List(List {
            namespace,
            tasks: self.tasks(),
            form: match (self.json, self.json_lines, self.tree) {
                (true, ..) => list::Form::Json,
                (_, true, _) => list::Form::JsonLines,
                (.., true) => list::Form::Tree,
                _ => list::Form::Table,
            },
            with: self.with,
        })
    }

    fn translation(self) -> Result<Action, Error> {
        let tasks = self.tasks();
        let is_from = self.from.is_some();
        let operands = self
            .operands
            .iter()
            .map(|word| Operand::parse(word, is_from))
            .collect::<Result<_, _>>()?;
        let ends = Ends {
            from: self.from,
            to: self.to,
        };
        Ok(match self.filter {
            Some(expression) => Action::Filter(Box::new(Filter {
                pattern: Pattern::new(&expression)?,
                ends,
                tasks,
                keeps_ids: self.both,
            })),
            None if self.quiet && ends.is_named() => Action::Numbers(Numbers {
                operands,
                ends,
                tasks,
            }),
            None => Action::Levels(Levels {
                operands,
                ends,
                tasks,
                form: match (self.json, self.json_lines, self.quiet) {
                    (true, ..) => levels::Form::Json,
                    (_, true, _) => levels::Form::JsonLines,
                    (.., true) => levels::Form::Numbers,
                    _ => levels::Form::Table,
                },
                with: self.with,
            }),
        })
    }

    fn tasks(&self) -> IdsOf {
        if self.threads {
            IdsOf::Threads
        } else {
            IdsOf::Processes
        }
    }
}

/// Returns whether a word is meant as the id of a process, valid or not, or as `-`.
fn is_id(word: &OsStr) -> bool {
    let id = Target::parse(word.as_bytes());
    word.as_bytes() == ids::STANDARD_INPUT
        || matches!(
            id,
            Ok(Target::Process { .. }) | Err(ParseTargetError::Pid(_) | ParseTargetError::Inode)
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Result<Options, clap::Error> {
        Options::try_parse_from([&["nsx pidmap"], words].concat())
    }

    fn action(words: &[&str]) -> Result<Action, Error> {
        Ok(read(words).unwrap().action()?.0)
    }

    #[test]
    fn contradictions_are_refused() {
        for wrong in [
            &[][..],
            &["1", "-q", "--json"],
            &["--filter", "x", "1"],
            &["--namespace-of", "1", "2"],
            &["--namespace-of", "1", "--from", "2"],
            &["1", "--with", "uid"],
            &["1", "--json", "--json-lines"],
        ] {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
        for wrong in [
            &["1", "--both"][..],
            &["1", "--tree"],
            &["-5"],
            &["--namespace-of", "1", "-q"],
            &["1", "pid:[7]"],
            &["--from", "7", "web"],
            &["--filter", "("],
        ] {
            assert!(matches!(action(wrong), Err(Error::Usage(_))), "{wrong:?}");
        }
    }

    #[test]
    fn options_become_actions() {
        let quiet = action(&["-q", "-"]).unwrap();
        assert!(matches!(quiet, Action::Levels(levels) if levels.form == levels::Form::Numbers));
        let between = action(&["-q", "--from", "7", "1"]).unwrap();
        assert!(matches!(between, Action::Numbers(numbers) if numbers.ends.from.is_some()));
        let shown = action(&["1", "--with", "pgid,sid", "--json"]).unwrap();
        assert!(matches!(
            shown,
            Action::Levels(Levels { form: levels::Form::Json, with, .. })
                if with == [With::Pgid, With::Sid]
        ));
        let tree = action(&["web", "--tree", "--threads"]).unwrap();
        assert!(matches!(
            tree,
            Action::List(List {
                form: list::Form::Tree,
                tasks: IdsOf::Threads,
                ..
            })
        ));
        let filter = action(&["--filter", "x", "--both"]).unwrap();
        assert!(matches!(filter, Action::Filter(filter) if filter.keeps_ids));
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
