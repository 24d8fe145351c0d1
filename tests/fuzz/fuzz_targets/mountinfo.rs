//! `/proc/PID/mountinfo`: each line of any text is a mount or an error.
#![cfg_attr(fuzzing, no_main)]

use nsx_core::proc::Mount;
use nsx_fuzz::fuzz_target;

fuzz_target!(|text: &[u8]| {
    if let Ok(mounts) = Mount::parse_all(text) {
        for mount in mounts {
            // The kernel's escapes only make a path longer.
            assert!(mount.point.len() + mount.root.len() <= text.len());
            assert!(mount.namespace().is_none() || !mount.root.starts_with(b"/"));
        }
    }
});
