//! The options of `nsx mounts`, as typed. Reading them makes no system call.

use super::{action::Action, tree::Tree, watch::Watch};
use crate::{
    answer::Format,
    error::Error,
    out::Output,
    query::{column, condition},
    style::Color,
};
use clap::Parser;
use std::ffi::OsString;

const EXAMPLES: &str = "\
Examples:
  nsx mounts web                 the mounts that the container web sees
  nsx mounts web db              what differs between two containers' mounts
  nsx mounts --watch web         mounts that appear, disappear and change there
  nsx mounts --why /mnt/disk     what keeps this mount busy, in any mount
                                 namespace

Exit status: 0 if something is listed, 1 if nothing is; with two targets 0 if something differs, 1 \
if nothing does; 2 for wrong usage or a failure.";

/// List the mounts that a process or container sees
///
/// Prints a tree of mounts: MOUNT, the mount point as the target sees it; TYPE and SOURCE of the
/// file system; OPTIONS; PROPAGATION, with whom later mounts are shared; and NOTE. Nothing is run in
/// the target, and no file system is asked, so that one that hangs stalls nothing.
#[derive(Debug, Parser)]
#[command(name = "nsx mounts", version, bin_name = "nsx mounts", after_help = EXAMPLES)]
pub struct Options {
    /// A process, container or mount namespace, as for `nsx ls`; your own without one
    ///
    /// With a second one, the mounts of both are compared.
    #[arg(value_name = "TARGET", num_args = 0..=2, allow_negative_numbers = true)]
    targets: Vec<OsString>,

    /// Show what keeps the mount at PATH busy: mounts below it, processes that use it, and mounts
    /// of the same file system in every mount namespace
    ///
    /// PATH is as TARGET sees it.
    #[arg(long, value_name = "PATH")]
    why: Option<OsString>,

    /// Follow the mounts of a process or container as they come, go and change, until it ends
    ///
    /// Prints a line for each change, with --json-lines of JSON. Mounts that come and go before nsx
    /// has read the list again are missed.
    #[arg(long, conflicts_with_all = ["why", "list", "filter", "output", "json"])]
    watch: bool,

    /// List the mounts in the kernel's order instead of a tree
    #[arg(short, long)]
    list: bool,

    /// List only the mounts for which EXPR is true, such as 'TYPE == "tmpfs"'
    ///
    /// Expressions are those of `nsx ls -Q`. A tree shows the mounts above them, too.
    #[arg(short = 'Q', long, value_name = "EXPR", conflicts_with = "why")]
    filter: Option<OsString>,

    /// Show these columns, with commas between them; a leading + adds them to the usual ones; all
    /// shows all
    #[arg(short, long, value_name = "LIST", conflicts_with = "why")]
    output: Option<String>,

    /// List the columns: the meaning of each, and the cost of finding it
    #[arg(long, conflicts_with_all = ["targets", "why", "watch", "list", "filter", "output", "json_lines"])]
    columns: bool,

    /// Print a JSON document
    #[arg(long)]
    json: bool,

    /// Print one JSON object per row, each on a line of its own
    #[arg(long, conflicts_with = "json")]
    json_lines: bool,

    /// Do not report on standard error what could not be seen
    #[arg(short, long)]
    quiet: bool,

    /// Control when to use colour
    #[arg(long, value_enum, value_name = "WHEN", default_value = "auto")]
    color: Color,
}

impl Options {
    /// Returns the action that the options request, and the form of its output.
    pub(super) fn action(self) -> Result<(Action, Format, Output), Error> {
        let format = Format::of(self.json, self.json_lines);
        let output = Output {
            color: self.color,
            quiet: self.quiet,
        };
        Ok((self.request(format)?, format, output))
    }

    fn request(mut self, format: Format) -> Result<Action, Error> {
        if self.columns {
            return Ok(Action::Columns);
        }
        let second = (self.targets.len() > 1)
            .then(|| self.targets.pop())
            .flatten();
        let first = self.targets.pop();
        if let Some(path) = self.why {
            return match second {
                None => Ok(Action::Why(path, first)),
                Some(_) => Err(Error::usage("--why is for one TARGET")),
            };
        }
        if self.watch {
            return match second {
                None => Ok(Action::Watch(Watch { target: first })),
                Some(_) => Err(Error::usage("--watch is for one TARGET")),
            };
        }
        match (first, second) {
            (Some(first), Some(second)) if self.filter.is_none() && self.output.is_none() => {
                Ok(Action::Compare(first, second))
            }
            (_, Some(_)) => Err(Error::usage(
                "-Q and -o are for the mounts of one TARGET, not for a comparison",
            )),
            (target, None) => Ok(Action::Tree(Tree {
                target,
                is_list: self.list,
                filter: condition::read(self.filter.as_deref())?,
                columns: column::shown(self.output.as_deref(), format)?,
            })),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action(words: &[&str]) -> Result<Action, Error> {
        let options = Options::try_parse_from([&["nsx mounts"], words].concat()).unwrap();
        Ok(options.action()?.0)
    }

    #[test]
    fn options_become_a_request() {
        assert!(matches!(
            action(&[]),
            Ok(Action::Tree(Tree { target: None, .. }))
        ));
        assert!(matches!(action(&["a", "b"]), Ok(Action::Compare(a, b)) if a == "a" && b == "b"));
        let why = action(&["web", "--why", "/mnt"]);
        assert!(matches!(why, Ok(Action::Why(path, Some(web))) if path == "/mnt" && web == "web"));
    }

    #[test]
    fn options_without_meaning_are_refused() {
        for words in [
            &["a", "b", "--why", "/"][..],
            &["a", "b", "--watch"],
            &["a", "b", "-o", "id"],
            &["a", "b", "-Q", "ID == 1"],
            &["-o", "nothing"],
        ] {
            assert!(matches!(action(words), Err(Error::Usage(_))), "{words:?}");
        }
        assert!(Options::try_parse_from(["nsx mounts", "a", "b", "c"]).is_err());
    }
}
