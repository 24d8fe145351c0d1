//! What else is read of `/proc/PID/status`: ids and credentials, or the reason why there are none.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nsx_core::proc::{Credentials, TaskIds};

fuzz_target!(|text: &[u8]| {
    let _ = (TaskIds::parse(text), Credentials::parse(text));
});
