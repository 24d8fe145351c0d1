//! Clock offsets as people write them: `3d`, `-2h30m`, `90`.

use clap::Args;
use nsx_core::plan::{Clock, ClockOffset};

#[derive(Args, Debug)]
#[command(next_help_heading = "Clocks")]
pub(super) struct ClockOptions {
    /// Set the monotonic clock ahead by OFFSET; implies --time
    ///
    /// Seconds, or numbers with the units w, d, h, m and s, as in 3d or -2h30m. A minus sets it back, though never before
    /// the start of the machine; nor does a clock get beyond 146 years.
    #[arg(long, value_name = "OFFSET", value_parser = seconds, allow_hyphen_values = true)]
    monotonic: Option<i64>,
    /// Set the boot-time clock ahead by OFFSET; implies --time
    #[arg(long, value_name = "OFFSET", value_parser = seconds, allow_hyphen_values = true)]
    boottime: Option<i64>,
}

impl ClockOptions {
    /// The offsets that are asked for.
    pub(super) fn offsets(&self) -> Vec<ClockOffset> {
        let given = [(Clock::Boottime, self.boottime), (Clock::Monotonic, self.monotonic)];
        given.into_iter().filter_map(|(clock, seconds)| Some(ClockOffset { clock, seconds: seconds? })).collect()
    }
}

/// Seconds of a span of time, with an optional sign before it.
fn seconds(text: &str) -> Result<i64, String> {
    let (negative, span) = match text.as_bytes() {
        [b'-', ..] => (true, &text[1..]),
        [b'+', ..] => (false, &text[1..]),
        _ => (false, text),
    };
    let wrong = || "an offset is a number of seconds, or numbers with the units w, d, h, m and s".to_owned();
    let mut total = 0_i64;
    let mut rest = span;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: i64 = rest[..digits].parse().map_err(|_| wrong())?;
        let mut after = rest[digits..].chars();
        let unit = match after.next() {
            None if rest.len() == span.len() => 1,
            Some('s') => 1,
            Some('m') => 60,
            Some('h') => 3600,
            Some('d') => 86400,
            Some('w') => 7 * 86400,
            _ => return Err(wrong()),
        };
        total = number.checked_mul(unit).and_then(|span| total.checked_add(span)).ok_or("the offset is too large")?;
        rest = after.as_str();
    }
    if span.is_empty() { Err(wrong()) } else { Ok(if negative { -total } else { total }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn spans_are_summed() {
        for (text, expected) in
            [("90", 90), ("-5", -5), ("+5", 5), ("3d", 259_200), ("-2h30m", -9000), ("1w1s", 604_801), ("0", 0)]
        {
            assert_eq!(seconds(text), Ok(expected), "{text}");
        }
        for text in ["", "-", "d", "3x", "3d5", "3 d", "--5", "1.5h", "99999999999999999999", "99999999999999999w"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text: String) {
            let _ = seconds(&text);
        }
    }
}
