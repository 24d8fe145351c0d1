//! `/proc/PID/uid_map`: whatever the text is, the answer is a map whose ids lead out and back, or the reason for none.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nsx_core::idmap::IdMap;

fuzz_target!(|text: &[u8]| {
    if let Ok(map) = IdMap::parse(text) {
        for extent in map.extents() {
            assert!(extent.count() > 0);
            assert!(map.to_outside(extent.inside()).is_some());
        }
        assert_eq!(IdMap::parse(map.to_string().as_bytes()).as_ref(), Ok(&map));
    }
});
