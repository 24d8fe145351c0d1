//! The options of `nsx enter`, as typed. Nothing here makes a system call, except for hints.

use super::{
    all_of::ManyOptions, arguments::Arguments, docker, environment::EnvironmentOptions,
    kinds::KindOptions, pty::PtyOptions,
};
use crate::{program, text};
use clap::{
    Args, CommandFactory, FromArgMatches, Parser,
    builder::{StyledStr, ValueHint},
    error::{ContextKind, ContextValue, ErrorKind},
};
use nsx_core::ns::NsKind;
use std::{
    ffi::{OsStr, OsString},
    mem::ManuallyDrop,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

/// Run a program in a container, or in the namespaces of a process
///
/// Alone, the program runs as the engine's own `exec` would have it: in all namespaces in which the
/// target differs from the caller, in its cgroup, root and working directory, as its user, with its
/// environment, capabilities and limits. With kinds of namespace named, only those are joined, and
/// the program stays the caller's in all else. Without a program a shell is run. nsx ends as the
/// program ends: with its exit status, or by the signal that killed it.
#[derive(Debug, Parser)]
#[command(
    name = "nsx enter",
    version,
    about = "Run a program in a container, or in the namespaces of a process",
    override_usage = "nsx enter TARGET [OPTIONS] [--] [PROGRAM [ARG]...]\n       nsx enter -t \
    TARGET [OPTIONS] [--] [PROGRAM [ARG]...]\n       nsx enter --KIND=FILE... [OPTIONS] [--] \
    [PROGRAM [ARG]...]\n       nsx enter --all-of PATTERN [OPTIONS] [--] PROGRAM [ARG]...",
    after_help = "\
Examples:
  nsx enter web                      a shell in the container web
  nsx enter docker:web --user nobody id
                                     as another user of it
  nsx enter --all-of 'docker:*' cat /etc/os-release
                                     in each of them
  nsx enter 4711 --net -- ss -ltn    its network alone, with files and rights of
                                     the caller
  nsx enter 4711 --explain           what would be done, step by step"
)]
pub struct Options {
    /// A container's name, docker:web and the like, a PID, or netns:blue: see nsx(1) for all forms
    #[arg(value_name = "TARGET")]
    target: Option<OsString>,
    /// The process, as nsenter(1) takes it
    #[arg(short = 't', long = "target", value_name = "TARGET")]
    named_target: Option<OsString>,
    /// The program and its arguments
    #[arg(trailing_var_arg = true, value_name = "PROGRAM", value_hint = ValueHint::CommandWithArguments)]
    pub(super) program: Vec<OsString>,
    /// The word after `-u`, which to docker exec is a user.
    #[arg(skip)]
    after_uts: Option<OsString>,
    // The groups come last, because options that follow a group appear under its heading.
    #[command(flatten)]
    pub(super) common: Common,
}

#[derive(Args, Debug)]
pub(super) struct Common {
    /// Start the program in DIR, as the target sees it; the default is the target's directory, if its
    /// mount namespace is joined
    #[arg(short = 'w', long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(super) wd: Option<PathBuf>,
    /// Do not put the program into the target's cgroup
    #[arg(long)]
    pub(super) no_cgroup: bool,
    /// Print the plan, one line per step, and run nothing
    #[arg(long)]
    pub(super) explain: bool,
    /// Print on standard error what was skipped
    #[arg(short, long)]
    pub(super) verbose: bool,
    #[command(flatten)]
    pub(super) rights: Rights,
    #[command(flatten)]
    pub(super) environment: EnvironmentOptions,
    #[command(flatten)]
    pub(super) many: ManyOptions,
    #[command(flatten)]
    pub(super) view: ViewOptions,
    #[command(flatten)]
    pub(super) pty: PtyOptions,
    #[command(flatten)]
    pub(super) guard: GuardOptions,
    #[command(flatten)]
    pub(super) kinds: KindOptions,
}

/// The program's user, and what confines the program.
#[derive(Args, Debug)]
#[command(next_help_heading = "Privileges")]
pub(super) struct Rights {
    /// Run the program as this user of the target, by its own /etc/passwd and /etc/group
    #[arg(long, value_name = "NAME|UID[:GROUP|GID]", conflicts_with_all = ["setuid", "setgid"])]
    pub(super) user: Option<OsString>,
    /// Run the program with this user id
    #[arg(short = 'S', long, value_name = "UID|NAME")]
    pub(super) setuid: Option<OsString>,
    /// Run the program with this group id and no supplementary groups
    #[arg(short = 'G', long, value_name = "GID|NAME")]
    pub(super) setgid: Option<OsString>,
    /// Run the program unconfined: with the caller's user, capabilities and label, and no seccomp
    /// filter
    #[arg(long)]
    pub(super) privileged: bool,
    /// Keep the caller's capabilities, as far as the program's user may have them
    #[arg(long)]
    pub(super) host_caps: bool,
    /// Do not put the target's seccomp filters on the program
    #[arg(long)]
    pub(super) no_seccomp: bool,
    /// Leave the program the caller's AppArmor or SELinux label
    #[arg(long)]
    pub(super) no_label: bool,
    /// Leave the program the caller's resource limits and out-of-memory score
    #[arg(long)]
    pub(super) no_limits: bool,
}

/// Options that change what the program sees.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Files and terminal")]
pub(super) struct ViewOptions {
    /// Run a program of the caller's beside the target: in its namespaces, but with the caller's
    /// files; $NSX_TARGET_ROOT leads to the target's
    #[arg(long, conflicts_with_all = ["mount", "all", "no_fix"])]
    pub(super) host_tools: bool,
    /// Leave /proc, /sys, /dev/mqueue and /etc as they are, though they show other namespaces than
    /// those that the program is in
    #[arg(long)]
    pub(super) no_fix: bool,
}

