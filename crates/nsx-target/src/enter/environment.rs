//! The program's environment: the target's or the caller's, with changes.

use super::accounts::ProgramAccounts;
use nsx_core::plan::PlanError;
use std::{
    ffi::{CString, OsStr, OsString},
    os::unix::ffi::{OsStrExt, OsStringExt},
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
    pub(super) fn settle(
        &self,
        target: Option<TargetEnvironment<'_>>,
    ) -> Result<Option<Vec<CString>>, PlanError> {
        let mut variables = match target.filter(|_| !self.is_callers) {
            Some(TargetEnvironment {
                variables,
                accounts,
                user,
            }) => {
                let mut variables = Variables(variables);
                variables.complete(accounts, user);
                variables
            }
            None if self.changes.is_empty() => return Ok(None),
            None => Variables::or_callers(None),
        };
        for change in &self.changes {
            variables.change(change)?;
        }
        Ok(Some(variables.0))
    }
}

fn is_on_terminal() -> bool {
    rustix::termios::isatty(rustix::stdio::stdin())
        || rustix::termios::isatty(rustix::stdio::stdout())
}

fn joined(name: &OsStr, value: &OsStr) -> Result<CString, PlanError> {
    let variable = [name.as_bytes(), value.as_bytes()].join(&b'=');
    super::c_string(OsString::from_vec(variable), "a variable")
}

/// Variables, `NAME=VALUE` each.
pub(super) struct Variables(pub(super) Vec<CString>);

impl Variables {
    /// Takes the variables of an environment, in which none stands for the caller's.
    pub(super) fn or_callers(environment: Option<Vec<CString>>) -> Self {
        Self(environment.unwrap_or_else(|| {
            let join = |(name, value): (OsString, OsString)| joined(&name, &value).ok();
            std::env::vars_os().filter_map(join).collect()
        }))
    }

    /// Adds the variables that an engine adds to those of a configuration: the directories of
    /// programs, the user's home directory, the terminal.
    fn complete(&mut self, accounts: &ProgramAccounts<'_>, user: Option<u32>) {
        if let Some(term) = std::env::var_os("TERM").filter(|_| is_on_terminal()) {
            self.put(b"TERM", term.as_bytes());
        }
        if self.value(b"HOME").is_none() {
            self.put(b"HOME", &accounts.home(user));
        }
        if self.value(b"PATH").is_none() {
            self.put(b"PATH", PATH.as_bytes());
        }
    }

    fn change(&mut self, change: &Change) -> Result<(), PlanError> {
        match change {
            Change::Set(name, value) => self.set(joined(name, value)?),
            Change::Remove(name) => self.remove(name.as_bytes()),
        }
        Ok(())
    }

    fn value(&self, name: &[u8]) -> Option<&[u8]> {
        self.0.iter().find_map(|variable| value_of(variable, name))
    }

    fn remove(&mut self, name: &[u8]) {
        self.0.retain(|variable| value_of(variable, name).is_none());
    }

    /// Sets the variable `name` to `value`, unless one of them contains a zero byte.
    pub(super) fn put(&mut self, name: &[u8], value: &[u8]) {
        if let Ok(variable) = CString::new([name, value].join(&b'=')) {
            self.set(variable);
        }
    }

    /// Sets a variable, and replaces the one of that name.
    fn set(&mut self, variable: CString) {
        let name = variable
            .to_bytes()
            .split(|byte| *byte == b'=')
            .next()
            .unwrap_or_default();
        match self
            .0
            .iter_mut()
            .find(|known| value_of(known, name).is_some())
        {
            Some(known) => *known = variable,
            None => self.0.push(variable),
        }
    }
}

fn value_of<'a>(variable: &'a CString, name: &[u8]) -> Option<&'a [u8]> {
    variable.to_bytes().strip_prefix(name)?.strip_prefix(b"=")
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
