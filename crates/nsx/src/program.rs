//! The common parts of the requests of unshare and enter: the caller, the program to run, users and
//! groups.

use crate::{error::Error, executable::is_program, text};
use nsx_core::{
    accounts,
    plan::{Caller, PlanError},
    proc::ProcRoot,
    shell,
};
use std::{
    ffi::{CString, OsStr, OsString},
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Path, PathBuf},
};

/// Returns the calling process, and the procfs that it sees.
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
pub(crate) fn procfs() -> Result<ProcRoot, Error> {
    let proc = ProcRoot::system().map_err(|errno| Error::failed("open /proc", errno))?;
    if proc.is_procfs() {
        Ok(proc)
    } else {
        Err(Error::NoProcfs)
    }
}

/// Returns the working directory.
pub(crate) fn directory() -> Result<PathBuf, Error> {
    std::env::current_dir().map_err(Error::Directory)
}

/// Returns the argument vectors to try: the program that was named, or the caller's shells.
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
    if word.is_empty() || word.as_bytes().contains(&b'/') {
        return is_program(Path::new(word));
    }
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|it| is_program(&it.join(word))))
}

/// Returns an argument as system calls take it.
pub(crate) fn c_string(word: OsString, what: &'static str) -> Result<CString, PlanError> {
    CString::new(word.into_vec()).map_err(|_| PlanError::ZeroByte(what))
}

/// Returns the id of a user by number or by name.
pub(crate) fn user_id(word: &OsStr) -> Result<u32, Error> {
    id(word, "user", |name| {
        Ok(accounts::user_by_name(name)?.map(|user| user.uid))
    })
}

/// Returns the id of a group by number or by name.
pub(crate) fn group_id(word: &OsStr) -> Result<u32, Error> {
    id(word, "group", accounts::group_by_name)
}

fn id(
    word: &OsStr,
    what: &'static str,
    by_name: impl FnOnce(&[u8]) -> std::io::Result<Option<u32>>,
) -> Result<u32, Error> {
    let bytes = word.as_bytes();
    if bytes.is_empty() {
        return Err(Error::Usage(format!(
            "a {what} is a number or a name, and the word for it is empty"
        )));
    }
    if bytes.iter().all(u8::is_ascii_digit) {
        // The highest number is not an id: for system calls it means "unchanged".
        let number = nsx_core::proc::decimal(bytes).and_then(|number| u32::try_from(number).ok());
        return number
            .filter(|number| *number != u32::MAX)
            .ok_or_else(|| Error::Usage(format!("{what} id {} is too large", text::shown(word))));
    }
    match by_name(bytes) {
        Ok(Some(id)) => Ok(id),
        Ok(None) => Err(Error::UnknownName(what, text::shown(word))),
        Err(error) => Err(Error::Lookup(
            format!("{what} {}", text::shown(word)),
            error,
        )),
    }
}
