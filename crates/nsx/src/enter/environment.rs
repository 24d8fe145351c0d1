//! The program's environment: the target's as its configuration has it, or the caller's, and what
//! options change.

use crate::{
    out,
    program::{self, RequestError},
};
use clap::Args;
use std::{
    ffi::{CString, OsStr, OsString},
    os::unix::ffi::{OsStrExt, OsStringExt},
};

/// The directories in which engines have programs looked for.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

#[derive(Args, Debug)]
#[command(next_help_heading = "Environment")]
pub(super) struct EnvironmentOptions {
    /// Give the program the caller's environment, not the target's
    #[arg(long)]
    host_env: bool,
    /// Set a variable of the program's environment, or hand the caller's on; repeatable
    #[arg(long, value_name = "NAME[=VALUE]")]
    env: Vec<OsString>,
    /// Remove a variable from it; repeatable
    #[arg(long, value_name = "NAME")]
    unset_env: Vec<OsString>,
}

/// A function that looks up the home directory of the program's user.
pub(super) type Home<'a> = &'a dyn Fn() -> Vec<u8>;

impl EnvironmentOptions {
    /// Returns the program's environment, or none for the caller's as it is. `target` has the
    /// target's variables, for a program of the target's alone: a program of the host's would load
    /// what the target names.
    pub(super) fn settle(
        &self,
        target: Option<(Vec<CString>, Home<'_>)>,
    ) -> Result<Option<Vec<CString>>, RequestError> {
        let mut variables = match target.filter(|_| !self.host_env) {
            Some((variables, home)) => complete(Variables(variables), home),
            None if self.env.is_empty() && self.unset_env.is_empty() => return Ok(None),
            None => Variables::callers(),
        };
        for name in &self.unset_env {
            named(name)?;
            variables.remove(name.as_bytes());
        }
        for word in &self.env {
            let bytes = word.as_bytes();
            match bytes.iter().position(|byte| *byte == b'=') {
                Some(place) => {
                    named(OsStr::from_bytes(&bytes[..place]))?;
                    variables.set(program::c_string(word.clone(), "a variable")?);
                }
                None => {
                    named(word)?;
                    match std::env::var_os(word) {
                        Some(value) => variables.set(joined(bytes, value.as_bytes())?),
                        None => variables.remove(bytes),
                    }
                }
            }
        }
        Ok(Some(variables.0))
    }
}

fn named(name: &OsStr) -> Result<(), RequestError> {
    match name.is_empty() || name.as_bytes().contains(&b'=') {
        true => Err(RequestError::Usage(format!(
            "`{}` is no name of a variable",
            out::shown(name)
        ))),
        false => Ok(()),
    }
}

/// Adds the variables that an engine adds to those of the configuration: where programs are, the
/// user's home directory, the terminal.
fn complete(mut variables: Variables, home: Home<'_>) -> Variables {
    if let Some(term) = std::env::var_os("TERM").filter(|_| on_terminal()) {
        variables.put(b"TERM", term.as_bytes());
    }
    if variables.value(b"HOME").is_none() {
        let home = home();
        variables.put(b"HOME", if home.is_empty() { b"/" } else { &home });
    }
    if variables.value(b"PATH").is_none() {
        variables.put(b"PATH", PATH.as_bytes());
    }
    variables
}

fn on_terminal() -> bool {
    rustix::termios::isatty(rustix::stdio::stdin())
        || rustix::termios::isatty(rustix::stdio::stdout())
}

fn joined(name: &[u8], value: &[u8]) -> Result<CString, RequestError> {
    Ok(program::c_string(
        OsString::from_vec([name, value].join(&b'=')),
        "a variable",
    )?)
}

/// `NAME=VALUE` each.
struct Variables(Vec<CString>);

impl Variables {
    fn callers() -> Self {
        let join =
            |(name, value): (OsString, OsString)| joined(name.as_bytes(), value.as_bytes()).ok();
        Self(std::env::vars_os().filter_map(join).collect())
    }

    fn value(&self, name: &[u8]) -> Option<&[u8]> {
        self.0.iter().find_map(|variable| value_of(variable, name))
    }

    fn remove(&mut self, name: &[u8]) {
        self.0.retain(|variable| value_of(variable, name).is_none());
    }

    /// Sets the variable `name` to `value`, if neither holds a zero byte.
    fn put(&mut self, name: &[u8], value: &[u8]) {
        if let Ok(variable) = CString::new([name, value].join(&b'=')) {
            self.set(variable);
        }
    }

    /// Sets a variable, in the place of the one that has its name.
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

    fn settled(words: &[&str], target: &[&str]) -> Vec<String> {
        let options = EnvironmentOptions {
            host_env: false,
            env: words
                .iter()
                .filter(|word| !word.starts_with('-'))
                .map(OsString::from)
                .collect(),
            unset_env: words
                .iter()
                .filter_map(|word| word.strip_prefix('-'))
                .map(OsString::from)
                .collect(),
        };
        let target = target
            .iter()
            .map(|variable| CString::new(*variable).unwrap())
            .collect();
        let settled = options
            .settle(Some((target, &|| b"/srv".to_vec())))
            .unwrap()
            .unwrap();
        settled
            .into_iter()
            .map(|variable| variable.into_string().unwrap())
            .filter(|it| !it.starts_with("TERM="))
            .collect()
    }

    #[test]
    fn the_targets_environment_is_completed_and_changed_as_asked() {
        let path = format!("PATH={PATH}");
        assert_eq!(settled(&[], &["A=1"]), ["A=1", "HOME=/srv", &path]);
        assert_eq!(
            settled(&[], &["PATH=/bin", "HOME=/root"]),
            ["PATH=/bin", "HOME=/root"]
        );
        assert_eq!(
            settled(&["A=2", "B=x=y", "-HOME"], &["A=1", "PATH=/bin"]),
            ["A=2", "PATH=/bin", "B=x=y"]
        );
        assert_eq!(
            settled(&["NSX_IS_NOT_SET"], &["NSX_IS_NOT_SET=1", "PATH=", "HOME="]),
            ["PATH=", "HOME="]
        );
    }

    #[test]
    fn what_is_no_variable_is_refused() {
        for word in ["=x", ""] {
            let options = EnvironmentOptions {
                host_env: true,
                env: vec![word.into()],
                unset_env: Vec::new(),
            };
            assert!(options.settle(None).is_err(), "{word}");
        }
    }
}
