//! The common parts of unshare and enter: the program to run, the kinds that are named, and how a
//! run is reported.

/// The name of the error in `unshare` and `enter`.
pub(crate) use crate::error::Error as RequestError;
use crate::{
    error::Error,
    exit::ExitStatus,
    out::{self, Output},
    status::StatusFd,
    text::escape,
};
use nsx_core::{
    accounts,
    ns::NsKind,
    plan::{Caller, Plan, PlanError, Step, Task},
    proc::ProcRoot,
    refusal,
    run::{self, Ended, Event, Failure, RunError},
    shell,
};
use rustix::{
    fs::{Access, AtFlags, CWD},
    io::Errno,
};
use std::{
    ffi::{CString, OsStr, OsString},
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Path, PathBuf},
};

/// The calling process, and the procfs that it sees.
pub(crate) fn caller() -> Result<(Caller, ProcRoot), Error> {
    let proc = ProcRoot::system().map_err(|errno| Error::Proc(Box::new(errno)))?;
    Ok((read_caller(&proc)?, proc))
}

/// Reads the calling process in the procfs that it sees.
pub(crate) fn read_caller(proc: &ProcRoot) -> Result<Caller, Error> {
    Caller::read(proc).map_err(|error| match proc.is_procfs() {
        true => Error::Proc(Box::new(error)),
        false => Error::NoProcfs,
    })
}

/// Returns the procfs that the caller sees.
pub(crate) fn procfs() -> Result<ProcRoot, RequestError> {
    let proc = ProcRoot::system().map_err(|errno| RequestError::failed("open /proc", errno))?;
    if proc.is_procfs() {
        Ok(proc)
    } else {
        Err(RequestError::NoProcfs)
    }
}

/// The directory that the caller stands in.
pub(crate) fn directory() -> Result<PathBuf, RequestError> {
    std::env::current_dir().map_err(RequestError::Directory)
}

/// The argument vectors to try: the program that was named, or the caller's shells.
pub(crate) fn programs(named: Vec<OsString>) -> Result<Vec<Vec<CString>>, Error> {
    let programs = match named.is_empty() {
        true => shell::of_caller().into_iter().map(|it| vec![it]).collect(),
        false => vec![named],
    };
    let arguments = programs.into_iter().map(|words| {
        let words = words.into_iter();
        words.map(|word| c_string(word, "an argument")).collect()
    });
    Ok(arguments.collect::<Result<_, _>>()?)
}

/// Returns whether the caller would find a program by this word: a file that may be executed, by
/// its path or in PATH.
pub(crate) fn is_found(word: &OsStr) -> bool {
    let is_program = |path: &Path| {
        path.is_file() && rustix::fs::accessat(CWD, path, Access::EXEC_OK, AtFlags::EACCESS).is_ok()
    };
    if word.is_empty() || word.as_bytes().contains(&b'/') {
        return is_program(Path::new(word));
    }
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|it| is_program(&it.join(word))))
}

/// An argument as system calls take it.
pub(crate) fn c_string(word: OsString, what: &'static str) -> Result<CString, PlanError> {
    CString::new(word.into_vec()).map_err(|_| PlanError::ZeroByte(what))
}

/// A user by number or by name.
pub(crate) fn user_id(word: &OsStr) -> Result<u32, RequestError> {
    id(word, "user", |name| {
        Ok(accounts::user_by_name(name)?.map(|user| user.uid))
    })
}

/// A group by number or by name.
pub(crate) fn group_id(word: &OsStr) -> Result<u32, RequestError> {
    id(word, "group", accounts::group_by_name)
}

fn id(
    word: &OsStr,
    what: &'static str,
    by_name: impl FnOnce(&[u8]) -> std::io::Result<Option<u32>>,
) -> Result<u32, RequestError> {
    let bytes = word.as_bytes();
    if bytes.is_empty() {
        return Err(RequestError::Usage(format!(
            "a {what} is a number or a name, and the word for it is empty"
        )));
    }
    if bytes.iter().all(u8::is_ascii_digit) {
        // The last number is no id: system calls take it for "leave it as it is".
        let number = nsx_core::proc::decimal(bytes).and_then(|number| u32::try_from(number).ok());
        return number.filter(|number| *number != u32::MAX).ok_or_else(|| {
            RequestError::Usage(format!("{what} id {} is too large", out::shown(word)))
        });
    }
    match by_name(bytes) {
        Ok(Some(id)) => Ok(id),
        Ok(None) => Err(RequestError::UnknownName(what, out::shown(word))),
        Err(error) => Err(RequestError::Lookup(
            format!("{what} {}", out::shown(word)),
            error,
        )),
    }
}

