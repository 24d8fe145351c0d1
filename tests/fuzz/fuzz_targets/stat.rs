//! `/proc/PID/stat`: the name in it may hold anything, and the time is a number or there is none.
#![cfg_attr(fuzzing, no_main)]

use nsx_core::proc::stat;
use nsx_fuzz::fuzz_target;

fuzz_target!(|text: &[u8]| {
    let alone = stat::start_time(text);
    // Everything before the last parenthesis is the name.
    if alone.is_ok() {
        let named = [b"1 (a) S ) ", text].concat();
        assert_eq!(stat::start_time(&named), alone);
    }
});
