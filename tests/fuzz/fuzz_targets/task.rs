//! The other fields of `/proc/PID/status`: ids and credentials, or an error.
#![cfg_attr(fuzzing, no_main)]

use nsx_core::proc::{Credentials, TaskIds};
use nsx_fuzz::fuzz_target;

fuzz_target!(|text: &[u8]| {
    let _ = (TaskIds::parse(text), Credentials::parse(text));
});
