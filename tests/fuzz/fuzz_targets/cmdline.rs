//! `/proc/PID/cmdline`: as many bytes as were read up to the last that is not zero, and no zero among them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nsx_core::proc::cmdline::spaced;

fuzz_target!(|text: &[u8]| match spaced(text) {
    Some(command) => {
        assert!(!command.contains(&0));
        assert_eq!(command.last(), text.iter().rev().find(|&&byte| byte != 0));
    }
    None => assert!(text.iter().all(|&byte| byte == 0)),
});
