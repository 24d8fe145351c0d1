//! How long two commands take, one against the other.

use super::{Work, insist};
use crate::Outcome;
use std::{
    fmt,
    time::{Duration, Instant},
};

/// The commands take turns for at least this long, and so many times.
const TIME: Duration = Duration::from_secs(4);
const RUNS: usize = 21;

/// A ratio of times over many pairs of runs.
pub(super) struct Ratio {
    lower_quartile: f64,
    pub(super) median: f64,
    upper_quartile: f64,
}

impl fmt::Display for Ratio {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:.2} ({:.2}–{:.2})", self.median, self.lower_quartile, self.upper_quartile)
    }
}

/// The time of `ours` over that of `theirs`. They run in turn, so that what slows the machine down slows both.
pub(super) fn ratio(ours: &Work, theirs: &Work) -> Outcome<Ratio> {
    let start = Instant::now();
    let mut ratios = Vec::new();
    while start.elapsed() < TIME || ratios.len() < RUNS {
        // Who goes second finds warmer caches, so each does half the time.
        let (ours, theirs) = if ratios.len() % 2 == 0 {
            let ours = seconds(ours)?;
            (ours, seconds(theirs)?)
        } else {
            let theirs = seconds(theirs)?;
            (seconds(ours)?, theirs)
        };
        ratios.push(ours / theirs);
    }
    ratios.sort_by(f64::total_cmp);
    let at = |part: f64| ratios[(ratios.len() as f64 * part) as usize];
    Ok(Ratio { lower_quartile: at(0.25), median: at(0.5), upper_quartile: at(0.75) })
}

fn seconds(work: &Work) -> Outcome<f64> {
    insist(|| {
        let start = Instant::now();
        work.run(&[])?;
        Ok(start.elapsed().as_secs_f64())
    })
}
