//! The option that limits what a program uses, in a cgroup of its own.

use crate::{error::Error, lab::Name};
use clap::Args;
use nsx_core::{
    own_cgroup::{Limits, OwnCgroup, OwnCgroupError},
    plan::unshare::Request,
    proc::ProcRoot,
};
use rustix::io::Errno;

#[derive(Args, Debug)]
#[command(next_help_heading = "Processes")]
pub(super) struct LimitOptions {
    /// Limit what the program and its children use together; implies --fork; repeatable
    ///
    /// LIMITS is memory=BYTES, pids=NUMBER and cpu=PROCESSORS with commas between them, as in
    /// memory=512M,pids=100,cpu=1.5. The program gets a cgroup of its own, which is removed when it
    /// has ended, or with --name by `nsx rm`. If you are not root, the cgroup that you are in, or
    /// with cgroup version 2 one above it, must be yours to make others in.
    #[arg(long, value_name = "LIMITS", value_parser = parse, conflicts_with = "no_fork")]
    limit: Vec<Limits>,
}

/// A cgroup that is removed when it is dropped.
pub(super) struct Cgroup(Option<OwnCgroup>);

impl LimitOptions {
    /// Returns the limits, the last of each kind.
    pub(super) fn limits(&self) -> Limits {
        let limits = self.limit.iter();
        limits.fold(Limits::default(), |all, one| Limits {
            memory: one.memory.or(all.memory),
            pids: one.pids.or(all.pids),
            cpu: one.cpu.or(all.cpu),
        })
    }
}

impl Cgroup {
    /// Makes the cgroup of a program, or of the set of that name, and lets the program join it.
    pub(super) fn make(
        limits: Limits,
        set: Option<&Name>,
        request: &mut Request,
        proc: &ProcRoot,
    ) -> Result<Self, Error> {
        if limits == Limits::default() {
            return Ok(Self(None));
        }
        let name = set.map_or_else(OwnCgroup::transient_name, Name::cgroup);
        let made = OwnCgroup::make(limits, &name, proc).map_err(failed)?;
        let made = Self(Some(made));
        if let Some(cgroup) = &made.0 {
            request.cgroups = cgroup.files().map_err(failed)?;
        }
        Ok(made)
    }

    /// Lets the cgroup stay.
    pub(super) fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        if let Some(cgroup) = self.0.take() {
            cgroup.remove();
        }
    }
}

fn failed(error: OwnCgroupError) -> Error {
    let is_root = rustix::process::geteuid().is_root();
    let delegate = "start it in a cgroup of yours: systemd-run --user --scope nsx unshare …";
    let hint = match &error {
        OwnCgroupError::NoController(controller) if is_root => Some(format!(
            "the kernel has it if /proc/cgroups lists {controller} as enabled; then mount it, or \
            enable it in cgroup.subtree_control above your cgroup"
        )),
        OwnCgroupError::NoController(_)
        | OwnCgroupError::Make(_, Errno::ACCESS | Errno::PERM)
        | OwnCgroupError::Set {
            source: Errno::ACCESS | Errno::PERM,
            ..
        } if !is_root => Some(delegate.to_owned()),
        OwnCgroupError::Make(_, Errno::ROFS) => {
            Some("cgroups are read-only here, as in most containers".to_owned())
        }
        _ => None,
    };
    Error::failed("limit the program", error).with_hints(hint)
}

/// Reads `memory=BYTES`, `pids=NUMBER` and `cpu=PROCESSORS` with commas between them.
fn parse(text: &str) -> Result<Limits, String> {
    let mut limits = Limits::default();
    for word in text.split(',') {
        let (name, value) = word.split_once('=').unwrap_or((word, ""));
        let wrong = |form: &str| format!("{name} is {form}, and {value:?} is not");
        match name {
            "memory" => {
                let form = "a number of bytes, as in 65536, 64M or 2G";
                limits.memory = Some(bytes(value).ok_or_else(|| wrong(form))?);
            }
            "pids" => {
                let number = value.parse().ok().filter(|number| *number > 0);
                limits.pids = Some(number.ok_or_else(|| wrong("a number of processes"))?);
            }
            "cpu" => {
                let form = "a number of processors, as in 0.5 or 2";
                limits.cpu = Some(thousandths(value).ok_or_else(|| wrong(form))?);
            }
            _ => {
                return Err(format!(
                    "{name:?} is not a limit: they are memory, pids and cpu"
                ));
            }
        }
    }
    Ok(limits)
}

/// Reads a number of bytes with a unit of 1024.
fn bytes(text: &str) -> Option<u64> {
    let units = [('K', 10), ('M', 20), ('G', 30), ('T', 40)];
    let unit = text
        .chars()
        .last()
        .map(|letter| letter.to_ascii_uppercase());
    let unit = units.into_iter().find(|(letter, _)| Some(*letter) == unit);
    let digits = match unit {
        Some(_) => &text[..text.len() - 1],
        None => text,
    };
    let number: u64 = digits.parse().ok().filter(|number| *number > 0)?;
    number.checked_mul(1 << unit.map_or(0, |(_, shift)| shift))
}

/// Reads a decimal number of at least 0.01, with at most three decimals, in thousandths: the kernel
/// counts no smaller share.
fn thousandths(text: &str) -> Option<u64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
    if !is_number(whole) || !is_number(part) || part.len() > 3 {
        return None;
    }
    let part: u64 = format!("{part:0<3}").parse().ok()?;
    let whole: u64 = whole.parse().ok().filter(|whole| *whole <= 100_000)?;
    Some(whole * 1000 + part).filter(|thousandths| *thousandths >= 10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn limits_have_their_units() {
        let limits = |memory, pids, cpu| Ok(Limits { memory, pids, cpu });
        assert_eq!(
            parse("memory=64M,pids=10,cpu=1.5"),
            limits(Some(64 << 20), Some(10), Some(1500))
        );
        assert_eq!(parse("cpu=2"), limits(None, None, Some(2000)));
        assert_eq!(parse("cpu=0.01"), limits(None, None, Some(10)));
        assert_eq!(parse("memory=1g"), limits(Some(1 << 30), None, None));
        for wrong in [
            "",
            "memory",
            "memory=",
            "memory=0",
            "memory=-1",
            "memory=1.5G",
            "memory=M",
            "memory=99999999999T",
            "pids=0",
            "pids=x",
            "pids=1,",
            "cpu=0",
            "cpu=0.001",
            "cpu=.5",
            "cpu=1.",
            "cpu=1.2345",
            "cpu=x",
            "swap=1",
            "memory=1ä",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text: String) {
            let _ = parse(&text);
            let _ = parse(&format!("memory={text}"));
            let _ = parse(&format!("cpu={text}"));
        }
    }
}
