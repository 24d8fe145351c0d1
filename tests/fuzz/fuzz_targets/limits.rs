//! `/proc/PID/limits`: a limit that is read is printed in bytes of nsx's own.
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
