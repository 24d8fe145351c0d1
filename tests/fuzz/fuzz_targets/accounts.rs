//! /etc/passwd, which anyone may write inside a container: no user has a separator in a name.
#![cfg_attr(fuzzing, no_main)]

use nsx_core::accounts::users;
use nsx_fuzz::fuzz_target;

fuzz_target!(|text: &[u8]| {
    for user in users(text) {
        for field in [user.name, user.home, user.shell] {
            assert!(!field.contains(&b':') && !field.contains(&b'\n'));
        }
    }
});
