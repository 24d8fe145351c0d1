//! Options for the program's environment.

use crate::{error::Error, text};
use clap::Args;
use nsx_target::enter::{Change, Environment};
use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt,
};

#[derive(Args, Debug)]
#[command(next_help_heading = "Environment")]
pub(super) struct EnvironmentOptions {
    /// Give the program the caller's environment, not the target's
    #[arg(long)]
    host_env: bool,
    /// Set a variable of the program's environment, without VALUE to the caller's value; repeatable
    #[arg(long, value_name = "NAME[=VALUE]")]
    env: Vec<OsString>,
    /// Remove a variable from the program's environment; repeatable
    #[arg(long, value_name = "NAME")]
    unset_env: Vec<OsString>,
}

impl EnvironmentOptions {
    /// Returns the environment that the options request.
    pub(super) fn environment(&self) -> Result<Environment, Error> {
        let removed = self.unset_env.iter().map(|name| removal(name));
        let set = self.env.iter().map(|word| setting(word));
        Ok(Environment {
            is_callers: self.host_env,
            changes: removed.chain(set).collect::<Result<_, _>>()?,
        })
    }
}

fn removal(name: &OsStr) -> Result<Change, Error> {
    check(name)?;
    Ok(Change::Remove(name.to_owned()))
}

/// Reads `NAME=VALUE`, or `NAME` for the caller's value.
fn setting(word: &OsStr) -> Result<Change, Error> {
    let bytes = word.as_bytes();
    let equals = bytes.iter().position(|byte| *byte == b'=');
    let (name, value) = match equals {
        Some(equals) => (
            OsStr::from_bytes(&bytes[..equals]),
            Some(OsStr::from_bytes(&bytes[equals + 1..]).to_owned()),
        ),
        None => (word, std::env::var_os(word)),
    };
    check(name)?;
    Ok(match value {
        Some(value) => Change::Set(name.to_owned(), value),
        None => Change::Remove(name.to_owned()),
    })
}

fn check(name: &OsStr) -> Result<(), Error> {
    if name.is_empty() || name.as_bytes().contains(&b'=') {
        return Err(Error::usage(format!(
            "`{}` is not the name of a variable",
            text::shown(name)
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(env: &[&str], unset_env: &[&str]) -> Result<Vec<Change>, Error> {
        let words = |words: &[&str]| words.iter().map(OsString::from).collect();
        let options = EnvironmentOptions {
            host_env: false,
            env: words(env),
            unset_env: words(unset_env),
        };
        options.environment().map(|environment| environment.changes)
    }

    #[test]
    fn variables_are_removed_before_others_are_set() {
        let set = |name: &str, value: &str| Change::Set(name.into(), value.into());
        assert_eq!(
            changes(&["A=2", "B=x=y", "C="], &["D"]).unwrap(),
            [
                Change::Remove("D".into()),
                set("A", "2"),
                set("B", "x=y"),
                set("C", "")
            ]
        );
        assert_eq!(
            changes(&["NSX_IS_NOT_SET"], &[]).unwrap(),
            [Change::Remove("NSX_IS_NOT_SET".into())]
        );
    }

    #[test]
    fn a_word_that_is_not_the_name_of_a_variable_is_refused() {
        for word in ["=x", ""] {
            assert!(changes(&[word], &[]).is_err(), "{word}");
        }
        for word in ["A=x", ""] {
            assert!(changes(&[], &[word]).is_err(), "{word}");
        }
    }
}