/// Options that limit what a hostile target can reach of the caller's.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Files and terminal")]
pub(super) struct GuardOptions {
    /// Give the program N more of the caller's descriptors after 0, 1 and 2; with kinds named it
    /// has all
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = clap::value_parser!(u32).range(..=1_048_576))]
    pub(super) preserve_fds: Option<u32>,
}

impl Options {
    /// Reads an argument vector, whose first word is the command's name.
    pub(crate) fn read(words: &[OsString]) -> Result<Self, clap::Error> {
        let mut command = ManuallyDrop::new(Self::command());
        let (name, words) = words.split_at(words.len().min(1));
        let arguments = Arguments::read(&command, words)
            .map_err(|words| command.error(ErrorKind::ArgumentConflict, words))?;
        let is_without_target = arguments.is_without_target();
        let Arguments {
            options,
            target,
            program,
            after_uts,
            ..
        } = arguments;
        let read = command.try_get_matches_from_mut(name.iter().chain(&options));
        let read = read.and_then(|mut matches| Self::from_arg_matches_mut(&mut matches));
        let mut options = read.map_err(|error| with_tip(error, target.as_deref()))?;
        (options.target, options.program, options.after_uts) = (target, program, after_uts);
        options
            .check(is_without_target)
            .map_err(|(kind, words)| command.error(kind, words))?;
        Ok(options)
    }

    /// Checks for contradictions that clap cannot see.
    fn check(&self, is_without_target: bool) -> Result<(), (ErrorKind, String)> {
        let all_of = self.common.many.all_of.as_deref();
        let shown = |word: &OsString| text::shown(word);
        match (&self.target, self.named_target.as_deref().or(all_of)) {
            (Some(one), Some(other)) => {
                let by = if all_of.is_some() {
                    "--all-of"
                } else {
                    "--target"
                };
                let other = text::shown(other);
                Err((
                    ErrorKind::ArgumentConflict,
                    format!(
                        "what to enter is named twice: {}, and {other} by {by}; without the first, \
                        what follows is the program",
                        shown(one)
                    ),
                ))
            }
            (None, None) if !is_without_target => {
                let program = self.program.first().map(|program| {
                    format!(
                        ": {} stands after -- and is the program; is a variable for TARGET empty?",
                        shown(program)
                    )
                });
                Err((
                    ErrorKind::MissingRequiredArgument,
                    format!("no TARGET is named{}", program.unwrap_or_default()),
                ))
            }
            _ if all_of.is_some() && self.program.is_empty() => Err((
                ErrorKind::MissingRequiredArgument,
                "--all-of needs a PROGRAM to run in each of them".to_owned(),
            )),
            _ => Ok(()),
        }
    }

    /// Returns the word that names the target; none if each namespace comes from a file that is
    /// named.
    pub(super) fn target(&self) -> Option<&OsStr> {
        self.named_target.as_deref().or(self.target.as_deref())
    }

    /// Returns the object that errors name.
    pub(super) fn entered(&self) -> String {
        self.target().map_or_else(
            || "the namespaces".to_owned(),
            |target| format!("process {}", text::shown(target)),
        )
    }

    /// Returns hints for a target that was not found. They look in PATH for the word.
    pub(super) fn hints_without_target(&self) -> Vec<String> {
        let Some(taken) = &self.target else {
            return Vec::new();
        };
        let Common { kinds, .. } = &self.common;
        let shown = text::shown(taken);
        let program = program::is_found(taken).then(|| {
            format!(
                "{shown} is a program, and TARGET comes before it: is a variable for TARGET empty?"
            )
        });
        let lacking = kinds.without_file();
        let lacking = (!lacking.is_empty() && kinds.files().next().is_some()).then(|| {
            format!(
                "TARGET is needed for the {}, for which no file is named",
                lacking.noun()
            )
        });
        self.hint_at_user()
            .into_iter()
            .chain(program)
            .chain(lacking)
            .collect()
    }

    /// Returns a hint for a word after `-u`, or glued to it, that leads nowhere.
    pub(super) fn hint_at_user(&self) -> Option<String> {
        let glued = self
            .common
            .kinds
            .file(NsKind::Uts)
            .filter(|file| !file.as_os_str().as_bytes().contains(&b'/'));
        let word = self.after_uts.as_deref().or(glued.map(Path::as_os_str))?;
        Some(format!(
            "-u is --uts; to run the program as user {0}: --user {0}",
            text::shown(word)
        ))
    }

    /// Returns whether the target's mount namespace may be joined, as far as that is known before the
    /// target is looked up.
    pub(super) fn may_join_mounts(&self) -> bool {
        let Common { view, kinds, .. } = &self.common;
        kinds
            .named()
            .map_or(!view.host_tools, |named| named.contains(NsKind::Mnt))
    }
}

/// Adds to clap's message about an unknown option what it cannot know: options of docker exec, and
/// which word is TARGET.
fn with_tip(mut error: clap::Error, target: Option<&OsStr>) -> clap::Error {
    if let (ErrorKind::UnknownArgument, Some(ContextValue::String(option))) =
        (error.kind(), error.get(ContextKind::InvalidArg))
    {
        let taken = target.map(|target| {
            let target = text::shown(target);
            format!(
                "{target} is taken for TARGET, and {option} for an option of nsx: those of the \
                program come after it"
            )
        });
        let tip = docker::instead_of(option).map(str::to_owned).or(taken);
        let tips = tip.into_iter().map(StyledStr::from).collect();
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(tips));
    }
    error
}
