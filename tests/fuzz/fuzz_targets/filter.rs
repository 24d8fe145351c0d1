//! The expressions of `--filter`: an expression that is read can be evaluated, on rows with values
//! and on rows without.
#![cfg_attr(fuzzing, no_main)]

use nsx::query::filter::{Filter, Value};
use nsx_fuzz::fuzz_target;

fuzz_target!(|text: &[u8]| {
    let column = |name: &str| {
        ["NS", "TYPE"]
            .iter()
            .position(|known| known.eq_ignore_ascii_case(name))
    };
    if let Ok(filter) = Filter::parse(text, column) {
        filter.matches(|_| Value::Nothing);
        filter.matches(|_| Value::Unknown);
        filter.matches(|_| Value::AtLeast(1));
        filter.matches(|column| {
            if column == 0 {
                Value::Integer(7)
            } else {
                Value::Text(b"net".into())
            }
        });
    }
});
