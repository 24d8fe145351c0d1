//! Clock ticks, in which the kernel counts the start times of processes.

use std::time::Duration;

/// Returns the clock ticks of a time since the boot, as for start times of processes.
pub(super) fn ticks(time: Duration) -> u64 {
    let ticks = rustix::param::clock_ticks_per_second();
    time.as_secs() * ticks + u64::from(time.subsec_nanos()) * ticks / 1_000_000_000
}
