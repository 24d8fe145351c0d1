//! The options that set clock offsets: `3d`, `-2h30m`, `90`.

use clap::Args;
use nsx_core::{
    ns::NsKind,
    plan::{Clock, ClockOffset, unshare::Request},
};

#[derive(Args, Debug)]
#[command(next_help_heading = "Clocks")]
pub(super) struct ClockOptions {
    /// Set the monotonic clock ahead by OFFSET; implies --time
    ///
    /// Seconds, or numbers with units, as in 90, 3d, -2h30m or '3 days 4 hours'. Units are s, m, h,
    /// d and w, or words such as sec, minutes and week; m is a minute. A minus in front sets the
    /// clock back by all of it, though never before the start of the machine; nor does a clock get
    /// beyond 146 years.
    #[arg(long, value_name = "OFFSET", value_parser = seconds, allow_hyphen_values = true)]
    monotonic: Option<i64>,
    /// Set the boot-time clock ahead by OFFSET; implies --time
    #[arg(long, value_name = "OFFSET", value_parser = seconds, allow_hyphen_values = true)]
    boottime: Option<i64>,
}

impl ClockOptions {
    /// Sets the offsets, which imply a time namespace.
    pub(super) fn apply(&self, request: &mut Request) {
        for offset in offsets(self.boottime, self.monotonic) {
            request.clocks.retain(|other| other.clock != offset.clock);
            request.clocks.push(offset);
        }
        if !request.clocks.is_empty() {
            request.kinds.insert(NsKind::Time);
        }
    }
}

/// Returns the offsets of the clocks that have one, in seconds.
pub(crate) fn offsets(boottime: Option<i64>, monotonic: Option<i64>) -> Vec<ClockOffset> {
    let clocks = [(Clock::Boottime, boottime), (Clock::Monotonic, monotonic)];
    let offset = |(clock, seconds): (Clock, Option<i64>)| {
        Some(ClockOffset {
            clock,
            seconds: seconds?,
            nanoseconds: 0,
        })
    };
    clocks.into_iter().filter_map(offset).collect()
}

/// The units by their names, in seconds. A month and a year are missing: they have no fixed length.
const UNITS: [(&[&str], i64); 5] = [
    (&["s", "sec", "secs", "second", "seconds"], 1),
    (&["m", "min", "mins", "minute", "minutes"], 60),
    (&["h", "hr", "hrs", "hour", "hours"], 3600),
    (&["d", "day", "days"], 86400),
    (&["w", "week", "weeks"], 7 * 86400),
];

/// Reads a span of time in seconds, with an optional sign before it.
fn seconds(text: &str) -> Result<i64, String> {
    let text = text.trim();
    let (sign, span) = match text.as_bytes() {
        [b'-', ..] => (-1, text[1..].trim_start()),
        [b'+', ..] => (1, text[1..].trim_start()),
        _ => (1, text),
    };
    let mut total = 0_i64;
    let mut rest = span;
    loop {
        let (digits, after) = part(rest, |letter| letter.is_ascii_digit());
        let (unit, after) = part(after.trim_start(), char::is_alphabetic);
        if digits.is_empty() {
            return Err(
                "an offset is a number of seconds, or numbers with units, as in 3d, -2h30m or '3 \
                days'"
                    .to_owned(),
            );
        }
        let unit = match unit {
            // A number without a unit after others could be anything.
            "" if (digits, after) == (span, "") => 1,
            "" => return Err(format!("{digits} has no unit after it: s, m, h, d or w")),
            unit => {
                let known = UNITS.iter().find(|(names, _)| names.contains(&unit));
                known
                    .ok_or_else(|| format!("{unit} is not a unit: they are s, m, h, d and w"))?
                    .1
            }
        };
        let number = digits
            .parse::<i64>()
            .ok()
            .and_then(|number| number.checked_mul(unit));
        total = number
            .and_then(|span| total.checked_add(span))
            .ok_or("the offset is too large")?;
        rest = after.trim_start();
        if rest.is_empty() {
            return Ok(sign * total);
        }
    }
}

/// Splits a text after the letters at its start that are of one class.
fn part(text: &str, class: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|letter| !class(letter)).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn spans_are_summed() {
        for (text, expected) in [
            ("90", 90),
            ("-5", -5),
            ("+5", 5),
            ("3d", 259_200),
            ("-2h30m", -9000),
            ("1w1s", 604_801),
            ("0", 0),
            ("3 days", 259_200),
            ("-3 days", -259_200),
            (" - 1 hour 1 min 1sec ", -3661),
            ("2weeks 1 day", 1_296_000),
            ("9223372036854775807", i64::MAX),
        ] {
            assert_eq!(seconds(text), Ok(expected), "{text}");
        }
    }

    /// GNU date knows the same units, by itself.
    #[test]
    fn units_are_as_long_as_date_has_them() {
        let words = [
            "sec", "second", "seconds", "min", "minute", "minutes", "hour", "hours", "day", "days",
            "week", "weeks",
        ];
        for word in words {
            let date = std::process::Command::new("date")
                .args(["-u", "-d", &format!("1970-01-01 UTC +7 {word}"), "+%s"])
                .output()
                .unwrap();
            let expected = String::from_utf8(date.stdout)
                .unwrap()
                .trim()
                .parse()
                .unwrap();
            assert_eq!(seconds(&format!("7 {word}")), Ok(expected), "{word}");
        }
    }

    #[test]
    fn ambiguous_spans_are_refused() {
        for text in [
            "",
            " ",
            "-",
            "d",
            "3x",
            "3d5",
            "3 d 5",
            "5 3d",
            "--5",
            "- -5",
            "2h -30m",
            "1.5h",
            "1,5h",
            "3D",
            "1M",
            "2 months",
            "1 year",
            "1e3",
            "٣ days",
            "99999999999999999999",
            "99999999999999999w",
            "3 days ago",
        ] {
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
