//! A namespace's name: what is read means what it prints.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nsx_core::ns::NsId;

fuzz_target!(|text: &[u8]| {
    if let Ok(id) = NsId::parse(text) {
        assert_eq!(id.to_string().parse(), Ok(id));
    }
});
