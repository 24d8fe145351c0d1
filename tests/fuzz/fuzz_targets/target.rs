//! A target as people type it: a target that is read prints as text with the same meaning.
#![cfg_attr(fuzzing, no_main)]

use nsx_fuzz::fuzz_target;
use nsx_target::Target;

fuzz_target!(|word: &[u8]| {
    let _ = Target::parse_namespace(word);
    if let Ok(target) = Target::parse(word)
        && std::str::from_utf8(word).is_ok()
    {
        assert_eq!(Target::parse(target.to_string().as_bytes()), Ok(target));
    }
});
