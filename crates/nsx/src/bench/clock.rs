//! Times in nanoseconds.

use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;

/// Returns the time of the monotonic clock, which all processes share.
pub(super) fn now() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    let seconds = now.tv_sec.unsigned_abs();
    seconds * 1_000_000_000 + now.tv_nsec.unsigned_abs()
}

/// A number of measured times, in short.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Times {
    /// Half of the times are not longer.
    pub(super) median_ns: u64,
    /// 99 of 100 times are not longer.
    pub(super) p99_ns: u64,
}

impl Times {
    /// Returns the times in short; `None` if nothing was measured.
    pub(super) fn of(mut times: Vec<u64>) -> Option<Self> {
        times.sort_unstable();
        let not_longer = |percent: usize| {
            let count = (times.len() * percent).div_ceil(100);
            times.get(count.checked_sub(1)?).copied()
        };
        Some(Self {
            median_ns: not_longer(50)?,
            p99_ns: not_longer(99)?,
        })
    }
}

/// Returns a time with three digits and its unit.
pub(super) fn shown(nanoseconds: u64) -> String {
    let (mut value, mut unit) = (nanoseconds as f64, "ns");
    for larger in ["µs", "ms", "s"] {
        // 999.5 would be shown as 1000.
        if value < 999.5 {
            break;
        }
        (value, unit) = (value / 1000.0, larger);
    }
    let digits = match value {
        _ if unit == "ns" => 0,
        ..9.995 => 2,
        ..99.95 => 1,
        _ => 0,
    };
    format!("{value:.digits$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_counted_up_to_the_median_and_the_99th_percentile() {
        let of = |times: Vec<u64>| Times::of(times).map(|it| (it.median_ns, it.p99_ns));
        assert_eq!(of((1..=100).rev().collect()), Some((50, 99)));
        assert_eq!(of((1..=1000).collect()), Some((500, 990)));
        assert_eq!(of(vec![7]), Some((7, 7)));
        assert_eq!(of(vec![]), None);
    }

    #[test]
    fn times_have_three_digits() {
        for (time, text) in [
            (0, "0 ns"),
            (999, "999 ns"),
            (1_234, "1.23 µs"),
            (9_996, "10.0 µs"),
            (99_960, "100 µs"),
            (999_400, "999 µs"),
            (999_600, "1.00 ms"),
            (61_200_000_000, "61.2 s"),
        ] {
            assert_eq!(shown(time), text);
        }
    }
}
