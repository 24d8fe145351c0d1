//! A census that `--from` reads: a census that nsx accepts can be shown on a terminal, as a graph
//! and as JSON.
#![cfg_attr(fuzzing, no_main)]

use nsx::formats::census;
use nsx_fuzz::fuzz_target;

fuzz_target!(|text: &[u8]| {
    let Some((shown, documents)) = census(text) else {
        return;
    };
    for text in shown {
        assert!(
            !text.contains(|character: char| character.is_control() && character != '\n'),
            "{text:?}"
        );
    }
    for document in documents {
        serde_json::from_str::<serde_json::Value>(&document).unwrap();
    }
});
