//! What asks for ids: the ranges of `--map-users`, and an ACL, which is in a file's attributes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nsx_core::idmap::{Acl, RangeRequest};

fuzz_target!(|text: &[u8]| {
    let _ = (RangeRequest::parse(text), Acl::parse(text));
});
