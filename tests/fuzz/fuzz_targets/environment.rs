//! `/proc/PID/environ`: variables that have a name, each name once.
#![cfg_attr(fuzzing, no_main)]

use nsx::formats::environment;
use nsx_fuzz::fuzz_target;
use std::collections::BTreeSet;

fuzz_target!(|text: &[u8]| {
    let mut names = BTreeSet::new();
    for variable in environment(text) {
        let name = variable
            .to_bytes()
            .split(|byte| *byte == b'=')
            .next()
            .unwrap();
        assert!(!name.is_empty() && name.len() < variable.count_bytes());
        assert!(names.insert(name.to_vec()));
    }
});
