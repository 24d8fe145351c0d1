//! The options about the program's privileges and environment.

use crate::{error::Error, text};
use clap::Args;
use nsx_core::{
    environment::Environment,
    plan::{CapabilityState, Confinement},
};
use rustix::thread::CapabilitySet;
use std::{
    ffi::{CString, OsStr, OsString},
    os::unix::ffi::OsStrExt,
};

#[derive(Args, Debug)]
#[command(next_help_heading = "Privileges")]
pub(super) struct RightsOptions {
    /// Take a capability, or `all`, away from the program for good; repeatable
    #[arg(long, value_name = "CAP|all", value_parser = capability)]
    cap_drop: Vec<CapabilitySet>,
    /// Let the program keep this capability, also as another user and in spite of --cap-drop;
    /// repeatable
    ///
    /// Without --cap-drop, the program keeps all that it has, and the named capabilities even if -S
    /// changes the user.
    #[arg(long, value_name = "CAP", value_parser = capability)]
    cap_keep: Vec<CapabilitySet>,
    /// Let the program keep all its capabilities in the new user namespace, also as another user
    #[arg(long, conflicts_with_all = ["cap_drop", "cap_keep"])]
    keep_caps: bool,
    /// Let no exec give the program more privilege than it has, as a set-user-id one would
    #[arg(long)]
    no_new_privs: bool,
}

impl RightsOptions {
    /// Returns the limits on the program's privileges.
    pub(super) fn confinement(&self) -> Confinement {
        let all = |sets: &[CapabilitySet]| {
            sets.iter()
                .fold(CapabilitySet::empty(), |all, set| all | *set)
        };
        let (dropped, kept) = (all(&self.cap_drop), all(&self.cap_keep));
        let to = (CapabilitySet::all() - dropped) | kept;
        let (bounding, capabilities) = match dropped.is_empty() && kept.is_empty() {
            true => (
                None,
                self.keep_caps
                    .then(|| CapabilityState::of(CapabilitySet::all(), true)),
            ),
            false => (Some(to), Some(CapabilityState::of(to, !kept.is_empty()))),
        };
        Confinement {
            bounding,
            capabilities,
            no_new_privs: self.no_new_privs,
            ..Confinement::default()
        }
    }
}

/// Reads a capability by its name in `capabilities(7)`, in either case, with or without `CAP_`.
fn capability(text: &str) -> Result<CapabilitySet, String> {
    let name = text.to_ascii_uppercase();
    if name == "ALL" {
        return Ok(CapabilitySet::all());
    }
    CapabilitySet::from_name(name.strip_prefix("CAP_").unwrap_or(&name))
        .ok_or_else(|| "there is no such capability".to_owned())
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Environment")]
pub(super) struct EnvironmentOptions {
    /// Set a variable of the program's environment; repeatable
    #[arg(long, value_name = "NAME=VALUE")]
    env: Vec<OsString>,
    /// Remove a variable from the environment; repeatable
    #[arg(long, value_name = "NAME")]
    unset_env: Vec<OsString>,
    /// Start from an empty environment
    #[arg(long)]
    clear_env: bool,
    /// Start from an empty environment, but keep this variable; repeatable
    #[arg(long, value_name = "NAME")]
    keep_env: Vec<OsString>,
    /// Apply --keep-env to each of NAMES, with commas between them
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    whitelist_env: Vec<OsString>,
}

impl EnvironmentOptions {
    /// Returns the program's environment if any option changes the caller's. Variables keep their
    /// order, and new ones come last.
    pub(super) fn settle(
        &self,
        mut environment: Environment,
    ) -> Result<Option<Vec<CString>>, Error> {
        let kept = self.keep_env.iter().chain(&self.whitelist_env);
        let kept: Vec<&OsStr> = kept.map(OsString::as_os_str).collect();
        let clear = self.clear_env || !kept.is_empty();
        if !clear && self.env.is_empty() && self.unset_env.is_empty() {
            return Ok(None);
        }
        let removed = self.unset_env.iter().map(OsString::as_os_str);
        for name in removed.chain(kept.iter().copied()) {
            if name.is_empty() {
                return Err(Error::Usage("the name of a variable is empty".to_owned()));
            }
            if name.as_bytes().contains(&b'=') {
                return Err(Error::Usage(format!(
                    "{} is not the name of a variable",
                    text::shown(name)
                )));
            }
        }
        if clear {
            environment.keep(&kept);
        }
        for name in &self.unset_env {
            environment.remove(name);
        }
        for word in &self.env {
            let (name, value) = split(word).ok_or_else(|| {
                Error::Usage(format!("--env {}: it takes NAME=VALUE", text::shown(word)))
            })?;
            environment.set(name, value);
        }
        Ok(Some(environment.into_variables()))
    }
}

fn split(word: &OsStr) -> Option<(&OsStr, &OsStr)> {
    let equals = word
        .as_bytes()
        .iter()
        .position(|byte| *byte == b'=')
        .filter(|place| *place > 0)?;
    Some((
        OsStr::from_bytes(&word.as_bytes()[..equals]),
        OsStr::from_bytes(&word.as_bytes()[equals + 1..]),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        rights: RightsOptions,
        #[command(flatten)]
        environment: EnvironmentOptions,
    }

    fn line(words: &str) -> Line {
        Line::try_parse_from(std::iter::once("nsx").chain(words.split_whitespace())).unwrap()
    }

    fn environment(words: &str) -> Option<Vec<String>> {
        let caller = [c"PATH=/bin", c"A=1", c"B=2"].map(CString::from);
        let settled = line(words)
            .environment
            .settle(caller.into_iter().collect())
            .unwrap();
        settled.map(|variables| {
            variables
                .into_iter()
                .map(|variable| variable.into_string().unwrap())
                .collect()
        })
    }

    #[test]
    fn the_environment_is_changed_only_as_requested() {
        assert_eq!(environment(""), None);
        assert_eq!(environment("--clear-env"), Some(vec![]));
        assert_eq!(
            environment("--keep-env A --keep-env NONE").unwrap(),
            ["A=1"]
        );
        assert_eq!(
            environment("--whitelist-env B,A,NONE").unwrap(),
            ["A=1", "B=2"]
        );
        assert_eq!(
            environment("--unset-env A --env B=3 --env C=").unwrap(),
            ["PATH=/bin", "B=3", "C="]
        );
        assert_eq!(environment("--clear-env --env A=x=y").unwrap(), ["A=x=y"]);
        for wrong in ["--env A", "--env =x", "--unset-env A=1"] {
            assert!(
                line(wrong)
                    .environment
                    .settle(Environment::default())
                    .is_err(),
                "{wrong}"
            );
        }
    }

    #[test]
    fn capabilities_are_what_is_left_of_all() {
        let given = |words: &str| {
            let Confinement {
                bounding,
                capabilities,
                ..
            } = line(words).rights.confinement();
            (bounding, capabilities)
        };
        let (all, net_raw) = (CapabilitySet::all(), CapabilitySet::NET_RAW);
        let limited = |to, ambient| (Some(to), Some(CapabilityState::of(to, ambient)));
        assert_eq!(given(""), (None, None));
        assert_eq!(
            given("--keep-caps"),
            (None, Some(CapabilityState::of(all, true)))
        );
        assert_eq!(
            given("--cap-drop all --cap-keep net_raw"),
            limited(net_raw, true)
        );
        assert_eq!(
            given("--cap-drop CAP_NET_RAW"),
            limited(all - net_raw, false)
        );
        assert!(Line::try_parse_from(["nsx", "--cap-drop", "fly"]).is_err());
    }
}
