//! Hostile bytes in each form of output.
#![cfg_attr(fuzzing, no_main)]

use nsx::{formats, text::escape};
use nsx_fuzz::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let bidirectional = [
        '\u{202a}'..='\u{202e}',
        '\u{2066}'..='\u{2069}',
        '\u{200e}'..='\u{200f}',
    ];
    let acts = |character: char| {
        character.is_control() || bidirectional.iter().any(|range| range.contains(&character))
    };
    assert!(!escape(bytes).contains(acts));
    assert!(
        formats::raw(bytes)
            .bytes()
            .all(|byte| byte.is_ascii_graphic())
    );
    let read: String = serde_json::from_str(&formats::quoted(bytes)).unwrap();
    assert_eq!(read, String::from_utf8_lossy(bytes));
});
