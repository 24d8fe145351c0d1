//! A namespace's name: a name that is read prints as a name with the same meaning.
#![cfg_attr(fuzzing, no_main)]

use nsx_core::ns::NsId;
use nsx_fuzz::fuzz_target;

fuzz_target!(|text: &[u8]| {
    if let Ok(id) = NsId::parse(text) {
        assert_eq!(id.to_string().parse(), Ok(id));
    }
});
