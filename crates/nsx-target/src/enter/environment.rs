//! The program's environment: the target's or the caller's, with changes.

use super::accounts::ProgramAccounts;
use nsx_core::environment::Environment as Variables;
use std::{
    ffi::{CString, OsString},
    os::unix::ffi::OsStringExt,
};

/// The directories of programs if no configuration names any, as engines have them.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The environment that a program gets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    /// `true` to start from the caller's environment. Otherwise a program that has the target's
    /// files starts from the target's environment.
    pub is_callers: bool,
    /// Changes, made in this order.
    pub changes: Vec<Change>,
}

/// A change of an environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Sets the variable of this name to this value.
    Set(OsString, OsString),
    /// Removes the variable of this name.
    Remove(OsString),
}

/// The environment of the target, for a program that has the target's files. A program of the
/// host's would load what the target names in it.
pub(super) struct TargetEnvironment<'a> {
    pub(super) variables: Vec<CString>,
    pub(super) accounts: &'a ProgramAccounts<'a>,
    /// The program's user.
    pub(super) user: Option<u32>,
}

impl Environment {
    /// Returns the program's environment; none for the caller's as it is.
    pub(super) fn settle(&self, target: Option<TargetEnvironment<'_>>) -> Option<Vec<CString>> {
        let mut variables = match target.filter(|_| !self.is_callers) {
            Some(target) => target.complete(),
            None if self.changes.is_empty() => return None,
            None => Variables::of_caller(),
        };
        for change in &self.changes {
            match change {
                Change::Set(name, value) => variables.set(name, value),
                Change::Remove(name) => variables.remove(name),
            }
        }
        Some(variables.into_variables())
    }
}

impl TargetEnvironment<'_> {
    /// Adds the variables that an engine adds to those of a configuration: the directories of
    /// programs, the user's home directory, the terminal.
    fn complete(self) -> Variables {
        let mut variables: Variables = self.variables.into_iter().collect();
        if let Some(term) = std::env::var_os("TERM").filter(|_| is_on_terminal()) {
            variables.set("TERM", term);
        }
        if variables.value("HOME".as_ref()).is_none() {
            variables.set("HOME", OsString::from_vec(self.accounts.home(self.user)));
        }
        if variables.value("PATH".as_ref()).is_none() {
            variables.set("PATH", PATH);
        }
        variables
    }
}

fn is_on_terminal() -> bool {
    rustix::termios::isatty(rustix::stdio::stdin())
        || rustix::termios::isatty(rustix::stdio::stdout())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the environment of a program of the target's after changes: `NAME=VALUE`, `-NAME`.
    fn settled(changes: &[&str], target: &[&str]) -> Vec<String> {
        let change = |word: &&str| match (word.strip_prefix('-'), word.split_once('=')) {
            (None, Some((name, value))) => Change::Set(name.into(), value.into()),
            (name, _) => Change::Remove(name.unwrap_or(word).into()),
        };
        let environment = Environment {
            is_callers: false,
            changes: changes.iter().map(change).collect(),
        };
        let variables = target
            .iter()
            .map(|variable| CString::new(*variable).unwrap())
            .collect();
        let settled = environment.settle(Some(TargetEnvironment {
            variables,
            accounts: &ProgramAccounts::new(None),
            user: None,
        }));
        settled
            .unwrap()
            .into_iter()
            .map(|variable| variable.into_string().unwrap())
            .filter(|it| !it.starts_with("TERM="))
            .collect()
    }

    #[test]
    fn the_targets_environment_is_completed_and_changed_as_asked() {
        let path = format!("PATH={PATH}");
        assert_eq!(settled(&[], &["A=1"]), ["A=1", "HOME=/", &path]);
        assert_eq!(
            settled(&[], &["PATH=/bin", "HOME=/root"]),
            ["PATH=/bin", "HOME=/root"]
        );
        assert_eq!(
            settled(&["-HOME", "A=2", "B=x=y"], &["A=1", "PATH=/bin"]),
            ["A=2", "PATH=/bin", "B=x=y"]
        );
        assert_eq!(
            settled(&["-GONE"], &["GONE=1", "PATH=", "HOME="]),
            ["PATH=", "HOME="]
        );
    }
}
