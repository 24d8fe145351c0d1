//! The program, ready to be executed.

use crate::{
    accounts,
    plan::Step,
    sys::{self, process::SingleThread},
};
use rustix::io::Errno;
use std::ffi::CString;

/// The program, with all looked up that executing it takes.
pub(super) enum Ready<'p> {
    /// The first of these that is there.
    First(&'p [Vec<CString>]),
    /// A shell by its path, and the name that makes it a login shell.
    Shell(CString, CString),
}

impl<'p> Ready<'p> {
    /// Looks up the program of the last step of a plan, and gives this process the program's
    /// environment, with the variable `home` if there is one. None for any other step.
    pub(super) fn of(step: &'p Step, home: Option<CString>, thread: SingleThread) -> Option<Self> {
        let (ready, environment) = match step {
            Step::Exec {
                programs,
                environment,
            } => (Self::First(programs), environment),
            Step::LoginShell { environment } => {
                let shell = accounts::login_shell(environment.as_deref());
                let name = shell
                    .rsplit(|byte| *byte == b'/')
                    .next()
                    .unwrap_or_default();
                // The dash before its name is the word for a shell to be a login shell.
                let name = CString::new([b"-", name].concat()).ok()?;
                (Self::Shell(CString::new(shell).ok()?, name), environment)
            }
            _ => return None,
        };
        if let Some(environment) = environment {
            sys::process::wipe_environment(thread);
            let is_kept =
                |variable: &&CString| home.is_none() || !variable.as_bytes().starts_with(b"HOME=");
            let variables: Vec<_> = environment
                .iter()
                .filter(is_kept)
                .cloned()
                .chain(home.clone())
                .collect();
            sys::process::set_environment(thread, &variables);
        }
        Some(ready)
    }

    /// Becomes the program. Returns on failure only.
    pub(super) fn execute(&self) -> Errno {
        match self {
            Self::Shell(path, name) => sys::process::execv(path, std::slice::from_ref(name)),
            Self::First(programs) => {
                let mut failure = Errno::NOENT;
                for program in *programs {
                    failure = program
                        .first()
                        .map_or(Errno::INVAL, |name| sys::process::execvp(name, program));
                    if failure != Errno::NOENT {
                        break;
                    }
                }
                failure
            }
        }
    }
}
