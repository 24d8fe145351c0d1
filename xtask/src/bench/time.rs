//! The times of commands, relative to each other.

use super::{Work, insist};
use crate::Outcome;
use std::{
    fmt,
    time::{Duration, Instant},
};

/// The commands take turns for at least this long, and at least this many times.
const TIME: Duration = Duration::from_secs(4);
const ROUNDS: usize = 21;

/// A ratio of times over many rounds.
pub(super) struct Ratio {
    pub(super) lower_quartile: f64,
    pub(super) median: f64,
    pub(super) upper_quartile: f64,
}

impl fmt::Display for Ratio {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{:.2} ({:.2}–{:.2})",
            self.median, self.lower_quartile, self.upper_quartile
        )
    }
}

/// The time that each command took in each round.
pub(super) struct Rounds<const N: usize>(Vec<[f64; N]>);

impl<const N: usize> Rounds<N> {
    /// Runs the commands in turn, so that a slow machine slows down all of them.
    pub(super) fn run(works: &[Work; N]) -> Outcome<Self> {
        let start = Instant::now();
        let mut rounds = Vec::new();
        while start.elapsed() < TIME || rounds.len() < ROUNDS {
            // A command finds the caches of the one before, so each command runs in each position,
            // and before and after each other one.
            let (turn, back) = (rounds.len() / 2, rounds.len() % 2 == 1);
            let mut seconds = [0.0; N];
            for index in 0..N {
                let index = if back { N - 1 - index } else { index };
                let which = (turn + index) % N;
                seconds[which] = time(&works[which])?;
            }
            rounds.push(seconds);
        }
        Ok(Self(rounds))
    }

    /// Returns the median time of the command with an index, in seconds.
    pub(super) fn median(&self, which: usize) -> f64 {
        let mut seconds: Vec<_> = self.0.iter().map(|seconds| seconds[which]).collect();
        seconds.sort_by(f64::total_cmp);
        seconds[seconds.len() / 2]
    }

    /// Returns the time of one command over that of another, round by round.
    pub(super) fn ratio(&self, ours: usize, theirs: usize) -> Ratio {
        let mut ratios: Vec<_> = self
            .0
            .iter()
            .map(|seconds| seconds[ours] / seconds[theirs])
            .collect();
        ratios.sort_by(f64::total_cmp);
        let at = |part: f64| ratios[(ratios.len() as f64 * part) as usize];
        Ratio {
            lower_quartile: at(0.25),
            median: at(0.5),
            upper_quartile: at(0.75),
        }
    }
}

fn time(work: &Work) -> Outcome<f64> {
    insist(|| {
        let start = Instant::now();
        work.run(&[])?;
        Ok(start.elapsed().as_secs_f64())
    })
}
