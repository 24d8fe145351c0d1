//! A target as people type it: what is read means what it prints.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nsx_target::Target;

fuzz_target!(|word: &[u8]| {
    if let Ok(target) = Target::parse(word) {
        assert_eq!(Target::parse(target.to_string().as_bytes()), Ok(target));
    }
});
