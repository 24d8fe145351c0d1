//! A command line, with a zero byte after each word: options and operands end, and are among the
//! words. The C library prints errors on standard error: `-close_fd_mask=2` closes it.
#![cfg_attr(fuzzing, no_main)]

use nsx_fuzz::fuzz_target;
use nsx_getopt::{LongOption, Options, Value};
use std::ffi::CStr;

const LONG: &[LongOption] = &[
    LongOption(c"map-user", Value::Required, 1),
    LongOption(c"map-users", Value::Required, 2),
    LongOption(c"mount", Value::Optional, 3),
    LongOption(c"mount-proc", Value::Optional, 4),
    LongOption(c"fork", Value::None, 5),
];

fuzz_target!(|text: &[u8]| {
    let words: Vec<&CStr> = text
        .split_inclusive(|byte| *byte == 0)
        .filter_map(|word| CStr::from_bytes_with_nul(word).ok())
        .collect();
    for short in [c"+fhm::S:", c"fhm::S:"] {
        let mut options = Options::new(&words, short, LONG);
        // Each option takes one byte at least.
        assert!(options.by_ref().count() <= text.len());
        let operands = options.operands();
        assert!(operands.len() < words.len().max(1));
        assert!(
            operands
                .iter()
                .all(|operand| words.iter().any(|word| std::ptr::eq(*word, *operand)))
        );
    }
});
