//! `/proc/PID/limits`: what is read is said in words that have no other bytes than nsx's own.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nsx_core::plan::Limit;

fuzz_target!(|text: &[u8]| {
    for limit in Limit::parse_all(text) {
        assert!(limit.to_string().bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()));
    }
});
