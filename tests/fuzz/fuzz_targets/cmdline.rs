//! `/proc/PID/cmdline`: as many bytes as were read up to the last that is not zero, and no zero
//! among them.
#![cfg_attr(fuzzing, no_main)]

use nsx_core::proc::cmdline::spaced;
use nsx_fuzz::fuzz_target;

fuzz_target!(|text: &[u8]| match spaced(text) {
    Some(command) => {
        assert!(!command.contains(&0));
        assert_eq!(command.last(), text.iter().rev().find(|&&byte| byte != 0));
    }
    None => assert!(text.iter().all(|&byte| byte == 0)),
});
