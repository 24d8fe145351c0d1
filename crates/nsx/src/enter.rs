//! `nsx enter`: a program in the namespaces of a process that runs.
//!
//! Here are the options, as typed. Which namespaces are joined in which order is in `nsx_core::plan::enter`.

mod view;

use crate::{
    exit::ExitStatus,
    out,
    program::{self, KindFlags, RequestError},
};
use clap::{Args, Parser, builder::ValueHint};
use nsx_core::{
    idmap::IdKind,
    ns::NsKind,
    plan::{
        self, Caller, PlanError,
        enter::{Groups, Place, Program, Request, Target},
    },
    proc::ProcRoot,
};
use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt,
    path::PathBuf,
};
use view::ViewOptions;

/// Run a program in the namespaces of a process
///
/// All namespaces in which the process differs from the caller are joined, or only those that are named. Without a
/// program a shell is run. nsx ends as the program ends: with its exit status, or by the signal that killed it.
#[derive(Debug, Parser)]
#[command(
    name = "nsx enter",
    about = "Run a program in the namespaces of a process",
    override_usage = "nsx enter TARGET [OPTIONS] [--] [PROGRAM [ARG]...]\n       nsx enter -t TARGET [OPTIONS] [--] [PROGRAM [ARG]...]",
    after_help = "\
Examples:
  nsx enter 4711                     a shell in all namespaces of process 4711
  nsx enter 4711 --net -- ss -ltn    only its network; files stay the caller's
  nsx enter 4711 --explain           what would be done, step by step"
)]
pub struct Options {
    /// The process: a PID, or PID:INODE with the inode number of its pidfd, which is never reused
    #[arg(value_name = "TARGET", required_unless_present = "named_target")]
    target: Option<OsString>,
    /// The process, as nsenter(1) takes it
    #[arg(short = 't', long = "target", value_name = "TARGET")]
    named_target: Option<OsString>,
    /// The program and its arguments
    #[arg(trailing_var_arg = true, value_name = "PROGRAM", value_hint = ValueHint::CommandWithArguments)]
    program: Vec<OsString>,
    // Last, as its own groups are: what follows one would stand under its heading.
    #[command(flatten)]
    common: Common,
}

/// The form that nsenter(1) has, in which the first operand is the program.
#[derive(Debug, Parser)]
struct NsenterForm {
    #[command(flatten)]
    common: Common,
    #[arg(short = 't', long = "target")]
    target: OsString,
    #[arg(trailing_var_arg = true)]
    program: Vec<OsString>,
}

#[derive(Args, Debug)]
struct Common {
    /// Run the program as this user of the namespace that is joined; root, if a user namespace is
    #[arg(short = 'S', long, value_name = "UID|NAME")]
    setuid: Option<OsString>,
    /// Run the program as this group of the namespace that is joined, with no supplementary ones
    #[arg(short = 'G', long, value_name = "GID|NAME")]
    setgid: Option<OsString>,
    /// Start the program in DIR, as the process sees it; where the process is, if its mount namespace is joined
    #[arg(short = 'w', long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    wd: Option<PathBuf>,
    /// Print the plan, a line a step, and run nothing
    #[arg(long)]
    explain: bool,
    /// Say on standard error what was skipped
    #[arg(short, long)]
    verbose: bool,
    #[command(flatten)]
    view: ViewOptions,
    #[command(flatten)]
    kinds: KindFlags,
    /// All in which the process differs from the caller; the default
    #[arg(short, long, help_heading = "Namespaces")]
    all: bool,
}

impl Options {
    /// Reads an argument vector in either form.
    pub(crate) fn read(arguments: &[OsString]) -> Result<Self, clap::Error> {
        // Where `-t` stands before the first operand, that operand is the program, and what looks like an option after
        // it is the program's.
        let names_target = |word: &OsString| word.as_bytes().starts_with(b"-t") || word.as_bytes().starts_with(b"--t");
        if arguments.iter().any(names_target)
            && let Ok(NsenterForm { common, target, program }) = NsenterForm::try_parse_from(arguments)
        {
            return Ok(Self { common, target: None, named_target: Some(target), program });
        }
        Self::try_parse_from(arguments)
    }
}

/// Runs the command.
pub(crate) fn run(options: Options) -> ExitStatus {
    let (explain, verbose) = (options.common.explain, options.common.verbose);
    let planned = program::caller().and_then(|(caller, proc)| {
        let name = options.named_target.as_deref().or(options.target.as_deref()).unwrap_or_default();
        let shown = out::shown(name);
        let failed = |error| RequestError::Enter(shown.clone(), error);
        let request = request(&options, name, &caller, &proc)?;
        let plan = plan::enter::plan(request, &caller, &proc).map_err(failed)?;
        Ok((plan, caller, proc))
    });
    match planned {
        Err(error) => error.into(),
        Ok((plan, ..)) if explain => program::explain(&plan),
        Ok((plan, caller, proc)) => program::carry_out(&plan, &caller, &proc, verbose, None),
    }
}

fn request(options: &Options, name: &OsStr, caller: &Caller, proc: &ProcRoot) -> Result<Request, RequestError> {
    let Common { kinds, all, setuid, setgid, wd, .. } = &options.common;
    let process = nsx_target::resolve(name)?.process;
    let target = Target { process: &process, proc };
    let failed = |error| RequestError::Enter(out::shown(name), error);

    let named = Some(kinds.set()).filter(|kinds| !kinds.is_empty() && !all);
    let kinds = target.differing(options.common.view.kinds(named, caller)).map_err(failed)?;
    if kinds.is_empty() && named.is_none() {
        return Err(failed(PlanError::NothingToEnter));
    }
    let mut request = Request {
        kinds,
        uid: setuid.as_deref().map(program::user_id).transpose()?,
        gid: setgid.as_deref().map(program::group_id).transpose()?,
        program: Program::First(program::programs(options.program.clone())?),
        ..Request::default()
    };
    options.common.view.apply(&mut request, named, &target).map_err(failed)?;
    if kinds.contains(NsKind::Mnt) {
        request.root = Some(Place::Opened(target.root().map_err(failed)?, None));
        request.directory = Some(Place::Opened(target.directory().map_err(failed)?, None));
    }
    if let Some(directory) = wd {
        request.directory = Some(Place::Inside(directory.clone()));
    }
    if kinds.contains(NsKind::User) {
        // There the caller's own id may have no name: the program is its root, as far as that exists.
        let root = |ids| target.id_map(ids).map(|map| map.to_outside(0).map(|_| 0)).map_err(failed);
        request.uid = request.uid.map_or_else(|| root(IdKind::User), |uid| Ok(Some(uid)))?;
        request.gid = request.gid.map_or_else(|| root(IdKind::Group), |gid| Ok(Some(gid)))?;
    }
    if request.gid.is_some() {
        request.groups = Groups::Drop;
    }
    request.target = Some(process);
    Ok(request)
}
