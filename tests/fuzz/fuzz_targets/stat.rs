//! `/proc/PID/stat`: the name in it may hold anything, and the time is a number or there is none.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nsx_core::proc::stat;

fuzz_target!(|text: &[u8]| {
    let alone = stat::start_time(text);
    // Whatever stands before the last parenthesis is the name.
    if alone.is_ok() {
        let named = [b"1 (a) S ) ", text].concat();
        assert_eq!(stat::start_time(&named), alone);
    }
});
