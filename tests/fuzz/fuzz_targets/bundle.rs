//! The config.json of an OCI bundle, as `nsx unshare --from-oci` reads it: a request, or an error.
#![cfg_attr(fuzzing, no_main)]

use nsx::formats::bundle;
use nsx_fuzz::fuzz_target;

fuzz_target!(|text: &[u8]| drop(bundle(text)));
