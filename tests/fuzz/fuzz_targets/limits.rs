//! `/proc/PID/limits`: what is read is said in words that have no other bytes than nsx's own.
#![cfg_attr(fuzzing, no_main)]

use nsx_core::plan::Limit;
use nsx_fuzz::fuzz_target;

fuzz_target!(|text: &[u8]| {
    for limit in Limit::parse_all(text) {
        assert!(
            limit
                .to_string()
                .bytes()
                .all(|byte| byte == b' ' || byte.is_ascii_graphic())
        );
    }
});
