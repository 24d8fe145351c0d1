//! The time of the next look: soon after an event, but never so often that nsx keeps the machine
//! busy.

use std::time::{Duration, Instant};

/// The time nsx waits for more events before it looks: a container that starts makes many
/// processes.
const SETTLE: Duration = Duration::from_millis(50);

/// The time nsx waits before the next look, as a multiple of the time that a look takes.
const REST: u32 = 20;

/// The pace of looking.
#[derive(Debug)]
pub(super) struct Pace {
    /// The time nsx waits without an event.
    interval: Duration,
    earliest: Instant,
    due: Instant,
}

impl Pace {
    /// The pace after the first look.
    pub(super) fn new(interval: Duration, began: Instant, ended: Instant) -> Self {
        let mut pace = Self {
            interval,
            earliest: ended,
            due: ended,
        };
        pace.looked(began, ended);
        pace
    }

    /// Records a look.
    pub(super) fn looked(&mut self, began: Instant, ended: Instant) {
        let rest = ended.saturating_duration_since(began) * REST;
        self.earliest = ended + rest;
        self.due = ended + self.interval.max(rest);
    }

    /// Records that a process started or ended.
    pub(super) fn saw_event(&mut self, now: Instant) {
        self.due = self.due.min((now + SETTLE).max(self.earliest));
    }

    /// Returns the time of the next look.
    pub(super) fn due(&self) -> Instant {
        self.due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts the looks in 20 seconds if a process starts in every millisecond.
    fn looks(interval: Duration, cost: Duration) -> u32 {
        let start = Instant::now();
        let (mut now, mut looks) = (start, 0);
        let mut pace = Pace::new(interval, now, now + cost);
        while now < start + Duration::from_secs(20) {
            now += Duration::from_millis(1);
            pace.saw_event(now);
            if now >= pace.due() {
                looks += 1;
                pace.looked(now, now + cost);
                now += cost;
            }
        }
        looks
    }

    #[test]
    fn looking_takes_at_most_a_twentieth_of_the_time() {
        let second = Duration::from_secs(1);
        for cost in [20, 100, 400].map(Duration::from_millis) {
            for interval in [Duration::from_millis(10), second] {
                let looks = looks(interval, cost);
                assert!(looks * cost <= second + cost, "{looks} of {cost:?}");
                // The pace is not slower than necessary.
                assert!(
                    (looks + 2) * cost * (REST + 1) >= 20 * second,
                    "{looks} of {cost:?}"
                );
            }
        }
    }

    #[test]
    fn a_cheap_look_follows_an_event_at_once() {
        let cheap = Duration::from_micros(500);
        assert!(
            (350..=400).contains(&looks(Duration::from_secs(1), cheap)),
            "one look per settling time"
        );
        let start = Instant::now();
        let pace = Pace::new(Duration::from_secs(1), start, start + cheap);
        assert_eq!(pace.due(), start + cheap + Duration::from_secs(1));
    }
}