/// Prints what was checked and then a plan, a line a step: who takes it, the system call, why.
pub(crate) fn explain(plan: &Plan, checked: impl Iterator<Item = (String, String)>) -> ExitStatus {
    let steps = plan.tasks().chunk_by(Task::goes_with).filter_map(|tasks| {
        let task = tasks.first()?;
        let skippable = if task.is_optional() {
            "; skipped if the kernel refuses"
        } else {
            ""
        };
        let (call, why) = (
            escape(Task::calls(tasks).as_bytes()),
            escape(task.step().why().as_bytes()) + skippable,
        );
        Some((task.actor().to_string(), call, why))
    });
    let lines: Vec<_> = checked
        .map(|(what, came)| ("checked".to_owned(), what, came))
        .chain(steps)
        .collect();
    let width = lines
        .iter()
        .map(|(_, call, _)| call.chars().count())
        .filter(|width| *width <= 48)
        .max()
        .unwrap_or(0);
    let text: String = lines
        .iter()
        .map(|(actor, call, why)| format!("{actor:7}  {call:width$}  {why}\n"))
        .collect();
    match Output::default().write(text.as_bytes()) {
        Ok(_) => ExitStatus::SUCCESS,
        Err(error) => out::report(&error, ExitStatus::NOT_RUN),
    }
}

/// Options for what is told while a plan is carried out.
#[derive(Default)]
pub(crate) struct Report<'a> {
    /// Tells of every step that is skipped.
    pub(crate) verbose: bool,
    /// The descriptor that is told of the program's life.
    pub(crate) status: Option<&'a StatusFd>,
    /// A hint for a program that is not found.
    pub(crate) not_found: Option<String>,
}

/// Carries a plan out and turns what came of it into an exit status.
pub(crate) fn carry_out(
    plan: &Plan,
    caller: &Caller,
    proc: &ProcRoot,
    report: &Report<'_>,
) -> ExitStatus {
    let Report {
        verbose,
        status,
        not_found,
    } = report;
    let mut observer = |event: Event<'_>| match event {
        // Where the program starts is for everybody to know.
        Event::Skipped(step @ Step::SetDirectory(_), errno) => {
            let reason = out::reason(&errno);
            out::note(&escape(
                format!(
                    "could not {}: {reason}; the program starts in /",
                    step.act()
                )
                .as_bytes(),
            ));
        }
        Event::Skipped(step @ Step::MountOwnProc(_), errno) => {
            let reason = out::reason(&errno);
            out::note(&escape(
                format!(
                    "could not {}: {reason}; --pid joins the PID namespace",
                    step.act()
                )
                .as_bytes(),
            ));
        }
        // So is that the program is held by less than the target.
        Event::Skipped(step @ (Step::ReadFilters(_) | Step::InstallFilters), errno) => {
            let reason = out::reason(&errno);
            out::note(&escape(
                format!(
                    "could not {}: {reason}; they are not on the program",
                    step.act()
                )
                .as_bytes(),
            ));
        }
        Event::Skipped(step, errno) if *verbose => {
            out::note(&escape(
                format!("could not {}: {}", step.act(), out::reason(&errno)).as_bytes(),
            ));
        }
        Event::Created(pid) => drop(status.inspect(|status| status.created(pid, proc))),
        Event::Running => drop(status.inspect(|status| status.running())),
        _ => {}
    };
    match run::in_place(plan, Some(proc), &mut observer) {
        Ok(ended) => {
            status.inspect(|status| status.ended(ended));
            match ended {
                Ended::Exited(code) => ExitStatus::Code(code),
                Ended::Killed(signal) => ExitStatus::Signal(signal),
            }
        }
        Err(RunError::Step(failure)) => {
            status.inspect(|status| {
                status.failed(&failure, &escape(out::chain(&failure).as_bytes()))
            });
            let status = failed(&failure, plan, caller, proc);
            not_found
                .iter()
                .filter(|_| status == ExitStatus::NOT_FOUND)
                .for_each(|hint| out::hint(hint));
            status
        }
        Err(error) => {
            out::error(&escape(out::chain(&error).as_bytes()));
            ExitStatus::NOT_RUN
        }
    }
}

fn failed(failure: &Failure, plan: &Plan, caller: &Caller, proc: &ProcRoot) -> ExitStatus {
    out::error(&escape(out::chain(failure).as_bytes()));
    if let Some(refusal) = refusal::explain(failure, plan, caller, proc) {
        out::hint(&escape(refusal.cause.as_bytes()));
        if let Some(remedy) = refusal.remedy {
            out::hint(&escape(remedy.as_bytes()));
        }
    }
    match (failure.step(), failure.errno) {
        (Step::Exec { programs, .. }, Errno::NOENT) => {
            match programs.len() {
                _ if !joins_mounts(plan) => {}
                0 | 1 => out::hint(
                    "the target's files have no such program, or not the interpreter that it asks \
                    for; --host-tools runs yours",
                ),
                _ => out::hint(
                    "the target's files have none of these shells, or not the loader that they \
                    need; --host-tools runs yours",
                ),
            }
            ExitStatus::NOT_FOUND
        }
        (Step::Exec { .. }, _) => ExitStatus::NOT_EXECUTABLE,
        _ => ExitStatus::NOT_RUN,
    }
}

/// Returns whether the program sees a target's files.
fn joins_mounts(plan: &Plan) -> bool {
    plan.tasks().iter().any(|task| match task.step() {
        Step::Join { kinds, .. } => kinds.contains(NsKind::Mnt),
        Step::JoinFile(file) => file.kind() == NsKind::Mnt,
        _ => false,
    })
}
