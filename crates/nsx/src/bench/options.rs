//! The options of `nsx bench`, as typed. Reading them makes no system call.

use super::measure::Measurement;
use crate::{answer::Format, error::Error, out::Output, style::Color};
use clap::{Parser, builder::RangedU64ValueParser};
use nsx_core::ns::{NsKind, NsSet};

const EXAMPLES: &str = "\
Examples:
  nsx bench                                 all kinds and usual sets: minutes
  nsx bench --kinds net --alive 1,1000      networks beside 1 and 1,000 others
  nsx bench --kinds mnt,pid,user --runs 20  three kinds, by one call

Exit status: 0, or 2 for wrong usage or a failure.";

/// Measure what namespaces cost on this host
///
/// Prints a line for each set of namespaces and number of others that are ALIVE meanwhile: the
/// median and the 99th percentile of the time to CREATE, to REMOVE and to join (SETNS) the set, and
/// the kernel's MEMORY for it. A second table has the time of a packet from one network namespace to
/// another, and of setuid(2) with a map of ids and without. nsx-bench(1) describes the method.
#[derive(Debug, Parser)]
#[command(name = "nsx bench", version, bin_name = "nsx bench", after_help = EXAMPLES)]
pub struct Options {
    /// Measure namespaces of these kinds, created together; may be given several times
    ///
    /// Several kinds are always created with a user namespace. Without --kinds, each kind alone is
    /// measured, and usual sets. Packets are measured with `net` alone, and setuid(2) with `user`
    /// alone.
    #[arg(long, value_name = "KIND[,KIND]", value_parser = kinds)]
    kinds: Vec<NsSet>,

    /// Measure while so many others of the same kinds are alive
    #[arg(long, value_name = "N", value_delimiter = ',', default_value = "1,100,1000", value_parser = up_to(10_000))]
    alive: Vec<u64>,

    /// Create and remove each set so often
    #[arg(long, value_name = "N", default_value = "100", value_parser = up_to(1_000_000))]
    runs: u64,

    /// Print a JSON document
    #[arg(long)]
    json: bool,

    /// Do not report on standard error what could not be measured
    #[arg(short, long)]
    quiet: bool,

    /// Control when to use colour
    #[arg(long, value_enum, value_name = "WHEN", default_value = "auto")]
    color: Color,
}

fn up_to(most: u64) -> RangedU64ValueParser {
    RangedU64ValueParser::new().range(1..=most)
}

/// Reads names of kinds.
fn kinds(text: &str) -> Result<NsSet, String> {
    let kinds = text.split(',').map(|name| {
        NsKind::from_name(name.as_bytes()).ok_or_else(|| {
            let all: Vec<_> = NsKind::ALL.iter().map(|kind| kind.name()).collect();
            format!("`{name}` is not one of {}", all.join(", "))
        })
    });
    kinds.collect::<Result<NsSet, _>>().map(with_user)
}

/// Adds a user namespace to several kinds: it is gone when all of them are.
fn with_user(kinds: NsSet) -> NsSet {
    match kinds.len() {
        1 => kinds,
        _ => kinds.with(NsKind::User),
    }
}

/// The usual sets: each kind, those of a program without privilege, those of a container, and all.
fn usual() -> Vec<NsSet> {
    use NsKind::{Ipc, Mnt, Net, Pid, User, Uts};
    let sets = [&[Mnt, Pid, User][..], &[Ipc, Mnt, Net, Pid, User, Uts]];
    let alone = NsKind::ALL.map(|kind| NsSet::EMPTY.with(kind));
    let sets = sets.map(|kinds| kinds.iter().copied().collect());
    alone.into_iter().chain(sets).chain([NsSet::ALL]).collect()
}

impl Options {
    /// Returns the measurement that the options request, and the form of its output.
    pub(super) fn measurement(self) -> Result<(Measurement, Format, Output), Error> {
        let mut alive: Vec<_> = self.alive.iter().map(|number| *number as usize).collect();
        alive.sort_unstable();
        alive.dedup();
        let measurement = Measurement {
            sets: match self.kinds.is_empty() {
                true => usual(),
                false => self.kinds,
            },
            alive,
            runs: self.runs as usize,
        };
        let output = Output {
            color: self.color,
            quiet: self.quiet,
        };
        Ok((measurement, Format::of(self.json, false), output))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measurement(words: &[&str]) -> Result<Measurement, clap::Error> {
        let options = Options::try_parse_from([&["nsx bench"], words].concat())?;
        Ok(options.measurement().unwrap().0)
    }

    #[test]
    fn options_become_a_measurement() {
        let usual = measurement(&[]).unwrap();
        assert_eq!((usual.sets.len(), usual.runs), (11, 100));
        assert_eq!(usual.alive, [1, 100, 1000]);
        let chosen = measurement(&["--kinds", "net,pid", "--kinds", "uts", "--alive", "9,3,9"]);
        let chosen = chosen.unwrap();
        let names: Vec<_> = chosen.sets.iter().map(ToString::to_string).collect();
        assert_eq!(names, ["net, pid and user", "uts"]);
        assert_eq!(chosen.alive, [3, 9]);
    }

    #[test]
    fn options_without_meaning_are_refused() {
        for words in [
            ["--kinds", "network"],
            ["--kinds", ""],
            ["--alive", "0"],
            ["--alive", "1,x"],
            ["--runs", "0"],
        ] {
            assert!(measurement(&words).is_err(), "{words:?}");
        }
    }
}
