//! The config.json of an OCI bundle, as `nsx unshare --from-oci` reads it: a request, or the reason for none.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nsx::formats::bundle;

fuzz_target!(|text: &[u8]| drop(bundle(text)));
