//! /etc/passwd, which inside a container is whoever's: no user has a separator in a name.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nsx_core::accounts::users;

fuzz_target!(|text: &[u8]| {
    for user in users(text) {
        for field in [user.name, user.home, user.shell] {
            assert!(!field.contains(&b':') && !field.contains(&b'\n'));
        }
    }
});
