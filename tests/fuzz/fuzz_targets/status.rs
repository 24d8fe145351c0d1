//! `/proc/PID/status`: any text gives a status or an error.
#![cfg_attr(fuzzing, no_main)]

use nsx_core::proc::Status;
use nsx_fuzz::fuzz_target;

fuzz_target!(|text: &[u8]| {
    if let Ok(status) = Status::parse(text) {
        // The kernel's escapes only make a name longer.
        assert!(status.name.len() <= text.len());
        assert!(!status.chain.ids().is_empty());
    }
});
