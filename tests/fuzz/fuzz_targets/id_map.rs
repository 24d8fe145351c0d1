//! `/proc/PID/uid_map`: any text gives a map whose ids lead out and back, or an error.
#![cfg_attr(fuzzing, no_main)]

use nsx_core::idmap::IdMap;
use nsx_fuzz::fuzz_target;

fuzz_target!(|text: &[u8]| {
    if let Ok(map) = IdMap::parse(text) {
        for extent in map.extents() {
            assert!(extent.count() > 0);
            assert!(map.to_outside(extent.inside()).is_some());
        }
        assert_eq!(IdMap::parse(map.to_string().as_bytes()).as_ref(), Ok(&map));
    }
});
