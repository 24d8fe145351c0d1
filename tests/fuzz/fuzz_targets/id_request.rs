//! Inputs that name ids: the ranges of `--map-users`, and an ACL, which is in a file's attributes.
#![cfg_attr(fuzzing, no_main)]

use nsx_core::idmap::{Acl, RangeRequest};
use nsx_fuzz::fuzz_target;

fuzz_target!(|text: &[u8]| {
    let _ = (RangeRequest::parse(text), Acl::parse(text));
});
