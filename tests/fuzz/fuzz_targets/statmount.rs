//! `struct statmount`: offsets that lead outside the answer are an error.
#![cfg_attr(fuzzing, no_main)]

use nsx_core::proc::Mount;
use nsx_fuzz::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Some(mount) = Mount::from_statmount(bytes) {
        assert!(mount.point.len() < bytes.len() && mount.root.len() < bytes.len());
    }
});
