//! `struct statmount`: offsets that lead anywhere make no mount.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nsx_core::proc::Mount;

fuzz_target!(|bytes: &[u8]| {
    if let Some(mount) = Mount::from_statmount(bytes) {
        assert!(mount.point.len() < bytes.len() && mount.root.len() < bytes.len());
    }
});
