//! The options of `nsx enter`, as typed. Nothing is asked of the system here.

use super::{
    all_of::ManyOptions,
    environment::EnvironmentOptions,
    guard::GuardOptions,
    kinds::KindFlags,
    pty::PtyOptions,
    users::{Directory, Identity},
    view::ViewOptions,
};
use crate::{out, program::RequestError};
use clap::{Args, CommandFactory, Parser, builder::ValueHint, error::ErrorKind};
use nsx_core::{ns::NsKind, plan::enter::Groups};
use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt,
    path::PathBuf,
};

/// Run a program in a container, or in the namespaces of a process
///
/// Alone, the program runs as the engine's own `exec` would have it: in all namespaces in which the target differs from
/// the caller, in its cgroup, root and working directory, as its user, with its environment, capabilities and limits. With
/// kinds of namespace named, only those are joined, and the program stays the caller's in all else. Without a program a
/// shell is run. nsx ends as the program ends: with its exit status, or by the signal that killed it.
#[derive(Debug, Parser)]
#[command(
    name = "nsx enter",
    about = "Run a program in a container, or in the namespaces of a process",
    override_usage = "nsx enter TARGET [OPTIONS] [--] [PROGRAM [ARG]...]\n       nsx enter -t TARGET [OPTIONS] [--] [PROGRAM [ARG]...]\n       nsx enter --all-of PATTERN [OPTIONS] [--] PROGRAM [ARG]...",
    after_help = "\
Examples:
  nsx enter web                      a shell in the container web
  nsx enter docker:web --user nobody id
                                     as another user of it
  nsx enter --all-of 'docker:*' cat /etc/os-release
                                     in each of them
  nsx enter 4711 --net -- ss -ltn    only its network; files and rights stay the caller's
  nsx enter 4711 --explain           what would be done, step by step"
)]
pub struct Options {
    /// A container's name, docker:web and the like, a PID, or netns:blue: see nsx(1) for all forms
    #[arg(value_name = "TARGET", required_unless_present_any = ["named_target", "all_of"])]
    target: Option<OsString>,
    /// The process, as nsenter(1) takes it
    #[arg(short = 't', long = "target", value_name = "TARGET")]
    named_target: Option<OsString>,
    /// The program and its arguments
    #[arg(trailing_var_arg = true, value_name = "PROGRAM", value_hint = ValueHint::CommandWithArguments)]
    pub(super) program: Vec<OsString>,
    // Last, as its own groups are: what follows one would stand under its heading.
    #[command(flatten)]
    pub(super) common: Common,
}

/// The form in which the first operand is the program, of nsenter(1) and of many containers.
#[derive(Debug, Parser)]
struct NsenterForm {
    #[command(flatten)]
    common: Common,
    #[arg(short = 't', long = "target", required_unless_present = "all_of")]
    named_target: Option<OsString>,
    #[arg(trailing_var_arg = true)]
    program: Vec<OsString>,
}

#[derive(Args, Debug)]
pub(super) struct Common {
    /// Start the program in DIR, as the target sees it; where the target is, if its mount namespace is joined
    #[arg(short = 'w', long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(super) wd: Option<PathBuf>,
    /// Do not put the program into the target's cgroup
    #[arg(long)]
    pub(super) no_cgroup: bool,
    /// Print the plan, a line a step, and run nothing
    #[arg(long)]
    pub(super) explain: bool,
    /// Say on standard error what was skipped
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
    pub(super) kinds: KindFlags,
}

/// Who the program is, and what holds it.
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
    /// Run the program unconfined: with the caller's user, capabilities and label, and no seccomp filter
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

impl Options {
    /// Reads an argument vector in either form.
    pub(crate) fn read(arguments: &[OsString]) -> Result<Self, clap::Error> {
        // Where `-t` stands before the first operand, that operand is the program, and what looks like an option after
        // it is the program's. It may be the last of several letters: `-nt`.
        let names_target = |word: &OsString| match word.as_bytes() {
            [b'-', b'-', long @ ..] => long.starts_with(b"t") || long.starts_with(b"all-"),
            [b'-', letters @ ..] => letters.contains(&b't'),
            _ => false,
        };
        if arguments.iter().any(names_target)
            && let Ok(NsenterForm { common, named_target, program }) = NsenterForm::try_parse_from(arguments)
        {
            return Self { common, target: None, named_target, program }.checked();
        }
        Self::try_parse_from(arguments)?.checked()
    }

    /// What clap cannot tell, for the two forms differ in it.
    fn checked(self) -> Result<Self, clap::Error> {
        let all_of = self.common.many.all_of.as_deref();
        if let (Some(one), Some(other)) = (&self.target, self.named_target.as_deref().or(all_of)) {
            let by = if all_of.is_some() { "--all-of" } else { "--target" };
            let words = format!(
                "what to enter is named twice: {}, and {} by {by}; without the first, what follows is the program",
                out::shown(one),
                out::shown(other),
            );
            return Err(Self::command().error(ErrorKind::ArgumentConflict, words));
        }
        if all_of.is_some() && self.program.is_empty() {
            let words = "--all-of takes a PROGRAM, to be run in each of them";
            return Err(Self::command().error(ErrorKind::MissingRequiredArgument, words));
        }
        Ok(self)
    }

    /// What names the target.
    pub(super) fn target(&self) -> &OsStr {
        self.named_target.as_deref().or(self.target.as_deref()).unwrap_or_default()
    }

    /// What to type where the program was taken for the target: nsenter(1) needs none beside the file of a namespace.
    pub(super) fn without_target(&self) -> Option<String> {
        let (taken, &[file]) = (self.target.as_ref()?, self.common.kinds.paths().as_slice()) else { return None };
        let words = [file.as_os_str(), taken].into_iter().chain(self.program.iter().map(OsString::as_os_str));
        let words: Vec<_> = words.map(out::shown).collect();
        Some(format!("TARGET comes before the program, and that file may be it: nsx enter {}", words.join(" ")))
    }

    /// Whether the target's files may be joined, as far as can be said before it is looked up.
    pub(super) fn may_join_mounts(&self) -> bool {
        let Common { view, kinds, .. } = &self.common;
        kinds.named().map_or(!view.keeps_files(), |named| named.contains(NsKind::Mnt))
    }
}

/// What options say of the program's user; none where they say nothing.
#[derive(Debug, Default)]
pub(super) struct Chosen {
    pub(super) uid: Option<u32>,
    pub(super) gid: Option<u32>,
    pub(super) groups: Option<Vec<u32>>,
}

impl Rights {
    /// The supplementary groups that were chosen. Whoever asked for none is not content with less.
    pub(super) fn groups(&self, chosen: Vec<u32>) -> Groups {
        if chosen.is_empty() { Groups::Drop { required: self.setgid.is_some() } } else { Groups::Are(chosen) }
    }

    /// Who the program is to be, by the accounts of the target.
    pub(super) fn who(&self, directory: &Directory<'_>) -> Result<Chosen, RequestError> {
        if let Some(user) = &self.user {
            let Identity { uid, gid, groups } = directory.identity(user)?;
            return Ok(Chosen { uid: Some(uid), gid: Some(gid), groups: Some(groups) });
        }
        let uid = self.setuid.as_deref().map(|user| directory.uid(user)).transpose()?;
        let gid = self.setgid.as_deref().map(|group| directory.group(group)).transpose()?;
        Ok(Chosen { uid, gid, groups: gid.map(|_| Vec::new()) })
    }
}
